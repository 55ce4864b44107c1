//! The built-in reranker: a second look at what a search found, with the passages' texts at hand.
//!
//! A logistic model over a few shares, each of which has a meaning of its own: how many of the question's words (rare
//! ones counting more) the passage holds, how close together, in the question's order, and how near the passage's best
//! sentences are in meaning. The weights are fitted by `cargo xtask train retrieval` on half of the shared questions;
//! `eval retrieval` measures on the other half. Its score is 0 to 1 and comparable between questions: it is what
//! callers see and set thresholds on.

use std::collections::HashMap;

use crate::{
    dense::Vector,
    terms::{self, Query, Term},
    text::sentences,
};

/// Inputs of the model.
pub const FEATURES: usize = 7;

/// Weights of the model, in the order of [`features`]; the last is the constant.
const WEIGHTS: [f32; FEATURES + 1] = [2.181, 0.623, 0.437, 1.361, 1.408, 1.412, 1.284, -8.536];

/// The weights of [`unread`]: of the first three inputs, and the constant.
const WEIGHTS_UNREAD: [f32; 4] = [2.985, 1.384, 0.587, -7.777];

/// Passages worth a second look: more change nothing (`eval retrieval`) and cost time.
pub const SEEN: usize = 20;

/// Terms among which words count as standing together.
const NEAR: usize = 40;

/// A question, prepared.
#[derive(Debug)]
pub struct Question<'a> {
    /// Terms in the question's order, without small words.
    order: Vec<Term>,
    weights: HashMap<Term, f32>,
    /// Sum of the weights.
    all: f32,
    most: f32,
    vector: Option<&'a Vector>,
}

impl<'a> Question<'a> {
    /// Prepares a question: `weights` and `most` as [`search`](crate::search::search) found them for `query`.
    #[must_use]
    pub fn new(text: &str, query: &Query, weights: &[f32], most: f32, vector: Option<&'a Vector>) -> Self {
        let weights: HashMap<Term, f32> =
            query.terms().iter().zip(weights).map(|((term, _), weight)| (*term, *weight)).collect();
        let order = terms::hashes(text).into_iter().filter(|term| weights.contains_key(term)).collect();
        Self { order, all: weights.values().sum(), weights, most, vector }
    }

    fn weight(&self, term: Term) -> f32 {
        self.weights.get(&term).copied().unwrap_or(0.0)
    }
}

/// A passage that a search found.
#[derive(Clone, Copy, Debug)]
pub struct Passage<'a> {
    /// Its text, headings first.
    pub text: &'a str,
    /// Its BM25 score.
    pub lexical: f32,
    /// Its cosine.
    pub dense: f32,
    /// The mixed score.
    pub mixed: f32,
}

/// The score of a passage, 0 to 1. `embed` gives a text's vector by the model that made the question's; it is not called
/// where the question has none.
#[must_use]
pub fn score(question: &Question<'_>, passage: &Passage<'_>, embed: &dyn Fn(&str) -> Vector) -> f32 {
    logistic(&WEIGHTS, &features(question, passage, embed))
}

/// The score of a passage whose text is not looked at: of those behind the first [`SEEN`], and where the reranker is off.
/// `most` is what [`search`](crate::search::search) found.
#[must_use]
pub fn unread(lexical: f32, dense: f32, mixed: f32, most: f32) -> f32 {
    let share = if 0.0 < most { lexical / most } else { 0.0 };
    logistic(&WEIGHTS_UNREAD, &[level(mixed), share, dense])
}

/// Passages in the order of a search, reranked: places and scores, best first. The first [`SEEN`] are looked at; the rest
/// stay behind them in their order, and score no more than the last of them.
#[must_use]
pub fn order(
    question: &Question<'_>,
    passages: &[Passage<'_>],
    embed: &dyn Fn(&str) -> Vector,
) -> Vec<(usize, f32)> {
    let looked_at = passages.iter().take(SEEN).map(|passage| score(question, passage, embed));
    let mut out: Vec<(usize, f32)> = looked_at.enumerate().collect();
    out.sort_by(|a, b| b.1.total_cmp(&a.1));
    for (at, one) in passages.iter().enumerate().skip(SEEN) {
        let least = out.last().map_or(1.0, |last| last.1);
        out.push((at, unread(one.lexical, one.dense, one.mixed, question.most).min(least)));
    }
    out
}

fn logistic(weights: &[f32], inputs: &[f32]) -> f32 {
    let constant = weights.last().copied().unwrap_or(0.0);
    let sum: f32 = weights.iter().zip(inputs).map(|(weight, input)| weight * input).sum();
    1.0 / (1.0 + (-(sum + constant)).exp())
}

/// A mixed score as an input: about 0 to 2, without end for no one.
fn level(mixed: f32) -> f32 {
    mixed.clamp(-2.0, 12.0) / 4.0
}

/// The model's inputs.
#[must_use]
pub fn features(
    question: &Question<'_>,
    passage: &Passage<'_>,
    embed: &dyn Fn(&str) -> Vector,
) -> [f32; FEATURES] {
    let places: Vec<(usize, Term)> = terms::hashes(passage.text)
        .into_iter()
        .enumerate()
        .filter(|(_, term)| question.weights.contains_key(term))
        .collect();
    let share = |part: f32, whole: f32| if 0.0 < whole { part / whole } else { 0.0 };
    [
        level(passage.mixed),
        share(passage.lexical, question.most),
        passage.dense,
        share(held(question, places.iter().map(|place| place.1)), question.all),
        share(together(question, &places), question.all),
        pairs(question, &places),
        nearest(question, passage.text, embed),
    ]
}

/// The weight of the question's terms among these, each counted once.
fn held(question: &Question<'_>, terms: impl Iterator<Item = Term>) -> f32 {
    let mut seen: Vec<Term> = Vec::new();
    for term in terms {
        if !seen.contains(&term) {
            seen.push(term);
        }
    }
    seen.into_iter().map(|term| question.weight(term)).sum()
}

/// The most weight that stands within [`NEAR`] terms.
fn together(question: &Question<'_>, places: &[(usize, Term)]) -> f32 {
    let from = |start: usize| {
        let first = places.get(start).map_or(0, |place| place.0);
        let near = places.iter().skip(start).take_while(move |place| place.0 < first + NEAR);
        held(question, near.map(|place| place.1))
    };
    (0..places.len()).map(from).fold(0.0, f32::max)
}

/// The share, by weight, of neighbours in the question that follow each other closely in the passage.
fn pairs(question: &Question<'_>, places: &[(usize, Term)]) -> f32 {
    let (mut found, mut all) = (0.0, 0.0);
    for (first, second) in question.order.iter().zip(question.order.iter().skip(1)) {
        let weight = question.weight(*first) + question.weight(*second);
        all += weight;
        let follows = places.iter().enumerate().any(|(index, (at, term))| {
            term == first
                && places
                    .iter()
                    .skip(index + 1)
                    .take_while(|(next, _)| *next <= at + 3)
                    .any(|(_, next)| next == second)
        });
        found += if follows { weight } else { 0.0 };
    }
    if 0.0 < all { found / all } else { 0.0 }
}

/// The nearest sentence's cosine; 0 where none is near.
fn nearest(question: &Question<'_>, text: &str, embed: &dyn Fn(&str) -> Vector) -> f32 {
    let Some(vector) = question.vector else { return 0.0 };
    let sentences = sentences(text).into_iter().filter_map(|range| text.get(range));
    sentences.map(|sentence| embed(sentence).cosine(vector)).fold(0.0, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: &str = "How do I reset the password of the admin account?";

    fn scored(texts: &[&str]) -> Vec<f32> {
        let query = Query::new(ASKED);
        let weights = vec![2.0; query.terms().len()];
        let question = Question::new(ASKED, &query, &weights, 16.0, None);
        let passage = |text: &&str| {
            let passage = Passage { text, lexical: 6.0, dense: 0.0, mixed: 3.0 };
            score(&question, &passage, &|_| panic!("there is no vector to compare with"))
        };
        texts.iter().map(passage).collect()
    }

    #[test]
    fn what_stands_together_in_order_scores_more() {
        let far =
            format!("The account {} password {} reset an admin.", "word ".repeat(50), "more ".repeat(50));
        let scores =
            scored(&["Reset the password of the admin account here.", &far, "Opening hours of the shop."]);
        assert!(scores.is_sorted_by(|a, b| b < a), "{scores:?}");
        assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)));
    }

    #[test]
    fn those_not_looked_at_stay_behind_in_their_order() {
        let query = Query::new(ASKED);
        let question = Question::new(ASKED, &query, &[2.0; 4], 16.0, None);
        let passage = |at: usize| Passage {
            text: if at == 19 { "Reset the password of the admin account." } else { "Opening hours." },
            lexical: 8.0 - at as f32 / 10.0,
            dense: 0.0,
            mixed: 4.0 - at as f32 / 10.0,
        };
        let passages: Vec<Passage<'_>> = (0..25).map(passage).collect();
        let order = order(&question, &passages, &|_| Vector::new(&[]));
        assert_eq!(order[0].0, 19);
        let rest: Vec<usize> = order.iter().skip(20).map(|one| one.0).collect();
        assert_eq!(rest, [20, 21, 22, 23, 24]);
        assert!(order.is_sorted_by(|a, b| b.1 <= a.1));
    }

    #[test]
    fn nothing_asked_and_nothing_found_have_a_score_too() {
        let query = Query::new("");
        let question = Question::new("", &query, &[], 0.0, None);
        let passage = Passage { text: "", lexical: 0.0, dense: 0.0, mixed: 0.0 };
        assert!(score(&question, &passage, &|_| Vector::new(&[])) < 0.1);
    }

    #[test]
    fn the_nearest_sentence_counts() {
        let vector = Vector::new(&[0.0, 1.0]);
        let embed = |text: &str| Vector::new(if text.contains("login") { &[0.1, 0.9] } else { &[1.0, 0.0] });
        let query = Query::new(ASKED);
        let question = Question::new(ASKED, &query, &[1.0; 4], 10.0, Some(&vector));
        let near =
            |text| features(&question, &Passage { text, lexical: 0.0, dense: 0.0, mixed: 0.0 }, &embed)[6];
        assert!(0.9 < near("Other things. How to get your login back."));
        assert!(near("Other things. Opening hours.") < 0.1);
    }
}
