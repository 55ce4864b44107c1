//! A chat request, whatever its wire format.

use serde_json::Value;

use super::directive;

/// What was asked.
#[derive(Debug, Default)]
pub struct Ask {
    pub model: String,
    pub stream: bool,
    /// Whether a stream ends with usage (OpenAI; Anthropic always tells).
    pub include_usage: bool,
    pub system: String,
    /// The last user text, directives included.
    pub prompt: String,
    /// What the tools answered, if the last message says so.
    pub results: Vec<String>,
    /// Every image: its media type and size, or its address.
    pub images: Vec<String>,
    pub tools: Vec<Tool>,
    pub choice: Choice,
    /// Whether several tools may be called at once.
    pub parallel: bool,
    /// The schema the answer must fit; null for any JSON object.
    pub schema: Option<Value>,
    pub max_tokens: Option<u64>,
    pub stop: Vec<String>,
    /// Whether the request asks the model to think.
    pub think: bool,
    /// How many answers.
    pub count: usize,
    pub messages: usize,
    /// The size of everything the model reads, in characters.
    pub characters: usize,
    /// Distinguishes requests from one another, the same for the same bytes.
    pub seed: u64,
}

/// A tool the model may call.
#[derive(Debug)]
pub struct Tool {
    pub name: String,
    pub schema: Value,
}

/// Which tools the model must or must not call.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum Choice {
    #[default]
    Auto,
    None,
    Any,
    Named(String),
}

impl Ask {
    /// Whether the prompt has this directive.
    pub fn has(&self, name: &str) -> bool {
        self.argument(name).is_some()
    }

    /// The argument of this directive, empty if it has none.
    pub fn argument(&self, name: &str) -> Option<&str> {
        directive::all(&self.prompt).find(|directive| directive.name == name).map(|directive| directive.value)
    }

    /// Tokens of input, cached ones included.
    pub fn input_tokens(&self) -> u64 {
        (7 + 3 * self.messages + self.characters.div_ceil(4)) as u64
    }
}

/// FNV-1a, for ids that are the same each time.
pub fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A JSON string.
pub fn quote(text: &str) -> String {
    Value::from(text).to_string()
}
