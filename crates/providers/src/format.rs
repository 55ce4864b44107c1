//! Wire formats: JSON and stream dialects, each spoken by callers, by providers, or by both.
//!
//! A chat format's module has the same functions and types as every other's ([`openai_chat`] shows them); [`Protocol`] picks
//! between those that callers speak, [`Chat`] between those that providers speak. A format is read and written without
//! knowing the other side: both meet in `sluice_types`.

mod annotation;
pub mod anthropic_messages;
pub mod bedrock_converse;
pub(crate) mod cite;
pub mod cohere_chat;
mod dialect;
mod dropped;
pub mod embeddings;
pub mod gemini;
pub(crate) mod json;
pub mod message;
pub mod ollama_chat;
mod one_text;
pub mod openai_chat;
pub mod openai_embeddings;
pub mod openai_responses;
mod path;
pub mod plain;
pub mod rerank;
pub mod workers_ai;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sluice_types::{
    answer::Answer,
    chat::Request,
    error::{Attempt, Failure},
    event::Event,
    json::Raw,
    usage::Usage,
};

pub use self::dialect::{Dialect, JsonSchema};
use crate::frames::{Frame, Framing};

/// A dialect of chat that callers speak. Providers speak every one of them, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// OpenAI Chat Completions.
    OpenaiChat,
    /// OpenAI Responses.
    OpenaiResponses,
    /// Anthropic Messages.
    AnthropicMessages,
    /// Gemini `generateContent`.
    Gemini,
}

/// A dialect of chat that providers speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Chat {
    /// OpenAI Chat Completions.
    OpenaiChat,
    /// OpenAI Responses.
    OpenaiResponses,
    /// Anthropic Messages.
    AnthropicMessages,
    /// Gemini `generateContent`, in AI Studio and in Vertex.
    Gemini,
    /// Cohere chat, version 2.
    CohereChat,
    /// Bedrock Converse.
    BedrockConverse,
    /// Ollama's own chat.
    OllamaChat,
    /// Workers AI's own `run`.
    WorkersAi,
}

/// A request written for a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The JSON body.
    pub body: Vec<u8>,
    /// What the caller asked for and this format cannot say, by the caller's names, such as `logprobs`.
    pub dropped: Vec<String>,
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
    /// Whether a stream is one JSON list, delivered piecewise: Gemini callers who do not ask for `alt=sse`.
    pub json_array: bool,
    /// A search that was made for the answer, as an item of Responses; other formats have none.
    pub searched: Option<&'m Raw<'m>>,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::OpenaiChat, Self::OpenaiResponses, Self::AnthropicMessages, Self::Gemini];

    /// The format of providers that speak it.
    pub fn format(self) -> Chat {
        match self {
            Self::OpenaiChat => Chat::OpenaiChat,
            Self::OpenaiResponses => Chat::OpenaiResponses,
            Self::AnthropicMessages => Chat::AnthropicMessages,
            Self::Gemini => Chat::Gemini,
        }
    }

    /// Its name in `tests/cases`.
    pub fn name(self) -> &'static str {
        self.format().name()
    }

    /// Reads a caller's request. Gemini tells model and streaming in the path: both are left as by default.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](sluice_types::error::ErrorKind::InvalidRequest), with the member that is wrong.
    pub fn read_request(self, body: &[u8]) -> Result<Request<'_>, Failure> {
        match self {
            Self::OpenaiChat => openai_chat::read_request(body),
            Self::OpenaiResponses => openai_responses::read_request(body),
            Self::AnthropicMessages => anthropic_messages::read_request(body),
            Self::Gemini => gemini::read_request(body),
        }
    }

    /// Rewrites what must change in a caller's request for a provider of the same format; every other value stays as it
    /// was written.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](sluice_types::error::ErrorKind::InvalidRequest) if `body` is no JSON object, and as
    /// [`Chat::write_request`] where the dialect refuses a member and the target is strict.
    pub fn patch_request(self, body: &[u8], target: &Target<'_>) -> Result<Written, Failure> {
        match self {
            Self::OpenaiChat => openai_chat::patch_request(body, target),
            Self::OpenaiResponses => openai_responses::patch_request(body, target),
            Self::AnthropicMessages => anthropic_messages::patch_request(body, target),
            Self::Gemini => gemini::patch_request(body, target),
        }
    }

    /// Writes a whole answer for the caller.
    pub fn write_answer(self, answer: &Answer<'_>, meta: &Meta<'_>) -> Vec<u8> {
        match self {
            Self::OpenaiChat => openai_chat::write_answer(answer, meta),
            Self::OpenaiResponses => openai_responses::write_answer(answer, meta),
            Self::AnthropicMessages => anthropic_messages::write_answer(answer, meta),
            Self::Gemini => gemini::write_answer(answer, meta),
        }
    }

    /// Writes the body of an error for the caller.
    pub fn write_error(self, failure: &Failure, request_id: &str, attempts: &[Attempt]) -> Vec<u8> {
        match self {
            Self::OpenaiChat => openai_chat::write_error(failure, request_id, attempts),
            Self::OpenaiResponses => openai_responses::write_error(failure, request_id, attempts),
            Self::AnthropicMessages => anthropic_messages::write_error(failure, request_id, attempts),
            Self::Gemini => gemini::write_error(failure, request_id, attempts),
        }
    }

    /// Writes the frame that tells the caller that its stream has failed; nothing may follow it.
    pub fn write_stream_error(self, failure: &Failure, request_id: &str, out: &mut Vec<u8>) {
        match self {
            Self::OpenaiChat => openai_chat::write_stream_error(failure, request_id, out),
            Self::OpenaiResponses => openai_responses::write_stream_error(failure, request_id, out),
            Self::AnthropicMessages => anthropic_messages::write_stream_error(failure, request_id, out),
            Self::Gemini => gemini::write_stream_error(failure, request_id, out),
        }
    }

    /// What keeps a silent stream open.
    pub fn heartbeat(self) -> &'static [u8] {
        match self {
            Self::OpenaiChat => openai_chat::heartbeat(),
            Self::OpenaiResponses => openai_responses::heartbeat(),
            Self::AnthropicMessages => anthropic_messages::heartbeat(),
            Self::Gemini => gemini::heartbeat(),
        }
    }
}

impl Chat {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::OpenaiChat,
        Self::OpenaiResponses,
        Self::AnthropicMessages,
        Self::Gemini,
        Self::CohereChat,
        Self::BedrockConverse,
        Self::OllamaChat,
        Self::WorkersAi,
    ];

    /// Its name in the configuration and in `tests/cases`.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenaiChat => "openai_chat",
            Self::OpenaiResponses => "openai_responses",
            Self::AnthropicMessages => "anthropic_messages",
            Self::Gemini => "gemini",
            Self::CohereChat => "cohere_chat",
            Self::BedrockConverse => "bedrock_converse",
            Self::OllamaChat => "ollama_chat",
            Self::WorkersAi => "workers_ai",
        }
    }

    /// Where `model` is asked, below a provider's base URL.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](sluice_types::error::ErrorKind::InvalidRequest) if the model's name goes into the address and
    /// cannot.
    pub fn path(self, model: &str, stream: bool, dialect: &Dialect) -> Result<String, Failure> {
        Ok(match self {
            Self::OpenaiChat => "/chat/completions".to_owned(),
            Self::OpenaiResponses => "/responses".to_owned(),
            Self::AnthropicMessages => match (dialect.model_in_path, stream) {
                (false, _) => "/messages".to_owned(),
                (true, false) => format!("/models/{}:rawPredict", path::segment(model)?),
                (true, true) => format!("/models/{}:streamRawPredict", path::segment(model)?),
            },
            Self::Gemini => match stream {
                false => format!("/models/{}:generateContent", path::segment(model)?),
                true => format!("/models/{}:streamGenerateContent?alt=sse", path::segment(model)?),
            },
            Self::CohereChat => "/chat".to_owned(),
            Self::BedrockConverse => match stream {
                false => format!("/model/{}/converse", path::segment(model)?),
                true => format!("/model/{}/converse-stream", path::segment(model)?),
            },
            Self::OllamaChat => "/api/chat".to_owned(),
            Self::WorkersAi => format!("/run/{}", path::segments(model)?),
        })
    }

    /// The callers' protocol that it is; `None` where only providers speak it.
    pub fn protocol(self) -> Option<Protocol> {
        Protocol::ALL.into_iter().find(|protocol| protocol.format() == self)
    }

    /// Whether pictures must be in the request: its providers fetch none.
    pub fn wants_image_bytes(self) -> bool {
        match self {
            Self::BedrockConverse | Self::OllamaChat | Self::WorkersAi => true,
            Self::OpenaiChat
            | Self::OpenaiResponses
            | Self::AnthropicMessages
            | Self::Gemini
            | Self::CohereChat => false,
        }
    }

    /// How its streams are cut into frames.
    pub fn framing(self) -> Framing {
        match self {
            Self::OpenaiChat
            | Self::OpenaiResponses
            | Self::AnthropicMessages
            | Self::Gemini
            | Self::CohereChat
            | Self::WorkersAi => Framing::Sse,
            Self::BedrockConverse => Framing::EventStream,
            Self::OllamaChat => Framing::Lines,
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
            Self::OpenaiResponses => openai_responses::write_request(request, target),
            Self::AnthropicMessages => anthropic_messages::write_request(request, target),
            Self::Gemini => gemini::write_request(request, target),
            Self::CohereChat => cohere_chat::write_request(request, target),
            Self::BedrockConverse => bedrock_converse::write_request(request, target),
            Self::OllamaChat => ollama_chat::write_request(request, target),
            Self::WorkersAi => workers_ai::write_request(request, target),
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
            Self::OpenaiResponses => openai_responses::read_answer(body),
            Self::AnthropicMessages => anthropic_messages::read_answer(body),
            Self::Gemini => gemini::read_answer(body),
            Self::CohereChat => cohere_chat::read_answer(body),
            Self::BedrockConverse => bedrock_converse::read_answer(body),
            Self::OllamaChat => ollama_chat::read_answer(body),
            Self::WorkersAi => workers_ai::read_answer(body),
        }
    }

    /// The header in which a provider of this format tells an error's type, where it is not in the body.
    pub fn error_type_header(self) -> Option<&'static str> {
        match self {
            Self::BedrockConverse => Some("x-amzn-errortype"),
            Self::OpenaiChat
            | Self::OpenaiResponses
            | Self::AnthropicMessages
            | Self::Gemini
            | Self::CohereChat
            | Self::OllamaChat
            | Self::WorkersAi => None,
        }
    }

    /// Reads a provider's error.
    pub fn read_error(self, head: ErrorHead<'_>, body: &[u8]) -> Failure {
        let ErrorHead { status, retry_after, error_type } = head;
        match self {
            Self::OpenaiChat => openai_chat::read_error(status, body, retry_after),
            Self::OpenaiResponses => openai_responses::read_error(status, body, retry_after),
            Self::AnthropicMessages => anthropic_messages::read_error(status, body, retry_after),
            Self::Gemini => gemini::read_error(status, body, retry_after),
            Self::CohereChat => cohere_chat::read_error(status, body, retry_after),
            Self::BedrockConverse => bedrock_converse::read_error(status, body, retry_after, error_type),
            Self::OllamaChat => ollama_chat::read_error(status, body, retry_after),
            Self::WorkersAi => workers_ai::read_error(status, body, retry_after),
        }
    }
}

/// What the head of a provider's error tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ErrorHead<'a> {
    /// The HTTP status.
    pub status: u16,
    /// How long it asks to wait.
    pub retry_after: Option<Duration>,
    /// Its type, from the header that [`Chat::error_type_header`] names.
    pub error_type: Option<&'a str>,
}

/// Reads a provider's stream, frame by frame.
#[derive(Debug)]
pub enum Reader {
    /// OpenAI Chat Completions.
    OpenaiChat(openai_chat::Reader),
    /// OpenAI Responses.
    OpenaiResponses(openai_responses::Reader),
    /// Anthropic Messages.
    AnthropicMessages(anthropic_messages::Reader),
    /// Gemini.
    Gemini(gemini::Reader),
    /// Cohere chat.
    CohereChat(cohere_chat::Reader),
    /// Bedrock Converse.
    BedrockConverse(bedrock_converse::Reader),
    /// Ollama.
    OllamaChat(ollama_chat::Reader),
    /// Workers AI.
    WorkersAi(workers_ai::Reader),
}

impl Reader {
    /// A reader at the start of a stream.
    pub fn new(format: Chat) -> Self {
        match format {
            Chat::OpenaiChat => Self::OpenaiChat(openai_chat::Reader::default()),
            Chat::OpenaiResponses => Self::OpenaiResponses(openai_responses::Reader::default()),
            Chat::AnthropicMessages => Self::AnthropicMessages(anthropic_messages::Reader::default()),
            Chat::Gemini => Self::Gemini(gemini::Reader::default()),
            Chat::CohereChat => Self::CohereChat(cohere_chat::Reader::default()),
            Chat::BedrockConverse => Self::BedrockConverse(bedrock_converse::Reader::default()),
            Chat::OllamaChat => Self::OllamaChat(ollama_chat::Reader::default()),
            Chat::WorkersAi => Self::WorkersAi(workers_ai::Reader::default()),
        }
    }

    /// Tells `emit` what `frame` says. A frame that cannot be read is a [`Event::Failed`].
    pub fn frame(&mut self, frame: &Frame<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        match self {
            Self::OpenaiChat(reader) => reader.frame(frame, emit),
            Self::OpenaiResponses(reader) => reader.frame(frame, emit),
            Self::AnthropicMessages(reader) => reader.frame(frame, emit),
            Self::Gemini(reader) => reader.frame(frame, emit),
            Self::CohereChat(reader) => reader.frame(frame, emit),
            Self::BedrockConverse(reader) => reader.frame(frame, emit),
            Self::OllamaChat(reader) => reader.frame(frame, emit),
            Self::WorkersAi(reader) => reader.frame(frame, emit),
        }
    }

    /// The body has ended: emits [`Event::End`] if the provider had said all it had to say without its end marker.
    /// A reader that has emitted no `End` by then was cut off.
    pub fn finish(&mut self, emit: &mut dyn FnMut(Event<'_>)) {
        match self {
            Self::OpenaiChat(reader) => reader.finish(emit),
            Self::OpenaiResponses(reader) => reader.finish(emit),
            Self::AnthropicMessages(reader) => reader.finish(emit),
            Self::Gemini(reader) => reader.finish(emit),
            Self::CohereChat(reader) => reader.finish(emit),
            Self::BedrockConverse(reader) => reader.finish(emit),
            Self::OllamaChat(reader) => reader.finish(emit),
            Self::WorkersAi(reader) => reader.finish(emit),
        }
    }
}

/// Writes a stream for the caller.
#[derive(Debug)]
pub enum Writer {
    /// OpenAI Chat Completions.
    OpenaiChat(openai_chat::Writer),
    /// OpenAI Responses.
    OpenaiResponses(openai_responses::Writer),
    /// Anthropic Messages.
    AnthropicMessages(anthropic_messages::Writer),
    /// Gemini.
    Gemini(gemini::Writer),
}

impl Writer {
    /// A writer at the start of a stream.
    pub fn new(protocol: Protocol, meta: &Meta<'_>) -> Self {
        match protocol {
            Protocol::OpenaiChat => Self::OpenaiChat(openai_chat::Writer::new(meta)),
            Protocol::OpenaiResponses => Self::OpenaiResponses(openai_responses::Writer::new(meta)),
            Protocol::AnthropicMessages => Self::AnthropicMessages(anthropic_messages::Writer::new(meta)),
            Protocol::Gemini => Self::Gemini(gemini::Writer::new(meta)),
        }
    }

    /// Appends what `event` is in this format. [`Event::End`] and [`Event::Failed`] write nothing: they are for
    /// [`end`](Self::end) and [`Protocol::write_stream_error`].
    pub fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match self {
            Self::OpenaiChat(writer) => writer.event(event, out),
            Self::OpenaiResponses(writer) => writer.event(event, out),
            Self::AnthropicMessages(writer) => writer.event(event, out),
            Self::Gemini(writer) => writer.event(event, out),
        }
    }

    /// Appends the end of the stream, with `usage` (else what the events told last) and `note` as the member `sluice`
    /// of the frame that tells usage.
    pub fn end(&mut self, usage: Option<&Usage>, note: Option<&Raw<'_>>, out: &mut Vec<u8>) {
        match self {
            Self::OpenaiChat(writer) => writer.end(usage, note, out),
            Self::OpenaiResponses(writer) => writer.end(usage, note, out),
            Self::AnthropicMessages(writer) => writer.end(usage, note, out),
            Self::Gemini(writer) => writer.end(usage, note, out),
        }
    }

    /// Appends what tells the caller that its stream has failed, as [`Protocol::write_stream_error`] does, in a stream
    /// that this writer has begun; nothing may follow it.
    pub fn fail(&self, failure: &Failure, request_id: &str, out: &mut Vec<u8>) {
        match self {
            Self::OpenaiChat(_) => openai_chat::write_stream_error(failure, request_id, out),
            Self::OpenaiResponses(_) => openai_responses::write_stream_error(failure, request_id, out),
            Self::AnthropicMessages(_) => anthropic_messages::write_stream_error(failure, request_id, out),
            Self::Gemini(writer) => writer.fail(failure, request_id, out),
        }
    }
}
