//! The content of messages and of tools' results, read.

use sluice_types::{
    chat::{Media, Part},
    error::Failure,
    json::Raw,
};

use crate::format::{
    json::{Object, Value},
    openai_chat::media,
};

/// Reads content: text, or a list of parts.
pub(super) fn read<'a>(content: &Value<'a, '_>) -> Result<Vec<Part<'a>>, Failure> {
    if content.is_string() {
        return Ok(vec![Part::text(content.string()?)]);
    }
    if content.is_object() {
        return Err(content.path.invalid("must be a string or a list of parts, not an object"));
    }
    let items = content.list()?.into_iter().enumerate();
    items.map(|(i, raw)| part(&Value { raw, path: content.path.item(i) })).collect()
}

fn part<'a>(value: &Value<'a, '_>) -> Result<Part<'a>, Failure> {
    let part = value.object()?;
    let kind = part.require("type")?.string()?;
    let read = match &*kind {
        "input_text" | "output_text" | "text" => Some(Part::text(part.require("text")?.string()?)),
        "refusal" => Some(Part::Refusal { text: part.require("refusal")?.string()? }),
        "input_image" => Some(image(&part)?),
        "input_file" => file(&part)?,
        "input_audio" => {
            let audio = part.require("input_audio")?;
            let audio = audio.object()?;
            let (data, format) = (audio.require("data")?.string()?, audio.require("format")?.string()?);
            Some(Part::Audio { data, format })
        }
        _ => None,
    };
    Ok(read.unwrap_or_else(|| Part::Other { kind, raw: Raw::from(value.raw) }))
}

fn image<'a>(part: &Object<'a, '_>) -> Result<Part<'a>, Failure> {
    let source = match (part.string("image_url")?, part.string("file_id")?) {
        (Some(url), _) => media(url),
        (None, Some(id)) => Media::File { id },
        (None, None) => return Err(part.path.invalid("must have image_url or file_id")),
    };
    Ok(Part::Image { source, detail: part.string("detail")?, cache: None })
}

/// A document; `None` if its bytes do not say what they are.
fn file<'a>(part: &Object<'a, '_>) -> Result<Option<Part<'a>>, Failure> {
    let source = match (part.string("file_id")?, part.string("file_url")?, part.string("file_data")?) {
        (Some(id), _, _) => Media::File { id },
        (None, Some(url), _) => Media::Url(url),
        (None, None, Some(data)) => match media(data) {
            bytes @ Media::Base64 { .. } => bytes,
            Media::Url(_) | Media::File { .. } => return Ok(None),
        },
        (None, None, None) => return Err(part.path.invalid("must have file_data, file_url or file_id")),
    };
    Ok(Some(Part::Document { source, name: part.string("filename")?, cache: None }))
}
