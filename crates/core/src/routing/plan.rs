//! The walk of one request over the targets that were chosen for it.
//!
//! ```text
//! start ──► Try(first) ──failed──► Try(same, after a delay) | Try(next) | Fail
//!                 └────committed: no more steps are asked for
//! ```
//!
//! No step begins after the request's deadline, and none is asked for after commit.

use std::time::Duration;

use sluice_types::error::{ErrorKind, Failure, Retry};

use crate::config::Target;

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send the request to this target (its place in the model's list) after waiting `delay`.
    Try {
        /// Its place in the model's list of targets.
        target: usize,
        /// How long to wait first.
        delay: Duration,
        /// Whether it is the first try there, for which no retry need be left.
        first: bool,
    },
    /// Give up and answer with the last failure.
    Fail,
}

/// What holds when an attempt has failed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Situation {
    /// A fresh draw from `0.0..1.0`.
    pub jitter: f64,
    /// What is left until the request's deadline; `None` without one.
    pub left: Option<Duration>,
    /// Whether the target may be asked a second time by its retry budget.
    pub may_retry: bool,
}

/// The walk of one request over a model's targets.
#[derive(Debug)]
pub struct Plan<'a> {
    targets: &'a [Target],
    order: Vec<usize>,
    place: usize,
    tries: u32,
    /// Tries at this target with another key than the first.
    other_keys: usize,
    /// The largest window that was too small.
    too_small: Option<u32>,
}

impl<'a> Plan<'a> {
    /// A walk over `targets` in `order`.
    pub fn new(targets: &'a [Target], order: Vec<usize>) -> Self {
        Self { targets, order, place: 0, tries: 0, other_keys: 0, too_small: None }
    }

    /// The first step.
    pub fn start(&mut self) -> Step {
        self.current(Duration::ZERO)
    }

    /// The step after the last attempt failed.
    ///
    /// A target that says it is busy, or says nothing, is left at once while another is there; the last one is asked again,
    /// after the time it names if that is within the backoff's upper bound. Another key of the same provider comes before either.
    pub fn failed(&mut self, failure: &Failure, situation: Situation) -> Step {
        if situation.left.is_some_and(|left| left.is_zero()) {
            return Step::Fail;
        }
        let kind = failure.kind;
        let Some(target) = self.target() else { return Step::Fail };
        let more = self.place + 1 < self.order.len();
        if kind == ErrorKind::ContextLengthExceeded {
            self.too_small = self.too_small.max(target.context_window());
        }
        if failure.other_key && self.other_keys < target.more_keys() {
            self.other_keys += 1;
            return self.current(Duration::ZERO);
        }
        let tries = self.tries.saturating_sub(u32::try_from(self.other_keys).unwrap_or(u32::MAX));
        let again = tries < target.retry.attempts && target.retry.covers(kind) && situation.may_retry;
        let shown_on = kind == ErrorKind::ContentFilter && target.retry.content_filter;
        match kind.retry() {
            Retry::Never if shown_on => self.advance(),
            Retry::Never => Step::Fail,
            Retry::SameTarget if again && !(more && leave_at_once(kind)) => {
                let delay = self.backoff(tries, failure.retry_after, situation.jitter);
                // A wait that ends after the deadline is not begun.
                match delay.filter(|delay| situation.left.is_none_or(|left| *delay < left)) {
                    Some(delay) => self.current(delay),
                    None => self.advance(),
                }
            }
            Retry::SameTarget | Retry::NextTarget => self.advance(),
        }
    }

    /// The target of the last step may not be asked now after all.
    pub fn passed_over(&mut self) -> Step {
        self.advance()
    }

    /// The target after the last step's; `None` if there is none.
    pub fn peek(&self) -> Option<usize> {
        self.order.get(self.place + 1).copied()
    }

    /// The target after the last step's, to race against it; `None` if there is none. The walk goes on behind it.
    pub fn race(&mut self) -> Option<usize> {
        let next = self.peek()?;
        self.place += 1;
        (self.tries, self.other_keys) = (1, 0);
        Some(next)
    }

    fn target(&self) -> Option<&'a Target> {
        self.targets.get(*self.order.get(self.place)?)
    }

    fn current(&mut self, delay: Duration) -> Step {
        let Some(&target) = self.order.get(self.place) else { return Step::Fail };
        self.tries += 1;
        Step::Try { target, delay, first: self.tries == 1 }
    }

    /// On to the next target; past those whose window is no larger than one that was too small.
    fn advance(&mut self) -> Step {
        loop {
            self.place += 1;
            (self.tries, self.other_keys) = (0, 0);
            if self.place >= self.order.len() {
                return Step::Fail;
            }
            let window = self.target().and_then(Target::context_window);
            let no_larger = self.too_small.zip(window).is_some_and(|(failed, next)| next <= failed);
            if !no_larger {
                return self.current(Duration::ZERO);
            }
        }
    }

    /// How long to wait before trying the same target again: full jitter below an exponentially rising bound, and no
    /// less than the provider asks; `None` if it asks for longer than the upper bound.
    fn backoff(&self, tries: u32, retry_after: Option<Duration>, jitter: f64) -> Option<Duration> {
        let (least, most) = self.target()?.retry.backoff;
        let bound = least.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(most);
        let drawn = bound.mul_f64(jitter.clamp(0.0, 1.0));
        match retry_after {
            Some(asked) if most < asked => None,
            Some(asked) => Some(drawn.max(asked)),
            None => Some(drawn),
        }
    }
}

/// Failures after which another target, where there is one, is the better bet: it is busy, or the wait was long already.
fn leave_at_once(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::UpstreamRateLimited | ErrorKind::UpstreamTimeout | ErrorKind::FirstTokenTimeout)
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use proptest::prelude::*;

    use super::*;
    use crate::config::{Config, Model};

    fn model(retry: &str) -> Rc<Model> {
        let json = format!(
            r#"{{"providers": {{"k": {{"format": "openai_chat", "base_url": "http://k", "api_keys": ["$A", "$B", "$C"]}}}},
                 "models": {{"x": {{"targets": ["k/m", "openai/gpt-4o-mini", "openai/gpt-4.1", "groq/m"], "retry": {retry}}}}}}}"#
        );
        Config::from_json(json.as_bytes()).unwrap().model("x").unwrap()
    }

    const FREE: Situation = Situation { jitter: 0.5, left: None, may_retry: true };

    fn place(step: Step) -> Option<usize> {
        match step {
            Step::Try { target, .. } => Some(target),
            Step::Fail => None,
        }
    }

    fn fail(plan: &mut Plan<'_>, kind: ErrorKind) -> Option<usize> {
        place(plan.failed(&Failure::new(kind, "no"), FREE))
    }

    #[test]
    fn a_target_is_tried_again_then_the_next() {
        let model = model(r#"{"attempts": 2, "backoff": "100ms..1s"}"#);
        let mut plan = Plan::new(&model.targets, vec![0, 3]);
        assert_eq!(plan.start(), Step::Try { target: 0, delay: Duration::ZERO, first: true });
        let again = plan.failed(&Failure::new(ErrorKind::UpstreamUnavailable, "no"), FREE);
        assert_eq!(again, Step::Try { target: 0, delay: Duration::from_millis(50), first: false });
        assert_eq!(fail(&mut plan, ErrorKind::UpstreamUnavailable), Some(3));
        let mut plan = Plan::new(&model.targets, vec![0, 3]);
        plan.start();
        assert_eq!(fail(&mut plan, ErrorKind::FirstTokenTimeout), Some(3), "once is long enough");
        assert_eq!(
            fail(&mut plan, ErrorKind::FirstTokenTimeout),
            Some(3),
            "but the last one gets another try"
        );
        let mut plan = Plan::new(&model.targets, vec![0, 3]);
        plan.start();
        (0..2).for_each(|_| _ = fail(&mut plan, ErrorKind::UpstreamUnavailable));
        // Nobody may ask a second time where the budget is spent.
        let spent = Situation { may_retry: false, ..FREE };
        assert_eq!(plan.failed(&Failure::new(ErrorKind::UpstreamUnavailable, "no"), spent), Step::Fail);
    }

    #[test]
    fn a_prompt_that_is_too_long_goes_to_larger_windows_only() {
        let model = model(r#"{"attempts": 1}"#);
        let window = |at: usize| model.targets[at].context_window();
        assert!(window(1) < window(2) && window(0).is_none());
        let mut plan = Plan::new(&model.targets, vec![2, 1, 3]);
        plan.start();
        assert_eq!(fail(&mut plan, ErrorKind::ContextLengthExceeded), Some(3));
        let mut plan = Plan::new(&model.targets, vec![1, 2]);
        plan.start();
        assert_eq!(fail(&mut plan, ErrorKind::ContextLengthExceeded), Some(2));
        assert_eq!(fail(&mut plan, ErrorKind::ContextLengthExceeded), None);
    }

    #[test]
    fn a_filter_is_final_unless_the_operator_says_otherwise() {
        for (retry, next) in [("{}", None), (r#"{"content_filter": true}"#, Some(1))] {
            let model = model(retry);
            let mut plan = Plan::new(&model.targets, vec![0, 1]);
            plan.start();
            assert_eq!(fail(&mut plan, ErrorKind::ContentFilter), next);
        }
    }

    #[test]
    fn other_keys_come_before_other_targets_and_take_no_tries() {
        let model = model(r#"{"attempts": 1}"#);
        let mut plan = Plan::new(&model.targets, vec![0, 1]);
        plan.start();
        let other = Situation { may_retry: false, ..FREE };
        let limited =
            Failure { other_key: true, ..Failure::new(ErrorKind::UpstreamRateLimited, "slow down") };
        assert_eq!(
            plan.failed(&limited, other),
            Step::Try { target: 0, delay: Duration::ZERO, first: false }
        );
        let refused = Failure { other_key: true, ..Failure::new(ErrorKind::UpstreamCredentials, "no") };
        assert_eq!(place(plan.failed(&refused, other)), Some(0));
        // Three keys: there is no fourth try.
        assert_eq!(place(plan.failed(&refused, other)), Some(1));
    }

    #[test]
    fn a_race_goes_on_behind_the_one_that_joined() {
        let model = model("{}");
        let mut plan = Plan::new(&model.targets, vec![0, 1, 3]);
        plan.start();
        assert_eq!((plan.peek(), plan.race()), (Some(1), Some(1)));
        assert_eq!(fail(&mut plan, ErrorKind::UpstreamModelNotFound), Some(3));
        assert_eq!(plan.race(), None);
    }

    const KINDS: [ErrorKind; 9] = [
        ErrorKind::UpstreamRateLimited,
        ErrorKind::UpstreamUnavailable,
        ErrorKind::UpstreamNetwork,
        ErrorKind::UpstreamTimeout,
        ErrorKind::UpstreamCredentials,
        ErrorKind::ContextLengthExceeded,
        ErrorKind::ContentFilter,
        ErrorKind::InvalidRequest,
        ErrorKind::UpstreamTruncated,
    ];

    proptest! {
        /// Whatever fails in whatever way: no try begins after the deadline, each target is tried no more often than it
        /// may be, and the walk ends.
        #[test]
        fn a_walk_ends_in_time(
            failures in proptest::collection::vec(
                (0..KINDS.len(), 0.0..1.0_f64, proptest::option::of(0..9_000_u64), 0..3_000_u64, any::<bool>(), any::<bool>()),
                0..60,
            ),
            attempts in 1..5_u32,
            deadline in 1..20_000_u64,
        ) {
            let model = model(&format!(r#"{{"attempts": {attempts}, "backoff": "100ms..5s", "content_filter": true}}"#));
            let mut plan = Plan::new(&model.targets, vec![0, 1, 2, 3]);
            let mut now = 0;
            let mut tries = [0_u32; 4];
            let mut step = plan.start();
            let mut failures = failures.into_iter();
            while let Step::Try { target, delay, first } = step {
                now += u64::try_from(delay.as_millis()).unwrap();
                prop_assert!(now < deadline, "a try begins after the deadline");
                prop_assert_eq!(first, tries[target] == 0);
                tries[target] += 1;
                let Some((kind, jitter, wait, took, may_retry, other_key)) = failures.next() else { break };
                now += took;
                let failure = Failure {
                    retry_after: wait.map(Duration::from_millis),
                    other_key,
                    ..Failure::new(KINDS[kind], "no")
                };
                let left = Some(Duration::from_millis(deadline.saturating_sub(now)));
                step = plan.failed(&failure, Situation { jitter, left, may_retry });
            }
            for (at, tries) in tries.iter().enumerate() {
                let keys = u32::try_from(model.targets[at].more_keys()).unwrap();
                prop_assert!(*tries <= attempts + keys);
            }
        }
    }
}
