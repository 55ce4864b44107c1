//! The sections that hold for all models: embeddings, tenants, limits, cors.

use serde::{Deserialize, Serialize};

use super::{quota::Quotas, seconds};
use crate::config::text::{Origin, Period, Reference, Size};

/// Embeddings that Sluice itself makes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Embeddings {
    /// The model that makes them. Default: `builtin/static`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Reference>,
}

/// Tenants and their keys live in KV; here is what holds for all of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Tenants {
    /// What a tenant has whose record says nothing else.
    pub defaults: Quotas,
}

/// Limits on what callers send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The largest body.
    pub max_body: Size,
    /// How long a body may take to come in.
    pub body_timeout: Period,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_body: Size(20_000_000), body_timeout: seconds(30) }
    }
}

/// Which websites may call from a browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Cors {
    /// The websites: `*` for any (keys still decide what a caller may do), or scheme and host of each. An empty
    /// list allows none.
    pub origins: Vec<Origin>,
    /// How long a browser may keep the answer to its preflight request.
    pub max_age: Period,
}

impl Default for Cors {
    fn default() -> Self {
        Self { origins: "*".parse().into_iter().collect(), max_age: seconds(7_200) }
    }
}
