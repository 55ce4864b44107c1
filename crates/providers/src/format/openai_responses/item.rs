//! Items of output, written for callers.

use sluice_types::{
    citation::{Citation, Span, characters},
    json::Members,
};

use super::seal;
use crate::format::{
    annotation, cite,
    json::{self, ObjectWriter},
};

/// A piece of a message.
#[derive(Clone, Copy, Debug)]
pub(super) enum Said<'s> {
    /// Text.
    Text {
        text: &'s str,
        /// What it rests on.
        citations: &'s [Citation<'s>],
        /// Whether the answer came in this format.
        same_format: bool,
    },
    /// The model says that it will not answer.
    Refusal(&'s str),
}

/// How an item's id begins, by its kind.
#[derive(Clone, Copy, Debug)]
pub(super) enum Prefix {
    Message,
    Thought,
    Call,
}

/// The id of the item `index` of the response whose id ends in `tail`.
pub(super) fn id(prefix: Prefix, tail: &str, index: usize) -> String {
    let prefix = match prefix {
        Prefix::Message => "msg",
        Prefix::Thought => "rs",
        Prefix::Call => "fc",
    };
    format!("{prefix}_{tail}_{index}")
}

/// What of a response's id, or of a request's, tells it apart from others.
pub(super) fn tail(id: &str) -> &str {
    id.strip_prefix("resp_").or_else(|| id.strip_prefix("req_")).unwrap_or(id)
}

/// Writes a message. `extra` are its own members that mean nothing here, and those of its only text.
pub(super) fn write_message<'s>(
    id: &str,
    status: &str,
    content: impl IntoIterator<Item = Said<'s>>,
    extra: Option<&Members<'_>>,
    out: &mut Vec<u8>,
) {
    let mut item = ObjectWriter::open(out);
    item.set("id", id);
    item.set("type", "message");
    item.set("role", "assistant");
    item.set("status", status);
    json::list(item.member("content"), content, |out, said| write_said(said, extra, out));
    write_extra(extra, |name| !is_of_text(name), &mut item);
    item.close();
}

/// Writes a piece of a message.
pub(super) fn write_said(said: Said<'_>, extra: Option<&Members<'_>>, out: &mut Vec<u8>) {
    let mut piece = ObjectWriter::open(out);
    match said {
        Said::Text { text, citations, same_format } => {
            piece.set("type", "output_text");
            piece.set("text", text);
            if !citations.is_empty() || extra.is_none_or(|extra| extra.value("annotations").is_none()) {
                let told = citations.iter().filter(|citation| cite::is_told(citation, same_format));
                json::list(piece.member("annotations"), told, |out, citation| {
                    let span = citation.span.unwrap_or(Span { start: 0, end: characters(text) });
                    annotation::write_flat(citation, span, same_format, out);
                });
            }
            write_extra(extra, is_of_text, &mut piece);
        }
        Said::Refusal(text) => {
            piece.set("type", "refusal");
            piece.set("refusal", text);
        }
    }
    piece.close();
}

/// Whether an unknown member of an answer is its text's, and not its message's.
fn is_of_text(name: &str) -> bool {
    matches!(name, "annotations" | "logprobs")
}

fn write_extra(extra: Option<&Members<'_>>, which: impl Fn(&str) -> bool, object: &mut ObjectWriter<'_>) {
    for (name, value) in extra.into_iter().flat_map(|extra| &extra.0).filter(|(name, _)| which(name)) {
        object.set(name, value);
    }
}

/// Writes a call. What `extra` holds of `id` and `status` is the provider's own.
pub(super) fn write_call(
    id: &str,
    status: &str,
    (call_id, name, arguments): (&str, &str, &str),
    extra: Option<&Members<'_>>,
    out: &mut Vec<u8>,
) {
    let mut item = ObjectWriter::open(out);
    let own = |name| extra.is_some_and(|extra| extra.value(name).is_some());
    if !own("id") {
        item.set("id", id);
    }
    item.set("type", "function_call");
    if !own("status") {
        item.set("status", status);
    }
    item.set("call_id", call_id);
    item.set("name", name);
    item.set("arguments", arguments);
    write_extra(extra, |_| true, &mut item);
    item.close();
}

/// Writes a thought.
pub(super) fn write_thought(id: &str, text: &str, encrypted: Option<&str>, out: &mut Vec<u8>) {
    let mut item = ObjectWriter::open(out);
    if !id.is_empty() {
        item.set("id", id);
    }
    item.set("type", "reasoning");
    json::list(item.member("summary"), (!text.is_empty()).then_some(text), write_summary);
    item.set_some("encrypted_content", encrypted.as_ref());
    item.close();
}

/// Writes a thought under its seal: OpenAI's own stands in the item it came in.
pub(super) fn write_sealed(id: &str, text: &str, signature: &str, out: &mut Vec<u8>) {
    let id = seal::own(signature).map_or(id, |(own, _)| own);
    write_thought(id, text, Some(&seal::told(signature, id)), out);
}

/// Writes a piece of a thought's summary.
pub(super) fn write_summary(out: &mut Vec<u8>, text: &str) {
    let mut piece = ObjectWriter::open(out);
    piece.set("type", "summary_text");
    piece.set("text", text);
    piece.close();
}
