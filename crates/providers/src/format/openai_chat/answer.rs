//! Whole answers.

use serde_json::value::RawValue;
use sluice_types::{
    answer::{Answer, Choice, Finish, FinishReason},
    chat::Part,
    error::{ErrorKind, Failure},
    json::{Members, Raw, Str, from_bytes},
};

use super::{
    error, finish,
    sources::{self, Marks},
    stream::made_up_id,
    usage,
    wire::{self, Call, Content, Function, Said, Text, Whole, WholeChoice, google},
};
use crate::format::{
    Meta, annotation, cite,
    json::{self, ObjectWriter},
};

/// Reads a provider's whole answer.
///
/// # Errors
///
/// [`UpstreamTruncated`](ErrorKind::UpstreamTruncated) if the body breaks off,
/// [`UpstreamInvalid`](ErrorKind::UpstreamInvalid) if it is no answer; an error inside a success is read as one.
pub fn read_answer(body: &[u8]) -> Result<Answer<'_>, Failure> {
    let whole: Whole<'_> = from_bytes(body).map_err(|error| unreadable(&error, body))?;
    if whole.error.is_some() || whole.object.0.as_deref() == Some("error") {
        return Err(error::read_error(200, body, None));
    }
    let choices = whole.choices.unwrap_or_default();
    if choices.is_empty() {
        return Err(Failure::new(ErrorKind::UpstreamInvalid, "the provider's answer holds no choices"));
    }
    let id = whole.id.0.unwrap_or_default();
    let beside = (whole.citations, whole.search_results);
    let mut extra = rest(body, |name| {
        matches!(name, "id" | "object" | "created" | "model" | "choices" | "usage" | "error" | "sluice")
    });
    // What else is told of usage, such as its cost, goes back to its place.
    let unread = whole.usage.map(|usage| usage::unread(usage.get())).unwrap_or_default();
    if let Some(raw) = Raw::write(&unread).filter(|_| !unread.is_empty()) {
        extra.0.push(("usage".into(), raw));
    }
    Ok(Answer {
        id: id.clone(),
        model: whole.model.0.unwrap_or_default(),
        created: whole.created.count(),
        choices: choices.into_iter().map(|told| choice(told, &id, beside)).collect::<Result<_, _>>()?,
        usage: whole.usage.and_then(|usage| usage::read(usage.get())),
        extra,
    })
}

/// The failure of JSON that cannot be read. What it holds stays out of the message.
pub(in crate::format) fn unreadable(error: &serde_json::Error, body: &[u8]) -> Failure {
    if json::is_cut_off(error, body) {
        return Failure::new(ErrorKind::UpstreamTruncated, "the provider's answer breaks off");
    }
    let (line, column) = (error.line(), error.column());
    let what = if error.is_data() { "is no chat completion" } else { "is not valid JSON" };
    Failure::new(
        ErrorKind::UpstreamInvalid,
        format!("the provider's answer {what} (line {line} column {column})"),
    )
}

/// The members of the object `json` that are not `known`.
fn rest(json: &[u8], known: impl Fn(&str) -> bool) -> Members<'_> {
    let mut members: Members<'_> = from_bytes(json).unwrap_or_default();
    members.0.retain(|(name, _)| !known(name));
    members
}

/// What stands beside an answer: `citations` and `search_results`.
type Beside<'a> = (Option<&'a RawValue>, Option<&'a RawValue>);

fn choice<'a>(choice: WholeChoice<'a>, answer_id: &str, beside: Beside<'a>) -> Result<Choice<'a>, Failure> {
    if let Some(error) = choice.error {
        return Err(error::embedded(error.get()));
    }
    let message = choice.message.map_or("{}", RawValue::get);
    let mut said: Said<'a, &'a RawValue> =
        serde_json::from_str(message).map_err(|error| unreadable(&error, message.as_bytes()))?;
    let index = choice.index.index();
    let annotations = std::mem::take(&mut said.annotations).0;
    let mut parts = parts(said, |call| made_up_id(answer_id, index, call).into());
    let cited = cite(&mut parts, annotations, beside);
    let held = finish::Held {
        calls: parts.iter().any(|part| matches!(part, Part::ToolCall { .. })),
        refusal: parts.iter().any(|part| matches!(part, Part::Refusal { .. })),
    };
    let finish = match finish::word(choice.finish_reason) {
        Some(word) => finish::read(word, [choice.stop_reason, choice.matched_stop], held)?,
        None if held.calls => Finish::plain(FinishReason::ToolCalls),
        None if held.refusal => Finish::plain(FinishReason::ContentFilter),
        None => Finish::plain(FinishReason::Stop),
    };
    let extra = rest(message.as_bytes(), |name| {
        matches!(
            name,
            "role"
                | "content"
                | "reasoning_content"
                | "reasoning"
                | "thinking_blocks"
                | "refusal"
                | "tool_calls"
                | "function_call"
        ) || cited && name == "annotations"
    });
    Ok(Choice { index, parts, finish, extra })
}

/// Puts citations where they belong; whether the annotations are now told by them.
fn cite<'a>(parts: &mut [Part<'a>], annotations: Vec<&'a RawValue>, beside: Beside<'a>) -> bool {
    if !annotations.is_empty() {
        let left = annotations.into_iter().filter_map(|raw| cite::attach(parts, annotation::read(raw)));
        return left.count() == 0;
    }
    if beside.0.is_some() || beside.1.is_some() {
        let mut marks = Marks::default();
        for part in parts.iter() {
            if let Part::Text { text, .. } = part {
                marks.push(text);
            }
        }
        for citation in sources::read(beside.0, beside.1, &marks) {
            cite::attach(parts, citation);
        }
    }
    false
}

/// What a message says, in our order: thoughts, content, refusal, calls.
fn parts<'a>(said: Said<'a, &'a RawValue>, made_up_id: impl Fn(usize) -> Str<'a>) -> Vec<Part<'a>> {
    let mut parts = Vec::new();
    let reasoning = said.reasoning_content.said().or(said.reasoning.said());
    if said.thinking_blocks.0.is_empty() {
        parts.extend(reasoning.map(|text| Part::Reasoning { text, signature: None }));
    } else {
        parts.extend(said.thinking_blocks.0.into_iter().map(|block| match block.kind.0.as_deref() {
            Some("redacted_thinking") => Part::RedactedReasoning { data: block.data.0.unwrap_or_default() },
            _ => Part::Reasoning {
                text: block.thinking.0.unwrap_or_default(),
                signature: block.signature.said(),
            },
        }));
    }
    match said.content {
        Content::Nothing => {}
        Content::Text(text) if text.is_empty() => {}
        Content::Text(text) => parts.push(Part::text(text)),
        Content::Parts(pieces) => parts.extend(pieces.into_iter().map(wire::content_part)),
    }
    parts.extend(said.refusal.said().map(|text| Part::Refusal { text }));
    for (index, raw) in said.tool_calls.0.into_iter().enumerate() {
        let mut call = call(raw, || made_up_id(index));
        if let Part::ToolCall { extra, .. } = &mut call {
            parts.extend(google::take(extra));
        }
        parts.push(call);
    }
    if let Some(function) = said.function_call {
        parts.push(function_call(made_up_id(0), &function, Members::default()));
    }
    parts
}

fn call<'a>(raw: &'a RawValue, made_up_id: impl Fn() -> Str<'a>) -> Part<'a> {
    let other = |kind: Text<'_>| Part::Other {
        kind: Str::from(kind.0.map(|kind| kind.to_string()).unwrap_or_default()),
        raw: Raw::from(raw),
    };
    match serde_json::from_str::<Call<'_>>(raw.get()) {
        Ok(Call { id, function: Some(function), .. }) => {
            let id = id.said().unwrap_or_else(made_up_id);
            let extra =
                rest(raw.get().as_bytes(), |name| matches!(name, "id" | "type" | "function" | "index"));
            function_call(id, &function, extra)
        }
        Ok(call) => other(call.kind),
        Err(_) => other(Text::default()),
    }
}

fn function_call<'a>(id: Str<'a>, function: &Function<'a>, extra: Members<'a>) -> Part<'a> {
    let name = function.name.0.clone().unwrap_or_default();
    Part::ToolCall { id, name, arguments: function.arguments().unwrap_or_default(), extra, cache: None }
}

/// Writes a whole answer for the caller.
///
/// Texts of one answer become one; thoughts stand in `reasoning_content` and, where they are sealed, in
/// `thinking_blocks` as well. Parts this format has no word for are left out.
pub fn write_answer(answer: &Answer<'_>, meta: &Meta<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    let mut object = ObjectWriter::open(&mut out);
    object.set("id", or(&answer.id, meta.id));
    object.set("object", "chat.completion");
    object.set("created", &answer.created.unwrap_or(meta.created));
    object.set("model", or(&answer.model, meta.model));
    json::list(object.member("choices"), &answer.choices, |out, choice| {
        write_choice(choice, meta.same_format, out);
    });
    let extra = if meta.same_format { answer.extra.0.as_slice() } else { &[] };
    if let Some(tokens) = &answer.usage {
        let rest = extra.iter().find(|(name, _)| *name == "usage").and_then(|(_, raw)| raw.read().ok());
        usage::write(tokens, &rest.unwrap_or_default(), object.member("usage"));
    }
    for (name, value) in extra.iter().filter(|(name, _)| *name != "usage") {
        object.set(name, value);
    }
    object.set_some("sluice", meta.note);
    object.close();
    out
}

/// `told`, or `default` where the provider told nothing.
pub(super) fn or<'t>(told: &'t str, default: &'t str) -> &'t str {
    if told.is_empty() { default } else { told }
}

fn write_members(members: &Members<'_>, object: &mut ObjectWriter<'_>) {
    for (name, value) in &members.0 {
        object.set(name, value);
    }
}

fn write_choice(choice: &Choice<'_>, same_format: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"index\":");
    json::write(out, &choice.index);
    out.extend_from_slice(b",\"message\":");
    write_message(choice, same_format, out);
    finish::write(&choice.finish, same_format, out);
    out.push(b'}');
}

fn write_message(choice: &Choice<'_>, same_format: bool, out: &mut Vec<u8>) {
    let parts = &choice.parts;
    let text = join(parts, |part| if let Part::Text { text, .. } = part { Some(text) } else { None });
    let refusal = join(parts, |part| if let Part::Refusal { text } = part { Some(text) } else { None });
    let reasoning =
        join(parts, |part| if let Part::Reasoning { text, .. } = part { Some(text) } else { None });
    let sealed = wire::is_sealed(parts);
    let calls = || parts.iter().filter(|part| is_call(part, same_format));

    let mut object = ObjectWriter::open(out);
    object.set("role", "assistant");
    let others =
        || parts.iter().filter(|part| matches!(part, Part::Other { .. }) && !is_call(part, same_format));
    if same_format && others().next().is_some() {
        let content = parts.iter().filter(|part| {
            matches!(part, Part::Text { .. } | Part::Other { .. }) && !is_call(part, same_format)
        });
        json::list(object.member("content"), content, write_content_part);
    } else if text.is_none() && (refusal.is_some() || calls().next().is_some()) {
        object.raw("content", "null");
    } else {
        object.set("content", text.as_deref().unwrap_or_default());
    }
    match &refusal {
        Some(refusal) => object.set("refusal", refusal),
        None => object.raw("refusal", "null"),
    }
    if let Some(reasoning) = reasoning.filter(|text| !text.is_empty()) {
        object.set("reasoning_content", &reasoning);
    }
    let cited = || cite::all(parts).filter(|(citation, _)| cite::is_told(citation, same_format));
    if cited().next().is_some() {
        json::list(object.member("annotations"), cited(), |out, (citation, span)| {
            annotation::write_nested(citation, span, same_format, out);
        });
    }
    if sealed {
        wire::write_thinking_blocks(parts, object.member("thinking_blocks"));
    }
    if calls().next().is_some() {
        json::list(object.member("tool_calls"), calls(), |out, part| {
            write_call(part, google::on(parts, part), same_format, out);
        });
    }
    if same_format {
        write_members(&choice.extra, &mut object);
    }
    object.close();
}

/// The texts that `text` finds, in one.
fn join<'p>(parts: &'p [Part<'_>], text: impl Fn(&'p Part<'_>) -> Option<&'p Str<'p>>) -> Option<String> {
    let mut joined: Option<String> = None;
    for text in parts.iter().filter_map(text) {
        joined.get_or_insert_default().push_str(text);
    }
    joined
}

fn write_content_part(out: &mut Vec<u8>, part: &Part<'_>) {
    match part {
        Part::Other { raw, .. } => json::write(out, raw),
        Part::Text { text, .. } => {
            let mut object = ObjectWriter::open(out);
            object.set("type", "text");
            object.set("text", text);
            object.close();
        }
        _ => out.extend_from_slice(b"null"),
    }
}

/// Whether the part stands among the calls. Calls of unknown kinds have an id, parts of content have none.
pub(super) fn is_call(part: &Part<'_>, same_format: bool) -> bool {
    match part {
        Part::ToolCall { .. } => true,
        Part::Other { raw, .. } if same_format => {
            raw.read::<Members<'_>>().is_ok_and(|members| members.value("id").is_some())
        }
        _ => false,
    }
}

fn write_call(part: &Part<'_>, signature: Option<&str>, same_format: bool, out: &mut Vec<u8>) {
    let Part::ToolCall { id, name, arguments, extra, .. } = part else {
        if let Part::Other { raw, .. } = part {
            json::write(out, raw);
        }
        return;
    };
    let mut object = ObjectWriter::open(out);
    object.set("id", id);
    object.set("type", "function");
    let mut function = ObjectWriter::open(object.member("function"));
    function.set("name", name);
    function.set("arguments", arguments);
    function.close();
    if same_format {
        write_members(extra, &mut object);
    }
    google::write(signature, Some(extra).filter(|_| same_format), &mut object);
    object.close();
}
