//! `cargo xtask train` and `cargo xtask eval`: run `crates/eval`, `crates/eval-semantic` and `crates/eval-retrieval`,
//! which link what is measured; xtask itself does not.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::process::{root, target_dir};
use crate::{build, setup};

/// Options of both.
#[derive(clap::Args)]
pub struct Arguments {
    /// What is trained or measured
    what: What,
    /// The folder that holds guardrails/ and semantic/ [default: ../shared/data, or $SLUICE_DATA]
    #[arg(long)]
    data: Option<PathBuf>,
    /// Also print what was wrong, row by row
    #[arg(long)]
    errors: bool,
    /// Retrieval and semantic only: time them in WASM instead (Node)
    #[arg(long)]
    wasm: bool,
}

/// What is learned.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// The guardrails; trained is the detector of injection and jailbreaks
    Guardrails,
    /// The weights of the groundedness score, which are printed; measured with the guardrails
    Grounding,
    /// Cache decisions and routes by meaning; trained are the thresholds, after tools/semantic has made the weights
    Semantic,
    /// Finding passages and citing them; trained are the weights of the reranker and of the citations' check
    Retrieval,
}

/// Builds and runs the evaluator.
///
/// # Errors
///
/// If it cannot be built or started.
pub fn run(step: &str, arguments: &Arguments) -> Result<ExitCode> {
    match arguments.what {
        What::Retrieval if arguments.wasm => return time_in_wasm(&RETRIEVAL),
        What::Semantic if arguments.wasm => return time_in_wasm(&SEMANTIC),
        _ if arguments.wasm => bail!("--wasm: only with `retrieval` and `semantic`"),
        _ => {}
    }
    let (package, words): (_, &[&str]) = match (arguments.what, step) {
        (What::Guardrails, _) => ("sluice-eval", &[step, "guardrails"]),
        (What::Grounding, "train") => ("sluice-eval", &["train", "grounding"]),
        (What::Grounding, _) => ("sluice-eval", &["eval", "guardrails"]),
        (What::Semantic, "train") => ("sluice-eval-semantic", &["--calibrate"]),
        (What::Semantic, _) => ("sluice-eval-semantic", &[]),
        (What::Retrieval, "train") => ("sluice-eval-retrieval", &["--fit"]),
        (What::Retrieval, _) => ("sluice-eval-retrieval", &[]),
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."));
    let mut command = Command::new("cargo");
    command
        .args(["run", "--quiet", "--profile", "tool", "--package", package, "--"])
        .args(words)
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

/// A module whose `main` does a step with each call, for timing in WASM.
struct Steps {
    package: &'static str,
    binary: &'static str,
    /// Modules of which only the size is told.
    sized: &'static [&'static str],
    /// How often a call does its step.
    repeats: &'static str,
    /// How many instances do the first call alone before.
    fresh: &'static str,
    /// What the first calls do, once each.
    first: &'static [&'static str],
    steps: &'static [&'static str],
}

const RETRIEVAL: Steps = Steps {
    package: "sluice-eval-retrieval",
    binary: "wasm_steps",
    sized: &[],
    repeats: "1",
    fresh: "0",
    first: &["10,000 chunks made up, embedded, packed"],
    steps: &[
        "read 200 files' heads",
        "dense: every vector",
        "words alone",
        "hybrid",
        "hybrid, 20 reranked, 10 picked",
        "100 chunks cut, embedded, packed",
    ],
};

const SEMANTIC: Steps = Steps {
    package: "sluice-eval-semantic",
    binary: "semantic_steps",
    sized: &["semantic_model"],
    repeats: "100",
    fresh: "3",
    first: &["first embedding of an instance", "11,000 questions embedded"],
    steps: &[
        "embed 14 pieces",
        "scan of 1,000",
        "decision among 1,000",
        "scan of 10,000",
        "decision among 10,000",
    ],
};

/// Builds the steps as the hosts build their bundles, and times them in Node.
fn time_in_wasm(steps: &Steps) -> Result<ExitCode> {
    let toolchain = setup::ensure_wasm()?;
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--quiet", "--release", "--package", steps.package]);
    let binaries = || steps.sized.iter().copied().chain([steps.binary]);
    binaries().for_each(|binary| {
        cargo.args(["--bin", binary]);
    });
    cargo.args(["--target", "wasm32-unknown-unknown"]);
    build::wasm_environment(&toolchain, &mut cargo);
    if !cargo.status().context("cannot run cargo")?.success() {
        return Ok(ExitCode::FAILURE);
    }
    let module = |binary: &str| target_dir().join(format!("wasm32-unknown-unknown/release/{binary}.wasm"));
    for binary in binaries() {
        let bytes = std::fs::read(module(binary))?;
        println!("{binary}: {} bytes, {} gzipped", bytes.len(), build::gzip_len(&bytes)?);
    }
    let status = Command::new("node")
        .arg(root().join("tools/time.mjs"))
        .arg(module(steps.binary))
        .args([steps.repeats, steps.fresh])
        .args(steps.first)
        .arg("--")
        .args(steps.steps)
        .status()
        .context("cannot run node")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
