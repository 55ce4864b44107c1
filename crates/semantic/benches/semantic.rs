//! Times of the semantic engine: `cargo bench -p sluice-semantic --features embedded-model --profile tool`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a bench on known data")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use sluice_semantic::{
    decide::Engine,
    eligible::Scope,
    model::{EMBEDDED, Model},
    vector::Page,
    verify::Verifier,
};

/// 14 pieces.
const TEXT: &str = "How can I change the billing address of my company account?!";

fn semantic(criterion: &mut Criterion) {
    let bytes = EMBEDDED.unwrap_or_default();
    let engine = Engine { model: Model::parse(bytes).unwrap(), verifier: Verifier::trained().unwrap() };
    criterion.bench_function("parse the model", |b| b.iter(|| Model::parse(black_box(bytes))));
    criterion.bench_function("embed 14 pieces", |b| b.iter(|| engine.model.embed(black_box(TEXT))));
    for size in [1_000_usize, 10_000] {
        let texts: Vec<String> = (0..size)
            .map(|n| {
                format!(
                    "How can I change the {} address of my {} account?",
                    ["billing", "shipping", "mail"][n % 3],
                    n
                )
            })
            .collect();
        let mut page = Page::default();
        texts.iter().for_each(|text| page.push(&engine.model.embed(text).0));
        let query = engine.model.embed(TEXT).0;
        criterion
            .bench_function(&format!("scan {size}"), |b| b.iter(|| page.nearest(black_box(&query), 4, 0.55)));
        let scope = Scope { one_user: true, short_lived: true };
        criterion.bench_function(&format!("decide among {size}"), |b| {
            b.iter(|| engine.decide(black_box(TEXT), scope, &page, texts.as_slice(), 2.0));
        });
    }
}

criterion_group!(benches, semantic);
criterion_main!(benches);
