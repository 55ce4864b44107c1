//! Requests: read from callers, patched for providers of the same format, written for others.

mod message;
mod messages;
mod patch;
mod read;
mod write;
mod write_message;

pub(in crate::format) use self::{
    message::media,
    patch::refused,
    read::{Passed, count, effort_of, number},
    write::{effort_of_budget, effort_word},
    write_message::{media as write_media, plain_text},
};
pub use self::{patch::patch_request, read::read_request, write::write_request};
