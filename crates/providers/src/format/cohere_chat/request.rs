//! Requests as Cohere is sent them.

mod messages;
mod options;
mod write;

pub(in crate::format) use self::write::write_request;
