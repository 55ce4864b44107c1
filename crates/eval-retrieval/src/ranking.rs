//! Rankings of a collection by words, by meaning, by both, and reranked.

use sluice_retrieval::{
    dense::{self, Vector, Vectors},
    mix::STATIC_WEIGHT,
    mmr::{self, LAMBDA},
    postings::{self, Postings},
    rerank,
    search::{Candidate, File, Found, search},
    terms::{self, Query},
};
use sluice_semantic::model::Model;

use crate::{
    data::Collection,
    fit::{self, List},
    measure::Figures,
};

/// Passages that are found before some are picked.
const SEEN: usize = 40;

/// A collection, indexed.
pub struct Indexed<'a> {
    pub collection: &'a Collection,
    model: &'a Model<'a>,
    words: Vec<u8>,
    vectors: Vec<u8>,
}

impl<'a> Indexed<'a> {
    pub fn new(model: &'a Model<'a>, collection: &'a Collection) -> Self {
        let chunks: Vec<_> = collection.texts.iter().map(|text| terms::hashes(text)).collect();
        let rows: Vec<Vec<Vector>> = collection
            .texts
            .iter()
            .map(|text| {
                let windows = dense::windows(text).into_iter().filter_map(|window| text.get(window));
                [text.as_str()].into_iter().chain(windows).map(|text| embed(model, text)).collect()
            })
            .collect();
        Self { collection, model, words: postings::pack(&chunks), vectors: dense::pack(256, &rows) }
    }

    fn found(&self, question: &str, weight: f32, count: usize) -> (Query, Vector, Found) {
        let (query, vector) = (Query::new(question), embed(self.model, question));
        let mut cosines = vec![0.0; self.collection.texts.len()];
        Vectors::parse(&self.vectors).unwrap().scores(&vector, &mut cosines);
        let file = File {
            postings: Postings::parse(&self.words).unwrap(),
            cosines: (0.0 < weight).then_some(&cosines),
            admitted: true,
        };
        let found = search(&[file], &query, weight, count);
        (query, vector, found)
    }

    /// What a question found by default, as the reranker sees it.
    fn list(&self, at: usize) -> List {
        let question = &self.collection.questions[at];
        let (query, vector, found) = self.found(&question.text, STATIC_WEIGHT, SEEN);
        let asked = rerank::Question::new(&question.text, &query, &found.weights, found.most, Some(&vector));
        let inputs = |one: &Candidate| {
            let inputs = rerank::features(&asked, &self.passage(one), &|text| embed(self.model, text));
            (inputs, question.right.contains_key(&(one.chunk as usize)))
        };
        found.candidates.iter().map(inputs).collect()
    }

    fn passage(&self, one: &Candidate) -> rerank::Passage<'_> {
        let text = &self.collection.texts[one.chunk as usize];
        rerank::Passage { text, lexical: one.lexical, dense: one.dense, mixed: one.mixed }
    }

    /// Chunks found by default, reranked: with scores, best first.
    fn reranked(&self, question: &str) -> Vec<(usize, f32)> {
        let (query, vector, found) = self.found(question, STATIC_WEIGHT, SEEN);
        let asked = rerank::Question::new(question, &query, &found.weights, found.most, Some(&vector));
        let passages: Vec<_> = found.candidates.iter().map(|one| self.passage(one)).collect();
        let order = rerank::order(&asked, &passages, &|text| embed(self.model, text));
        order.into_iter().map(|(at, score)| (found.candidates[at].chunk as usize, score)).collect()
    }

    /// Chunks found by default, with the score they have without a second look, best first.
    fn unread(&self, question: &str) -> Vec<(usize, f32)> {
        let (_, _, found) = self.found(question, STATIC_WEIGHT, SEEN);
        let score = |one: &Candidate| {
            (one.chunk as usize, rerank::unread(one.lexical, one.dense, one.mixed, found.most))
        };
        let mut scored: Vec<(usize, f32)> = found.candidates.iter().map(score).collect();
        scored.sort_by(|a, b| b.1.total_cmp(&a.1));
        scored
    }

    /// [`Self::reranked`], then without repeats.
    pub fn spread(&self, question: &str, lambda: f32) -> Vec<usize> {
        let scored = self.reranked(question);
        let words: Vec<_> =
            scored.iter().map(|(place, _)| mmr::Words::new(&self.collection.texts[*place])).collect();
        let scores: Vec<f32> = scored.iter().map(|one| one.1).collect();
        let picked = mmr::pick(&scores, 10, lambda, |a, b| mmr::likeness(&words[a], &words[b]));
        picked.into_iter().map(|at| scored[at].0).collect()
    }

    pub fn print(&self) {
        let collection = self.collection;
        let characters: usize = collection.texts.iter().map(String::len).sum();
        println!(
            "{}: {} texts, {} questions, {} bytes a text; postings {} bytes, vectors {} bytes a text",
            collection.name,
            collection.texts.len(),
            collection.questions.len(),
            characters / collection.texts.len(),
            self.words.len() / collection.texts.len(),
            self.vectors.len() / collection.texts.len()
        );
        let places = |found: Found| found.candidates.iter().map(|one| one.chunk as usize).collect();
        let first = |scored: Vec<(usize, f32)>| scored.iter().map(|one| one.0).collect();
        let run = |name: &str, rank: &dyn Fn(&str) -> Vec<usize>| {
            let mut figures = [Figures::default(); 2];
            for (at, question) in collection.questions.iter().enumerate() {
                let ranking = rank(&question.text);
                figures[0].add(&ranking, &question.right);
                // Every other question fitted the reranker; these did not.
                if at % 2 == 1 {
                    figures[1].add(&ranking, &question.right);
                }
            }
            let [(ndcg, recall), (apart, apart_recall)] = figures.map(Figures::mean);
            println!("  {name:<28} {ndcg:5.1} / {recall:5.1}   {apart:5.1} / {apart_recall:5.1}");
        };
        run("BM25", &|question| places(self.found(question, 0.0, 10).2));
        run("dense", &|question| places(self.found(question, 1.0, 10).2));
        for weight in [STATIC_WEIGHT, 0.5] {
            run(&format!("hybrid, weight {weight}"), &|question| places(self.found(question, weight, 10).2));
        }
        run("hybrid, by its 0 to 1 score", &|question| first(self.unread(question)));
        run("hybrid, reranked", &|question| first(self.reranked(question)));
        run("reranked, without repeats", &|question| self.spread(question, LAMBDA));
        self.calibration();
    }

    /// Of the passages with a score, how many are right.
    fn calibration(&self) {
        type Scored<'s> = &'s dyn Fn(&str) -> Vec<(usize, f32)>;
        let reranked: Scored<'_> = &|question| self.reranked(question);
        let unread: Scored<'_> = &|question| self.unread(question);
        for (name, scored) in [("reranked", reranked), ("not reranked", unread)] {
            let mut bins = [(0, 0); 5];
            for (at, question) in self.collection.questions.iter().enumerate().filter(|(at, _)| at % 2 == 1) {
                for (place, score) in scored(&question.text).into_iter().take(20) {
                    let bin = &mut bins[((score * 5.0) as usize).min(4)];
                    bin.0 += usize::from(self.collection.questions[at].right.contains_key(&place));
                    bin.1 += 1;
                }
            }
            let share =
                |(right, all): (usize, usize)| format!("{:.0} %", 100.0 * right as f64 / all.max(1) as f64);
            println!(
                "  right of those that score 0–0.2, –0.4, –0.6, –0.8, –1, {name}: {}",
                bins.map(share).join(", ")
            );
        }
    }
}

pub fn embed(model: &Model<'_>, text: &str) -> Vector {
    Vector::new(&model.embed(text).0)
}

/// Fits the reranker on every other question and prints its weights; the others are what [`Indexed::print`] measures on.
pub fn fit_weights(indexed: &[Indexed<'_>]) {
    let lists: Vec<List> = indexed
        .iter()
        .flat_map(|one| (0..one.collection.questions.len()).step_by(2).map(|at| one.list(at)))
        .collect();
    println!("WEIGHTS of crates/retrieval/src/rerank.rs: {:.3?}", fit::fit(&lists, rerank::FEATURES));
    println!("WEIGHTS_UNREAD, without the zeros: {:.3?}", fit::fit(&lists, 3));
}
