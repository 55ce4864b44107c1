//! The cost log: one record a request, where it is kept, and how it is summed.
//!
//! ```text
//! cost/{tenant}/{YYYY-MM-DD}/{unix_ms}-{id}  →  one JSON record a line
//! ```
//!
//! Keys are never written twice: each has a fresh id. Records of one tenant that come in quick succession share a key,
//! so that a busy tenant costs a few writes a second and not one a request ([`Journal`]).

use std::{cell::RefCell, collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize, de::IgnoredAny};
use sluice_types::{
    error::Attempt,
    json::from_bytes,
    money::NanoUsd,
    time::Timestamp,
    usage::{Source, Usage},
};

use crate::{
    cache::Note,
    grounded::Told,
    guardrail::{Verdicts, hook::HookCall},
    routing::explain::Explanation,
};

/// How long records gather before they are written: what a crash of the whole isolate can lose.
pub const GATHER: Duration = Duration::from_millis(100);

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// One request's row. Names follow OpenTelemetry's `gen_ai` conventions where they have one.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// The request's id, as in `sluice-request-id`.
    pub id: String,
    /// When it arrived.
    pub time: Timestamp,
    /// Who pays.
    pub tenant: String,
    /// The virtual key's id.
    pub key: String,
    /// `chat` or `embeddings`.
    #[serde(rename = "gen_ai.operation.name")]
    pub operation: String,
    /// The model the caller named.
    #[serde(rename = "gen_ai.request.model")]
    pub request_model: String,
    /// The provider that answered, or was tried last.
    #[serde(rename = "gen_ai.provider.name")]
    pub provider: Option<String>,
    /// The target that answered, or was tried last.
    pub target: Option<String>,
    /// The model as that provider names it.
    #[serde(rename = "gen_ai.response.model")]
    pub response_model: Option<String>,
    /// What the caller saw.
    pub status: u16,
    /// The error's code, if it failed.
    #[serde(rename = "error.type", skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether the answer was streamed.
    pub stream: bool,
    /// Whether the caller hung up, or the answer broke off, before its end.
    pub partial: bool,
    /// Attempts that failed before.
    pub attempts: Vec<Attempt>,
    /// Tokens counted.
    pub usage: Usage,
    /// What it cost; `None` where the price is unknown.
    pub cost_nano_usd: Option<NanoUsd>,
    /// Which price list.
    pub price_version: String,
    /// From arrival to the last byte, in milliseconds.
    pub duration_ms: u64,
    /// From arrival to the first output, in milliseconds.
    pub first_token_ms: Option<u64>,
    /// The end user, as the caller named them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The caller's tags, as in `sluice-tags`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The arm of a split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arm: Option<String>,
    /// Why it went where it went, if the caller asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<Box<Explanation>>,
    /// The attempt that lost a race against the one that answered; its cost is part of `cost_nano_usd`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raced: Option<Raced>,
    /// The request of which this is a mirrored copy: paid by the operator, and in no sum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow_of: Option<String>,
    /// What the cache had to do with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<Note>,
    /// What guardrails found.
    #[serde(skip_serializing_if = "Verdicts::is_empty")]
    pub guardrails: Verdicts,
    /// The knowledge behind its answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub knowledge: Option<Told>,
    /// Tokens of answers that guardrails refused, so that other targets were asked; their cost is part of `cost_nano_usd`.
    #[serde(skip_serializing_if = "is_zero")]
    pub refused_tokens: u64,
    /// Calls of guardrails somewhere else; what they cost is part of `cost_nano_usd`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<HookCall>,
}

/// An attempt that was cancelled because another was quicker.
#[derive(Clone, Debug, Serialize)]
pub struct Raced {
    /// The target, as `provider/model`.
    pub target: String,
    /// What it may have cost: its input; `None` where the price is unknown.
    pub cost_nano_usd: Option<NanoUsd>,
}

/// What is read back of a [`Record`] to sum it.
#[derive(Debug, Deserialize)]
struct Row {
    #[serde(rename = "error.type")]
    error: Option<String>,
    usage: Usage,
    cost_nano_usd: Option<NanoUsd>,
    #[serde(flatten)]
    beside: Beside,
}

/// What a row tells of attempts beside the one that answered.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Beside {
    /// Those that failed before.
    pub attempts: Vec<IgnoredAny>,
    /// The one that lost a race.
    pub raced: Option<Lost>,
    /// The request of which this is a mirrored copy.
    pub shadow_of: Option<IgnoredAny>,
}

/// What is read back of a [`Raced`].
#[derive(Debug, Deserialize)]
pub struct Lost {
    cost_nano_usd: Option<NanoUsd>,
}

/// What records add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sum {
    /// Records.
    pub requests: u64,
    /// Of these, those that failed.
    pub errors: u64,
    /// Of these, those whose price is unknown: they are not in `cost_nano_usd`.
    pub unpriced: u64,
    /// Of these, those whose tokens were estimated, in whole or in part.
    pub estimated: u64,
    /// All tokens read.
    pub input_tokens: u64,
    /// All tokens written.
    pub output_tokens: u64,
    /// Tokens read from providers' prompt caches; part of `input_tokens`.
    pub cache_read_tokens: u64,
    /// Reasoning; part of `output_tokens`.
    pub reasoning_tokens: u64,
    /// What it cost.
    pub cost_nano_usd: NanoUsd,
    /// Attempts that failed before another answered, or before the request failed for good.
    pub failed_attempts: u64,
    /// Attempts that lost a race; what they cost is part of `cost_nano_usd`.
    pub raced: u64,
    /// What those cost.
    pub raced_cost_nano_usd: NanoUsd,
    /// Mirrored copies. They are in no other number: the operator pays them.
    pub shadows: u64,
    /// What those cost.
    pub shadow_cost_nano_usd: NanoUsd,
}

impl Sum {
    /// The sum of one request.
    pub fn of(failed: bool, usage: &Usage, cost: Option<NanoUsd>) -> Self {
        Self {
            requests: 1,
            errors: u64::from(failed),
            unpriced: u64::from(cost.is_none()),
            estimated: u64::from(usage.source != Source::Provider),
            input_tokens: usage.input(),
            output_tokens: usage.output(),
            cache_read_tokens: usage.cache_read,
            reasoning_tokens: usage.reasoning,
            cost_nano_usd: cost.unwrap_or_default(),
            ..Self::default()
        }
    }

    /// The sum of one record.
    pub fn of_record(record: &Record) -> Self {
        let beside = Beside {
            attempts: vec![IgnoredAny; record.attempts.len()],
            raced: record.raced.as_ref().map(|raced| Lost { cost_nano_usd: raced.cost_nano_usd }),
            shadow_of: record.shadow_of.as_ref().map(|_| IgnoredAny),
        };
        Self::of(record.error.is_some(), &record.usage, record.cost_nano_usd).beside(&beside)
    }

    /// This sum of one row, told what it tells beside.
    #[must_use]
    pub fn beside(self, beside: &Beside) -> Self {
        if beside.shadow_of.is_some() {
            return Self { shadows: 1, shadow_cost_nano_usd: self.cost_nano_usd, ..Self::default() };
        }
        let lost = beside.raced.as_ref();
        Self {
            failed_attempts: beside.attempts.len() as u64,
            raced: u64::from(lost.is_some()),
            raced_cost_nano_usd: lost.and_then(|lost| lost.cost_nano_usd).unwrap_or_default(),
            ..self
        }
    }

    /// This sum and `other`.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let nano = |one: NanoUsd, other: NanoUsd| NanoUsd(one.0.saturating_add(other.0));
        Self {
            requests: self.requests.saturating_add(other.requests),
            errors: self.errors.saturating_add(other.errors),
            unpriced: self.unpriced.saturating_add(other.unpriced),
            estimated: self.estimated.saturating_add(other.estimated),
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            cache_read_tokens: self.cache_read_tokens.saturating_add(other.cache_read_tokens),
            reasoning_tokens: self.reasoning_tokens.saturating_add(other.reasoning_tokens),
            cost_nano_usd: nano(self.cost_nano_usd, other.cost_nano_usd),
            failed_attempts: self.failed_attempts.saturating_add(other.failed_attempts),
            raced: self.raced.saturating_add(other.raced),
            raced_cost_nano_usd: nano(self.raced_cost_nano_usd, other.raced_cost_nano_usd),
            shadows: self.shadows.saturating_add(other.shadows),
            shadow_cost_nano_usd: nano(self.shadow_cost_nano_usd, other.shadow_cost_nano_usd),
        }
    }
}

/// What every key of `tenant` on `date` starts with.
pub fn day_prefix(tenant: &str, date: &str) -> String {
    format!("cost/{tenant}/{date}/")
}

/// When the entry under `key` was written; `None` if this is no key of the log.
pub fn written(key: &str) -> Option<Timestamp> {
    let (at, _) = key.rsplit('/').next()?.split_once('-')?;
    at.parse().ok().map(Timestamp)
}

/// The sum of a stored value's records; lines that cannot be read count as nothing and are told apart by the second
/// number.
pub fn sum_lines(value: &[u8]) -> (Sum, u64) {
    let mut unreadable = 0;
    let sum = value.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).fold(
        Sum::default(),
        |sum, line| match from_bytes::<Row>(line) {
            Ok(row) => {
                sum.plus(Sum::of(row.error.is_some(), &row.usage, row.cost_nano_usd).beside(&row.beside))
            }
            Err(_) => {
                unreadable += 1;
                sum
            }
        },
    );
    (sum, unreadable)
}

/// A value to write: all of one tenant's records of one day that have gathered.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// One record a line.
    pub value: String,
    /// What they add up to, as JSON.
    pub summary: String,
}

/// What to do with a record just added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Nothing: somebody is about to write it.
    None,
    /// Wait so long, then take all that has gathered and write it.
    Write(Duration),
}

/// Records on their way to the store, by group commit: whoever adds the first one writes for all who come within
/// [`GATHER`]. A lone record is written at once.
#[derive(Debug, Default)]
pub struct Journal {
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    gathered: BTreeMap<(String, String), (String, Sum)>,
    /// When the one on duty will have taken what gathered.
    duty_until: Option<Timestamp>,
    last_taken: Timestamp,
}

/// How much longer than agreed the one on duty may take before another steps in: its invocation may have been killed.
const DUTY_LAPSES: Duration = Duration::from_secs(1);

impl Journal {
    /// Adds `record`.
    pub fn add(&self, record: &Record, now: Timestamp) -> Duty {
        let Ok(line) = serde_json::to_string(record) else { return Duty::None };
        let mut state = self.state.borrow_mut();
        let (lines, sum) = state.gathered.entry((record.tenant.clone(), record.time.date())).or_default();
        lines.push_str(&line);
        lines.push('\n');
        *sum = sum.plus(Sum::of_record(record));
        if state.duty_until.is_some_and(|until| now < until.plus(DUTY_LAPSES)) {
            return Duty::None;
        }
        let wait = GATHER.saturating_sub(now.since(state.last_taken));
        state.duty_until = Some(now.plus(wait));
        Duty::Write(wait)
    }

    /// Takes all that has gathered, as entries with fresh ids from `random`.
    pub fn take(&self, now: Timestamp, mut random: impl FnMut() -> u64) -> Vec<Entry> {
        let mut state = self.state.borrow_mut();
        state.duty_until = None;
        state.last_taken = now;
        std::mem::take(&mut state.gathered)
            .into_iter()
            .map(|((tenant, date), (value, sum))| Entry {
                key: format!("{}{:013}-{:016x}", day_prefix(&tenant, &date), now.0, random()),
                value,
                summary: serde_json::to_string(&sum).unwrap_or_default(),
            })
            .collect()
    }
}
