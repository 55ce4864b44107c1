//! `sluice config`: check, compile, schema.

pub mod check;
mod shape;
mod yaml;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use sluice_core::config::document;

use check::Checked;

/// What to do with a configuration.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Report every error with its file, line, column and path; fail if there is one
    Check {
        /// The file, such as sluice.yaml
        file: PathBuf,
    },
    /// Turn the file into the JSON that a gateway reads
    Compile {
        /// The file, such as sluice.yaml
        file: PathBuf,
        /// Where to write the JSON [default: standard output]
        #[arg(short, long)]
        output: Option<PathBuf>,
    },
    /// Print the JSON Schema of the file, for editors
    Schema,
}

/// Runs a command.
///
/// # Errors
///
/// If a file cannot be read or written; what is wrong with a configuration is reported, not returned.
pub fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Check { file } => {
            let checked = read(file)?;
            for line in checked.report(&file.display().to_string()) {
                crate::say(&line);
            }
            crate::say(&checked.summary(&file.display().to_string()));
            Ok(exit(&checked))
        }
        Command::Compile { file, output } => {
            let checked = read(file)?;
            for line in checked.report(&file.display().to_string()) {
                eprintln!("{line}");
            }
            if let Some(json) = checked.json() {
                match output {
                    Some(path) => fs::write(path, json + "\n")
                        .with_context(|| format!("cannot write {}", path.display()))?,
                    None => crate::say(&json),
                }
            }
            Ok(exit(&checked))
        }
        Command::Schema => {
            crate::say(&serde_json::to_string_pretty(&document::schema())?);
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn read(file: &Path) -> Result<Checked> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let line =
            error.as_bytes().iter().take(error.utf8_error().valid_up_to()).filter(|&&b| b == b'\n').count();
        anyhow::anyhow!("{}:{}: not UTF-8 text", file.display(), line + 1)
    })?;
    Ok(check::check(&text))
}

fn exit(checked: &Checked) -> ExitCode {
    if checked.fine() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
