//! A store of 10,000 chunks and searches in it, and documents made ready for one, a step a call of `main`, so that a host of
//! WASM can time them from outside: a module has no clock. `tools/time.mjs` calls it; `cargo xtask eval retrieval --wasm` knows the order of the steps.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a tool on made-up data")]

use std::{cell::RefCell, hint::black_box};

use sluice_extract::{Limits, Sizes, chunks_of, extract};
use sluice_providers::tokens;
use sluice_retrieval::{
    dense::{self, Vector, Vectors},
    mmr,
    postings::{self, Postings},
    rerank,
    search::{Candidate, File, Found, search},
    terms::{self, Query},
};
use sluice_semantic::model::{EMBEDDED, Model};

const FILES: usize = 200;
const CHUNKS: usize = 50;
/// Calls of each step.
const TIMES: usize = 40;
/// Chunks that one call of the last step makes ready.
const INGESTED: usize = 100;
const QUESTION: &str = "how do the wopira and the latemo change the revenue of the quarter in sibulo";

#[derive(Default)]
struct Store {
    files: Vec<(Vec<u8>, Vec<u8>)>,
    texts: Vec<String>,
    /// A document of more than [`INGESTED`] chunks.
    document: String,
    calls: usize,
}

thread_local! {
    static STORE: RefCell<Store> = RefCell::default();
}

/// Draws numbers; the store must be the same in every run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    /// A word of a vocabulary of 20,000, the early ones far more often, about as words lie in texts.
    fn word(&mut self) -> String {
        let top = [20, 200, 2_000, 20_000][self.below(4)];
        let mut number = self.below(top) + 1;
        let mut word = String::new();
        while 0 < number {
            word.push(['w', 'l', 's', 'p', 't', 'r', 'm', 'b'][number % 8]);
            number /= 8;
            word.push(['o', 'a', 'i', 'e', 'u'][number % 5]);
            number /= 5;
        }
        word
    }
}

fn fill(model: &Model<'_>) -> Store {
    let mut draw = Draw(7);
    let embed = |text: &str| Vector::new(&model.embed(text).0);
    let mut made = Store::default();
    for _ in 0..2_000 {
        let sentence: Vec<String> = (0..15).map(|_| draw.word()).collect();
        made.document.push_str(&(sentence.join(" ") + ".\n\n"));
    }
    for _ in 0..FILES {
        let texts: Vec<String> = (0..CHUNKS)
            .map(|_| {
                (0..120)
                    .map(|at| draw.word() + ["", "."][usize::from(at % 15 == 14)])
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect();
        let rows: Vec<Vec<Vector>> = texts
            .iter()
            .map(|text| {
                let windows = dense::windows(text).into_iter().filter_map(|window| text.get(window));
                [text.as_str()].into_iter().chain(windows).map(embed).collect()
            })
            .collect();
        let terms: Vec<_> = texts.iter().map(|text| terms::hashes(text)).collect();
        check(&rows);
        made.files.push((postings::pack(&terms), dense::pack(256, &rows)));
        made.texts.extend(texts);
    }
    made
}

/// Scans with SIMD128 must say what plain cosines say: native tests do not run that code.
fn check(rows: &[Vec<Vector>]) {
    let packed = dense::pack(256, rows);
    let query = &rows[0][0];
    let mut scores = vec![0.0; rows.len()];
    Vectors::parse(&packed).unwrap().scores(query, &mut scores);
    for (chunk, score) in rows.iter().zip(scores) {
        let cosines: Vec<f32> = chunk.iter().map(|row| row.cosine(query)).collect();
        let best = cosines.iter().skip(1).copied().fold(-1.0, f32::max);
        let expected = if chunk.len() == 1 { cosines[0] } else { (cosines[0] + best) / 2.0 };
        assert!((score - expected).abs() < 1e-6);
    }
}

fn main() {
    let Ok(model) = Model::parse(EMBEDDED.unwrap_or_default()) else { return };
    STORE.with_borrow_mut(|store| {
        if store.calls == 0 {
            *store = fill(&model);
        } else {
            step(&model, store, (store.calls - 1) / TIMES);
        }
        store.calls += 1;
    });
}

/// What `ingest` does with a page of a document but keep it: read, cut, embed by windows, pack.
fn ingest(model: &Model<'_>, document: &str) {
    let document = extract("document.md", document.as_bytes(), &Limits::default()).unwrap();
    let count = |text: &str| tokens::text(text) as usize;
    let chunks = chunks_of(&document, Sizes::fixed(256, 64).unwrap(), &count);
    let chunks: Vec<_> = chunks.take(INGESTED).collect();
    assert_eq!(chunks.len(), INGESTED);
    let rows: Vec<Vec<Vector>> = chunks
        .iter()
        .map(|chunk| {
            let windows = dense::windows(&chunk.text).into_iter().filter_map(|window| chunk.text.get(window));
            let texts = [chunk.text.as_str()].into_iter().chain(windows);
            texts.map(|text| Vector::new(&model.embed(text).0)).collect()
        })
        .collect();
    let terms: Vec<_> = chunks.iter().map(terms::of_chunk).collect();
    black_box((postings::pack(&terms), dense::pack(256, &rows)));
}

fn found<'a>(files: impl Iterator<Item = (Postings<'a>, Option<&'a [f32; CHUNKS]>)>, query: &Query) -> Found {
    let file = |(postings, cosines): (_, Option<&'a [f32; CHUNKS]>)| File {
        postings,
        cosines: cosines.map(<[f32; CHUNKS]>::as_slice),
        admitted: true,
    };
    search(&files.map(file).collect::<Vec<_>>(), query, 0.3, 40)
}

fn step(model: &Model<'_>, store: &Store, step: usize) {
    if step == 5 {
        return ingest(model, &store.document);
    }
    let files: Vec<(Postings<'_>, Vectors<'_>)> = store
        .files
        .iter()
        .map(|(words, vectors)| (Postings::parse(words).unwrap(), Vectors::parse(vectors).unwrap()))
        .collect();
    if step == 0 {
        black_box(files);
        return;
    }
    let query = Query::new(QUESTION);
    let vector = Vector::new(&model.embed(QUESTION).0);
    let cosines = || {
        let of = |(_, vectors): &(_, Vectors<'_>)| {
            let mut scores = [0.0; CHUNKS];
            vectors.scores(&vector, &mut scores);
            scores
        };
        files.iter().map(of).collect::<Vec<_>>()
    };
    let hybrid = || {
        let cosines = cosines();
        found(files.iter().zip(&cosines).map(|((postings, _), cosines)| (*postings, Some(cosines))), &query)
    };
    match step {
        1 => drop(black_box(cosines())),
        2 => drop(black_box(found(files.iter().map(|(postings, _)| (*postings, None)), &query))),
        3 => drop(black_box(hybrid())),
        _ => {
            let texts = &store.texts;
            let found = hybrid();
            let question = rerank::Question::new(QUESTION, &query, &found.weights, found.most, Some(&vector));
            let embed = |text: &str| Vector::new(&model.embed(text).0);
            let passage = |one: &Candidate| {
                let text = texts[one.file * CHUNKS + one.chunk as usize].as_str();
                rerank::Passage { text, lexical: one.lexical, dense: one.dense, mixed: one.mixed }
            };
            let passages: Vec<_> = found.candidates.iter().map(passage).collect();
            let order = rerank::order(&question, &passages, &embed);
            let order = order.get(..rerank::SEEN).unwrap_or(&order);
            let scores: Vec<f32> = order.iter().map(|one| one.1).collect();
            let words: Vec<_> = order.iter().map(|one| mmr::Words::new(passages[one.0].text)).collect();
            black_box(mmr::pick(&scores, 10, mmr::LAMBDA, |a, b| mmr::likeness(&words[a], &words[b])));
        }
    }
}
