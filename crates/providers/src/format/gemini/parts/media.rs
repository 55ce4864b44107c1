//! Pictures, documents and sound, and what they are by their media types.

use sluice_types::{
    chat::{Media, Part},
    error::Failure,
    json::Str,
};

use super::super::{names, seal};
use crate::format::json::Object;

/// What a media type is here.
enum Kind {
    Image,
    Document,
    Audio,
    Other,
}

fn kind(media_type: &str) -> Kind {
    match media_type.split('/').next() {
        Some("image") => Kind::Image,
        Some("audio") => Kind::Audio,
        Some("text" | "application") => Kind::Document,
        _ => Kind::Other,
    }
}

/// Reads `inlineData`; `None` if it is of a kind that means nothing here, such as video.
pub(super) fn read_inline<'a>(data: &Object<'a, '_>) -> Result<Option<Part<'a>>, Failure> {
    let media_type = names::require(data, "mimeType")?.string()?;
    let name = names::string(data, "displayName")?;
    let data = standard(names::require(data, "data")?.string()?);
    Ok(match kind(&media_type) {
        Kind::Image => {
            Some(Part::Image { source: Media::Base64 { media_type, data }, detail: None, cache: None })
        }
        Kind::Document => {
            Some(Part::Document { source: Media::Base64 { media_type, data }, name, cache: None })
        }
        Kind::Audio => Some(Part::Audio { data, format: sound(&media_type).to_owned().into() }),
        Kind::Other => None,
    })
}

/// Reads `fileData`; `None` if it is of a kind that means nothing here.
pub(super) fn read_file<'a>(data: &Object<'a, '_>) -> Result<Option<Part<'a>>, Failure> {
    let uri = names::require(data, "fileUri")?.string()?;
    let name = names::string(data, "displayName")?;
    let told = names::string(data, "mimeType")?;
    let media_type = told.as_deref().or_else(|| guess(&uri)).unwrap_or_default();
    Ok(match kind(media_type) {
        Kind::Image => Some(Part::Image { source: super::place(uri), detail: None, cache: None }),
        Kind::Document => Some(Part::Document { source: super::place(uri), name, cache: None }),
        Kind::Audio | Kind::Other => None,
    })
}

fn standard(data: Str<'_>) -> Str<'_> {
    match seal::standard(&data) {
        std::borrow::Cow::Borrowed(_) => data,
        std::borrow::Cow::Owned(data) => data.into(),
    }
}

/// The format of a sound, as OpenAI names it.
fn sound(media_type: &str) -> &str {
    match media_type {
        "audio/wav" | "audio/x-wav" | "audio/wave" => "wav",
        "audio/mpeg" | "audio/mp3" => "mp3",
        other => other.strip_prefix("audio/").unwrap_or(other),
    }
}

/// The media type of what is at `uri`, by how it ends.
pub(super) fn guess(uri: &str) -> Option<&'static str> {
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    let (_, extension) = path.rsplit_once('.')?;
    Some(match extension.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "heic" => "image/heic",
        "heif" => "image/heif",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        "html" | "htm" => "text/html",
        "csv" => "text/csv",
        "md" => "text/markdown",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_tell_what_is_there() {
        assert_eq!(guess("https://e.test/a.b/cat.JPG?x=1.png"), Some("image/jpeg"));
        assert_eq!(guess("https://e.test/cat"), None);
    }
}
