//! Requests as Bedrock is sent them.

mod blocks;
mod document;
mod model;
mod reasoning;
mod tools;
mod write;

pub(in crate::format) use self::write::write_request;
