//! Which target to try next, and when. A decision over plain values: time and dice come in as arguments.
//!
//! ```text
//! start ──► Try(first) ──failed──► Try(same, after a delay) | Try(next) | Fail
//!                 └────committed: no more steps are asked for
//! ```
//!
//! Strategies decide the order in which a plan walks its targets, and nothing else; so a new strategy is a new way to
//! make an order, and breaker state filters the order before the plan is made.

use std::time::Duration;

use sluice_types::error::{ErrorKind, Failure, Retry};

use crate::config::{RetryPolicy, Target};

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send the request to this target (its place in the model's list) after waiting `delay`.
    Try {
        /// Its place in the model's list of targets.
        target: usize,
        /// How long to wait first.
        delay: Duration,
    },
    /// Give up and answer with the last failure.
    Fail,
}

/// The walk of one request over a model's targets.
#[derive(Debug)]
pub struct Plan<'a> {
    targets: &'a [Target],
    order: Vec<usize>,
    place: usize,
    tries: u32,
    retry: &'a RetryPolicy,
}

impl<'a> Plan<'a> {
    /// A walk over `targets` in `order`.
    pub fn new(targets: &'a [Target], order: Vec<usize>, retry: &'a RetryPolicy) -> Self {
        Self { targets, order, place: 0, tries: 0, retry }
    }

    /// The first step.
    pub fn start(&mut self) -> Step {
        self.current(Duration::ZERO)
    }

    /// The step after the last attempt failed, `jitter` being a fresh draw from `0.0..1.0`.
    ///
    /// A target that says it is busy is left at once while another is there; the last one is asked again after the
    /// time it names, if that is within the backoff's upper bound.
    pub fn failed(&mut self, failure: &Failure, jitter: f64) -> Step {
        let Some(&failed) = self.order.get(self.place) else { return Step::Fail };
        let more = self.place + 1 < self.order.len();
        let again = self.tries < self.retry.attempts && self.retry.covers(failure.kind);
        match failure.kind.retry() {
            Retry::Never => Step::Fail,
            Retry::SameTarget if again && !(more && failure.kind == ErrorKind::UpstreamRateLimited) => {
                match self.backoff(failure.retry_after, jitter) {
                    Some(delay) => self.current(delay),
                    None => self.advance(failure.kind, failed),
                }
            }
            Retry::SameTarget | Retry::NextTarget => self.advance(failure.kind, failed),
        }
    }

    fn current(&mut self, delay: Duration) -> Step {
        let Some(&target) = self.order.get(self.place) else { return Step::Fail };
        self.tries += 1;
        Step::Try { target, delay }
    }

    /// On to the next target; past those whose window is no larger when the prompt was too long.
    fn advance(&mut self, kind: ErrorKind, failed: usize) -> Step {
        let window = |at: usize| self.targets.get(at).and_then(Target::context_window);
        loop {
            self.place += 1;
            self.tries = 0;
            let Some(&next) = self.order.get(self.place) else { return Step::Fail };
            let no_larger = match (window(failed), window(next)) {
                (Some(failed), Some(next)) => next <= failed,
                _ => false,
            };
            if kind == ErrorKind::ContextLengthExceeded && no_larger {
                continue;
            }
            return self.current(Duration::ZERO);
        }
    }

    /// How long to wait before trying the same target again: full jitter below an exponentially rising bound, and no
    /// less than the provider asks; `None` if it asks for longer than the upper bound.
    fn backoff(&self, retry_after: Option<Duration>, jitter: f64) -> Option<Duration> {
        let (least, most) = self.retry.backoff;
        let bound = least.saturating_mul(1 << self.tries.saturating_sub(1).min(16)).min(most);
        let drawn = bound.mul_f64(jitter.clamp(0.0, 1.0));
        match retry_after {
            Some(asked) if most < asked => None,
            Some(asked) => Some(drawn.max(asked)),
            None => Some(drawn),
        }
    }
}
