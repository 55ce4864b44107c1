//! Requests: read from callers, written for providers, or handed on with little changed.

mod body;
mod config;
mod contents;
mod conversation;
mod families;
mod options;
mod patch;
mod read;
mod thinking;
mod write;

pub use self::{patch::patch_request, read::read_request, write::write_request};
use crate::format::dropped;

/// Where something cannot be said.
const PLACE: &str = "in Gemini's format";
