//! OpenAI Chat Completions: `POST /v1/chat/completions`, as callers speak it and as providers do.
//!
//! Providers differ in small ways; what is read is the union of what they are known to send, what is written is what
//! OpenAI documents, with these additions: thoughts are `reasoning_content`, and where they are sealed, `thinking_blocks`
//! repeats them whole so that a caller can send them back (LiteLLM's convention); a finish reason that had another name
//! is repeated as `native_finish_reason`, a stop text that was met is `stop_reason` (vLLM's); `sluice` is our own.

mod answer;
mod error;
mod finish;
mod request;
mod sources;
mod stream;
mod usage;
mod wire;

pub(super) use self::{
    answer::unreadable,
    error::write_value as write_error_value,
    request::{
        Passed, count, effort_of, effort_of_budget, effort_word, media, number, plain_text, refused,
        write_media,
    },
    usage::read as read_usage,
    wire::{Call, Few, Function, Many, Number, Object, Text},
};
pub use self::{
    answer::{read_answer, write_answer},
    error::{read_error, write_error, write_stream_error},
    request::{patch_request, read_request, write_request},
    stream::{Reader, Writer, heartbeat},
};
