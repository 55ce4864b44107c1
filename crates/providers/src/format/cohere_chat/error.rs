//! Errors: `{"id","message"}`, and a status that says the rest.

use std::time::Duration;

use serde::Deserialize;
use sluice_types::{
    error::{ErrorKind, Failure},
    json::{Str, from_bytes},
};

use crate::format::message;

/// An error as the provider tells it, and as what stands before it may.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorBody<'a> {
    #[serde(borrow)]
    pub(super) message: Option<Str<'a>>,
    #[serde(borrow)]
    error: Option<Str<'a>>,
}

impl ErrorBody<'_> {
    fn words(&self) -> &str {
        self.message.as_deref().or(self.error.as_deref()).unwrap_or_default()
    }

    /// Whether it tells an error at all.
    pub(super) fn tells(&self) -> bool {
        !self.words().is_empty()
    }
}

/// Reads a provider's error: its HTTP status, its body, and how long it asks to wait.
pub(in crate::format) fn read_error(status: u16, body: &[u8], retry_after: Option<Duration>) -> Failure {
    let body: ErrorBody<'_> = from_bytes(body).unwrap_or_default();
    let kind = match status {
        401..=403 => ErrorKind::UpstreamCredentials,
        404 => ErrorKind::UpstreamModelNotFound,
        408 | 409 | 425 | 499 => ErrorKind::UpstreamUnavailable,
        413 => ErrorKind::TooLarge,
        429 => ErrorKind::UpstreamRateLimited,
        // A word in the prompt or the answer is on a list of the provider's.
        498 => ErrorKind::ContentFilter,
        400..=499 => by_words(body.words()),
        504 => ErrorKind::UpstreamTimeout,
        500..=599 => ErrorKind::UpstreamUnavailable,
        // Neither success nor error: what answers there is no such provider.
        _ => ErrorKind::UpstreamInvalid,
    };
    let told = message::clean(body.words());
    let told = if told.is_empty() { format!("the provider answered with status {status}") } else { told };
    Failure { retry_after, ..Failure::new(kind, told) }
}

/// Reads an error that came without a status: inside a stream, or inside a success.
pub(super) fn read_unannounced(body: &ErrorBody<'_>) -> Failure {
    let told = message::clean(body.words());
    let told = if told.is_empty() { "the provider told an error without a message".to_owned() } else { told };
    Failure::new(ErrorKind::UpstreamUnavailable, told)
}

/// What a bad request is more exactly, by its message: nothing else tells it.
fn by_words(message: &str) -> ErrorKind {
    let message = message.to_ascii_lowercase();
    let says = |needles: &[&str]| needles.iter().any(|needle| message.contains(needle));
    if says(&["too many tokens", "maximum context length", "context window", "exceeds the limit of"]) {
        ErrorKind::ContextLengthExceeded
    } else if says(&["model '", "model \""]) && says(&["not found", "does not exist", "not supported"]) {
        ErrorKind::UpstreamModelNotFound
    } else if says(&["blocked by our content", "content moderation"]) {
        ErrorKind::ContentFilter
    } else {
        ErrorKind::InvalidRequest
    }
}
