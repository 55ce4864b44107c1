//! Maximal marginal relevance: passages that answer and do not repeat each other (Carbonell and Goldstein, 1998).

use std::cmp::Ordering;

use crate::terms::{self, Term};

/// How much the score counts against likeness to what was picked already: repeats go, order otherwise hardly moves.
pub const LAMBDA: f32 = 0.9;

/// Picks `count` of the scored passages, best first: each time the one with the highest `lambda * score - (1 - lambda) *
/// likeness`, likeness being that to the most alike of those picked. Of equals the earlier. Scores and likenesses are
/// 0 to 1; a `lambda` of 1 orders by score alone.
#[must_use]
pub fn pick(scores: &[f32], count: usize, lambda: f32, alike: impl Fn(usize, usize) -> f32) -> Vec<usize> {
    let lambda = lambda.clamp(0.0, 1.0);
    let mut left: Vec<(usize, f32, f32)> =
        scores.iter().enumerate().map(|(at, score)| (at, *score, 0.0)).collect();
    let mut picked = Vec::new();
    while picked.len() < count {
        let worth = |(_, score, likeness): &(usize, f32, f32)| lambda * score - (1.0 - lambda) * likeness;
        let best =
            left.iter().enumerate().reduce(|best, one| if worth(best.1) < worth(one.1) { one } else { best });
        let Some((place, &(at, _, _))) = best else { break };
        left.remove(place);
        picked.push(at);
        for (other, _, likeness) in &mut left {
            *likeness = likeness.max(alike(at, *other));
        }
    }
    picked
}

/// A passage's terms, each once, for [`likeness`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words(Vec<Term>);

impl Words {
    /// The terms of a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        terms::hashes(text).into_iter().collect()
    }
}

impl FromIterator<Term> for Words {
    fn from_iter<I: IntoIterator<Item = Term>>(terms: I) -> Self {
        let mut terms: Vec<Term> = terms.into_iter().collect();
        terms.sort_unstable();
        terms.dedup();
        Self(terms)
    }
}

/// How alike two passages are, 0 to 1: the share of their terms that both hold. Passages of one topic have little in
/// common by this measure, copies and overlapping cuts much; their vectors would tell both for alike, and what answers a
/// question in two places would lose one (the eval shows it).
#[must_use]
pub fn likeness(one: &Words, other: &Words) -> f32 {
    let (mut left, mut right) = (one.0.iter().peekable(), other.0.iter().peekable());
    let mut both = 0;
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        match a.cmp(b) {
            Ordering::Less => drop(left.next()),
            Ordering::Greater => drop(right.next()),
            Ordering::Equal => {
                both += 1;
                left.next();
                right.next();
            }
        }
    }
    both as f32 / (one.0.len() + other.0.len() - both).max(1) as f32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Words, likeness, pick};

    #[test]
    fn copies_are_alike() {
        let alike = |one: &[u32], other: &[u32]| {
            likeness(&one.iter().copied().collect::<Words>(), &other.iter().copied().collect::<Words>())
        };
        assert_eq!(alike(&[1, 2, 2, 3], &[3, 2, 1]), 1.0);
        assert_eq!(alike(&[1, 2], &[2, 3, 4]), 0.25);
        assert_eq!(alike(&[], &[]), 0.0);
        assert_eq!(likeness(&Words::new("The study"), &Words::new("the studies")), 1.0);
    }

    #[test]
    fn a_repeat_gives_way_to_something_else() {
        let alike = |a: usize, b: usize| if a.max(b) == 1 { 0.95 } else { 0.1 };
        assert_eq!(pick(&[0.9, 0.89, 0.7], 2, 0.7, alike), [0, 2]);
        assert_eq!(pick(&[0.9, 0.89, 0.7], 2, 1.0, alike), [0, 1]);
        assert_eq!(pick(&[0.2, 0.2], 5, 0.7, alike), [0, 1]);
        assert!(pick(&[], 3, 0.7, alike).is_empty());
    }

    proptest! {
        #[test]
        fn none_is_picked_twice_and_the_best_is_first(scores in prop::collection::vec(0.0_f32..1.0, 1..20), count in 0_usize..25, lambda in 0.1_f32..1.0) {
            let picked = pick(&scores, count, lambda, |a, b| 1.0 / (1.0 + a.abs_diff(b) as f32));
            let mut sorted = picked.clone();
            sorted.sort_unstable();
            sorted.dedup();
            prop_assert_eq!(sorted.len(), count.min(scores.len()));
            if let Some(first) = picked.first() {
                prop_assert!(scores.iter().all(|score| *score <= scores[*first]));
            }
        }
    }
}
