//! When a failing target is left alone, and how it comes back.
//!
//! ```text
//!            too many failures, or `retry-after`
//!   closed ───────────────────────────────────────► open ──its time is over──► half-open
//!      ▲                                              ▲                         │     │
//!      └──────────── as many good probes as allowed ──┼─────────────────────────┘     │
//!                                                     └────── a failed probe ─────────┘
//! ```
//!
//! Each time it opens again without a quiet while in between it stays open twice as long, up to 16 times.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sluice_types::time::Timestamp;

use super::window::{Count, Window};

/// How long a probe may take until its place is given to another: its invocation may have been killed.
const LEASE: Duration = Duration::from_secs(120);

/// The longest `retry-after` that is believed.
pub const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// The most that the time it stays open is multiplied by, as a power of two.
const MOST_DOUBLED: u32 = 4;

/// How many times its (first) open time a target must have been closed for its past to be forgotten.
const QUIET: u32 = 10;

/// When a breaker opens and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Failures in a row that open it.
    pub failures: u32,
    /// The share of failures within `window` that opens it.
    pub error_rate: f64,
    /// The least attempts within `window` for `error_rate` to mean anything.
    pub min_requests: u32,
    /// How far back failures count.
    pub window: Duration,
    /// How long it stays open the first time.
    pub open: Duration,
    /// How many attempts at once may try whether the target is back, and how many must have been good for it to be.
    pub probes: u32,
    /// Whether all instances share it, see [`shared`](super::shared).
    pub shared: bool,
}

/// What a breaker shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// All is well.
    Closed,
    /// The target is left alone until then.
    Open(Timestamp),
    /// The target is tried by a few.
    HalfOpen,
}

impl Shown {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open(_) => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// Leave to make one attempt; to be given back with what came of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Leave {
    /// An attempt like any other.
    Usual,
    /// One of the few that try whether the target is back, by its number.
    Probe(u64),
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
enum State {
    #[default]
    Closed,
    Open {
        until: Timestamp,
    },
    HalfOpen {
        /// Probes under way: number and when they began.
        running: Vec<(u64, Timestamp)>,
        good: u32,
    },
}

/// The breaker of one target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Breaker {
    state: State,
    window: Window,
    in_a_row: u32,
    /// How often it has opened without a quiet while between.
    opened: u32,
    /// When it last closed.
    closed_at: Timestamp,
    probes_begun: u64,
}

impl Breaker {
    /// What it shows at `now`.
    pub fn shown(&self, now: Timestamp) -> Shown {
        match &self.state {
            State::Closed => Shown::Closed,
            State::Open { until } if now < *until => Shown::Open(*until),
            State::Open { .. } | State::HalfOpen { .. } => Shown::HalfOpen,
        }
    }

    /// Whether [`Breaker::enter`] would give leave.
    pub fn admits(&self, policy: &Policy, now: Timestamp) -> bool {
        match &self.state {
            State::Closed => true,
            State::Open { until } => *until <= now,
            State::HalfOpen { running, .. } => {
                let held = running.iter().filter(|(_, began)| now.since(*began) < LEASE).count();
                held < policy.probes as usize
            }
        }
    }

    /// Asks for leave to make an attempt.
    pub fn enter(&mut self, policy: &Policy, now: Timestamp) -> Option<Leave> {
        if !self.admits(policy, now) {
            return None;
        }
        if matches!(self.state, State::Open { .. }) {
            self.state = State::HalfOpen { running: Vec::new(), good: 0 };
        }
        let State::HalfOpen { running, .. } = &mut self.state else { return Some(Leave::Usual) };
        running.retain(|(_, began)| now.since(*began) < LEASE);
        self.probes_begun = self.probes_begun.wrapping_add(1);
        running.push((self.probes_begun, now));
        Some(Leave::Probe(self.probes_begun))
    }

    /// The attempt reached a target that works. Without a policy the breaker only counts.
    pub fn succeeded(&mut self, leave: Leave, policy: Option<&Policy>, now: Timestamp) {
        self.window.add(now, false);
        self.in_a_row = 0;
        // What began before it opened says nothing about now.
        if !self.give_back(&leave) {
            return;
        }
        let State::HalfOpen { good, .. } = &mut self.state else { return };
        *good = good.saturating_add(1);
        if policy.is_none_or(|policy| policy.probes <= *good) {
            self.state = State::Closed;
            self.closed_at = now;
            self.window.clear();
        }
    }

    /// The attempt failed by the target's fault; `wait` is the time it asks to be left alone.
    pub fn failed(&mut self, leave: Leave, policy: Option<&Policy>, now: Timestamp, wait: Option<Duration>) {
        self.window.add(now, true);
        self.in_a_row = self.in_a_row.saturating_add(1);
        let probe = self.give_back(&leave);
        let Some(policy) = policy else { return };
        if let Some(wait) = wait.filter(|wait| !wait.is_zero()) {
            return self.rest(now.plus(wait.min(LONGEST_WAIT)));
        }
        match self.state {
            State::HalfOpen { .. } if probe => self.open(policy, now),
            State::Closed if self.too_many(policy, now) => self.open(policy, now),
            State::Closed | State::Open { .. } | State::HalfOpen { .. } => {}
        }
    }

    /// The attempt was given up because another target, asked later, was quicker: a failure in a row like any other, but
    /// none of the error rate, since races are lost on good days too.
    pub fn outrun(&mut self, leave: &Leave, policy: Option<&Policy>, now: Timestamp) {
        self.in_a_row = self.in_a_row.saturating_add(1);
        let probe = self.give_back(leave);
        let Some(policy) = policy else { return };
        match self.state {
            State::HalfOpen { .. } if probe => self.open(policy, now),
            State::Closed if policy.failures <= self.in_a_row => self.open(policy, now),
            State::Closed | State::Open { .. } | State::HalfOpen { .. } => {}
        }
    }

    /// Nothing came of the attempt that would say anything about the target.
    pub fn abandoned(&mut self, leave: &Leave) {
        self.give_back(leave);
    }

    /// Attempts elsewhere were good, `count` of them since they were last told of.
    pub fn credit(&mut self, count: u32, now: Timestamp) {
        if 0 < count {
            self.window.add_all(now, count, 0);
            self.in_a_row = 0;
        }
    }

    /// Failures so far are no row any more: the last one is too long ago.
    pub fn break_row(&mut self) {
        self.in_a_row = 0;
    }

    /// Takes over what the breaker shows that all instances share.
    pub fn follow(&mut self, shown: Shown, now: Timestamp) {
        match shown {
            Shown::Closed if matches!(self.state, State::Closed) => {}
            Shown::Closed => {
                self.state = State::Closed;
                self.closed_at = now;
                self.in_a_row = 0;
                self.window.clear();
            }
            Shown::Open(until) => self.state = State::Open { until },
            // Its time is over here too: whoever wants to probe asks for leave first.
            Shown::HalfOpen if matches!(self.state, State::HalfOpen { .. }) => {}
            Shown::HalfOpen => self.state = State::Open { until: now },
        }
    }

    /// What ended in the `span` before `now`.
    pub fn count(&self, now: Timestamp, span: Duration) -> Count {
        self.window.count(now, span)
    }

    /// Failures since the last success.
    pub fn failures_in_a_row(&self) -> u32 {
        self.in_a_row
    }

    fn too_many(&self, policy: &Policy, now: Timestamp) -> bool {
        let count = self.window.count(now, policy.window);
        policy.failures <= self.in_a_row
            || (policy.min_requests <= count.attempts && policy.error_rate <= count.rate())
    }

    fn open(&mut self, policy: &Policy, now: Timestamp) {
        let quiet = matches!(self.state, State::Closed)
            && policy.open.saturating_mul(QUIET) <= now.since(self.closed_at);
        self.opened = if quiet { 1 } else { self.opened.saturating_add(1) };
        let doubled = 1 << self.opened.saturating_sub(1).min(MOST_DOUBLED);
        self.rest(now.plus(policy.open.saturating_mul(doubled)));
    }

    fn rest(&mut self, until: Timestamp) {
        let until = match self.state {
            State::Open { until: before } => before.max(until),
            State::Closed | State::HalfOpen { .. } => until,
        };
        self.state = State::Open { until };
    }

    /// Frees a probe's place; whether it still held one.
    fn give_back(&mut self, leave: &Leave) -> bool {
        let (Leave::Probe(number), State::HalfOpen { running, .. }) = (leave, &mut self.state) else {
            return false;
        };
        let before = running.len();
        running.retain(|(held, _)| held != number);
        running.len() < before
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// For tests of what breakers are a part of, too.
    pub const POLICY: Policy = Policy {
        failures: 3,
        error_rate: 0.5,
        min_requests: 10,
        window: Duration::from_secs(30),
        open: Duration::from_secs(20),
        probes: 1,
        shared: false,
    };

    pub fn at(second: u64) -> Timestamp {
        Timestamp(1_000_000 + second * 1_000)
    }

    fn fail(breaker: &mut Breaker, second: u64) {
        let leave = breaker.enter(&POLICY, at(second)).unwrap();
        breaker.failed(leave, Some(&POLICY), at(second), None);
    }

    fn succeed(breaker: &mut Breaker, second: u64) {
        let leave = breaker.enter(&POLICY, at(second)).unwrap();
        breaker.succeeded(leave, Some(&POLICY), at(second));
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_good_probe_closes_it() {
        let mut breaker = Breaker::default();
        fail(&mut breaker, 0);
        fail(&mut breaker, 0);
        succeed(&mut breaker, 0);
        fail(&mut breaker, 0);
        fail(&mut breaker, 0);
        assert_eq!(breaker.shown(at(0)), Shown::Closed);
        fail(&mut breaker, 0);
        assert_eq!(breaker.shown(at(0)), Shown::Open(at(20)));
        assert_eq!(breaker.enter(&POLICY, at(19)), None);
        succeed(&mut breaker, 20);
        assert_eq!(breaker.shown(at(20)), Shown::Closed);
    }

    #[test]
    fn a_share_of_failures_opens_it_once_there_are_enough_attempts() {
        let mut breaker = Breaker::default();
        for second in 0..4 {
            fail(&mut breaker, second);
            succeed(&mut breaker, second);
        }
        assert_eq!(breaker.shown(at(4)), Shown::Closed);
        fail(&mut breaker, 5);
        fail(&mut breaker, 5);
        assert_eq!(breaker.shown(at(5)), Shown::Open(at(25)));
        // Failures that are too old do not count.
        let mut breaker = Breaker::default();
        for second in 0..20 {
            fail(&mut breaker, second * 10);
            succeed(&mut breaker, second * 10);
        }
        assert_eq!(breaker.shown(at(200)), Shown::Closed);
    }

    #[test]
    fn each_failed_probe_doubles_the_time_up_to_sixteen_times() {
        let mut breaker = Breaker::default();
        (0..3).for_each(|_| fail(&mut breaker, 0));
        let mut now = 20;
        for doubled in [2, 4, 8, 16, 16] {
            fail(&mut breaker, now);
            assert_eq!(breaker.shown(at(now)), Shown::Open(at(now + 20 * doubled)));
            now += 20 * doubled;
        }
        succeed(&mut breaker, now);
        // After a quiet while the past is forgotten.
        (0..3).for_each(|_| fail(&mut breaker, now + 200));
        assert_eq!(breaker.shown(at(now + 200)), Shown::Open(at(now + 220)));
    }

    #[test]
    fn a_target_that_names_a_time_is_left_alone_for_so_long() {
        let mut breaker = Breaker::default();
        let leave = breaker.enter(&POLICY, at(0)).unwrap();
        breaker.failed(leave, Some(&POLICY), at(0), Some(Duration::from_secs(7)));
        assert_eq!(breaker.shown(at(0)), Shown::Open(at(7)));
        assert!(!breaker.admits(&POLICY, at(6)) && breaker.admits(&POLICY, at(7)));
        let leave = breaker.enter(&POLICY, at(7)).unwrap();
        breaker.failed(leave, Some(&POLICY), at(7), Some(Duration::from_secs(86_400)));
        assert_eq!(breaker.shown(at(7)), Shown::Open(at(307)));
    }

    #[test]
    fn races_lost_one_after_the_other_open_it_and_now_and_then_do_not() {
        let mut breaker = Breaker::default();
        for second in 0..100 {
            let leave = breaker.enter(&POLICY, at(second)).unwrap();
            breaker.outrun(&leave, Some(&POLICY), at(second));
            succeed(&mut breaker, second);
        }
        assert_eq!(breaker.count(at(99), POLICY.window).rate(), 0.0);
        for _ in 0..3 {
            let leave = breaker.enter(&POLICY, at(100)).unwrap();
            breaker.outrun(&leave, Some(&POLICY), at(100));
        }
        assert_eq!(breaker.shown(at(100)), Shown::Open(at(120)));
        let leave = breaker.enter(&POLICY, at(120)).unwrap();
        breaker.outrun(&leave, Some(&POLICY), at(121));
        assert_eq!(breaker.shown(at(121)), Shown::Open(at(161)));
    }

    #[test]
    fn without_a_policy_nothing_opens() {
        let mut breaker = Breaker::default();
        for _ in 0..100 {
            breaker.failed(Leave::Usual, None, at(0), Some(Duration::from_secs(9)));
        }
        assert_eq!(breaker.shown(at(0)), Shown::Closed);
        assert_eq!(breaker.count(at(0), POLICY.window).rate(), 1.0);
    }

    #[derive(Clone, Debug)]
    enum Act {
        Enter,
        Succeed(usize),
        Fail(usize, Option<u64>),
        Abandon(usize),
        Outrun(usize),
        Wait(u64),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            5 => Just(Act::Enter),
            2 => any::<usize>().prop_map(Act::Succeed),
            4 => (any::<usize>(), proptest::option::of(0..40_u64)).prop_map(|(which, wait)| Act::Fail(which, wait)),
            1 => any::<usize>().prop_map(Act::Abandon),
            1 => any::<usize>().prop_map(Act::Outrun),
            3 => (0..30_000_u64).prop_map(Act::Wait),
        ]
    }

    proptest! {
        /// While it is open nothing goes out, and never more probes are under way than allowed.
        #[test]
        fn never_more_than_the_allowed_probes(
            acts in proptest::collection::vec(act(), 0..300),
            probes in 1..4_u32,
            failures in 1..5_u32,
        ) {
            let policy = Policy { probes, failures, ..POLICY };
            let mut breaker = Breaker::default();
            let mut now = at(0);
            let mut running: Vec<(Leave, Timestamp)> = Vec::new();
            for act in acts {
                let pick = |which: usize, running: &mut Vec<(Leave, Timestamp)>| {
                    (!running.is_empty()).then(|| running.swap_remove(which % running.len()).0)
                };
                match act {
                    Act::Wait(ms) => now = Timestamp(now.0 + ms),
                    Act::Enter => {
                        let shown = breaker.shown(now);
                        match breaker.enter(&policy, now) {
                            Some(leave) => {
                                prop_assert!(!matches!(shown, Shown::Open(_)));
                                prop_assert_eq!(matches!(leave, Leave::Probe(_)), shown == Shown::HalfOpen);
                                running.push((leave, now));
                            }
                            None => prop_assert!(shown != Shown::Closed),
                        }
                        // A probe from before it opened again is none of this time's.
                        if let State::HalfOpen { running: held, .. } = &breaker.state {
                            let live = held.iter().filter(|(_, began)| now.since(*began) < LEASE).count();
                            prop_assert!(live <= probes as usize);
                        }
                    }
                    Act::Succeed(which) => if let Some(leave) = pick(which, &mut running) {
                        breaker.succeeded(leave, Some(&policy), now);
                    },
                    Act::Fail(which, wait) => if let Some(leave) = pick(which, &mut running) {
                        breaker.failed(leave, Some(&policy), now, wait.map(Duration::from_secs));
                    },
                    Act::Outrun(which) => if let Some(leave) = pick(which, &mut running) {
                        breaker.outrun(&leave, Some(&policy), now);
                    },
                    Act::Abandon(which) => if let Some(leave) = pick(which, &mut running) {
                        breaker.abandoned(&leave);
                    },
                }
            }
            // It always comes back: a good probe for each allowed one closes it.
            drop(running);
            now = now.plus(LEASE + LONGEST_WAIT + POLICY.open * 16);
            for _ in 0..probes {
                let leave = breaker.enter(&policy, now);
                prop_assert!(leave.is_some());
                if let Some(leave) = leave {
                    breaker.succeeded(leave, Some(&policy), now);
                }
            }
            prop_assert_eq!(breaker.shown(now), Shown::Closed);
        }
    }
}
