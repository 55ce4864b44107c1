//! Modelled providers: how long they take, when they fail, what they stand.

use std::time::Duration;

use sluice_core::routing::dice::Dice;
use sluice_types::error::{ErrorKind, Failure};

/// A provider.
#[derive(Clone, Debug)]
pub struct Provider {
    /// The median time to its first token, in milliseconds.
    pub median_ms: f64,
    /// How wide that spreads: the standard deviation of its logarithm.
    pub spread: f64,
    /// From one token to the next, in milliseconds.
    pub token_ms: u64,
    /// The share of requests that fail on a good day.
    pub errors: f64,
    /// What it stands in a second.
    pub limit: Option<u32>,
    /// Bad times.
    pub troubles: Vec<Trouble>,
}

/// A bad time of a provider.
#[derive(Clone, Copy, Debug)]
pub struct Trouble {
    /// From when until when, in seconds from the beginning.
    pub seconds: (u64, u64),
    /// What is bad.
    pub kind: Kind,
}

/// What is bad.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// It refuses connections.
    Refuses,
    /// It takes requests and says nothing.
    Stalls,
    /// This share of requests fails after the usual time.
    Errors(f64),
    /// It takes so many times as long.
    Slow(f64),
}

/// What an attempt comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A first token.
    Answered,
    /// No connection.
    Refused,
    /// A 500.
    Failed,
    /// A 429.
    Limited,
    /// Nothing in time.
    TimedOut,
}

impl Outcome {
    /// What the router is told; `None` of an answer.
    pub fn failure(self) -> Option<Failure> {
        let (kind, wait) = match self {
            Self::Answered => return None,
            Self::Refused => (ErrorKind::UpstreamNetwork, None),
            Self::Failed => (ErrorKind::UpstreamUnavailable, None),
            Self::Limited => (ErrorKind::UpstreamRateLimited, Some(Duration::from_secs(1))),
            Self::TimedOut => (ErrorKind::FirstTokenTimeout, None),
        };
        Some(Failure { retry_after: wait, ..Failure::new(kind, "simulated") })
    }
}

impl Provider {
    /// One that has no bad times.
    pub fn well(median_ms: f64, token_ms: u64) -> Self {
        Self { median_ms, spread: 0.35, token_ms, errors: 0.002, limit: None, troubles: Vec::new() }
    }

    /// The same with a bad time.
    #[must_use]
    pub fn with(mut self, seconds: (u64, u64), kind: Kind) -> Self {
        self.troubles.push(Trouble { seconds, kind });
        self
    }

    /// What it answers at `elapsed` milliseconds to the request that is the `busy`th of its second, and after how long.
    pub fn answer(&self, elapsed: u64, busy: u32, dice: &mut Dice) -> (Outcome, Duration) {
        let mut errors = self.errors;
        // A sum of twelve draws is all but normal (central limit), with variance 1.
        let normal: f64 = (0..12).map(|_| dice.draw()).sum::<f64>() - 6.0;
        let mut ms = self.median_ms * (self.spread * normal).exp();
        let now = self
            .troubles
            .iter()
            .filter(|trouble| (trouble.seconds.0 * 1_000..trouble.seconds.1 * 1_000).contains(&elapsed));
        for trouble in now {
            match trouble.kind {
                Kind::Refuses => return (Outcome::Refused, Duration::from_millis(2)),
                Kind::Stalls => return (Outcome::TimedOut, Duration::from_secs(3_600)),
                Kind::Errors(share) => errors = share,
                Kind::Slow(factor) => ms *= factor,
            }
        }
        if self.limit.is_some_and(|limit| limit < busy) {
            return (Outcome::Limited, Duration::from_millis(40));
        }
        let outcome = if dice.draw() < errors { Outcome::Failed } else { Outcome::Answered };
        (outcome, Duration::from_micros((ms * 1_000.0) as u64))
    }
}
