//! Whole answers.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use sluice_types::{
    answer::{Answer, Choice, Finish, FinishReason},
    chat::Part,
    citation::{Source, Span},
    error::{ErrorKind, Failure},
    json::{Members, Raw, Str, from_bytes},
};

use super::{
    error, finish,
    grounding::{self, Grounds, Words},
    ids, names,
    parts::{self, Audience, PartsWriter},
    usage,
    wire::{self, Wire, block_reason},
};
use crate::format::{
    Meta,
    cite::Ruler,
    json::{ObjectWriter, Path, Value, list},
    openai_chat::{Few, Number, Text},
};

/// The members of an answer that are read.
const KNOWN: &[&str] = &["candidates", "modelVersion", "responseId", "usageMetadata", "error", "sluice"];

/// Reads a provider's whole answer. A prompt that was refused is an answer that says nothing.
///
/// # Errors
///
/// `UpstreamTruncated` if it breaks off, `UpstreamInvalid` if it cannot be read otherwise or the model failed; what it says
/// if it is an error inside a success.
pub fn read_answer(body: &[u8]) -> Result<Answer<'_>, Failure> {
    let wire: Wire<'_, &RawValue, Option<&RawValue>> = wire::read(body, "answer")?;
    if wire.error.is_some_and(|error| error.get() != "null") {
        return Err(error::read_error(200, body, None));
    }
    let id = wire.response_id.0.unwrap_or_default();
    let mut choices = Vec::new();
    for raw in wire.candidates {
        choices.push(read_candidate(raw, &id)?);
    }
    if choices.is_empty() {
        let Some(raw) = block_reason(wire.prompt_feedback) else {
            return Err(unreadable("holds no candidates"));
        };
        let finish = Finish { raw: Some(raw), ..Finish::plain(FinishReason::ContentFilter) };
        choices.push(Choice { index: 0, parts: Vec::new(), finish, extra: Members::default() });
    }
    let mut extra: Members<'_> = from_bytes(body).unwrap_or_default();
    extra.0.retain(|(name, _)| !KNOWN.contains(&&**name));
    let rest = wire.usage_metadata.map(usage::rest).unwrap_or_default();
    if let Some(rest) = Some(rest).filter(|rest| !rest.is_empty()).and_then(|rest| Raw::write(&rest)) {
        extra.0.push((Str::from("usageMetadata"), rest));
    }
    Ok(Answer {
        id,
        model: wire.model_version.0.unwrap_or_default(),
        created: None,
        choices,
        usage: wire.usage_metadata.and_then(usage::read),
        extra,
    })
}

fn unreadable(what: &str) -> Failure {
    Failure::new(ErrorKind::UpstreamInvalid, format!("the provider's answer {what}"))
}

#[derive(Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Head<'a> {
    index: Number,
    #[serde(borrow)]
    finish_reason: Text<'a>,
    #[serde(borrow)]
    content: Option<Body<'a>>,
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Body<'a> {
    #[serde(borrow)]
    parts: Few<&'a RawValue>,
}

fn read_candidate<'a>(raw: &'a RawValue, answer_id: &str) -> Result<Choice<'a>, Failure> {
    let head: Head<'a> =
        serde_json::from_str(raw.get()).map_err(|_| unreadable("has a candidate that cannot be read"))?;
    let index = head.index.index();
    let mut said = Vec::new();
    let mut calls = 0;
    let path = Path::Root.member("parts");
    let mut places = BTreeMap::new();
    for (i, raw) in head.content.unwrap_or_default().parts.into_iter().enumerate() {
        // Now and then a part holds nothing.
        if raw.get() == "{}" {
            continue;
        }
        let mut id = |named: parts::Named<'a>| {
            let id = named.id.filter(|id| !id.is_empty());
            let id = id.unwrap_or_else(|| ids::in_answer(answer_id, index, calls).into());
            calls += 1;
            id
        };
        parts::read(&Value { raw, path: path.item(i) }, &mut id, &mut said)
            .map_err(|failure| unreadable(&format!("is broken at {}", failure.param.unwrap_or_default())))?;
        places.insert(i, said.len().saturating_sub(1));
    }
    let grounds: Grounds<'a> = serde_json::from_str(raw.get()).unwrap_or_default();
    grounds.attach(&mut said, &places);
    let called = said.iter().any(|part| matches!(part, Part::ToolCall { .. }));
    let finish = match head.finish_reason.0.filter(|word| !word.is_empty()) {
        Some(word) => finish::read(word, called)?,
        None if called => Finish::plain(FinishReason::ToolCalls),
        None => Finish::plain(FinishReason::Stop),
    };
    let mut extra: Members<'a> = serde_json::from_str(raw.get()).unwrap_or_default();
    extra.0.retain(|(name, _)| !["index", "finishReason", "content"].contains(&&*names::camel(name)));
    Ok(Choice { index, parts: said, finish, extra })
}

/// Writes a whole answer for the caller.
pub fn write_answer(answer: &Answer<'_>, meta: &Meta<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    let mut body = ObjectWriter::open(&mut out);
    let extra = if meta.same_format { answer.extra.0.as_slice() } else { &[] };
    let told = |choice: &&Choice<'_>| {
        // A refused prompt has no candidates where its own words tell it.
        !choice.parts.is_empty() || !extra.iter().any(|(name, _)| *name == "promptFeedback")
    };
    let choices: Vec<&Choice<'_>> = answer.choices.iter().filter(told).collect();
    if !choices.is_empty() {
        list(body.member("candidates"), choices, |out, choice| {
            write_candidate(out, choice, meta.same_format);
        });
    }
    if let Some(counts) = &answer.usage {
        let rest = extra.iter().find(|(name, _)| *name == "usageMetadata");
        let rest = rest.and_then(|(_, raw)| raw.read::<Members<'_>>().ok()).unwrap_or_default();
        usage::write(body.member("usageMetadata"), counts, &rest);
    }
    body.set("modelVersion", if answer.model.is_empty() { meta.model } else { &answer.model });
    body.set("responseId", if answer.id.is_empty() { meta.id } else { &answer.id });
    for (name, raw) in extra.iter().filter(|(name, _)| *name != "usageMetadata") {
        body.raw(name, raw.text());
    }
    if let Some(note) = meta.note {
        body.raw("sluice", note.text());
    }
    body.close();
    out
}

fn write_candidate(out: &mut Vec<u8>, choice: &Choice<'_>, same_format: bool) {
    let mut candidate = ObjectWriter::open(out);
    let mut said = Vec::new();
    let mut writer = PartsWriter::open(&mut said, Audience::Caller { same_format });
    let mut cited = Vec::new();
    for part in &choice.parts {
        // Whatever is wrong with a call, callers are told of it.
        let _ = writer.part(part);
        if let Part::Text { text, citations, .. } = part
            && let (Some(part), false) = (writer.count.checked_sub(1), citations.is_empty())
        {
            let ruler = Ruler::of(text);
            cited.extend(citations.iter().map(|citation| {
                let span = citation.span.unwrap_or(Span { start: 0, end: ruler.characters() });
                (citation, Words { part, start: ruler.byte(span.start), end: ruler.byte(span.end) })
            }));
        }
    }
    let cut = writer.cut;
    let any = writer.close();
    let mut content = ObjectWriter::open(candidate.member("content"));
    if any {
        content.member("parts").append(&mut said);
    }
    content.set("role", "model");
    content.close();
    candidate.set("finishReason", finish::write(&choice.finish, cut, same_format));
    candidate.set("index", &choice.index);
    // What came in this format is told as it came, while it is all there is and still fits the text.
    let own = |name: &str| choice.extra.value(name).filter(|_| same_format);
    let came = own("groundingMetadata").is_some() || own("citationMetadata").is_some();
    let anew = !came || cited.iter().any(|(citation, _)| citation.raw.is_none());
    cited.retain(|(citation, _)| citation.source != Source::Other);
    let anew = anew && !cited.is_empty();
    if anew {
        let beside = own("groundingMetadata").and_then(|raw| raw.read::<Members<'_>>().ok());
        grounding::write(&cited, beside.as_ref(), &mut candidate);
    }
    if same_format {
        for (name, raw) in choice.extra.0.iter().filter(|(name, _)| !anew || *name != "groundingMetadata") {
            candidate.raw(name, raw.text());
        }
    }
    candidate.close();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Answer<'_>, Failure> {
        read_answer(json.as_bytes())
    }

    #[test]
    fn a_signature_is_an_empty_thought_before_its_part() {
        let answer = read(
            r#"{"candidates":[{"content":{"parts":[{"text":"pl","thought":true},{"text":"an","thought":true},
                {"functionCall":{"name":"f"},"thoughtSignature":"A"},{"functionCall":{"name":"g","args":{"q": 1}}},{},
                {"text":"","thoughtSignature":"B"}]},"finishReason":"STOP"}],"responseId":"r-1"}"#,
        )
        .unwrap();
        let told: Vec<String> = answer.choices[0]
            .parts
            .iter()
            .map(|part| match part {
                Part::Reasoning { text, signature } => {
                    format!("{text}|{}", signature.as_deref().unwrap_or("-"))
                }
                Part::ToolCall { id, name, arguments, .. } => format!("{id} {name} {arguments}"),
                other => format!("{other:?}"),
            })
            .collect();
        assert_eq!(
            told,
            ["plan|-", "|google:A", "call_gemini_r1_0 f {}", r#"call_gemini_r1_1 g {"q": 1}"#, "|google:B",]
        );
        assert_eq!(answer.choices[0].finish.reason, FinishReason::ToolCalls);
    }

    #[test]
    fn a_refused_prompt_is_an_empty_answer() {
        let json = r#"{"promptFeedback":{"blockReason":"SAFETY","safetyRatings":[]},"modelVersion":"m"}"#;
        let answer = read(json).unwrap();
        assert_eq!(answer.choices[0].finish.reason, FinishReason::ContentFilter);
        assert!(answer.choices[0].parts.is_empty());
    }

    #[test]
    fn failures_inside_a_success_are_failures() {
        for (json, kind) in [
            (r#"[{"error":{"code":503,"status":"UNAVAILABLE"}}]"#, ErrorKind::UpstreamUnavailable),
            (r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}"#, ErrorKind::UpstreamRateLimited),
            (r#"{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}]}"#, ErrorKind::UpstreamInvalid),
            (r#"{"candidates":[{"content":{"parts":[{"text":5}]}}]}"#, ErrorKind::UpstreamInvalid),
            (r#"{"usageMetadata":{}}"#, ErrorKind::UpstreamInvalid),
            ("7", ErrorKind::UpstreamInvalid),
            (r#"{"candidates":["#, ErrorKind::UpstreamTruncated),
        ] {
            assert_eq!(read(json).unwrap_err().kind, kind, "{json}");
        }
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
        let finish = Finish::plain(FinishReason::ToolCalls);
        let choice = Choice { index: 0, parts: vec![call], finish, extra: Members::default() };
        let answer = Answer { choices: vec![choice], ..Answer::default() };
        let meta = Meta {
            id: "i",
            created: 0,
            model: "m",
            note: None,
            include_usage: true,
            same_format: false,
            json_array: false,
            searched: None,
        };
        assert_eq!(
            String::from_utf8(write_answer(&answer, &meta)).unwrap(),
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"id":"call_1","name":"f","args":{}}}],"role":"model"},"finishReason":"MAX_TOKENS","index":0}],"modelVersion":"m","responseId":"i"}"#
        );
    }
}
