//! Whole answers.

use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_types::{
    answer::{Answer, Choice},
    chat::Part,
    error::{ErrorKind, Failure},
    json::{Members, Raw, Str, from_bytes},
};

use super::{
    citation,
    error::{ErrorBody, read_unannounced},
    finish, usage,
};
use crate::format::{json::is_cut_off, openai_chat::Many};

#[derive(Deserialize)]
struct Whole<'a> {
    #[serde(borrow)]
    id: Option<Str<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Str<'a>>,
    /// An object; in an error it is a text.
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Message<'a> {
    /// A list of blocks, or a text.
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_plan: Option<Str<'a>>,
    #[serde(borrow)]
    tool_calls: Option<Vec<Call<'a>>>,
    #[serde(borrow, default)]
    citations: Many<&'a RawValue>,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Str<'a>>,
    #[serde(borrow)]
    text: Option<Str<'a>>,
    #[serde(borrow)]
    thinking: Option<Str<'a>>,
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    id: Str<'a>,
    #[serde(borrow)]
    function: Function<'a>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Str<'a>,
    #[serde(borrow)]
    arguments: Option<Str<'a>>,
}

/// Reads a provider's whole answer.
///
/// # Errors
///
/// `UpstreamTruncated` if it breaks off, `UpstreamInvalid` if it cannot be read otherwise; what it says if the provider gave
/// up, or if it is an error inside a success.
pub(in crate::format) fn read_answer(body: &[u8]) -> Result<Answer<'_>, Failure> {
    let whole: Whole<'_> = from_bytes(body).map_err(|error| match is_cut_off(&error, body) {
        true => Failure::new(ErrorKind::UpstreamTruncated, "the provider's answer stopped before its end"),
        false => unreadable("is no answer of Cohere's"),
    })?;
    let Some(message) = whole.message.filter(|message| message.get().starts_with('{')) else {
        let told: ErrorBody<'_> = from_bytes(body).unwrap_or_default();
        return Err(if told.tells() { read_unannounced(&told) } else { unreadable("has no message") });
    };
    let message: Message<'_> =
        serde_json::from_str(message.get()).map_err(|_| unreadable("has a broken message"))?;
    let mut parts = Vec::new();
    let plan = message.tool_plan.filter(|plan| !plan.is_empty());
    parts.extend(plan.map(|text| Part::Reasoning { text, signature: None }));
    if let Some(content) = message.content {
        let before = parts.len();
        read_content(content, &mut parts)?;
        for raw in message.citations.0 {
            let (block, cited) = citation::read(raw);
            let at = parts.get_mut(before + block as usize);
            if let Some(Part::Text { citations, .. }) = at {
                citations.extend(cited);
            }
        }
    }
    let calls = message.tool_calls.unwrap_or_default();
    let calls_tools = !calls.is_empty();
    parts.extend(calls.into_iter().map(|call| Part::ToolCall {
        id: call.id,
        name: call.function.name,
        // A call without arguments is told none, which is no JSON.
        arguments: call.function.arguments.filter(|text| !text.is_empty()).unwrap_or_else(|| "{}".into()),
        extra: Members::default(),
        cache: None,
    }));
    let finish = finish::read(whole.finish_reason, calls_tools, None)?;
    Ok(Answer {
        id: whole.id.unwrap_or_default(),
        choices: vec![Choice { index: 0, parts, finish, extra: Members::default() }],
        usage: whole.usage.and_then(usage::read),
        ..Answer::default()
    })
}

fn unreadable(what: &str) -> Failure {
    Failure::new(ErrorKind::UpstreamInvalid, format!("the provider's answer {what}"))
}

fn read_content<'a>(content: &'a RawValue, parts: &mut Vec<Part<'a>>) -> Result<(), Failure> {
    if let Ok(text) = serde_json::from_str::<Str<'a>>(content.get()) {
        parts.push(Part::text(text));
        return Ok(());
    }
    let blocks: Vec<&RawValue> =
        serde_json::from_str(content.get()).map_err(|_| unreadable("has content that is not a list"))?;
    for (at, raw) in blocks.into_iter().enumerate() {
        let block: Block<'_> = serde_json::from_str(raw.get())
            .map_err(|_| unreadable(&format!("is broken at message.content[{at}]")))?;
        parts.push(match (block.text, block.thinking) {
            (Some(text), _) => Part::text(text),
            (None, Some(text)) => Part::Reasoning { text, signature: None },
            (None, None) => Part::Other { kind: block.kind.unwrap_or_default(), raw: Raw::from(raw) },
        });
    }
    Ok(())
}
