//! Cohere chat, version 2: `POST /v2/chat`, as providers speak it.
//!
//! Near to OpenAI's, with other names, and with two kinds of thoughts: blocks of `thinking` in the content, and the
//! `tool_plan` that stands before tool calls. Both are told as thoughts without a seal. On the way back, what an assistant
//! thought and said before it called tools is its `tool_plan`.
//!
//! Not here: documents to cite and the citations they bring, `logprobs`, safety modes.

mod answer;
mod citation;
mod error;
mod finish;
mod request;
mod stream;
mod usage;

pub(super) use self::{answer::read_answer, error::read_error, request::write_request, stream::Reader};
