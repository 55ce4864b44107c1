//! How one provider's dialect differs from its format: names, words and habits, as the catalogue and `sluice.yaml` tell them.

use serde::{Deserialize, Serialize};

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
    pub(super) fn touches_calls(&self) -> bool {
        self.tool_id_length.is_some() || self.drop.iter().any(|dropped| dropped.starts_with(IN_CALLS))
    }

    /// The provider's word for `word` as the value of `member`.
    pub fn word<'w>(&'w self, member: &str, word: &'w str) -> &'w str {
        let found = self.words.iter().find(|(of, ours, _)| of == member && ours == word);
        found.map_or(word, |(_, _, theirs)| theirs)
    }

    /// Whether the messages of a request in the provider's own format need a look.
    pub(super) fn touches_messages(&self) -> bool {
        let mut named = self.drop.iter().chain(self.rename.iter().map(|(ours, _)| ours));
        self.tool_id_length.is_some()
            || named.any(|name| name.starts_with(IN_MESSAGES))
            || self.words.iter().any(|(member, ..)| member.starts_with(IN_MESSAGES))
    }
}
