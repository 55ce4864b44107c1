//! Requests: read from callers, written for providers, or handed on with little changed.

mod body;
mod config;
mod contents;
mod conversation;
mod dropped;
mod families;
mod options;
mod patch;
mod read;
mod thinking;
mod write;

pub use self::{patch::patch_request, read::read_request, write::write_request};
