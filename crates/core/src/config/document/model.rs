//! `models`: the names callers send, and what answers to them.

use std::{fmt, time::Duration};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::{is_default, provider::Prices, seconds};
use crate::config::{
    number::Weight,
    text::{Backoff, Period, Reference},
};

/// One name and what answers to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// How targets are picked. Default: `single` with one target, else `fallback`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Strategy>,
    /// Where requests may go, in order of preference; at least one.
    pub targets: Vec<Target>,
    /// What is tried again at the same target before the next one is asked.
    #[serde(default, skip_serializing_if = "is_default")]
    pub retry: Retry,
    /// When a failing target is left alone for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker: Option<Breaker>,
    /// Whether answers are kept and given again.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cache: Cache,
    /// The guardrails to run, by their names under `guardrails`, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guardrails: Vec<String>,
    /// Whether a request is refused when a target cannot express all of it. Default: false; what it cannot express
    /// is dropped and named in a response header.
    #[serde(default, skip_serializing_if = "is_default")]
    pub strict: bool,
    /// Prices of your own for all targets of this model; they win over the provider's and the list's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<Prices>,
}

/// How targets are picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The one target there is.
    Single,
    /// The first that answers, in the order given.
    Fallback,
    /// By weight.
    LoadBalance,
    /// The cheapest for this request.
    LeastCost,
    /// The quickest to answer of late.
    LeastLatency,
    /// The best by cost, latency, quality and errors together.
    Score,
    /// The first whose rule holds.
    Conditional,
    /// The one whose description is nearest to the prompt.
    Semantic,
}

impl Strategy {
    /// The name in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Fallback => "fallback",
            Self::LoadBalance => "load_balance",
            Self::LeastCost => "least_cost",
            Self::LeastLatency => "least_latency",
            Self::Score => "score",
            Self::Conditional => "conditional",
            Self::Semantic => "semantic",
        }
    }
}

/// One place a request can go: `provider/model`, or an object with that as `model`.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Provider and model.
    pub model: Reference,
    /// Share of traffic relative to the other targets, under `load_balance`. Default: 1.
    pub weight: Weight,
    /// How long one try may take, from the request to the last byte. Default: 10m.
    pub timeout: Period,
    /// How long a streamed try may take until its first token. Default: as long as `timeout`.
    pub first_token_timeout: Option<Period>,
}

impl Target {
    /// `timeout` unless another is given.
    pub const TIMEOUT: Period = Period(Duration::from_secs(600));
}

/// A target written as an object.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "TargetObject"))]
#[serde(deny_unknown_fields)]
struct Spelled {
    /// Provider and model, as `provider/model`.
    model: Reference,
    /// Share of traffic relative to the other targets, under `load_balance`. Default: 1.
    #[serde(default, skip_serializing_if = "is_default")]
    weight: Weight,
    /// How long one try may take, from the request to the last byte. Default: 10m.
    #[serde(default = "default_timeout", skip_serializing_if = "is_default_timeout")]
    timeout: Period,
    /// How long a streamed try may take until its first token. Default: as long as `timeout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_token_timeout: Option<Period>,
}

fn default_timeout() -> Period {
    Target::TIMEOUT
}

fn is_default_timeout(timeout: &Period) -> bool {
    *timeout == Target::TIMEOUT
}

impl From<Reference> for Target {
    fn from(model: Reference) -> Self {
        Self { model, weight: Weight::default(), timeout: Self::TIMEOUT, first_token_timeout: None }
    }
}

impl Serialize for Target {
    /// As short as it can be said, so that both ways of writing a target have one canonical form.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if *self == Self::from(self.model.clone()) {
            return self.model.serialize(serializer);
        }
        let Self { model, weight, timeout, first_token_timeout } = self.clone();
        Spelled { model, weight, timeout, first_token_timeout }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Target;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("provider/model, or an object with `model`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Target, E> {
                text.parse().map(|model: Reference| model.into()).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Target, A::Error> {
                let Spelled { model, weight, timeout, first_token_timeout } =
                    Spelled::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Target { model, weight, timeout, first_token_timeout })
            }
        }

        deserializer.deserialize_any(Either)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Target {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Target".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "One place a request can go.",
            "anyOf": [generator.subschema_for::<Reference>(), generator.subschema_for::<Spelled>()],
            "errorMessage": "must be provider/model, or an object with `model`",
        })
    }
}

/// What is tried again at the same target before the next one is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// How often one target is tried in all, 1 to 10; 1 means no second try.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 10)))]
    pub attempts: u32,
    /// Which failures are worth another try at the same target. Others go to the next target at once, if that can
    /// help.
    pub on: Vec<RetryClass>,
    /// The shortest and the longest wait between tries; it doubles from one to the other, and a random share of it
    /// is waited.
    pub backoff: Backoff,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 2,
            on: vec![
                RetryClass::RateLimited,
                RetryClass::Unavailable,
                RetryClass::Timeout,
                RetryClass::Network,
            ],
            backoff: Backoff { min: Period(Duration::from_millis(200)), max: seconds(5) },
        }
    }
}

/// A class of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RetryClass {
    /// The provider says too many requests.
    RateLimited,
    /// The provider is down or overloaded, or its answer cannot be read.
    Unavailable,
    /// The provider did not answer, or not begin to, in time.
    Timeout,
    /// The provider could not be reached or hung up.
    Network,
}

/// When a failing target is left alone for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Breaker {
    /// How many failures within `window` open it; at least 1.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub failures: u32,
    /// How long a failure counts.
    pub window: Period,
    /// How long it stays open.
    pub open: Period,
    /// How many requests at once may try whether the target is back; at least 1.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub probes: u32,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { failures: 5, window: seconds(30), open: seconds(20), probes: 1 }
    }
}

/// Whether answers are kept and given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Cache {
    /// Which requests count as the same.
    pub mode: CacheMode,
    /// How long an answer is kept.
    pub ttl: Period,
}

impl Default for Cache {
    fn default() -> Self {
        Self { mode: CacheMode::Off, ttl: seconds(3_600) }
    }
}

/// Which requests count as the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CacheMode {
    /// None: nothing is kept.
    Off,
    /// Those that say the same.
    Exact,
    /// Those that mean the same.
    Semantic,
}
