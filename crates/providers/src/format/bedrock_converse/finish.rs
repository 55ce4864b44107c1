//! Why an answer ended.

use sluice_types::{
    answer::{Finish, FinishReason},
    error::{ErrorKind, Failure},
    json::Str,
};

/// Reads a stop reason. One that is unknown or missing is the plain end, or the wait for a tool's results.
///
/// # Errors
///
/// `UpstreamInvalid` if the provider could not make sense of what its model said.
pub(super) fn read(raw: Option<Str<'_>>, calls_tools: bool) -> Result<Finish<'_>, Failure> {
    let reason = match raw.as_deref() {
        Some("max_tokens") => FinishReason::Length,
        Some("model_context_window_exceeded") => FinishReason::ContextWindow,
        Some("guardrail_intervened" | "content_filtered" | "refusal") => FinishReason::ContentFilter,
        Some("tool_use") => FinishReason::ToolCalls,
        Some("stop_sequence") => FinishReason::StopSequence,
        Some("pause_turn") => FinishReason::Pause,
        Some(broken @ ("malformed_model_output" | "malformed_tool_use")) => {
            let what = if broken == "malformed_tool_use" { "a broken tool call" } else { "a broken answer" };
            return Err(Failure::new(ErrorKind::UpstreamInvalid, format!("the model made {what}")));
        }
        _ if calls_tools => FinishReason::ToolCalls,
        _ => FinishReason::Stop,
    };
    Ok(Finish { reason, stop_sequence: None, raw })
}
