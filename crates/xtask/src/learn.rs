//! `cargo xtask train` and `cargo xtask eval`: run `crates/eval`, which links what is measured; xtask itself does not.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::ValueEnum;

/// Options of both.
#[derive(clap::Args)]
pub struct Arguments {
    /// What is trained or measured
    what: What,
    /// The folder that holds guardrails/ [default: ../shared/data, or $SLUICE_DATA]
    #[arg(long)]
    data: Option<PathBuf>,
    /// Also print what was wrong, row by row
    #[arg(long)]
    errors: bool,
}

/// What is learned.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// The guardrails; trained is the detector of injection and jailbreaks
    Guardrails,
    /// The weights of the groundedness score, which are printed; measured with the guardrails
    Grounding,
}

/// Builds and runs the evaluator.
///
/// # Errors
///
/// If it cannot be built or started.
pub fn run(step: &str, arguments: &Arguments) -> Result<ExitCode> {
    let what = match arguments.what {
        What::Guardrails => "guardrails",
        What::Grounding => "grounding",
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."));
    let mut command = Command::new("cargo");
    command
        .args(["run", "--quiet", "--profile", "tool", "--package", "sluice-eval", "--", step, what])
        .current_dir(root);
    if let Some(data) = &arguments.data {
        command.env("SLUICE_DATA", std::path::absolute(data)?);
    }
    if arguments.errors {
        command.arg("--errors");
    }
    let status = command.status().context("cannot run cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
