//! Streamed answers.

mod read;
mod write;
mod written;

pub use self::{read::Reader, write::Writer};

/// What keeps a silent stream open: a comment, which clients pass over.
pub fn heartbeat() -> &'static [u8] {
    b": keep-alive\n\n"
}
