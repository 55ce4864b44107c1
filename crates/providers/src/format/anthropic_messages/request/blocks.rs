//! Content blocks as a provider is sent them.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use sluice_types::{
    chat::{Media, Part},
    error::Failure,
    json::{Members, Raw},
};

use super::{dropped::Dropped, turns::keep};
use crate::format::json::{self, ObjectWriter, list, write};

/// Writes blocks as the value of `content` or `system`: a string if they are one plain text.
pub(super) fn write_content<'p>(
    out: &mut Vec<u8>,
    parts: impl Iterator<Item = &'p Part<'p>> + Clone,
    same_format: bool,
    dropped: &mut Dropped,
) -> Result<(), Failure> {
    let mut rest = parts.clone();
    if let (Some(Part::Text { text, cache: None, citations }), None) = (rest.next(), rest.next())
        && (citations.is_empty() || !same_format)
    {
        write(out, text);
        return Ok(());
    }
    let mut failure = None;
    list(out, parts, |out, part| {
        if let Err(error) = write_block(out, part, same_format, dropped) {
            failure = Some(error);
        }
    });
    failure.map_or(Ok(()), Err)
}

fn write_block(
    out: &mut Vec<u8>,
    part: &Part<'_>,
    same_format: bool,
    dropped: &mut Dropped,
) -> Result<(), Failure> {
    if let Part::Other { raw, .. } = part {
        out.extend_from_slice(raw.text().as_bytes());
        return Ok(());
    }
    let mut block = ObjectWriter::open(out);
    match part {
        Part::Text { text, cache, citations } => {
            block.set("type", "text");
            block.set("text", text);
            if same_format && !citations.is_empty() {
                let told = citations.iter().filter_map(|citation| citation.raw.as_ref());
                list(block.member("citations"), told, |out, raw| {
                    out.extend_from_slice(raw.text().as_bytes());
                });
            }
            write_cache(&mut block, cache.as_ref());
        }
        Part::Refusal { text } => {
            block.set("type", "text");
            block.set("text", text);
        }
        Part::Image { source, cache, .. } => {
            block.set("type", "image");
            write_source(block.member("source"), source, false);
            write_cache(&mut block, cache.as_ref());
        }
        Part::Document { source, name, cache } => {
            block.set("type", "document");
            write_source(block.member("source"), source, true);
            block.set_some("title", name.as_ref());
            write_cache(&mut block, cache.as_ref());
        }
        Part::ToolCall { id, name, arguments, extra, cache } => {
            block.set("type", "tool_use");
            block.set("id", &tool_id(id));
            block.set("name", name);
            block.raw("input", json::arguments(id, arguments)?);
            if same_format {
                write_members(&mut block, extra);
            }
            write_cache(&mut block, cache.as_ref());
        }
        Part::ToolResult { call_id, parts, is_error, cache } => {
            block.set("type", "tool_result");
            block.set("tool_use_id", &tool_id(call_id));
            let mut kept = Vec::with_capacity(parts.len());
            for part in parts {
                if keep(part, same_format, dropped)? {
                    kept.push(part);
                }
            }
            if !kept.is_empty() {
                write_content(block.member("content"), kept.into_iter(), same_format, dropped)?;
            }
            if *is_error {
                block.raw("is_error", "true");
            }
            write_cache(&mut block, cache.as_ref());
        }
        Part::Reasoning { text, signature } => {
            block.set("type", "thinking");
            block.set("thinking", text);
            block.set("signature", signature.as_deref().unwrap_or_default());
        }
        Part::RedactedReasoning { data } => {
            block.set("type", "redacted_thinking");
            block.set("data", data);
        }
        // Left out by `keep`, and written above.
        Part::Audio { .. } | Part::Other { .. } => {}
    }
    block.close();
    Ok(())
}

pub(super) fn write_cache(block: &mut ObjectWriter<'_>, cache: Option<&Raw<'_>>) {
    if let Some(cache) = cache {
        block.raw("cache_control", cache.text());
    }
}

pub(in crate::format) fn write_members(object: &mut ObjectWriter<'_>, members: &Members<'_>) {
    for (name, value) in &members.0 {
        object.raw(name, value.text());
    }
}

fn write_source(out: &mut Vec<u8>, source: &Media<'_>, document: bool) {
    let mut object = ObjectWriter::open(out);
    match source {
        Media::Url(url) => {
            object.set("type", "url");
            object.set("url", url);
        }
        Media::File { id } => {
            object.set("type", "file");
            object.set("file_id", id);
        }
        Media::Base64 { media_type, data } => match plain_text(media_type, data).filter(|_| document) {
            // Documents in base64 are PDFs only; plain text has a source of its own.
            Some(text) => {
                object.set("type", "text");
                object.set("media_type", "text/plain");
                object.set("data", &text);
            }
            None => {
                object.set("type", "base64");
                object.set("media_type", if *media_type == "image/jpg" { "image/jpeg" } else { media_type });
                object.set("data", data);
            }
        },
    }
    object.close();
}

fn plain_text(media_type: &str, data: &str) -> Option<String> {
    if !media_type.starts_with("text/") {
        return None;
    }
    String::from_utf8(STANDARD.decode(data).ok()?).ok()
}

/// An id this format accepts: letters, digits, `_` and `-`. Another provider's id that has more is rewritten, the same
/// wherever it stands; a digest of the whole id keeps two of them apart.
pub(in crate::format) fn tool_id(id: &str) -> Cow<'_, str> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !id.is_empty() && id.chars().all(fits) {
        return Cow::Borrowed(id);
    }
    // FNV-1a: short, and the same on every host.
    let digest = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |digest, byte| {
        (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut clean: String = id.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    clean.push_str(&format!("_{digest:016x}"));
    Cow::Owned(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_tool_ids_are_rewritten_and_kept_apart() {
        assert_eq!(tool_id("toolu_1-a"), "toolu_1-a");
        assert!(tool_id("functions.lookup:0").starts_with("functions_lookup_0_"));
        assert_ne!(tool_id("a.b"), tool_id("a:b"));
        assert!(!tool_id("").is_empty());
    }

    #[test]
    fn a_text_document_is_sent_as_text() {
        let mut out = Vec::new();
        let source = Media::Base64 { media_type: "text/plain".into(), data: "aGk=".into() };
        write_source(&mut out, &source, true);
        assert_eq!(out, br#"{"type":"text","media_type":"text/plain","data":"hi"}"#);
    }
}
