//! The shapes that providers send, read without complaint: what is of an unexpected type counts as absent.

pub(super) mod google;
mod lenient;

use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_types::{
    chat::Part,
    json::{Raw, Str},
};

pub(super) use self::lenient::Content;
pub(in crate::format) use self::lenient::{Few, Many, Number, Object, Text};
use crate::format::json::{self, ObjectWriter};

/// A frame of a stream.
#[derive(Deserialize)]
pub(super) struct Chunk<'a> {
    #[serde(borrow, default)]
    pub(super) id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) object: Text<'a>,
    #[serde(borrow, default)]
    pub(super) model: Text<'a>,
    #[serde(default)]
    pub(super) created: Number,
    #[serde(borrow, default)]
    pub(super) choices: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) x_groq: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
    /// Perplexity, xAI: addresses of what the answer rests on.
    #[serde(borrow, default)]
    pub(super) citations: Option<&'a RawValue>,
    /// Perplexity: the same with titles.
    #[serde(borrow, default)]
    pub(super) search_results: Option<&'a RawValue>,
}

/// What of a frame stands behind its choices.
#[derive(Default, Deserialize)]
pub(super) struct ChunkTail<'a> {
    #[serde(borrow, default)]
    pub(super) usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) x_groq: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) citations: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) search_results: Option<&'a RawValue>,
}

/// One answer's part of a frame.
#[derive(Deserialize)]
pub(super) struct ChunkChoice<'a> {
    #[serde(default)]
    pub(super) index: Number,
    #[serde(borrow, default)]
    pub(super) delta: Option<Said<'a, Call<'a>>>,
    #[serde(borrow, default)]
    pub(super) finish_reason: Text<'a>,
    /// vLLM: the stop text that was met.
    #[serde(borrow, default)]
    pub(super) stop_reason: Text<'a>,
    /// SGLang: the same.
    #[serde(borrow, default)]
    pub(super) matched_stop: Text<'a>,
    /// Moonshot: the tokens counted, with the last piece.
    #[serde(borrow, default)]
    pub(super) usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
}

/// A whole answer.
#[derive(Deserialize)]
pub(super) struct Whole<'a> {
    #[serde(borrow, default)]
    pub(super) id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) object: Text<'a>,
    #[serde(borrow, default)]
    pub(super) model: Text<'a>,
    #[serde(default)]
    pub(super) created: Number,
    #[serde(borrow, default)]
    pub(super) choices: Option<Vec<WholeChoice<'a>>>,
    #[serde(borrow, default)]
    pub(super) usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) citations: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) search_results: Option<&'a RawValue>,
}

/// One of a whole answer's answers.
#[derive(Deserialize)]
pub(super) struct WholeChoice<'a> {
    #[serde(default)]
    pub(super) index: Number,
    #[serde(borrow, default)]
    pub(super) message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) finish_reason: Text<'a>,
    /// vLLM: the stop text that was met.
    #[serde(borrow, default)]
    pub(super) stop_reason: Text<'a>,
    /// SGLang: the same.
    #[serde(borrow, default)]
    pub(super) matched_stop: Text<'a>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
}

/// What was said: a message, or the next piece of one. `C` is a call.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a, C: Deserialize<'de>"))]
pub(super) struct Said<'a, C> {
    #[serde(default)]
    pub(super) content: Content<'a>,
    #[serde(default)]
    pub(super) reasoning_content: Text<'a>,
    #[serde(default)]
    pub(super) reasoning: Text<'a>,
    #[serde(default)]
    pub(super) thinking_blocks: Many<Thought<'a>>,
    #[serde(default)]
    pub(super) refusal: Text<'a>,
    #[serde(default)]
    pub(super) tool_calls: Many<C>,
    #[serde(default)]
    pub(super) function_call: Option<Box<Function<'a>>>,
    #[serde(default)]
    pub(super) annotations: Many<&'a RawValue>,
}

/// A call of a tool, or the next piece of one.
#[derive(Deserialize)]
pub(in crate::format) struct Call<'a> {
    #[serde(default)]
    pub(super) index: Number,
    #[serde(borrow, default)]
    pub(in crate::format) id: Text<'a>,
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::format) function: Option<Function<'a>>,
    #[serde(borrow, default)]
    pub(super) extra_content: Option<&'a RawValue>,
}

/// What is called.
#[derive(Deserialize)]
pub(in crate::format) struct Function<'a> {
    #[serde(borrow, default)]
    pub(in crate::format) name: Text<'a>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

impl<'a> Function<'a> {
    /// The arguments as JSON text, also where the provider sent them as an object.
    pub(in crate::format) fn arguments(&self) -> Option<Str<'a>> {
        let raw = self.arguments?.get();
        if raw.starts_with('"') { serde_json::from_str(raw).ok() } else { Some(raw.into()) }
    }
}

/// A thinking block, or a piece of one.
#[derive(Deserialize)]
pub(super) struct Thought<'a> {
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default)]
    pub(super) thinking: Text<'a>,
    #[serde(borrow, default)]
    pub(super) signature: Text<'a>,
    #[serde(borrow, default)]
    pub(super) data: Text<'a>,
}

/// A part of content given as a list.
#[derive(Deserialize)]
struct Piece<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    text: Text<'a>,
    #[serde(borrow, default)]
    refusal: Text<'a>,
    #[serde(borrow, default)]
    thinking: Option<&'a RawValue>,
    #[serde(borrow, default)]
    signature: Text<'a>,
}

/// Reads a part of content given as a list. Mistral's thoughts are lists of text themselves.
pub(super) fn content_part(raw: &RawValue) -> Part<'_> {
    let other = |kind: Option<Str<'_>>| Part::Other {
        kind: Str::from(kind.map(|kind| kind.to_string()).unwrap_or_default()),
        raw: Raw::from(raw),
    };
    let Ok(piece) = serde_json::from_str::<Piece<'_>>(raw.get()) else { return other(None) };
    match piece.kind.0.as_deref() {
        Some("text") => Part::text(piece.text.0.unwrap_or_default()),
        Some("refusal") => Part::Refusal { text: piece.refusal.0.unwrap_or_default() },
        Some("thinking") => {
            let thinking = piece.thinking.map_or("null", RawValue::get);
            let text = match serde_json::from_str::<Content<'_>>(thinking) {
                Ok(Content::Text(text)) => text,
                Ok(Content::Parts(parts)) => texts(&parts).into(),
                Ok(Content::Nothing) | Err(_) => Str::default(),
            };
            Part::Reasoning { text, signature: piece.signature.said() }
        }
        _ => other(piece.kind.0),
    }
}

fn texts(parts: &[&RawValue]) -> String {
    let text = |raw: &&RawValue| {
        serde_json::from_str::<Piece<'_>>(raw.get()).ok()?.text.0.map(|text| text.to_string())
    };
    parts.iter().filter_map(text).collect()
}

/// Whether any of `parts` is a thought to be told in a thinking block, so that it can be sent back to its maker.
pub(super) fn is_sealed(parts: &[Part<'_>]) -> bool {
    parts.iter().enumerate().any(|(at, part)| match part {
        Part::Reasoning { signature: Some(_), .. } => google::rides(parts, at).is_none(),
        Part::RedactedReasoning { .. } => true,
        _ => false,
    })
}

/// Writes the thoughts among `parts`, but seals that ride on calls.
pub(super) fn write_thinking_blocks(parts: &[Part<'_>], out: &mut Vec<u8>) {
    let thoughts = parts.iter().enumerate().filter(|(at, part)| match part {
        Part::Reasoning { .. } => google::rides(parts, *at).is_none(),
        part => matches!(part, Part::RedactedReasoning { .. }),
    });
    json::list(out, thoughts, |out, (_, part)| match part {
        Part::Reasoning { text, signature } => write_thought(None, text, signature.as_deref(), out),
        Part::RedactedReasoning { data } => write_redacted(None, data, out),
        _ => {}
    });
}

/// Writes one thinking block; `index` where it is a piece of a stream, by which SDKs put pieces together.
pub(super) fn write_thought(index: Option<u32>, text: &str, signature: Option<&str>, out: &mut Vec<u8>) {
    let mut object = ObjectWriter::open(out);
    object.set_some("index", index.as_ref());
    object.set("type", "thinking");
    object.set("thinking", text);
    object.set_some("signature", signature.as_ref());
    object.close();
}

/// Writes one sealed thinking block.
pub(super) fn write_redacted(index: Option<u32>, data: &str, out: &mut Vec<u8>) {
    let mut object = ObjectWriter::open(out);
    object.set_some("index", index.as_ref());
    object.set("type", "redacted_thinking");
    object.set("data", data);
    object.close();
}
