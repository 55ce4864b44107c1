//! Errors: a provider's, read; ours, written.

use std::time::Duration;

use serde_json::Value;
use sluice_types::{
    error::{Attempt, ErrorKind, Failure},
    json::from_bytes,
};

use crate::format::{json::ObjectWriter, message};

/// Reads a provider's error: its HTTP status, its body, and how long it asks to wait. Where the status is a success, what
/// the body says counts.
pub fn read_error(status: u16, body: &[u8], retry_after: Option<Duration>) -> Failure {
    match from_bytes::<Value>(body) {
        Ok(value) => read_value(status, &value, retry_after),
        Err(_) => {
            let failure = tell(by_status(status), None, status);
            Failure { retry_after, ..failure }
        }
    }
}

/// Reads the value of an `error` member found inside an answer.
pub(super) fn embedded(error: &str) -> Failure {
    read_error(200, format!("{{\"error\":{error}}}").as_bytes(), None)
}

fn read_value(status: u16, value: &Value, retry_after: Option<Duration>) -> Failure {
    // A stream without `alt=sse` is a list, and so is its error.
    let outer = value.get(0).unwrap_or(value);
    let error = outer.get("error").filter(|error| !error.is_null()).unwrap_or(outer);
    let text = |name: &str| error.get(name).or_else(|| outer.get(name)).and_then(Value::as_str);
    // An identity service says `{"error": "invalid_grant", "error_description": "…"}`.
    let told = text("message").or_else(|| text("error_description")).or_else(|| error.as_str());
    let told = told.unwrap_or_default();
    let number = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    let status = if status < 400 { number.filter(|code| 400 <= *code).unwrap_or(status) } else { status };
    let details = error.get("details").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let reason = details.iter().find_map(|detail| detail.get("reason")?.as_str()).unwrap_or_default();
    let kind =
        by_words(text("status").unwrap_or_default(), reason, told).unwrap_or_else(|| by_status(status));
    let retry_after = retry_after.or_else(|| details.iter().find_map(retry_delay));
    Failure { retry_after, ..tell(kind, Some(told), status) }
}

/// The delay of a `RetryInfo`, such as `17s`.
fn retry_delay(detail: &Value) -> Option<Duration> {
    let delay = detail.get("retryDelay")?.as_str()?.strip_suffix('s')?;
    Duration::try_from_secs_f64(delay.parse().ok()?).ok()
}

/// The kind of an error by Google's word for its status, its reason, or its message where those say too little.
fn by_words(word: &str, reason: &str, told: &str) -> Option<ErrorKind> {
    let told = told.to_ascii_lowercase();
    let tells = |needles: &[&str]| needles.iter().any(|needle| told.contains(needle));
    if matches!(reason, "API_KEY_INVALID" | "SERVICE_DISABLED" | "BILLING_DISABLED" | "CONSUMER_SUSPENDED") {
        return Some(ErrorKind::UpstreamCredentials);
    }
    Some(match word {
        "INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "OUT_OF_RANGE" => {
            if tells(&["token count", "maximum number of tokens", "context length"])
                && told.contains("exceed")
            {
                ErrorKind::ContextLengthExceeded
            } else if tells(&["api key not valid", "api key expired", "enable billing", "user location"]) {
                // Google says so where others answer with 401 or 403.
                ErrorKind::UpstreamCredentials
            } else {
                ErrorKind::InvalidRequest
            }
        }
        "UNAUTHENTICATED" | "PERMISSION_DENIED" => ErrorKind::UpstreamCredentials,
        "NOT_FOUND" => ErrorKind::UpstreamModelNotFound,
        "RESOURCE_EXHAUSTED" => ErrorKind::UpstreamRateLimited,
        "DEADLINE_EXCEEDED" => ErrorKind::UpstreamTimeout,
        "UNIMPLEMENTED" => ErrorKind::Unsupported,
        "INTERNAL" | "UNKNOWN" | "UNAVAILABLE" | "ABORTED" | "CANCELLED" | "DATA_LOSS" => {
            ErrorKind::UpstreamUnavailable
        }
        _ => return None,
    })
}

fn by_status(status: u16) -> ErrorKind {
    match status {
        401..=403 => ErrorKind::UpstreamCredentials,
        404 => ErrorKind::UpstreamModelNotFound,
        408 | 409 | 425 | 499 => ErrorKind::UpstreamUnavailable,
        413 => ErrorKind::TooLarge,
        429 => ErrorKind::UpstreamRateLimited,
        400..=499 => ErrorKind::InvalidRequest,
        504 => ErrorKind::UpstreamTimeout,
        // A success that is an error and does not say which.
        500..=599 | 200..=299 => ErrorKind::UpstreamUnavailable,
        // Neither success nor error: what answers there is no such provider.
        _ => ErrorKind::UpstreamInvalid,
    }
}

fn tell(kind: ErrorKind, told: Option<&str>, status: u16) -> Failure {
    match told.map(message::clean).filter(|told| !told.is_empty()) {
        Some(told) => Failure::new(kind, told),
        None if status < 300 => Failure::new(kind, "the provider told an error without a message"),
        None => Failure::new(kind, format!("the provider answered with status {status}")),
    }
}

/// Google's word for the status of a failure.
fn word(kind: ErrorKind) -> &'static str {
    match kind.status() {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        405 => "UNIMPLEMENTED",
        408 | 504 => "DEADLINE_EXCEEDED",
        429 => "RESOURCE_EXHAUSTED",
        400..=499 => "INVALID_ARGUMENT",
        502 | 503 => "UNAVAILABLE",
        _ => "INTERNAL",
    }
}

/// Writes the body of an error for the caller. `error` comes first, by which the official clients know it; its reason is
/// one of our closed set of codes, and `error.sluice` tells the request's id and, where targets were tried in vain, which.
pub fn write_error(failure: &Failure, request_id: &str, attempts: &[Attempt]) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write(&mut out, failure, request_id, attempts);
    out
}

/// Writes the frame that tells the caller that its stream has failed; nothing may follow it.
pub fn write_stream_error(failure: &Failure, request_id: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: ");
    write(out, failure, request_id, &[]);
    out.extend_from_slice(b"\n\n");
}

/// Writes the body of an error.
pub(super) fn write(out: &mut Vec<u8>, failure: &Failure, request_id: &str, attempts: &[Attempt]) {
    let mut body = ObjectWriter::open(out);
    let mut error = ObjectWriter::open(body.member("error"));
    error.set("code", &failure.kind.status());
    error.set("message", &failure.message);
    error.set("status", word(failure.kind));
    let details = error.member("details");
    details.push(b'[');
    let mut info = ObjectWriter::open(details);
    info.set("@type", "type.googleapis.com/google.rpc.ErrorInfo");
    info.set("reason", &failure.kind.code().to_ascii_uppercase());
    info.set("domain", "sluice");
    if let Some(param) = &failure.param {
        let mut metadata = ObjectWriter::open(info.member("metadata"));
        metadata.set("param", param);
        metadata.close();
    }
    info.close();
    if let Some(delay) = failure.retry_after {
        details.push(b',');
        let mut info = ObjectWriter::open(details);
        info.set("@type", "type.googleapis.com/google.rpc.RetryInfo");
        info.set("retryDelay", &format!("{}s", delay.as_secs_f64()));
        info.close();
    }
    details.push(b']');
    let mut sluice = ObjectWriter::open(error.member("sluice"));
    sluice.set("request_id", request_id);
    if !attempts.is_empty() {
        sluice.set("attempts", attempts);
    }
    sluice.close();
    error.close();
    body.close();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: &str, message: &str) -> String {
        format!(r#"{{"error":{{"code":400,"message":"{message}","status":"{status}"}}}}"#)
    }

    #[test]
    fn words_say_whose_fault_it_is() {
        for (word, message, expected) in [
            (
                "INVALID_ARGUMENT",
                "The input token count (1200293) exceeds the maximum number of tokens allowed (1048576).",
                ErrorKind::ContextLengthExceeded,
            ),
            ("INVALID_ARGUMENT", "Please use a valid role: user, model.", ErrorKind::InvalidRequest),
            (
                "INVALID_ARGUMENT",
                "API key not valid. Please pass a valid API key.",
                ErrorKind::UpstreamCredentials,
            ),
            (
                "FAILED_PRECONDITION",
                "User location is not supported for the API use.",
                ErrorKind::UpstreamCredentials,
            ),
            ("PERMISSION_DENIED", "", ErrorKind::UpstreamCredentials),
            ("NOT_FOUND", "models/x is not found", ErrorKind::UpstreamModelNotFound),
            ("UNAVAILABLE", "The model is overloaded.", ErrorKind::UpstreamUnavailable),
            ("DEADLINE_EXCEEDED", "", ErrorKind::UpstreamTimeout),
            ("", "", ErrorKind::InvalidRequest),
        ] {
            assert_eq!(
                read_error(400, told(word, message).as_bytes(), None).kind,
                expected,
                "{word} {message}"
            );
        }
    }

    #[test]
    fn a_list_of_one_and_an_error_in_a_success_are_read() {
        let body = format!("[{}]", told("RESOURCE_EXHAUSTED", "slow down"));
        assert_eq!(read_error(200, body.as_bytes(), None).kind, ErrorKind::UpstreamRateLimited);
        let failure = embedded(r#"{"code":503,"message":"overloaded"}"#);
        assert_eq!((failure.kind, failure.message.as_str()), (ErrorKind::UpstreamUnavailable, "overloaded"));
    }

    #[test]
    fn a_wait_comes_through_and_back() {
        let body = r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"quota","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure"},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"17.5s"}]}}"#;
        let failure = read_error(429, body.as_bytes(), None);
        assert_eq!(failure.retry_after, Some(Duration::from_millis(17_500)));
        let again = read_error(429, &write_error(&failure, "req", &[]), None);
        assert_eq!((again.kind, again.retry_after), (failure.kind, failure.retry_after));
        assert_eq!(read_error(429, body.as_bytes(), Some(Duration::ZERO)).retry_after, Some(Duration::ZERO));
    }
}
