//! A provider's frames, read into events.
//!
//! ```text
//! message-start → tool-plan-delta* → (content-start → content-delta* → content-end)*
//!   → (tool-call-start → tool-call-delta* → tool-call-end)* → message-end
//! ```
//!
//! What is a list in a whole answer is one object here. Citations come between the deltas or behind them; what is unknown is passed
//! over.

mod wire;

use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_types::{
    citation::characters,
    error::{ErrorKind, Failure},
    event::{Delta, Event},
    json::Str,
};

use self::wire::{CallDelta, MessageDelta, Wire};
use super::{
    citation,
    error::{ErrorBody, read_unannounced},
    finish, usage,
};
use crate::{format::json::is_cut_off, frames::Frame};

/// Reads a provider's stream.
#[derive(Debug, Default)]
pub struct Reader {
    /// The calls that have been started and not ended: one at a time, unless a provider is careless.
    open: Vec<Call>,
    /// How many tool calls have been started.
    calls: u32,
    /// Characters of text told so far.
    characters: u32,
    /// The provider's blocks of content: its number for each, and the characters of text told before it.
    blocks: Vec<(u32, u32)>,
    /// Whether the start has been told.
    started: bool,
    /// Whether the stream is over; whatever follows is not read.
    over: bool,
}

/// A call that has not ended.
#[derive(Debug)]
struct Call {
    /// The provider's number for it.
    index: u32,
    /// Which call of this answer it is.
    call: u32,
    /// Whether it has been told any arguments.
    told: bool,
}

/// The kinds of frame that are read; one of these that is broken ends the stream, others are nobody's loss.
const KNOWN: [&str; 9] = [
    "message-start",
    "content-start",
    "content-delta",
    "content-end",
    "tool-plan-delta",
    "tool-call-start",
    "tool-call-delta",
    "tool-call-end",
    "message-end",
];

impl Reader {
    /// Tells `emit` what `frame` says. A frame that cannot be read is an [`Event::Failed`].
    pub(in crate::format) fn frame(&mut self, frame: &Frame<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        // Some that stand before a provider end every stream as OpenAI does.
        if self.over || frame.data == "[DONE]" {
            return;
        }
        match serde_json::from_str::<Wire<'_>>(frame.data) {
            Ok(wire) => self.read(frame, wire, emit),
            Err(error) if is_cut_off(&error, frame.data.as_bytes()) => {
                let message = "the provider's stream breaks off inside a frame";
                self.failed(Failure::new(ErrorKind::UpstreamTruncated, message), emit);
            }
            Err(_) => self.broken(frame, emit),
        }
    }

    /// The body has ended. Whatever was said, without its last frame nobody knows whether it is all.
    pub(in crate::format) fn finish(&mut self, _emit: &mut dyn FnMut(Event<'_>)) {}

    fn read(&mut self, frame: &Frame<'_>, wire: Wire<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        let kind = wire.kind.as_deref().or(frame.event).unwrap_or_default();
        // A citation that is broken is nobody's loss either.
        if kind == "citation-start" && self.started {
            let message = wire.delta.and_then(|delta| delta.message);
            if let Some(raw) = message.and_then(|message| message.citations.0) {
                self.cite(raw, emit);
            }
            return;
        }
        if !KNOWN.contains(&kind) {
            // Not a frame of this format, but an error all the same.
            let told: ErrorBody<'_> = serde_json::from_str(frame.data).unwrap_or_default();
            if kind == "error" || wire.kind.is_none() && told.tells() {
                self.failed(read_unannounced(&told), emit);
            }
            return;
        }
        if !self.started {
            self.started = true;
            let id = wire.id.filter(|_| kind == "message-start").unwrap_or_default();
            emit(Event::Start { id, model: Str::default(), created: None });
        }
        let index = wire.index.unwrap_or_default();
        let delta = wire.delta.unwrap_or_default();
        if kind == "message-end" {
            let error = delta.error.as_deref();
            match finish::read(delta.finish_reason, 0 < self.calls, error) {
                Ok(finish) => {
                    self.over = true;
                    emit(Event::Finish { choice: 0, finish });
                    if let Some(usage) = delta.usage.and_then(usage::read) {
                        emit(Event::Usage(usage));
                    }
                    emit(Event::End);
                }
                Err(failure) => self.failed(failure, emit),
            }
            return;
        }
        let message = delta.message.unwrap_or_default();
        match kind {
            "content-start" | "content-delta" | "tool-plan-delta" => self.say(index, message, emit),
            "tool-call-start" => {
                if let Some(call) = message.tool_calls.0 {
                    self.start_call(index, call, emit);
                }
            }
            "tool-call-delta" => {
                let function = message.tool_calls.0.and_then(|call| call.function);
                self.arguments(index, function.and_then(|function| function.arguments), emit);
            }
            "tool-call-end" => self.end_call(index, emit),
            // What a message starts with is empty, and a block's end says nothing.
            _ => {}
        }
    }

    /// Tells the text and the thoughts of a piece.
    fn say(&mut self, index: u32, message: MessageDelta<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        tell_some(message.tool_plan, Delta::Reasoning, emit);
        if let Some(content) = message.content.0 {
            if self.blocks.iter().all(|(known, _)| *known != index) {
                self.blocks.push((index, self.characters));
            }
            tell_some(content.thinking, Delta::Reasoning, emit);
            self.characters = self.characters.saturating_add(content.text.as_deref().map_or(0, characters));
            tell_some(content.text, Delta::Text, emit);
        }
    }

    fn cite(&self, raw: &RawValue, emit: &mut dyn FnMut(Event<'_>)) {
        let (block, citations) = citation::read(raw);
        let start = self.blocks.iter().find(|(index, _)| *index == block).map_or(0, |(_, start)| *start);
        for mut citation in citations {
            citation.span = citation.span.map(|span| span.shifted(start));
            tell(Delta::Citation(Box::new(citation)), emit);
        }
    }

    fn start_call(&mut self, index: u32, call: CallDelta<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        self.end_call(index, emit);
        let number = self.calls;
        self.calls = self.calls.saturating_add(1);
        self.open.push(Call { index, call: number, told: false });
        let function = call.function.unwrap_or_default();
        let id = call.id.filter(|id| !id.is_empty()).unwrap_or_else(|| format!("call_{number}").into());
        tell(Delta::ToolCall { index: number, id, name: function.name.unwrap_or_default() }, emit);
        self.arguments(index, function.arguments, emit);
    }

    fn arguments(&mut self, index: u32, json: Option<Str<'_>>, emit: &mut dyn FnMut(Event<'_>)) {
        if let Some(json) = json.filter(|json| !json.is_empty())
            && let Some(call) = self.open.iter_mut().find(|call| call.index == index)
        {
            call.told = true;
            tell(Delta::Arguments { index: call.call, json }, emit);
        }
    }

    fn end_call(&mut self, index: u32, emit: &mut dyn FnMut(Event<'_>)) {
        let Some(at) = self.open.iter().position(|call| call.index == index) else { return };
        let Call { call, told, .. } = self.open.remove(at);
        // A call without arguments is told none.
        if !told {
            tell(Delta::Arguments { index: call, json: Str::from("{}") }, emit);
        }
    }

    fn failed(&mut self, failure: Failure, emit: &mut dyn FnMut(Event<'_>)) {
        self.over = true;
        emit(Event::Failed(failure));
    }

    fn broken(&mut self, frame: &Frame<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        #[derive(Deserialize)]
        struct Kind<'a> {
            #[serde(rename = "type", borrow)]
            kind: Option<Str<'a>>,
        }

        let told = match serde_json::from_str::<Kind<'_>>(frame.data) {
            Ok(Kind { kind }) => {
                let kind = kind.as_deref().or(frame.event).unwrap_or_default();
                if !KNOWN.contains(&kind) {
                    return;
                }
                format!("a `{kind}` frame of the provider's stream cannot be read")
            }
            Err(_) => "a frame of the provider's stream is not a JSON object".to_owned(),
        };
        self.failed(Failure::new(ErrorKind::UpstreamInvalid, told), emit);
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

    /// What a reader tells of these data, in short.
    fn told(frames: &[&str]) -> Vec<String> {
        let mut reader = Reader::default();
        let mut told = Vec::new();
        let mut emit = |event: Event<'_>| {
            told.push(match event {
                Event::Start { id, .. } => format!("start {id}"),
                Event::Delta { delta: Delta::Text(text), .. } => format!("text {text}"),
                Event::Delta { delta: Delta::Reasoning(text), .. } => format!("thought {text}"),
                Event::Delta { delta: Delta::ToolCall { index, id, .. }, .. } => format!("call {index} {id}"),
                Event::Delta { delta: Delta::Arguments { index, json }, .. } => {
                    format!("args {index} {json}")
                }
                Event::Delta { delta, .. } => format!("{delta:?}"),
                Event::Finish { finish, .. } => format!("finish {:?}", finish.reason),
                Event::Usage(usage) => format!("usage {}+{}", usage.input(), usage.output()),
                Event::End => "end".to_owned(),
                Event::Failed(failure) => format!("failed {} {}", failure.kind, failure.message),
            });
        };
        for data in frames {
            reader.frame(&Frame { event: None, data, raw: b"" }, &mut emit);
        }
        reader.finish(&mut emit);
        told
    }

    #[test]
    fn calls_without_arguments_or_id_are_whole_calls() {
        let start = r#"{"type":"tool-call-start","index":3,"delta":{"message":{"tool_calls":{"id":"a","function":{"name":"f","arguments":""}}}}}"#;
        let bare = r#"{"type":"tool-call-start","index":4,"delta":{"message":{"tool_calls":{"function":{"name":"f","arguments":"{"}}}}}"#;
        let more = r#"{"type":"tool-call-delta","index":4,"delta":{"message":{"tool_calls":{"function":{"arguments":"}"}}}}}"#;
        let end = |index: u32| format!(r#"{{"type":"tool-call-end","index":{index}}}"#);
        let frames = [start, &end(3), bare, more, &end(4), more];
        let expected = ["start ", "call 0 a", "args 0 {}", "call 1 call_1", "args 1 {", "args 1 }"];
        assert_eq!(told(&frames), expected);
    }

    #[test]
    fn a_provider_that_gives_up_says_why() {
        let end = |delta: &str| format!(r#"{{"type":"message-end","delta":{delta}}}"#);
        let gave_up = end(r#"{"finish_reason":"ERROR","error":"out of memory"}"#);
        assert_eq!(told(&[&gave_up]), ["start ", "failed upstream_unavailable out of memory"]);
        let slow = end(r#"{"finish_reason":"TIMEOUT"}"#);
        assert_eq!(told(&[&slow]), ["start ", "failed upstream_timeout the provider ran out of time"]);
        let silent = end("null");
        assert_eq!(told(&[&silent, &silent]), ["start ", "finish Stop", "end"]);
    }

    #[test]
    fn errors_and_broken_frames_end_the_stream_and_novelties_do_not() {
        assert_eq!(
            told(&[r#"{"message":"too many requests"}"#]),
            ["failed upstream_unavailable too many requests"]
        );
        let broken = r#"{"type":"content-delta","delta":{"message":{"content":{"text":5}}}}"#;
        assert_eq!(told(&[broken]).len(), 1);
        assert!(told(&["{\"type\":"])[0].starts_with("failed stream_truncated"));
        assert!(told(&["[]"])[0].starts_with("failed upstream_invalid"));
        assert!(
            told(&[
                r#"{"type":"debug","delta":7}"#,
                r#"{"type":"citation-start","delta":{"message":{"citations":{}}}}"#
            ])
            .is_empty()
        );
    }
}
