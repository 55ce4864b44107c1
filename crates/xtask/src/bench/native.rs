//! The core by itself: the criterion benches of `crates/core`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::process::{command, show};

/// One bench's result.
#[derive(Debug, Serialize)]
pub struct Time {
    /// Group, function and parameter.
    pub name: String,
    /// The median time of one iteration, in microseconds.
    pub microseconds: f64,
}

/// Runs the benches.
///
/// # Errors
///
/// If they do not compile, or one fails.
pub fn measure() -> Result<Vec<Time>> {
    let home = super::folder()?.join("criterion");
    let _ = fs::remove_dir_all(&home);
    let mut bench = command("cargo");
    bench.args(["bench", "--profile", "tool", "--package", "sluice-core", "--bench", "chat", "--"]);
    bench.args(["--quiet", "--noplot", "--warm-up-time", "0.3", "--measurement-time", "1"]);
    show("the core's benches", bench.env("CRITERION_HOME", &home))?;
    let mut times = Vec::new();
    collect(&home, &mut times)?;
    times.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(times)
}

#[derive(Deserialize)]
struct Benchmark {
    full_id: String,
}

#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    /// In nanoseconds.
    point_estimate: f64,
}

/// Criterion keeps each result in a folder `new`, somewhere below.
fn collect(folder: &Path, times: &mut Vec<Time>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?.flatten()
    {
        let path = entry.path();
        if path.is_dir() && entry.file_name() == "new" {
            let read = |name: &str| {
                fs::read(path.join(name)).with_context(|| format!("cannot read {}", path.display()))
            };
            let benchmark: Benchmark = serde_json::from_slice(&read("benchmark.json")?)?;
            let estimates: Estimates = serde_json::from_slice(&read("estimates.json")?)?;
            times.push(Time {
                name: benchmark.full_id,
                microseconds: estimates.median.point_estimate / 1000.0,
            });
        } else if path.is_dir() {
            collect(&path, times)?;
        }
    }
    Ok(())
}
