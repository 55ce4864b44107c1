//! A provider's stream, read line by line.

use sluice_types::{
    error::Failure,
    event::{Delta, Event},
};

use super::{
    answer::{Told, called},
    error,
};
use crate::{
    format::{one_text, openai_chat::unreadable},
    frames::Frame,
};

/// Reads a provider's stream.
///
/// ```text
/// silent ──a line──► started ──a line with done: true──► ended
///    └───── error line, unreadable line ─────┴─────────► ended (Failed)
/// ```
///
/// A stream that stops without `done: true` was cut.
#[derive(Debug, Default)]
pub struct Reader {
    started: bool,
    ended: bool,
    /// Whether the model has said anything.
    said: bool,
    /// How many calls there have been.
    calls: usize,
    /// The first line's time, of which ids are made.
    created_at: String,
}

impl Reader {
    /// Tells `emit` what `frame` says. A line that cannot be read, or that tells an error, is an [`Event::Failed`], after
    /// which nothing more is told.
    pub fn frame(&mut self, frame: &Frame<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        if self.ended {
            return;
        }
        if let Err(failure) = self.read(frame.data, emit) {
            self.ended = true;
            emit(Event::Failed(failure));
        }
    }

    /// The body has ended: nothing is told, for the line that says so has come, or the stream was cut.
    pub fn finish(&mut self, _emit: &mut dyn FnMut(Event<'_>)) {}

    fn read(&mut self, line: &str, emit: &mut dyn FnMut(Event<'_>)) -> Result<(), Failure> {
        let mut told: Told<'_> =
            serde_json::from_str(line).map_err(|error| unreadable(&error, line.as_bytes()))?;
        if let Some(error) = told.error {
            return Err(error::embedded(error));
        }
        let done = told.done() == Some(true);
        let message = told.message.take();
        if !self.started {
            self.started = true;
            let created_at = std::mem::take(&mut told.created_at).0.unwrap_or_default();
            self.created_at.push_str(&created_at);
            let model = std::mem::take(&mut told.model).0.unwrap_or_default();
            let created = one_text::unix_time(&created_at);
            emit(Event::Start { id: Default::default(), model, created });
        }
        let mut tell = |delta| {
            self.said = true;
            emit(Event::Delta { choice: 0, delta });
        };
        if let Some(message) = message {
            message.thinking.said().map(Delta::Reasoning).into_iter().for_each(&mut tell);
            message.content.said().map(Delta::Text).into_iter().for_each(&mut tell);
            for (id, name, arguments) in message.tool_calls.0.into_iter().filter_map(called) {
                let index = u32::try_from(self.calls).unwrap_or(u32::MAX);
                let id = id.unwrap_or_else(|| one_text::call_id(&self.created_at, self.calls).into());
                tell(Delta::ToolCall { index, id, name });
                if !arguments.is_empty() {
                    tell(Delta::Arguments { index, json: arguments });
                }
                self.calls += 1;
            }
        }
        if done {
            let finish = told.finish(self.said, self.calls != 0)?;
            emit(Event::Finish { choice: 0, finish });
            if let Some(usage) = told.usage() {
                emit(Event::Usage(usage));
            }
            self.ended = true;
            emit(Event::End);
        }
        Ok(())
    }
}
