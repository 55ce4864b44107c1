//! Whole answers.

use serde_json::value::RawValue;
use sluice_types::{
    answer::{Answer, Choice, Finish, FinishReason},
    chat::Part,
    error::{ErrorKind, Failure},
    json::{Members, Raw, Str, from_bytes},
    usage::Usage,
};

use super::{
    error::{failed, unreadable},
    finish::{self, Held},
    item::{self, Prefix, Said, tail},
    usage,
    wire::{self, Item, Response},
};
use crate::format::{
    Meta,
    json::{self, ObjectWriter},
};

/// The members of a response that are read.
const KNOWN: &[&str] = &[
    "id",
    "object",
    "created_at",
    "model",
    "status",
    "output",
    "usage",
    "error",
    "incomplete_details",
    "sluice",
];

/// Reads a provider's whole answer.
///
/// # Errors
///
/// [`UpstreamTruncated`](ErrorKind::UpstreamTruncated) if the body breaks off,
/// [`UpstreamInvalid`](ErrorKind::UpstreamInvalid) if it is no answer; an error inside a success is read as one.
pub fn read_answer(body: &[u8]) -> Result<Answer<'_>, Failure> {
    let response: Response<'_> = from_bytes(body).map_err(|error| unreadable(&error, body))?;
    let status = response.status.0.as_deref().unwrap_or_default();
    if response.error.is_some() || matches!(status, "failed" | "cancelled") {
        return Err(failed(response.error));
    }
    let invalid = |message| Err(Failure::new(ErrorKind::UpstreamInvalid, message));
    if matches!(status, "queued" | "in_progress") {
        return invalid("the provider has not finished its answer");
    }
    let Some(output) = response.output.filter(|output| output.get().starts_with('[')) else {
        return invalid("the provider's answer holds no output");
    };
    let incomplete = response.incomplete();
    let id = response.id.0.unwrap_or_default();
    Ok(Answer {
        choices: vec![choice(wire::list(Some(output)), incomplete, &id)],
        id,
        model: response.model.0.unwrap_or_default(),
        created: response.created_at.count(),
        usage: response.usage.and_then(|usage| usage::read(usage.get())),
        extra: wire::rest(std::str::from_utf8(body).unwrap_or_default(), |name| KNOWN.contains(&name)),
    })
}

fn choice<'a>(items: Vec<&'a RawValue>, incomplete: Option<Str<'a>>, answer_id: &str) -> Choice<'a> {
    let mut parts = Vec::new();
    for (index, item) in items.iter().enumerate() {
        parts.extend(wire::parts(item, || item::id(Prefix::Call, tail(answer_id), index)));
    }
    let finish = finish::read(incomplete, held(&parts));
    Choice { index: 0, parts, finish, extra: only_text(&items) }
}

/// What stands beside an answer's text where it has only one: beside several it could not be told where it belongs.
fn only_text<'a>(items: &[&'a RawValue]) -> Members<'a> {
    let messages = items.iter().filter_map(|raw| {
        let item = serde_json::from_str::<Item<'a>>(raw.get()).ok()?;
        (item.kind() == "message").then(|| (raw.get(), item.pieces()))
    });
    let [(message, pieces)] = &messages.collect::<Vec<_>>()[..] else { return Members::default() };
    let [piece] = pieces[..] else { return Members::default() };
    let known = |name: &str| matches!(name, "id" | "type" | "role" | "status" | "content");
    let mut extra = wire::rest(message, known);
    extra.0.extend(
        wire::rest(piece.get(), |name| matches!(name, "type" | "text" | "refusal" | "annotations")).0,
    );
    extra.0.retain(|(_, value)| !matches!(value.text(), "[]" | "null"));
    extra
}

/// What an answer holds that changes what its end means.
pub(super) fn held(parts: &[Part<'_>]) -> Held {
    Held {
        calls: parts.iter().any(|part| matches!(part, Part::ToolCall { .. })),
        refusal: parts.iter().any(|part| matches!(part, Part::Refusal { .. })),
    }
}

/// Writes a whole answer for the caller: its first choice, for this format has no others.
///
/// Neighbouring texts and refusals are one message. Parts this format has no word for are left out. What the response
/// would repeat of the request (tools, instructions, limits) has neutral values.
pub fn write_answer(answer: &Answer<'_>, meta: &Meta<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(2048);
    let mut head = Head::new(meta);
    head.told(&answer.id, &answer.model, answer.created, meta.same_format);
    let choice = answer.choices.first();
    let nothing = Finish::plain(FinishReason::Stop);
    let (parts, finish) = choice.map_or((&[][..], &nothing), |choice| (&choice.parts, &choice.finish));
    let end = End { finish, held: held(parts), usage: answer.usage.as_ref() };
    let extra = Some(&answer.extra).filter(|_| meta.same_format);
    let output = |out: &mut Vec<u8>| {
        if let Some(choice) = choice {
            write_output(choice, tail(&head.id), meta, out);
        }
    };
    head.write(Some(&end), output, extra, meta.note, &mut out);
    out
}

/// Who answers.
#[derive(Debug)]
pub(super) struct Head {
    /// The response's id.
    pub(super) id: String,
    created: u64,
    model: String,
}

/// How an answer ended.
#[derive(Debug)]
pub(super) struct End<'e> {
    pub(super) finish: &'e Finish<'e>,
    pub(super) held: Held,
    pub(super) usage: Option<&'e Usage>,
}

impl Head {
    /// Who answers, as `meta` knows it.
    pub(super) fn new(meta: &Meta<'_>) -> Self {
        let id = format!("resp_{}", tail(meta.id));
        Self { id, created: meta.created, model: meta.model.to_owned() }
    }

    /// Takes what the provider told. Another format's id is no response's.
    pub(super) fn told(&mut self, id: &str, model: &str, created: Option<u64>, same_format: bool) {
        if same_format && !id.is_empty() {
            id.clone_into(&mut self.id);
        }
        if !model.is_empty() {
            model.clone_into(&mut self.model);
        }
        self.created = created.unwrap_or(self.created);
    }

    /// Writes the response as it stands: in progress, or ended.
    pub(super) fn write(
        &self,
        end: Option<&End<'_>>,
        output: impl FnOnce(&mut Vec<u8>),
        extra: Option<&Members<'_>>,
        note: Option<&Raw<'_>>,
        out: &mut Vec<u8>,
    ) {
        let incomplete = end.and_then(|end| finish::incomplete(end.finish, end.held));
        let mut object = ObjectWriter::open(out);
        object.set("id", &self.id);
        object.set("object", "response");
        object.set("created_at", &self.created);
        object.set(
            "status",
            match (end, incomplete) {
                (None, _) => "in_progress",
                (Some(_), None) => "completed",
                (Some(_), Some(_)) => "incomplete",
            },
        );
        object.raw("error", "null");
        match incomplete {
            Some(reason) => {
                let mut details = ObjectWriter::open(object.member("incomplete_details"));
                details.set("reason", reason);
                details.close();
            }
            None => object.raw("incomplete_details", "null"),
        }
        object.set("model", &self.model);
        let items = object.member("output");
        items.push(b'[');
        output(items);
        items.push(b']');
        write_echo(extra, &mut object);
        match end.and_then(|end| end.usage) {
            Some(counts) => usage::write(counts, object.member("usage")),
            None => object.raw("usage", "null"),
        }
        if let Some(end) = end {
            finish::write_native(end.finish, incomplete, &mut object);
        }
        for (name, value) in extra.into_iter().flat_map(|extra| &extra.0) {
            object.set(name, value);
        }
        object.set_some("sluice", note);
        object.close();
    }
}

/// Writes what a response repeats of its request, where the provider's own (`extra`) does not say it: neutral values,
/// since the caller knows what it asked for.
fn write_echo(extra: Option<&Members<'_>>, object: &mut ObjectWriter<'_>) {
    for (name, neutral) in [
        ("instructions", "null"),
        ("max_output_tokens", "null"),
        ("metadata", "{}"),
        ("parallel_tool_calls", "true"),
        ("previous_response_id", "null"),
        ("reasoning", r#"{"effort":null,"summary":null}"#),
        ("temperature", "null"),
        ("text", r#"{"format":{"type":"text"}}"#),
        ("tool_choice", r#""auto""#),
        ("tools", "[]"),
        ("top_p", "null"),
        ("truncation", r#""disabled""#),
    ] {
        if extra.is_none_or(|extra| extra.value(name).is_none()) {
            object.raw(name, neutral);
        }
    }
}

/// An item that is to be written.
enum Out<'p, 'a> {
    Message(Vec<Said<'p>>),
    Part(&'p Part<'a>),
}

/// Writes the items of `choice`, without the brackets of their list.
fn write_output(choice: &Choice<'_>, tail: &str, meta: &Meta<'_>, out: &mut Vec<u8>) {
    let same_format = meta.same_format;
    let mut items: Vec<Out<'_, '_>> = Vec::new();
    for part in &choice.parts {
        let said = match part {
            Part::Text { text, citations, .. } if same_format || !text.is_empty() => {
                Said::Text { text, citations, same_format }
            }
            Part::Refusal { text } => Said::Refusal(text),
            Part::ToolCall { .. } | Part::Reasoning { .. } | Part::RedactedReasoning { .. } => {
                items.push(Out::Part(part));
                continue;
            }
            Part::Other { .. } if same_format => {
                items.push(Out::Part(part));
                continue;
            }
            _ => continue,
        };
        match items.last_mut() {
            Some(Out::Message(content)) => content.push(said),
            Some(Out::Part(_)) | None => items.push(Out::Message(vec![said])),
        }
    }
    let extra = Some(&choice.extra).filter(|_| same_format);
    let last = items.len().saturating_sub(1);
    if let Some(searched) = meta.searched {
        json::write(out, searched);
    }
    for (index, item) in items.iter().enumerate() {
        if 0 < index || meta.searched.is_some() {
            out.push(b',');
        }
        let cut = index == last && finish::is_cut(&choice.finish);
        let status = if cut { "incomplete" } else { "completed" };
        match item {
            Out::Message(content) => {
                let id = item::id(Prefix::Message, tail, index);
                item::write_message(&id, status, content.iter().copied(), extra, out);
            }
            Out::Part(part) => write_part(part, (tail, index), status, same_format, out),
        }
    }
}

fn write_part(
    part: &Part<'_>,
    (tail, index): (&str, usize),
    status: &str,
    same_format: bool,
    out: &mut Vec<u8>,
) {
    match part {
        Part::ToolCall { id, name, arguments, extra, .. } => {
            let arguments = if arguments.is_empty() && status == "completed" { "{}" } else { arguments };
            let extra = Some(extra).filter(|_| same_format);
            let item = item::id(Prefix::Call, tail, index);
            item::write_call(&item, status, (id, name, arguments), extra, out);
        }
        Part::Reasoning { text, signature } => {
            let id = item::id(Prefix::Thought, tail, index);
            match signature {
                Some(signature) => item::write_sealed(&id, text, signature, out),
                None => item::write_thought(&id, text, None, out),
            }
        }
        Part::RedactedReasoning { data } => {
            let encrypted = super::seal::told_redacted(data);
            item::write_thought(&item::id(Prefix::Thought, tail, index), "", Some(&encrypted), out);
        }
        Part::Other { raw, .. } => json::write(out, raw),
        _ => out.extend_from_slice(b"null"),
    }
}
