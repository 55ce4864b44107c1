//! An answer without a model: the sentences of the passages that share most with the question, each with its citation.

use std::collections::{HashMap, HashSet};

use sluice_retrieval::{
    terms::{self, Term},
    text::sentences,
};

use super::Grounds;

/// The most sentences.
const MOST: usize = 3;

/// A sentence is taken beside the best one if it scores at least this part of it.
const LEAST: f32 = 0.5;

/// What the answer begins with.
const LABEL: &str = "[builtin/extractive: no model is connected; sentences quoted from the knowledge]";

/// What is said where no sentence fits.
pub const NOTHING: &str =
    "[builtin/extractive: no model is connected]\n\nThe knowledge holds nothing that answers this.";

/// The answer, with marks for its citations; `None` if no sentence fits.
pub fn answer(grounds: &Grounds) -> Option<String> {
    let question: HashSet<Term> = terms::hashes(&grounds.query).into_iter().collect();
    let mut all: Vec<(u32, &str, HashSet<Term>)> = Vec::new();
    for source in grounds.sources() {
        for range in sentences(&source.text) {
            let text = source.text.get(range).unwrap_or_default().trim();
            if text.split_whitespace().count() >= 3 && has_whole_code(text) {
                all.push((source.number, text, terms::hashes(text).into_iter().collect()));
            }
        }
    }
    let mut holding: HashMap<Term, f32> = HashMap::new();
    for (_, _, terms) in &all {
        terms.iter().for_each(|term| *holding.entry(*term).or_insert(0.0) += 1.0);
    }
    let count = all.len() as f32;
    let score = |terms: &HashSet<Term>| -> f32 {
        let shared = question.iter().filter(|term| terms.contains(term));
        let rare = shared.map(|term| 1.0 - holding.get(term).copied().unwrap_or(0.0) / (count + 1.0));
        // Long sentences hold more words by chance.
        rare.sum::<f32>() / (8.0 + terms.len() as f32).sqrt()
    };
    let mut scored: Vec<(f32, usize)> =
        all.iter().enumerate().map(|(at, (.., terms))| (score(terms), at)).collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let best = scored.first().map_or(0.0, |(score, _)| *score);
    if best <= 0.0 {
        return None;
    }
    scored.retain(|(score, _)| LEAST * best <= *score);
    scored.truncate(MOST);
    scored.sort_by_key(|(_, at)| *at);
    let mut out = LABEL.to_owned();
    let mut told: Vec<&str> = Vec::new();
    for (number, text, _) in scored.iter().filter_map(|(_, at)| all.get(*at)) {
        if !told.contains(text) {
            told.push(text);
            out.push_str(&format!("\n\n{text} [{number}]"));
        }
    }
    Some(out)
}

/// Whether no code was cut in two: the mark behind a quote would count as code, and the half says little.
fn has_whole_code(text: &str) -> bool {
    text.lines().all(|line| line.matches('`').count().is_multiple_of(2))
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use sluice_types::{
        answer::{Answer, Choice, Finish, FinishReason},
        chat::Part,
        json::Members,
    };

    use super::super::cite;
    use super::*;

    #[test]
    fn the_sentence_asked_for_is_quoted_and_its_citation_holds() {
        let grounds = cite::tests::grounds();
        let said = answer(&grounds).unwrap();
        assert!(said.contains("It is 46 metres high. [1]"), "{said}");
        let choice = Choice {
            index: 0,
            parts: vec![Part::text(said)],
            finish: Finish::plain(FinishReason::Stop),
            extra: Members::default(),
        };
        cite::answer(&grounds, &Answer { choices: vec![choice], ..Answer::default() });
        assert!(0 < grounds.told().cited && grounds.told().dropped == 0, "{:?}", grounds.told());
    }

    #[test]
    fn half_of_a_piece_of_code_is_no_quote() {
        assert!(has_whole_code("a `b` c\n`d`") && !has_whole_code("user=postgres` runs it on any."));
        assert!(!has_whole_code("a `b\nc` d") && !has_whole_code("```sh\nrun it now\n```"));
    }

    #[test]
    fn a_question_that_no_passage_knows_has_no_answer() {
        let known = cite::tests::grounds();
        let grounds = Grounds::new(known.passages.clone(), "Quantum zebra?".to_owned(), 4_000, Vec::new(), 0);
        assert_eq!(answer(&Rc::new(grounds)), None);
    }
}
