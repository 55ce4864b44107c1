//! Whether a passage says what a statement says.
//!
//! A logistic model over shares of the statement that the passage holds: words (rare ones counting more), words in one
//! sentence, neighbours, numbers and names it lacks, its nearest sentence and words in meaning, an opposite or a negation
//! on one side only, and how much better another passage does. Like the guardrails' groundedness it measures overlap, not truth:
//! what it rejects is cited wrongly nearly always, what it lets pass may still twist the passage's words. It differs
//! from that score in its question (this one passage and no other, one statement) and so in its inputs and weights.
//! The weights are fitted by `cargo xtask train retrieval` on the cases in `crates/eval-retrieval/cases`.

use std::collections::{HashMap, HashSet};

use super::opposites;
use crate::{
    dense::Vector,
    terms::{self, Term},
    text::sentences,
};

/// Inputs of the model.
pub const FEATURES: usize = 12;

/// Weights of the model, in the order of [`Passages::features`]; the last is the constant.
const WEIGHTS: [f32; FEATURES + 1] =
    [-0.515, 0.764, 1.037, -2.566, -2.575, 1.788, -0.391, 1.924, -0.061, -2.432, -1.093, -2.204, -1.391];
/// The same for where no vectors are to be had.
const WEIGHTS_OF_WORDS: [f32; FEATURES + 1] =
    [-0.379, 0.962, 1.295, -2.648, -2.694, 0.000, -0.459, 1.786, 0.000, -2.467, -1.074, -2.389, -0.473];

/// Support from which a citation is kept.
pub const KEPT: f32 = 0.5;

/// Gives a text's vector.
pub type Embed<'e> = &'e dyn Fn(&str) -> Vector;

/// Passages prepared for statements to be compared with.
pub struct Passages<'e> {
    all: Vec<Prepared>,
    /// How many passages hold a term.
    holding: HashMap<Term, u32>,
    embed: Option<Embed<'e>>,
}

impl std::fmt::Debug for Passages<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Passages({})", self.all.len())
    }
}

#[derive(Debug)]
struct Prepared {
    terms: HashSet<Term>,
    sentences: Vec<Sentence>,
}

#[derive(Debug)]
struct Sentence {
    order: Vec<Term>,
    /// All terms, the small words' too.
    all: HashSet<Term>,
    /// Vectors of the telling words, where they are to be had.
    words: Vec<Vector>,
    negated: bool,
    vector: Option<Vector>,
}

/// A statement, taken apart.
struct Claim {
    /// Terms without small words, in order.
    order: Vec<Term>,
    /// Each of them with its word's vector.
    words: Vec<Option<Vector>>,
    all: HashSet<Term>,
    numbers: Vec<Term>,
    names: Vec<Term>,
    negated: bool,
    vector: Option<Vector>,
}

impl<'e> Passages<'e> {
    /// Prepares passages; with `embed`, meaning counts too.
    #[must_use]
    pub fn new<'t>(texts: impl IntoIterator<Item = &'t str>, embed: Option<Embed<'e>>) -> Self {
        let prepare = |text: &str| {
            let sentence = |range| {
                let text: &str = text.get(range).unwrap_or_default();
                let telling = telling(text);
                Sentence {
                    order: telling.iter().map(|(term, _)| *term).collect(),
                    all: terms::hashes(text).into_iter().collect(),
                    words: embed
                        .map_or_else(Vec::new, |embed| telling.iter().map(|(_, word)| embed(word)).collect()),
                    negated: negated(text),
                    vector: embed.map(|embed| embed(text)),
                }
            };
            let sentences: Vec<Sentence> = sentences(text).into_iter().map(sentence).collect();
            Prepared {
                terms: sentences.iter().flat_map(|one| one.order.iter().copied()).collect(),
                sentences,
            }
        };
        let all: Vec<Prepared> = texts.into_iter().map(prepare).collect();
        let mut holding = HashMap::new();
        all.iter().flat_map(|one| &one.terms).for_each(|term| *holding.entry(*term).or_insert(0) += 1);
        Self { all, holding, embed }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How well a passage, counted from 0, supports a statement: 0 to 1; 0 for a passage that is not there and for a
    /// statement that says nothing.
    #[must_use]
    pub fn support(&self, statement: &str, passage: usize) -> f32 {
        let Some(inputs) = self.features(statement, passage) else { return 0.0 };
        let weights = if self.embed.is_some() { &WEIGHTS } else { &WEIGHTS_OF_WORDS };
        let constant = weights.last().copied().unwrap_or(0.0);
        let sum: f32 = weights.iter().zip(inputs).map(|(weight, input)| weight * input).sum();
        1.0 / (1.0 + (-(sum + constant)).exp())
    }

    /// The model's inputs; `None` for a passage that is not there and a statement without a telling word.
    #[must_use]
    pub fn features(&self, statement: &str, passage: usize) -> Option<[f32; FEATURES]> {
        let telling = telling(statement);
        let claim = Claim {
            order: telling.iter().map(|(term, _)| *term).collect(),
            words: telling.iter().map(|(_, word)| self.embed.map(|embed| embed(word))).collect(),
            all: terms::hashes(statement).into_iter().collect(),
            numbers: marked(statement, |word, _| word.chars().any(|c| c.is_ascii_digit())),
            names: marked(statement, |word, begins| {
                !begins && word.chars().next().is_some_and(char::is_uppercase)
            }),
            negated: negated(statement),
            vector: self.embed.map(|embed| embed(statement)),
        };
        let own = self.all.get(passage).filter(|_| !claim.order.is_empty())?;
        let cover = |one: &Prepared| self.covered(&claim, |term| one.terms.contains(&term));
        let covered = cover(own);
        let others = self.all.iter().enumerate().filter(|(at, _)| *at != passage).map(|(_, one)| cover(one));
        let best = self.best(&claim, own);
        let cosine = |sentence: &Sentence| Some(sentence.vector.as_ref()?.cosine(claim.vector.as_ref()?));
        let missing = |wanted: &[Term]| {
            wanted.iter().filter(|term| !own.terms.contains(term)).count() as f32 / wanted.len().max(1) as f32
        };
        let flag = |holds: bool| f32::from(u8::from(holds));
        Some([
            covered,
            best.map_or(0.0, |(share, _)| share),
            pairs(&claim.order, own),
            missing(&claim.numbers),
            missing(&claim.names),
            own.sentences.iter().filter_map(cosine).fold(0.0, f32::max),
            flag(best.is_some_and(|(_, sentence)| sentence.negated != claim.negated)),
            covered - others.fold(0.0, f32::max),
            self.soft(&claim, own),
            flag(best.is_some_and(|(_, sentence)| contrary(&claim, sentence))),
            flag(ABSOLUTE.iter().any(|word| {
                let term = terms::hash(word);
                claim.all.contains(&term) && !own.sentences.iter().any(|one| one.all.contains(&term))
            })),
            // What the statement is about stands in another passage and not in this one.
            flag(
                claim
                    .order
                    .first()
                    .is_some_and(|first| !own.terms.contains(first) && self.holding.contains_key(first)),
            ),
        ])
    }

    /// The share of the statement's weight that the passage holds when words near in meaning count in part.
    fn soft(&self, claim: &Claim, own: &Prepared) -> f32 {
        if self.embed.is_none() {
            return 0.0;
        }
        let (mut held, mut all) = (0.0, 0.0);
        for (term, vector) in claim.order.iter().zip(&claim.words) {
            let weight = self.weight(*term);
            let words = || own.sentences.iter().flat_map(|sentence| &sentence.words);
            let near = match vector {
                _ if own.terms.contains(term) => 1.0,
                Some(vector) => words()
                    .map(|word| ((word.cosine(vector) - 0.3) / 0.5).clamp(0.0, 1.0))
                    .fold(0.0, f32::max),
                None => 0.0,
            };
            all += weight;
            held += weight * near;
        }
        if 0.0 < all { held / all } else { 0.0 }
    }

    /// How much a term tells passages apart.
    fn weight(&self, term: Term) -> f32 {
        let holding = self.holding.get(&term).copied().unwrap_or(0) as f32;
        ((self.all.len() as f32 + 1.0) / (holding + 0.5)).ln_1p()
    }

    /// The share of the statement's weight for whose terms `there` holds.
    fn covered(&self, claim: &Claim, there: impl Fn(Term) -> bool) -> f32 {
        let weight = |term: &Term| self.weight(*term);
        let all: f32 = claim.order.iter().map(weight).sum();
        let held: f32 = claim.order.iter().filter(|term| there(**term)).map(weight).sum();
        if 0.0 < all { held / all } else { 0.0 }
    }

    /// The sentence that holds most of the statement, with its share.
    fn best<'p>(&self, claim: &Claim, passage: &'p Prepared) -> Option<(f32, &'p Sentence)> {
        let share = |one: &'p Sentence| (self.covered(claim, |term| one.order.contains(&term)), one);
        passage.sentences.iter().map(share).reduce(|best, one| if best.0 < one.0 { one } else { best })
    }
}

/// Words that leave no exception.
const ABSOLUTE: &[&str] =
    &["only", "all", "every", "always", "never", "everywhere", "none", "nobody", "exclusively", "too"];

/// Whether a sentence has a word for whose opposite the statement has one, and neither has both.
fn contrary(claim: &Claim, sentence: &Sentence) -> bool {
    claim.all.iter().filter(|term| !sentence.all.contains(term)).any(|term| {
        opposites::of(*term).is_some_and(|opposites| {
            opposites.iter().any(|other| sentence.all.contains(other) && !claim.all.contains(other))
        })
    })
}

/// The share of neighbours in the statement that stand near each other in one of the passage's sentences.
fn pairs(order: &[Term], passage: &Prepared) -> f32 {
    let near = |first: &Term, second: &Term| {
        passage.sentences.iter().any(|sentence| {
            let places = |term: &Term| {
                let term = *term;
                sentence.order.iter().enumerate().filter(move |(_, one)| **one == term).map(|(at, _)| at)
            };
            places(first).any(|at| places(second).any(|other| at.abs_diff(other) <= 3))
        })
    };
    let found = order.iter().zip(order.iter().skip(1)).filter(|(first, second)| near(first, second)).count();
    found as f32 / order.len().saturating_sub(1).max(1) as f32
}

/// The terms of a text without small words, each with its word; number words are digits.
fn telling(text: &str) -> Vec<(Term, &str)> {
    let mut out = Vec::new();
    for word in text.split(|c: char| c.is_whitespace() || matches!(c, '-' | '–' | '/')) {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        let plain = word.to_lowercase();
        if let Some(value) = NUMBERS.iter().position(|number| *number == plain) {
            out.push((terms::hash(&value.to_string()), word));
        } else if !terms::is_small(&plain) {
            out.extend(terms::hashes(word).into_iter().map(|term| (term, word)));
        }
    }
    out
}

const NUMBERS: &[&str] = &[
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
];

/// The terms of words for which `wanted` holds, given the word and whether it begins a sentence.
fn marked(text: &str, wanted: impl Fn(&str, bool) -> bool) -> Vec<Term> {
    let (mut out, mut begins) = (Vec::new(), true);
    for word in text.split_whitespace() {
        let plain = word.trim_matches(|c: char| !c.is_alphanumeric());
        if !plain.is_empty() {
            if wanted(plain, begins) && !terms::is_small(&plain.to_lowercase()) {
                out.extend(telling(plain).into_iter().map(|(term, _)| term));
            }
            begins = false;
        }
        begins |= word.ends_with(['.', '!', '?', ':', '"']);
    }
    out
}

/// Whether a text denies something.
fn negated(text: &str) -> bool {
    let denies = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase().replace('’', "'");
        word.ends_with("n't")
            || matches!(
                word.as_str(),
                "not" | "no" | "never" | "none" | "nor" | "neither" | "without" | "cannot"
            )
    };
    text.split_whitespace().any(denies)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 3] = [
        "The lighthouse of Skagen was built in 1858. It is 46 metres high and stands north of the town.",
        "Annual plans can be refunded within thirty days. Monthly plans cannot be refunded.",
        "",
    ];

    #[test]
    fn a_passage_supports_what_it_says_and_not_what_another_says() {
        let passages = Passages::new(TEXTS, None);
        let high = "The lighthouse is 46 metres high.";
        assert!(KEPT <= passages.support(high, 0));
        assert!(passages.support(high, 1) < 0.1);
        assert!(passages.support("The lighthouse is 52 metres high.", 0) < passages.support(high, 0));
        assert_eq!(passages.support(high, 9), 0.0);
        assert_eq!(passages.support("It is so.", 0), 0.0);
        assert!(passages.support(high, 2) < 0.1);
    }

    #[test]
    fn number_words_are_numbers_and_denials_are_seen() {
        let passages = Passages::new(["The car has four doors."], None);
        let inputs = passages.features("It has 4 doors.", 0).unwrap();
        assert_eq!((inputs[0], inputs[3]), (1.0, 0.0));
        let denied = passages.features("The car has not four doors.", 0).unwrap();
        assert_eq!((inputs[6], denied[6]), (0.0, 1.0));
    }
}
