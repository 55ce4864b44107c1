//! Streams: a provider's read, a caller's written.

mod reader;
mod writer;

pub use self::{reader::Reader, writer::Writer};

/// What keeps a silent stream open. The official clients take a comment for a broken error; an empty line means nothing
/// to anybody, between server-sent events and between the items of a list alike.
pub fn heartbeat() -> &'static [u8] {
    b"\n"
}
