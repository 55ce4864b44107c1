//! An item of output as far as it has been written: a stream's last frame repeats it whole.

use serde::de::IgnoredAny;
use sluice_types::citation::Citation;

use crate::format::openai_responses::item::{self, Prefix, Said};

/// An item that has been begun.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) id: String,
    pub(super) content: Content,
    pub(super) state: State,
}

/// Whether an item can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Open,
    Completed,
    /// Cut off.
    Incomplete,
}

/// What an item holds.
#[derive(Debug)]
pub(super) enum Content {
    /// Texts and refusals.
    Message(Vec<Piece>),
    Thought {
        text: String,
        /// What stands in `encrypted_content`.
        encrypted: Option<String>,
    },
    Call {
        /// Which call of the answer.
        index: u32,
        call_id: String,
        name: String,
        arguments: String,
    },
    /// A search that was made before, as it is told.
    Search(String),
}

/// A piece of a message.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) refusal: bool,
    pub(super) text: String,
    /// Characters of the answer's text told before it.
    pub(super) start: u32,
    /// What it rests on, by its own words.
    pub(super) citations: Vec<Citation<'static>>,
}

impl Piece {
    pub(super) fn said(&self, same_format: bool) -> Said<'_> {
        match self.refusal {
            true => Said::Refusal(&self.text),
            false => Said::Text { text: &self.text, citations: &self.citations, same_format },
        }
    }
}

impl Content {
    pub(super) fn prefix(&self) -> Prefix {
        match self {
            Self::Message(_) => Prefix::Message,
            Self::Thought { .. } => Prefix::Thought,
            Self::Call { .. } | Self::Search(_) => Prefix::Call,
        }
    }

    /// Whether the item may be done before the answer is. A call whose arguments are no whole object yet may go on after
    /// another item has begun: some providers tell parallel calls by turns.
    pub(super) fn may_be_done(&self) -> bool {
        match self {
            Self::Message(_) | Self::Thought { .. } | Self::Search(_) => true,
            Self::Call { arguments, .. } => {
                arguments.trim_start().starts_with('{')
                    && serde_json::from_str::<IgnoredAny>(arguments).is_ok()
            }
        }
    }
}

impl Written {
    /// Whether the item can go on.
    pub(super) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Writes the item as it stands.
    pub(super) fn write(&self, same_format: bool, out: &mut Vec<u8>) {
        let status = match self.state {
            State::Open => "in_progress",
            State::Completed => "completed",
            State::Incomplete => "incomplete",
        };
        match &self.content {
            Content::Message(pieces) => {
                let said = pieces.iter().map(|piece| piece.said(same_format));
                item::write_message(&self.id, status, said, None, out);
            }
            Content::Thought { text, encrypted } => {
                item::write_thought(&self.id, text, encrypted.as_deref(), out);
            }
            Content::Search(item) => out.extend_from_slice(item.as_bytes()),
            Content::Call { call_id, name, arguments, .. } => {
                item::write_call(&self.id, status, (call_id, name, arguments), None, out);
            }
        }
    }
}
