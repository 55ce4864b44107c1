//! Cohere, version 2: `POST /v2/chat`, `POST /v2/embed` and `POST /v2/rerank`.

mod embed;
mod read;
mod rerank;
mod write;

pub use self::embed::embed;
pub use self::read::read;
pub use self::rerank::rerank;
pub use self::write::{error, frames, json};
