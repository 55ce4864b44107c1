//! A whole answer.

use serde::{Deserialize, Serialize};

use crate::{
    chat::Part,
    json::{Members, Str},
    usage::Usage,
};

/// A whole answer to a chat request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer<'a> {
    /// The provider's id for it.
    #[serde(borrow)]
    pub id: Str<'a>,
    /// The model that answered, as the provider names it.
    pub model: Str<'a>,
    /// When it was made, in seconds since 1970, where the format says.
    pub created: Option<u64>,
    /// The answers, by index.
    pub choices: Vec<Choice<'a>>,
    /// Tokens counted; `None` where the provider did not say.
    pub usage: Option<Usage>,
    /// Members that mean nothing here, in order; only a caller of the same format gets them.
    #[serde(default, skip_serializing_if = "Members::is_empty")]
    pub extra: Members<'a>,
}

/// One of the answers asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice<'a> {
    /// Counted from 0.
    pub index: u32,
    /// What was said: text, reasoning, tool calls, refusals, in order.
    #[serde(borrow)]
    pub parts: Vec<Part<'a>>,
    /// Why it ended.
    pub finish: Finish<'a>,
    /// Members of the message that mean nothing here, in order; only a caller of the same format gets them.
    #[serde(default, skip_serializing_if = "Members::is_empty")]
    pub extra: Members<'a>,
}

/// Why an answer ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finish<'a> {
    /// The reason in our words.
    pub reason: FinishReason,
    /// The stop text that was met, where the provider says which.
    #[serde(borrow)]
    pub stop_sequence: Option<Str<'a>>,
    /// The reason in the provider's words.
    pub raw: Option<Str<'a>>,
}

impl Finish<'_> {
    /// A finish for `reason` with nothing else known.
    pub fn plain(reason: FinishReason) -> Self {
        Self { reason, stop_sequence: None, raw: None }
    }

    /// The same, owned.
    pub fn into_owned(self) -> Finish<'static> {
        Finish {
            reason: self.reason,
            stop_sequence: self.stop_sequence.map(Str::into_owned),
            raw: self.raw.map(Str::into_owned),
        }
    }
}

/// Why an answer ended, in our words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model was done.
    Stop,
    /// One of the caller's stop texts came up.
    StopSequence,
    /// The output limit was reached; wins over an open tool call.
    Length,
    /// The context window was full.
    ContextWindow,
    /// The model waits for its tool calls' results.
    ToolCalls,
    /// A filter stepped in, or the model refused.
    ContentFilter,
    /// The provider paused a long turn; send it back to go on.
    Pause,
}
