//! `cargo xtask bench`: what the gateway costs, on this machine, in one run.
//!
//! Load goes to a mock provider directly, through a Worker that only passes requests on, and through the gateway, in
//! turns, so that whatever else the machine does falls on all of them. Each number is the median of the rounds.
//! No number fails a run: wrong answers do, and requests that are missing in the cost log.

mod checks;
mod load;
mod machine;
mod native;
mod server;
mod size;
mod suite;
mod table;

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde::Serialize;

use crate::process::root;

/// Where the table is kept, between [`BEGIN`] and [`END`].
const DOCS: &str = "docs/performance.md";
const BEGIN: &str = "<!-- bench: begin -->";
const END: &str = "<!-- bench: end -->";

/// Arguments of `cargo xtask bench`.
#[derive(clap::Args)]
pub struct Arguments {
    /// Only these parts
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    /// How long each measurement takes
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// How often each is made
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Write the table into docs/performance.md; with --only, just the sections that were measured
    #[arg(long)]
    write_docs: bool,
}

/// A part of the benchmarks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The gateway in workerd
    Worker,
    /// The gateway as a Spin component, in our host
    Spin,
    /// The core by itself, without a host
    Native,
    /// The bundles' sizes
    Size,
    /// The guardrails' checks by themselves, in WASM under Node
    Checks,
}

/// Runs `cargo xtask bench`.
///
/// # Errors
///
/// If something cannot be built or started, or an answer is wrong.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    if !(0.1..=60.0).contains(&arguments.seconds) || !(1..=100).contains(&arguments.rounds) {
        bail!("--seconds takes 0.1 to 60, --rounds 1 to 100");
    }
    let wanted = |part| arguments.only.is_empty() || arguments.only.contains(&part);
    let serving = wanted(Part::Worker) || wanted(Part::Spin);
    let programs = if serving { Some(server::Programs::build()?) } else { None };

    let facts = machine::facts()?;
    let mut text = facts.clone();
    if let Some(programs) = programs.as_ref().filter(|_| wanted(Part::Worker)) {
        let results = suite::worker(programs, arguments)?;
        save("worker", &results)?;
        text += &table::served("Cloudflare Workers (workerd)", &results);
    }
    if let Some(programs) = programs.as_ref().filter(|_| wanted(Part::Spin)) {
        let results = suite::spin(programs, arguments)?;
        save("spin", &results)?;
        text += &table::served("Spin (our host, on wasmtime)", &results);
    }
    if wanted(Part::Size) {
        let sizes = size::measure()?;
        save("size", &sizes)?;
        text += &table::sizes(&sizes);
    }
    if wanted(Part::Native) {
        let times = native::measure()?;
        save("native", &times)?;
        text += &table::native(&times);
    }
    if wanted(Part::Checks) {
        let times = checks::measure()?;
        save("checks", &times)?;
        text += &table::checks(&times);
    }
    writeln!(std::io::stdout(), "{text}")?;
    if arguments.write_docs {
        let whole = arguments.only.is_empty();
        write_docs(|page| if whole { between(page, &text) } else { sections(page, &text, &facts) })?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Where results go.
fn folder() -> Result<PathBuf> {
    let folder = root().join("target/bench");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

fn save(name: &str, results: &impl Serialize) -> Result<()> {
    let file = folder()?.join(format!("{name}.json"));
    let text = serde_json::to_string_pretty(results)? + "\n";
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
}

fn write_docs(update: impl FnOnce(&str) -> Option<String>) -> Result<()> {
    let file = root().join(DOCS);
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {DOCS}"))?;
    let text = update(&text)
        .with_context(|| format!("{DOCS} lacks the lines {BEGIN} and {END}, or one of the sections"))?;
    fs::write(&file, text).with_context(|| format!("cannot write {DOCS}"))
}

/// `text` with `table` between its marks.
fn between(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{}\n{END}{after}", table.trim()))
}

/// `text` with those sections replaced that `table` has, each with what it was measured on, since the others were measured
/// at another time.
fn sections(text: &str, table: &str, facts: &str) -> Option<String> {
    let (_, kept) = text.split_once(BEGIN)?;
    let mut kept = kept.split_once(END)?.0.to_owned();
    for section in table.split("\n### ").skip(1) {
        let (title, body) = section.split_once('\n')?;
        let start = kept.find(&format!("### {title}\n"))?;
        let (before, rest) = kept.split_at_checked(start)?;
        let after = rest.find("\n### ").and_then(|end| rest.get(end..)).unwrap_or_default();
        kept = format!("{before}### {title}\n\nMeasured by itself: {facts}\n{}\n{after}", body.trim());
    }
    between(text, &kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_replaces_the_one_before() {
        let text = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        assert_eq!(between(&text, "new\n").unwrap(), format!("a\n{BEGIN}\nnew\n{END}\nb\n"));
        assert_eq!(between("a", "new"), None);
    }

    #[test]
    fn a_section_replaces_the_one_of_its_title() {
        let text = format!("a\n{BEGIN}\nfacts\n\n### A\n\n1\n\n### B\n\n2\n{END}\nb\n");
        let a = format!("a\n{BEGIN}\nfacts\n\n### A\n\nMeasured by itself: x\n\n3\n\n### B\n\n2\n{END}\nb\n");
        assert_eq!(sections(&text, "x\n\n### A\n\n3\n", "x\n").unwrap(), a);
        let b = format!("a\n{BEGIN}\nfacts\n\n### A\n\n1\n\n### B\n\nMeasured by itself: x\n\n3\n{END}\nb\n");
        assert_eq!(sections(&text, "x\n\n### B\n\n3\n", "x\n").unwrap(), b);
        assert_eq!(sections(&text, "x\n\n### C\n\n3\n", "x\n"), None);
    }
}
