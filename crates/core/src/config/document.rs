//! `sluice.yaml` as it is written: every member, its default and what is allowed.
//!
//! Names are checked for their shape here; whether they lead anywhere is seen in `compile`. The doc comments are the
//! descriptions in the JSON Schema.

mod guardrail;
mod hook;
mod model;
mod one_or_more;
mod policy;
mod provider;
mod quota;
mod rule;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use guardrail::{Action, Check, CheckName, Guardrail, Level, Spelled as SpelledCheck, Stage};
pub use hook::{Hook, HookFormat, HookStreams, OnError};
pub use model::{
    Affinity, Breaker, Cache, CacheMode, CacheScope, Hedge, Mirror, Model, Retry, RetryClass, Score, Spelled,
    Strategy, Target,
};
pub use one_or_more::OneOrMore;
pub use policy::{Cors, Embeddings, Limits, Tenants};
pub use provider::{Dialect, Prices, Provider};
pub use quota::{Budget, BudgetPeriod, Quotas, Rate, Scope};
pub use rule::{Day, Hours, Language, Pattern, Rule, Sensitivity};

/// The configuration of a Sluice gateway. An empty file is valid: only the built-in provider answers then.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(title = "sluice.yaml"))]
#[serde(deny_unknown_fields, default)]
pub struct Document {
    /// Where models run, by the name that targets use. A name of the catalogue (`sluice providers` lists them)
    /// needs nothing more than `{}`; any other name says `format` and `base_url`. `builtin` is always there.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub providers: BTreeMap<String, Provider>,
    /// The names callers may send as `model`, and what answers to them. `provider/model` works without an entry.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, Model>,
    /// Embeddings that Sluice itself makes, for the semantic cache and retrieval.
    #[serde(skip_serializing_if = "is_default")]
    pub embeddings: Embeddings,
    /// Checks of prompts and answers, by the name that models use.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub guardrails: BTreeMap<String, Guardrail>,
    /// What holds for every tenant.
    #[serde(skip_serializing_if = "is_default")]
    pub tenants: Tenants,
    /// Limits on what callers send.
    #[serde(skip_serializing_if = "is_default")]
    pub limits: Limits,
    /// Which websites may call from a browser.
    #[serde(skip_serializing_if = "is_default")]
    pub cors: Cors,
}

/// Whether `value` need not be written.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A period of so many seconds, for defaults.
fn seconds(seconds: u64) -> super::text::Period {
    super::text::Period(std::time::Duration::from_secs(seconds))
}

/// The JSON Schema of the document, for editors and for `sluice config check`.
#[cfg(feature = "schema")]
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Document).to_value()
}
