//! `providers`: where models run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use sluice_providers::{
    format::{Chat, JsonSchema},
    operation::Operation,
};

use super::{OneOrMore, is_default};
use crate::config::{
    number::Dollars,
    text::{BaseUrl, Credential, Setting},
};

/// One provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Provider {
    /// The format of chat it speaks, or several, the usual one first: a caller of one of them is served in it. Needed unless
    /// the catalogue knows the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<OneOrMore<Chat>>,
    /// What else it offers, in OpenAI's formats (`rerank` in Cohere's). Default: all where `format` is `openai_chat` or
    /// `openai_responses`, else nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operations: Option<Vec<Operation>>,
    /// Where it is, up to and without `/chat/completions` or `/messages`. Default: the catalogue's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<BaseUrl>,
    /// The secret or variable of the host that holds its key. Default: the variable the catalogue names; none for
    /// a provider the catalogue does not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<Credential>,
    /// Several of them, in order: one that the provider refuses rests for five minutes, one that has reached its limit
    /// makes room for the next. Instead of `api_key`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub api_keys: Vec<Credential>,
    /// Headers sent with every request to it, beside those of the format. Not for secrets.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// How its dialect differs from the format's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialect: Option<Dialect>,
    /// Where it keeps what is sent to it, in your words, such as `eu`: tenants whose record names `regions` reach only
    /// providers of those. Default: not told, which is none of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_region: Option<Setting>,
    /// Prices of its models, by model: for models the list lacks or prices of your own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub prices: BTreeMap<String, Prices>,
    /// Parameters of every address it is asked at, such as `api-version`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, String>,
    /// The region it runs in (`bedrock`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Setting>,
    /// The name of the resource (`azure`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<Setting>,
    /// The project (`vertex`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<Setting>,
    /// The location, or `global` (`vertex`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Setting>,
    /// The account's id (`workers_ai`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<Setting>,
    /// The Worker's own binding to Workers AI, such as `AI`, in place of an address and a key: `[ai]` of wrangler.toml names
    /// it (`workers_ai`, on Cloudflare only).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binding: Option<Setting>,
    /// The secret of the host that holds a service account's key file, as JSON (`vertex`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account: Option<Credential>,
    /// The secret or variable of the host that holds the access key's id (`bedrock`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<Credential>,
    /// The secret or variable of the host that holds the secret access key (`bedrock`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_access_key: Option<Credential>,
    /// The secret or variable of the host that holds a session's token (`bedrock`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_token: Option<Credential>,
}

/// How a provider's dialect differs from the format's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Dialect {
    /// Members it calls otherwise: the format's name to the provider's.
    #[serde(skip_serializing_if = "is_default")]
    pub rename: BTreeMap<String, String>,
    /// Members it refuses; they are not sent. `messages[].NAME` is the member NAME of every message, here and below.
    #[serde(skip_serializing_if = "is_default")]
    pub drop: Vec<String>,
    /// Words it has others for: by member, the format's word to the provider's.
    #[serde(skip_serializing_if = "is_default")]
    pub words: BTreeMap<String, BTreeMap<String, String>>,
    /// The member that limits the tokens of an answer, such as `max_completion_tokens`.
    pub max_tokens: String,
    /// Whether a stream may be asked for usage with `stream_options`.
    pub stream_usage: bool,
    /// Whether Messages is spoken as on Vertex: the model in the path, the version in the body.
    #[serde(skip_serializing_if = "is_default")]
    pub model_in_path: bool,
    /// How an answer is made to follow a JSON schema.
    #[serde(skip_serializing_if = "is_default")]
    pub json_schema: JsonSchema,
    /// Whether thoughts that nobody sealed go back to the model, as the member `reasoning_content` of its messages.
    #[serde(skip_serializing_if = "is_default")]
    pub replay_thoughts: bool,
    /// How long the ids of tool calls must be, in letters and digits, such as 9.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_id_length: Option<u8>,
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            rename: BTreeMap::new(),
            drop: Vec::new(),
            words: BTreeMap::new(),
            max_tokens: "max_tokens".to_owned(),
            stream_usage: true,
            model_in_path: false,
            json_schema: JsonSchema::Native,
            replay_thoughts: false,
            tool_id_length: None,
        }
    }
}

/// Prices in US dollars per million tokens, and fees in US dollars each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// Text read.
    pub input: Dollars,
    /// Text written.
    pub output: Dollars,
    /// Text read from the provider's prompt cache. Default: `input`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<Dollars>,
    /// Text written to the provider's prompt cache for five minutes; an hour costs 1.6 times as much. Default:
    /// `input`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<Dollars>,
    /// Thoughts. Default: `output`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Dollars>,
    /// Sound read. Default: `input`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_in: Option<Dollars>,
    /// Sound written. Default: `output`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_out: Option<Dollars>,
    /// Pictures read, where the provider counts their tokens. Default: `input`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_in: Option<Dollars>,
    /// Pictures written, where the provider counts their tokens. Default: `output`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_out: Option<Dollars>,
    /// Each request that is answered. Default: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Dollars>,
    /// Each search of the web that the answer counts, or search unit of a rerank. Default: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<Dollars>,
}
