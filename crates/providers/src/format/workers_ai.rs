//! Workers AI's own `run`: `POST /accounts/…/ai/run/@cf/…`, as providers speak it.
//!
//! An answer stands in a wrapper, and is one text (`response`) with the calls beside it, or, from newer models, a chat
//! completion: which of the two shows by its `choices`, and then it is read as one. Why an answer ended is told in the
//! latter only.

mod answer;
mod error;
mod request;
mod stream;

pub use self::{answer::read_answer, error::read_error, request::write_request, stream::Reader};
