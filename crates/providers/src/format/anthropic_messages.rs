//! Anthropic Messages: `POST /v1/messages` and `/v1/messages/count_tokens`, as callers speak it and as providers do.
//!
//! In scope: text, images, documents, tools, thinking with its signatures, structured output, token counting. What is
//! unknown here (server tools, search results, new members) is kept as it was written and given to this format only.
//!
//! Three things are told differently from the provider's own service. `error` has two more members, `code` and
//! `param`; an answer may carry a top-level member `sluice`; and a tool call whose arguments were cut off is told with
//! an empty `input` and `stop_reason: max_tokens`, because half a JSON object cannot be written.

mod answer;
mod citation;
mod error;
mod fields;
mod finish;
#[cfg(test)]
mod properties;
mod request;
mod stream;
mod usage;

/// What other formats go by as well.
pub(super) mod shared {
    pub(in crate::format) use super::request::{
        Body, Conversation, Mode, Sampled, Sampling, Thinking, drop_foreign, family_of, tool_id, trimmed,
        write_schema,
    };
}

pub use self::{
    answer::{read_answer, read_count, write_answer, write_count},
    error::{read_error, write_error, write_stream_error},
    request::{patch_request, read_count_request, read_request, write_request},
    stream::{Reader, Writer, heartbeat},
};
