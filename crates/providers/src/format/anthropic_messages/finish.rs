//! Why an answer ended, in this format's words.

use sluice_types::answer::{Finish, FinishReason};

/// The reason a provider gives. One that is unknown or missing is the plain end, or the wait for a tool's results.
pub(super) fn read(stop_reason: Option<&str>, calls_tools: bool) -> FinishReason {
    match stop_reason {
        Some("stop_sequence") => FinishReason::StopSequence,
        Some("max_tokens") => FinishReason::Length,
        Some("model_context_window_exceeded") => FinishReason::ContextWindow,
        Some("tool_use") => FinishReason::ToolCalls,
        Some("refusal") => FinishReason::ContentFilter,
        Some("pause_turn") => FinishReason::Pause,
        None if calls_tools => FinishReason::ToolCalls,
        _ => FinishReason::Stop,
    }
}

/// What an answer held that bears on why it ended.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Held {
    /// A tool is called.
    pub(super) calls: bool,
    /// The model refused in words.
    pub(super) refusal: bool,
    /// A call's arguments are broken off.
    pub(super) cut: bool,
}

/// The reason as callers are told it: a limit that was met beats a refusal, a refusal beats tool calls, tool calls beat
/// the plain end. Some providers say `stop` beside their tool calls; clients would not run those.
pub(super) fn write<'f>(finish: &'f Finish<'_>, held: Held, same_format: bool) -> &'f str {
    if same_format
        && let Some(raw) = finish.raw.as_deref()
        && read(Some(raw), held.calls) == finish.reason
    {
        return raw;
    }
    match finish.reason {
        FinishReason::ContextWindow => "model_context_window_exceeded",
        FinishReason::Length => "max_tokens",
        _ if held.cut => "max_tokens",
        FinishReason::ContentFilter => "refusal",
        _ if held.refusal => "refusal",
        FinishReason::ToolCalls => "tool_use",
        FinishReason::StopSequence => "stop_sequence",
        FinishReason::Pause => "pause_turn",
        FinishReason::Stop if held.calls => "tool_use",
        FinishReason::Stop => "end_turn",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_weighs_more_is_told() {
        let all = Held { calls: true, refusal: true, cut: true };
        let told = |reason, held| write(&Finish::plain(reason), held, false).to_owned();
        assert_eq!(told(FinishReason::ToolCalls, all), "max_tokens");
        assert_eq!(told(FinishReason::ToolCalls, Held { cut: false, ..all }), "refusal");
        assert_eq!(told(FinishReason::Stop, Held { calls: true, ..Held::default() }), "tool_use");
        assert_eq!(told(FinishReason::Stop, Held::default()), "end_turn");
    }

    #[test]
    fn a_word_unknown_here_goes_back_to_its_own_format() {
        let finish = Finish { raw: Some("compaction".into()), ..Finish::plain(FinishReason::Stop) };
        assert_eq!(write(&finish, Held::default(), true), "compaction");
        assert_eq!(write(&finish, Held::default(), false), "end_turn");
    }
}
