//! Cohere, version 2: `POST /v2/chat` and `POST /v2/rerank`.

mod read;
mod rerank;
mod write;

pub use self::read::read;
pub use self::rerank::rerank;
pub use self::write::{error, frames, json};
