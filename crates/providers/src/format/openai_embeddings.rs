//! OpenAI embeddings: `POST /v1/embeddings`, as callers speak it and as providers do. Errors are those of
//! [`openai_chat`](super::openai_chat).
//!
//! Official SDKs ask for base64 unless told otherwise, and many providers only answer with lists of numbers, so an answer
//! is turned into what was asked; where it is so already, its bytes are left alone.

mod answer;
mod request;

pub use self::{
    answer::{Answered, answer_in, read_answer, write_answer},
    request::{read_request, write_request},
};
