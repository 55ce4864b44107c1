//! OpenAI Responses: `POST /v1/responses`, as callers speak it and as providers do.
//!
//! Providers are asked as if they could keep nothing: with `store: false`, without `previous_response_id` and
//! `conversation`, and for thoughts in sealed form, which come back with the next request. The state that callers ask
//! for is the gateway's to keep; [`state`] is what it needs for it.
//!
//! A finish that the status cannot say is told in members of our own, as in Chat Completions (`native_finish_reason`,
//! `stop_reason`); `sluice` is our own as well. How seals of other makers are told says `seal.rs`.

mod answer;
mod error;
mod finish;
mod item;
mod request;
mod seal;
pub mod state;
mod stream;
mod usage;
mod wire;

pub use self::{
    answer::{read_answer, write_answer},
    error::{read_error, write_error, write_stream_error},
    request::{patch_request, read_request, write_request},
    stream::{Reader, Writer, heartbeat},
};
