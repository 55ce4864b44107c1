//! `hook`: a guardrail somewhere else that is asked over HTTP.

use serde::{Deserialize, Serialize};

use super::is_default;
use crate::config::text::{BaseUrl, Credential, Period};

/// Who is asked, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Hook {
    /// Where it is asked, as it is: nothing is added, and redirects are not followed.
    pub url: BaseUrl,
    /// What is sent and read. Default: `webhook`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub format: HookFormat,
    /// What it is called in records. Default: its URL's host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The secret of the host that is sent as a bearer token. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<Credential>,
    /// `webhook`: the secret of the host that requests are signed with. Default: unsigned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Credential>,
    /// `openai_moderation`: the model that judges. Default: the service's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How long its verdict is waited for. Default: 1s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Period>,
    /// What no verdict in time, or none that can be read, means: `closed` does as if something was found, `open` lets
    /// pass. Default: `closed`, and `open` where the action is `flag`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_error: Option<OnError>,
    /// `openai_moderation`: the categories that count. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// `openai_moderation`: the score from which a category counts, from 0 to 1. Default: the service's own judgement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// Whether it is asked before anything goes to a provider, and may change texts; otherwise it is asked beside the
    /// provider, and the answer waits for it. Not for `output`. Default: false.
    #[serde(default, skip_serializing_if = "is_default")]
    pub before: bool,
    /// `output`: what becomes of streams. Default: `hold`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub streams: HookStreams,
    /// What a call costs, in US dollars: part of the request's cost. Default: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_per_call: Option<f64>,
}

/// What is sent to a hook, and what it answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum HookFormat {
    /// Texts in, `allow`, `deny` or `redact` out.
    #[default]
    Webhook,
    /// OpenAI's moderation endpoint, and those like it.
    OpenaiModeration,
}

/// What the failure of a hook means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// Let pass, and noted.
    Open,
    /// As if something was found.
    Closed,
}

/// What becomes of streams that a hook is to judge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum HookStreams {
    /// The whole answer is waited for and judged, then told.
    #[default]
    Hold,
    /// They are not judged.
    Skip,
}
