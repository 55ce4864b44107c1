//! The shapes that providers send, read without complaint: what is of an unexpected type counts as absent.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;
use sluice_types::{
    error::{ErrorKind, Failure},
    json::{Str, from_bytes},
};

use super::error;
use crate::format::{
    json::is_cut_off,
    openai_chat::{Few, Many, Number, Text},
};

/// Reads a whole answer, or a frame of a stream; `what` it is, for messages.
///
/// # Errors
///
/// `UpstreamTruncated` if it breaks off, `UpstreamInvalid` if it is no JSON object. A list is an error, as it is told in
/// streams without `alt=sse`.
pub(super) fn read<'a, C: Deserialize<'a>, U: Default + Deserialize<'a>>(
    json: &'a [u8],
    what: &str,
) -> Result<Wire<'a, C, U>, Failure> {
    let unreadable = |error: serde_json::Error| match is_cut_off(&error, json) {
        true => Failure::new(
            ErrorKind::UpstreamTruncated,
            format!("the provider's {what} stopped before its end"),
        ),
        false => Failure::new(
            ErrorKind::UpstreamInvalid,
            format!("the provider's {what} is not a JSON object as expected"),
        ),
    };
    if json.trim_ascii_start().starts_with(b"[") {
        from_bytes::<IgnoredAny>(json).map_err(unreadable)?;
        return Err(error::read_error(200, json, None));
    }
    from_bytes(json).map_err(unreadable)
}

/// A whole answer, or a frame of a stream; `C` is one of the answers, `U` what was used.
#[derive(Deserialize)]
#[serde(
    rename_all = "camelCase",
    bound(deserialize = "'de: 'a, C: Deserialize<'de>, U: Default + Deserialize<'de>")
)]
pub(super) struct Wire<'a, C, U> {
    #[serde(default)]
    pub(super) candidates: Few<C>,
    #[serde(borrow, default)]
    pub(super) prompt_feedback: Option<&'a RawValue>,
    #[serde(default)]
    pub(super) usage_metadata: U,
    #[serde(borrow, default)]
    pub(super) model_version: Text<'a>,
    #[serde(borrow, default)]
    pub(super) response_id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
}

/// One of the answers.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Candidate<'a> {
    pub(super) index: Number,
    #[serde(borrow)]
    pub(super) content: Option<Content<'a>>,
    #[serde(borrow)]
    pub(super) finish_reason: Text<'a>,
    #[serde(borrow)]
    pub(super) grounding_metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) citation_metadata: Option<&'a RawValue>,
}

/// What is said.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Content<'a> {
    #[serde(borrow)]
    pub(super) parts: Many<Part<'a>>,
}

/// Why a prompt was refused.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PromptFeedback<'a> {
    #[serde(borrow)]
    pub(super) block_reason: Text<'a>,
}

/// A part of a stream, the kinds that can be told in pieces.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Part<'a> {
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    pub(super) thought: Option<bool>,
    #[serde(borrow)]
    pub(super) thought_signature: Text<'a>,
    #[serde(borrow)]
    pub(super) function_call: Option<Box<Call<'a>>>,
}

/// A call of a function.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Call<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) args: Option<&'a RawValue>,
}

/// Why a prompt was refused, if it was.
pub(super) fn block_reason(feedback: Option<&RawValue>) -> Option<Str<'_>> {
    let feedback: PromptFeedback<'_> = serde_json::from_str(feedback?.get()).ok()?;
    feedback.block_reason.0.filter(|reason| !reason.is_empty())
}
