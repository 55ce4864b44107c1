//! Tightening a namespace's threshold from hits that were checked, so that the promised rate of wrong hits holds there.
//!
//! Checked hits are counted in bins of their score. The threshold is the lowest one, from the calibrated one up, above
//! which an upper 95 % bound of the wrong rate keeps the promise `p`. The calibration counts as `5.5 / p` hits already
//! seen, half the promise of them wrong: with these alone the bound is just `p`, so the threshold starts at the
//! calibrated one, a few wrong hits raise it, and many right ones bring it back, never below.
//!
//! Only hits that were checked are counted, right and wrong alike: a share of hits taken at random, and callers'
//! feedback. Where callers report wrong hits only, the bound errs on the safe side.

/// Bins above the calibrated threshold.
pub const BINS: usize = 24;
/// Width of a bin, in the unit of scores.
pub const WIDTH: f32 = 0.25;
/// One-sided 95 % of the normal distribution.
const Z95: f32 = 1.645;
const PRIOR: f32 = 5.5;

/// What was seen in a namespace since its calibration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Right hits by bin of score.
    pub right: [u32; BINS],
    /// Wrong hits by bin of score.
    pub wrong: [u32; BINS],
}

impl Default for Observed {
    fn default() -> Self {
        Self { right: [0; BINS], wrong: [0; BINS] }
    }
}

impl Observed {
    /// Counts a checked hit. `base` is the calibrated threshold that the bins start from.
    pub fn count(&mut self, base: f32, score: f32, right: bool) {
        let bins = if right { &mut self.right } else { &mut self.wrong };
        let bin = (((score - base) / WIDTH).max(0.0) as usize).min(BINS - 1);
        if let Some(count) = bins.get_mut(bin) {
            *count = count.saturating_add(1);
        }
    }

    /// Adds what another isolate saw.
    pub fn merge(&mut self, other: &Self) {
        for (to, from) in
            self.right.iter_mut().zip(&other.right).chain(self.wrong.iter_mut().zip(&other.wrong))
        {
            *to = to.saturating_add(*from);
        }
    }
}

/// The threshold that keeps the promise: `promise` is the tolerated share of wrong hits. `None`: no threshold does, answer
/// by exact match only.
#[must_use]
pub fn tightened(base: f32, observed: &Observed, promise: f32) -> Option<f32> {
    if !(0.0 < promise && promise <= 1.0) {
        return None;
    }
    (0..BINS).find(|bin| keeps(observed, *bin, promise)).map(|bin| base + bin as f32 * WIDTH)
}

fn keeps(observed: &Observed, bin: usize, promise: f32) -> bool {
    let total = |bins: &[u32; BINS]| bins.iter().skip(bin).map(|count| *count as f32).sum::<f32>();
    let (right, wrong) = (total(&observed.right), total(&observed.wrong));
    let prior = PRIOR / promise;
    let seen = prior + right + wrong;
    let mean = (prior * promise / 2.0 + wrong) / seen;
    mean + Z95 * (mean * (1.0 - mean) / seen).sqrt() <= promise
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{BINS, Observed, tightened};

    fn seen(hits: &[(f32, bool, u32)]) -> Observed {
        let mut observed = Observed::default();
        for (score, right, times) in hits {
            (0..*times).for_each(|_| observed.count(2.0, *score, *right));
        }
        observed
    }

    #[test]
    fn it_starts_at_the_calibrated_threshold_for_every_promise() {
        for promise in [0.001, 0.005, 0.01, 0.05] {
            assert_eq!(tightened(2.0, &Observed::default(), promise), Some(2.0), "{promise}");
        }
        assert_eq!(tightened(2.0, &Observed::default(), 0.0), None);
    }

    #[test]
    fn wrong_hits_raise_it_past_their_scores_and_right_ones_bring_it_back() {
        let raised = tightened(2.0, &seen(&[(2.6, false, 3)]), 0.01);
        assert_eq!(raised, Some(2.75));
        assert_eq!(tightened(2.0, &seen(&[(2.6, false, 3), (2.6, true, 1_000)]), 0.01), Some(2.0));
    }

    #[test]
    fn wrong_hits_at_the_top_switch_meaning_off() {
        assert_eq!(tightened(2.0, &seen(&[(99.0, false, 50)]), 0.01), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_further_wrong_hit_never_lowers_it(hits in prop::collection::vec((0.0_f32..10.0, any::<bool>(), 1_u32..40), 0..20), score in 0.0_f32..10.0) {
            let before = seen(&hits);
            let mut after = before.clone();
            after.count(2.0, score, false);
            let off = f32::INFINITY;
            prop_assert!(tightened(2.0, &before, 0.01).unwrap_or(off) <= tightened(2.0, &after, 0.01).unwrap_or(off));
        }

        /// The promise itself: hits whose true wrong rate falls with the score, every one checked. What is served wrongly
        /// stays within the promise, but for what is spent on finding out (the calibration's weight allows half of that) and
        /// four standard deviations of chance.
        #[test]
        fn the_promise_holds_in_the_long_run(seed in any::<u64>()) {
            let mut state = seed | 1;
            let mut dice = || { state ^= state << 13; state ^= state >> 7; state ^= state << 17; (state >> 40) as f32 / 16_777_216.0 };
            let (mut observed, mut served, mut wrong) = (Observed::default(), 0_u32, 0_u32);
            for _ in 0..10_000 {
                let score = 2.0 + 5.0 * dice();
                let Some(threshold) = tightened(2.0, &observed, 0.01) else { break };
                if score < threshold { continue; }
                let bad = dice() < 0.08 * (-(score - 2.0)).exp();
                observed.count(2.0, score, !bad);
                served += 1;
                wrong += u32::from(bad);
            }
            let promised = 0.01 * served as f32;
            let most = promised + 4.0 * promised.sqrt() + 2.0 * super::PRIOR;
            prop_assert!(0 < served && wrong as f32 <= most, "{} of {}", wrong, served);
        }
    }

    #[test]
    fn isolates_add_up() {
        let mut sum = seen(&[(2.1, true, 2)]);
        sum.merge(&seen(&[(2.1, true, 3), (9.0, false, 1)]));
        assert_eq!((sum.right[0], sum.wrong[BINS - 1]), (5, 1));
    }
}
