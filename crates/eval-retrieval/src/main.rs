//! Measures retrieval on the shared data (`cargo xtask eval retrieval`).
//!
//! The data is read from `$SLUICE_DATA/semantic` (default `../shared/data`); where it is missing that is said and
//! nothing fails.

#![allow(clippy::disallowed_methods, reason = "a native tool: it has a clock and an environment")]
#![allow(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool on known data"
)]

mod chunking;
mod citations;
mod data;
mod fit;
mod follow_ups;
mod measure;
mod ranking;

use anyhow::{Context, Result};
use sluice_semantic::model::{EMBEDDED, Model};

fn main() -> Result<()> {
    let given = |word: &str| std::env::args().any(|argument| argument == word);
    let model = Model::parse(EMBEDDED.context("built without the feature embedded-model")?)?;
    let embed = |text: &str| ranking::embed(&model, text);
    if given("--fit") {
        citations::fit(&embed)?;
    } else {
        citations::print(&embed, given("--errors"))?;
        follow_ups::print(given("--errors"));
    }
    let collections: Vec<_> =
        [data::chunk_eval()?, data::xquad()?, data::beir("scifact")?].into_iter().flatten().collect();
    let indexed: Vec<_> = collections.iter().map(|one| ranking::Indexed::new(&model, one)).collect();
    if given("--fit") {
        ranking::fit_weights(&indexed);
    } else {
        println!("nDCG@10 / recall@10 of all questions, and of those that the reranker was not fitted on");
        indexed.iter().for_each(ranking::Indexed::print);
        if let Some(collection) = data::chunk_eval()? {
            let harder = collection.with_rarest_left_out("ChunkEval, each question without its rarest word");
            ranking::Indexed::new(&model, &harder).print();
        }
        chunking::print(&model)?;
    }
    Ok(())
}
