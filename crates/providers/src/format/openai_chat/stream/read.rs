//! A provider's stream, read frame by frame.

use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_types::{
    answer::{Finish, FinishReason},
    chat::Part,
    error::{ErrorKind, Failure},
    event::{Delta, Event},
    json::Str,
    usage::Usage,
};

use super::calls::Calls;
use crate::{
    format::{
        annotation,
        openai_chat::{
            answer::unreadable,
            error, finish,
            sources::{self, Marks},
            usage,
            wire::{self, Call, Chunk, ChunkChoice, ChunkTail, Content, Few, Said, Thought},
        },
    },
    frames::Frame,
};

/// Reads a provider's stream.
///
/// ```text
/// silent ──a choice or usage──► started ──[DONE], or the body's end after every finish──► ended
///    └───────── error frame, unreadable frame ─────────┴──────────────► ended (Failed)
/// ```
#[derive(Debug, Default)]
pub struct Reader {
    started: bool,
    ended: bool,
    id: String,
    choices: Vec<State>,
    /// The last frame up to its choices: who answers is told again in every frame, and most often in the same bytes.
    head: String,
    /// Memory for what stands behind a frame's choices.
    tail: String,
    /// What stood beside the answer last, as it was written: `citations` and `search_results`.
    beside: [Option<String>; 2],
}

/// What one answer has said so far.
#[derive(Debug, Default)]
struct State {
    index: u32,
    calls: Calls,
    refused: bool,
    finished: bool,
    /// Bytes of the thought that no signature has closed yet.
    thought: usize,
    marks: Marks,
    /// Whether it was told on its words what they rest on.
    cited: bool,
}

/// What Groq adds to frames.
#[derive(Deserialize)]
struct Groq<'a> {
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

impl Reader {
    /// Tells `emit` what `frame` says. A frame that cannot be read, or that tells an error, is an [`Event::Failed`], after
    /// which nothing more is told.
    pub fn frame(&mut self, frame: &Frame<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        if self.ended {
            return;
        }
        let data = frame.data.trim_ascii();
        if data.starts_with("[DONE]") {
            return self.done(emit);
        }
        if let Err(failure) = self.read(frame.event, data, emit) {
            self.ended = true;
            emit(Event::Failed(failure));
        }
    }

    /// The body has ended: emits [`Event::End`] if every answer had finished, though no `[DONE]` came.
    pub fn finish(&mut self, emit: &mut dyn FnMut(Event<'_>)) {
        if !self.ended && !self.choices.is_empty() && self.choices.iter().all(|choice| choice.finished) {
            self.ended = true;
            emit(Event::End);
        }
    }

    fn done(&mut self, emit: &mut dyn FnMut(Event<'_>)) {
        self.ended = true;
        if self.choices.is_empty() {
            let message = "the provider's stream ended without an answer";
            return emit(Event::Failed(Failure::new(ErrorKind::UpstreamInvalid, message)));
        }
        // The provider says it is done; some never say why.
        for choice in self.choices.iter_mut().filter(|choice| !choice.finished) {
            choice.finished = true;
            choice.cite(&self.beside, emit);
            let reason = match (choice.calls.is_empty(), choice.refused) {
                (false, _) => FinishReason::ToolCalls,
                (true, true) => FinishReason::ContentFilter,
                (true, false) => FinishReason::Stop,
            };
            emit(Event::Finish { choice: choice.index, finish: Finish::plain(reason) });
        }
        emit(Event::End);
    }

    fn read(
        &mut self,
        event: Option<&str>,
        data: &str,
        emit: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), Failure> {
        if event.is_none() && self.read_known(data, emit)? {
            return Ok(());
        }
        let unreadable = |error| unreadable(&error, data.as_bytes());
        let chunk: Chunk<'_> = serde_json::from_str(data).map_err(unreadable)?;
        if chunk.error.is_some() || chunk.object.0.as_deref() == Some("error") || event == Some("error") {
            return Err(error::read_error(200, data.as_bytes(), None));
        }
        self.stands_beside([chunk.citations, chunk.search_results]);
        let tokens = tokens(chunk.usage, chunk.x_groq)?;
        let choices = chunk.choices.map_or("[]", RawValue::get);
        let list: Few<ChunkChoice<'_>> = serde_json::from_str(choices).map_err(unreadable)?;
        // Azure begins with a frame that holds no answer and no id, and sends others that only tell its filter's mind.
        if list.is_empty() && tokens.is_none() {
            return Ok(());
        }
        if !self.started {
            self.started = true;
            let (id, model) = (chunk.id.0.unwrap_or_default(), chunk.model.0.unwrap_or_default());
            self.id.push_str(&id);
            emit(Event::Start { id, model, created: chunk.created.count() });
        }
        self.head.clear();
        if !list.is_empty() {
            let length = choices.as_ptr().addr().checked_sub(data.as_ptr().addr());
            self.head.push_str(length.and_then(|length| data.get(..length)).unwrap_or_default());
        }
        self.told(list, tokens, emit)
    }

    /// Reads a frame that is the same as the one before up to its choices, which are then all there is to read.
    /// `false` if it is not, or must be looked at closely.
    fn read_known(&mut self, data: &str, emit: &mut dyn FnMut(Event<'_>)) -> Result<bool, Failure> {
        let Some(rest) = data.strip_prefix(self.head.as_str()).filter(|_| !self.head.is_empty()) else {
            return Ok(false);
        };
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Few<ChunkChoice<'_>>>();
        let Some(Ok(choices)) = values.next() else { return Ok(false) };
        let Some(tail) = rest.get(values.byte_offset()..) else { return Ok(false) };
        let mut tokens = None;
        if !matches!(tail, "}" | ",\"usage\":null}") {
            let Some(members) = tail.strip_prefix(',') else { return Ok(false) };
            self.tail.clear();
            self.tail.push('{');
            self.tail.push_str(members);
            match serde_json::from_str::<ChunkTail<'_>>(&self.tail) {
                Ok(ChunkTail { error: None, citations: None, search_results: None, usage, x_groq }) => {
                    tokens = self::tokens(usage, x_groq)?;
                }
                Ok(_) | Err(_) => return Ok(false),
            }
        }
        self.told(choices, tokens, emit)?;
        Ok(true)
    }

    /// Keeps what stands beside the answer, which is told again and again.
    fn stands_beside(&mut self, told: [Option<&RawValue>; 2]) {
        for (kept, told) in self.beside.iter_mut().zip(told) {
            if let Some(told) = told.map(RawValue::get).filter(|told| kept.as_deref() != Some(told)) {
                *kept = Some(told.to_owned());
            }
        }
    }

    fn told(
        &mut self,
        choices: Few<ChunkChoice<'_>>,
        tokens: Option<Usage>,
        emit: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), Failure> {
        let mut in_choice = None;
        for choice in choices {
            in_choice = choice.usage.or(in_choice);
            self.choice(choice, emit)?;
        }
        let in_choice = in_choice.and_then(|told| usage::read(told.get()));
        if let Some(tokens) = tokens.or(in_choice) {
            emit(Event::Usage(tokens));
        }
        Ok(())
    }

    fn choice(&mut self, choice: ChunkChoice<'_>, emit: &mut dyn FnMut(Event<'_>)) -> Result<(), Failure> {
        if let Some(error) = choice.error {
            return Err(error::embedded(error.get()));
        }
        let index = choice.index.index();
        let at = self.choices.iter().position(|state| state.index == index).unwrap_or_else(|| {
            self.choices.push(State { index, ..State::default() });
            self.choices.len() - 1
        });
        let Some(state) = self.choices.get_mut(at) else { return Ok(()) };
        if let Some(delta) = choice.delta {
            state.delta(&self.id, delta, emit);
        }
        let Some(word) = finish::word(choice.finish_reason).filter(|_| !state.finished) else {
            return Ok(());
        };
        let held = finish::Held { calls: !state.calls.is_empty(), refusal: state.refused };
        let finish = finish::read(word, [choice.stop_reason, choice.matched_stop], held)?;
        state.finished = true;
        state.cite(&self.beside, emit);
        emit(Event::Finish { choice: index, finish });
        Ok(())
    }
}

/// Reads tokens counted, wherever the provider tells them.
fn tokens(told: Option<&RawValue>, groq: Option<&RawValue>) -> Result<Option<Usage>, Failure> {
    let groq = groq.and_then(|groq| serde_json::from_str::<Groq<'_>>(groq.get()).ok());
    if let Some(error) = groq.as_ref().and_then(|groq| groq.error) {
        return Err(error::embedded(error.get()));
    }
    let told = told.or(groq.and_then(|groq| groq.usage));
    Ok(told.and_then(|told| usage::read(told.get())))
}

impl State {
    fn delta(&mut self, answer_id: &str, delta: Said<'_, Call<'_>>, emit: &mut dyn FnMut(Event<'_>)) {
        let choice = self.index;
        let mut tell = |delta| emit(Event::Delta { choice, delta });
        let reasoning = delta.reasoning_content.said().or(delta.reasoning.said());
        let told = reasoning.is_some();
        if let Some(text) = reasoning {
            self.thought += text.len();
            tell(Delta::Reasoning(text));
        }
        for block in delta.thinking_blocks.0 {
            self.thinking_block(block, told, &mut tell);
        }
        match delta.content {
            Content::Nothing => {}
            Content::Text(text) if text.is_empty() => {}
            Content::Text(text) => {
                self.marks.push(&text);
                tell(Delta::Text(text));
            }
            Content::Parts(parts) => {
                for part in parts {
                    self.part(wire::content_part(part), &mut tell);
                }
            }
        }
        for raw in delta.annotations.0 {
            self.cited = true;
            tell(Delta::Citation(Box::new(annotation::read(raw))));
        }
        if let Some(text) = delta.refusal.said() {
            self.refused = true;
            tell(Delta::Refusal(text));
        }
        for call in delta.tool_calls.0 {
            self.calls.piece(answer_id, choice, call, emit);
        }
        if let Some(function) = delta.function_call {
            self.calls.function(answer_id, choice, &function, emit);
        }
    }

    /// Tells what the answer rests on, where that stands beside it only.
    fn cite(&self, beside: &[Option<String>; 2], emit: &mut dyn FnMut(Event<'_>)) {
        let [citations, search_results] = beside
            .each_ref()
            .map(|told| told.as_deref().and_then(|told| serde_json::from_str::<&RawValue>(told).ok()));
        if self.cited || citations.is_none() && search_results.is_none() {
            return;
        }
        for citation in sources::read(citations, search_results, &self.marks) {
            emit(Event::Delta { choice: self.index, delta: Delta::Citation(Box::new(citation)) });
        }
    }

    /// A block repeats what `reasoning_content` tells: piece by piece in the same frame (LiteLLM), or whole together
    /// with its signature (as written here). Where it repeats nothing it is the thought.
    fn thinking_block<'a>(&mut self, block: Thought<'a>, told: bool, tell: &mut impl FnMut(Delta<'a>)) {
        if block.kind.0.as_deref() == Some("redacted_thinking") {
            return tell(Delta::RedactedReasoning(block.data.0.unwrap_or_default()));
        }
        let (text, signature) = (block.thinking.said(), block.signature.said());
        if let Some(text) = text.filter(|text| !told && (signature.is_none() || text.len() != self.thought)) {
            self.thought += text.len();
            tell(Delta::Reasoning(text));
        }
        if let Some(signature) = signature {
            self.thought = 0;
            tell(Delta::Signature(signature));
        }
    }

    fn part<'a>(&mut self, part: Part<'a>, tell: &mut impl FnMut(Delta<'a>)) {
        let mut tell_some = |text: Str<'a>, delta: fn(Str<'a>) -> Delta<'a>| {
            if !text.is_empty() {
                tell(delta(text));
            }
        };
        match part {
            Part::Text { text, .. } => {
                self.marks.push(&text);
                tell_some(text, Delta::Text);
            }
            Part::Reasoning { text, signature } => {
                tell_some(text, Delta::Reasoning);
                tell_some(signature.unwrap_or_default(), Delta::Signature);
            }
            Part::Refusal { text } => {
                self.refused = true;
                tell_some(text, Delta::Refusal);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader makes of frames that begin with the heads given in turn.
    fn read(heads: [&str; 2]) -> Vec<String> {
        let rests = [
            r#"[{"index":0,"delta":{"content":"a"}}]}"#,
            r#"[{"index":0,"delta":{"content":"b"}}],"usage":null}"#,
            r#"[{"index":0,"delta":{"content":"c"}}] , "usage":{"prompt_tokens":1},"pad":"x"}"#,
            r#"[],"usage":{"prompt_tokens":2}}"#,
            r#"[{"index":0,"delta":{"content":"d"},"finish_reason":"stop"}],"x_groq":{"usage":{"prompt_tokens":3}}}"#,
            r#"[{"index":0,"delta":{}}],"error":{"message":"gone"}}"#,
        ];
        let mut reader = Reader::default();
        let mut told = Vec::new();
        for (rest, head) in rests.iter().zip(heads.iter().cycle()) {
            let data = format!("{head}{rest}");
            let frame = Frame { event: None, data: &data, raw: data.as_bytes() };
            reader.frame(&frame, &mut |event| told.push(format!("{event:?}")));
        }
        told
    }

    #[test]
    fn frames_that_begin_alike_are_read_like_any_others() {
        let head = r#"{"id":"i","model":"m","choices":"#;
        let alike = read([head, head]);
        assert_eq!(alike, read([head, r#"{"id":"i", "model":"m","choices":"#]));
        assert_eq!(alike.len(), 10);
        assert!(alike.last().is_some_and(|event| event.contains("gone")), "{alike:?}");
    }

    #[test]
    fn a_member_called_choices_elsewhere_is_not_taken_for_it() {
        let mut reader = Reader::default();
        let mut told = Vec::new();
        for text in ["a", "b"] {
            let data = format!(r#"{{"x":{{"choices":[]}},"choices":[{{"delta":{{"content":"{text}"}}}}]}}"#);
            let frame = Frame { event: None, data: &data, raw: b"" };
            reader.frame(&frame, &mut |event| {
                if let Event::Delta { delta: Delta::Text(text), .. } = event {
                    told.push(text.to_string());
                }
            });
        }
        assert_eq!(told, ["a", "b"]);
    }
}
