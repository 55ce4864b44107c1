//! Errors: read from providers' many shapes, written in OpenAI's.

use std::time::Duration;

use serde_json::Value;
use sluice_types::{
    error::{Attempt, ErrorKind, Failure},
    json::from_bytes,
};

use crate::format::{json::ObjectWriter, message};

/// Reads a provider's error: its HTTP status, its body, and how long it asks to wait.
///
/// The status may be a success: then what the body says counts. The provider's own message is kept, without secrets.
pub fn read_error(status: u16, body: &[u8], retry_after: Option<Duration>) -> Failure {
    let Ok(value) = from_bytes::<Value>(body) else {
        let text = String::from_utf8_lossy(body.get(..body.len().min(2048)).unwrap_or_default());
        // A page of HTML is for people in front of some proxy.
        let told = if text.contains('<') { "" } else { text.trim() };
        let message = if told.is_empty() {
            format!("the provider answered with status {status}")
        } else {
            message::clean(told)
        };
        return Failure { retry_after, ..Failure::new(kind(status, "", &message), message) };
    };
    read_value(status, &value, retry_after)
}

/// Reads the value of an `error` member found inside an answer.
pub(super) fn embedded(error: &str) -> Failure {
    read_error(200, format!("{{\"error\":{error}}}").as_bytes(), None)
}

fn read_value(status: u16, value: &Value, retry_after: Option<Duration>) -> Failure {
    // Google wraps errors in a list, Cloudflare lists them.
    let outer = value.get(0).unwrap_or(value);
    let error = outer.get("error").filter(|error| !error.is_null());
    let error = error.or_else(|| outer.get("errors")?.get(0)).unwrap_or(outer);

    let told = text(error).or_else(|| text(outer)).unwrap_or_default();
    // What OpenRouter's provider said, or what Groq's model wrote that was no call.
    let inner = error.pointer("/metadata/raw").or_else(|| error.get("failed_generation"));
    let inner = inner.and_then(Value::as_str).unwrap_or_default();
    let message = match (told.trim(), inner.trim()) {
        ("", "") => format!("the provider answered with status {status}"),
        (told, "") | ("", told) => message::clean(told),
        (told, inner) => message::clean(&format!("{told}: {inner}")),
    };

    let number = |name| error.get(name).or_else(|| outer.get(name)).and_then(status_code);
    let told_status = ["code", "status", "status_code"].into_iter().find_map(number);
    let status = if status < 400 { told_status.unwrap_or_default() } else { status };
    let words = ["code", "type", "status"].into_iter().filter_map(|name| error.get(name)?.as_str());
    let words = words.collect::<Vec<_>>().join(" ").to_ascii_lowercase();
    let flagged = error.pointer("/metadata/reasons").is_some();
    let param = error.get("param").and_then(Value::as_str).map(str::to_owned);

    let kind = if flagged { ErrorKind::ContentFilter } else { kind(status, &words, &message) };
    let retry_after = retry_after.or_else(|| retry_info(error));
    Failure { param, retry_after, ..Failure::new(kind, message) }
}

/// What an error says, under the names that are used for it.
fn text(error: &Value) -> Option<String> {
    if let Some(text) = error.as_str() {
        return Some(text.to_owned());
    }
    let told = ["message", "msg", "detail", "error", "description"]
        .into_iter()
        .find_map(|name| error.get(name).filter(|v| !v.is_null()))?;
    match told {
        Value::String(text) => Some(text.clone()),
        // FastAPI: [{"loc": ["body", "temperature"], "msg": "…"}], sometimes inside an object.
        Value::Array(items) => {
            let items = items.iter().map(|item| {
                let place = item.get("loc").and_then(Value::as_array).map(|steps| {
                    steps
                        .iter()
                        .map(|step| step.as_str().map_or_else(|| step.to_string(), str::to_owned))
                        .collect::<Vec<_>>()
                });
                let text = text(item).unwrap_or_default();
                place.map_or(text.clone(), |place| format!("{}: {text}", place.join(".")))
            });
            Some(items.collect::<Vec<_>>().join("; "))
        }
        Value::Object(_) => text(told),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// A number, or a text holding one, that is an error's HTTP status.
fn status_code(value: &Value) -> Option<u16> {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    u16::try_from(number).ok().filter(|status| (400..600).contains(status))
}

/// Google's `RetryInfo`, such as `"retryDelay": "17s"`.
fn retry_info(error: &Value) -> Option<Duration> {
    let details = error.get("details")?.as_array()?;
    let delay = details.iter().find_map(|detail| detail.get("retryDelay")?.as_str())?;
    Duration::try_from_secs_f64(delay.strip_suffix('s')?.parse().ok()?).ok()
}

/// The kind of a failure, by its status (0 if unknown), its code and type, and where providers have none, its message.
fn kind(status: u16, words: &str, message: &str) -> ErrorKind {
    let says = |needles: &[&str]| needles.iter().any(|needle| words.contains(needle));
    let message = message.to_ascii_lowercase();
    let tells = |needles: &[&str]| needles.iter().any(|needle| message.contains(needle));
    let callers_fault = matches!(status, 400 | 413 | 422);

    if says(&["context_length_exceeded", "context_window_exceeded"]) {
        return ErrorKind::ContextLengthExceeded;
    }
    if says(&[
        "content_filter",
        "content_policy",
        "responsibleaipolicy",
        "moderation_blocked",
        "data_inspection_failed",
        "datainspectionfailed",
    ]) {
        return ErrorKind::ContentFilter;
    }
    if says(&[
        "insufficient_quota",
        "insufficient_credit",
        "insufficient_balance",
        "exceeded_current_quota",
        "arrearage",
        "billing",
        "account_deactivated",
    ]) {
        return ErrorKind::UpstreamCredentials;
    }
    if matches!(status, 402 | 403 | 429) && tells(&["insufficient balance", "exceeded your current quota"]) {
        return ErrorKind::UpstreamCredentials;
    }
    // The model's fault, whatever the status says: asked again, it may do better.
    if says(&["tool_use_failed"]) {
        return ErrorKind::UpstreamInvalid;
    }
    if says(&["rate_limit", "resource_exhausted", "too_many_requests"]) {
        return ErrorKind::UpstreamRateLimited;
    }
    if says(&[
        "model_not_found",
        "deploymentnotfound",
        "model_decommissioned",
        "model_not_exist",
        "invalid_model",
    ]) {
        return ErrorKind::UpstreamModelNotFound;
    }
    if callers_fault
        && tells(&[
            "maximum context length",
            "context length",
            "context window",
            "context size",
            "prompt is too long",
            "input is too long",
            "too many tokens",
            "exceeds the maximum number of tokens",
            "maximum prompt length",
            "`inputs` tokens + `max_new_tokens` must be",
            "`inputs` must have less than",
        ])
    {
        return ErrorKind::ContextLengthExceeded;
    }
    // Google and xAI say so where others answer with 401.
    if callers_fault
        && (says(&["api_key_invalid"])
            || tells(&["api key not valid", "api key expired", "incorrect api key"]))
    {
        return ErrorKind::UpstreamCredentials;
    }
    match status {
        401..=403 => ErrorKind::UpstreamCredentials,
        404 => ErrorKind::UpstreamModelNotFound,
        408 | 409 | 425 => ErrorKind::UpstreamUnavailable,
        413 => ErrorKind::TooLarge,
        429 => ErrorKind::UpstreamRateLimited,
        504 => ErrorKind::UpstreamTimeout,
        400..=499 => ErrorKind::InvalidRequest,
        500.. => ErrorKind::UpstreamUnavailable,
        _ if says(&["authentication", "permission", "invalid_api_key", "unauthorized"]) => {
            ErrorKind::UpstreamCredentials
        }
        _ if says(&["not_found"]) => ErrorKind::UpstreamModelNotFound,
        _ if says(&["invalid_request", "badrequest", "bad_request", "invalid_argument"]) => {
            ErrorKind::InvalidRequest
        }
        _ => ErrorKind::UpstreamUnavailable,
    }
}

/// Writes the body of an error for the caller: `failure` in OpenAI's shape; where targets were tried, with the member
/// `sluice` that lists them.
pub fn write_error(failure: &Failure, request_id: &str, attempts: &[Attempt]) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write(failure, (!attempts.is_empty()).then_some(request_id), attempts, &mut out);
    out
}

/// Writes the frame that tells the caller that its stream has failed; nothing may follow it. The official SDKs raise an
/// error at any frame with a top-level `error`, and need no `[DONE]` after it.
pub fn write_stream_error(failure: &Failure, request_id: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: ");
    write(failure, Some(request_id), &[], out);
    out.extend_from_slice(b"\n\n");
}

fn write(failure: &Failure, request_id: Option<&str>, attempts: &[Attempt], out: &mut Vec<u8>) {
    let mut object = ObjectWriter::open(out);
    write_value(failure, request_id, attempts, object.member("error"));
    object.close();
}

/// Writes the value of an `error` member.
pub(in crate::format) fn write_value(
    failure: &Failure,
    request_id: Option<&str>,
    attempts: &[Attempt],
    out: &mut Vec<u8>,
) {
    let mut error = ObjectWriter::open(out);
    error.set("message", &failure.message);
    error.set("type", failure.kind.openai_type());
    error.set("param", &failure.param);
    error.set("code", failure.kind.code());
    if let Some(request_id) = request_id {
        let mut sluice = ObjectWriter::open(error.member("sluice"));
        sluice.set("request_id", request_id);
        if !attempts.is_empty() {
            sluice.set("attempts", attempts);
        }
        sluice.close();
    }
    error.close();
}
