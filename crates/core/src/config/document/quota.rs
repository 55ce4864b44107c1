//! What may be used: rate limits and budgets, as they stand under `tenants.defaults` and in the records of tenants and
//! keys.

use serde::{Deserialize, Serialize};

use crate::config::{
    number::{Dollars, Share},
    path::{Path, Problem},
    text::Period,
};

/// What may be used. In a record of a tenant or a key, what is written there takes the place of the default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Quotas {
    /// Requests allowed in any minute. Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub requests_per_minute: Option<u64>,
    /// Tokens allowed in any minute, read and written. Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub tokens_per_minute: Option<u64>,
    /// Requests under way at once. Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub concurrent_requests: Option<u64>,
    /// More limits: other windows, for each end user, key or model. All must pass.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rates: Vec<Rate>,
    /// What may be spent. Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// More budgets. All must pass.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<Budget>,
}

/// A limit of requests, tokens or requests at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub requests: Option<u64>,
    /// Tokens, read and written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub tokens: Option<u64>,
    /// Requests at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub concurrent: Option<u64>,
    /// The window of requests and tokens, ending now at any moment. Default: `1m`.
    #[serde(default = "minute")]
    pub per: Period,
    /// Whom it counts for. Default: the tenant, or the key in whose record it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Scope>,
    /// Only requests for these models. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
}

fn minute() -> Period {
    super::seconds(60)
}

/// What may be used in a period: dollars, tokens or requests, one of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd: Option<Dollars>,
    /// Tokens, read and written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
    /// The period, by the calendar in UTC.
    pub per: BudgetPeriod,
    /// Whom it counts for. Default: the tenant, or the key in whose record it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Scope>,
    /// Only requests with this tag: `team=search`, or `team` for every value of it on its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// From which part of it on answers carry a warning, 0 to 1. Default: 0.8.
    #[serde(default = "warn_at", skip_serializing_if = "is_usual")]
    pub warn_at: Share,
    /// Whether it refuses what does not fit; else it only warns. Default: true.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub hard: bool,
    /// The model that answers in the place of the one asked for, once the warning is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub move_to: Option<String>,
}

/// The part of a budget from which answers carry a warning.
const WARN_AT: Share = Share::percent(80);

fn warn_at() -> Share {
    WARN_AT
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it so")]
fn is_yes(value: &bool) -> bool {
    *value
}

fn is_usual(share: &Share) -> bool {
    *share == WARN_AT
}

/// Whom a limit or a budget counts for: each of them on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The tenant as a whole.
    Tenant,
    /// Each key.
    Key,
    /// Each end user; requests that name none count as one user.
    User,
    /// Each model, as callers name it.
    Model,
}

/// A period of a budget, by the calendar in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BudgetPeriod {
    /// A day.
    Day,
    /// A week, from Monday.
    Week,
    /// A month.
    Month,
    /// For ever.
    Total,
}

impl Quotas {
    /// What is wrong with it, `at` being where it stands.
    pub fn problems(&self, at: &Path) -> Vec<Problem> {
        let mut found = Vec::new();
        let mut problem = |path: Path, message: &str| found.push(Problem::new(path, message.to_owned()));
        for (name, limit) in [
            ("requests_per_minute", self.requests_per_minute),
            ("tokens_per_minute", self.tokens_per_minute),
            ("concurrent_requests", self.concurrent_requests),
        ] {
            if limit == Some(0) {
                problem(at.key(name), "must be at least 1; leave it out for no limit");
            }
        }
        for (index, rate) in self.rates.iter().enumerate() {
            let at = at.key("rates").index(index);
            let limits =
                [("requests", rate.requests), ("tokens", rate.tokens), ("concurrent", rate.concurrent)];
            if limits.iter().all(|(_, limit)| limit.is_none()) {
                problem(at.clone(), "must limit `requests`, `tokens` or `concurrent`");
            }
            for (name, _) in limits.into_iter().filter(|(_, limit)| *limit == Some(0)) {
                problem(at.key(name), "must be at least 1; leave it out for no limit");
            }
            if rate.per.0.is_zero() || 86_400_000 < rate.per.0.as_millis() {
                problem(
                    at.key("per"),
                    "must be longer than nothing and at most 24h; longer ones are budgets",
                );
            }
        }
        let one = self.budget.iter().map(|budget| (at.key("budget"), budget));
        let more = self.budgets.iter().enumerate();
        let more = more.map(|(index, budget)| (at.key("budgets").index(index), budget));
        for (at, budget) in one.chain(more) {
            let named = [budget.usd.is_some(), budget.tokens.is_some(), budget.requests.is_some()];
            if named.into_iter().filter(|named| *named).count() != 1 {
                problem(at.clone(), "must have one of `usd`, `tokens` and `requests`");
            }
            if budget.tag.as_deref().is_some_and(|tag| tag.is_empty() || tag.starts_with('=')) {
                problem(at.key("tag"), "must be a tag's name, or name=value");
            }
        }
        found
    }
}
