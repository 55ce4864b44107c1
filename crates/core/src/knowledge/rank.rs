//! What a search found, in the order and with the scores that callers see.

use std::cmp::Ordering;

use sluice_retrieval::{
    dense::Vector,
    mmr::{self, LAMBDA, Words},
    rerank::{self, Question},
    terms::Query,
};
use sluice_semantic::decide::Engine;
use sluice_types::knowledge::{Chunk, Passage};

use crate::index::Found;

/// The passages of `store` that were found for `text`, whose words are `words`: each with its score, 0 to 1, the best
/// first. With `again` they are reranked by their texts, which the built-in model compares with the question where this
/// build has it, whatever model embedded the store.
pub fn scored(store: &str, text: &str, words: &Query, found: Found, again: bool) -> Vec<Passage> {
    let Found { candidates, weights, most, .. } = found;
    let texts: Vec<String> = candidates.iter().map(|candidate| read(&candidate.chunk)).collect();
    let ranked: Vec<(usize, f32)> = if again {
        let embed = |text: &str| {
            Vector::new(&Engine::embedded().map(|engine| engine.model.embed(text).0).unwrap_or_default())
        };
        let vector = Engine::embedded().map(|_| embed(text));
        let question = Question::new(text, words, &weights, most, vector.as_ref());
        let passages: Vec<rerank::Passage<'_>> = candidates
            .iter()
            .zip(&texts)
            .map(|(candidate, text)| rerank::Passage {
                text,
                lexical: candidate.lexical,
                dense: candidate.dense,
                mixed: candidate.mixed,
            })
            .collect();
        rerank::order(&question, &passages, &embed)
    } else {
        let score = |one: &crate::index::Candidate| rerank::unread(one.lexical, one.dense, one.mixed, most);
        candidates.iter().map(score).enumerate().collect()
    };
    let mut scores = vec![0.0; candidates.len()];
    for (at, score) in ranked {
        if let Some(place) = scores.get_mut(at) {
            *place = f64::from(score);
        }
    }
    passages(store, candidates, scores)
}

/// The passages of `store` that were found, each with its score, 0 to 1, which somebody else told; the best first.
pub fn with_scores(store: &str, found: Found, scores: Vec<f64>) -> Vec<Passage> {
    passages(store, found.candidates, scores)
}

fn passages(store: &str, candidates: Vec<crate::index::Candidate>, scores: Vec<f64>) -> Vec<Passage> {
    let passage = |(candidate, score): (crate::index::Candidate, f64)| Passage {
        store: store.to_owned(),
        file: candidate.file,
        filename: candidate.filename,
        chunk: candidate.chunk,
        attributes: candidate.attributes,
        score,
    };
    let mut passages: Vec<Passage> = candidates.into_iter().zip(scores).map(passage).collect();
    passages.sort_by(best_first);
    passages
}

/// Of passages, those that reach `threshold`, at most `most`, without what repeats better ones: the best first.
pub fn picked(mut passages: Vec<Passage>, threshold: f64, most: usize) -> Vec<Passage> {
    passages.retain(|passage| threshold <= passage.score);
    passages.sort_by(best_first);
    let words: Vec<Words> = passages.iter().map(|passage| Words::new(&passage.chunk.text)).collect();
    let scores: Vec<f32> = passages.iter().map(|passage| passage.score as f32).collect();
    let alike = |one: usize, other: usize| match (words.get(one), words.get(other)) {
        (Some(one), Some(other)) => mmr::likeness(one, other),
        _ => 0.0,
    };
    let picked = mmr::pick(&scores, most, LAMBDA, alike);
    let mut passages: Vec<Passage> = picked.into_iter().filter_map(|at| passages.get(at).cloned()).collect();
    // What was picked is shown by score: callers read it as the order.
    passages.sort_by(best_first);
    passages
}

/// By score, then by place, so that the order never varies.
fn best_first(one: &Passage, other: &Passage) -> Ordering {
    let place = |passage: &Passage| (passage.file.clone(), passage.chunk.ordinal);
    other.score.total_cmp(&one.score).then_with(|| place(one).cmp(&place(other)))
}

/// A chunk's text as it is read: the headings above it first.
pub fn read(chunk: &Chunk) -> String {
    let mut text = chunk.headings.join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    text + &chunk.text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sluice_retrieval::mix::{Mix, Spread};

    use super::*;
    use crate::index::Candidate;

    fn candidate(file: &str, text: &str, lexical: f32) -> Candidate {
        Candidate {
            file: file.to_owned(),
            filename: format!("{file}.md"),
            attributes: BTreeMap::new(),
            chunk: Chunk {
                ordinal: 0,
                text: text.to_owned(),
                headings: Vec::new(),
                page: None,
                start: 0,
                end: 9,
            },
            lexical,
            dense: 0.3,
            mixed: lexical / 3.0,
        }
    }

    const ASKED: &str = "reset the admin password";

    fn found(texts: &[&str]) -> Found {
        let spread = Spread { mean: 0.0, deviation: 1.0 };
        let one = |(at, text): (usize, &&str)| candidate(&format!("f{at}"), text, 6.0 - at as f32);
        Found {
            candidates: texts.iter().enumerate().map(one).collect(),
            mix: Mix { lexical: spread, dense: spread, weight: 0.3 },
            most: 12.0,
            weights: vec![2.0; 3],
            generation: 1,
        }
    }

    fn order(passages: &[Passage]) -> Vec<&str> {
        passages.iter().map(|passage| passage.file.as_str()).collect()
    }

    #[test]
    fn a_second_look_puts_what_answers_first() {
        let texts =
            ["Opening hours of the shop.", "To reset the admin password, open the settings.", "Prices."];
        let words = Query::new(ASKED);
        let plain = scored("vs_1", ASKED, &words, found(&texts), false);
        let again = scored("vs_1", ASKED, &words, found(&texts), true);
        assert_eq!(order(&plain), ["f0", "f1", "f2"]);
        assert_eq!(order(&again)[0], "f1");
        assert!(again.iter().chain(&plain).all(|passage| (0.0..=1.0).contains(&passage.score)));
    }

    #[test]
    fn repeats_and_what_scores_too_little_are_left_out() {
        let text = "To reset the admin password, open the settings.";
        let passages = scored("vs_1", ASKED, &Query::new(ASKED), found(&[text, text, "Admin pages."]), true);
        let least = passages[2].score;
        assert_eq!(picked(passages.clone(), 0.0, 10).len(), 3);
        assert_eq!(picked(passages.clone(), least + 1e-6, 10).len(), 2);
        assert_eq!(picked(passages, 0.0, 1).len(), 1);
        assert!(picked(Vec::new(), 0.0, 3).is_empty());
    }
}
