//! Errors: `{"error": "…"}`, with a status or as a line of a stream.

use std::time::Duration;

use serde_json::value::RawValue;
use sluice_types::error::{ErrorKind, Failure};

use crate::format::openai_chat;

/// Reads a provider's error: its HTTP status, its body, and how long it asks to wait.
pub fn read_error(status: u16, body: &[u8], retry_after: Option<Duration>) -> Failure {
    let failure = openai_chat::read_error(status, body, retry_after);
    let kind = by_words(status, &failure.message).unwrap_or(failure.kind);
    Failure { kind, ..failure }
}

/// Reads the value of an `error` member found inside an answer.
pub(super) fn embedded(error: &RawValue) -> Failure {
    read_error(200, format!("{{\"error\":{}}}", error.get()).as_bytes(), None)
}

/// What the status does not tell: the words of the server.
fn by_words(status: u16, message: &str) -> Option<ErrorKind> {
    let tells = |needles: &[&str]| needles.iter().any(|needle| message.contains(needle));
    match status {
        // Another target may: this model has no tools, or does not think.
        200..=299 | 400 if tells(&["does not support"]) => Some(ErrorKind::Unsupported),
        200..=299 | 400 if tells(&["context length", "context size", "context window"]) => {
            Some(ErrorKind::ContextLengthExceeded)
        }
        200..=299 if tells(&["not found", "try pulling it"]) => Some(ErrorKind::UpstreamModelNotFound),
        200..=299 if tells(&["unauthorized"]) => Some(ErrorKind::UpstreamCredentials),
        200..=299 if tells(&["rate limit", "usage limit", "too many requests"]) => {
            Some(ErrorKind::UpstreamRateLimited)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_tell_what_the_status_does_not() {
        for (status, message, kind) in [
            (400, "registry.ollama.ai/library/m does not support tools", ErrorKind::Unsupported),
            (400, "the input length exceeds the context length", ErrorKind::ContextLengthExceeded),
            (400, "invalid options: seed", ErrorKind::InvalidRequest),
            (404, "model \\\"m\\\" not found, try pulling it first", ErrorKind::UpstreamModelNotFound),
            (200, "model \\\"m\\\" not found, try pulling it first", ErrorKind::UpstreamModelNotFound),
            (200, "llama runner process has terminated", ErrorKind::UpstreamUnavailable),
            (
                503,
                "server busy, please try again. maximum pending requests exceeded",
                ErrorKind::UpstreamUnavailable,
            ),
        ] {
            let body = format!("{{\"error\":\"{message}\"}}");
            assert_eq!(read_error(status, body.as_bytes(), None).kind, kind, "{status} {message}");
        }
    }
}
