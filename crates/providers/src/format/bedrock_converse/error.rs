//! Errors: what Bedrock tells, inside and outside of streams.

use std::time::Duration;

use serde::Deserialize;
use sluice_types::{
    error::{ErrorKind, Failure},
    json::{Str, from_bytes},
};

use crate::format::message;

/// An error's body. Its type mostly stands in a header; some of what stands before the models tells it here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorBody<'a> {
    #[serde(borrow, alias = "Message")]
    message: Option<Str<'a>>,
    #[serde(rename = "__type", borrow)]
    kind: Option<Str<'a>>,
    /// What the model's own server said.
    #[serde(rename = "originalStatusCode")]
    original_status: Option<u16>,
    #[serde(rename = "originalMessage", borrow)]
    original_message: Option<Str<'a>>,
}

impl ErrorBody<'_> {
    /// Whether it tells an error at all.
    pub(super) fn tells(&self) -> bool {
        self.message.is_some() || self.kind.is_some()
    }

    fn words(&self) -> &str {
        let told = |text: &Option<Str<'_>>| text.as_deref().is_some_and(|text| !text.trim().is_empty());
        let text = if told(&self.message) { &self.message } else { &self.original_message };
        text.as_deref().unwrap_or_default()
    }
}

/// Reads a provider's error: its HTTP status, its body, how long it asks to wait, and its type if a header tells it.
pub(in crate::format) fn read_error(
    status: u16,
    body: &[u8],
    retry_after: Option<Duration>,
    error_type: Option<&str>,
) -> Failure {
    let body: ErrorBody<'_> = from_bytes(body).unwrap_or_default();
    let kind = match error_type.and_then(by_name).or_else(|| body.kind.as_deref().and_then(by_name)) {
        // The model's server failed: what it said counts.
        Some(ErrorKind::UpstreamUnavailable) | None if status == 424 => {
            by_status(body.original_status.unwrap_or(503))
        }
        Some(kind) => kind,
        None => by_status(status),
    };
    let words = body.words();
    let message = match message::clean(words) {
        told if told.is_empty() => format!("the provider answered with status {status}"),
        told => told,
    };
    Failure { retry_after, ..Failure::new(by_words(kind, words), message) }
}

/// Reads an error that came without a status: as an exception in a stream, by its name, or inside a success.
pub(super) fn read_unannounced(name: &str, body: &ErrorBody<'_>) -> Failure {
    let kind = body.kind.as_deref().and_then(by_name).or_else(|| by_name(name));
    let kind = match (kind.unwrap_or(ErrorKind::UpstreamUnavailable), body.original_status) {
        (ErrorKind::UpstreamUnavailable, Some(status)) => by_status(status),
        (kind, _) => kind,
    };
    let words = body.words();
    let message = match message::clean(words) {
        told if told.is_empty() => "the provider told an error without a message".to_owned(),
        told => told,
    };
    Failure::new(by_words(kind, words), message)
}

/// Reads an exception of a stream, whose payload may be no JSON but the message itself.
pub(super) fn read_exception(name: &str, payload: &str) -> Failure {
    let body = serde_json::from_str(payload)
        .unwrap_or_else(|_| ErrorBody { message: Some(Str::from(payload)), ..ErrorBody::default() });
    read_unannounced(name, &body)
}

fn by_status(status: u16) -> ErrorKind {
    match status {
        401..=403 => ErrorKind::UpstreamCredentials,
        404 => ErrorKind::UpstreamModelNotFound,
        // The model took too long.
        408 | 504 => ErrorKind::UpstreamTimeout,
        409 | 424 | 425 => ErrorKind::UpstreamUnavailable,
        413 => ErrorKind::TooLarge,
        429 => ErrorKind::UpstreamRateLimited,
        400..=499 => ErrorKind::InvalidRequest,
        500..=599 => ErrorKind::UpstreamUnavailable,
        // Neither success nor error: what answers there is no such provider.
        _ => ErrorKind::UpstreamInvalid,
    }
}

/// The kind of an error by its type: `throttlingException` in a stream,
/// `com.amazon.coral.service#ThrottlingException` in a body.
fn by_name(name: &str) -> Option<ErrorKind> {
    // In a header an address may follow the name, with dots of its own.
    let name = name.split(':').next().unwrap_or_default();
    let name = name.rsplit(['#', '.']).next().unwrap_or_default().to_ascii_lowercase();
    Some(match name.as_str() {
        "throttlingexception" | "servicequotaexceededexception" | "toomanyrequestsexception" => {
            ErrorKind::UpstreamRateLimited
        }
        "validationexception" | "serializationexception" => ErrorKind::InvalidRequest,
        "accessdeniedexception"
        | "unrecognizedclientexception"
        | "expiredtokenexception"
        | "invalidsignatureexception"
        | "incompletesignatureexception"
        | "missingauthenticationtokenexception" => ErrorKind::UpstreamCredentials,
        "resourcenotfoundexception" => ErrorKind::UpstreamModelNotFound,
        "modeltimeoutexception" => ErrorKind::UpstreamTimeout,
        "internalserverexception"
        | "serviceunavailableexception"
        | "modelstreamerrorexception"
        | "modelerrorexception"
        | "modelnotreadyexception"
        | "internalfailure"
        | "internalfailureexception" => ErrorKind::UpstreamUnavailable,
        _ => return None,
    })
}

/// What a bad request is more exactly, by its message: nothing else tells it.
fn by_words(kind: ErrorKind, message: &str) -> ErrorKind {
    let message = message.to_ascii_lowercase();
    let says = |needles: &[&str]| needles.iter().any(|needle| message.contains(needle));
    match kind {
        ErrorKind::InvalidRequest => {}
        // The model is being made ready: nobody has asked too much.
        ErrorKind::UpstreamRateLimited if says(&["not ready"]) => return ErrorKind::UpstreamUnavailable,
        _ => return kind,
    }
    if says(&[
        "input is too long",
        "prompt is too long",
        "exceed context limit",
        "too many input tokens",
        "maximum context length",
        "context window",
        "expected maxlength",
    ]) {
        ErrorKind::ContextLengthExceeded
    } else if says(&["model identifier is invalid", "on-demand throughput", "end of its life"]) {
        ErrorKind::UpstreamModelNotFound
    } else if says(&["content filter", "blocked by guardrail"]) {
        ErrorKind::ContentFilter
    } else if says(&["operation not allowed", "access to this model", "invalid_payment_instrument"]) {
        ErrorKind::UpstreamCredentials
    } else {
        kind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_says_whose_fault_it_is_unless_the_body_does() {
        for (status, body, expected) in [
            (403, r#"{"Message":"User is not authorized"}"#, ErrorKind::UpstreamCredentials),
            (404, r#"{"message":"no such model"}"#, ErrorKind::UpstreamModelNotFound),
            (408, "{}", ErrorKind::UpstreamTimeout),
            (424, r#"{"message":"m","originalStatusCode":500}"#, ErrorKind::UpstreamUnavailable),
            (424, r#"{"message":"m","originalStatusCode":400}"#, ErrorKind::InvalidRequest),
            (424, "{}", ErrorKind::UpstreamUnavailable),
            (429, r#"{"message":"Too many tokens, please wait"}"#, ErrorKind::UpstreamRateLimited),
            (429, r#"{"message":"The model is not ready"}"#, ErrorKind::UpstreamUnavailable),
            (
                400,
                r#"{"__type":"com.amazon.coral.service#ThrottlingException"}"#,
                ErrorKind::UpstreamRateLimited,
            ),
            (400, r#"{"__type":"ExpiredTokenException:"}"#, ErrorKind::UpstreamCredentials),
            (503, "<html>", ErrorKind::UpstreamUnavailable),
            (302, "", ErrorKind::UpstreamInvalid),
        ] {
            assert_eq!(read_error(status, body.as_bytes(), None, None).kind, expected, "{status} {body}");
        }
    }

    #[test]
    fn the_type_in_the_header_counts_for_more_than_the_status() {
        for (status, error_type, body, expected) in [
            (
                400,
                "ThrottlingException:http://internal.amazon.com/coral/",
                "{}",
                ErrorKind::UpstreamRateLimited,
            ),
            (400, "ExpiredTokenException", r#"{"message":"m"}"#, ErrorKind::UpstreamCredentials),
            (403, "UnrecognizedClientException", "", ErrorKind::UpstreamCredentials),
            (424, "ModelErrorException", r#"{"originalStatusCode":400}"#, ErrorKind::InvalidRequest),
            (408, "ModelTimeoutException", "{}", ErrorKind::UpstreamTimeout),
            (400, "SomethingNewException", "{}", ErrorKind::InvalidRequest),
        ] {
            let failure = read_error(status, body.as_bytes(), None, Some(error_type));
            assert_eq!(failure.kind, expected, "{status} {error_type}");
        }
    }

    #[test]
    fn a_bad_request_is_told_apart_by_its_message() {
        for (message, expected) in [
            ("Input is too long for requested model.", ErrorKind::ContextLengthExceeded),
            (
                "The model returned the following errors: prompt is too long: 9 tokens > 8 maximum",
                ErrorKind::ContextLengthExceeded,
            ),
            ("The provided model identifier is invalid.", ErrorKind::UpstreamModelNotFound),
            (
                "Invocation of model ID x with on-demand throughput isn\u{2019}t supported.",
                ErrorKind::UpstreamModelNotFound,
            ),
            ("Operation not allowed", ErrorKind::UpstreamCredentials),
            ("Malformed input request", ErrorKind::InvalidRequest),
        ] {
            let body = format!(r#"{{"message":"{message}"}}"#);
            assert_eq!(read_error(400, body.as_bytes(), None, None).kind, expected, "{message}");
        }
    }

    #[test]
    fn an_exception_is_known_by_its_name() {
        for (name, expected) in [
            ("throttlingException", ErrorKind::UpstreamRateLimited),
            ("validationException", ErrorKind::InvalidRequest),
            ("modelStreamErrorException", ErrorKind::UpstreamUnavailable),
            ("internalServerException", ErrorKind::UpstreamUnavailable),
            ("serviceUnavailableException", ErrorKind::UpstreamUnavailable),
            ("modelTimeoutException", ErrorKind::UpstreamTimeout),
            ("somethingNewException", ErrorKind::UpstreamUnavailable),
        ] {
            assert_eq!(read_exception(name, r#"{"message":"m"}"#).kind, expected, "{name}");
        }
        assert_eq!(read_exception("InternalFailureException", "try later").message, "try later");
        let spoilt = r#"{"message":"m","originalStatusCode":429}"#;
        assert_eq!(read_exception("modelStreamErrorException", spoilt).kind, ErrorKind::UpstreamRateLimited);
    }
}
