//! Why an answer ended.

use sluice_types::{
    answer::{Finish, FinishReason},
    error::{ErrorKind, Failure},
    json::Str,
};

use crate::format::message;

/// Reads a finish reason. One that is unknown or missing is the plain end, or the wait for a tool's results.
///
/// # Errors
///
/// `UpstreamUnavailable` or `UpstreamTimeout` if the provider gave up, with its `error` where it tells one.
pub(super) fn read<'a>(
    raw: Option<Str<'a>>,
    calls_tools: bool,
    error: Option<&str>,
) -> Result<Finish<'a>, Failure> {
    let gave_up = |kind, default: &str| {
        let told = message::clean(error.unwrap_or_default());
        Err(Failure::new(kind, if told.is_empty() { default.to_owned() } else { told }))
    };
    let reason = match raw.as_deref() {
        Some("ERROR") => return gave_up(ErrorKind::UpstreamUnavailable, "the provider gave up its answer"),
        Some("TIMEOUT") => return gave_up(ErrorKind::UpstreamTimeout, "the provider ran out of time"),
        Some("MAX_TOKENS") => FinishReason::Length,
        Some("ERROR_LIMIT") => FinishReason::ContextWindow,
        Some("ERROR_TOXIC") => FinishReason::ContentFilter,
        Some("TOOL_CALL") => FinishReason::ToolCalls,
        Some("STOP_SEQUENCE") => FinishReason::StopSequence,
        _ if calls_tools => FinishReason::ToolCalls,
        _ => FinishReason::Stop,
    };
    Ok(Finish { reason, stop_sequence: None, raw })
}
