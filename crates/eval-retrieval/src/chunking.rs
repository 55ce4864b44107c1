//! What sizes of chunks find, at the same price: how much of an answer is in what is found, where answers stand being known.

use std::collections::HashSet;

use anyhow::Result;
use sluice_extract::{Limits, Sizes, chunks_of, extract};
use sluice_providers::tokens;
use sluice_retrieval::mmr::LAMBDA;
use sluice_semantic::model::Model;

use crate::{
    data::{self, Collection},
    ranking::Indexed,
};

/// Sizes and overlaps in tokens: what `auto` means here, one between, and what it means at OpenAI.
const SIZES: [(usize, usize); 3] = [(256, 64), (400, 200), (800, 400)];

/// The most tokens that are given to a model.
const BUDGETS: [usize; 3] = [1_000, 2_000, 4_000];

/// A chunk's place.
struct Place {
    corpus: String,
    start: usize,
    end: usize,
    tokens: usize,
}

/// Prints how many percent of the answers' characters stand in the first passages that fit each budget.
pub fn print(model: &Model<'_>) -> Result<()> {
    let Some((corpora, asked)) = data::corpora()? else { return Ok(()) };
    println!("ChunkEval by sizes of chunks: how much of the answers is within so many tokens of passages");
    for (max, overlap) in SIZES {
        let mut places = Vec::new();
        let mut cut = Collection { name: "ChunkEval", ..Collection::default() };
        for corpus in &corpora {
            let document = extract("corpus.txt", corpus.text.as_bytes(), &Limits::default())?;
            for chunk in chunks_of(&document, Sizes::fixed(max, overlap)?, &count) {
                let (start, end, tokens) = (chunk.start as usize, chunk.end as usize, count(&chunk.text));
                places.push(Place { corpus: corpus.id.clone(), start, end, tokens });
                cut.texts.push(chunk.text);
            }
        }
        let indexed = Indexed::new(model, &cut);
        let mut shares = [0.0; BUDGETS.len()];
        let questions = asked.len() as f64;
        for asked in &asked {
            let found = indexed.spread(&asked.question, LAMBDA);
            let wanted: HashSet<usize> = asked.refs.iter().flat_map(|[from, to]| *from..*to).collect();
            for (share, budget) in shares.iter_mut().zip(BUDGETS) {
                let mut left = budget;
                let fits = |place: &&Place| {
                    left = left.saturating_sub(place.tokens);
                    0 < left
                };
                let given = found.iter().map(|at| &places[*at]).take_while(fits);
                let held: HashSet<usize> = given
                    .filter(|place| place.corpus == asked.corpus)
                    .flat_map(|place| place.start..place.end)
                    .filter(|at| wanted.contains(at))
                    .collect();
                *share += 100.0 * held.len() as f64 / wanted.len().max(1) as f64 / questions;
            }
        }
        let [few, some, many] = shares;
        println!("  {max}/{overlap:<4} {:>5} chunks   {few:5.1}  {some:5.1}  {many:5.1}", cut.texts.len());
    }
    Ok(())
}

fn count(text: &str) -> usize {
    usize::try_from(tokens::text(text)).unwrap_or(usize::MAX)
}
