//! A suite that a process of its own runs while others go on, what it prints kept until its turn comes.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use super::{Count, Suite};
use crate::children::Running;
use crate::process::{command, root};

/// A suite under way.
pub struct Aside {
    /// Which.
    pub suite: &'static Suite,
    running: Running,
    log: PathBuf,
}

impl Aside {
    /// Starts `suite`.
    ///
    /// # Errors
    ///
    /// If that cannot be done.
    pub fn start(suite: &'static Suite) -> Result<Self> {
        let folder = root().join("target/test");
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let log = folder.join(suite.name).with_extension("log");
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut tests = command(std::env::current_exe()?);
        tests.args(["test", suite.name]).stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        println!("meanwhile {}: {} (into {})", suite.name, suite.about, log.display());
        Ok(Self { suite, running: Running::start(&mut tests)?, log })
    }

    /// Waits for its end and prints what it printed.
    ///
    /// # Errors
    ///
    /// If it told no numbers.
    pub fn finish(self) -> Result<Count> {
        let status = self.running.wait()?;
        let told =
            fs::read_to_string(&self.log).with_context(|| format!("cannot read {}", self.log.display()))?;
        print!("{told}");
        match told.lines().next_back().and_then(Count::of_total) {
            Some(count) => Ok(count),
            None => bail!("{} ended without a word ({status})", self.suite.name),
        }
    }
}
