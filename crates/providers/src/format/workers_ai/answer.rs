//! Whole answers, and the shapes that frames of a stream share with them.

use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_types::{
    answer::{Answer, Choice, Finish, FinishReason},
    chat::Part,
    error::{ErrorKind, Failure},
    json::{Members, Str, from_bytes},
    usage::Usage,
};

use super::error::read_error;
use crate::format::{
    one_text,
    openai_chat::{self, Function, Many, Text, read_usage, unreadable},
};

/// What stands around an answer.
#[derive(Deserialize)]
struct Wrapper<'a> {
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    success: Option<&'a RawValue>,
}

/// What was said, or the next piece of it.
#[derive(Deserialize)]
pub(super) struct Said<'a> {
    /// A text; an object where one was asked for, and in streams a number where the text is one.
    #[serde(borrow, default)]
    response: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) tool_calls: Many<AnyCall<'a>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    /// A chat completion has these.
    #[serde(borrow, default)]
    pub(super) choices: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    errors: Option<&'a RawValue>,
}

/// A call: flat, or in OpenAI's shape.
#[derive(Deserialize)]
pub(super) struct AnyCall<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow, default)]
    function: Option<Function<'a>>,
}

impl<'a> Said<'a> {
    /// The text, also where it is no text.
    pub(super) fn text(&self) -> Option<Str<'a>> {
        let raw = self.response?.get();
        let text = if raw.starts_with('"') { serde_json::from_str(raw).ok()? } else { Str::from(raw) };
        (!text.is_empty() && raw != "null").then_some(text)
    }

    pub(super) fn usage(&self) -> Option<Usage> {
        self.usage.and_then(|usage| read_usage(usage.get()))
    }

    /// Whether it is an error.
    pub(super) fn is_error(&self) -> bool {
        self.error.is_some() || self.errors.is_some_and(|errors| !matches!(errors.get(), "null" | "[]"))
    }
}

impl<'a> AnyCall<'a> {
    /// The call's id, where it came with one, its name and its arguments; `None` if it calls nothing.
    pub(super) fn told(self) -> Option<(Option<Str<'a>>, Str<'a>, Str<'a>)> {
        let id = self.id.said();
        if let Some(function) = self.function {
            let arguments = function.arguments().unwrap_or_default();
            return Some((id, function.name.said()?, arguments));
        }
        let raw = self.arguments.map_or("{}", RawValue::get);
        let arguments = if raw.starts_with('"') { serde_json::from_str(raw).ok()? } else { Str::from(raw) };
        Some((id, self.name.said()?, arguments))
    }
}

/// Reads a provider's whole answer, with the wrapper around it or without.
///
/// # Errors
///
/// [`UpstreamTruncated`](ErrorKind::UpstreamTruncated) if the body breaks off,
/// [`UpstreamInvalid`](ErrorKind::UpstreamInvalid) if it is no answer; an error inside a success is read as one.
pub fn read_answer(body: &[u8]) -> Result<Answer<'_>, Failure> {
    let wrapper: Wrapper<'_> = from_bytes(body).map_err(|error| unreadable(&error, body))?;
    if wrapper.success.is_some_and(|success| success.get() == "false") {
        return Err(read_error(200, body, None));
    }
    let told = wrapper.result.map_or(body, |result| result.get().as_bytes());
    let said: Said<'_> = from_bytes(told).map_err(|error| unreadable(&error, told))?;
    if said.choices.is_some() {
        return openai_chat::read_answer(told);
    }
    if said.is_error() {
        return Err(read_error(200, told, None));
    }
    if said.response.is_none() && said.tool_calls.0.is_empty() {
        return Err(Failure::new(ErrorKind::UpstreamInvalid, "the provider's answer holds no response"));
    }
    let (usage, mut parts) = (said.usage(), Vec::new());
    parts.extend(said.text().map(Part::text));
    let calls = said.tool_calls.0.into_iter().filter_map(AnyCall::told).enumerate();
    // Only what it says tells this answer from all others.
    let seed = String::from_utf8_lossy(body);
    parts.extend(calls.map(|(index, (id, name, arguments))| Part::ToolCall {
        id: id.unwrap_or_else(|| one_text::call_id(&seed, index).into()),
        name,
        arguments,
        extra: Members::default(),
        cache: None,
    }));
    let called = parts.iter().any(|part| matches!(part, Part::ToolCall { .. }));
    let reason = if called { FinishReason::ToolCalls } else { FinishReason::Stop };
    let finish = Finish::plain(reason);
    let choice = Choice { index: 0, parts, finish, extra: Members::default() };
    Ok(Answer { choices: vec![choice], usage, ..Answer::default() })
}
