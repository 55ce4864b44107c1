//! Whether a target has fallen silent: streams under way that nothing comes of, noticed before any of them times out.
//!
//! A provider that takes requests and says nothing fails nobody until the first timeout. But when several streams in a row
//! wait longer than all but a twentieth did, that is hardly chance, and the next requests are better sent elsewhere. It is a
//! guess, so nothing is cut off for it: the target is only asked after all others, and the first token that comes of any of
//! these streams, or time, takes the guess back.

use std::{collections::VecDeque, time::Duration};

use sluice_types::time::Timestamp;

/// How many streams in a row must be waiting for too long.
const IN_A_ROW: usize = 3;

/// No wait shorter than this is too long.
const LEAST: Duration = Duration::from_millis(250);

/// How long a target that seems to have fallen silent is left alone; then one request tries it again. It also bounds the harm of
/// streams whose end was never told: hosts may kill an invocation.
const LEFT_ALONE: Duration = Duration::from_secs(20);

/// The most streams remembered; the oldest are forgotten first.
const MOST: usize = 1_000;

/// The streams of one target that wait for their first token.
#[derive(Clone, Debug, Default)]
pub struct Waiting {
    /// When they began, the oldest first.
    begun: VecDeque<Timestamp>,
    /// When the last one was asked for.
    asked: Timestamp,
    /// When the last of those began that had their first token.
    answered: Timestamp,
}

impl Waiting {
    /// A stream is asked for.
    pub fn begin(&mut self, now: Timestamp) {
        if MOST <= self.begun.len() {
            self.begun.pop_front();
        }
        self.begun.push_back(now);
        self.asked = now;
    }

    /// A stream that began at `began` waits no more, whatever came of it.
    pub fn end(&mut self, began: Timestamp) {
        if let Some(at) = self.begun.iter().position(|other| *other == began) {
            self.begun.remove(at);
        }
    }

    /// The target has answered one that began at `began`: those that began before are late on their own account.
    pub fn answered(&mut self, began: Timestamp) {
        self.answered = self.answered.max(began);
    }

    /// Whether there are enough that wait for [`Waiting::is_silent`] to say so: cheap to ask, for the usual case.
    pub fn may_be_silent(&self) -> bool {
        IN_A_ROW <= self.begun.len()
    }

    /// Whether too many in a row have waited for longer than `usual`, the time that all but a twentieth began in.
    pub fn is_silent(&self, usual: Duration, now: Timestamp) -> bool {
        let usual = usual.max(LEAST);
        let since_answer = self.begun.iter().filter(|began| self.answered < **began);
        IN_A_ROW <= since_answer.filter(|began| usual <= now.since(**began)).count()
    }

    /// Whether it is time that somebody tries whether a silent target is back.
    pub fn is_due(&self, now: Timestamp) -> bool {
        LEFT_ALONE <= now.since(self.asked)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const USUAL: Duration = Duration::from_millis(800);

    fn at(ms: u64) -> Timestamp {
        Timestamp(1_000_000 + ms)
    }

    fn begun(all: &[u64]) -> Waiting {
        let mut waiting = Waiting::default();
        all.iter().for_each(|ms| waiting.begin(at(*ms)));
        waiting
    }

    #[test]
    fn three_that_wait_too_long_are_a_silence() {
        let waiting = begun(&[0, 50, 100]);
        assert!(!waiting.is_silent(USUAL, at(899)));
        assert!(waiting.is_silent(USUAL, at(900)));
        assert!(!begun(&[0, 50]).is_silent(USUAL, at(5_000)), "two may be chance");
        assert!(!begun(&[0, 1, 2]).is_silent(Duration::from_millis(2), at(100)), "a hiccup");
    }

    #[test]
    fn a_silent_target_is_tried_by_one_now_and_then() {
        let mut waiting = begun(&[0, 50, 100]);
        assert!(!waiting.is_due(at(20_099)) && waiting.is_due(at(20_100)));
        waiting.begin(at(20_100));
        assert!(waiting.is_silent(USUAL, at(20_100)) && !waiting.is_due(at(20_101)));
        waiting.end(at(20_100));
        waiting.answered(at(20_100));
        assert!(!waiting.is_silent(USUAL, at(60_000)));
    }

    #[test]
    fn an_answer_takes_the_guess_back() {
        let mut waiting = begun(&[0, 50, 100]);
        waiting.end(at(50));
        waiting.answered(at(50));
        assert!(!waiting.is_silent(USUAL, at(2_000)));
        // Those that came later may still tell of a silence, those before do not.
        [200, 300].iter().for_each(|ms| waiting.begin(at(*ms)));
        assert!(!waiting.is_silent(USUAL, at(1_099)) && waiting.is_silent(USUAL, at(1_100)));
    }

    #[test]
    fn a_slow_target_that_answers_is_never_silent() {
        // Twenty a second, each of which takes three times the usual: the first answers come, and none is missed.
        let mut waiting = Waiting::default();
        let mut silent_for = 0;
        for ms in (0..60_000).step_by(50) {
            waiting.begin(at(ms));
            if let Some(began) = ms.checked_sub(2_400) {
                waiting.end(at(began));
                waiting.answered(at(began));
            }
            // What is usual is what it was like until now.
            let usual = if ms < 2_400 { USUAL } else { Duration::from_millis(2_400) };
            silent_for += u64::from(waiting.is_silent(usual, at(ms))) * 50;
        }
        assert!(silent_for <= 1_600, "{silent_for} ms");
    }

    proptest! {
        /// Whatever begins and ends: nothing that has ended counts, and without enough that wait there is no silence.
        #[test]
        fn only_what_waits_counts(steps in proptest::collection::vec((0..500_u64, 0..4_u8, any::<usize>()), 0..200)) {
            let mut waiting = Waiting::default();
            let mut open: Vec<Timestamp> = Vec::new();
            let mut now = at(0);
            for (passes, act, which) in steps {
                now = now.plus(Duration::from_millis(passes));
                if act < 2 {
                    waiting.begin(now);
                    open.push(now);
                } else if !open.is_empty() {
                    let began = open.remove(which % open.len());
                    waiting.end(began);
                    if act == 3 {
                        waiting.answered(began);
                    }
                }
                let late = open.iter().filter(|began| USUAL <= now.since(**began)).count();
                prop_assert!(!waiting.is_silent(USUAL, now) || IN_A_ROW <= late);
                prop_assert_eq!(waiting.begun.len(), open.len());
            }
        }
    }
}
