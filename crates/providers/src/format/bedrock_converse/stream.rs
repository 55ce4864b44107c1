//! A provider's frames, read into events.
//!
//! ```text
//! messageStart → (contentBlockStart? → contentBlockDelta* → contentBlockStop)* → messageStop → metadata
//! ```
//!
//! Only tool calls have a start. Usage comes with `metadata`, after the reason why the answer ended. Exceptions end all, what
//! is unknown is passed over, and so are the blocks of tools that the provider runs itself.

mod wire;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::value::RawValue;
use sluice_types::{
    citation::{Citation, Span, characters},
    error::{ErrorKind, Failure},
    event::{Delta, Event},
    json::Str,
    seal::Maker,
};

use self::wire::{ToolStart, Wire, WireDelta};
use super::{citation, error::read_exception, finish, usage};
use crate::frames::Frame;

/// Reads a provider's stream.
#[derive(Debug, Default)]
pub struct Reader {
    /// The blocks that have been started, or hold something back, and have not been stopped.
    open: Vec<Block>,
    /// How many tool calls have been started.
    calls: u32,
    /// Characters of text told so far.
    characters: u32,
    /// Whether the start has been told.
    started: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Answering,
    /// The provider has said why it ended.
    Finished,
    /// The stream is over; whatever follows is not read.
    Over,
}

/// A block that has not been stopped.
#[derive(Debug)]
struct Block {
    index: u32,
    holds: Holds,
}

#[derive(Debug)]
enum Holds {
    /// A tool call, and whether it has been told any arguments.
    Call { call: u32, told: bool },
    /// A sealed thought, whose pieces are base64 each by itself.
    Sealed(Vec<u8>),
    /// Text: the characters told before it, and what it rests on.
    Text { start: u32, citations: Vec<Citation<'static>> },
}

/// The kinds of frame that are read; one of these that is broken ends the stream, others are nobody's loss.
const KNOWN: [&str; 6] =
    ["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"];

impl Reader {
    /// Tells `emit` what `frame` says. A frame that cannot be read is an [`Event::Failed`].
    pub(in crate::format) fn frame(&mut self, frame: &Frame<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        let name = frame.event.unwrap_or_default();
        if self.state == State::Over {
            return;
        }
        // So the decoder names exceptions and errors, whatever the provider calls them.
        if name.ends_with("Exception") {
            return self.failed(read_exception(name, frame.data), emit);
        }
        if !KNOWN.contains(&name) {
            return;
        }
        match serde_json::from_str::<Wire<'_>>(frame.data) {
            Ok(wire) => self.read(name, wire, emit),
            Err(_) => {
                let message = format!("a `{name}` frame of the provider's stream cannot be read");
                self.failed(Failure::new(ErrorKind::UpstreamInvalid, message), emit);
            }
        }
    }

    /// The body has ended: emits [`Event::End`] if the provider had said why its answer ended, and only what it counted
    /// is missing.
    pub(in crate::format) fn finish(&mut self, emit: &mut dyn FnMut(Event<'_>)) {
        if self.state == State::Finished {
            self.state = State::Over;
            emit(Event::End);
        }
    }

    fn read(&mut self, name: &str, wire: Wire<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        if !self.started {
            self.started = true;
            emit(Event::Start { id: Str::default(), model: Str::default(), created: None });
        }
        let index = wire.content_block_index;
        match name {
            "contentBlockDelta" => {
                if let Some(delta) = wire.delta {
                    self.delta(index, delta, emit);
                }
            }
            "contentBlockStart" => {
                if let Some(tool) = wire.start.and_then(|start| start.tool_use) {
                    self.start_call(index, tool, emit);
                }
            }
            "contentBlockStop" => self.stop_block(index, emit),
            "messageStop" => self.stop(wire.stop_reason, emit),
            "metadata" => {
                if let Some(usage) = wire.usage.and_then(usage::read) {
                    emit(Event::Usage(usage));
                }
                self.finish(emit);
            }
            _ => {}
        }
    }

    fn start_call(&mut self, index: u32, tool: ToolStart<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        self.stop_block(index, emit);
        if tool.kind.is_some() {
            return;
        }
        let call = self.calls;
        self.calls = self.calls.saturating_add(1);
        self.open.push(Block { index, holds: Holds::Call { call, told: false } });
        tell(Delta::ToolCall { index: call, id: tool.tool_use_id, name: tool.name }, emit);
    }

    fn delta(&mut self, index: u32, delta: WireDelta<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        self.text(index, delta.text, delta.citation, emit);
        if let Some(thought) = delta.reasoning_content {
            tell_some(thought.text, Delta::Reasoning, emit);
            tell_some(thought.signature, |seal| Delta::Signature(Maker::Anthropic.seal(seal)), emit);
            if let Some(piece) = thought.redacted_content {
                self.seal(index, &piece, emit);
            }
        }
        let input = delta.tool_use.and_then(|tool| tool.input).filter(|input| !input.is_empty());
        let block = self.open.iter_mut().find(|block| block.index == index);
        if let (Some(json), Some(Block { holds: Holds::Call { call, told }, .. })) = (input, block) {
            *told = true;
            tell(Delta::Arguments { index: *call, json }, emit);
        }
    }

    /// Tells text, and keeps what it rests on until its block is whole.
    fn text(
        &mut self,
        index: u32,
        text: Option<Str<'_>>,
        cited: Option<&RawValue>,
        emit: &mut dyn FnMut(Event<'_>),
    ) {
        if text.is_none() && cited.is_none() {
            return;
        }
        let start = self.characters;
        self.characters = self.characters.saturating_add(text.as_deref().map_or(0, characters));
        tell_some(text, Delta::Text, emit);
        if self.open.iter().all(|block| block.index != index) {
            self.open.push(Block { index, holds: Holds::Text { start, citations: Vec::new() } });
        }
        let block = self.open.iter_mut().find(|block| block.index == index);
        if let (Some(raw), Some(Block { holds: Holds::Text { citations, .. }, .. })) = (cited, block) {
            citations.push(citation::read(raw).into_owned());
        }
    }

    /// Keeps a piece of a sealed thought, which is told whole.
    fn seal(&mut self, index: u32, piece: &str, emit: &mut dyn FnMut(Event<'_>)) {
        let Ok(mut bytes) = STANDARD.decode(piece) else {
            let message = "a sealed thought of the provider's stream is not base64";
            return self.failed(Failure::new(ErrorKind::UpstreamInvalid, message), emit);
        };
        match self.open.iter_mut().find(|block| block.index == index) {
            Some(Block { holds: Holds::Sealed(whole), .. }) => whole.append(&mut bytes),
            Some(_) => {}
            None => self.open.push(Block { index, holds: Holds::Sealed(bytes) }),
        }
    }

    fn stop_block(&mut self, index: u32, emit: &mut dyn FnMut(Event<'_>)) {
        let Some(at) = self.open.iter().position(|block| block.index == index) else { return };
        match self.open.remove(at).holds {
            Holds::Call { told: true, .. } => {}
            // A call without arguments is told none.
            Holds::Call { call, told: false } => {
                tell(Delta::Arguments { index: call, json: Str::from("{}") }, emit);
            }
            Holds::Text { start, citations } => {
                let span = Some(Span { start, end: self.characters });
                for citation in citations {
                    tell(Delta::Citation(Box::new(Citation { span, ..citation })), emit);
                }
            }
            Holds::Sealed(bytes) => {
                let seal = Maker::Anthropic.seal(STANDARD.encode(bytes).into());
                tell_some(Some(seal), Delta::RedactedReasoning, emit);
            }
        }
    }

    fn stop(&mut self, reason: Option<Str<'_>>, emit: &mut dyn FnMut(Event<'_>)) {
        match finish::read(reason, 0 < self.calls) {
            Ok(finish) => {
                self.state = State::Finished;
                emit(Event::Finish { choice: 0, finish });
            }
            Err(failure) => self.failed(failure, emit),
        }
    }

    fn failed(&mut self, failure: Failure, emit: &mut dyn FnMut(Event<'_>)) {
        self.state = State::Over;
        emit(Event::Failed(failure));
    }
}

fn tell(delta: Delta<'_>, emit: &mut dyn FnMut(Event<'_>)) {
    emit(Event::Delta { choice: 0, delta });
}

fn tell_some<'a>(
    text: Option<Str<'a>>,
    delta: impl FnOnce(Str<'a>) -> Delta<'a>,
    emit: &mut dyn FnMut(Event<'_>),
) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        tell(delta(text), emit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader tells of these frames, in short.
    fn told(frames: &[(&str, &str)]) -> Vec<String> {
        let mut reader = Reader::default();
        let mut told = Vec::new();
        let mut emit = |event: Event<'_>| {
            told.push(match event {
                Event::Start { .. } => "start".to_owned(),
                Event::Delta { delta: Delta::Text(text), .. } => format!("text {text}"),
                Event::Delta { delta: Delta::RedactedReasoning(seal), .. } => format!("sealed {seal}"),
                Event::Delta { delta: Delta::ToolCall { index, id, .. }, .. } => format!("call {index} {id}"),
                Event::Delta { delta: Delta::Arguments { index, json }, .. } => {
                    format!("args {index} {json}")
                }
                Event::Delta { delta, .. } => format!("{delta:?}"),
                Event::Finish { finish, .. } => format!("finish {:?}", finish.reason),
                Event::Usage(usage) => format!("usage {}+{}", usage.input(), usage.output()),
                Event::End => "end".to_owned(),
                Event::Failed(failure) => format!("failed {}", failure.kind),
            });
        };
        for (event, data) in frames {
            reader.frame(&Frame { event: Some(event), data, raw: b"" }, &mut emit);
        }
        reader.finish(&mut emit);
        told
    }

    const STOP: (&str, &str) = ("messageStop", r#"{"stopReason":"end_turn"}"#);

    #[test]
    fn usage_comes_after_the_reason() {
        let counts = (
            "metadata",
            r#"{"usage":{"inputTokens":5,"outputTokens":2},"metrics":{"latencyMs":1},"p":"abc"}"#,
        );
        assert_eq!(told(&[STOP, counts, STOP]), ["start", "finish Stop", "usage 5+2", "end"]);
        assert_eq!(told(&[STOP]), ["start", "finish Stop", "end"]);
        assert_eq!(told(&[counts]), ["start", "usage 5+2"]);
        assert_eq!(told(&[STOP, ("metadata", r#"{"usage":7}"#)]), ["start", "finish Stop", "end"]);
    }

    #[test]
    fn calls_are_counted_without_the_blocks_between_them() {
        let start = |index: u32| {
            format!(
                r#"{{"contentBlockIndex":{index},"start":{{"toolUse":{{"toolUseId":"t{index}","name":"f"}}}}}}"#
            )
        };
        let input = |index: u32, text: &str| {
            format!(r#"{{"contentBlockIndex":{index},"delta":{{"toolUse":{{"input":"{text}"}}}}}}"#)
        };
        let stop = |index: u32| format!(r#"{{"contentBlockIndex":{index}}}"#);
        let server = r#"{"contentBlockIndex":4,"start":{"toolUse":{"toolUseId":"s","name":"g","type":"server_tool_use"}}}"#;
        let frames = [
            ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"a"}}"#.to_owned()),
            ("contentBlockStart", start(1)),
            ("contentBlockDelta", input(1, "")),
            ("contentBlockStop", stop(1)),
            ("contentBlockStart", server.to_owned()),
            ("contentBlockDelta", input(4, "{}")),
            ("contentBlockStop", stop(4)),
            ("contentBlockStart", start(5)),
            ("contentBlockDelta", input(5, "{}")),
            ("contentBlockStop", stop(5)),
        ];
        let frames: Vec<(&str, &str)> = frames.iter().map(|(name, data)| (*name, data.as_str())).collect();
        let expected = ["start", "text a", "call 0 t1", "args 0 {}", "call 1 t5", "args 1 {}"];
        assert_eq!(told(&frames), expected);
    }

    #[test]
    fn a_sealed_thought_is_told_whole() {
        let piece =
            |data: &str| format!(r#"{{"delta":{{"reasoningContent":{{"redactedContent":"{data}"}}}}}}"#);
        let pieces = ["YQ==", "YmM=", "?"].map(piece);
        let [first, second, broken] = pieces.each_ref().map(|piece| ("contentBlockDelta", piece.as_str()));
        assert_eq!(told(&[first, second, ("contentBlockStop", "{}")]), ["start", "sealed YWJj"]);
        assert_eq!(told(&[first, broken]), ["start", "failed upstream_invalid"]);
    }

    #[test]
    fn exceptions_and_broken_frames_end_the_stream() {
        let throttled = ("throttlingException", r#"{"message":"slow down"}"#);
        assert_eq!(told(&[throttled, throttled, STOP]), ["failed rate_limit_exceeded"]);
        assert_eq!(told(&[STOP, throttled]), ["start", "finish Stop", "failed rate_limit_exceeded"]);
        assert_eq!(told(&[("contentBlockDelta", r#"{"delta":5}"#)]), ["failed upstream_invalid"]);
        assert_eq!(told(&[("somethingNew", "what")]), Vec::<String>::new());
        let malformed = ("messageStop", r#"{"stopReason":"malformed_model_output"}"#);
        assert_eq!(told(&[malformed]), ["start", "failed upstream_invalid"]);
    }
}
