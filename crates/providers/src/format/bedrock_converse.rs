//! Bedrock Converse: `POST /model/{id}/converse` and `/converse-stream`, as providers speak it.
//!
//! One API for many makers' models. Roles alternate and results stand first as in Messages, whose rules are reused; what only
//! one maker's models take (thinking, `top_k`) goes into `additionalModelRequestFields`, by the maker the model's id names.
//! Pictures and documents go as bytes: one at an address cannot be said.
//!
//! Not here: S3 locations, video, guardrails, prompt variables, search results; citations beside an answer's text are left out.

mod answer;
mod citation;
mod error;
mod finish;
mod request;
mod stream;
mod usage;

pub(super) use self::{answer::read_answer, error::read_error, request::write_request, stream::Reader};
