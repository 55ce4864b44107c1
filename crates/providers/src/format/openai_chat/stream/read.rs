//! A provider's stream, read frame by frame.

use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_types::{
    answer::{Finish, FinishReason},
    chat::Part,
    error::{ErrorKind, Failure},
    event::{Delta, Event},
    json::Str,
};

use super::calls::Calls;
use crate::{
    format::openai_chat::{
        answer::unreadable,
        error, finish, usage,
        wire::{self, Call, Chunk, ChunkChoice, Content, Said, Thought},
    },
    sse::Frame,
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
        let chunk: Chunk<'_> =
            serde_json::from_str(data).map_err(|error| unreadable(&error, data.as_bytes()))?;
        if chunk.error.is_some() || chunk.object.0.as_deref() == Some("error") || event == Some("error") {
            return Err(error::read_error(200, data.as_bytes(), None));
        }
        let mut tokens = chunk.usage;
        if let Some(groq) = chunk.x_groq.and_then(|groq| serde_json::from_str::<Groq<'_>>(groq.get()).ok()) {
            if let Some(error) = groq.error {
                return Err(error::embedded(error.get()));
            }
            tokens = tokens.or(groq.usage);
        }
        let tokens = tokens.and_then(|tokens| usage::read(tokens.get()));
        // Azure begins with a frame that holds no answer and no id, and sends others that only tell its filter's mind.
        if chunk.choices.is_empty() && tokens.is_none() {
            return Ok(());
        }
        if !self.started {
            self.started = true;
            let (id, model) = (chunk.id.0.unwrap_or_default(), chunk.model.0.unwrap_or_default());
            self.id.push_str(&id);
            emit(Event::Start { id, model, created: chunk.created.count() });
        }
        for choice in chunk.choices {
            self.choice(choice, emit)?;
        }
        if let Some(tokens) = tokens {
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
        let Some(word) = choice.finish_reason.said().filter(|_| !state.finished) else { return Ok(()) };
        let held = finish::Held { calls: !state.calls.is_empty(), refusal: state.refused };
        let finish = finish::read(word, [choice.stop_reason, choice.matched_stop], held)?;
        state.finished = true;
        emit(Event::Finish { choice: index, finish });
        Ok(())
    }
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
        for block in delta.thinking_blocks {
            self.thinking_block(block, told, &mut tell);
        }
        match delta.content {
            Content::Nothing => {}
            Content::Text(text) if text.is_empty() => {}
            Content::Text(text) => tell(Delta::Text(text)),
            Content::Parts(parts) => {
                for part in parts {
                    self.part(wire::content_part(part), &mut tell);
                }
            }
        }
        if let Some(text) = delta.refusal.said() {
            self.refused = true;
            tell(Delta::Refusal(text));
        }
        for call in delta.tool_calls {
            self.calls.piece(answer_id, choice, call, emit);
        }
        if let Some(function) = delta.function_call {
            self.calls.function(answer_id, choice, &function, emit);
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
            Part::Text { text, .. } => tell_some(text, Delta::Text),
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
