//! A provider's stream, read frame by frame.

use sluice_types::{
    answer::{Finish, FinishReason},
    error::{ErrorKind, Failure},
    event::{Delta, Event},
};

use super::{
    answer::{AnyCall, Said},
    error::read_error,
};
use crate::{
    format::{
        one_text,
        openai_chat::{self, unreadable},
    },
    frames::Frame,
};

/// Reads a provider's stream.
///
/// ```text
/// silent ──a frame with choices──► a stream of chat completions, read as one
///    ├──────a response──► started ──[DONE]──► ended
///    └── error frame, unreadable frame ─────► ended (Failed)
/// ```
///
/// A stream of responses that stops without `[DONE]` was cut.
#[derive(Debug, Default)]
pub struct Reader {
    /// Reads the rest once the stream has shown to be one of chat completions.
    chat: Option<openai_chat::Reader>,
    started: bool,
    ended: bool,
    /// How many calls there have been.
    calls: usize,
}

impl Reader {
    /// Tells `emit` what `frame` says. A frame that cannot be read, or that tells an error, is an [`Event::Failed`], after
    /// which nothing more is told.
    pub fn frame(&mut self, frame: &Frame<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        if let Some(chat) = &mut self.chat {
            return chat.frame(frame, emit);
        }
        if self.ended {
            return;
        }
        if frame.data.starts_with("[DONE]") {
            return self.done(emit);
        }
        if let Err(failure) = self.read(frame, emit) {
            self.ended = true;
            emit(Event::Failed(failure));
        }
    }

    /// The body has ended: emits [`Event::End`] if the provider had said all without its end marker, which only chat
    /// completions tell.
    pub fn finish(&mut self, emit: &mut dyn FnMut(Event<'_>)) {
        if let Some(chat) = &mut self.chat {
            chat.finish(emit);
        }
    }

    fn done(&mut self, emit: &mut dyn FnMut(Event<'_>)) {
        self.ended = true;
        if !self.started {
            let message = "the provider's stream ended without an answer";
            return emit(Event::Failed(Failure::new(ErrorKind::UpstreamInvalid, message)));
        }
        let reason = if self.calls == 0 { FinishReason::Stop } else { FinishReason::ToolCalls };
        emit(Event::Finish { choice: 0, finish: Finish::plain(reason) });
        emit(Event::End);
    }

    fn read(&mut self, frame: &Frame<'_>, emit: &mut dyn FnMut(Event<'_>)) -> Result<(), Failure> {
        let data = frame.data;
        let said: Said<'_> =
            serde_json::from_str(data).map_err(|error| unreadable(&error, data.as_bytes()))?;
        if said.is_error() || frame.event == Some("error") {
            return Err(read_error(200, data.as_bytes(), None));
        }
        if said.choices.is_some() && !self.started {
            self.chat.insert(openai_chat::Reader::default()).frame(frame, emit);
            return Ok(());
        }
        if !self.started {
            self.started = true;
            emit(Event::Start { id: Default::default(), model: Default::default(), created: None });
        }
        let (text, usage) = (said.text(), said.usage());
        let mut tell = |delta| emit(Event::Delta { choice: 0, delta });
        if let Some(text) = text {
            tell(Delta::Text(text));
        }
        for (id, name, arguments) in said.tool_calls.0.into_iter().filter_map(AnyCall::told) {
            let index = u32::try_from(self.calls).unwrap_or(u32::MAX);
            // Only what the frame says tells this call from all others.
            let id = id.unwrap_or_else(|| one_text::call_id(data, self.calls).into());
            tell(Delta::ToolCall { index, id, name });
            if !arguments.is_empty() {
                tell(Delta::Arguments { index, json: arguments });
            }
            self.calls += 1;
        }
        if let Some(usage) = usage {
            emit(Event::Usage(usage));
        }
        Ok(())
    }
}
