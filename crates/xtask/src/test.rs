//! `cargo xtask test`: every check, one entry of [`SUITES`] each.

mod aside;
mod count;
mod suites;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::progress::seconds;
use crate::setup;
use aside::Aside;
use count::Count;
use suites::{SUITES, Start, Suite};

/// Arguments of `cargo xtask test`.
#[derive(clap::Args)]
pub struct Arguments {
    /// Run only these suites
    #[arg(value_name = "SUITE")]
    names: Vec<String>,
    /// Tell the suites and end
    #[arg(long)]
    list: bool,
}

/// Runs `cargo xtask test`.
///
/// # Errors
///
/// If a suite is asked for that does not exist.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    if let Some(unknown) =
        arguments.names.iter().find(|name| !SUITES.iter().any(|suite| suite.name == **name))
    {
        let known: Vec<&str> = SUITES.iter().map(|suite| suite.name).collect();
        bail!("there is no suite {unknown}; the suites are {}", known.join(", "));
    }
    let wanted =
        |suite: &&Suite| arguments.names.is_empty() || arguments.names.iter().any(|name| name == suite.name);
    if arguments.list {
        SUITES.iter().filter(wanted).for_each(|suite| println!("{:<12} {}", suite.name, suite.about));
        return Ok(ExitCode::SUCCESS);
    }

    let started = Instant::now();
    let suites: Vec<&Suite> = SUITES.iter().filter(wanted).collect();
    let mut asides = Vec::new();
    start(&suites, Start::AtOnce, &mut asides)?;

    let mut total = Count::default();
    let mut summary = Vec::new();
    for suite in &suites {
        println!("\n== {}: {}", suite.name, suite.about);
        let started = Instant::now();
        let outcome = match asides.iter().position(|aside| aside.suite.name == suite.name) {
            Some(at) => asides.swap_remove(at).finish(),
            None => (suite.run)(),
        };
        start(&suites, Start::After(suite.name), &mut asides)?;
        let (count, note) = match outcome {
            Ok(count) => (count, String::new()),
            Err(error) => (Count { passed: 0, failed: 1 }, format!("{error:#}")),
        };
        if !note.is_empty() {
            println!("{note}");
        }
        let word = match count {
            Count { passed: 0, failed: 0 } => "left out",
            Count { failed: 0, .. } => "ok",
            _ => "FAILED",
        };
        let time = seconds(started.elapsed());
        summary.push(format!(
            "{word:<8} {:<12} {:>5} passed {:>3} failed  {time:>13}  {note}",
            suite.name, count.passed, count.failed
        ));
        total.add(count);
    }

    println!("\n== summary");
    summary.iter().for_each(|line| println!("{}", line.trim_end()));
    println!("in {}", seconds(started.elapsed()));
    println!("{total}");
    let good = total.failed == 0 && 0 < total.passed;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Starts what may begin now beside others, unless its turn is next anyway.
fn start(suites: &[&'static Suite], now: Start, asides: &mut Vec<Aside>) -> Result<()> {
    let next = match now {
        Start::AtOnce => 0,
        Start::After(name) => suites.iter().position(|suite| suite.name == name).map_or(0, |at| at + 1),
    };
    for suite in suites.iter().skip(next + 1).filter(|suite| suite.aside == Some(now)) {
        // All need it, and only one should install it.
        setup::ensure_wasm()?;
        asides.push(Aside::start(suite)?);
    }
    Ok(())
}
