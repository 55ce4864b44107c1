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

mod data;
mod measure;
mod ranking;

use anyhow::{Context, Result};
use sluice_semantic::model::{EMBEDDED, Model};

fn main() -> Result<()> {
    let model = Model::parse(EMBEDDED.context("built without the feature embedded-model")?)?;
    for collection in [data::chunk_eval()?, data::xquad()?, data::beir("scifact")?].into_iter().flatten() {
        ranking::print(&model, &collection);
    }
    Ok(())
}
