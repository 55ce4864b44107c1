//! The rows under `$SLUICE_DATA/guardrails`.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use anyhow::{Context, Result};
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A text with its label.
#[derive(Clone, Debug, Deserialize)]
pub struct Row {
    /// The text.
    pub text: String,
    /// 1 is an attack.
    pub label: u8,
    /// The set it comes from.
    #[serde(default)]
    pub src: String,
    /// `benign`, `hardneg`, `direct`, `jailbreak`, `doc`, `indirect_explicit`, `indirect_no_cue`.
    #[serde(default)]
    pub kind: String,
    /// How it is disguised.
    #[serde(default)]
    pub how: String,
    /// Which text was disguised.
    #[serde(default)]
    pub base: u32,
    /// Of documents with an attack inside: where it stands, in characters.
    #[serde(default)]
    pub start: Option<usize>,
    /// Where it ends.
    #[serde(default)]
    pub end: Option<usize>,
}

/// Where the data is.
fn root() -> PathBuf {
    std::env::var_os("SLUICE_DATA").map_or_else(|| PathBuf::from("../shared/data"), PathBuf::from)
}

/// All rows of a file.
///
/// # Errors
///
/// If the data is not there, with the variable that says where it is.
pub fn read<T: DeserializeOwned>(name: &str) -> Result<Vec<T>> {
    let path = root().join("guardrails").join(format!("{name}.jsonl.gz"));
    let file = File::open(&path).with_context(|| {
        format!("{} is not there; set SLUICE_DATA to the folder that holds guardrails/", path.display())
    })?;
    BufReader::new(GzDecoder::new(file))
        .lines()
        .map(|line| Ok(serde_json::from_str(&line?)?))
        .collect::<Result<_>>()
        .with_context(|| format!("{} cannot be read", path.display()))
}
