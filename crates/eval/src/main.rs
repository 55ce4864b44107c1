//! Trains and measures what is learned. `cargo xtask train guardrails` and `cargo xtask eval guardrails` run it.
//!
//! It reads third-party rows from `$SLUICE_DATA/guardrails` (default `../shared/data`); nothing of them is committed but
//! the weights.

#![allow(clippy::disallowed_methods, reason = "a native tool: it has an environment")]
#![allow(clippy::print_stdout, reason = "its tables are its output")]
#![allow(clippy::indexing_slicing, reason = "a tool over its own data, which may stop")]

mod checks;
mod data;
mod folds;
mod grammar;
mod injection;
mod learn;
mod obfuscation;
mod table;

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["train", "guardrails"] => injection::train(),
        ["train", "grounding"] => checks::fit(),
        ["eval", "guardrails"] => eval(false),
        ["eval", "guardrails", "--errors"] => eval(true),
        _ => bail!("say `train guardrails`, `train grounding` or `eval guardrails [--errors]`"),
    }
}

/// The table of docs/guardrails.md: one function a section.
fn eval(errors: bool) -> Result<()> {
    injection::eval()?;
    checks::eval(errors)
}
