//! What is known of one target: whether it answers, how soon, and how much it may be asked again.

use std::time::Duration;

use sluice_types::{
    error::{ErrorKind, Failure},
    time::Timestamp,
};

use super::{
    breaker::{Breaker, Leave, Policy, Shown},
    budget::Budget,
    latency::Latency,
};

/// How far back the error rate looks that strategies weigh.
const LOOK_BACK: Duration = Duration::from_secs(60);

/// The least attempts within [`LOOK_BACK`] for the error rate to mean anything.
const ENOUGH: u32 = 10;

/// The health of one target, as one isolate has seen it.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// Whether it is asked at all.
    pub breaker: Breaker,
    /// How soon it answers.
    pub latency: Latency,
    /// How much it may be asked again.
    pub budget: Budget,
    /// Attempts under way.
    pub running: u32,
}

/// What a failed attempt says about its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It works: what failed was the request.
    Works,
    /// It does not.
    Fails,
    /// Nothing.
    Unknown,
}

/// What a failure says about the target.
pub fn verdict(kind: ErrorKind) -> Verdict {
    match kind {
        ErrorKind::UpstreamRateLimited
        | ErrorKind::UpstreamUnavailable
        | ErrorKind::UpstreamNetwork
        | ErrorKind::UpstreamTimeout
        | ErrorKind::FirstTokenTimeout
        | ErrorKind::UpstreamCredentials
        | ErrorKind::UpstreamModelNotFound
        | ErrorKind::UpstreamInvalid
        | ErrorKind::UpstreamTruncated => Verdict::Fails,
        ErrorKind::InvalidRequest | ErrorKind::ContextLengthExceeded | ErrorKind::ContentFilter => {
            Verdict::Works
        }
        ErrorKind::Unsupported
        | ErrorKind::Unauthenticated
        | ErrorKind::Forbidden
        | ErrorKind::NotFound
        | ErrorKind::ModelNotFound
        | ErrorKind::MethodNotAllowed
        | ErrorKind::TooLarge
        | ErrorKind::RequestTimeout
        | ErrorKind::RateLimited
        | ErrorKind::BudgetExceeded
        | ErrorKind::GuardrailDenied
        | ErrorKind::CacheMiss
        | ErrorKind::StoreUnavailable
        | ErrorKind::Internal => Verdict::Unknown,
    }
}

impl Health {
    /// An attempt is to begin: leave for it, unless the breaker says no.
    pub fn enter(&mut self, policy: Option<&Policy>, now: Timestamp) -> Option<Leave> {
        let leave = match policy {
            Some(policy) => self.breaker.enter(policy, now)?,
            None => Leave::Usual,
        };
        self.running = self.running.saturating_add(1);
        Some(leave)
    }

    /// The attempt has brought an answer, or the beginning of one, after `took`.
    pub fn succeeded(&mut self, leave: Leave, policy: Option<&Policy>, now: Timestamp, took: Took) {
        self.breaker.succeeded(leave, policy, now);
        match took {
            Took::FirstToken(span) => self.latency.began(span, now),
            Took::Whole(span) => self.latency.whole.add(span.as_millis() as f64, now),
        }
    }

    /// The attempt failed.
    pub fn failed(&mut self, leave: Leave, policy: Option<&Policy>, now: Timestamp, failure: &Failure) {
        match verdict(failure.kind) {
            Verdict::Works => self.breaker.succeeded(leave, policy, now),
            Verdict::Fails => self.breaker.failed(leave, policy, now, failure.retry_after),
            Verdict::Unknown => self.breaker.abandoned(&leave),
        }
    }

    /// The attempt is over, whatever came of it: its stream has ended, or nobody waits any more.
    pub fn left(&mut self) {
        self.running = self.running.saturating_sub(1);
    }

    /// A stream that had begun has broken off.
    pub fn broke_off(&mut self, policy: Option<&Policy>, now: Timestamp) {
        self.breaker.failed(Leave::Usual, policy, now, None);
    }

    /// The share of attempts that failed lately; `None` where too few were made.
    pub fn error_rate(&self, now: Timestamp) -> Option<f64> {
        let count = self.breaker.count(now, LOOK_BACK);
        (ENOUGH <= count.attempts).then(|| count.rate())
    }

    /// What the breaker shows.
    pub fn shown(&self, now: Timestamp) -> Shown {
        self.breaker.shown(now)
    }
}

/// How long a good attempt took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Took {
    /// Until the first token of a stream.
    FirstToken(Duration),
    /// Until the whole answer was there.
    Whole(Duration),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_fault_is_no_targets_failure() {
        let policy = Policy {
            failures: 1,
            error_rate: 1.0,
            min_requests: 1,
            window: Duration::from_secs(10),
            open: Duration::from_secs(10),
            probes: 1,
        };
        let mut health = Health::default();
        let now = Timestamp(10_000);
        for kind in [ErrorKind::InvalidRequest, ErrorKind::ContentFilter, ErrorKind::Unsupported] {
            let leave = health.enter(Some(&policy), now).unwrap();
            health.failed(leave, Some(&policy), now, &Failure::new(kind, "no"));
            health.left();
            assert_eq!((health.shown(now), health.running), (Shown::Closed, 0));
        }
        let leave = health.enter(Some(&policy), now).unwrap();
        health.failed(leave, Some(&policy), now, &Failure::new(ErrorKind::UpstreamInvalid, "no"));
        assert_eq!(health.enter(Some(&policy), now), None);
        assert_eq!(health.running, 1);
    }
}
