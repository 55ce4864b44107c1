//! Whole answers, and the shapes that lines of a stream share with them.

use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_types::{
    answer::{Answer, Choice, Finish, FinishReason},
    chat::Part,
    error::{ErrorKind, Failure},
    json::{Members, Str, from_bytes},
    usage::Usage,
};

use super::error;
use crate::format::{
    one_text,
    openai_chat::{Call, Many, Number, Text, unreadable},
};

/// A whole answer, or a line of a stream.
#[derive(Deserialize)]
pub(super) struct Told<'a> {
    #[serde(borrow, default)]
    pub(super) model: Text<'a>,
    #[serde(borrow, default)]
    pub(super) created_at: Text<'a>,
    #[serde(borrow, default)]
    pub(super) message: Option<Message<'a>>,
    #[serde(borrow, default)]
    done: Option<&'a RawValue>,
    #[serde(borrow, default)]
    done_reason: Text<'a>,
    #[serde(default)]
    prompt_eval_count: Number,
    #[serde(default)]
    eval_count: Number,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
}

/// What was said, or the next piece of it.
#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow, default)]
    pub(super) content: Text<'a>,
    #[serde(borrow, default)]
    pub(super) thinking: Text<'a>,
    #[serde(borrow, default)]
    pub(super) tool_calls: Many<Call<'a>>,
}

impl<'a> Told<'a> {
    /// Whether the server says that this is the end; `None` if it does not say.
    pub(super) fn done(&self) -> Option<bool> {
        self.done.map(|done| done.get() == "true")
    }

    /// Tokens counted. The prompt's are absent where the server had read it before.
    pub(super) fn usage(&self) -> Option<Usage> {
        let (input, output) = (self.prompt_eval_count.count(), self.eval_count.count());
        input.or(output)?;
        let usage = Usage {
            input_uncached: input.unwrap_or_default(),
            output_text: output.unwrap_or_default(),
            ..Usage::default()
        };
        (0 < usage.total()).then_some(usage)
    }

    /// Why the answer ended, `said` and `called` telling whether it holds anything and whether tools are called.
    ///
    /// # Errors
    ///
    /// [`UpstreamUnavailable`](ErrorKind::UpstreamUnavailable) if the server did no more than load the model.
    pub(super) fn finish(&mut self, said: bool, called: bool) -> Result<Finish<'a>, Failure> {
        let raw = std::mem::take(&mut self.done_reason).said();
        let reason = match raw.as_deref() {
            Some("load" | "unload") if !said => {
                let message = "the provider only loaded the model and answered nothing";
                return Err(Failure::new(ErrorKind::UpstreamUnavailable, message));
            }
            Some("length") => FinishReason::Length,
            Some("content_filter") => FinishReason::ContentFilter,
            _ if called => FinishReason::ToolCalls,
            _ => FinishReason::Stop,
        };
        Ok(Finish { reason, stop_sequence: None, raw })
    }
}

/// A call's id, where it came with one, its name and its arguments; `None` if it calls nothing.
pub(super) fn called(call: Call<'_>) -> Option<(Option<Str<'_>>, Str<'_>, Str<'_>)> {
    let function = call.function?;
    let arguments = function.arguments().unwrap_or_default();
    Some((call.id.said(), function.name.said()?, arguments))
}

/// Reads a provider's whole answer.
///
/// # Errors
///
/// [`UpstreamTruncated`](ErrorKind::UpstreamTruncated) if the body breaks off or is not the end of the answer,
/// [`UpstreamInvalid`](ErrorKind::UpstreamInvalid) if it is no answer; an error inside a success is read as one.
pub fn read_answer(body: &[u8]) -> Result<Answer<'_>, Failure> {
    let mut told: Told<'_> = from_bytes(body).map_err(|error| unreadable(&error, body))?;
    if let Some(error) = told.error {
        return Err(error::embedded(error));
    }
    let Some(message) = told.message.take() else {
        return Err(Failure::new(ErrorKind::UpstreamInvalid, "the provider's answer holds no message"));
    };
    if told.done() == Some(false) {
        return Err(Failure::new(ErrorKind::UpstreamTruncated, "the provider's answer breaks off"));
    }
    let created_at = std::mem::take(&mut told.created_at).0.unwrap_or_default();
    let mut parts = Vec::new();
    parts.extend(message.thinking.said().map(|text| Part::Reasoning { text, signature: None }));
    parts.extend(message.content.said().map(Part::text));
    let calls = message.tool_calls.0.into_iter().filter_map(called).enumerate();
    parts.extend(calls.map(|(index, (id, name, arguments))| Part::ToolCall {
        id: id.unwrap_or_else(|| one_text::call_id(&created_at, index).into()),
        name,
        arguments,
        extra: Members::default(),
        cache: None,
    }));
    let called = parts.iter().any(|part| matches!(part, Part::ToolCall { .. }));
    let finish = told.finish(!parts.is_empty(), called)?;
    Ok(Answer {
        id: Str::default(),
        created: one_text::unix_time(&created_at),
        usage: told.usage(),
        choices: vec![Choice { index: 0, parts, finish, extra: Members::default() }],
        model: told.model.0.unwrap_or_default(),
        extra: Members::default(),
    })
}
