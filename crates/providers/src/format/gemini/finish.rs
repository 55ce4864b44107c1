//! Why an answer ended, in this format's words.

use sluice_types::{
    answer::{Finish, FinishReason},
    error::{ErrorKind, Failure},
    json::Str,
};

/// Reads a finish reason; `calls` says that functions are called, which this format does not tell apart.
///
/// # Errors
///
/// `UpstreamInvalid` for the words that mean a failure of the model.
pub(super) fn read(word: Str<'_>, calls: bool) -> Result<Finish<'_>, Failure> {
    let reason = match &*word {
        "MAX_TOKENS" => FinishReason::Length,
        "SAFETY"
        | "RECITATION"
        | "LANGUAGE"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION"
        | "MODEL_ARMOR" => FinishReason::ContentFilter,
        "MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL" | "TOO_MANY_TOOL_CALLS" => {
            return Err(Failure::new(ErrorKind::UpstreamInvalid, "the model made a broken tool call"));
        }
        "MALFORMED_RESPONSE" => {
            return Err(Failure::new(ErrorKind::UpstreamInvalid, "the model made a broken answer"));
        }
        "MISSING_THOUGHT_SIGNATURE" => {
            let message = "the model misses the signatures of the calls it made before";
            return Err(Failure::new(ErrorKind::UpstreamInvalid, message));
        }
        _ if calls => FinishReason::ToolCalls,
        _ => FinishReason::Stop,
    };
    Ok(Finish { reason, stop_sequence: None, raw: Some(word) })
}

/// The reason as callers are told it; `cut` says that a call's arguments are broken off.
pub(super) fn write<'f>(finish: &'f Finish<'_>, cut: bool, same_format: bool) -> &'f str {
    // Why a prompt was refused is no reason that an answer can end for.
    if same_format
        && let Some(raw) = finish.raw.as_deref()
        && read(raw.into(), finish.reason == FinishReason::ToolCalls)
            .is_ok_and(|own| own.reason == finish.reason)
    {
        return raw;
    }
    match finish.reason {
        FinishReason::Length | FinishReason::ContextWindow => "MAX_TOKENS",
        _ if cut => "MAX_TOKENS",
        FinishReason::ContentFilter => "SAFETY",
        FinishReason::Stop | FinishReason::StopSequence | FinishReason::ToolCalls | FinishReason::Pause => {
            "STOP"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_turn_the_plain_end_into_a_wait() {
        for (word, calls, reason) in [
            ("STOP", false, FinishReason::Stop),
            ("STOP", true, FinishReason::ToolCalls),
            ("MAX_TOKENS", true, FinishReason::Length),
            ("SPII", true, FinishReason::ContentFilter),
            ("SOMETHING_NEW", false, FinishReason::Stop),
        ] {
            assert_eq!(read(word.into(), calls).unwrap().reason, reason, "{word}");
        }
        assert_eq!(
            read("MALFORMED_FUNCTION_CALL".into(), true).unwrap_err().kind,
            ErrorKind::UpstreamInvalid
        );
    }
}
