//! Requests: read from callers, patched for providers of the same format, written for others.

mod message;
mod messages;
mod patch;
mod read;
mod write;
mod write_message;

pub use self::{patch::patch_request, read::read_request, write::write_request};
