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
    shared::Known,
    waiting::Waiting,
};
use crate::config::Hedge;

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
    /// Streams among these that have not begun.
    waiting: Waiting,
    /// What all instances share of the breaker, as far as it is known here.
    pub shared: Known,
}

/// An attempt that has leave, until it is told what came of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Going {
    leave: Leave,
    began: Timestamp,
    stream: bool,
    /// Whether it is to find out if the target is back.
    doubtful: bool,
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
        | ErrorKind::AnswerRejected
        | ErrorKind::CacheMiss
        | ErrorKind::StoreUnavailable
        | ErrorKind::Internal => Verdict::Unknown,
    }
}

impl Health {
    /// An attempt is to begin, at a stream or a whole answer: leave for it, unless the breaker says no.
    pub fn enter(&mut self, policy: Option<&Policy>, stream: bool, now: Timestamp) -> Option<Going> {
        let leave = match policy {
            Some(policy) => self.breaker.enter(policy, now)?,
            None => Leave::Usual,
        };
        let doubtful = matches!(leave, Leave::Probe(_)) || self.seems_silent(now);
        self.running = self.running.saturating_add(1);
        if stream {
            self.waiting.begin(now);
        }
        Some(Going { leave, began: now, stream, doubtful })
    }

    /// After how long another target is to join the attempt `going`: as `hedge` says, or when a stream takes longer to begin
    /// than all but a twentieth did of late. One that is to find out if the target is back is joined in any case, a whole answer
    /// too, and once it takes longer than half of the last did: its caller is not to pay for finding out. `None` for never.
    pub fn joined_after(&self, going: &Going, hedge: Option<Hedge>) -> Option<Duration> {
        match hedge {
            Some(Hedge { after: Some(after) }) => Some(after),
            _ if going.doubtful => self.latency.median(going.stream),
            Some(_) if going.stream => self.latency.p95(true),
            _ => None,
        }
    }

    /// The attempt has brought an answer, or the beginning of one.
    pub fn succeeded(&mut self, going: Going, policy: Option<&Policy>, now: Timestamp) {
        self.took(&going, now);
        if going.stream {
            self.waiting.answered(going.began);
        }
        let leave = self.over(going);
        self.breaker.succeeded(leave, policy, now);
    }

    /// The attempt failed.
    pub fn failed(&mut self, going: Going, policy: Option<&Policy>, now: Timestamp, failure: &Failure) {
        let leave = self.over(going);
        match verdict(failure.kind) {
            Verdict::Works => self.breaker.succeeded(leave, policy, now),
            Verdict::Fails => self.breaker.failed(leave, policy, now, failure.retry_after),
            Verdict::Unknown => self.breaker.abandoned(&leave),
        }
    }

    /// The attempt was given up because another target, asked later, was quicker.
    pub fn outrun(&mut self, going: Going, policy: Option<&Policy>, now: Timestamp) {
        // It took so long at least: were the slowest forgotten, ever more would seem to be slow.
        self.took(&going, now);
        let leave = self.over(going);
        self.breaker.outrun(&leave, policy, now);
    }

    /// Nothing came of the attempt that would say anything about the target.
    pub fn abandoned(&mut self, going: Going) {
        let leave = self.over(going);
        self.breaker.abandoned(&leave);
    }

    fn took(&mut self, going: &Going, now: Timestamp) {
        self.latency.add(going.stream, now.since(going.began), now);
    }

    fn over(&mut self, going: Going) -> Leave {
        if going.stream {
            self.waiting.end(going.began);
        }
        going.leave
    }

    /// Whether the target seems to have fallen silent, and is to be left alone for now.
    pub fn is_silent(&self, now: Timestamp) -> bool {
        self.seems_silent(now) && !self.waiting.is_due(now)
    }

    /// Whether streams under way wait for so long that the target seems to have fallen silent. Without enough streams to
    /// tell what is usual there is no telling.
    fn seems_silent(&self, now: Timestamp) -> bool {
        self.waiting.may_be_silent()
            && self.latency.p95(true).is_some_and(|usual| self.waiting.is_silent(usual, now))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::breaker::tests::{POLICY, at};

    #[test]
    fn a_callers_fault_is_no_targets_failure() {
        let policy = Policy { failures: 1, ..POLICY };
        let mut health = Health::default();
        let now = Timestamp(10_000);
        for kind in [ErrorKind::InvalidRequest, ErrorKind::ContentFilter, ErrorKind::Unsupported] {
            let going = health.enter(Some(&policy), true, now).unwrap();
            health.failed(going, Some(&policy), now, &Failure::new(kind, "no"));
            health.left();
            assert_eq!((health.shown(now), health.running), (Shown::Closed, 0));
        }
        let going = health.enter(Some(&policy), true, now).unwrap();
        health.failed(going, Some(&policy), now, &Failure::new(ErrorKind::UpstreamInvalid, "no"));
        assert_eq!(health.enter(Some(&policy), true, now), None);
        assert_eq!(health.running, 1);
    }

    #[test]
    fn who_tries_whether_a_target_is_back_is_joined_after_the_usual_time() {
        let policy = Policy { failures: 1, ..POLICY };
        let mut health = Health::default();
        for (stream, ms) in [(true, 600), (false, 2_000)] {
            for second in 0..20 {
                let going = health.enter(Some(&policy), stream, at(second)).unwrap();
                health.succeeded(going, Some(&policy), at(second).plus(Duration::from_millis(ms)));
            }
        }
        let hedge = |after: Option<u64>| Some(Hedge { after: after.map(Duration::from_millis) });
        let after = |health: &mut Health, stream: bool, hedge: Option<Hedge>| {
            let going = health.enter(Some(&policy), stream, at(100)).unwrap();
            let after = health.joined_after(&going, hedge);
            health.abandoned(going);
            after.map(|after| after.as_millis())
        };
        assert_eq!(after(&mut health, true, None), None);
        assert_eq!(after(&mut health, true, hedge(None)), Some(600));
        assert_eq!(after(&mut health, false, hedge(None)), None, "whole answers take as long as they are");
        assert_eq!(after(&mut health, false, hedge(Some(900))), Some(900));
        let going = health.enter(Some(&policy), true, at(79)).unwrap();
        health.failed(going, Some(&policy), at(80), &Failure::new(ErrorKind::UpstreamNetwork, "no"));
        assert_eq!(health.shown(at(100)), Shown::HalfOpen);
        assert_eq!(after(&mut health, true, None), Some(600));
        assert_eq!(after(&mut health, false, None), Some(2_000));
        assert_eq!(after(&mut health, true, hedge(Some(900))), Some(900));
    }

    #[test]
    fn a_target_falls_silent_by_its_own_measure() {
        let at = |ms: u64| Timestamp(1_000_000 + ms);
        let mut health = Health::default();
        for second in 0..40_u64 {
            let going = health.enter(None, true, at(second * 1_000)).unwrap();
            health.succeeded(going, None, at(second * 1_000 + 600));
        }
        // Whole answers have no usual time: they take as long as they are.
        let mut going: Vec<Going> = (0..3).filter_map(|_| health.enter(None, false, at(50_000))).collect();
        going.extend((0..2).filter_map(|_| health.enter(None, true, at(50_000))));
        assert!(!health.is_silent(at(55_000)));
        going.extend(health.enter(None, true, at(50_000)));
        assert!(!health.is_silent(at(50_599)) && health.is_silent(at(50_600)));
        // Callers who leave, and races that are lost, tell of nothing any more.
        health.abandoned(going.pop().unwrap());
        assert!(!health.is_silent(at(55_000)));
        // Of a target that nobody has asked often enough there is no telling.
        let mut fresh = Health::default();
        (0..9).for_each(|_| _ = fresh.enter(None, true, at(0)));
        assert!(!fresh.is_silent(at(10_000)));
    }
}
