//! Wire formats: JSON and stream dialects, each spoken by callers, by providers, or by both.
//!
//! A chat format's module has the same functions and types as every other's ([`openai_chat`] shows them); [`Chat`] picks
//! between them. A format is read and written without knowing the other side: both meet in `sluice_types`.

pub mod anthropic_messages;
mod json;
pub mod message;
pub mod openai_chat;
pub mod openai_embeddings;

use std::time::Duration;

use sluice_types::{
    answer::Answer,
    chat::Request,
    error::{Attempt, Failure},
    event::Event,
    json::Raw,
    usage::Usage,
};

use crate::sse::Frame;

/// A dialect of chat. The same two are callers' protocols and providers' formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Chat {
    /// OpenAI Chat Completions.
    OpenaiChat,
    /// Anthropic Messages.
    AnthropicMessages,
}

/// A request written for a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The JSON body.
    pub body: Vec<u8>,
    /// What the caller asked for and this format cannot say, by the caller's names, such as `logprobs`.
    pub dropped: Vec<String>,
}

/// How one provider's dialect differs from the format's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Members to rename, `(ours, theirs)`.
    pub rename: Vec<(String, String)>,
    /// Members the provider refuses. `messages[].NAME` is the member NAME of every message.
    pub drop: Vec<String>,
    /// The member that limits output tokens: `max_tokens` or `max_completion_tokens`.
    pub max_tokens: String,
    /// Whether a stream may be asked for usage with `stream_options`.
    pub stream_usage: bool,
}

impl Default for Dialect {
    fn default() -> Self {
        Self { rename: Vec::new(), drop: Vec::new(), max_tokens: "max_tokens".to_owned(), stream_usage: true }
    }
}

impl Dialect {
    /// What the provider calls the member `name`; `None` where it refuses it.
    pub fn name<'n>(&'n self, name: &'n str) -> Option<&'n str> {
        if self.drop.iter().any(|dropped| dropped == name) {
            return None;
        }
        let renamed = self.rename.iter().find(|(ours, _)| ours == name);
        Some(renamed.map_or(name, |(_, theirs)| theirs))
    }
}

/// Where a request is going.
#[derive(Clone, Copy, Debug)]
pub struct Target<'t> {
    /// The model, as the provider names it.
    pub model: &'t str,
    /// The provider's dialect of its format.
    pub dialect: &'t Dialect,
    /// Whether what the format cannot say is refused ([`ErrorKind::Unsupported`]) instead of dropped.
    ///
    /// [`ErrorKind::Unsupported`]: sluice_types::error::ErrorKind::Unsupported
    pub strict: bool,
    /// The limit of output tokens for formats that must have one, where the caller gave none.
    pub default_max_tokens: Option<u32>,
    /// Whether the request came in this very format, so that members and parts unknown here are written too.
    pub same_format: bool,
}

/// What the caller is to be told that a provider's answer may not say.
#[derive(Clone, Copy, Debug)]
pub struct Meta<'m> {
    /// The answer's id where the provider gives none.
    pub id: &'m str,
    /// When the answer was made, in seconds since 1970, where the provider does not say.
    pub created: u64,
    /// The model that answers, where the provider does not name it.
    pub model: &'m str,
    /// A whole answer's top-level member `sluice`. A stream gets its own at the end, see [`Writer::end`].
    pub note: Option<&'m Raw<'m>>,
    /// Whether a stream ends with a usage frame. Messages tells usage always.
    pub include_usage: bool,
    /// Whether the answer came in this very format, so that members and parts unknown here are written too.
    pub same_format: bool,
}

impl Chat {
    /// Its name in the configuration and in `tests/cases`.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenaiChat => "openai_chat",
            Self::AnthropicMessages => "anthropic_messages",
        }
    }

    /// Where it is asked, below a provider's base URL.
    pub fn path(self) -> &'static str {
        match self {
            Self::OpenaiChat => "/chat/completions",
            Self::AnthropicMessages => "/messages",
        }
    }

    /// Reads a caller's request.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](sluice_types::error::ErrorKind::InvalidRequest), with the member that is wrong.
    pub fn read_request(self, body: &[u8]) -> Result<Request<'_>, Failure> {
        match self {
            Self::OpenaiChat => openai_chat::read_request(body),
            Self::AnthropicMessages => anthropic_messages::read_request(body),
        }
    }

    /// Writes a request that came in another format or was altered on its way.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](sluice_types::error::ErrorKind::Unsupported) if the target is strict and the format cannot say
    /// something, with the member.
    pub fn write_request(self, request: &Request<'_>, target: &Target<'_>) -> Result<Written, Failure> {
        match self {
            Self::OpenaiChat => openai_chat::write_request(request, target),
            Self::AnthropicMessages => anthropic_messages::write_request(request, target),
        }
    }

    /// Rewrites what must change in a request that came in this format; every other value stays as it was written.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](sluice_types::error::ErrorKind::InvalidRequest) if `body` is no JSON object, and as
    /// [`write_request`](Self::write_request) where the dialect refuses a member and the target is strict.
    pub fn patch_request(self, body: &[u8], target: &Target<'_>) -> Result<Written, Failure> {
        match self {
            Self::OpenaiChat => openai_chat::patch_request(body, target),
            Self::AnthropicMessages => anthropic_messages::patch_request(body, target),
        }
    }

    /// Reads a provider's whole answer.
    ///
    /// # Errors
    ///
    /// [`UpstreamInvalid`](sluice_types::error::ErrorKind::UpstreamInvalid) or
    /// [`UpstreamTruncated`](sluice_types::error::ErrorKind::UpstreamTruncated) if it cannot be read; what it says if
    /// it is an error inside a success.
    pub fn read_answer(self, body: &[u8]) -> Result<Answer<'_>, Failure> {
        match self {
            Self::OpenaiChat => openai_chat::read_answer(body),
            Self::AnthropicMessages => anthropic_messages::read_answer(body),
        }
    }

    /// Writes a whole answer for the caller.
    pub fn write_answer(self, answer: &Answer<'_>, meta: &Meta<'_>) -> Vec<u8> {
        match self {
            Self::OpenaiChat => openai_chat::write_answer(answer, meta),
            Self::AnthropicMessages => anthropic_messages::write_answer(answer, meta),
        }
    }

    /// Reads a provider's error: its HTTP status, its body, and how long it asks to wait.
    pub fn read_error(self, status: u16, body: &[u8], retry_after: Option<Duration>) -> Failure {
        match self {
            Self::OpenaiChat => openai_chat::read_error(status, body, retry_after),
            Self::AnthropicMessages => anthropic_messages::read_error(status, body, retry_after),
        }
    }

    /// Writes the body of an error for the caller.
    pub fn write_error(self, failure: &Failure, request_id: &str, attempts: &[Attempt]) -> Vec<u8> {
        match self {
            Self::OpenaiChat => openai_chat::write_error(failure, request_id, attempts),
            Self::AnthropicMessages => anthropic_messages::write_error(failure, request_id, attempts),
        }
    }

    /// Writes the frame that tells the caller that its stream has failed; nothing may follow it.
    pub fn write_stream_error(self, failure: &Failure, request_id: &str, out: &mut Vec<u8>) {
        match self {
            Self::OpenaiChat => openai_chat::write_stream_error(failure, request_id, out),
            Self::AnthropicMessages => anthropic_messages::write_stream_error(failure, request_id, out),
        }
    }

    /// What keeps a silent stream open.
    pub fn heartbeat(self) -> &'static [u8] {
        match self {
            Self::OpenaiChat => openai_chat::heartbeat(),
            Self::AnthropicMessages => anthropic_messages::heartbeat(),
        }
    }
}

/// Reads a provider's stream, frame by frame.
#[derive(Debug)]
pub enum Reader {
    /// OpenAI Chat Completions.
    OpenaiChat(openai_chat::Reader),
    /// Anthropic Messages.
    AnthropicMessages(anthropic_messages::Reader),
}

impl Reader {
    /// A reader at the start of a stream.
    pub fn new(format: Chat) -> Self {
        match format {
            Chat::OpenaiChat => Self::OpenaiChat(openai_chat::Reader::default()),
            Chat::AnthropicMessages => Self::AnthropicMessages(anthropic_messages::Reader::default()),
        }
    }

    /// Tells `emit` what `frame` says. A frame that cannot be read is a [`Event::Failed`].
    pub fn frame(&mut self, frame: &Frame<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        match self {
            Self::OpenaiChat(reader) => reader.frame(frame, emit),
            Self::AnthropicMessages(reader) => reader.frame(frame, emit),
        }
    }

    /// The body has ended: emits [`Event::End`] if the provider had said all it had to say without its end marker.
    /// A reader that has emitted no `End` by then was cut off.
    pub fn finish(&mut self, emit: &mut dyn FnMut(Event<'_>)) {
        match self {
            Self::OpenaiChat(reader) => reader.finish(emit),
            Self::AnthropicMessages(reader) => reader.finish(emit),
        }
    }
}

/// Writes a stream for the caller.
#[derive(Debug)]
pub enum Writer {
    /// OpenAI Chat Completions.
    OpenaiChat(openai_chat::Writer),
    /// Anthropic Messages.
    AnthropicMessages(anthropic_messages::Writer),
}

impl Writer {
    /// A writer at the start of a stream.
    pub fn new(format: Chat, meta: &Meta<'_>) -> Self {
        match format {
            Chat::OpenaiChat => Self::OpenaiChat(openai_chat::Writer::new(meta)),
            Chat::AnthropicMessages => Self::AnthropicMessages(anthropic_messages::Writer::new(meta)),
        }
    }

    /// Appends what `event` is in this format. [`Event::End`] and [`Event::Failed`] write nothing: they are for
    /// [`end`](Self::end) and [`Chat::write_stream_error`].
    pub fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match self {
            Self::OpenaiChat(writer) => writer.event(event, out),
            Self::AnthropicMessages(writer) => writer.event(event, out),
        }
    }

    /// Appends the end of the stream, with `usage` (else what the events told last) and `note` as the member `sluice`
    /// of the frame that tells usage.
    pub fn end(&mut self, usage: Option<&Usage>, note: Option<&Raw<'_>>, out: &mut Vec<u8>) {
        match self {
            Self::OpenaiChat(writer) => writer.end(usage, note, out),
            Self::AnthropicMessages(writer) => writer.end(usage, note, out),
        }
    }
}
