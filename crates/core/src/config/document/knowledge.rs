//! The sections of knowledge: uploads, the queue that documents go in by, and how they go in.

use serde::{Deserialize, Serialize};

use super::seconds;
use crate::config::text::{BaseUrl, Credential, Period, Setting, Size};

/// What callers upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Files {
    /// The largest file, at most 512MB.
    pub max_bytes: Size,
    /// How long an upload may take to come in.
    pub timeout: Period,
}

impl Default for Files {
    fn default() -> Self {
        Self { max_bytes: Size(50_000_000), timeout: seconds(600) }
    }
}

/// The queue that documents go in by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Queue {
    /// The host's where it has one, else `embedded`.
    #[default]
    Auto,
    /// The gateway's own, in its exact state; `POST /internal/ingest/drain` empties it.
    Embedded,
    /// The host's own, such as Cloudflare Queues.
    Host,
    /// Amazon SQS.
    Sqs(Sqs),
}

/// A queue of Amazon SQS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Sqs {
    /// The queue's URL, as AWS tells it.
    pub url: BaseUrl,
    /// The URL of the queue of its dead letters, where the gateway may send there. Without it the queue's own redrive puts
    /// them there, without a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter_url: Option<BaseUrl>,
    /// Its region, which requests are signed for.
    pub region: Setting,
    /// Default: `$AWS_ACCESS_KEY_ID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<Credential>,
    /// Default: `$AWS_SECRET_ACCESS_KEY`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_access_key: Option<Credential>,
    /// Default: `$AWS_SESSION_TOKEN`, which need not be set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_token: Option<Credential>,
}

/// How documents go in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Ingest {
    /// How often a document is tried before it is given up and its message is a dead letter: 1 to 100.
    pub max_attempts: u32,
    /// Where to say that something waits in the embedded queue: the address of `ingest`, without a path. Without it
    /// somebody must call `POST /internal/ingest/drain` every now and then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify: Option<BaseUrl>,
}

impl Default for Ingest {
    fn default() -> Self {
        Self { max_attempts: 5, notify: None }
    }
}
