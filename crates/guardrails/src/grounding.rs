//! How far an answer is supported by the passages it was given: a score, per sentence and in all, and what is missing.
//!
//! The score is a logistic model over shares of the answer's words, word pairs, names and numbers that the passages
//! hold. None of its inputs is, or grows with, the answer's length. It measures overlap, not truth: a sentence that
//! says the opposite in the same words scores high. So it is a figure to show or to sample by, no proof.
//! The weights are fitted by `cargo xtask eval guardrails --fit`.

mod words;

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

use words::{Word, sentences};

/// Inputs of the model.
pub const FEATURES: usize = 12;

/// Weights of the model, in the order of [`features`]; the last is the constant.
const WEIGHTS: [f64; FEATURES + 1] =
    [1.382, 0.975, 1.788, 1.472, -0.425, -0.404, 3.609, -0.905, 0.243, -1.314, -0.691, 0.874, -5.888];

/// Passages prepared to be compared with.
#[derive(Debug)]
pub struct Context {
    words: HashSet<String>,
    pairs: HashSet<(String, String)>,
    triples: HashSet<(String, String, String)>,
    content_pairs: HashSet<(String, String)>,
    places: HashMap<String, Vec<usize>>,
    order: Vec<String>,
    question: HashSet<String>,
}

/// How far one sentence is supported.
#[derive(Clone, Debug, PartialEq)]
pub struct Sentence {
    /// Bytes of the answer.
    pub span: Range<usize>,
    /// 0 to 1: the share of the sentence's content words that the passages hold.
    pub support: f64,
    /// Numbers the passages do not hold.
    pub missing_numbers: Vec<String>,
    /// Names the passages do not hold.
    pub missing_names: Vec<String>,
}

/// How far an answer is supported.
#[derive(Clone, Debug, PartialEq)]
pub struct Support {
    /// 0 to 1.
    pub score: f64,
    /// Sentence by sentence.
    pub sentences: Vec<Sentence>,
}

impl Context {
    /// Prepares passages and the question they were found for, which may be empty.
    pub fn new<'t>(passages: impl IntoIterator<Item = &'t str>, question: &str) -> Self {
        let (mut order, mut content) = (Vec::new(), Vec::new());
        for passage in passages {
            let words = words::words(passage);
            content.extend(words.iter().filter(|word| word.content).map(|word| word.stem.clone()));
            order.extend(words.into_iter().map(|word| word.stem));
        }
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, word) in order.iter().enumerate() {
            let places = places.entry(word.clone()).or_default();
            // A word repeated without end must not make following it expensive.
            if places.len() < 32 {
                places.push(at);
            }
        }
        let question = words::words(question).into_iter().map(|word| word.stem).collect();
        Self {
            words: order.iter().cloned().collect(),
            pairs: pairs(&order),
            triples: triples(&order),
            content_pairs: pairs(&content),
            places,
            order,
            question,
        }
    }

    /// The score of an answer, with its sentences.
    pub fn support(&self, answer: &str) -> Support {
        let features = self.features(answer);
        let constant = WEIGHTS.last().copied().unwrap_or(0.0);
        let sum: f64 = WEIGHTS.iter().zip(features).map(|(weight, feature)| weight * feature).sum();
        let sentences = sentences(answer).map(|span| self.sentence(answer, span)).collect();
        Support { score: 1.0 / (1.0 + (-(sum + constant)).exp()), sentences }
    }

    fn sentence(&self, answer: &str, span: Range<usize>) -> Sentence {
        let words = words::words(crate::text::part(answer, span.start, span.end));
        let missing = |wanted: fn(&Word) -> bool| {
            let absent = words.iter().filter(|word| wanted(word) && !self.words.contains(&word.stem));
            absent.map(|word| word.text.clone()).collect()
        };
        Sentence {
            support: self.overlap(&words, |word| if word.content { 1.0 } else { 0.0 }),
            missing_numbers: missing(|word| word.number),
            missing_names: missing(|word| word.name),
            span,
        }
    }

    /// The model's inputs, each a share from 0 to 1.
    pub fn features(&self, answer: &str) -> [f64; FEATURES] {
        let words = words::words(answer);
        let stems: Vec<String> = words.iter().map(|word| word.stem.clone()).collect();
        let content: Vec<String> =
            words.iter().filter(|word| word.content).map(|word| word.stem.clone()).collect();
        let weight = |word: &Word| match word {
            Word { content: false, .. } => 0.0,
            Word { number: true, .. } | Word { name: true, .. } => 2.0,
            Word { stem, .. } => (stem.len() as f64 / 5.0).clamp(0.5, 2.0),
        };
        let worst = sentences(answer)
            .map(|span| words::words(crate::text::part(answer, span.start, span.end)))
            .filter(|words| words.iter().any(|word| word.content))
            .map(|words| self.overlap(&words, weight))
            .fold(1.0, f64::min);
        let person =
            words.iter().filter(|word| words::PERSONAL.contains(&word.text.to_lowercase().as_str())).count();
        let new = content
            .iter()
            .filter(|word| !self.words.contains(*word) && !self.question.contains(*word))
            .count();
        let asked = content
            .iter()
            .filter(|word| !self.words.contains(*word) && self.question.contains(*word))
            .count();
        [
            self.overlap(&words, |word| if word.content { 1.0 } else { 0.0 }),
            self.overlap(&words, weight),
            worst,
            held(&pairs(&stems), &self.pairs),
            held(&triples(&stems), &self.triples),
            held(&pairs(&content), &self.content_pairs),
            self.overlap(&words, |_| 1.0),
            self.overlap(&words, |word| if word.number { 1.0 } else { 0.0 }),
            self.overlap(&words, |word| if word.name { 1.0 } else { 0.0 }),
            share(person, words.len()),
            share(new, content.len()) * f64::from(u8::from(answer.contains('?')))
                + share(asked, content.len()),
            self.longest(&stems),
        ]
    }

    /// The weight of the words that the passages hold, of the weight of all; 1 where nothing has weight.
    fn overlap(&self, words: &[Word], weight: impl Fn(&Word) -> f64) -> f64 {
        let (mut there, mut all) = (0.0, 0.0);
        for word in words {
            let weight = weight(word);
            all += weight;
            there += if self.words.contains(&word.stem) { weight } else { 0.0 };
        }
        if all == 0.0 { 1.0 } else { there / all }
    }

    /// The longest run of words shared in order, as a share of the answer's words.
    fn longest(&self, stems: &[String]) -> f64 {
        let (mut best, mut runs): (usize, HashMap<usize, usize>) = (0, HashMap::new());
        for stem in stems {
            let mut next = HashMap::new();
            for &at in self.places.get(stem).into_iter().flatten() {
                let count = at.checked_sub(1).and_then(|before| runs.get(&before)).copied().unwrap_or(0) + 1;
                best = best.max(count);
                next.insert(at, count);
            }
            runs = next;
        }
        share(best.min(self.order.len()), stems.len())
    }
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// The share of the first set that the second holds; 1 where there is none.
fn held<T: Eq + std::hash::Hash>(these: &HashSet<T>, those: &HashSet<T>) -> f64 {
    if these.is_empty() { 1.0 } else { share(these.intersection(those).count(), these.len()) }
}

fn pairs(words: &[String]) -> HashSet<(String, String)> {
    words.iter().zip(words.iter().skip(1)).map(|(a, b)| (a.clone(), b.clone())).collect()
}

fn triples(words: &[String]) -> HashSet<(String, String, String)> {
    let second = words.iter().skip(1).zip(words.iter().skip(2));
    words.iter().zip(second).map(|(a, (b, c))| (a.clone(), b.clone(), c.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSAGE: &str =
        "The lighthouse of Skagen was built in 1858. It is 46 metres high and stands north of the town.";

    #[test]
    fn supported_answers_score_above_unsupported_ones() {
        let context = Context::new([PASSAGE], "How high is the lighthouse?");
        let good = context.support("The lighthouse of Skagen is 46 metres high.");
        let bad =
            context.support("I think Hans Holm painted it red in 1901 because sailors liked that colour.");
        assert!(bad.score + 0.3 < good.score, "{} {}", bad.score, good.score);
        let sentence = &bad.sentences[0];
        assert_eq!(sentence.missing_numbers, ["1901"]);
        assert_eq!(sentence.missing_names, ["Hans", "Holm"]);
        assert!(good.sentences[0].missing_numbers.is_empty());
    }

    #[test]
    fn saying_more_of_the_same_does_not_change_the_score() {
        let context = Context::new([PASSAGE], "");
        let once = context.features("It was built in 1858 by monks.");
        let twice = context.features("It was built in 1858 by monks. It was built in 1858 by monks.");
        for (a, b) in once.iter().zip(twice).take(3) {
            assert!((a - b).abs() < 1e-9);
        }
    }

    #[test]
    fn every_sentence_has_its_own_support() {
        let context = Context::new([PASSAGE], "");
        let support = context.support("It is 46 metres high. Penguins guard the door!");
        assert_eq!(support.sentences.len(), 2);
        assert!(support.sentences[1].support < support.sentences[0].support);
    }
}
