//! `cargo xtask eval guardrails`: how well the checks do on the data sets, beside their goals.
//!
//! The data are third-party rows that stay outside the repository: `SLUICE_DATA` names their folder, by default
//! `../shared/data`.

mod exfiltration;
mod grounding;
mod leaks;
mod pii;
mod secrets;
mod streams;
mod table;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Args, ValueEnum};

/// What to evaluate.
#[derive(Args)]
pub struct Arguments {
    what: What,
    /// Also print what was wrong, row by row
    #[arg(long)]
    errors: bool,
    /// Fit the weights of the groundedness score and print them
    #[arg(long)]
    fit: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// The checks on prompts and answers
    Guardrails,
}

/// Prints the tables.
///
/// # Errors
///
/// The data are missing.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let What::Guardrails = arguments.what;
    let data = std::env::var_os("SLUICE_DATA").map_or_else(|| PathBuf::from("../shared/data"), PathBuf::from);
    if arguments.fit {
        grounding::fit(&data)?;
    }
    for section in [
        pii::section,
        secrets::section,
        leaks::section,
        exfiltration::section,
        grounding::section,
        streams::section,
    ] {
        println!("{}", section(&data, arguments.errors)?);
    }
    Ok(ExitCode::SUCCESS)
}
