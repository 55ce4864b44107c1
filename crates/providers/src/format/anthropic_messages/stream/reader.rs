//! A provider's frames, read into events.
//!
//! ```text
//! message_start → (content_block_start → content_block_delta* → content_block_stop)* → message_delta → message_stop
//! ```
//!
//! `ping` and what is unknown may come anywhere and are passed over; `error` ends all. Blocks of kinds that no other
//! format can tell (server tools and their results) give no events.

use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_types::{
    answer::Finish,
    citation::{Citation, Span, characters},
    error::{ErrorKind, Failure},
    event::{Delta, Event},
    json::Str,
};

use super::super::{
    citation,
    error::{ErrorBody, read_unannounced},
    finish,
    usage::{self, Counts},
};
use crate::{
    format::{json::is_cut_off, openai_chat::Many},
    frames::Frame,
};

/// Reads a provider's stream.
#[derive(Debug, Default)]
pub struct Reader {
    /// Counts told so far.
    counts: Counts,
    /// The blocks that have been started and not stopped: one at a time, unless a provider is careless.
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
    /// Which tool call it is, if it is one.
    call: Option<u32>,
    /// Arguments told when the block was started, for want of any after it.
    input: Option<String>,
    /// Characters of text told before it.
    start: u32,
    /// What its text rests on, which may be told before the text is.
    citations: Vec<Citation<'static>>,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Str<'a>>,
    #[serde(default)]
    index: u32,
    #[serde(borrow)]
    delta: Option<WireDelta<'a>>,
    #[serde(borrow)]
    content_block: Option<WireBlock<'a>>,
    #[serde(borrow)]
    message: Option<WireMessage<'a>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireMessage<'a> {
    #[serde(borrow)]
    id: Option<Str<'a>>,
    #[serde(borrow)]
    model: Option<Str<'a>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireBlock<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Str<'a>>,
    #[serde(borrow)]
    id: Option<Str<'a>>,
    #[serde(borrow)]
    name: Option<Str<'a>>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Option<Str<'a>>,
    #[serde(borrow)]
    thinking: Option<Str<'a>>,
    #[serde(borrow)]
    signature: Option<Str<'a>>,
    #[serde(borrow)]
    data: Option<Str<'a>>,
    #[serde(borrow, default)]
    citations: Many<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireDelta<'a> {
    #[serde(borrow)]
    text: Option<Str<'a>>,
    #[serde(borrow)]
    thinking: Option<Str<'a>>,
    #[serde(borrow)]
    signature: Option<Str<'a>>,
    #[serde(borrow)]
    partial_json: Option<Str<'a>>,
    #[serde(borrow)]
    citation: Option<&'a RawValue>,
    #[serde(borrow)]
    stop_reason: Option<Str<'a>>,
    #[serde(borrow)]
    stop_sequence: Option<Str<'a>>,
}

/// The kinds of frame that are read; one of these that is broken ends the stream, others are nobody's loss.
const KNOWN: [&str; 6] = [
    "message_start",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "message_delta",
    "message_stop",
];

impl Reader {
    /// Tells `emit` what `frame` says. A frame that cannot be read is an [`Event::Failed`].
    pub fn frame(&mut self, frame: &Frame<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        // Some that stand before a provider end every stream as OpenAI does.
        if self.state == State::Over || frame.data == "[DONE]" {
            return;
        }
        match serde_json::from_str::<Wire<'_>>(frame.data) {
            Ok(wire) => self.read(frame.event, wire, emit),
            Err(error) if is_cut_off(&error, frame.data.as_bytes()) => {
                let message = "the provider's stream breaks off inside a frame";
                self.failed(Failure::new(ErrorKind::UpstreamTruncated, message), emit);
            }
            Err(_) => self.broken(frame, emit),
        }
    }

    /// The body has ended: emits [`Event::End`] if the provider had said why its answer ended, and only the last,
    /// empty frame is missing.
    pub fn finish(&mut self, emit: &mut dyn FnMut(Event<'_>)) {
        if self.state == State::Finished {
            self.state = State::Over;
            emit(Event::End);
        }
    }

    fn read(&mut self, event: Option<&str>, wire: Wire<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        let kind = wire.kind.as_deref().or(event).unwrap_or_default();
        if !self.started && kind != "message_start" && KNOWN.contains(&kind) {
            self.start(Str::default(), Str::default(), emit);
        }
        match kind {
            "content_block_delta" => {
                if let Some(delta) = wire.delta {
                    self.delta(wire.index, delta, emit);
                }
            }
            "content_block_start" => {
                if let Some(block) = wire.content_block {
                    self.start_block(wire.index, block, emit);
                }
            }
            "content_block_stop" => self.stop_block(wire.index, emit),
            "message_start" => {
                if let Some(message) = wire.message {
                    self.start(message.id.unwrap_or_default(), message.model.unwrap_or_default(), emit);
                    self.usage(message.usage, emit);
                }
            }
            "message_delta" => {
                self.usage(wire.usage, emit);
                if let Some(delta) = wire.delta
                    && delta.stop_reason.is_some()
                {
                    self.finished(delta.stop_reason, delta.stop_sequence, emit);
                }
            }
            "message_stop" => {
                if self.state == State::Answering {
                    self.finished(None, None, emit);
                }
                self.state = State::Over;
                emit(Event::End);
            }
            "error" => self.failed(read_unannounced(&ErrorBody::from(wire.error)), emit),
            "ping" => {}
            // Not a frame of this format, but an error all the same.
            _ if wire.kind.is_none() && wire.error.is_some() => {
                self.failed(read_unannounced(&ErrorBody::from(wire.error)), emit);
            }
            _ => {}
        }
    }

    fn start(&mut self, id: Str<'_>, model: Str<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        if !self.started {
            self.started = true;
            emit(Event::Start { id, model, created: None });
        }
    }

    fn start_block(&mut self, index: u32, block: WireBlock<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        let start = self.characters;
        let mut open = Block { index, call: None, input: None, start, citations: Vec::new() };
        match block.kind.as_deref().unwrap_or_default() {
            "tool_use" => {
                let call = self.calls;
                self.calls = self.calls.saturating_add(1);
                open.call = Some(call);
                let input = block.input.map(RawValue::get).filter(|input| !matches!(*input, "null" | "{}"));
                open.input = Some(input.unwrap_or("{}").to_owned());
                let (id, name) = (block.id.unwrap_or_default(), block.name.unwrap_or_default());
                tell(Delta::ToolCall { index: call, id, name }, emit);
            }
            // What a block begins with is empty at the provider's own service, not so everywhere.
            "text" => {
                self.text(block.text, emit);
                let told = block.citations.0.into_iter().map(|raw| citation::read(raw).into_owned());
                open.citations.extend(told);
            }
            "thinking" => {
                tell_some(block.thinking, Delta::Reasoning, emit);
                tell_some(block.signature, Delta::Signature, emit);
            }
            "redacted_thinking" => tell_some(block.data, Delta::RedactedReasoning, emit),
            _ => {}
        }
        self.open.retain(|open| open.index != index);
        self.open.push(open);
    }

    fn delta(&mut self, index: u32, delta: WireDelta<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        self.text(delta.text, emit);
        if let Some(raw) = delta.citation
            && let Some(block) = self.open.iter_mut().find(|block| block.index == index)
        {
            block.citations.push(citation::read(raw).into_owned());
        }
        tell_some(delta.thinking, Delta::Reasoning, emit);
        tell_some(delta.signature, Delta::Signature, emit);
        if let Some(json) = delta.partial_json
            && !json.is_empty()
            && let Some(block) = self.open.iter_mut().find(|block| block.index == index)
            && let Some(call) = block.call
        {
            block.input = None;
            tell(Delta::Arguments { index: call, json }, emit);
        }
    }

    fn text(&mut self, text: Option<Str<'_>>, emit: &mut dyn FnMut(Event<'_>)) {
        self.characters = self.characters.saturating_add(text.as_deref().map_or(0, characters));
        tell_some(text, Delta::Text, emit);
    }

    fn stop_block(&mut self, index: u32, emit: &mut dyn FnMut(Event<'_>)) {
        let Some(at) = self.open.iter().position(|block| block.index == index) else { return };
        let block = self.open.remove(at);
        let span = Some(Span { start: block.start, end: self.characters });
        for citation in block.citations {
            tell(Delta::Citation(Box::new(Citation { span, ..citation })), emit);
        }
        if let (Some(call), Some(input)) = (block.call, block.input) {
            tell(Delta::Arguments { index: call, json: Str::from(input) }, emit);
        }
    }

    fn usage(&mut self, raw: Option<&RawValue>, emit: &mut dyn FnMut(Event<'_>)) {
        if let Some(raw) = raw {
            self.counts.update(usage::read(raw).0);
            emit(Event::Usage(self.counts.usage()));
        }
    }

    fn finished(
        &mut self,
        raw: Option<Str<'_>>,
        stop_sequence: Option<Str<'_>>,
        emit: &mut dyn FnMut(Event<'_>),
    ) {
        self.state = State::Finished;
        let reason = finish::read(raw.as_deref(), 0 < self.calls);
        emit(Event::Finish { choice: 0, finish: Finish { reason, stop_sequence, raw } });
    }

    fn failed(&mut self, failure: Failure, emit: &mut dyn FnMut(Event<'_>)) {
        self.state = State::Over;
        emit(Event::Failed(failure));
    }

    fn broken(&mut self, frame: &Frame<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        #[derive(Deserialize)]
        struct Kind<'a> {
            #[serde(rename = "type", borrow)]
            kind: Option<Str<'a>>,
        }

        match serde_json::from_str::<Kind<'_>>(frame.data) {
            Ok(Kind { kind }) => {
                let kind = kind.as_deref().or(frame.event).unwrap_or_default();
                if kind == "error" || KNOWN.contains(&kind) {
                    let message = format!("a `{kind}` frame of the provider's stream cannot be read");
                    self.failed(Failure::new(ErrorKind::UpstreamInvalid, message), emit);
                }
            }
            Err(error) if is_cut_off(&error, frame.data.as_bytes()) => {
                let message = "a frame of the provider's stream breaks off";
                self.failed(Failure::new(ErrorKind::UpstreamTruncated, message), emit);
            }
            Err(_) => {
                let message = "a frame of the provider's stream is not a JSON object";
                self.failed(Failure::new(ErrorKind::UpstreamInvalid, message), emit);
            }
        }
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
    if let Some(text) = text
        && !text.is_empty()
    {
        tell(delta(text), emit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader tells of these data, in short.
    fn told(frames: &[&str]) -> Vec<String> {
        let mut reader = Reader::default();
        let mut told = Vec::new();
        let mut emit = |event: Event<'_>| {
            told.push(match event {
                Event::Start { id, .. } => format!("start {id}"),
                Event::Delta { delta: Delta::Text(text), .. } => format!("text {text}"),
                Event::Delta { delta: Delta::Reasoning(text), .. } => format!("thought {text}"),
                Event::Delta { delta: Delta::Signature(seal), .. } => format!("seal {seal}"),
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
        for data in frames {
            reader.frame(&Frame { event: None, data, raw: b"" }, &mut emit);
        }
        reader.finish(&mut emit);
        told
    }

    #[test]
    fn a_tool_without_arguments_is_called_with_an_empty_object() {
        let start = |index: u32, input: &str| {
            format!(
                r#"{{"type":"content_block_start","index":{index},"content_block":{{"type":"tool_use","id":"t{index}","name":"f","input":{input}}}}}"#
            )
        };
        let stop = |index: u32| format!(r#"{{"type":"content_block_stop","index":{index}}}"#);
        let delta = |index: u32, json: &str| {
            format!(
                r#"{{"type":"content_block_delta","index":{index},"delta":{{"type":"input_json_delta","partial_json":"{json}"}}}}"#
            )
        };
        let frames = [
            start(1, "{}"),
            delta(1, ""),
            stop(1),
            start(2, r#"{"q": 1}"#),
            stop(2),
            start(3, "{}"),
            delta(3, "{}"),
            stop(3),
        ];
        let frames: Vec<&str> = frames.iter().map(String::as_str).collect();
        let expected = [
            "start ",
            "call 0 t1",
            "args 0 {}",
            r#"call 1 t2"#,
            r#"args 1 {"q": 1}"#,
            "call 2 t3",
            "args 2 {}",
        ];
        assert_eq!(told(&frames), expected);
    }

    #[test]
    fn blocks_of_the_providers_own_tools_are_passed_over() {
        let frames = [
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{}"}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"web_search_tool_result","content":[]}}"#,
            r#"{"type":"content_block_delta","index":2,"delta":{"type":"citations_delta","citation":{}}}"#,
            r#"{"type":"something_new","delta":"what","index":-4}"#,
        ];
        assert_eq!(told(&frames), ["start "]);
    }

    #[test]
    fn counts_are_told_as_they_come() {
        let frames = [
            r#"{"type":"message_start","message":{"id":"m1","usage":{"input_tokens":4,"cache_read_input_tokens":6,"output_tokens":1}}}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":null,"output_tokens":7}}"#,
            r#"{"type":"message_stop"}"#,
            r#"{"type":"error","error":{"type":"api_error","message":"late"}}"#,
        ];
        assert_eq!(told(&frames), ["start m1", "usage 10+1", "usage 10+7", "finish Stop", "end"]);
    }

    #[test]
    fn an_end_without_its_mark_is_an_end_and_a_cut_is_none() {
        let finish = r#"{"type":"message_delta","delta":{"stop_reason":"max_tokens"}}"#;
        assert_eq!(told(&[finish]), ["start ", "finish Length", "end"]);
        let text = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#;
        assert_eq!(told(&[text]), ["start ", "text a"]);
    }

    #[test]
    fn errors_and_broken_frames_end_the_stream() {
        let overloaded = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
        assert_eq!(told(&[overloaded, overloaded]), ["failed upstream_unavailable"]);
        assert_eq!(told(&[r#"{"error":{"message":"no such thing"}}"#]), ["failed upstream_unavailable"]);
        assert_eq!(told(&["{\"type\":"]), ["failed stream_truncated"]);
        assert_eq!(told(&["{type}"]), ["failed upstream_invalid"]);
        let broken = r#"{"type":"content_block_delta","delta":{"text":5}}"#;
        assert_eq!(told(&[broken]), ["failed upstream_invalid"]);
    }
}
