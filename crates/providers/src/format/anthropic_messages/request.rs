//! Requests: read from callers, written for providers, or handed on with only the model's name changed.

mod blocks;
mod body;
mod content;
mod options;
mod patch;
mod read;
mod sampling;
mod thinking;
mod tools;
mod turns;
mod write;

pub(super) use self::content::read_parts;
pub(in crate::format) use self::{
    blocks::tool_id,
    body::Body,
    sampling::Sampled,
    thinking::{Mode, Sampling, Thinking, family_of},
    tools::write_schema,
    turns::Conversation,
    write::{drop_foreign, trimmed},
};
pub use self::{
    patch::patch_request,
    read::{read_count_request, read_request},
    write::write_request,
};
use crate::format::dropped;

/// Where something cannot be said.
const PLACE: &str = "in Anthropic Messages";
