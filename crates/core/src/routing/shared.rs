//! A breaker that all instances share: an object's state behind `Counters`, and what an instance knows of it.
//!
//! An instance goes by its own [`Breaker`] and tells the object of each failure, with how many attempts were good since the
//! last one it told of. The object counts all instances' failures together and answers what its breaker shows, which the
//! instance then follows: one failure is enough to learn that a target rests. Whoever would probe asks the object for leave
//! first, so that no more probes go out than allowed, from however many instances. One that has nothing to tell asks how the
//! breaker stands now and then, while it has requests for the target.
//!
//! Calls that an object does not answer leave each instance with its own breaker.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sluice_types::time::Timestamp;

use super::breaker::{Breaker, Leave, Policy, Shown};

/// How long what is known of the shared breaker is believed where nothing fails.
const LOOK_AFTER: Duration = Duration::from_secs(5);

/// How long a target is left alone when all probes that may go out are under way elsewhere.
const BUSY: Duration = Duration::from_secs(1);

/// What an instance asks or tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    /// The target's id.
    pub target: String,
    /// The rules: the object knows none of its own.
    pub policy: Policy,
    /// What it is about.
    pub what: What,
}

/// What a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// How does it stand?
    Look,
    /// May a probe go out?
    Enter,
    /// An attempt failed.
    Failed {
        /// Its leave's number if it was a probe.
        probe: Option<u64>,
        /// How many were good since the last failure that this instance has told of.
        good: u32,
        /// The time that the target asks to be left alone, in milliseconds.
        wait_ms: Option<u64>,
    },
    /// The probe of this number was good.
    Good(u64),
    /// Nothing came of the probe of this number.
    Abandoned(u64),
}

/// What the object answers. Times are spans: clocks differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// What the breaker shows.
    pub shows: Shows,
    /// To [`What::Enter`]: the probe's number, if one may go out.
    pub probe: Option<u64>,
}

/// What a breaker shows, as it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shows {
    /// All is well.
    Closed,
    /// The target is left alone for so many milliseconds.
    Open(u64),
    /// The target is tried by a few.
    HalfOpen,
}

impl Shows {
    fn of(shown: Shown, now: Timestamp) -> Self {
        match shown {
            Shown::Closed => Self::Closed,
            Shown::Open(until) => Self::Open(u64::try_from(until.since(now).as_millis()).unwrap_or(u64::MAX)),
            Shown::HalfOpen => Self::HalfOpen,
        }
    }

    fn at(self, now: Timestamp) -> Shown {
        match self {
            Self::Closed => Shown::Closed,
            Self::Open(ms) => Shown::Open(now.plus(Duration::from_millis(ms))),
            Self::HalfOpen => Shown::HalfOpen,
        }
    }
}

/// The object's state for one target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Shared {
    breaker: Breaker,
    failed_at: Timestamp,
}

impl Shared {
    /// Answers a call.
    pub fn answer(&mut self, policy: &Policy, what: What, now: Timestamp) -> Told {
        let mut probe = None;
        match what {
            What::Look => {}
            What::Enter => {
                probe = match self.breaker.enter(policy, now) {
                    Some(Leave::Probe(number)) => Some(number),
                    Some(Leave::Usual) | None => None,
                };
            }
            What::Failed { probe, good, wait_ms } => {
                // Good attempts are told of with failures only, so failures long apart are no row.
                if policy.window < now.since(self.failed_at) {
                    self.breaker.break_row();
                }
                self.failed_at = now;
                self.breaker.credit(good, now);
                let leave = probe.map_or(Leave::Usual, Leave::Probe);
                self.breaker.failed(leave, Some(policy), now, wait_ms.map(Duration::from_millis));
            }
            What::Good(number) => self.breaker.succeeded(Leave::Probe(number), Some(policy), now),
            What::Abandoned(number) => self.breaker.abandoned(&Leave::Probe(number)),
        }
        Told { shows: Shows::of(self.breaker.shown(now), now), probe }
    }
}

/// What an instance knows of a shared breaker.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// When it last heard of it, or tried to.
    heard_at: Option<Timestamp>,
    good: u32,
}

impl Known {
    /// Whether it is time to ask how the breaker stands; if so, it counts as asked.
    pub fn is_due(&mut self, now: Timestamp) -> bool {
        let due = self.heard_at.is_none_or(|heard| LOOK_AFTER <= now.since(heard));
        if due {
            self.heard_at = Some(now);
        }
        due
    }

    /// Whether leave must be asked before an attempt.
    pub fn must_ask(&self, own: &Breaker, policy: &Policy, now: Timestamp) -> bool {
        policy.shared && (self.heard_at.is_none() || own.shown(now) == Shown::HalfOpen)
    }

    /// The object does not answer.
    pub fn unheard(&mut self, now: Timestamp) {
        self.heard_at = Some(now);
    }

    /// An attempt was good.
    pub fn good(&mut self) {
        self.good = self.good.saturating_add(1);
    }

    /// What to tell of an attempt that failed.
    pub fn failed(&mut self, probe: Option<u64>, wait: Option<Duration>) -> What {
        let wait_ms = wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        What::Failed { probe, good: std::mem::take(&mut self.good), wait_ms }
    }

    /// The object has answered: `own`, the instance's breaker, follows it.
    pub fn heard(&mut self, own: &mut Breaker, told: &Told, now: Timestamp) {
        self.heard_at = Some(now);
        own.follow(told.shows.at(now), now);
    }

    /// The object has answered whether a probe may go out. Gives whether an attempt may be made, and as which probe.
    pub fn may_enter(&mut self, own: &mut Breaker, told: &Told, now: Timestamp) -> Option<Option<u64>> {
        self.heard(own, told, now);
        match (told.shows, told.probe) {
            (Shows::Closed, _) => Some(None),
            (_, Some(number)) => {
                // Probes of an earlier time may still be under way here: they hold no place any more.
                own.follow(Shown::Open(now), now);
                Some(Some(number))
            }
            (Shows::HalfOpen, None) => {
                own.follow(Shown::Open(now.plus(BUSY)), now);
                None
            }
            (Shows::Open(_), None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::routing::breaker::{self, tests::at};

    const POLICY: Policy = Policy { shared: true, ..breaker::tests::POLICY };

    fn failed(good: u32) -> What {
        What::Failed { probe: None, good, wait_ms: None }
    }

    #[test]
    fn failures_of_all_instances_count_together() {
        let mut shared = Shared::default();
        assert_eq!(shared.answer(&POLICY, failed(0), at(0)).shows, Shows::Closed);
        assert_eq!(shared.answer(&POLICY, failed(0), at(1)).shows, Shows::Closed);
        assert_eq!(shared.answer(&POLICY, failed(0), at(2)).shows, Shows::Open(20_000));
        assert_eq!(shared.answer(&POLICY, What::Look, at(12)).shows, Shows::Open(10_000));
        // What succeeded in between, or lies long back, makes no row.
        for (good, apart) in [(9, 1), (0, 31)] {
            let mut shared = Shared::default();
            for time in 0..20 {
                assert_eq!(shared.answer(&POLICY, failed(good), at(time * apart)).shows, Shows::Closed);
            }
        }
    }

    #[test]
    fn one_good_probe_closes_it_for_all_and_a_bad_one_opens_it_again() {
        let mut shared = Shared::default();
        (0..3).for_each(|_| _ = shared.answer(&POLICY, failed(0), at(0)));
        assert_eq!(shared.answer(&POLICY, What::Enter, at(19)).probe, None);
        let told = shared.answer(&POLICY, What::Enter, at(20));
        assert_eq!((told.shows, told.probe), (Shows::HalfOpen, Some(1)));
        assert_eq!(shared.answer(&POLICY, What::Enter, at(20)).probe, None);
        let bad = What::Failed { probe: Some(1), good: 0, wait_ms: None };
        assert_eq!(shared.answer(&POLICY, bad, at(20)).shows, Shows::Open(40_000));
        let number = shared.answer(&POLICY, What::Enter, at(60)).probe.unwrap();
        assert_eq!(shared.answer(&POLICY, What::Abandoned(number), at(61)).shows, Shows::HalfOpen);
        let number = shared.answer(&POLICY, What::Enter, at(61)).probe.unwrap();
        assert_eq!(shared.answer(&POLICY, What::Good(number), at(62)).shows, Shows::Closed);
    }

    #[test]
    fn its_state_survives_being_written_down() {
        let mut shared = Shared::default();
        (0..3).for_each(|_| _ = shared.answer(&POLICY, failed(2), at(0)));
        shared.answer(&POLICY, What::Failed { probe: None, good: 0, wait_ms: Some(3_000) }, at(1));
        shared.answer(&POLICY, What::Enter, at(30));
        let text = serde_json::to_string(&shared).unwrap();
        assert_eq!(serde_json::from_str::<Shared>(&text).unwrap(), shared);
    }

    /// An instance, with the probes it has under way and attempts like any other.
    #[derive(Default)]
    struct Instance {
        own: Breaker,
        known: Known,
        running: Vec<(Leave, Option<u64>)>,
    }

    #[derive(Clone, Debug)]
    enum Act {
        Begin(usize),
        Succeed(usize),
        Fail(usize, Option<u64>),
        Abandon(usize),
        Wait(u64),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            5 => (0..4_usize).prop_map(Act::Begin),
            2 => (0..4_usize).prop_map(Act::Succeed),
            4 => (0..4_usize, proptest::option::of(0..40_000_u64)).prop_map(|(who, wait)| Act::Fail(who, wait)),
            1 => (0..4_usize).prop_map(Act::Abandon),
            3 => (0..20_000_u64).prop_map(Act::Wait),
        ]
    }

    proptest! {
        /// However many instances there are: never more probes under way than allowed, and whoever has heard that the target
        /// rests leaves it alone for so long.
        #[test]
        fn only_the_allowed_probes_go_out(
            acts in proptest::collection::vec(act(), 0..300),
            probes in 1..3_u32,
            failures in 1..5_u32,
        ) {
            let policy = Policy { probes, failures, ..POLICY };
            let mut shared = Shared::default();
            let mut instances: Vec<Instance> = (0..4).map(|_| Instance::default()).collect();
            let mut now = at(0);
            // Probes since it last opened, by number.
            let mut under_way: Vec<u64> = Vec::new();
            for act in acts {
                match act {
                    // Short of the time after which a probe counts as lost.
                    Act::Wait(ms) => now = Timestamp(now.0 + ms.min(100_000 / 300)),
                    Act::Begin(who) => {
                        let instance = &mut instances[who];
                        let mut probe = None;
                        if instance.known.must_ask(&instance.own, &policy, now) {
                            let told = shared.answer(&policy, What::Enter, now);
                            match instance.known.may_enter(&mut instance.own, &told, now) {
                                Some(number) => probe = number,
                                None => continue,
                            }
                        }
                        let shown = instance.own.shown(now);
                        let Some(leave) = instance.own.enter(&policy, now) else {
                            prop_assert!(probe.is_none(), "leave that was given is used");
                            continue;
                        };
                        prop_assert!(!matches!(shown, Shown::Open(_)));
                        prop_assert_eq!(matches!(leave, Leave::Probe(_)), probe.is_some());
                        under_way.extend(probe);
                        instance.running.push((leave, probe));
                    }
                    Act::Succeed(who) | Act::Fail(who, _) | Act::Abandon(who) => {
                        let instance = &mut instances[who];
                        let Some((leave, probe)) = instance.running.pop() else { continue };
                        let what = match &act {
                            Act::Succeed(_) => {
                                instance.known.good();
                                instance.own.succeeded(leave, Some(&policy), now);
                                probe.map(What::Good)
                            }
                            Act::Fail(_, wait) => {
                                let wait = wait.map(Duration::from_millis);
                                instance.own.failed(leave, Some(&policy), now, wait);
                                Some(instance.known.failed(probe, wait))
                            }
                            _ => {
                                instance.own.abandoned(&leave);
                                probe.map(What::Abandoned)
                            }
                        };
                        under_way.retain(|number| Some(*number) != probe);
                        if let Some(what) = what {
                            let told = shared.answer(&policy, what, now);
                            instance.known.heard(&mut instance.own, &told, now);
                            prop_assert_eq!(Shows::of(instance.own.shown(now), now), told.shows);
                            if told.shows != Shows::HalfOpen {
                                under_way.clear();
                            }
                        }
                    }
                }
                prop_assert!(under_way.len() <= probes as usize);
            }
        }
    }
}
