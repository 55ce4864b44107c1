//! A provider's frames, read into events. Each is a whole answer with what has come since the one before; nothing marks
//! the end but a reason for it.

use serde_json::value::RawValue;
use sluice_types::{
    answer::{Finish, FinishReason},
    citation::Span,
    error::Failure,
    event::{Delta, Event},
    json::Str,
    usage::Usage,
};

use super::super::{
    error, finish,
    grounding::Grounds,
    ids,
    seal::{self, Heard},
    usage::{self, Counts},
    wire::{self, Call, Candidate, Part, Wire, block_reason},
};
use crate::{
    format::{cite::Ruler, openai_chat::Object},
    frames::Frame,
};

/// Reads a provider's stream.
#[derive(Debug, Default)]
pub struct Reader {
    id: String,
    started: bool,
    over: bool,
    /// What was told last: it is told again in most frames.
    usage: Option<Usage>,
    choices: Vec<State>,
}

/// What one answer has said so far.
#[derive(Debug, Default)]
struct State {
    index: u32,
    calls: u32,
    finished: bool,
    /// Measures the text told so far.
    ruler: Ruler,
    /// What was cited already, for it may be told in several frames: where, and by what name.
    cited: Vec<(Option<Span>, String)>,
}

impl Reader {
    /// Tells `emit` what `frame` says. A frame that cannot be read is an [`Event::Failed`], after which nothing is told.
    pub fn frame(&mut self, frame: &Frame<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        // Some that stand before a provider end every stream as OpenAI does.
        if self.over || frame.data == "[DONE]" {
            return;
        }
        if let Err(failure) = self.read(frame.data, emit) {
            self.over = true;
            emit(Event::Failed(failure));
        }
    }

    /// The body has ended: emits [`Event::End`] if every answer has said why it ended.
    pub fn finish(&mut self, emit: &mut dyn FnMut(Event<'_>)) {
        if !self.over && !self.choices.is_empty() && self.choices.iter().all(|choice| choice.finished) {
            self.over = true;
            emit(Event::End);
        }
    }

    fn read(&mut self, data: &str, emit: &mut dyn FnMut(Event<'_>)) -> Result<(), Failure> {
        let wire: Wire<'_, Candidate<'_>, Object<Counts<'_>>> = wire::read(data.as_bytes(), "stream")?;
        if let Some(error) = wire.error.filter(|error| error.get() != "null") {
            return Err(error::embedded(error.get()));
        }
        if !self.started {
            self.started = true;
            let id = wire.response_id.0.unwrap_or_default();
            self.id.push_str(&id);
            emit(Event::Start { id, model: wire.model_version.0.unwrap_or_default(), created: None });
        }
        let counted = wire.usage_metadata.0.as_ref().and_then(usage::counted);
        let mut ends = false;
        let mut any = false;
        for candidate in wire.candidates {
            any = true;
            ends |= candidate.finish_reason.0.is_some();
            // Counts come before what they count, so that a caller's stream can begin with them.
            if !ends {
                self.count(counted, false, emit);
            }
            self.candidate(candidate, counted, emit)?;
        }
        if any {
            return Ok(());
        }
        let blocked = block_reason(wire.prompt_feedback);
        self.count(counted, blocked.is_some(), emit);
        if let Some(raw) = blocked.filter(|_| self.choices.is_empty()) {
            self.choices.push(State { finished: true, ..State::default() });
            let finish = Finish { raw: Some(raw), ..Finish::plain(FinishReason::ContentFilter) };
            emit(Event::Finish { choice: 0, finish });
        }
        Ok(())
    }

    /// Tells tokens counted if they are others than before, or if `always`.
    fn count(&mut self, counted: Option<Usage>, always: bool, emit: &mut dyn FnMut(Event<'_>)) {
        if let Some(usage) = counted
            && (always || self.usage != counted)
        {
            self.usage = counted;
            emit(Event::Usage(usage));
        }
    }

    fn candidate(
        &mut self,
        candidate: Candidate<'_>,
        counted: Option<Usage>,
        emit: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), Failure> {
        let index = candidate.index.index();
        let at = self.choices.iter().position(|state| state.index == index).unwrap_or_else(|| {
            self.choices.push(State { index, ..State::default() });
            self.choices.len() - 1
        });
        let word = candidate.finish_reason.0.filter(|word| !word.is_empty());
        if word.is_some() {
            self.count(counted, true, emit);
        }
        let Some(state) = self.choices.get_mut(at) else { return Ok(()) };
        for part in candidate.content.unwrap_or_default().parts.0 {
            state.part(part, &self.id, emit);
        }
        let (grounding_metadata, citation_metadata) =
            (candidate.grounding_metadata, candidate.citation_metadata);
        if grounding_metadata.is_some() || citation_metadata.is_some() {
            state.cite(&Grounds { grounding_metadata, citation_metadata }, emit);
        }
        if let Some(word) = word.filter(|_| !state.finished) {
            let finish = finish::read(word, 0 < state.calls)?;
            state.finished = true;
            emit(Event::Finish { choice: index, finish });
        }
        Ok(())
    }
}

impl State {
    fn part(&mut self, part: Part<'_>, answer_id: &str, emit: &mut dyn FnMut(Event<'_>)) {
        let choice = self.index;
        let mut tell = |delta| emit(Event::Delta { choice, delta });
        let text = part.text.0.filter(|text| !text.is_empty());
        let seal = part.thought_signature.0.filter(|signature| !signature.is_empty());
        // A provider that is one of us tells others' seals as we do.
        let seal = seal.map(|signature| match seal::heard(signature) {
            Heard::Seal(seal) => Delta::Signature(seal),
            Heard::Redacted(data) => Delta::RedactedReasoning(data),
        });
        if part.thought == Some(true) && part.function_call.is_none() {
            text.map(Delta::Reasoning).into_iter().chain(seal).for_each(tell);
            return;
        }
        if let Some(text) = &text {
            self.ruler.push(text);
        }
        seal.into_iter().chain(text.map(Delta::Text)).for_each(&mut tell);
        if let Some(call) = part.function_call {
            self.call(*call, answer_id, &mut tell);
        }
    }

    fn cite(&mut self, grounds: &Grounds<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        for citation in grounds.citations(&self.ruler) {
            let key = (citation.span, citation.source.names().0.unwrap_or_default().to_owned());
            if !self.cited.contains(&key) {
                self.cited.push(key);
                emit(Event::Delta { choice: self.index, delta: Delta::Citation(Box::new(citation)) });
            }
        }
    }

    /// Tells a call, which comes whole. One without a name goes on with an earlier one, for callers who asked for that
    /// and read the frames as they come.
    fn call<'a>(&mut self, call: Call<'a>, answer_id: &str, tell: &mut impl FnMut(Delta<'a>)) {
        let Some(name) = call.name.0.filter(|name| !name.is_empty()) else { return };
        let index = self.calls;
        self.calls = self.calls.saturating_add(1);
        let id = call.id.0.filter(|id| !id.is_empty());
        let id = id.unwrap_or_else(|| ids::in_answer(answer_id, self.index, index).into());
        tell(Delta::ToolCall { index, id, name });
        let json = call.args.map(RawValue::get).filter(|args| args.starts_with('{')).unwrap_or("{}");
        tell(Delta::Arguments { index, json: Str::from(json) });
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
                Event::Finish { choice, finish } => format!("finish {choice} {:?}", finish.reason),
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
    fn thoughts_calls_and_seals_in_their_order() {
        let frames = [
            r#"{"candidates":[{"content":{"parts":[{"text":"plan","thought":true}]}}],"responseId":"r1","usageMetadata":{"promptTokenCount":4}}"#,
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"q": 1}},"thoughtSignature":"A"},{"functionCall":{"id":"f2","name":"g"}}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":4}}"#,
        ];
        assert_eq!(
            told(&frames),
            [
                "start r1",
                "usage 4+0",
                "thought plan",
                "usage 4+0",
                "seal google:A",
                "call 0 call_gemini_r1_0",
                r#"args 0 {"q": 1}"#,
                "call 1 f2",
                "args 1 {}",
                "finish 0 ToolCalls",
                "end",
            ]
        );
    }

    #[test]
    fn counts_are_told_when_they_change_and_at_the_end() {
        let frame = |text: &str, count: u32, finish: &str| {
            format!(
                r#"{{"candidates":[{{"content":{{"parts":[{{"text":"{text}"}}]}}{finish}}}],"usageMetadata":{{"promptTokenCount":{count}}}}}"#
            )
        };
        let frames = [frame("a", 4, ""), frame("b", 4, ""), frame("", 4, r#","finishReason":"STOP""#)];
        let frames: Vec<&str> = frames.iter().map(String::as_str).collect();
        assert_eq!(
            told(&frames),
            ["start ", "usage 4+0", "text a", "text b", "usage 4+0", "finish 0 Stop", "end"]
        );
    }

    #[test]
    fn a_stream_without_a_reason_for_its_end_was_cut() {
        let text = r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}"#;
        assert_eq!(told(&[text]), ["start ", "text a"]);
        let second =
            r#"{"candidates":[{"index":1,"content":{"parts":[{"text":"b"}]},"finishReason":"STOP"}]}"#;
        assert_eq!(told(&[text, second]).last().unwrap(), "finish 1 Stop");
    }

    #[test]
    fn a_refused_prompt_ends_at_once() {
        let frame = r#"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":4}}"#;
        assert_eq!(told(&[frame]), ["start ", "usage 4+0", "finish 0 ContentFilter", "end"]);
    }

    #[test]
    fn failures_end_the_stream() {
        let error = r#"{"error":{"code":503,"status":"UNAVAILABLE","message":"overloaded"}}"#;
        assert_eq!(told(&[error, error]), ["failed upstream_unavailable"]);
        let broken = r#"{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}]}"#;
        assert_eq!(told(&[broken]), ["start ", "failed upstream_invalid"]);
        assert_eq!(told(&["{\"candidates\":"]), ["failed stream_truncated"]);
        assert_eq!(told(&["{candidates}"]), ["failed upstream_invalid"]);
        assert_eq!(told(&["[{\"error\":{\"code\":429}}]"]), ["failed rate_limit_exceeded"]);
    }
}
