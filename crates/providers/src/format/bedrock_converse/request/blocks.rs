//! Content blocks as Bedrock is sent them.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use sluice_types::{
    chat::{Media, Part},
    error::Failure,
    json::{Raw, Str},
    seal::Maker,
};

use super::{document, model::Kin};
use crate::format::{
    anthropic_messages::shared,
    dropped::{Dropped, kind},
    json::{self, ObjectWriter},
};

/// Whether a part can be said; what is left out unsaid (empty text, thoughts nobody takes back) means nothing to the
/// provider, the rest is named.
pub(super) fn keep(part: &Part<'_>, kin: Kin, dropped: &mut Dropped) -> Result<bool, Failure> {
    let said = match part {
        Part::Text { text, .. } | Part::Refusal { text } => return Ok(!text.trim().is_empty()),
        Part::Reasoning { signature, .. } => {
            let seal = signature.as_deref().and_then(|seal| Maker::Anthropic.bare(seal));
            return Ok(kin.takes_seals() && seal.is_some_and(|seal| !seal.is_empty()));
        }
        Part::RedactedReasoning { data } => {
            let seal = Maker::Anthropic.bare(data);
            return Ok(kin.takes_seals() && seal.is_some_and(is_base64));
        }
        Part::Image { source, .. } => bytes(source).is_some_and(|bytes| bytes.image_format().is_some()),
        Part::Document { source, name, .. } => {
            bytes(source).is_some_and(|bytes| document::format(bytes.media_type, name.as_deref()).is_some())
        }
        Part::Audio { format, .. } => AUDIO.contains(&&**format),
        Part::ToolCall { .. } | Part::ToolResult { .. } => true,
        Part::Other { .. } => false,
    };
    dropped.add_if(!said, kind(part))?;
    Ok(said)
}

fn is_base64(text: &str) -> bool {
    !text.is_empty() && STANDARD.decode(text).is_ok()
}

/// The formats of sound that are taken.
const AUDIO: [&str; 9] = ["wav", "mp3", "opus", "aac", "flac", "mp4", "ogg", "m4a", "webm"];

/// A picture's or document's bytes.
struct Bytes<'m> {
    media_type: &'m str,
    /// In base64.
    data: &'m str,
}

/// The bytes of `source` where the request has them, be it in a `data:` URL.
fn bytes<'m>(source: &'m Media<'_>) -> Option<Bytes<'m>> {
    let (media_type, data) = match source {
        Media::Base64 { media_type, data } => (&**media_type, &**data),
        Media::Url(url) => {
            let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
            (head.strip_suffix(";base64")?, data)
        }
        // An upload's id is known to the provider that gave it alone.
        Media::File { .. } => return None,
    };
    (!data.is_empty()).then_some(Bytes { media_type, data })
}

impl Bytes<'_> {
    fn image_format(&self) -> Option<&'static str> {
        let kind = self.media_type.split(';').next().unwrap_or_default();
        Some(match kind {
            "image/png" => "png",
            "image/jpeg" | "image/jpg" => "jpeg",
            "image/gif" => "gif",
            "image/webp" => "webp",
            _ => return None,
        })
    }
}

/// A list of blocks that is being written.
struct List<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

impl<'o> List<'o> {
    fn open(out: &'o mut Vec<u8>) -> Self {
        out.push(b'[');
        Self { out, empty: true }
    }

    /// Where the next block goes.
    fn item(&mut self) -> &mut Vec<u8> {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        self.out
    }

    fn close(self) {
        self.out.push(b']');
    }
}

/// Writes the blocks of one request.
#[derive(Debug)]
pub(super) struct Blocks {
    kin: Kin,
    names: document::Names,
}

impl Blocks {
    pub(super) fn new(kin: Kin) -> Self {
        Self { kin, names: document::Names::default() }
    }

    /// Writes `parts` as the value of `content` or `system`.
    ///
    /// # Errors
    ///
    /// As [`Dropped::add`], and `InvalidRequest` if a tool call's arguments are not a JSON object.
    pub(super) fn write<'p>(
        &mut self,
        out: &mut Vec<u8>,
        parts: impl Iterator<Item = &'p Part<'p>>,
        dropped: &mut Dropped,
    ) -> Result<(), Failure> {
        let mut list = List::open(out);
        let (mut text, mut document) = (false, None);
        for part in parts {
            text |= matches!(part, Part::Text { .. } | Part::Refusal { .. });
            let named = self.block(list.item(), part, dropped)?;
            document = document.or(named);
            if let Some(cache) = cache_of(part).filter(|_| self.kin.caches()) {
                write_cache_point(list.item(), cache);
            }
        }
        // A turn with a document must have a text, too: the document's name says nothing new.
        if let Some(name) = document.filter(|_| !text) {
            let mut block = ObjectWriter::open(list.item());
            block.set("text", &name);
            block.close();
        }
        list.close();
        Ok(())
    }

    /// Writes one block; gives the name of a document.
    fn block(
        &mut self,
        out: &mut Vec<u8>,
        part: &Part<'_>,
        dropped: &mut Dropped,
    ) -> Result<Option<String>, Failure> {
        let mut block = ObjectWriter::open(out);
        let mut named = None;
        match part {
            Part::Text { text, .. } | Part::Refusal { text } => block.set("text", text),
            Part::Image { source, .. } => {
                if let Some(bytes) = bytes(source) {
                    write_media(block.member("image"), bytes.image_format(), None, bytes.data);
                }
            }
            Part::Document { source, name, .. } => {
                if let Some(bytes) = bytes(source) {
                    let format = document::format(bytes.media_type, name.as_deref());
                    let name = self.names.name(name.as_deref());
                    write_media(block.member("document"), format, Some(&name), bytes.data);
                    named = Some(name);
                }
            }
            Part::Audio { data, format } => write_media(block.member("audio"), Some(format), None, data),
            Part::ToolCall { id, name, arguments, .. } => {
                let mut call = ObjectWriter::open(block.member("toolUse"));
                call.set("toolUseId", &tool_id(id));
                call.set("name", name);
                call.raw("input", json::arguments(id, arguments)?);
                call.close();
            }
            Part::ToolResult { call_id, parts, is_error, .. } => {
                let mut result = ObjectWriter::open(block.member("toolResult"));
                result.set("toolUseId", &tool_id(call_id));
                self.result(result.member("content"), parts, dropped)?;
                if *is_error && self.kin.takes_status() {
                    result.set("status", "error");
                }
                result.close();
            }
            Part::Reasoning { text, signature } => {
                let mut reasoning = ObjectWriter::open(block.member("reasoningContent"));
                let mut inner = ObjectWriter::open(reasoning.member("reasoningText"));
                inner.set("text", text);
                inner.set_some("signature", signature.as_ref());
                inner.close();
                reasoning.close();
            }
            Part::RedactedReasoning { data } => {
                let mut reasoning = ObjectWriter::open(block.member("reasoningContent"));
                reasoning.set("redactedContent", data);
                reasoning.close();
            }
            // Left out by `keep`.
            Part::Other { .. } => {}
        }
        block.close();
        Ok(named)
    }

    /// Writes what a tool answered.
    fn result(
        &mut self,
        out: &mut Vec<u8>,
        parts: &[Part<'_>],
        dropped: &mut Dropped,
    ) -> Result<(), Failure> {
        let mut list = List::open(out);
        for part in parts {
            let fits = matches!(
                part,
                Part::Text { .. } | Part::Refusal { .. } | Part::Image { .. } | Part::Document { .. }
            );
            if !fits {
                dropped.add(kind(part))?;
            } else if keep(part, self.kin, dropped)? {
                self.block(list.item(), part, dropped)?;
            }
        }
        list.close();
        Ok(())
    }
}

/// What a caller of Messages says about keeping what stands up to here. Inside a tool's result there is no room for it: what
/// is said there counts for the whole result.
fn cache_of<'p>(part: &'p Part<'_>) -> Option<&'p Raw<'p>> {
    match part {
        Part::Text { cache, .. }
        | Part::Image { cache, .. }
        | Part::Document { cache, .. }
        | Part::ToolCall { cache, .. } => cache.as_ref(),
        Part::ToolResult { cache, parts, .. } => {
            cache.as_ref().or_else(|| parts.iter().rev().find_map(cache_of))
        }
        Part::Audio { .. }
        | Part::Reasoning { .. }
        | Part::RedactedReasoning { .. }
        | Part::Refusal { .. }
        | Part::Other { .. } => None,
    }
    .filter(|cache| !cache.is_null())
}

/// Writes the block that says to keep what stands before it.
pub(super) fn write_cache_point(out: &mut Vec<u8>, cache: &Raw<'_>) {
    #[derive(Deserialize)]
    struct CacheControl<'a> {
        #[serde(borrow)]
        ttl: Option<Str<'a>>,
    }

    let ttl = cache.read::<CacheControl<'_>>().ok().and_then(|control| control.ttl);
    let mut block = ObjectWriter::open(out);
    let mut point = ObjectWriter::open(block.member("cachePoint"));
    point.set("type", "default");
    point.set_some("ttl", ttl.filter(|ttl| matches!(&**ttl, "5m" | "1h")).as_ref());
    point.close();
    block.close();
}

fn write_media(out: &mut Vec<u8>, format: Option<&str>, name: Option<&str>, data: &str) {
    let mut media = ObjectWriter::open(out);
    media.set_some("format", format.as_ref());
    media.set_some("name", name.as_ref());
    let mut source = ObjectWriter::open(media.member("source"));
    source.set("bytes", data);
    source.close();
    media.close();
}

/// The longest id accepted.
const MAX_ID: usize = 64;

/// An id that is accepted here and by Claude behind it. One that is too long is cut, and told apart by its digest.
fn tool_id(id: &str) -> Cow<'_, str> {
    if id.len() <= MAX_ID {
        let clean = shared::tool_id(id);
        if clean.len() <= MAX_ID {
            return clean;
        }
    }
    // What is cut off may be all that tells two ids apart: a sign that no id may hold makes the digest appear.
    let marked = shared::tool_id(&format!("{id}.")).into_owned();
    let digest = marked.get(marked.len().saturating_sub(17)..).unwrap_or_default();
    let head = marked.get(..MAX_ID - digest.len()).unwrap_or_default();
    Cow::Owned(format!("{head}{digest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_short_and_kept_apart() {
        assert_eq!(tool_id("toolu_1-a"), "toolu_1-a");
        let long = "x".repeat(70);
        let ids = [format!("{long}1"), format!("{long}2"), format!("{}:", "y".repeat(60)), long];
        let short: Vec<_> = ids.iter().map(|id| tool_id(id).into_owned()).collect();
        for (at, id) in short.iter().enumerate() {
            assert!(id.len() <= MAX_ID && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "{id}");
            assert!(!short[..at].contains(id), "{id}");
        }
    }

    #[test]
    fn bytes_are_found_in_a_data_url() {
        let source = Media::Url("data:image/jpg;base64,AAAA".into());
        let found = bytes(&source).unwrap();
        assert_eq!((found.image_format(), found.data), (Some("jpeg"), "AAAA"));
        for url in ["https://e.test/a.png", "data:image/png,raw", "data:image/png;base64,", "data:"] {
            assert!(bytes(&Media::Url(url.into())).is_none(), "{url}");
        }
    }

    #[test]
    fn a_cache_mark_keeps_its_time() {
        for (control, point) in [
            (r#"{"type":"ephemeral"}"#, r#"{"cachePoint":{"type":"default"}}"#),
            (r#"{"type":"ephemeral","ttl":"1h"}"#, r#"{"cachePoint":{"type":"default","ttl":"1h"}}"#),
            (r#"{"type":"ephemeral","ttl":"2d"}"#, r#"{"cachePoint":{"type":"default"}}"#),
            ("5", r#"{"cachePoint":{"type":"default"}}"#),
        ] {
            let mut out = Vec::new();
            write_cache_point(&mut out, &Raw::parse(control).unwrap());
            assert_eq!(String::from_utf8(out).unwrap(), point);
        }
    }
}
