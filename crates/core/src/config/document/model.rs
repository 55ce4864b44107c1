//! `models`: the names callers send, and what answers to them.

use std::{fmt, time::Duration};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::{OneOrMore, Rule, is_default, provider::Prices, seconds};
use crate::config::{
    number::{Ratio, Share, Weight},
    text::{Backoff, Period, TargetName},
};
use crate::grounded::wish::OnError;

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
    /// What keeps a conversation at one target (`load_balance`) or in one arm (`split`): the first of these that the
    /// request has. Default: `[session, user, prompt]` for `load_balance`, `[user, session]` for `split`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity: Option<OneOrMore<Affinity>>,
    /// The least `quality` of a target under `least_cost` and `score`. Default: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_quality: Option<Share>,
    /// How much each thing weighs under `score`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub score: Score,
    /// How long all attempts together may take until an answer is there, or a stream has begun. Default: no limit but
    /// the targets' own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Period>,
    /// What is tried again at the same target before the next one is asked.
    #[serde(default, skip_serializing_if = "is_default")]
    pub retry: Retry,
    /// When a failing target is left alone for a while. Default: with its defaults where there are several targets, else
    /// not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker: Option<Breaker>,
    /// Whether a target that is slow to begin is raced against the next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hedge: Option<Hedge>,
    /// Where copies of requests go after their answer, for comparison.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Mirror>,
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
    /// The stores that its answers rest on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub knowledge: Option<Knowledge>,
}

/// Stores that a model's answers rest on: each tenant's own of these ids or names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Knowledge {
    /// Ids (`vs_…`) or names; 1 to 8.
    pub stores: Vec<String>,
    /// The most passages a question is given, 1 to 50. Default: 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<u32>,
    /// The least score of a passage, 0 to 1. Default: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score_threshold: Option<Share>,
    /// What is done where the search fails: `refuse` the request, or `answer` without passages. Default: `refuse`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_error: OnError,
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
    /// The one whose examples the prompt is like, else the last.
    Semantic,
    /// The weakest that is up to the prompt, by a local score of how hard it is.
    Complexity,
    /// By weight, the same user or session always in the same arm; records tell which.
    Split,
}

/// What keeps a conversation at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Affinity {
    /// The header `sluice-session`.
    Session,
    /// The end user.
    User,
    /// How the conversation begins: instructions and the first prompt.
    Prompt,
    /// Nothing.
    None,
}

/// How much each thing weighs under `score`, relative to the others.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Score {
    /// What the request costs there, by estimate.
    pub cost: Weight,
    /// How long it takes there, as seen of late.
    pub latency: Weight,
    /// The target's `quality`.
    pub quality: Weight,
    /// The share of requests that failed there of late.
    pub errors: Weight,
}

impl Default for Score {
    fn default() -> Self {
        let one = Weight::default();
        Self { cost: one, latency: one, quality: one, errors: one }
    }
}

/// Whether a target that is slow to begin is raced against the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Hedge {
    /// How long the first target may take before the second is asked as well. Default: the time within which 95 % of its
    /// last hundred streams began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Period>,
}

/// Where copies of requests go after their answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Mirror {
    /// Where.
    pub target: TargetName,
    /// How many of a hundred requests are copied, 0 to 100. Default: 100.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    #[cfg_attr(feature = "schema", schemars(range(max = 100)))]
    pub percent: u8,
}

fn all() -> u8 {
    100
}

fn is_all(percent: &u8) -> bool {
    *percent == all()
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
            Self::Complexity => "complexity",
            Self::Split => "split",
        }
    }
}

/// One place a request can go: `provider/model` or the name of another model, or an object with that as `model`.
#[derive(Clone, Debug, PartialEq)]
pub struct Target(pub Spelled);

/// A target written as an object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "TargetObject"))]
#[serde(deny_unknown_fields)]
pub struct Spelled {
    /// Provider and model, as `provider/model`, or the name of another model.
    pub model: TargetName,
    /// Share of traffic relative to the other targets, under `load_balance` and `split`. Default: 1.
    #[serde(default, skip_serializing_if = "is_default")]
    pub weight: Weight,
    /// How good its answers are, from 0 to 1, as the operator judges. Default: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Share>,
    /// Which requests it is for, under `conditional`. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Rule>,
    /// The hardest prompt it is for, from 0 to 1, under `complexity`. Default: even steps, the last target being for
    /// all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_complexity: Option<Share>,
    /// Prompts that are for it, under `semantic`. The last target needs none: what is like no example goes there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
    /// What records call it, under `split`. Default: `model`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arm: Option<String>,
    /// How long one try may take, from the request to the last byte. Default: 10m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Period>,
    /// How long a streamed try may take until the provider's headers. Default: as long as `first_token_timeout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers_timeout: Option<Period>,
    /// How long a streamed try may take until its first token. Default: as long as `timeout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token_timeout: Option<Period>,
    /// How long a stream may stay silent between two tokens. Default: as long as `timeout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<Period>,
}

impl Target {
    /// `timeout` unless another is given.
    pub const TIMEOUT: Period = Period(Duration::from_secs(600));
}

impl From<TargetName> for Target {
    fn from(model: TargetName) -> Self {
        Self(Spelled {
            model,
            weight: Weight::default(),
            quality: None,
            when: None,
            max_complexity: None,
            examples: Vec::new(),
            arm: None,
            timeout: None,
            headers_timeout: None,
            first_token_timeout: None,
            idle_timeout: None,
        })
    }
}

impl Serialize for Target {
    /// As short as it can be said, so that both ways of writing a target have one canonical form.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if *self == Self::from(self.0.model.clone()) {
            return self.0.model.serialize(serializer);
        }
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Target;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("provider/model, the name of another model, or an object with `model`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Target, E> {
                text.parse().map(|model: TargetName| model.into()).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Target, A::Error> {
                let mut spelled = Spelled::deserialize(MapAccessDeserializer::new(map))?;
                // What would be so anyway is the same as what is not said.
                spelled.timeout = spelled.timeout.filter(|timeout| *timeout != Target::TIMEOUT);
                Ok(Target(spelled))
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
            "anyOf": [generator.subschema_for::<TargetName>(), generator.subschema_for::<Spelled>()],
            "errorMessage": "must be provider/model, the name of another model, or an object with `model`",
        })
    }
}

/// What is tried again at the same target before the next one is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// is waited. A target that asks for a longer wait than the longest is not asked again.
    pub backoff: Backoff,
    /// How many second tries a target may get for each first one, from 0 to 10; ten in ten seconds are always free. So
    /// retries cannot double an outage.
    pub budget: Ratio,
    /// Whether a prompt that one provider's filter refuses is shown to the next. Default: false.
    #[serde(skip_serializing_if = "is_default")]
    pub content_filter: bool,
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
            budget: Ratio::percent(20),
            content_filter: false,
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
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Breaker {
    /// Whether it is at all.
    #[serde(skip_serializing_if = "is_true")]
    pub enabled: bool,
    /// How many failures in a row open it; at least 1.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub failures: u32,
    /// The share of failures within `window` that opens it.
    pub error_rate: Share,
    /// The least requests within `window` for `error_rate` to count; at least 1.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub min_requests: u32,
    /// How far back failures count, at most 5m.
    pub window: Period,
    /// How long it stays open; each time it opens again soon, twice as long, up to 16 times.
    pub open: Period,
    /// How many requests at once may try whether the target is back, and how many must succeed; at least 1.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub probes: u32,
    /// Whether all instances share it: one call to a counter object for each failure, and before each probe.
    #[serde(skip_serializing_if = "is_false")]
    pub shared: bool,
}

fn is_false(value: &bool) -> bool {
    !*value
}

fn is_true(value: &bool) -> bool {
    *value
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            enabled: true,
            failures: 5,
            error_rate: Share::percent(25),
            min_requests: 20,
            window: seconds(30),
            open: seconds(20),
            probes: 1,
            shared: false,
        }
    }
}

/// Whether answers are kept and given again.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Cache {
    /// Which requests count as the same.
    pub mode: CacheMode,
    /// How long an answer is good; at most 30 days. Default: 1 hour.
    pub ttl: Period,
    /// How long after that it may still be given, while a fresh one is fetched. Default: not at all.
    pub stale: Period,
    /// Who shares answers. Default: the tenant.
    pub scope: CacheScope,
    /// Whether requests with tools are cached, and answers that call them. Default: false.
    pub tools: bool,
    /// The highest temperature at which answers are cached. Default: 1.
    pub max_temperature: Ratio,
    /// The tolerated share of wrong hits under `semantic`, from 0 to 1. Default: 0.01.
    #[serde(skip_serializing_if = "is_usual_risk")]
    pub max_wrong: Share,
    /// The share of hits under `semantic` whose question is also asked afresh, after the answer, to see whether it was right,
    /// from 0 to 1. Default: 0.
    #[serde(skip_serializing_if = "is_default")]
    pub check: Share,
}

/// One hit of a hundred.
const USUAL_RISK: Share = Share::percent(1);

fn is_usual_risk(risk: &Share) -> bool {
    *risk == USUAL_RISK
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            mode: CacheMode::Off,
            ttl: seconds(3_600),
            stale: seconds(0),
            scope: CacheScope::Tenant,
            tools: false,
            max_temperature: Ratio::percent(100),
            max_wrong: USUAL_RISK,
            check: Share::percent(0),
        }
    }
}

/// Who shares cached answers, the widest first. Publishable keys never share with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CacheScope {
    /// All keys of a tenant.
    Tenant,
    /// All requests with one key.
    Key,
    /// All requests of one end user; those that name none are not cached.
    User,
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
