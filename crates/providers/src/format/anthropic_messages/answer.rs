//! Whole answers, and counts of tokens.

use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_types::{
    answer::{Answer, Choice, Finish, FinishReason},
    chat::Part,
    citation::Citation,
    error::{ErrorKind, Failure},
    json::{Members, Raw, Str, from_bytes},
};

use super::{
    citation,
    error::{ErrorBody, read_unannounced},
    fields::Fields,
    finish::{self, Held},
    request::read_parts,
    usage,
};
use crate::format::{
    Meta,
    cite::{self, pieces},
    json::{ObjectWriter, Path, is_cut_off, list},
};

/// Reads a provider's whole answer.
///
/// # Errors
///
/// `UpstreamTruncated` if it breaks off, `UpstreamInvalid` if it cannot be read otherwise; what it says if it is an error
/// inside a success.
pub fn read_answer(body: &[u8]) -> Result<Answer<'_>, Failure> {
    let mut fields: Fields<'_> = from_bytes(body).map_err(|error| match is_cut_off(&error, body) {
        true => Failure::new(ErrorKind::UpstreamTruncated, "the provider's answer stopped before its end"),
        false => unreadable("is not a JSON object"),
    })?;
    let Some(content) = fields.take("content") else {
        return Err(match from_bytes::<ErrorBody<'_>>(body) {
            Ok(error) if error.error.is_some() => read_unannounced(&error),
            _ => unreadable("has no content"),
        });
    };
    let blocks: Vec<&RawValue> =
        serde_json::from_str(content.get()).map_err(|_| unreadable("has content that is not a list"))?;
    let parts = read_parts(&blocks, &Path::Root.member("content"))
        .map_err(|failure| unreadable(&format!("is broken at {}", failure.param.unwrap_or_default())))?;
    let calls = parts.iter().any(|part| matches!(part, Part::ToolCall { .. }));
    let raw = text(&mut fields, "stop_reason");
    let finish = Finish {
        reason: finish::read(raw.as_deref(), calls),
        stop_sequence: text(&mut fields, "stop_sequence"),
        raw,
    };
    let id = text(&mut fields, "id").unwrap_or_default();
    let model = text(&mut fields, "model").unwrap_or_default();
    let counts = fields.take("usage").map(|raw| usage::read(raw));
    for told in ["type", "role"] {
        fields.take(told);
    }
    let mut extra = fields.rest();
    if let Some((_, rest)) = &counts
        && !rest.is_empty()
        && let Some(rest) = Raw::write(rest)
    {
        extra.0.push((Str::from("usage"), rest));
    }
    Ok(Answer {
        id,
        model,
        created: None,
        choices: vec![Choice { index: 0, parts, finish, extra: Members::default() }],
        usage: counts.map(|(counts, _)| counts.usage()),
        extra,
    })
}

fn unreadable(what: &str) -> Failure {
    Failure::new(ErrorKind::UpstreamInvalid, format!("the provider's answer {what}"))
}

/// A member that should be text; what is not is as good as absent.
fn text<'a>(fields: &mut Fields<'a>, name: &str) -> Option<Str<'a>> {
    fields.take(name).and_then(|value| serde_json::from_str(value.get()).ok())
}

/// Writes a whole answer for the caller: the first choice, this format has no others.
pub fn write_answer(answer: &Answer<'_>, meta: &Meta<'_>) -> Vec<u8> {
    let plain = Finish::plain(FinishReason::Stop);
    let first = answer.choices.iter().min_by_key(|choice| choice.index);
    let (parts, finish) = first.map_or((&[][..], &plain), |choice| (&choice.parts, &choice.finish));
    let mut out = Vec::with_capacity(512);
    let mut body = ObjectWriter::open(&mut out);
    body.set("id", if answer.id.is_empty() { meta.id } else { &answer.id });
    body.set("type", "message");
    body.set("role", "assistant");
    body.set("model", if answer.model.is_empty() { meta.model } else { &answer.model });
    let mut held = Held::default();
    let told = parts.iter().filter(|part| is_told(part, meta.same_format));
    let told = told.flat_map(|part| blocks(part, meta.same_format));
    list(body.member("content"), told, |out, (part, piece)| match piece {
        Some(piece) => write_text(out, &piece, meta.same_format),
        None => write_block(out, part, meta.same_format, &mut held),
    });
    body.set("stop_reason", finish::write(finish, held, meta.same_format));
    body.set("stop_sequence", &finish.stop_sequence);
    let extra = if meta.same_format { answer.extra.0.as_slice() } else { &[] };
    let rest = extra.iter().find(|(name, _)| *name == "usage").and_then(|(_, raw)| raw.read().ok());
    let counts = answer.usage.unwrap_or_default();
    usage::write(body.member("usage"), &counts, &rest.unwrap_or_default());
    for (name, raw) in extra.iter().filter(|(name, _)| *name != "usage") {
        body.raw(name, raw.text());
    }
    if let Some(note) = meta.note {
        body.raw("sluice", note.text());
    }
    body.close();
    out
}

/// Whether a part has a place in an answer of this format; empty texts have none.
fn is_told(part: &Part<'_>, same_format: bool) -> bool {
    match part {
        Part::Text { text, .. } | Part::Refusal { text } => !text.is_empty(),
        Part::Reasoning { text, signature } => !text.is_empty() || signature.is_some(),
        Part::RedactedReasoning { .. } | Part::ToolCall { .. } => true,
        Part::Other { .. } => same_format,
        Part::Image { .. } | Part::Document { .. } | Part::Audio { .. } | Part::ToolResult { .. } => false,
    }
}

/// A piece of a text, and what all of it rests on.
type Cited<'p, 'a> = (&'p str, Vec<&'p Citation<'a>>);

/// The blocks that a part is told in: a text is cut where it is cited.
fn blocks<'p, 'a>(part: &'p Part<'a>, same_format: bool) -> Vec<(&'p Part<'a>, Option<Cited<'p, 'a>>)> {
    let Part::Text { text, citations, .. } = part else { return vec![(part, None)] };
    let mut pieces = pieces(text, citations);
    for (_, citations) in &mut pieces {
        citations.retain(|citation| cite::is_told(citation, same_format));
    }
    pieces.into_iter().map(|piece| (part, Some(piece))).collect()
}

fn write_text(out: &mut Vec<u8>, (text, citations): &Cited<'_, '_>, same_format: bool) {
    let mut block = ObjectWriter::open(out);
    block.set("type", "text");
    block.set("text", text);
    if !citations.is_empty() {
        list(block.member("citations"), citations, |out, citation| {
            citation::write(citation, same_format, out);
        });
    }
    block.close();
}

fn write_block(out: &mut Vec<u8>, part: &Part<'_>, same_format: bool, held: &mut Held) {
    if let Part::Other { raw, .. } = part {
        out.extend_from_slice(raw.text().as_bytes());
        return;
    }
    let mut block = ObjectWriter::open(out);
    match part {
        Part::Refusal { text } => {
            held.refusal = true;
            block.set("type", "text");
            block.set("text", text);
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
        Part::ToolCall { id, name, arguments, extra, .. } => {
            held.calls = true;
            block.set("type", "tool_use");
            block.set("id", id);
            block.set("name", name);
            block.raw("input", input(arguments, held));
            for (name, raw) in extra.0.iter().filter(|_| same_format) {
                block.raw(name, raw.text());
            }
        }
        // Not told, see `is_told`, or written by others.
        Part::Text { .. }
        | Part::Image { .. }
        | Part::Document { .. }
        | Part::Audio { .. }
        | Part::ToolResult { .. }
        | Part::Other { .. } => {}
    }
    block.close();
}

/// A call's arguments, as they were written. Half an object cannot be told here: it becomes an empty one, and the
/// answer counts as cut off, which keeps clients from running the call.
fn input<'s>(arguments: &'s str, held: &mut Held) -> &'s str {
    match arguments.trim() {
        "" | "null" => "{}",
        text if Raw::parse(text).is_some() => text,
        _ => {
            held.cut = true;
            "{}"
        }
    }
}

/// Reads a provider's count of a request's tokens.
///
/// # Errors
///
/// `UpstreamInvalid` if it tells none.
pub fn read_count(body: &[u8]) -> Result<u64, Failure> {
    #[derive(Deserialize)]
    struct Count {
        input_tokens: u64,
    }

    let Count { input_tokens } = from_bytes(body).map_err(|_| unreadable("has no `input_tokens`"))?;
    Ok(input_tokens)
}

/// Writes a count of a request's tokens for the caller.
pub fn write_count(tokens: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(32);
    let mut body = ObjectWriter::open(&mut out);
    body.set("input_tokens", &tokens);
    body.close();
    out
}

#[cfg(test)]
mod tests {
    use sluice_types::usage::Usage;

    use super::*;

    fn meta() -> Meta<'static> {
        Meta {
            id: "msg_x",
            created: 0,
            model: "m",
            note: None,
            include_usage: true,
            same_format: false,
            json_array: false,
            searched: None,
        }
    }

    fn answer(parts: Vec<Part<'static>>, reason: FinishReason) -> Answer<'static> {
        let choice = Choice { index: 0, parts, finish: Finish::plain(reason), extra: Members::default() };
        Answer { choices: vec![choice], usage: Some(Usage::default()), ..Answer::default() }
    }

    #[test]
    fn half_an_argument_is_an_empty_one_and_a_cut_answer() {
        let call = Part::ToolCall {
            id: "call_1".into(),
            name: "f".into(),
            arguments: r#"{"q":"ca"#.into(),
            extra: Members::default(),
            cache: None,
        };
        let told =
            String::from_utf8(write_answer(&answer(vec![call], FinishReason::ToolCalls), &meta())).unwrap();
        assert!(told.contains(r#""input":{}"#), "{told}");
        assert!(told.contains(r#""stop_reason":"max_tokens""#), "{told}");
    }

    #[test]
    fn an_answer_without_anything_is_still_an_answer() {
        let told = write_answer(&Answer::default(), &meta());
        let read = read_answer(&told).unwrap();
        assert_eq!((read.id.as_ref(), read.model.as_ref()), ("msg_x", "m"));
    }

    #[test]
    fn an_error_inside_a_success_is_an_error() {
        let body = br#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
        assert_eq!(read_answer(body).unwrap_err().kind, ErrorKind::UpstreamUnavailable);
        assert_eq!(read_answer(b"{}").unwrap_err().kind, ErrorKind::UpstreamInvalid);
        let body = br#"{"content":[{"type":"text","text":5}]}"#;
        assert!(read_answer(body).unwrap_err().message.contains("content[0].text"));
    }
}
