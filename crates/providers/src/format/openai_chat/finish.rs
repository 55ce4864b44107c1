//! Why an answer ended, in the many words of the format's dialects.

use sluice_types::{
    answer::{Finish, FinishReason},
    error::{ErrorKind, Failure},
    json::Str,
};

use super::wire::Text;
use crate::format::json;

/// What else an answer held that changes what its end means.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Held {
    /// Tools were called: some providers say `stop` all the same.
    pub(super) calls: bool,
    /// The model said that it will not answer.
    pub(super) refusal: bool,
}

/// The word that tells why an answer ended, if one does: some servers write that there is none yet as a word.
pub(super) fn word(told: Text<'_>) -> Option<Str<'_>> {
    told.said().filter(|word| *word != "null")
}

/// Reads a finish reason. Words that mean a failure are one.
pub(super) fn read<'a>(word: Str<'a>, stop_texts: [Text<'a>; 2], held: Held) -> Result<Finish<'a>, Failure> {
    // Providers that repeat their finish reason there do not mean a text.
    let stop_text =
        stop_texts.into_iter().find_map(Text::said).filter(|text| !matches!(&**text, "stop" | "end_turn"));
    let reason = match word.to_ascii_lowercase().as_str() {
        "length" | "max_tokens" | "model_length" | "max_output_tokens" => FinishReason::Length,
        "model_context_window_exceeded" => FinishReason::ContextWindow,
        "tool_calls" | "tool_call" | "tool_use" | "function_call" => FinishReason::ToolCalls,
        "content_filter"
        | "content_filtered"
        | "refusal"
        | "safety"
        | "blocklist"
        | "prohibited_content"
        | "spii"
        | "recitation"
        | "image_safety"
        | "sensitive"
        | "guardrail_intervened" => FinishReason::ContentFilter,
        "stop_sequence" => FinishReason::StopSequence,
        "pause_turn" => FinishReason::Pause,
        "error" | "timeout" | "abort" | "insufficient_system_resource" | "network_error" => {
            let message =
                format!("the provider gave up its answer: {}", crate::format::message::clean(&word));
            return Err(Failure::new(ErrorKind::UpstreamUnavailable, message));
        }
        // Gemini's compatible endpoint tells these behind a prefix.
        other if other.contains("malformed_function_call") || other.contains("unexpected_tool_call") => {
            return Err(Failure::new(ErrorKind::UpstreamInvalid, "the model made a broken tool call"));
        }
        _ if held.calls => FinishReason::ToolCalls,
        _ if held.refusal => FinishReason::ContentFilter,
        _ if stop_text.is_some() => FinishReason::StopSequence,
        _ => FinishReason::Stop,
    };
    let stop_sequence = stop_text.filter(|_| reason == FinishReason::StopSequence);
    Ok(Finish { reason, stop_sequence, raw: Some(word) })
}

/// Writes the members that tell why an answer ended.
pub(super) fn write(finish: &Finish<'_>, same_format: bool, out: &mut Vec<u8>) {
    let word = match (&finish.raw, finish.reason) {
        (Some(raw), _) if same_format && is_documented(raw) => raw,
        (_, FinishReason::Stop | FinishReason::StopSequence | FinishReason::Pause) => "stop",
        (_, FinishReason::Length | FinishReason::ContextWindow) => "length",
        (_, FinishReason::ToolCalls) => "tool_calls",
        (_, FinishReason::ContentFilter) => "content_filter",
    };
    out.extend_from_slice(b",\"finish_reason\":");
    json::write(out, word);
    if let Some(raw) = finish.raw.as_ref().filter(|raw| **raw != *word) {
        out.extend_from_slice(b",\"native_finish_reason\":");
        json::write(out, raw);
    }
    if let Some(text) = &finish.stop_sequence {
        out.extend_from_slice(b",\"stop_reason\":");
        json::write(out, text);
    }
}

fn is_documented(word: &str) -> bool {
    matches!(word, "stop" | "length" | "tool_calls" | "content_filter")
}
