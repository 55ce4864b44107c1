//! Whole answers.

use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_types::{
    answer::{Answer, Choice},
    chat::Part,
    error::{ErrorKind, Failure},
    json::{Members, Raw, Str, from_bytes},
    seal::Maker,
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
    output: Option<Output<'a>>,
    #[serde(rename = "stopReason", borrow)]
    stop_reason: Option<Str<'a>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    message: Option<Message<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Option<Vec<&'a RawValue>>,
}

/// A block has one of these members, which says what it is.
#[derive(Deserialize)]
struct Block<'a> {
    #[serde(borrow)]
    text: Option<Str<'a>>,
    #[serde(rename = "toolUse", borrow)]
    tool_use: Option<ToolUse<'a>>,
    #[serde(rename = "reasoningContent", borrow)]
    reasoning: Option<Reasoning<'a>>,
    #[serde(rename = "citationsContent", borrow)]
    cited: Option<Cited<'a>>,
}

#[derive(Deserialize)]
struct ToolUse<'a> {
    #[serde(rename = "toolUseId", borrow)]
    id: Str<'a>,
    #[serde(borrow)]
    name: Str<'a>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    /// Said of tools that the provider runs itself.
    #[serde(rename = "type", borrow)]
    kind: Option<Str<'a>>,
}

#[derive(Deserialize)]
struct Reasoning<'a> {
    #[serde(rename = "reasoningText", borrow)]
    text: Option<ReasoningText<'a>>,
    #[serde(rename = "redactedContent", borrow)]
    redacted: Option<Str<'a>>,
}

#[derive(Deserialize)]
struct ReasoningText<'a> {
    #[serde(borrow)]
    text: Option<Str<'a>>,
    #[serde(borrow)]
    signature: Option<Str<'a>>,
}

/// Text with its sources.
#[derive(Deserialize)]
struct Cited<'a> {
    #[serde(borrow, default)]
    content: Vec<CitedText<'a>>,
    #[serde(borrow, default)]
    citations: Many<&'a RawValue>,
}

#[derive(Deserialize)]
struct CitedText<'a> {
    #[serde(borrow)]
    text: Option<Str<'a>>,
}

/// Reads a provider's whole answer.
///
/// # Errors
///
/// `UpstreamTruncated` if it breaks off, `UpstreamInvalid` if it cannot be read otherwise; what it says if it is an error
/// inside a success.
pub(in crate::format) fn read_answer(body: &[u8]) -> Result<Answer<'_>, Failure> {
    let whole: Whole<'_> = from_bytes(body).map_err(|error| match is_cut_off(&error, body) {
        true => Failure::new(ErrorKind::UpstreamTruncated, "the provider's answer stopped before its end"),
        false => unreadable("is no answer of Converse"),
    })?;
    let Some(content) = whole.output.and_then(|output| output.message).and_then(|message| message.content)
    else {
        let told: ErrorBody<'_> = from_bytes(body).unwrap_or_default();
        return Err(if told.tells() { read_unannounced("", &told) } else { unreadable("has no content") });
    };
    let mut parts = Vec::with_capacity(content.len());
    for (at, raw) in content.into_iter().enumerate() {
        let block = serde_json::from_str(raw.get());
        let block = block.map_err(|_| unreadable(&format!("is broken at output.message.content[{at}]")))?;
        parts.extend(part(block, raw));
    }
    let calls = parts.iter().any(|part| matches!(part, Part::ToolCall { .. }));
    let finish = finish::read(whole.stop_reason, calls)?;
    Ok(Answer {
        choices: vec![Choice { index: 0, parts, finish, extra: Members::default() }],
        usage: whole.usage.and_then(usage::read),
        ..Answer::default()
    })
}

fn unreadable(what: &str) -> Failure {
    Failure::new(ErrorKind::UpstreamInvalid, format!("the provider's answer {what}"))
}

/// The part that a block is; `None` if it says nothing.
fn part<'a>(block: Block<'a>, raw: &'a RawValue) -> Option<Part<'a>> {
    if let Some(text) = block.text {
        return Some(Part::text(text));
    }
    if let Some(cited) = block.cited {
        let text: String = cited.content.iter().filter_map(|piece| piece.text.as_deref()).collect();
        let citations = cited.citations.0.into_iter().map(citation::read).collect();
        return Some(Part::Text { text: text.into(), cache: None, citations });
    }
    match (block.tool_use, block.reasoning) {
        (Some(ToolUse { id, name, input, kind: None }), _) => Some(Part::ToolCall {
            id,
            name,
            arguments: Str::from(input.map_or("{}", RawValue::get)),
            extra: Members::default(),
            cache: None,
        }),
        (None, Some(Reasoning { text: Some(thought), .. })) => {
            let signature = thought.signature.filter(|signature| !signature.is_empty());
            let signature = signature.map(|signature| Maker::Anthropic.seal(signature));
            Some(Part::Reasoning { text: thought.text.unwrap_or_default(), signature })
        }
        (None, Some(Reasoning { redacted, .. })) => {
            redacted.map(|data| Part::RedactedReasoning { data: Maker::Anthropic.seal(data) })
        }
        _ => Some(Part::Other { kind: name_of(raw), raw: Raw::from(raw) }),
    }
}

/// What a block that is not known here calls itself: its only member.
fn name_of(raw: &RawValue) -> Str<'_> {
    let members: Members<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
    members.0.into_iter().next().map(|(name, _)| name).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_inside_a_success_is_an_error() {
        for (body, kind) in [
            (
                r#"{"message":"Too many requests","__type":"ThrottlingException"}"#,
                ErrorKind::UpstreamRateLimited,
            ),
            (r#"{"Output":{"__type":"x"},"Version":"1.0"}"#, ErrorKind::UpstreamInvalid),
            ("{}", ErrorKind::UpstreamInvalid),
            ("[]", ErrorKind::UpstreamInvalid),
            ("{\"output\":{", ErrorKind::UpstreamTruncated),
        ] {
            assert_eq!(read_answer(body.as_bytes()).unwrap_err().kind, kind, "{body}");
        }
    }

    #[test]
    fn a_broken_block_is_told_by_its_place() {
        let body = br#"{"output":{"message":{"content":[{"text":"a"},{"toolUse":{"name":5}}]}}}"#;
        assert!(read_answer(body).unwrap_err().message.contains("content[1]"));
        let body = br#"{"output":{"message":{"content":[]}},"stopReason":"malformed_tool_use"}"#;
        assert_eq!(read_answer(body).unwrap_err().kind, ErrorKind::UpstreamInvalid);
    }
}
