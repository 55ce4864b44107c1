//! Bedrock Converse: `POST /model/ID/converse` and `/model/ID/converse-stream`.
//!
//! Signatures are looked at, not verified: a bearer key does as well.

mod read;
mod write;

pub use self::read::read;
pub use self::write::{damaged, error, error_type, exception, frames, json};
