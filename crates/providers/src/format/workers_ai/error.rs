//! Errors: `{"success": false, "errors": [{"code": 5007, "message": "…"}]}`, and through a binding
//! `{"internalCode": 5007, "description": "…", "name": "AiError"}`.

use std::time::Duration;

use serde::Deserialize;
use sluice_types::{
    error::{ErrorKind, Failure},
    json::from_bytes,
};

use crate::format::openai_chat::{self, Many, Number};

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    errors: Many<Told>,
    #[serde(default, rename = "internalCode")]
    internal_code: Number,
}

#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    code: Number,
}

/// Reads a provider's error: its HTTP status, its body, and how long it asks to wait.
pub fn read_error(status: u16, body: &[u8], retry_after: Option<Duration>) -> Failure {
    let failure = openai_chat::read_error(status, body, retry_after);
    let told = from_bytes::<Body>(body).ok();
    let code =
        told.and_then(|body| body.errors.0.first().map_or(&body.internal_code, |told| &told.code).count());
    let kind = match code.and_then(by_code) {
        _ if failure.kind == ErrorKind::ContextLengthExceeded => failure.kind,
        _ if is_too_long(&failure.message) => ErrorKind::ContextLengthExceeded,
        Some(kind) => kind,
        None => failure.kind,
    };
    Failure { kind, ..failure }
}

fn is_too_long(message: &str) -> bool {
    message.contains("context window") || message.contains("context length")
}

/// The kind of an error by its code, which says more than the status.
fn by_code(code: u64) -> Option<ErrorKind> {
    Some(match code {
        // No such account: the address is the operator's.
        7000 | 7003 | 9106 | 9109 | 10_000 => ErrorKind::UpstreamCredentials,
        // No such model, or one that is no more.
        5007 | 5018 | 5028 => ErrorKind::UpstreamModelNotFound,
        // The account's allowance is spent, or the model has no capacity left.
        3036 | 3040 => ErrorKind::UpstreamRateLimited,
        3007 | 3008 => ErrorKind::UpstreamTimeout,
        3006 => ErrorKind::TooLarge,
        // The model did not manage to follow the schema.
        5023 | 5024 => ErrorKind::UpstreamInvalid,
        _ => return None,
    })
}
