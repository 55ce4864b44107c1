//! The shapes that providers send, read without complaint: what is of an unexpected type counts as absent.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use sluice_types::{
    chat::Part,
    json::{Raw, Str},
};

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
}

/// A call of a tool, or the next piece of one.
#[derive(Deserialize)]
pub(super) struct Call<'a> {
    #[serde(default)]
    pub(super) index: Number,
    #[serde(borrow, default)]
    pub(super) id: Text<'a>,
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default)]
    pub(super) function: Option<Function<'a>>,
}

/// What is called.
#[derive(Deserialize)]
pub(super) struct Function<'a> {
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

impl<'a> Function<'a> {
    /// The arguments as JSON text, also where the provider sent them as an object.
    pub(super) fn arguments(&self) -> Option<Str<'a>> {
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
        Some("text") => Part::Text { text: piece.text.0.unwrap_or_default(), cache: None },
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

/// Writes the thoughts among `parts` that can be sent back to their maker.
pub(super) fn write_thinking_blocks(parts: &[Part<'_>], out: &mut Vec<u8>) {
    let thoughts =
        parts.iter().filter(|part| matches!(part, Part::Reasoning { .. } | Part::RedactedReasoning { .. }));
    json::list(out, thoughts, |out, part| match part {
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

/// Text, or nothing.
#[derive(Default)]
pub(in crate::format) struct Text<'a>(pub(in crate::format) Option<Str<'a>>);

impl<'a> Text<'a> {
    /// The text, unless there is none of it.
    pub(super) fn said(self) -> Option<Str<'a>> {
        self.0.filter(|text| !text.is_empty())
    }
}

/// A number, or nothing.
#[derive(Default)]
pub(super) struct Number(pub(super) Option<f64>);

impl Number {
    /// The number as an index; 0 if there is none.
    pub(super) fn index(&self) -> u32 {
        self.0.map_or(0, |number| number as u32)
    }

    /// The number as a count.
    pub(super) fn count(&self) -> Option<u64> {
        self.0.filter(|number| 0.0 <= *number).map(|number| number as u64)
    }
}

/// A message's content.
#[derive(Default)]
pub(super) enum Content<'a> {
    /// None, or of a type that means nothing.
    #[default]
    Nothing,
    /// Text.
    Text(Str<'a>),
    /// A list of parts.
    Parts(Vec<&'a RawValue>),
}

/// A list that mostly holds one item, for which it needs no memory of its own.
pub(super) struct Few<T> {
    first: Option<T>,
    rest: Vec<T>,
}

impl<T> Few<T> {
    /// Whether there are no items.
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { first: None, rest: Vec::new() }
    }
}

impl<T> Extend<T> for Few<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        for item in items {
            match self.first {
                None => self.first = Some(item),
                Some(_) => self.rest.push(item),
            }
        }
    }
}

impl<T> IntoIterator for Few<T> {
    type Item = T;
    type IntoIter = std::iter::Chain<std::option::IntoIter<T>, std::vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.rest)
    }
}

/// A list that is mostly absent.
pub(super) struct Many<T>(pub(super) Vec<T>);

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Extend<T> for Many<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        self.0.extend(items);
    }
}

/// Skips what is of a type that means nothing, and gives the default.
macro_rules! nothing_else {
    ($life:lifetime) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("anything")
        }

        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(Default::default())
        }

        fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
            Ok(Default::default())
        }

        fn visit_map<A: MapAccess<$life>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Default::default())
        }
    };
}

macro_rules! no_text {
    () => {
        fn visit_str<E: de::Error>(self, _: &str) -> Result<Self::Value, E> {
            Ok(Default::default())
        }
    };
}

macro_rules! no_number {
    () => {
        fn visit_u64<E: de::Error>(self, _: u64) -> Result<Self::Value, E> {
            Ok(Default::default())
        }

        fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
            Ok(Default::default())
        }

        fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
            Ok(Default::default())
        }
    };
}

macro_rules! no_list {
    ($life:lifetime) => {
        fn visit_seq<A: SeqAccess<$life>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Default::default())
        }
    };
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Text<'de>;

            nothing_else!('de);
            no_number!();
            no_list!('de);

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Some(text.into())))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Some(text.to_owned().into())))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Number;

            nothing_else!('de);
            no_text!();
            no_list!('de);

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Number(Some(number as f64)))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Number(Some(number as f64)))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Number(Some(number)))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Content<'de>;

            nothing_else!('de);
            no_number!();

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Content::Text(text.into()))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Content::Text(text.to_owned().into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut parts = Vec::new();
                while let Some(part) = seq.next_element()? {
                    parts.push(part);
                }
                Ok(Content::Parts(parts))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyList(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyList(PhantomData))
    }
}

/// Reads a list `L` of `T`.
struct AnyList<T, L>(PhantomData<(T, L)>);

impl<'de, T: Deserialize<'de>, L: Default + Extend<T>> Visitor<'de> for AnyList<T, L> {
    type Value = L;

    nothing_else!('de);
    no_text!();
    no_number!();

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut list = L::default();
        while let Some(item) = seq.next_element()? {
            list.extend([item]);
        }
        Ok(list)
    }
}
