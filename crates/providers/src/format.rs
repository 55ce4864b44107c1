//! Wire formats: JSON and stream dialects, each spoken by callers, by providers, or by both.

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
    /// Members the provider refuses.
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
