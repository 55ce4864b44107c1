//! Errors. A body is what it is in Chat Completions; inside a stream, and inside an answer, it has shapes of its own.

use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_types::error::{ErrorKind, Failure};

use crate::format::{
    json::{self, ObjectWriter},
    openai_chat::{self, Text},
};

pub use crate::format::openai_chat::{read_error, write_error};

/// The number of the frame that tells a failure. Frames count up from 0, and nobody counts this far: whatever came
/// before, it comes after, and 32 bits hold it.
const LAST: u32 = i32::MAX as u32;

/// The failure of JSON that cannot be read. What it holds stays out of the message.
pub(super) fn unreadable(error: &serde_json::Error, body: &[u8]) -> Failure {
    if json::is_cut_off(error, body) {
        return Failure::new(ErrorKind::UpstreamTruncated, "the provider's answer breaks off");
    }
    let (line, column) = (error.line(), error.column());
    let what = if error.is_data() { "is no response object" } else { "is not valid JSON" };
    Failure::new(
        ErrorKind::UpstreamInvalid,
        format!("the provider's answer {what} (line {line} column {column})"),
    )
}

/// The failure that the `error` of a failed response tells.
pub(super) fn failed(error: Option<&RawValue>) -> Failure {
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(borrow, default)]
        code: Text<'a>,
    }

    let Some(error) = error.map(RawValue::get).filter(|error| *error != "null") else {
        return Failure::new(ErrorKind::UpstreamUnavailable, "the provider gave up its answer");
    };
    let failure = read_error(200, format!("{{\"error\":{error}}}").as_bytes(), None);
    let wire = serde_json::from_str::<Wire<'_>>(error).ok();
    let code = wire.as_ref().and_then(|wire| wire.code.0.as_deref()).unwrap_or_default();
    let kind = match code {
        _ if code.contains("_policy") => ErrorKind::ContentFilter,
        _ if code.contains("_image") || code.starts_with("image_") || code == "invalid_prompt" => {
            ErrorKind::InvalidRequest
        }
        _ => failure.kind,
    };
    Failure { kind, ..failure }
}

/// Writes the frame that tells the caller that its stream has failed; nothing may follow it.
///
/// Documented are the members at the top; OpenAI itself sends them in `error`, at which the official SDKs raise. Both are
/// written.
pub fn write_stream_error(failure: &Failure, request_id: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"event: error\ndata: ");
    let mut object = ObjectWriter::open(out);
    object.set("type", "error");
    object.set("sequence_number", &LAST);
    object.set("code", failure.kind.code());
    object.set("message", &failure.message);
    object.set("param", &failure.param);
    openai_chat::write_error_value(failure, Some(request_id), &[], object.member("error"));
    object.close();
    out.extend_from_slice(b"\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(error: &str) -> ErrorKind {
        failed(serde_json::from_str(error).ok()).kind
    }

    #[test]
    fn codes_say_whose_fault_it_is() {
        assert_eq!(kind(r#"{"code":"server_error","message":"m"}"#), ErrorKind::UpstreamUnavailable);
        assert_eq!(kind(r#"{"code":"rate_limit_exceeded","message":"m"}"#), ErrorKind::UpstreamRateLimited);
        assert_eq!(kind(r#"{"code":"invalid_prompt","message":"m"}"#), ErrorKind::InvalidRequest);
        assert_eq!(kind(r#"{"code":"failed_to_download_image","message":"m"}"#), ErrorKind::InvalidRequest);
        assert_eq!(kind(r#"{"code":"image_content_policy_violation"}"#), ErrorKind::ContentFilter);
        assert_eq!(kind(r#"{"code":7,"message":"m"}"#), ErrorKind::UpstreamUnavailable);
        assert_eq!(kind("null"), ErrorKind::UpstreamUnavailable);
    }

    #[test]
    fn a_stream_error_says_the_same_at_the_top_and_within() {
        let mut out = Vec::new();
        write_stream_error(&Failure::new(ErrorKind::UpstreamUnavailable, "gone"), "req_1", &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                "event: error\ndata: ",
                r#"{"type":"error","sequence_number":2147483647,"code":"upstream_unavailable","message":"gone","param":null,"#,
                r#""error":{"message":"gone","type":"upstream_error","param":null,"code":"upstream_unavailable","#,
                r#""sluice":{"request_id":"req_1"}}}"#,
                "\n\n"
            )
        );
    }
}
