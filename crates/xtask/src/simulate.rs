//! `cargo xtask simulate`: what each strategy makes of bad times, in virtual time.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::process::{command, root};

/// Where the tables are kept, between [`BEGIN`] and [`END`].
const DOCS: &str = "docs/routing.md";
const BEGIN: &str = "<!-- simulate: begin -->";
const END: &str = "<!-- simulate: end -->";

/// Arguments of `cargo xtask simulate`.
#[derive(clap::Args)]
pub struct Arguments {
    /// Write the tables into docs/routing.md
    #[arg(long)]
    write_docs: bool,
}

/// Runs `cargo xtask simulate`.
///
/// # Errors
///
/// If the simulator cannot be built, or docs/routing.md has no place for its tables.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut simulator = command("cargo");
    simulator.args(["run", "--quiet", "--package", "sluice-testing", "--bin", "simulate"]);
    let output = simulator.stderr(std::process::Stdio::inherit()).output().context("cargo cannot be run")?;
    if !output.status.success() {
        bail!("the simulator failed; what it said stands above");
    }
    let tables = String::from_utf8(output.stdout).context("the simulator's tables are not text")?;
    print!("{tables}");
    if arguments.write_docs {
        let file = root().join(DOCS);
        let text = fs::read_to_string(&file).with_context(|| format!("{DOCS} cannot be read"))?;
        let (before, rest) = text.split_once(BEGIN).with_context(|| format!("{DOCS} has no {BEGIN}"))?;
        let (_, after) = rest.split_once(END).with_context(|| format!("{DOCS} has no {END}"))?;
        fs::write(&file, format!("{before}{BEGIN}\n{tables}{END}{after}"))
            .with_context(|| format!("{DOCS} cannot be written"))?;
    }
    Ok(ExitCode::SUCCESS)
}
