//! Streams: a provider's frames read into events, events written as frames for the caller.

mod reader;
mod writer;

pub use self::{
    reader::Reader,
    writer::{Writer, heartbeat},
};
