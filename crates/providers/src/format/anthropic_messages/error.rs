//! Errors: a provider's, read; ours, written.

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_types::{
    error::{Attempt, ErrorKind, Failure},
    json::{Str, from_bytes},
};

use crate::format::{json::ObjectWriter, message};

/// An error as this format tells it, and as what stands before a provider may tell it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorBody<'a> {
    /// An object, or a text alone.
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<Str<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Told<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Str<'a>>,
    #[serde(borrow)]
    message: Option<Str<'a>>,
}

impl<'a> From<Option<&'a RawValue>> for ErrorBody<'a> {
    fn from(error: Option<&'a RawValue>) -> Self {
        Self { error, message: None }
    }
}

impl<'a> ErrorBody<'a> {
    /// The error's type and message, as far as they are told.
    fn told(&self) -> (Option<Str<'a>>, Option<Str<'a>>) {
        let Some(error) = self.error else { return (None, self.message.clone()) };
        match serde_json::from_str::<Told<'a>>(error.get()) {
            Ok(told) => (told.kind, told.message.or_else(|| self.message.clone())),
            Err(_) => (None, serde_json::from_str(error.get()).ok().or_else(|| self.message.clone())),
        }
    }
}

/// Reads a provider's error: its HTTP status, its body, and how long it asks to wait.
pub fn read_error(status: u16, body: &[u8], retry_after: Option<Duration>) -> Failure {
    let body: ErrorBody<'_> = from_bytes(body).unwrap_or_default();
    let (kind, message) = body.told();
    let by_status = match status {
        401..=403 => ErrorKind::UpstreamCredentials,
        404 => ErrorKind::UpstreamModelNotFound,
        408 | 409 | 425 => ErrorKind::UpstreamUnavailable,
        413 => ErrorKind::TooLarge,
        429 => ErrorKind::UpstreamRateLimited,
        400..=499 => ErrorKind::InvalidRequest,
        504 => ErrorKind::UpstreamTimeout,
        500..=599 => ErrorKind::UpstreamUnavailable,
        // Neither success nor error: what answers there is no such provider.
        _ => ErrorKind::UpstreamInvalid,
    };
    let kind = match by_status {
        ErrorKind::InvalidRequest => by_words(kind.as_deref(), message.as_deref()).unwrap_or(by_status),
        _ => by_status,
    };
    Failure { retry_after, ..tell(kind, message.as_deref(), status) }
}

/// Reads an error that came without a status: inside a stream, or inside a success.
pub(super) fn read_unannounced(body: &ErrorBody<'_>) -> Failure {
    let (kind, message) = body.told();
    let kind = by_words(kind.as_deref(), message.as_deref()).unwrap_or(ErrorKind::UpstreamUnavailable);
    tell(kind, message.as_deref(), 200)
}

/// The kind of an error by its type, or by its message where the type says too little.
fn by_words(kind: Option<&str>, message: Option<&str>) -> Option<ErrorKind> {
    let message = message.unwrap_or_default();
    Some(match kind? {
        "overloaded_error" | "api_error" => ErrorKind::UpstreamUnavailable,
        "rate_limit_error" => ErrorKind::UpstreamRateLimited,
        "timeout_error" => ErrorKind::UpstreamTimeout,
        "authentication_error" | "permission_error" | "billing_error" => ErrorKind::UpstreamCredentials,
        "not_found_error" => ErrorKind::UpstreamModelNotFound,
        "request_too_large" => ErrorKind::TooLarge,
        "invalid_request_error" if is_context_length(message) => ErrorKind::ContextLengthExceeded,
        // An account without money is told as if the caller's request were wrong.
        "invalid_request_error" if message.contains("credit balance") => ErrorKind::UpstreamCredentials,
        "invalid_request_error" if message.contains("content filtering") => ErrorKind::ContentFilter,
        "invalid_request_error" => ErrorKind::InvalidRequest,
        _ => return None,
    })
}

fn is_context_length(message: &str) -> bool {
    message.contains("prompt is too long") || message.contains("exceed context limit")
}

fn tell(kind: ErrorKind, message: Option<&str>, status: u16) -> Failure {
    match message.map(message::clean).filter(|message| !message.is_empty()) {
        Some(message) => Failure::new(kind, message),
        None if status == 200 => Failure::new(kind, "the provider told an error without a message"),
        None => Failure::new(kind, format!("the provider answered with status {status}")),
    }
}

/// Writes the body of an error for the caller. Beside the format's own members are `error.code` (one of our closed
/// set), `error.param` (the member that is wrong) and, where targets were tried in vain, `error.sluice.attempts`.
pub fn write_error(failure: &Failure, request_id: &str, attempts: &[Attempt]) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write_body(&mut out, failure, request_id, attempts);
    out
}

/// Writes the frame that tells the caller that its stream has failed; nothing may follow it.
pub fn write_stream_error(failure: &Failure, request_id: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"event: error\ndata: ");
    write_body(out, failure, request_id, &[]);
    out.extend_from_slice(b"\n\n");
}

fn write_body(out: &mut Vec<u8>, failure: &Failure, request_id: &str, attempts: &[Attempt]) {
    let mut body = ObjectWriter::open(out);
    body.set("type", "error");
    let mut error = ObjectWriter::open(body.member("error"));
    error.set("type", failure.kind.anthropic_type());
    error.set("message", &failure.message);
    error.set("code", failure.kind.code());
    error.set_some("param", failure.param.as_ref());
    if !attempts.is_empty() {
        let mut sluice = ObjectWriter::open(error.member("sluice"));
        sluice.set("attempts", attempts);
        sluice.close();
    }
    error.close();
    body.set("request_id", request_id);
    body.close();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status: u16, body: &str) -> ErrorKind {
        read_error(status, body.as_bytes(), None).kind
    }

    fn told(kind: &str, message: &str) -> String {
        format!(
            r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}"}},"request_id":"req_1"}}"#
        )
    }

    #[test]
    fn the_status_says_whose_fault_it_is() {
        for (status, expected) in [
            (401, ErrorKind::UpstreamCredentials),
            (402, ErrorKind::UpstreamCredentials),
            (403, ErrorKind::UpstreamCredentials),
            (404, ErrorKind::UpstreamModelNotFound),
            (413, ErrorKind::TooLarge),
            (422, ErrorKind::InvalidRequest),
            (429, ErrorKind::UpstreamRateLimited),
            (500, ErrorKind::UpstreamUnavailable),
            (504, ErrorKind::UpstreamTimeout),
            (529, ErrorKind::UpstreamUnavailable),
            (302, ErrorKind::UpstreamInvalid),
        ] {
            assert_eq!(kind(status, "<html>nothing to read</html>"), expected, "{status}");
        }
    }

    #[test]
    fn a_bad_request_is_told_apart_by_its_message() {
        for (message, expected) in [
            ("prompt is too long: 208310 tokens > 200000 maximum", ErrorKind::ContextLengthExceeded),
            (
                "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000",
                ErrorKind::ContextLengthExceeded,
            ),
            ("Your credit balance is too low to access the Anthropic API", ErrorKind::UpstreamCredentials),
            ("Output blocked by content filtering policy", ErrorKind::ContentFilter),
            ("max_tokens: must be greater than 0", ErrorKind::InvalidRequest),
        ] {
            assert_eq!(kind(400, &told("invalid_request_error", message)), expected, "{message}");
        }
    }

    #[test]
    fn secrets_do_not_come_through() {
        let failure = read_error(
            401,
            told("authentication_error", "invalid x-api-key sk-ant-api03-AbCdEf123456").as_bytes(),
            None,
        );
        assert!(!failure.message.contains("AbCdEf"), "{}", failure.message);
    }

    #[test]
    fn an_error_names_what_is_wrong_and_what_was_tried() {
        let failure = Failure::invalid("messages[0].role", "is required");
        let attempts = [Attempt { target: "a/b".into(), kind: ErrorKind::UpstreamTimeout }];
        let body = String::from_utf8(write_error(&failure, "req_1", &attempts)).unwrap();
        assert_eq!(
            body,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"`messages[0].role` is required","code":"invalid_request","param":"messages[0].role","sluice":{"attempts":[{"target":"a/b","error":"upstream_timeout"}]}},"request_id":"req_1"}"#
        );
    }
}
