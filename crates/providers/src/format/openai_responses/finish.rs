//! Why an answer ended: its status, and where that is `incomplete`, the details.

use sluice_types::{
    answer::{Finish, FinishReason},
    json::Str,
};

use crate::format::json::ObjectWriter;

/// What else an answer held that changes what its end means.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Held {
    /// Tools were called.
    pub(super) calls: bool,
    /// The model said that it will not answer.
    pub(super) refusal: bool,
}

/// Reads an end that is no failure. `incomplete` is why the answer is not whole, where the provider says that it is not.
pub(super) fn read<'a>(incomplete: Option<Str<'a>>, held: Held) -> Finish<'a> {
    let reason = match incomplete.as_deref() {
        Some("content_filter") => FinishReason::ContentFilter,
        // Whatever cut it, it was cut.
        Some(_) => FinishReason::Length,
        None if held.calls => FinishReason::ToolCalls,
        None if held.refusal => FinishReason::ContentFilter,
        None => FinishReason::Stop,
    };
    let raw = match incomplete {
        Some(reason) if reason.is_empty() => "incomplete".into(),
        Some(reason) => reason,
        None => "completed".into(),
    };
    Finish { reason, stop_sequence: None, raw: Some(raw) }
}

/// Why an answer that ended so is incomplete; `None` if it is complete. A refusal in words is a complete answer.
pub(super) fn incomplete(finish: &Finish<'_>, held: Held) -> Option<&'static str> {
    match finish.reason {
        FinishReason::Length | FinishReason::ContextWindow => Some("max_output_tokens"),
        FinishReason::ContentFilter if !held.refusal => Some("content_filter"),
        FinishReason::ContentFilter
        | FinishReason::Stop
        | FinishReason::StopSequence
        | FinishReason::ToolCalls
        | FinishReason::Pause => None,
    }
}

/// Whether an answer was cut off in the middle of what it said last.
pub(super) fn is_cut(finish: &Finish<'_>) -> bool {
    matches!(finish.reason, FinishReason::Length | FinishReason::ContextWindow)
}

/// Writes what the status cannot say, in members of our own, as in Chat Completions.
pub(super) fn write_native(finish: &Finish<'_>, incomplete: Option<&str>, object: &mut ObjectWriter<'_>) {
    let word = incomplete.unwrap_or("completed");
    object.set_some("native_finish_reason", finish.raw.as_ref().filter(|raw| **raw != *word));
    object.set_some("stop_reason", finish.stop_sequence.as_ref());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_was_cut_is_cut_though_tools_were_called() {
        let held = Held { calls: true, refusal: false };
        assert_eq!(read(Some("max_output_tokens".into()), held).reason, FinishReason::Length);
        assert_eq!(read(Some(Str::default()), held).reason, FinishReason::Length);
        assert_eq!(read(None, held).reason, FinishReason::ToolCalls);
    }

    #[test]
    fn a_refusal_in_words_is_complete_and_a_filters_is_not() {
        let finish = Finish::plain(FinishReason::ContentFilter);
        assert_eq!(incomplete(&finish, Held { calls: false, refusal: true }), None);
        assert_eq!(incomplete(&finish, Held::default()), Some("content_filter"));
    }
}
