//! Native times of a search over 10,000 chunks: `cargo bench -p sluice-retrieval --profile tool`. Those in WASM, which are
//! what counts, come from `cargo xtask eval retrieval --wasm`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a bench on made-up data")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use sluice_retrieval::{
    dense::{self, Vector, Vectors},
    postings::{self, Postings},
    search::{File, search},
    terms::{self, Query},
};

const CHUNKS: usize = 10_000;
/// Vectors of a chunk: the whole's and its windows'.
const ROWS: usize = 6;

/// A number from 0 to `limit`, the same for the same seed.
fn draw(seed: usize, limit: usize) -> usize {
    (seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) % limit
}

fn text(chunk: usize) -> String {
    let word = |at: usize| {
        let seed = chunk * 120 + at;
        format!("word{} ", draw(seed, [20, 200, 2_000, 20_000][draw(seed + 7, 4)]))
    };
    (0..120).map(word).collect()
}

fn retrieval(criterion: &mut Criterion) {
    let terms: Vec<_> = (0..CHUNKS).map(|chunk| terms::hashes(&text(chunk))).collect();
    let vector = |seed: usize| {
        let numbers: Vec<f32> = (0..256).map(|at| draw(seed * 256 + at, 255) as f32 - 127.0).collect();
        Vector::new(&numbers)
    };
    let rows: Vec<Vec<Vector>> =
        (0..CHUNKS).map(|chunk| (0..ROWS).map(|row| vector(chunk * ROWS + row)).collect()).collect();
    let (words, vectors) = (postings::pack(&terms), dense::pack(256, &rows));
    let (query, asked) = (Query::new("word3 word150 word1500 word15000 word7"), vector(1));
    let vectors = Vectors::parse(&vectors).unwrap();
    let file = File { postings: Postings::parse(&words).unwrap(), cosines: None, admitted: true };
    let long = text(1);
    criterion.bench_function("terms of 120 words", |b| b.iter(|| terms::hashes(black_box(&long))));
    criterion.bench_function("60,000 vectors", |b| {
        let mut scores = vec![0.0; CHUNKS];
        b.iter(|| vectors.scores(black_box(&asked), &mut scores));
    });
    criterion.bench_function("words of 10,000 chunks", |b| {
        b.iter(|| search(&[file], black_box(&query), 0.3, 40));
    });
    criterion.bench_function("hybrid over 10,000 chunks", |b| {
        b.iter(|| {
            let mut cosines = vec![0.0; CHUNKS];
            vectors.scores(black_box(&asked), &mut cosines);
            search(&[File { cosines: Some(&cosines), ..file }], black_box(&query), 0.3, 40)
        });
    });
}

criterion_group!(benches, retrieval);
criterion_main!(benches);
