//! Wire formats: JSON and stream dialects, each spoken by callers, by providers, or by both.
//!
//! A chat format's module has the same functions and types as every other's ([`openai_chat`] shows them); [`Protocol`] picks
//! between those that callers speak, [`Chat`] between those that providers speak. A format is read and written without
//! knowing the other side: both meet in `sluice_types`.

pub mod anthropic_messages;
pub mod bedrock_converse;
pub mod cohere_chat;
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

/// How one provider's dialect differs from the format's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Members to rename, `(ours, theirs)`. `messages[].NAME` is the member NAME of every message, here and below.
    pub rename: Vec<(String, String)>,
    /// Members the provider refuses; `messages[].tool_calls[].NAME` is the member NAME of every call,
    /// `generationConfig.NAME` one of Gemini's options.
    pub drop: Vec<String>,
    /// Words it has others for, as `(member, ours, theirs)`.
    pub words: Vec<(String, String, String)>,
    /// The member that limits output tokens: `max_tokens` or `max_completion_tokens`.
    pub max_tokens: String,
    /// Whether a stream may be asked for usage with `stream_options`.
    pub stream_usage: bool,
    /// Whether Messages is spoken as on Vertex: the model in the path, the version in the body.
    pub model_in_path: bool,
    /// How an answer is made to follow a JSON schema.
    pub json_schema: JsonSchema,
    /// Whether thoughts that nobody sealed go back to the model, as `messages[].reasoning_content`.
    pub replay_thoughts: bool,
    /// How long tool calls' ids must be, in letters and digits; `None` where any will do.
    pub tool_id_length: Option<u8>,
}

/// How a provider's answer is made to follow a JSON schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum JsonSchema {
    /// By the format's own means.
    #[default]
    Native,
    /// By a tool that the model must call, see [`forced_tool`](crate::forced_tool).
    Tool,
    /// By words among the instructions, where it can neither be given a schema nor made to call a tool.
    Words,
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            rename: Vec::new(),
            drop: Vec::new(),
            words: Vec::new(),
            max_tokens: "max_tokens".to_owned(),
            stream_usage: true,
            model_in_path: false,
            json_schema: JsonSchema::Native,
            replay_thoughts: false,
            tool_id_length: None,
        }
    }
}

/// How the members of messages are told from those of the body.
const IN_MESSAGES: &str = "messages[].";

/// How the members of calls are told from those of messages.
const IN_CALLS: &str = "messages[].tool_calls[].";

impl Dialect {
    /// What the provider calls the member `name`; `None` where it refuses it.
    pub fn name<'n>(&'n self, name: &'n str) -> Option<&'n str> {
        if self.drop.iter().any(|dropped| dropped == name) {
            return None;
        }
        let renamed = self.rename.iter().find(|(ours, _)| ours == name);
        Some(renamed.map_or(name, |(_, theirs)| theirs))
    }

    /// What the provider calls the member `name` of a message; `None` where it refuses it.
    pub fn message_name<'n>(&'n self, name: &'n str) -> Option<&'n str> {
        let is = |member: &str| member.strip_prefix(IN_MESSAGES) == Some(name);
        if self.drop.iter().any(|dropped| is(dropped)) {
            return None;
        }
        let renamed = self.rename.iter().find(|(ours, _)| is(ours));
        Some(renamed.map_or(name, |(_, theirs)| theirs))
    }

    /// What the provider calls the member `name` of a message's calls; `None` where it refuses it.
    pub fn call_name<'n>(&self, name: &'n str) -> Option<&'n str> {
        let refused = self.drop.iter().any(|dropped| dropped.strip_prefix(IN_CALLS) == Some(name));
        (!refused).then_some(name)
    }

    /// Whether the calls in messages need a look.
    fn touches_calls(&self) -> bool {
        self.tool_id_length.is_some() || self.drop.iter().any(|dropped| dropped.starts_with(IN_CALLS))
    }

    /// The provider's word for `word` as the value of `member`.
    pub fn word<'w>(&'w self, member: &str, word: &'w str) -> &'w str {
        let found = self.words.iter().find(|(of, ours, _)| of == member && ours == word);
        found.map_or(word, |(_, _, theirs)| theirs)
    }

    /// Whether the messages of a request in the provider's own format need a look.
    fn touches_messages(&self) -> bool {
        let mut named = self.drop.iter().chain(self.rename.iter().map(|(ours, _)| ours));
        self.tool_id_length.is_some()
            || named.any(|name| name.starts_with(IN_MESSAGES))
            || self.words.iter().any(|(member, ..)| member.starts_with(IN_MESSAGES))
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
    /// Whether a stream is one JSON list, delivered piecewise: Gemini callers who do not ask for `alt=sse`.
    pub json_array: bool,
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

    /// Reads a provider's error: its HTTP status, its body, and how long it asks to wait.
    pub fn read_error(self, status: u16, body: &[u8], retry_after: Option<Duration>) -> Failure {
        match self {
            Self::OpenaiChat => openai_chat::read_error(status, body, retry_after),
            Self::OpenaiResponses => openai_responses::read_error(status, body, retry_after),
            Self::AnthropicMessages => anthropic_messages::read_error(status, body, retry_after),
            Self::Gemini => gemini::read_error(status, body, retry_after),
            Self::CohereChat => cohere_chat::read_error(status, body, retry_after),
            Self::BedrockConverse => bedrock_converse::read_error(status, body, retry_after),
            Self::OllamaChat => ollama_chat::read_error(status, body, retry_after),
            Self::WorkersAi => workers_ai::read_error(status, body, retry_after),
        }
    }
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
