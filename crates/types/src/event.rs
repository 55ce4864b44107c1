//! A streamed answer, step by step.
//!
//! Order: one `Start`, then deltas and finishes in any mix, usage whenever the provider tells it, then `End`. A stream
//! that stops without `End` was cut. Nothing here marks where a block ends: a change of kind (or of tool index) does,
//! and a `Signature` closes the thought before it.
//! A `Citation` ends nothing.

use crate::{answer::Finish, citation::Citation, error::Failure, json::Str, usage::Usage};

/// One step of a streamed answer, borrowed from the frame it came in.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<'a> {
    /// The provider began to answer; nothing has been said yet.
    Start {
        /// The provider's id for the answer.
        id: Str<'a>,
        /// The model that answers, as the provider names it.
        model: Str<'a>,
        /// When, in seconds since 1970, where the format says.
        created: Option<u64>,
    },
    /// More of an answer.
    Delta {
        /// Which answer, counted from 0.
        choice: u32,
        /// What came.
        delta: Delta<'a>,
    },
    /// An answer is finished.
    Finish {
        /// Which answer, counted from 0.
        choice: u32,
        /// Why.
        finish: Finish<'a>,
    },
    /// Tokens counted so far; each replaces the one before.
    Usage(Usage),
    /// The provider said it is done.
    End,
    /// The provider gave up: an error frame inside a 200.
    Failed(Failure),
}

/// More of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Delta<'a> {
    /// Text.
    Text(Str<'a>),
    /// What some of the text told so far rests on. Its span counts all text told of this answer, whatever stood between.
    Citation(Box<Citation<'a>>),
    /// A thought.
    Reasoning(Str<'a>),
    /// The seal over the thought just told; the next thought is a new one.
    Signature(Str<'a>),
    /// A sealed thought, whole.
    RedactedReasoning(Str<'a>),
    /// The model says it will not answer.
    Refusal(Str<'a>),
    /// A tool call begins.
    ToolCall {
        /// Which call of this answer, counted from 0 (calls only, not blocks).
        index: u32,
        /// The provider's id for the call.
        id: Str<'a>,
        /// The tool's name.
        name: Str<'a>,
    },
    /// More of a tool call's arguments.
    Arguments {
        /// Which call.
        index: u32,
        /// A piece of the JSON text.
        json: Str<'a>,
    },
}
