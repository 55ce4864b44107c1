//! `cargo xtask eval`: measures a capability on the shared data, with a program of its own for each.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Subcommand;

use crate::process::command;

/// Options of `cargo xtask eval`.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// The embedded model, cache decisions and routes
    Semantic {
        /// Write the table of thresholds anew instead of measuring
        #[arg(long)]
        calibrate: bool,
    },
}

/// Builds the measuring program with optimisation and runs it.
///
/// # Errors
///
/// If cargo cannot be started.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let (package, rest): (&str, Vec<&str>) = match arguments.what {
        What::Semantic { calibrate } => ("sluice-eval-semantic", calibrate.then_some("--calibrate").into_iter().collect()),
    };
    let mut cargo = command("cargo");
    cargo.args(["run", "--quiet", "--profile", "tool", "--package", package, "--"]).args(rest);
    let status = cargo.status().context("cannot start cargo: is it on PATH?")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
