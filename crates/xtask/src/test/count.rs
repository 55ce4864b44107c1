//! How many tests passed and failed.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::children::Running;

/// Tests that passed and failed; a suite that tells no numbers counts as one, one that was left out as none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Tests that passed.
    pub passed: usize,
    /// Tests that failed.
    pub failed: usize,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

impl Count {
    /// One that passed.
    pub const ONE: Self = Self { passed: 1, failed: 0 };

    /// Reads the closing line of `cargo xtask test`, `12 passed, 3 failed`.
    pub fn of_total(line: &str) -> Option<Self> {
        let (passed, failed) = line.strip_suffix(" failed")?.split_once(" passed, ")?;
        Some(Self { passed: passed.parse().ok()?, failed: failed.parse().ok()? })
    }

    /// Adds another's.
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    /// Reads the summary lines of `cargo test` and of TAP (`node --test`).
    pub fn read(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("test result: ") {
            let before =
                |word: &str| rest.split(word).next()?.split_whitespace().next_back()?.parse::<usize>().ok();
            self.passed += before(" passed;").unwrap_or(0);
            self.failed += before(" failed;").unwrap_or(0);
        } else if let Some(number) = line.strip_prefix("# pass ").or(line.strip_prefix("ℹ pass ")) {
            self.passed += number.trim().parse::<usize>().unwrap_or(0);
        } else if let Some(number) = line.strip_prefix("# fail ").or(line.strip_prefix("ℹ fail ")) {
            self.failed += number.trim().parse::<usize>().unwrap_or(0);
        }
    }
}

/// Runs a command that tells how many tests passed and failed, showing all it prints.
///
/// # Errors
///
/// If it cannot be started.
pub fn counted(tests: &mut Command) -> Result<Count> {
    let mut running = Running::start(tests.stdin(Stdio::null()).stdout(Stdio::piped()))?;
    let mut count = Count::default();
    let stdout = running.child.stdout.take().context("a command without standard output")?;
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        count.read(&line);
        println!("{line}");
    }
    if !running.wait()?.success() {
        count.failed = count.failed.max(1);
    } else if count == Count::default() {
        count = Count::ONE;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_of_cargo_and_of_node_are_added_up() {
        let mut count = Count::default();
        for line in [
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out",
            "# pass 4",
            "# fail 1",
            "test passed ... ok",
        ] {
            count.read(line);
        }
        assert_eq!(count, Count { passed: 19, failed: 3 });
    }

    #[test]
    fn the_closing_line_is_read_as_it_is_written() {
        let count = Count { passed: 19, failed: 3 };
        assert_eq!(Count::of_total(&count.to_string()), Some(count));
        assert_eq!(Count::of_total("error: no space left"), None);
    }
}
