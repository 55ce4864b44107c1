//! Ollama's own chat: `POST /api/chat`, as providers speak it.
//!
//! A message holds one text and a list of pictures in base64; a call's arguments are an object, and a result names its
//! tool. Calls may come without ids: they get some made of the answer's time, which tells answers apart.

mod answer;
mod error;
mod messages;
mod request;
mod stream;

pub use self::{answer::read_answer, error::read_error, request::write_request, stream::Reader};
