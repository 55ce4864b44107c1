//! Events, written as frames for the caller.
//!
//! ```text
//! (frame with one part)* → last frame: what is held back, or an empty text, the reasons, the counts, the note
//! ```
//!
//! A call is gathered until another kind of output comes, or the end; calls may grow side by side until then. Every frame
//! has a candidate with a part: the official clients keep a conversation only then.

use sluice_types::{
    answer::Finish,
    citation::{Citation, Source, Span},
    error::{ErrorKind, Failure},
    event::{Delta, Event},
    json::{Members, Raw},
    seal::Maker,
    usage::Usage,
};

use super::super::{
    error, finish,
    grounding::{self, Words},
    parts::{Audience, PartsWriter, arguments},
    seal, usage,
};
use crate::format::{
    Meta,
    cite::Ruler,
    json::{ObjectWriter, list},
};

/// Writes a stream for the caller.
#[derive(Debug)]
pub struct Writer {
    id: String,
    model: String,
    audience: Audience,
    json_array: bool,
    /// Whether a frame has been written.
    begun: bool,
    /// Whether nothing more may be written.
    over: bool,
    /// Counts told so far.
    usage: Option<Usage>,
    choices: Vec<State>,
}

/// What one answer holds back.
#[derive(Debug, Default)]
struct State {
    index: u32,
    /// Google's signature for the part that follows.
    seal: Option<String>,
    calls: Vec<Call>,
    /// The greatest call begun so far.
    latest_call: Option<u32>,
    /// Whether a call's arguments were broken off.
    cut: bool,
    finish: Option<Finish<'static>>,
    /// Measures the text told so far.
    ruler: Ruler,
    /// What it rests on, told with the last frame.
    citations: Vec<Citation<'static>>,
}

/// A call that is being gathered.
#[derive(Debug)]
struct Call {
    index: u32,
    id: String,
    name: String,
    arguments: String,
    /// Google's signature on it.
    seal: Option<String>,
}

impl Writer {
    /// A writer at the start of a stream.
    pub fn new(meta: &Meta<'_>) -> Self {
        Self {
            id: meta.id.to_owned(),
            model: meta.model.to_owned(),
            audience: Audience::Caller { same_format: meta.same_format },
            json_array: meta.json_array,
            begun: false,
            over: false,
            usage: None,
            choices: Vec::new(),
        }
    }

    /// Appends what `event` is in this format. Calls, reasons and counts are held back; [`Event::End`] and
    /// [`Event::Failed`] write nothing: they are for [`end`](Self::end) and [`fail`](Self::fail).
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
            Event::Delta { choice, delta } => self.delta(*choice, delta, out),
            Event::Finish { choice, finish } => {
                if let Some(state) = state(&mut self.choices, *choice) {
                    state.finish = Some(finish.clone().into_owned());
                }
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::End | Event::Failed(_) => {}
        }
    }

    /// Appends the end of the stream, with `usage` (else what the events told last) and `note` as the member `sluice` of
    /// the last frame.
    pub fn end(&mut self, usage: Option<&Usage>, note: Option<&Raw<'_>>, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        self.over = true;
        let counts = usage.copied().or(self.usage);
        let (choices, audience) = (std::mem::take(&mut self.choices), self.audience);
        let mut frame = self.open(out);
        if !choices.is_empty() {
            list(frame.member("candidates"), choices, |out, state| state.write_last(audience, out));
        }
        if let Some(counts) = counts {
            usage::write(frame.member("usageMetadata"), &counts, &Members::default());
        }
        self.tell_source(&mut frame);
        if let Some(note) = note {
            frame.raw("sluice", note.text());
        }
        frame.close();
        self.close(out);
        if self.json_array {
            out.extend_from_slice(b"]\n");
        }
    }

    /// Appends what tells the caller that the stream has failed; nothing may follow it.
    pub fn fail(&self, failure: &Failure, request_id: &str, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        if !self.json_array {
            return error::write_stream_error(failure, request_id, out);
        }
        out.extend_from_slice(if self.begun { b"," } else { b"[" });
        error::write(out, failure, request_id, &[]);
        out.extend_from_slice(b"\n]\n");
    }

    fn delta(&mut self, choice: u32, delta: &Delta<'_>, out: &mut Vec<u8>) {
        match delta {
            Delta::Text(text) | Delta::Refusal(text) if !text.is_empty() => {
                if let Some(state) =
                    state(&mut self.choices, choice).filter(|_| matches!(delta, Delta::Text(_)))
                {
                    state.ruler.push(text);
                }
                self.frame(choice, out, |parts| parts.text(text));
            }
            Delta::Citation(citation) if citation.source != Source::Other => {
                if let Some(state) = state(&mut self.choices, choice) {
                    state.citations.push(Citation::clone(citation).into_owned());
                }
            }
            Delta::Reasoning(text) if !text.is_empty() => {
                self.flush_seal(choice, out);
                self.frame(choice, out, |parts| parts.thought(text, None));
            }
            Delta::Signature(told) if !told.is_empty() => match Maker::Google.bare(told) {
                Some(bare) => {
                    self.flush_seal(choice, out);
                    if let Some(state) = state(&mut self.choices, choice) {
                        state.seal = Some(bare.to_owned());
                    }
                }
                None => self.frame(choice, out, |parts| parts.thought("", Some(&seal::told(told)))),
            },
            Delta::RedactedReasoning(data) => {
                self.frame(choice, out, |parts| parts.thought("", Some(&seal::told_redacted(data))));
            }
            Delta::ToolCall { index, id, name } => {
                let Some(state) = state(&mut self.choices, choice) else { return };
                // Told again, a call is the one that is known.
                if state.latest_call.is_some_and(|latest| *index <= latest) {
                    return;
                }
                state.latest_call = Some(*index);
                state.calls.push(Call {
                    index: *index,
                    id: id.to_string(),
                    name: name.to_string(),
                    arguments: String::new(),
                    seal: state.seal.take(),
                });
            }
            Delta::Arguments { index, json } => self.arguments(choice, *index, json, out),
            Delta::Text(_)
            | Delta::Refusal(_)
            | Delta::Citation(_)
            | Delta::Reasoning(_)
            | Delta::Signature(_) => {}
        }
    }

    fn arguments(&mut self, choice: u32, index: u32, json: &str, out: &mut Vec<u8>) {
        let Some(state) = state(&mut self.choices, choice) else { return };
        if let Some(call) = state.calls.iter_mut().find(|call| call.index == index) {
            call.arguments.push_str(json);
        } else if !json.trim().is_empty() {
            let message =
                "the provider went on with a tool call after other output, which Gemini's format cannot say";
            self.fail(&Failure::new(ErrorKind::UpstreamInvalid, message), &self.id, out);
            self.over = true;
        }
    }

    /// Writes a signature that no part has come for.
    fn flush_seal(&mut self, choice: u32, out: &mut Vec<u8>) {
        if state(&mut self.choices, choice).is_some_and(|state| state.seal.is_some()) {
            self.frame(choice, out, |parts| parts.text(""));
        }
    }

    /// Writes a frame with the calls that are held back, and what `write` says.
    fn frame(&mut self, choice: u32, out: &mut Vec<u8>, write: impl FnOnce(&mut PartsWriter<'_, '_>)) {
        let audience = self.audience;
        let mut frame = self.open(out);
        let candidates = frame.member("candidates");
        candidates.push(b'[');
        let mut candidate = ObjectWriter::open(candidates);
        if let Some(state) = state(&mut self.choices, choice) {
            state.write_content(audience, candidate.member("content"), write);
        }
        candidate.set("index", &choice);
        candidate.close();
        candidates.push(b']');
        self.tell_source(&mut frame);
        frame.close();
        self.close(out);
    }

    /// Opens a frame.
    fn open<'o>(&mut self, out: &'o mut Vec<u8>) -> ObjectWriter<'o> {
        out.extend_from_slice(match (self.json_array, self.begun) {
            (false, _) => b"data: ",
            (true, false) => b"[",
            (true, true) => b",",
        });
        self.begun = true;
        ObjectWriter::open(out)
    }

    /// Ends a frame.
    fn close(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.json_array { b"\n" } else { b"\n\n" });
    }

    fn tell_source(&self, frame: &mut ObjectWriter<'_>) {
        frame.set("modelVersion", &self.model);
        frame.set("responseId", &self.id);
    }
}

fn state(choices: &mut Vec<State>, index: u32) -> Option<&mut State> {
    let at = choices.iter().position(|state| state.index == index).unwrap_or_else(|| {
        choices.push(State { index, ..State::default() });
        choices.len() - 1
    });
    choices.get_mut(at)
}

impl State {
    /// Writes the calls that are held back, and what `write` says, as a content.
    fn write_content(
        &mut self,
        audience: Audience,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut PartsWriter<'_, '_>),
    ) {
        let (calls, seal) = (std::mem::take(&mut self.calls), self.seal.take());
        let mut content = ObjectWriter::open(out);
        let mut parts = PartsWriter::open(content.member("parts"), audience);
        for call in &calls {
            if let Some(seal) = &call.seal {
                parts.seal(seal);
            }
            let json = arguments(&call.arguments);
            self.cut |= json.is_none();
            parts.call(&call.id, &call.name, json.unwrap_or("{}"));
        }
        if let Some(seal) = &seal {
            parts.seal(seal);
        }
        write(&mut parts);
        parts.close();
        content.set("role", "model");
        content.close();
    }

    /// Writes the candidate of the last frame.
    fn write_last(mut self, audience: Audience, out: &mut Vec<u8>) {
        let silent = self.calls.is_empty() && self.seal.is_none();
        let mut candidate = ObjectWriter::open(out);
        self.write_content(audience, candidate.member("content"), |parts| {
            if silent {
                parts.text("");
            }
        });
        if let Some(finish) = &self.finish {
            let same_format = audience == Audience::Caller { same_format: true };
            candidate.set("finishReason", finish::write(finish, self.cut, same_format));
        }
        candidate.set("index", &self.index);
        if !self.citations.is_empty() {
            let words = |citation: &Citation<'_>| {
                let span = citation.span.unwrap_or(Span { start: 0, end: self.ruler.characters() });
                Words { part: 0, start: self.ruler.byte(span.start), end: self.ruler.byte(span.end) }
            };
            let cited: Vec<_> = self.citations.iter().map(|citation| (citation, words(citation))).collect();
            grounding::write(&cited, None, &mut candidate);
        }
        candidate.close();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sluice_types::answer::FinishReason;

    use super::*;

    fn writer(json_array: bool) -> Writer {
        Writer::new(&Meta {
            id: "r1",
            created: 0,
            model: "m",
            note: None,
            include_usage: true,
            same_format: false,
            json_array,
            searched: None,
        })
    }

    fn delta(delta: Delta<'static>) -> Event<'static> {
        Event::Delta { choice: 0, delta }
    }

    fn call(index: u32) -> Event<'static> {
        delta(Delta::ToolCall { index, id: format!("c{index}").into(), name: "f".into() })
    }

    fn arguments(index: u32, json: &'static str) -> Event<'static> {
        delta(Delta::Arguments { index, json: json.into() })
    }

    fn stop() -> Event<'static> {
        Event::Finish { choice: 0, finish: Finish::plain(FinishReason::Stop) }
    }

    fn written(events: &[Event<'_>]) -> String {
        let (mut writer, mut out) = (writer(false), Vec::new());
        for event in events {
            writer.event(event, &mut out);
        }
        writer.end(None, None, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// The parts of every frame.
    fn parts(events: &[Event<'_>]) -> Vec<Value> {
        let told = written(events);
        let frames = told.split("\n\n").filter_map(|frame| frame.strip_prefix("data: "));
        let frames = frames.map(|frame| serde_json::from_str::<Value>(frame).unwrap());
        frames.map(|frame| frame["candidates"][0]["content"]["parts"].clone()).collect()
    }

    #[test]
    fn calls_that_grow_side_by_side_come_whole() {
        let events = [
            delta(Delta::Text("so".into())),
            delta(Delta::Signature("google:A".into())),
            call(0),
            call(1),
            arguments(1, "{\"b\""),
            arguments(0, "{\"a\":1}"),
            arguments(1, ":2}"),
            stop(),
        ];
        assert_eq!(
            parts(&events),
            [
                json!([{ "text": "so" }]),
                json!([
                    { "functionCall": { "id": "c0", "name": "f", "args": { "a": 1 } }, "thoughtSignature": "A" },
                    { "functionCall": { "id": "c1", "name": "f", "args": { "b": 2 } } },
                ]),
            ]
        );
        assert!(written(&events).contains(r#""finishReason":"STOP""#));
    }

    #[test]
    fn other_output_ends_the_calls_before_it() {
        let events =
            [call(0), arguments(0, "{}"), delta(Delta::Text("so".into())), arguments(0, "{\"a\":1}"), stop()];
        let told = written(&events);
        assert!(told.starts_with(r#"data: {"candidates":[{"content":{"parts":[{"functionCall""#), "{told}");
        assert!(told.contains(r#"{"text":"so"}"#) && told.contains("data: {\"error\":"), "{told}");
        assert!(!told.contains("finishReason"), "{told}");
    }

    #[test]
    fn a_call_that_was_cut_off_is_empty_and_says_so() {
        let told = written(&[call(0), arguments(0, "{\"a\":"), stop()]);
        assert!(told.contains(r#""args":{}"#) && told.contains(r#""finishReason":"MAX_TOKENS""#), "{told}");
    }

    #[test]
    fn seals_find_their_parts() {
        let seal = |seal: &'static str| delta(Delta::Signature(seal.into()));
        let thought = |text: &'static str| delta(Delta::Reasoning(text.into()));
        let events =
            [thought("t"), seal("google:A"), delta(Delta::Text("a".into())), seal("google:B"), stop()];
        assert_eq!(
            parts(&events),
            [
                json!([{ "text": "t", "thought": true }]),
                json!([{ "text": "a", "thoughtSignature": "A" }]),
                json!([{ "text": "", "thoughtSignature": "B" }]),
            ]
        );
        let foreign = seal::told("anthropics");
        assert_eq!(
            parts(&[thought("t"), seal("anthropics"), stop()]),
            [
                json!([{ "text": "t", "thought": true }]),
                json!([{ "text": "", "thought": true, "thoughtSignature": foreign }]),
                json!([{ "text": "" }]),
            ]
        );
    }

    #[test]
    fn a_list_is_json_whether_it_ends_or_fails() {
        let failure = Failure::new(ErrorKind::UpstreamTruncated, "cut");
        for said in [false, true] {
            let (mut ended, mut failed) = (writer(true), writer(true));
            let (mut whole, mut broken) = (Vec::new(), Vec::new());
            if said {
                ended.event(&delta(Delta::Text("a".into())), &mut whole);
                whole.extend_from_slice(super::super::heartbeat());
                failed.event(&delta(Delta::Text("a".into())), &mut broken);
                broken.extend_from_slice(super::super::heartbeat());
            }
            ended.event(&stop(), &mut whole);
            ended.end(None, Raw::parse("{}").as_ref(), &mut whole);
            failed.fail(&failure, "req", &mut broken);
            let whole: Vec<Value> = serde_json::from_slice(&whole).unwrap();
            assert_eq!(whole.len(), 1 + usize::from(said));
            assert_eq!(whole.last().unwrap()["candidates"][0]["finishReason"], "STOP");
            let broken: Vec<Value> = serde_json::from_slice(&broken).unwrap();
            assert_eq!(broken.last().unwrap()["error"]["status"], "UNAVAILABLE");
        }
    }
}
