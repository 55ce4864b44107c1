//! `cargo xtask codegen`: the provider catalogue and the price list, from data to committed Rust.

mod catalogue;
mod prices;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context, Result, ensure};

/// Options of `cargo xtask codegen`.
#[derive(clap::Args)]
pub struct Arguments {
    /// Change nothing; fail if a file is not what would be written
    #[arg(long)]
    check: bool,
    /// The folder with models.jsonl [default: ../shared/data/models, or $SLUICE_MODELS]
    #[arg(long)]
    models: Option<PathBuf>,
}

/// Writes, or with `--check` compares, the tables.
///
/// # Errors
///
/// If the data cannot be read or say what the tables cannot hold; with `--check`, if a table is stale.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let providers = catalogue::read(&root())?;
    let mut fine = settle(CATALOGUE_TABLE, &rustfmt(&catalogue::table(&providers))?, arguments.check)?;
    let folder = arguments.models.clone().unwrap_or_else(models_folder);
    if folder.join("models.jsonl").exists() {
        let list = prices::read(&folder)?;
        let table = prices::table(&list, &providers)?;
        println!("{}", table.summary);
        fine &= settle(PRICE_TABLE, &rustfmt(&table.source)?, arguments.check)?;
    } else {
        println!("{PRICE_TABLE}: left as it is, since there is no {}", folder.join("models.jsonl").display());
    }
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

const CATALOGUE_TABLE: &str = "crates/providers/src/catalog/table.rs";
const PRICE_TABLE: &str = "crates/providers/src/prices/table.rs";

/// Writes `source` to `path` if it differs, or says that it does; whether the file is now as it should be.
fn settle(path: &str, source: &str, check: bool) -> Result<bool> {
    let file = root().join(path);
    if fs::read_to_string(&file).is_ok_and(|now| now == source) {
        println!("{path}: fresh");
        return Ok(true);
    }
    if check {
        println!("{path}: stale; run `cargo xtask codegen`");
        return Ok(false);
    }
    fs::write(&file, source).with_context(|| format!("cannot write {path}"))?;
    println!("{path}: written");
    Ok(true)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn models_folder() -> PathBuf {
    std::env::var_os("SLUICE_MODELS").map_or_else(|| root().join("../shared/data/models"), PathBuf::from)
}

/// `source` as rustfmt would have it, so that `cargo fmt` leaves it alone.
fn rustfmt(source: &str) -> Result<String> {
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024", "--config-path"])
        .arg(root().join("rustfmt.toml"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("rustfmt is missing; run `rustup component add rustfmt`")?;
    let mut stdin = child.stdin.take().context("rustfmt has no input")?;
    let text = source.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output()?;
    ensure!(writer.join().is_ok_and(|written| written.is_ok()) && output.status.success(), "rustfmt failed");
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_fresh() {
        let providers = catalogue::read(&root()).unwrap();
        assert!(settle(CATALOGUE_TABLE, &rustfmt(&catalogue::table(&providers)).unwrap(), true).unwrap());
    }

    #[test]
    fn the_price_list_is_fresh() {
        let folder = models_folder();
        if !folder.join("models.jsonl").exists() {
            println!("skipped: there is no {}", folder.join("models.jsonl").display());
            return;
        }
        let providers = catalogue::read(&root()).unwrap();
        let table = prices::table(&prices::read(&folder).unwrap(), &providers).unwrap();
        assert!(settle(PRICE_TABLE, &rustfmt(&table.source).unwrap(), true).unwrap());
    }
}
