//! Content blocks, as they stand in turns, in `system`, in tool results and in whole answers.
//!
//! A block is read in one pass into [`Block`], the members of every kind known here laid flat. Only when that fails
//! is it read again slowly, to tell which member is wrong; or to find that its kind is not known here at all, which
//! is no error.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{
    Deserialize, Deserializer,
    de::{self, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use sluice_types::{
    chat::{Media, Part},
    error::Failure,
    json::{Members, Raw, Str},
};

use crate::format::{anthropic_messages::citation, json::Path, openai_chat::Many};

/// A string, or a list of blocks each as it was written.
#[derive(Debug)]
pub(super) enum Content<'a> {
    Text(Str<'a>),
    Blocks(Vec<&'a RawValue>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrBlocks;

        impl<'de> Visitor<'de> for TextOrBlocks {
            type Value = Content<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of content blocks")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Content::Text(Str::from(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Content::Text(Str::from(text.to_owned())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut blocks = Vec::new();
                while let Some(block) = list.next_element()? {
                    blocks.push(block);
                }
                Ok(Content::Blocks(blocks))
            }
        }

        deserializer.deserialize_any(TextOrBlocks)
    }
}

impl<'a> Content<'a> {
    /// The parts it holds; a string is one text.
    pub(super) fn parts(self, path: &Path<'_>) -> Result<Vec<Part<'a>>, Failure> {
        match self {
            Content::Text(text) => Ok(vec![Part::text(text)]),
            Content::Blocks(blocks) => read_blocks(&blocks, path, Place::Turn),
        }
    }
}

/// Where a block stands: tool results hold no tool calls or results.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Turn,
    ToolResult,
}

/// Reads blocks, in a turn or in an answer.
pub(in super::super) fn read_parts<'a>(
    blocks: &[&'a RawValue],
    path: &Path<'_>,
) -> Result<Vec<Part<'a>>, Failure> {
    read_blocks(blocks, path, Place::Turn)
}

fn read_blocks<'a>(blocks: &[&'a RawValue], path: &Path<'_>, place: Place) -> Result<Vec<Part<'a>>, Failure> {
    blocks.iter().enumerate().map(|(i, raw)| read_block(raw, &path.item(i), place)).collect()
}

fn read_block<'a>(raw: &'a RawValue, path: &Path<'_>, place: Place) -> Result<Part<'a>, Failure> {
    match serde_json::from_str::<Block<'a>>(raw.get()) {
        Ok(block) => block.part(raw, path, place),
        Err(_) => diagnose(raw, path),
    }
}

/// The members of every kind of block known here.
#[derive(Deserialize)]
struct Block<'a> {
    #[serde(rename = "type", borrow)]
    kind: Str<'a>,
    #[serde(borrow)]
    text: Option<Str<'a>>,
    #[serde(borrow)]
    source: Option<Source<'a>>,
    #[serde(borrow)]
    title: Option<Str<'a>>,
    #[serde(borrow)]
    id: Option<Str<'a>>,
    #[serde(borrow)]
    name: Option<Str<'a>>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_use_id: Option<Str<'a>>,
    #[serde(borrow)]
    content: Option<Content<'a>>,
    is_error: Option<bool>,
    #[serde(borrow)]
    thinking: Option<Str<'a>>,
    #[serde(borrow)]
    signature: Option<Str<'a>>,
    #[serde(borrow)]
    data: Option<Str<'a>>,
    #[serde(borrow)]
    cache_control: Option<Raw<'a>>,
    /// What a text rests on; of a document, whether it is to be cited.
    #[serde(borrow)]
    citations: Option<&'a RawValue>,
}

/// Where a picture or document is.
#[derive(Deserialize)]
struct Source<'a> {
    #[serde(rename = "type", borrow)]
    kind: Str<'a>,
    #[serde(borrow)]
    media_type: Option<Str<'a>>,
    #[serde(borrow)]
    data: Option<Str<'a>>,
    #[serde(borrow)]
    url: Option<Str<'a>>,
    #[serde(borrow)]
    file_id: Option<Str<'a>>,
}

/// The kinds read into parts of their own, and the string members each may have.
const KNOWN: [&str; 7] =
    ["text", "image", "document", "tool_use", "tool_result", "thinking", "redacted_thinking"];

impl<'a> Block<'a> {
    fn part(self, raw: &'a RawValue, path: &Path<'_>, place: Place) -> Result<Part<'a>, Failure> {
        let cache = self.cache_control;
        match (&*self.kind, place) {
            ("text", _) => {
                let list = self.citations.and_then(|raw| serde_json::from_str::<Many<_>>(raw.get()).ok());
                let citations = list.unwrap_or_default().0.into_iter().map(citation::read).collect();
                Ok(Part::Text { text: required(self.text, path, "text")?, cache, citations })
            }
            ("image", _) => match required(self.source, path, "source")?.media(path)? {
                Some(source) => Ok(Part::Image { source, detail: None, cache }),
                None => Ok(other(self.kind, raw)),
            },
            ("document", _) => match required(self.source, path, "source")?.media(path)? {
                Some(source) => Ok(Part::Document { source, name: self.title, cache }),
                None => Ok(other(self.kind, raw)),
            },
            ("tool_use", Place::Turn) => Ok(Part::ToolCall {
                id: required(self.id, path, "id")?,
                name: required(self.name, path, "name")?,
                arguments: Str::from(self.input.map_or("{}", RawValue::get)),
                extra: unknown(raw),
                cache,
            }),
            ("tool_result", Place::Turn) => {
                let parts = match self.content {
                    None => Vec::new(),
                    Some(Content::Text(text)) => vec![Part::text(text)],
                    Some(Content::Blocks(blocks)) => {
                        read_blocks(&blocks, &path.member("content"), Place::ToolResult)?
                    }
                };
                Ok(Part::ToolResult {
                    call_id: required(self.tool_use_id, path, "tool_use_id")?,
                    parts,
                    is_error: self.is_error.unwrap_or(false),
                    cache,
                })
            }
            ("thinking", Place::Turn) => Ok(Part::Reasoning {
                text: required(self.thinking, path, "thinking")?,
                // An empty signature is how a thought without a seal is told in this format.
                signature: self.signature.filter(|signature| !signature.is_empty()),
            }),
            ("redacted_thinking", Place::Turn) => {
                Ok(Part::RedactedReasoning { data: required(self.data, path, "data")? })
            }
            _ => Ok(other(self.kind, raw)),
        }
    }
}

impl<'a> Source<'a> {
    /// The bytes' place; `None` for a kind that is not known here.
    fn media(self, path: &Path<'_>) -> Result<Option<Media<'a>>, Failure> {
        let path = &path.member("source");
        Ok(Some(match &*self.kind {
            "base64" => Media::Base64 {
                media_type: required(self.media_type, path, "media_type")?,
                data: required(self.data, path, "data")?,
            },
            "url" => Media::Url(required(self.url, path, "url")?),
            "file" => Media::File { id: required(self.file_id, path, "file_id")? },
            // A document of plain text. In base64 it is a document like others, to formats without such a source too.
            "text" => {
                let data = required(self.data, path, "data")?;
                Media::Base64 {
                    media_type: self.media_type.unwrap_or_else(|| Str::from("text/plain")),
                    data: Str::from(STANDARD.encode(data.as_bytes())),
                }
            }
            _ => return Ok(None),
        }))
    }
}

/// The members of a `tool_use` block that are not known here.
fn unknown(raw: &RawValue) -> Members<'_> {
    let mut members: Members<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
    members.0.retain(|(name, _)| !matches!(&**name, "type" | "id" | "name" | "input" | "cache_control"));
    members
}

fn other<'a>(kind: Str<'a>, raw: &'a RawValue) -> Part<'a> {
    Part::Other { kind, raw: Raw::from(raw) }
}

fn required<T>(value: Option<T>, path: &Path<'_>, name: &str) -> Result<T, Failure> {
    value.ok_or_else(|| path.member(name).invalid("is required"))
}

/// Says what is wrong with a block that could not be read, or that its kind is none of ours.
fn diagnose<'a>(raw: &'a RawValue, path: &Path<'_>) -> Result<Part<'a>, Failure> {
    let Ok(members) = serde_json::from_str::<Members<'a>>(raw.get()) else {
        return Err(path.invalid("must be an object"));
    };
    let Some(kind) = members.value("type") else {
        return Err(path.member("type").invalid("is required"));
    };
    let Ok(kind) = kind.read::<Str<'_>>().map(Str::into_owned) else {
        return Err(path.member("type").invalid("must be a string"));
    };
    if !KNOWN.contains(&&*kind) {
        return Ok(other(kind, raw));
    }
    for (name, value) in &members.0 {
        let path = path.member(name);
        let (fits, expected) = match &**name {
            "text" | "title" | "id" | "name" | "tool_use_id" | "thinking" | "signature" | "data" => {
                (fits::<Option<Str<'_>>>(value), "must be a string")
            }
            "content" => (fits::<Option<Content<'_>>>(value), "must be a string or a list of content blocks"),
            "is_error" => (fits::<Option<bool>>(value), "must be true or false"),
            "source" if fits::<Option<Members<'_>>>(value) => return Err(diagnose_source(value, &path)),
            "source" => (false, "must be an object"),
            _ => (true, ""),
        };
        if !fits {
            return Err(path.invalid(expected));
        }
    }
    Err(path.invalid("has a member that is given twice"))
}

fn diagnose_source(source: &Raw<'_>, path: &Path<'_>) -> Failure {
    let members: Members<'_> = source.read().unwrap_or_default();
    let wrong = ["type", "media_type", "data", "url", "file_id"].into_iter().find(|name| {
        let value = members.value(name);
        match *name {
            "type" => !value.is_some_and(fits::<Str<'_>>),
            _ => !value.is_none_or(fits::<Option<Str<'_>>>),
        }
    });
    match wrong {
        Some(name) => path.member(name).invalid("must be a string"),
        None => path.invalid("has a member that is given twice"),
    }
}

fn fits<'s, T: Deserialize<'s>>(value: &'s Raw<'_>) -> bool {
    value.read::<T>().is_ok()
}
