//! Events, written as frames for the caller.
//!
//! Blocks never interleave here: a change of kind, or of tool call, stops the block before it. Most providers tell
//! their tool calls one after the other. Where one goes on with an earlier call after another has begun, what comes
//! cannot be said any more: the stream ends with an error frame instead of a call with broken arguments.

use sluice_types::{
    answer::{Finish, FinishReason},
    citation::Citation,
    error::{ErrorKind, Failure},
    event::{Delta, Event},
    json::{Members, Raw},
    usage::Usage,
};

use super::super::{
    citation,
    error::write_stream_error,
    finish::{self, Held},
    usage,
};
use crate::format::{
    Meta, cite,
    json::{ObjectWriter, write},
};

/// Writes a stream for the caller.
#[derive(Debug)]
pub struct Writer {
    id: String,
    model: String,
    same_format: bool,
    /// Counts told so far.
    usage: Option<Usage>,
    /// Whether `message_start` has been written; it waits for the counts that may come right after the start.
    started: bool,
    /// The block that is open.
    open: Option<Open>,
    /// The index of the next block.
    next: u32,
    /// The greatest tool call begun so far.
    latest_call: Option<u32>,
    held: Held,
    finish: Option<Finish<'static>>,
    /// Whether nothing more may be written.
    over: bool,
}

/// The kinds of block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Text {
        /// Whether it has been cited: words that follow are not.
        cited: bool,
    },
    Refusal,
    Thinking {
        /// Whether its signature has been told: the next thought is another one.
        sealed: bool,
    },
    Tool(u32),
}

/// What keeps a silent stream open.
pub fn heartbeat() -> &'static [u8] {
    b"event: ping\ndata: {\"type\":\"ping\"}\n\n"
}

impl Writer {
    /// A writer at the start of a stream.
    pub fn new(meta: &Meta<'_>) -> Self {
        Self {
            id: meta.id.to_owned(),
            model: meta.model.to_owned(),
            same_format: meta.same_format,
            usage: None,
            started: false,
            open: None,
            next: 0,
            latest_call: None,
            held: Held::default(),
            finish: None,
            over: false,
        }
    }

    /// Appends what `event` is in this format. Only the first choice can be told. [`Event::End`] and
    /// [`Event::Failed`] write nothing: they are for [`end`](Self::end) and [`write_stream_error`].
    pub fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match event {
            Event::Start { id, model, .. } => {
                if !id.is_empty() {
                    self.id = id.to_string();
                }
                if !model.is_empty() {
                    self.model = model.to_string();
                }
            }
            Event::Delta { choice: 0, delta } => self.delta(delta, out),
            Event::Finish { choice: 0, finish } => {
                self.start(out);
                self.close(out);
                self.finish = Some(finish.clone().into_owned());
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Delta { .. } | Event::Finish { .. } | Event::End | Event::Failed(_) => {}
        }
    }

    /// Appends the end of the stream, with `usage` (else what the events told last) and `note` as the member `sluice`
    /// of `message_delta`.
    pub fn end(&mut self, usage: Option<&Usage>, note: Option<&Raw<'_>>, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        self.start(out);
        self.close(out);
        self.over = true;
        let finish = self.finish.take().unwrap_or_else(|| Finish::plain(FinishReason::Stop));
        out.extend_from_slice(b"event: message_delta\ndata: ");
        let mut frame = ObjectWriter::open(out);
        frame.set("type", "message_delta");
        let mut delta = ObjectWriter::open(frame.member("delta"));
        delta.set("stop_reason", finish::write(&finish, self.held, self.same_format));
        delta.set("stop_sequence", &finish.stop_sequence);
        delta.close();
        let counts = usage.copied().or(self.usage).unwrap_or_default();
        usage::write(frame.member("usage"), &counts, &Members::default());
        if let Some(note) = note {
            frame.raw("sluice", note.text());
        }
        frame.close();
        out.extend_from_slice(b"\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    }

    fn delta(&mut self, delta: &Delta<'_>, out: &mut Vec<u8>) {
        match delta {
            Delta::Text(text) if !text.is_empty() => {
                self.ensure(Open::Text { cited: false }, out);
                self.text_delta(b"text_delta\",\"text", text, out);
            }
            Delta::Refusal(text) if !text.is_empty() => {
                self.held.refusal = true;
                self.ensure(Open::Refusal, out);
                self.text_delta(b"text_delta\",\"text", text, out);
            }
            Delta::Citation(cited) => self.cite(cited, out),
            Delta::Reasoning(text) if !text.is_empty() => {
                self.ensure(Open::Thinking { sealed: false }, out);
                self.text_delta(b"thinking_delta\",\"thinking", text, out);
            }
            Delta::Signature(signature) if !signature.is_empty() => {
                // A seal may stand alone: some thoughts are told by their seal only. Seals may come in pieces too.
                if !matches!(self.open, Some(Open::Thinking { .. })) {
                    self.ensure(Open::Thinking { sealed: false }, out);
                }
                self.open = Some(Open::Thinking { sealed: true });
                self.text_delta(b"signature_delta\",\"signature", signature, out);
            }
            Delta::RedactedReasoning(data) => {
                self.begin(out);
                out.extend_from_slice(b"{\"type\":\"redacted_thinking\",\"data\":");
                write(out, data);
                out.extend_from_slice(b"}}\n\n");
                self.stop(out);
            }
            Delta::ToolCall { index, id, name } => {
                // Told again, a call is the one that is known.
                if self.latest_call.is_some_and(|latest| *index <= latest) {
                    return;
                }
                self.begin(out);
                self.open = Some(Open::Tool(*index));
                self.latest_call = Some(*index);
                self.held.calls = true;
                out.extend_from_slice(b"{\"type\":\"tool_use\",\"id\":");
                write(out, id);
                out.extend_from_slice(b",\"name\":");
                write(out, name);
                out.extend_from_slice(b",\"input\":{}}}\n\n");
            }
            Delta::Arguments { index, json } if !json.is_empty() => self.arguments(*index, json, out),
            Delta::Text(_)
            | Delta::Refusal(_)
            | Delta::Reasoning(_)
            | Delta::Signature(_)
            | Delta::Arguments { .. } => {}
        }
    }

    fn arguments(&mut self, index: u32, json: &str, out: &mut Vec<u8>) {
        if self.open == Some(Open::Tool(index)) {
            self.text_delta(b"input_json_delta\",\"partial_json", json, out);
        } else if !json.trim().is_empty() {
            self.start(out);
            self.close(out);
            self.over = true;
            let message =
                "the provider mixed the arguments of several tool calls, which Anthropic Messages cannot say";
            write_stream_error(&Failure::new(ErrorKind::UpstreamInvalid, message), &self.id, out);
        }
    }

    /// Tells what the open text rests on. A citation that comes when that has been closed has no place any more.
    fn cite(&mut self, told: &Citation<'_>, out: &mut Vec<u8>) {
        if !matches!(self.open, Some(Open::Text { .. })) || !cite::is_told(told, self.same_format) {
            return;
        }
        self.open = Some(Open::Text { cited: true });
        out.extend_from_slice(
            b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":",
        );
        write(out, &self.next);
        out.extend_from_slice(b",\"delta\":{\"type\":\"citations_delta\",\"citation\":");
        citation::write(told, self.same_format, out);
        out.extend_from_slice(b"}}\n\n");
    }

    /// Makes sure that a block of this kind is open.
    fn ensure(&mut self, kind: Open, out: &mut Vec<u8>) {
        if self.open == Some(kind) {
            return;
        }
        self.begin(out);
        self.open = Some(kind);
        let empty: &[u8] = match kind {
            Open::Thinking { .. } => b"{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n",
            Open::Text { .. } | Open::Refusal | Open::Tool(_) => b"{\"type\":\"text\",\"text\":\"\"}}\n\n",
        };
        out.extend_from_slice(empty);
    }

    /// Begins a block; the caller writes what it begins with and ends the frame.
    fn begin(&mut self, out: &mut Vec<u8>) {
        self.start(out);
        self.close(out);
        out.extend_from_slice(
            b"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":",
        );
        write(out, &self.next);
        out.extend_from_slice(b",\"content_block\":");
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if self.open.take().is_some() {
            self.stop(out);
        }
    }

    fn stop(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(
            b"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":",
        );
        write(out, &self.next);
        out.extend_from_slice(b"}\n\n");
        self.next = self.next.saturating_add(1);
    }

    /// A delta of the open block; `kind` is its type and the name of its text, as they stand between quotes.
    fn text_delta(&self, kind: &[u8], text: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(
            b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":",
        );
        write(out, &self.next);
        out.extend_from_slice(b",\"delta\":{\"type\":\"");
        out.extend_from_slice(kind);
        out.extend_from_slice(b"\":");
        write(out, text);
        out.extend_from_slice(b"}}\n\n");
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        if self.started {
            return;
        }
        self.started = true;
        out.extend_from_slice(b"event: message_start\ndata: ");
        let mut frame = ObjectWriter::open(out);
        frame.set("type", "message_start");
        let mut message = ObjectWriter::open(frame.member("message"));
        message.set("id", &self.id);
        message.set("type", "message");
        message.set("role", "assistant");
        message.set("model", &self.model);
        message.raw("content", "[]");
        message.raw("stop_reason", "null");
        message.raw("stop_sequence", "null");
        let counts = self.usage.unwrap_or_default();
        usage::write(message.member("usage"), &counts, &Members::default());
        message.close();
        frame.close();
        out.extend_from_slice(b"\n\n");
    }
}

#[cfg(test)]
mod tests {
    use sluice_types::usage::Source;

    use super::*;

    fn writer() -> Writer {
        Writer::new(&Meta {
            id: "msg_1",
            created: 0,
            model: "m",
            note: None,
            include_usage: true,
            same_format: false,
            json_array: false,
            searched: None,
        })
    }

    fn delta(delta: Delta<'static>) -> Event<'static> {
        Event::Delta { choice: 0, delta }
    }

    fn call(index: u32) -> Event<'static> {
        delta(Delta::ToolCall { index, id: "t".into(), name: "f".into() })
    }

    fn arguments(index: u32, json: &'static str) -> Event<'static> {
        delta(Delta::Arguments { index, json: json.into() })
    }

    fn written(events: &[Event<'_>]) -> String {
        let (mut writer, mut out) = (writer(), Vec::new());
        for event in events {
            writer.event(event, &mut out);
        }
        writer.end(None, None, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_start_waits_for_the_counts() {
        let (mut writer, mut out) = (writer(), Vec::new());
        writer.event(&Event::Start { id: "a".into(), model: "b".into(), created: None }, &mut out);
        writer.event(&Event::Usage(Usage { input_uncached: 40, ..Usage::default() }), &mut out);
        assert!(out.is_empty());
        writer.event(&delta(Delta::Text("hi".into())), &mut out);
        let start = String::from_utf8(out).unwrap();
        assert!(start.starts_with("event: message_start\n"));
        assert!(start.contains(r#""id":"a","type":"message","role":"assistant","model":"b""#), "{start}");
        assert!(start.contains(r#""input_tokens":40"#), "{start}");
    }

    #[test]
    fn each_thought_has_its_own_seal() {
        let thought = |text: &'static str| delta(Delta::Reasoning(text.into()));
        let seal = delta(Delta::Signature("s".into()));
        let told = written(&[thought("a"), thought("b"), seal.clone(), thought("c"), seal]);
        assert_eq!(told.matches("content_block_start\n").count(), 2);
        assert_eq!(told.matches("content_block_stop\n").count(), 2);
        assert_eq!(told.matches("signature_delta").count(), 2);
    }

    #[test]
    fn mixed_arguments_end_the_stream_with_an_error() {
        let told = written(&[call(0), call(1), arguments(1, "{"), arguments(0, "{}"), arguments(1, "}")]);
        assert!(told.ends_with("\n\n") && told.contains("event: error\n"), "{told}");
        assert!(!told.contains("message_stop"));
        assert_eq!(
            told.matches("content_block_start\n").count(),
            told.matches("content_block_stop\n").count()
        );
    }

    #[test]
    fn a_refusal_is_text_and_the_reason() {
        let finish = Event::Finish { choice: 0, finish: Finish::plain(FinishReason::Stop) };
        let told = written(&[delta(Delta::Refusal("no".into())), finish]);
        assert!(told.contains(r#"{"type":"text_delta","text":"no"}"#));
        assert!(told.contains(r#""stop_reason":"refusal""#));
    }

    #[test]
    fn the_end_repeats_all_counts() {
        let (mut writer, mut out) = (writer(), Vec::new());
        let usage = Usage {
            input_uncached: 4,
            cache_read: 6,
            output_text: 7,
            source: Source::Provider,
            ..Usage::default()
        };
        let note = Raw::parse(r#"{"cost_usd":0.1}"#).unwrap();
        writer.end(Some(&usage), Some(&note), &mut out);
        let told = String::from_utf8(out).unwrap();
        let expected = concat!(
            r#"data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"#,
            r#""usage":{"input_tokens":4,"cache_creation_input_tokens":0,"cache_read_input_tokens":6,"output_tokens":7},"#,
            r#""sluice":{"cost_usd":0.1}}"#,
        );
        assert!(told.contains(expected), "{told}");
    }
}
