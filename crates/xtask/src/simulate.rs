//! `cargo xtask simulate`: what each strategy makes of bad times, in virtual time.

use std::fs;
use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result, bail};

use crate::process::{command, root};

/// Where the tables are kept, between `<!-- NAME: begin -->` and `<!-- NAME: end -->`.
const DOCS: &str = "docs/routing.md";

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
    let tables = tables_of("bad-times")?;
    let decisions = tables_of("complexity")?;
    print!("{tables}\n{decisions}");
    if arguments.write_docs {
        let file = root().join(DOCS);
        let text = fs::read_to_string(&file).with_context(|| format!("{DOCS} cannot be read"))?;
        let text = replaced(&replaced(&text, "simulate", &tables)?, "complexity", &decisions)?;
        fs::write(&file, text).with_context(|| format!("{DOCS} cannot be written"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What the simulator prints about `subject`.
fn tables_of(subject: &str) -> Result<String> {
    let mut simulator = command("cargo");
    simulator.args(["run", "--quiet", "--package", "sluice-testing", "--bin", "simulate", "--", subject]);
    let output = simulator.stderr(Stdio::inherit()).output().context("cargo cannot be run")?;
    if !output.status.success() {
        bail!("the simulator failed; what it said stands above");
    }
    String::from_utf8(output.stdout).context("the simulator's tables are not text")
}

/// `text` with `tables` between the marks called `name`.
fn replaced(text: &str, name: &str, tables: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- {name}: begin -->"), format!("<!-- {name}: end -->"));
    let (before, rest) = text.split_once(&begin).with_context(|| format!("{DOCS} has no {begin}"))?;
    let (_, after) = rest.split_once(&end).with_context(|| format!("{DOCS} has no {end}"))?;
    Ok(format!("{before}{begin}\n{tables}{end}{after}"))
}
