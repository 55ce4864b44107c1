//! What a tenant has used and reserved: one state machine for rate limits and budgets alike.
//!
//! ```text
//!            reserve                    settle
//! (nothing) ─────────→ open ──────────────────────→ (forgotten; what was really used stays counted)
//!                        │ lapses_after
//!                        └────────→ lapsed: its reservation has returned ── settle ──→ (counted after all)
//!                                      │ an hour
//!                                      └──→ (forgotten: a settlement that comes even later counts nothing)
//! ```
//!
//! Decisions only: whoever keeps the meters loads those that a request names, asks, and writes what changed, in one
//! transaction. A reservation carries what it reserved where, so settling needs nothing but its id.

mod meter;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sluice_types::{
    quota::{Amounts, Ask, Reason, Standing, Unit, Verdict},
    time::Timestamp,
};

pub use self::meter::Meter;

/// How long a reservation that lapsed is remembered, in milliseconds: a settlement may come late.
pub const REMEMBERED: u64 = 3_600_000;

/// A reservation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// When it lapses, or is forgotten if it has.
    pub until: u64,
    /// Whether it has lapsed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lapsed: bool,
    /// What it reserved.
    pub parts: Vec<Part>,
}

/// What a reservation holds of one meter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The meter.
    #[serde(rename = "m")]
    pub meter: String,
    /// What it counts.
    #[serde(rename = "u")]
    pub unit: Unit,
    /// How much.
    #[serde(rename = "n")]
    pub amount: u64,
    /// When it was counted, or in which period, as the meter tells it.
    #[serde(rename = "t")]
    pub at: u64,
}

/// The meters and reservations of one tenant, all of them or those at hand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Meters by name; one that counts nothing is left out.
    pub meters: BTreeMap<String, Meter>,
    /// Reservations by the request's id.
    pub holds: BTreeMap<String, Hold>,
}

impl Ledger {
    /// Reserves all that `ask` asks, or nothing.
    ///
    /// An id that is reserved already is granted as it was: asking twice counts once.
    pub fn reserve(&mut self, now: Timestamp, ask: &Ask) -> Verdict {
        self.lapse(now);
        let known = self.holds.contains_key(&ask.id);
        if !known && let Some((rule, reason, retry_after)) = self.refusal(now, ask) {
            let (standings, ..) = self.standings(now, ask);
            return Verdict::Refused { rule, reason, retry_after, standings };
        }
        let mut parts: Vec<Part> = Vec::new();
        for rule in ask.rules.iter().filter(|_| !known) {
            // Two rules may look at one meter, which counts once.
            if parts.iter().any(|part| part.meter == rule.meter) {
                continue;
            }
            let amount = ask.amounts.of(rule.unit);
            let meter = self.meters.entry(rule.meter.clone()).or_insert_with(|| Meter::new(rule.window));
            let at = meter.reserve(now, rule.window, amount);
            parts.push(Part { meter: rule.meter.clone(), unit: rule.unit, amount, at });
        }
        if !known {
            let until = now.0.saturating_add(ask.lapses_after);
            self.holds.insert(ask.id.clone(), Hold { until, lapsed: false, parts });
        }
        let (standings, warnings, first) = self.standings(now, ask);
        Verdict::Granted { standings, warnings, first }
    }

    /// How the rules of `ask` stand, which warnings are due, and which of them have become so by what it reserves.
    fn standings(&self, now: Timestamp, ask: &Ask) -> (Vec<Standing>, Vec<usize>, Vec<usize>) {
        let (mut warnings, mut first) = (Vec::new(), Vec::new());
        let mut standings = Vec::with_capacity(ask.rules.len());
        for (place, rule) in ask.rules.iter().enumerate() {
            let (counted, reset) = self
                .meters
                .get(&rule.meter)
                .map_or((0, None), |meter| (meter.counted(now, rule.window), meter.reset(now, rule.window)));
            if rule.warn.is_some_and(|warn| warn <= counted) || (!rule.hard && rule.limit < counted) {
                warnings.push(place);
                let before = counted.saturating_sub(ask.amounts.of(rule.unit));
                if rule.warn.is_some_and(|warn| before < warn) {
                    first.push(place);
                }
            }
            standings.push(Standing { remaining: rule.limit.saturating_sub(counted), reset });
        }
        (standings, warnings, first)
    }

    /// Why `ask` must be refused, if so. A spent budget weighs most, for waiting does not help it; then the longest
    /// wait.
    fn refusal(&self, now: Timestamp, ask: &Ask) -> Option<(usize, Reason, Option<u64>)> {
        let mut found: Option<(usize, Reason, Option<u64>)> = None;
        let weight = |reason: Reason| match reason {
            Reason::Spent => 3,
            Reason::TooLarge => 2,
            Reason::Reserved | Reason::Rate => 1,
        };
        for (place, rule) in ask.rules.iter().enumerate().filter(|(_, rule)| rule.hard) {
            let amount = ask.amounts.of(rule.unit);
            let fresh = Meter::new(rule.window);
            let meter = self.meters.get(&rule.meter).unwrap_or(&fresh);
            let Some((reason, wait)) = meter.refusal(now, rule.window, rule.limit, amount) else { continue };
            let heavier = found.is_none_or(|(_, other, other_wait)| {
                (weight(other), other_wait.unwrap_or(0)) < (weight(reason), wait.unwrap_or(0))
            });
            if heavier {
                found = Some((place, reason, wait));
            }
        }
        found
    }

    /// Counts what the request `id` really used in place of what it had reserved; `false` if nothing is known of it, or
    /// it has settled before.
    pub fn settle(&mut self, now: Timestamp, id: &str, actual: &Amounts) -> bool {
        self.lapse(now);
        let Some(hold) = self.holds.remove(id) else { return false };
        for part in &hold.parts {
            let held = if hold.lapsed { 0 } else { part.amount };
            if let Some(meter) = self.meters.get_mut(&part.meter) {
                meter.settle(now, part.at, held, part.amount, actual.of(part.unit));
            }
        }
        self.tidy(now);
        true
    }

    /// Returns what has lapsed, and forgets what lapsed long ago.
    pub fn lapse(&mut self, now: Timestamp) {
        let Self { meters, holds } = self;
        holds.retain(|_, hold| {
            if now.0 < hold.until {
                return true;
            }
            if hold.lapsed {
                return false;
            }
            for part in &hold.parts {
                if let Some(meter) = meters.get_mut(&part.meter) {
                    meter.lapse(part.at, part.amount);
                }
            }
            hold.lapsed = true;
            hold.until = now.0.saturating_add(REMEMBERED);
            true
        });
        self.tidy(now);
    }

    /// Drops meters that count nothing any more.
    fn tidy(&mut self, now: Timestamp) {
        self.meters.retain(|_, meter| !meter.is_over(now));
    }
}

#[cfg(test)]
mod tests;
