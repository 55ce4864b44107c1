//! The shapes that providers send, read without complaint: what is of an unexpected type counts as absent.

use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_types::{
    chat::Part,
    json::{Members, Raw, Str},
};

use super::seal::{self, Sealed};
use crate::format::{
    annotation,
    openai_chat::{Many, Number, Text},
};

/// What stands between the pieces of one thought.
pub(super) const BETWEEN_THOUGHTS: &str = "\n\n";

/// A response, whole or in a frame of a stream.
#[derive(Default, Deserialize)]
pub(super) struct Response<'a> {
    #[serde(borrow, default)]
    pub(super) id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) model: Text<'a>,
    #[serde(default)]
    pub(super) created_at: Number,
    #[serde(borrow, default)]
    pub(super) status: Text<'a>,
    #[serde(borrow, default)]
    pub(super) output: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    incomplete_details: Option<&'a RawValue>,
}

impl<'a> Response<'a> {
    /// Why the response is not whole, empty if the provider does not say why; `None` if it is whole.
    pub(super) fn incomplete(&self) -> Option<Str<'a>> {
        #[derive(Deserialize)]
        struct Details<'a> {
            #[serde(borrow, default)]
            reason: Text<'a>,
        }

        let details =
            self.incomplete_details.and_then(|raw| serde_json::from_str::<Details<'_>>(raw.get()).ok());
        let reason = details.and_then(|details| details.reason.said());
        reason.or_else(|| (self.status.0.as_deref() == Some("incomplete")).then(Str::default))
    }
}

/// An item of output.
#[derive(Deserialize)]
pub(super) struct Item<'a> {
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default)]
    pub(super) id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) call_id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    summary: Option<&'a RawValue>,
    #[serde(borrow, default)]
    encrypted_content: Text<'a>,
}

/// A piece of a message's content or of a thought.
#[derive(Deserialize)]
pub(super) struct Piece<'a> {
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default)]
    pub(super) text: Text<'a>,
    #[serde(borrow, default)]
    pub(super) refusal: Text<'a>,
    #[serde(default)]
    pub(super) annotations: Many<&'a RawValue>,
}

impl<'a> Item<'a> {
    /// The kind of item.
    pub(super) fn kind(&self) -> &str {
        self.kind.0.as_deref().unwrap_or_default()
    }

    /// The arguments as JSON text, also where the provider sent them as an object.
    pub(super) fn arguments(&self) -> Str<'a> {
        match self.arguments.map(RawValue::get) {
            Some(text) if text.starts_with('"') => serde_json::from_str(text).unwrap_or_default(),
            Some("null") | None => Str::default(),
            Some(json) => json.into(),
        }
    }

    /// The pieces of a message's content.
    pub(super) fn pieces(&self) -> Vec<&'a RawValue> {
        list(self.content)
    }

    /// The words of a thought: its summary, and the thought itself where the provider tells it.
    pub(super) fn thought(&self) -> Str<'a> {
        let pieces = list(self.summary).into_iter().chain(list(self.content));
        let mut texts =
            pieces.filter_map(|raw| serde_json::from_str::<Piece<'a>>(raw.get()).ok()?.text.said());
        let Some(first) = texts.next() else { return Str::default() };
        let Some(second) = texts.next() else { return first };
        let mut joined = first.0.into_owned();
        for text in [second].into_iter().chain(texts) {
            joined.push_str(BETWEEN_THOUGHTS);
            joined.push_str(&text);
        }
        joined.into()
    }

    /// The seal over a thought.
    pub(super) fn sealed(&mut self) -> Option<Sealed<'a>> {
        let encrypted = std::mem::take(&mut self.encrypted_content).said()?;
        Some(seal::heard(self.id.0.as_deref().unwrap_or_default(), encrypted))
    }
}

/// The items of a list; none if it is something else.
pub(super) fn list(raw: Option<&RawValue>) -> Vec<&RawValue> {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

/// What an item of output says. A call without an id gets what `made_up_id` makes.
pub(super) fn parts<'a>(raw: &'a RawValue, made_up_id: impl FnOnce() -> String) -> Vec<Part<'a>> {
    let other = |kind: Text<'a>| Part::Other { kind: kind.0.unwrap_or_default(), raw: Raw::from(raw) };
    let Ok(mut item) = serde_json::from_str::<Item<'a>>(raw.get()) else {
        return vec![other(Text::default())];
    };
    match item.kind() {
        "message" => item.pieces().into_iter().map(piece).collect(),
        "function_call" => vec![Part::ToolCall {
            id: item.call_id.0.take().filter(|id| !id.is_empty()).unwrap_or_else(|| made_up_id().into()),
            name: item.name.0.take().unwrap_or_default(),
            arguments: item.arguments(),
            extra: rest(raw.get(), |name| matches!(name, "type" | "call_id" | "name" | "arguments")),
            cache: None,
        }],
        "reasoning" => {
            let text = item.thought();
            match item.sealed() {
                Some(Sealed::Redacted(data)) => vec![Part::RedactedReasoning { data }],
                Some(Sealed::Seal(seal)) => vec![Part::Reasoning { text, signature: Some(seal) }],
                None if text.is_empty() => Vec::new(),
                None => vec![Part::Reasoning { text, signature: None }],
            }
        }
        _ => vec![other(item.kind)],
    }
}

fn piece(raw: &RawValue) -> Part<'_> {
    let read = serde_json::from_str::<Piece<'_>>(raw.get()).ok();
    match read {
        Some(Piece { kind: Text(Some(kind)), text, refusal, annotations }) => match &*kind {
            "output_text" | "text" => Part::Text {
                text: text.0.unwrap_or_default(),
                cache: None,
                citations: annotations.0.into_iter().map(annotation::read).collect(),
            },
            "refusal" => Part::Refusal { text: refusal.0.unwrap_or_default() },
            _ => Part::Other { kind, raw: Raw::from(raw) },
        },
        Some(_) | None => Part::Other { kind: Str::default(), raw: Raw::from(raw) },
    }
}

/// The members of the object `json` that are not `known`.
pub(super) fn rest(json: &str, known: impl Fn(&str) -> bool) -> Members<'_> {
    let mut members: Members<'_> = serde_json::from_str(json).unwrap_or_default();
    members.0.retain(|(name, _)| !known(name));
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Vec<Part<'_>> {
        parts(serde_json::from_str(json).unwrap(), || "made-up".to_owned())
    }

    #[test]
    fn a_thought_is_its_summary_and_its_words() {
        let json = r#"{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"a"},{"type":"summary_text","text":"b"}],"content":[{"type":"reasoning_text","text":"c"}],"encrypted_content":"X"}"#;
        let signature = Some("openai:rs_1:X".into());
        assert_eq!(read(json), [Part::Reasoning { text: "a\n\nb\n\nc".into(), signature }]);
        assert_eq!(read(r#"{"type":"reasoning","summary":null,"content":7}"#), []);
    }

    #[test]
    fn odd_items_are_kept_as_they_are() {
        for json in ["7", "[]", r#"{"type":7}"#, r#"{"type":"web_search_call","id":"ws_1"}"#] {
            assert!(
                matches!(read(json).as_slice(), [Part::Other { raw, .. }] if raw.text() == json),
                "{json}"
            );
        }
        let [Part::ToolCall { id, arguments, .. }] =
            &read(r#"{"type":"function_call","arguments":{"a": 1}}"#)[..]
        else {
            panic!("a call")
        };
        assert_eq!((&**id, &**arguments), ("made-up", r#"{"a": 1}"#));
    }
}
