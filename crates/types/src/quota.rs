//! What may be used in a window, and what a request asks to use: the words that limits and budgets share.
//!
//! A [`Rule`] says how much one meter may count; a request brings the rules that hold for it along, so whoever keeps the
//! meters knows nothing of tenants, keys or configurations.

use serde::{Deserialize, Serialize};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Requests.
    Requests,
    /// Tokens, read and written.
    Tokens,
    /// Billionths of a US dollar.
    NanoUsd,
}

/// Over which time it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// What is under way now.
    Now,
    /// The last so many milliseconds, at any moment.
    Last(u64),
    /// A day in UTC.
    Day,
    /// A week in UTC, from Monday.
    Week,
    /// A month in UTC.
    Month,
    /// For ever.
    Total,
}

/// How much one meter may count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// The meter's name. Rules with the same name share one meter; they must have the same unit and window.
    pub meter: String,
    /// What is counted.
    pub unit: Unit,
    /// Over which time.
    pub window: Window,
    /// How much of it is allowed.
    pub limit: u64,
    /// From how much on a request is told so; `None` never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn: Option<u64>,
    /// Whether the limit refuses; else it only warns.
    pub hard: bool,
}

/// An amount of everything that is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amounts {
    /// Requests.
    pub requests: u64,
    /// Tokens.
    pub tokens: u64,
    /// Billionths of a US dollar.
    pub nano_usd: u64,
}

impl Amounts {
    /// The amount counted in `unit`.
    pub fn of(&self, unit: Unit) -> u64 {
        match unit {
            Unit::Requests => self.requests,
            Unit::Tokens => self.tokens,
            Unit::NanoUsd => self.nano_usd,
        }
    }
}

/// What a request asks to use, at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// The request's id, by which it settles.
    pub id: String,
    /// How much, at most.
    pub amounts: Amounts,
    /// For how many milliseconds it is kept for the request if nothing more is heard of it.
    pub lapses_after: u64,
    /// What it must keep within, all of it.
    pub rules: Vec<Rule>,
}

/// How a rule stands after a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// What is left, reservations of others taken off.
    pub remaining: u64,
    /// In how many milliseconds all of it is there again; `None` if never or if nobody can tell.
    pub reset: Option<u64>,
}

/// What becomes of an [`Ask`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is reserved.
    Granted {
        /// How each rule stands now, in the order they were asked in.
        standings: Vec<Standing>,
        /// The rules whose warning is due, by their places.
        warnings: Vec<usize>,
        /// Of these, the ones whose warning was not due before.
        #[serde(default)]
        first: Vec<usize>,
    },
    /// Nothing is reserved.
    Refused {
        /// The rule that refuses, by its place.
        rule: usize,
        /// Why.
        reason: Reason,
        /// After how many milliseconds it would be granted if nobody else asks; `None` if that cannot be told.
        retry_after: Option<u64>,
        /// How each rule stands, in the order they were asked in.
        standings: Vec<Standing>,
    },
}

/// Why an [`Ask`] is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The request alone is more than the rule ever allows.
    TooLarge,
    /// What was used leaves too little of the day, week, month or whole.
    Spent,
    /// What others have reserved leaves too little; some of it will come back.
    Reserved,
    /// Too much in the last so many milliseconds, or under way now.
    Rate,
}
