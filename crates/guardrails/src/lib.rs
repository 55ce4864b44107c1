//! Checks on prompts, retrieved passages, tool results and answers, whole and streamed: bytes in, verdicts out.
//!
//! No check calls anything: each is a plain function over text, linear in its length.

pub mod canonical;
pub mod exfiltration;
pub mod grounding;
pub mod injection;
pub mod leak;
pub mod pii;
pub mod policy;
pub mod redact;
mod scan;
pub mod schema;
pub mod secrets;
pub mod span;
pub mod stream;
mod text;
mod unicode;
