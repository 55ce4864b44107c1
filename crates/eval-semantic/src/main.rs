//! Measures the semantic engine on the shared data (`cargo xtask eval semantic`), and writes features for training.
//!
//! The data is read from `$SLUICE_DATA/semantic` (default `../shared/data`); where it is missing that is said and
//! nothing fails. Quora's pairs are measured only.

#![allow(clippy::disallowed_methods, reason = "a native tool: it has a clock and an environment")]
#![allow(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool on known data"
)]

mod data;
mod measure;
mod picture;
mod routing;
mod table;
mod topics;
mod trace;

use std::{env, fs, path::Path};

use anyhow::{Context, Result, bail};
use sluice_semantic::{
    decide::Engine,
    model::{EMBEDDED, Model},
    verify::{Question, Verifier, feature_values, veto},
};

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let model = Model::parse(EMBEDDED.context("built without the feature embedded-model")?)?;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["features", pairs, out] => features(&model, Path::new(pairs), Path::new(out)),
        [] => table::print(&Engine { model, verifier: Verifier::trained()? }, false),
        ["--calibrate"] => table::print(&Engine { model, verifier: Verifier::trained()? }, true),
        other => bail!("unknown arguments {other:?}: give none, --calibrate, or features PAIRS.tsv OUT"),
    }
}

/// Writes the features of each pair of a table (first two columns) as little-endian floats, and 1 where a veto applies, else 0.
fn features(model: &Model<'_>, pairs: &Path, out: &Path) -> Result<()> {
    let mut bytes = Vec::new();
    for line in fs::read_to_string(pairs)?.lines() {
        let mut columns = line.split('\t');
        let (a, b) = columns.next().zip(columns.next()).context("two columns")?;
        let (a, b) = (Question::new(model, a), Question::new(model, b));
        for value in feature_values(&a, &b) {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        let vetoed = f32::from(u8::from(veto(&a, &b).is_some()));
        bytes.extend_from_slice(&vetoed.to_le_bytes());
    }
    fs::write(out, bytes).with_context(|| format!("cannot write {}", out.display()))
}
