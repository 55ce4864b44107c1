//! A provider's stream on its way to the caller, as a machine fed by hand: bytes in, bytes out.
//!
//! ```text
//! opening ──first delta or finish──► committed ──end marker──► ended
//!    └── error frame, unreadable frame, end of body: a failed attempt
//!                                        └── the same after commit: an error frame to the caller
//! ```
//!
//! A stream in the caller's own format is relayed frame by frame as it came, so that nothing unknown is lost; any other
//! is read into events and written anew. Guardrails see the events between reader and writer.

use std::rc::Rc;

use sluice_providers::{
    collect::Collector,
    format::{Chat, Meta, Protocol, Reader, Writer},
    frames::Decoder,
};
use sluice_types::{
    answer::{Answer, FinishReason},
    error::{ErrorKind, Failure},
    event::{Delta, Event},
    json::Raw,
    usage::{Source, Usage},
};

use crate::{
    grounded::{Grounds, cite},
    guardrail::answer::{Guard, Stream},
    undo::{Filter, Undo},
};

/// What is to be told in the last usage frame's `sluice` member, once the tokens are counted.
pub type Note<'a> = &'a dyn Fn(&Usage) -> Option<Raw<'static>>;

/// What a stream has told so far.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Tokens as the provider counted them.
    pub usage: Option<Usage>,
    /// The model as the provider names it.
    pub model: Option<String>,
    /// Why the first answer ended.
    pub finish: Option<FinishReason>,
    /// Pieces of the answer so far.
    pub pieces: u64,
    /// Bytes of text, refusals and tool arguments.
    text_bytes: u64,
    /// Bytes of reasoning.
    reasoning_bytes: u64,
}

impl Seen {
    /// Tokens counted, or estimated where the provider did not say: `input` is the prompt's estimate; output is taken
    /// as four bytes a token. `cut` marks an answer that broke off: what was told is kept, the rest estimated.
    pub fn usage(&self, input: u64, cut: bool) -> Usage {
        let guess = |bytes: u64| bytes.div_ceil(4);
        match self.usage {
            Some(usage) if !cut => usage,
            Some(usage) => Usage {
                output_text: usage.output_text.max(guess(self.text_bytes)),
                reasoning: usage.reasoning.max(guess(self.reasoning_bytes)),
                source: Source::Partial,
                ..usage
            },
            None => Usage {
                input_uncached: input,
                output_text: guess(self.text_bytes),
                reasoning: guess(self.reasoning_bytes),
                source: if cut { Source::Partial } else { Source::Estimated },
                ..Usage::default()
            },
        }
    }

    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Start { model, .. } => self.model = Some(model.to_string()),
            Event::Delta { delta, .. } => {
                self.pieces += 1;
                self.delta(delta);
            }
            Event::Finish { choice, finish } if *choice == 0 => self.finish = Some(finish.reason),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Finish { .. } | Event::End | Event::Failed(_) => {}
        }
    }

    fn delta(&mut self, delta: &Delta<'_>) {
        match delta {
            Delta::Text(text) | Delta::Refusal(text) | Delta::Arguments { json: text, .. } => {
                self.text_bytes += text.len() as u64;
            }
            Delta::Reasoning(text) => self.reasoning_bytes += text.len() as u64,
            Delta::ToolCall { name, .. } => self.text_bytes += name.len() as u64,
            Delta::Citation(_) | Delta::Signature(_) | Delta::RedactedReasoning(_) => {}
        }
    }
}

/// A provider's stream on its way to the caller.
pub struct Relay {
    decoder: Decoder,
    reader: Reader,
    undo: Filter,
    guard: Option<Stream>,
    cite: Option<cite::Stream>,
    writer: Writer,
    caller: Protocol,
    verbatim: bool,
    include_usage: bool,
    input_estimate: u64,
    seen: Seen,
    committed: bool,
    ended: bool,
    usage_told: bool,
    collector: Option<Collector>,
}

impl Relay {
    /// A relay from `upstream`'s format to `caller`'s. `verbatim` keeps frames as they came and asks that both be the
    /// same format; `include_usage` is whether the caller asked for a usage frame; `input_estimate` the prompt's
    /// tokens, should the provider not count.
    pub fn new(
        upstream: Chat,
        caller: Protocol,
        verbatim: bool,
        meta: &Meta<'_>,
        input_estimate: u64,
    ) -> Self {
        Self {
            decoder: Decoder::new(upstream.framing()),
            reader: Reader::new(upstream),
            undo: Filter::default(),
            guard: None,
            cite: None,
            writer: Writer::new(caller, meta),
            caller,
            // Frames come as server-sent events: a list's items are written anew.
            verbatim: verbatim && upstream == caller.format() && !meta.json_array,
            include_usage: meta.include_usage,
            input_estimate,
            seen: Seen::default(),
            committed: false,
            ended: false,
            usage_told: false,
            collector: None,
        }
    }

    /// The same, with guardrails over what is told.
    #[must_use]
    pub fn guarded(mut self, guard: Option<&Guard>) -> Self {
        self.verbatim &= guard.is_none();
        self.guard = guard.map(Guard::stream);
        self
    }

    /// The same, with citations of these read from its text.
    #[must_use]
    pub fn citing(mut self, grounds: Option<&Rc<Grounds>>) -> Self {
        self.verbatim &= grounds.is_none();
        self.cite = grounds.cloned().map(cite::Stream::new);
        self
    }

    /// The same, gathering what is told up to `limit` bytes, for [`Relay::collected`].
    #[must_use]
    pub fn collecting(mut self, limit: Option<usize>) -> Self {
        self.collector = limit.map(Collector::new);
        self
    }

    /// The whole answer, once it has ended, if it was to be gathered.
    pub fn collected(&mut self) -> Option<Answer<'static>> {
        if self.ended { self.collector.take()?.answer() } else { None }
    }

    /// The same, with what was done to the request undone to the answer.
    #[must_use]
    pub fn undoing(mut self, undo: Undo) -> Self {
        self.verbatim &= undo.is_nothing();
        self.undo = undo.stream();
        self
    }

    /// What the stream has told so far.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Whether any output has come: from here on nothing is retried.
    pub fn committed(&self) -> bool {
        self.committed
    }

    /// Whether the provider said it is done.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Takes bytes from the provider and writes what they mean to the caller.
    ///
    /// # Errors
    ///
    /// What the provider's error frame says, or that a frame cannot be read.
    pub fn push(&mut self, bytes: &[u8], note: Note<'_>, out: &mut Vec<u8>) -> Result<(), Failure> {
        self.decoder.push(bytes);
        self.drain(note, out)
    }

    /// The provider's body has ended.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::UpstreamTruncated`] if the stream had not.
    pub fn finish(&mut self, note: Note<'_>, out: &mut Vec<u8>) -> Result<(), Failure> {
        self.decoder.finish();
        self.drain(note, out)?;
        if self.ended {
            return Ok(());
        }
        let mut ended = false;
        self.reader.finish(&mut |event| ended |= event == Event::End);
        if !ended {
            return Err(Failure::new(
                ErrorKind::UpstreamTruncated,
                "the provider's stream stopped before its end",
            ));
        }
        // A format without an end marker has told all in its last frame.
        if self.verbatim && self.usage_told && self.caller == Protocol::Gemini {
            self.ended = true;
            return Ok(());
        }
        self.end(note, out);
        Ok(())
    }

    /// Writes events that came from no stream (the builtin provider, a stored answer).
    pub fn event(&mut self, event: &Event<'_>, note: Note<'_>, out: &mut Vec<u8>) {
        self.seen.event(event);
        self.committed |= matches!(event, Event::Delta { .. } | Event::Finish { .. });
        if *event == Event::End {
            self.end(note, out);
        } else {
            self.writer.event(event, out);
        }
    }

    /// Writes the error frame that ends a stream after output has gone out.
    pub fn fail(&self, failure: &Failure, request_id: &str, out: &mut Vec<u8>) {
        self.writer.fail(failure, request_id, out);
    }

    /// Writes a sign of life that means nothing.
    pub fn heartbeat(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.caller.heartbeat());
    }

    fn end(&mut self, note: Note<'_>, out: &mut Vec<u8>) {
        let usage = self.seen.usage(self.input_estimate, false);
        self.writer.end(Some(&usage), note(&usage).as_ref(), out);
        self.ended = true;
    }

    fn drain(&mut self, note: Note<'_>, out: &mut Vec<u8>) -> Result<(), Failure> {
        loop {
            if self.ended {
                return Ok(());
            }
            let Self { decoder, reader, undo, guard, cite, writer, seen, committed, collector, .. } = self;
            let Some(frame) = decoder.next().map_err(unreadable)? else { return Ok(()) };
            let mut tells = Tells::default();
            let verbatim = self.verbatim;
            let mut told = |event: Event<'_>| {
                if let Some(collector) = collector {
                    collector.event(&event);
                }
                match &event {
                    Event::Start { .. } => tells.start = true,
                    Event::Delta { .. } => tells.output = true,
                    Event::Finish { .. } => tells.finish = true,
                    Event::Usage(_) => tells.usage = true,
                    Event::End => tells.end = true,
                    Event::Failed(_) => {}
                }
                match event {
                    Event::Failed(failure) => tells.failure = Some(failure),
                    Event::End => {}
                    // The writer learns who answers, in case it must write the end itself.
                    Event::Start { .. } if verbatim => writer.event(&event, &mut Vec::new()),
                    _ if verbatim => {}
                    event => writer.event(&event, out),
                }
            };
            let mut cited = |event: Event<'_>| match cite {
                Some(cite) => cite.event(event, &mut told),
                None => told(event),
            };
            let mut guarded = |event: Event<'_>| {
                // What is held back was said all the same, and is paid for.
                seen.event(&event);
                match guard {
                    Some(guard) => guard.event(event, &mut cited),
                    None => cited(event),
                }
            };
            if undo.is_nothing() {
                reader.frame(&frame, &mut guarded);
            } else {
                reader.frame(&frame, &mut |event| undo.event(event, &mut guarded));
            }
            *committed |= tells.output || tells.finish;
            if let Some(failure) = tells.failure.take() {
                return Err(failure);
            }
            if verbatim {
                let raw = frame.raw;
                match Self::verbatim(self.caller, self.include_usage, self.usage_told, &tells) {
                    Verbatim::AsItCame => out.extend_from_slice(raw),
                    Verbatim::Left => {}
                    Verbatim::WithNote => {
                        let usage = seen.usage(self.input_estimate, false);
                        append_member(raw, note(&usage).as_ref(), out);
                        self.usage_told = true;
                    }
                    Verbatim::EndAnew => {
                        let usage = seen.usage(self.input_estimate, false);
                        writer.end(Some(&usage), note(&usage).as_ref(), out);
                    }
                }
                self.ended = tells.end;
            } else if tells.end {
                self.end(note, out);
            }
        }
    }

    /// What becomes of a frame in the caller's own format.
    fn verbatim(caller: Protocol, include_usage: bool, usage_told: bool, tells: &Tells) -> Verbatim {
        match caller {
            Protocol::OpenaiChat if tells.end && include_usage && !usage_told => Verbatim::EndAnew,
            Protocol::OpenaiChat if tells.usage && include_usage => Verbatim::WithNote,
            Protocol::OpenaiChat if tells.usage && !tells.output && !tells.finish => Verbatim::Left,
            Protocol::AnthropicMessages | Protocol::Gemini if tells.usage && tells.finish => {
                Verbatim::WithNote
            }
            Protocol::OpenaiResponses if tells.usage && tells.end => Verbatim::WithNote,
            _ => Verbatim::AsItCame,
        }
    }
}

/// What one frame told.
#[derive(Default)]
struct Tells {
    start: bool,
    output: bool,
    finish: bool,
    usage: bool,
    end: bool,
    failure: Option<Failure>,
}

enum Verbatim {
    AsItCame,
    /// The caller did not ask for it: we did.
    Left,
    WithNote,
    /// The provider counted nothing: an estimated usage frame goes before the end.
    EndAnew,
}

fn unreadable(error: impl std::fmt::Display) -> Failure {
    Failure::new(ErrorKind::UpstreamInvalid, format!("the provider's stream cannot be read: {error}"))
}

/// Writes `frame` with the member `sluice` at the end of its JSON object.
fn append_member(frame: &[u8], note: Option<&Raw<'_>>, out: &mut Vec<u8>) {
    match (note, memchr::memrchr(b'}', frame).and_then(|brace| frame.split_at_checked(brace))) {
        (Some(note), Some((object, rest))) => {
            out.extend_from_slice(object);
            out.extend_from_slice(b",\"sluice\":");
            out.extend_from_slice(note.text().as_bytes());
            out.extend_from_slice(rest);
        }
        _ => out.extend_from_slice(frame),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = concat!(
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"A\"}]},\"x\":1}],\"usageMetadata\":{\"promptTokenCount\":4}}\r\n\r\n",
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"b\"}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":4,\"candidatesTokenCount\":2}}\r\n\r\n",
    );

    fn relayed(json_array: bool, stream: &str) -> (String, Result<(), ErrorKind>) {
        let meta = Meta {
            id: "i",
            created: 0,
            model: "m",
            note: None,
            include_usage: true,
            same_format: false,
            json_array,
            searched: None,
        };
        let mut relay = Relay::new(Chat::Gemini, Protocol::Gemini, true, &meta, 0);
        let note = |_: &Usage| Raw::parse("{\"cost_usd\":1}").map(Raw::into_owned);
        let mut out = Vec::new();
        let end = relay.push(stream.as_bytes(), &note, &mut out);
        let end = end.and_then(|()| relay.finish(&note, &mut out)).map_err(|failure| {
            relay.fail(&failure, "r", &mut out);
            failure.kind
        });
        (String::from_utf8(out).unwrap(), end)
    }

    #[test]
    fn a_stream_without_an_end_marker_is_told_as_it_came_with_the_note_once() {
        let expected = STREAM.replace("Count\":2}}\r", "Count\":2},\"sluice\":{\"cost_usd\":1}}\r");
        assert_eq!(relayed(false, STREAM), (expected, Ok(())));
    }

    #[test]
    fn a_stream_as_a_list_is_json_from_end_to_end() {
        let cut = STREAM.split_inclusive("\r\n\r\n").next().unwrap();
        for (stream, end) in [(STREAM, Ok(())), (cut, Err(ErrorKind::UpstreamTruncated))] {
            let (told, ended) = relayed(true, stream);
            assert_eq!(ended, end);
            let items: Vec<serde_json::Value> = serde_json::from_str(&told).unwrap();
            assert_eq!(items.last().unwrap().get("error").is_some(), end.is_err(), "{told}");
        }
    }
}
