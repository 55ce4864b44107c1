//! A chat request, in the one shape that every wire format is read into and written from.
//!
//! Blocks follow the richer format of each pair: an assistant's turn is a list of parts, tool results are parts of a
//! user's turn, tool arguments are JSON text that nobody re-serialises.

use serde::{Deserialize, Serialize};

use crate::{
    citation::Citation,
    json::{Members, Raw, Str},
};

/// A chat request, borrowed from the caller's body.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request<'a> {
    /// The model the caller asked for: a name from the configuration, or `provider/model`.
    pub model: Str<'a>,
    /// The conversation, oldest first, instructions (system, developer) in their places.
    pub turns: Vec<Turn<'a>>,
    /// The tools the model may call, in the caller's order (providers' prompt caches depend on it).
    pub tools: Vec<Tool<'a>>,
    /// Which tool must or may be called; `None` leaves it to the provider.
    pub tool_choice: Option<ToolChoice<'a>>,
    /// Whether several tools may be called at once; `None` leaves it to the provider.
    pub parallel_tool_calls: Option<bool>,
    /// The most tokens to answer with, reasoning included.
    pub max_output_tokens: Option<u32>,
    /// Sampling temperature.
    pub temperature: Option<f64>,
    /// Nucleus sampling.
    pub top_p: Option<f64>,
    /// Sampling from the `k` likeliest tokens.
    pub top_k: Option<u32>,
    /// Seed for repeatable sampling.
    pub seed: Option<i64>,
    /// Penalty by how often a token has appeared.
    pub frequency_penalty: Option<f64>,
    /// Penalty for a token that has appeared at all.
    pub presence_penalty: Option<f64>,
    /// Texts that end the answer.
    pub stop: Vec<Str<'a>>,
    /// The form the answer must have.
    pub output: OutputFormat<'a>,
    /// How much the model should think first.
    pub reasoning: Option<Reasoning>,
    /// How many answers to give; 1 unless asked otherwise.
    pub choices: Option<u32>,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// Whether a streamed answer ends with a usage frame. Always so in Messages.
    pub include_usage: bool,
    /// The end user, as the caller names them.
    pub user: Option<Str<'a>>,
    /// Members of the caller's format that mean nothing here, in order; only that format gets them.
    pub extra: Members<'a>,
}

/// One turn of the conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn<'a> {
    /// Who speaks.
    pub role: Role,
    /// A participant's name, where the format has one.
    pub name: Option<Str<'a>>,
    /// What is said, in order.
    pub parts: Vec<Part<'a>>,
    /// Members of the message that mean nothing here, in order; only the caller's own format gets them.
    pub extra: Members<'a>,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The operator's instructions.
    System,
    /// The same, as newer OpenAI models call it.
    Developer,
    /// The end user; also who hands over tool results.
    User,
    /// The model.
    Assistant,
}

/// A piece of a turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part<'a> {
    /// Plain text.
    Text {
        /// The text.
        #[serde(borrow)]
        text: Str<'a>,
        /// `cache_control` as the caller wrote it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cache: Option<Raw<'a>>,
        /// What it rests on, in the order it was told.
        #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
        citations: Vec<Citation<'a>>,
    },
    /// A picture.
    Image {
        /// Where its bytes are.
        source: Media<'a>,
        /// OpenAI's `detail`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<Str<'a>>,
        /// `cache_control` as the caller wrote it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cache: Option<Raw<'a>>,
    },
    /// A document such as a PDF.
    Document {
        /// Where its bytes are.
        source: Media<'a>,
        /// Its file name or title.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<Str<'a>>,
        /// `cache_control` as the caller wrote it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cache: Option<Raw<'a>>,
    },
    /// Sound.
    Audio {
        /// The bytes in base64.
        data: Str<'a>,
        /// `wav`, `mp3`.
        format: Str<'a>,
    },
    /// The model calls a tool.
    ToolCall {
        /// The provider's id for the call.
        id: Str<'a>,
        /// The tool's name.
        name: Str<'a>,
        /// The arguments as JSON text, exactly as they came; may be empty or broken if the model was cut off.
        arguments: Str<'a>,
        /// Members of the call that mean nothing here, in order; only the caller's own format gets them.
        #[serde(default, skip_serializing_if = "Members::is_empty")]
        extra: Members<'a>,
        /// `cache_control` as the caller wrote it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cache: Option<Raw<'a>>,
    },
    /// What a tool answered.
    ToolResult {
        /// The id of the call it answers.
        call_id: Str<'a>,
        /// The result.
        parts: Vec<Part<'a>>,
        /// Whether the tool failed.
        is_error: bool,
        /// `cache_control` as the caller wrote it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cache: Option<Raw<'a>>,
    },
    /// What the model thought.
    Reasoning {
        /// The thought; may be empty where only the signature is given.
        text: Str<'a>,
        /// The maker's seal over the thought. Only its maker's family takes the part back, and only unchanged;
        /// `None` means nobody does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<Str<'a>>,
    },
    /// What the model thought, sealed by its maker.
    RedactedReasoning {
        /// The sealed bytes.
        data: Str<'a>,
    },
    /// The model says it will not answer.
    Refusal {
        /// How it said so.
        text: Str<'a>,
    },
    /// A part that means nothing here; only the caller's own format gets it.
    Other {
        /// Its `type`.
        kind: Str<'a>,
        /// The part as the caller wrote it.
        raw: Raw<'a>,
    },
}

impl<'a> Part<'a> {
    /// A text, and nothing beside it.
    pub fn text(text: impl Into<Str<'a>>) -> Self {
        Self::Text { text: text.into(), cache: None, citations: Vec::new() }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text { text, .. } = self { Some(text) } else { None }
    }
}

/// Where the bytes of a picture or document are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Media<'a> {
    /// At an address that the provider fetches.
    Url(#[serde(borrow)] Str<'a>),
    /// In the request.
    Base64 {
        /// Such as `image/png`.
        media_type: Str<'a>,
        /// The bytes in base64.
        data: Str<'a>,
    },
    /// Uploaded to the provider before.
    File {
        /// The provider's id for it.
        id: Str<'a>,
    },
}

/// A tool the model may call.
#[derive(Clone, Debug, PartialEq)]
pub enum Tool<'a> {
    /// A function of the caller's.
    Function {
        /// Its name.
        name: Str<'a>,
        /// What it does.
        description: Option<Str<'a>>,
        /// JSON Schema of its arguments, as the caller wrote it.
        parameters: Option<Raw<'a>>,
        /// Whether arguments must follow the schema exactly.
        strict: Option<bool>,
        /// `cache_control` as the caller wrote it.
        cache: Option<Raw<'a>>,
    },
    /// A tool the provider runs, or a kind unknown here; only the caller's own format gets it.
    Other {
        /// Its `type`.
        kind: Str<'a>,
        /// The tool as the caller wrote it.
        raw: Raw<'a>,
    },
}

/// Which tool must or may be called.
#[derive(Clone, Debug, PartialEq)]
pub enum ToolChoice<'a> {
    /// The model decides.
    Auto,
    /// No tool.
    None,
    /// Some tool.
    Required,
    /// This tool.
    Tool(Str<'a>),
    /// A choice that means nothing here; only the caller's own format gets it.
    Other(Raw<'a>),
}

/// The form the answer must have.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum OutputFormat<'a> {
    /// Prose.
    #[default]
    Text,
    /// Some JSON object.
    Json,
    /// JSON that follows a schema.
    Schema {
        /// The schema's name, where the format has one.
        name: Option<Str<'a>>,
        /// What it is for.
        description: Option<Str<'a>>,
        /// The JSON Schema as the caller wrote it.
        schema: Raw<'a>,
        /// Whether it must be followed exactly.
        strict: Option<bool>,
    },
}

/// How much the model should think before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reasoning {
    /// Not at all.
    Off,
    /// As much as the model finds right (Anthropic's adaptive thinking), at an effort if one is given.
    Adaptive(Option<Effort>),
    /// By effort.
    Effort(Effort),
    /// By a number of tokens.
    Budget(u32),
}

/// Steps of effort, smallest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// `minimal`
    Minimal,
    /// `low`
    Low,
    /// `medium`
    Medium,
    /// `high`
    High,
    /// `xhigh`
    XHigh,
    /// `max`
    Max,
}
