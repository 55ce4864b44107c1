//! Reading the shared data.

use std::{env, fs::File, io::Read, path::PathBuf};

use anyhow::{Context, Result};
use flate2::read::GzDecoder;
use serde::Deserialize;

/// A request of the trace.
#[derive(Debug, Deserialize)]
pub struct Request {
    pub tenant: String,
    pub model: String,
    pub temperature: f32,
    pub system: String,
    pub history: serde_json::Value,
    pub format: serde_json::Value,
    pub user: String,
    /// Two requests may share an answer exactly where this is equal and holds no `#never`.
    pub equiv: String,
}

impl Request {
    /// Everything but the last turn, as one text.
    pub fn scope(&self) -> String {
        format!(
            "{}|{}|{}|{}|{}|{}",
            self.tenant, self.model, self.temperature, self.system, self.history, self.format
        )
    }
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env::var("SLUICE_DATA").unwrap_or_else(|_| "../shared/data".to_owned()) + "/semantic")
        .join(name)
}

fn text(name: &str) -> Result<Option<String>> {
    let path = path(name);
    let Ok(file) = File::open(&path) else {
        println!("missing: {} (set SLUICE_DATA); left out", path.display());
        return Ok(None);
    };
    let mut out = String::new();
    GzDecoder::new(file).read_to_string(&mut out).with_context(|| path.display().to_string())?;
    Ok(Some(out))
}

/// Rows of a table without its header; none where the file is missing.
pub fn table(name: &str) -> Result<Vec<Vec<String>>> {
    let text = text(&format!("{name}.tsv.gz"))?.unwrap_or_default();
    Ok(text.lines().skip(1).map(|line| line.split('\t').map(str::to_owned).collect()).collect())
}

/// The development trace; empty where it is missing.
pub fn trace() -> Result<Vec<Request>> {
    let text = text("trace_dev.jsonl.gz")?.unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).context("trace")).collect()
}

/// Passages with their questions.
pub fn passages() -> Result<Vec<(String, Vec<String>)>> {
    #[derive(Deserialize)]
    struct Row {
        passage: String,
        questions: Vec<serde_json::Value>,
    }
    let text = text("xquad_en.jsonl.gz")?.unwrap_or_default();
    text.lines()
        .map(|line| {
            let row: Row = serde_json::from_str(line)?;
            let question = |q: &serde_json::Value| {
                q.as_str()
                    .or_else(|| q.get("question").and_then(|q| q.as_str()))
                    .unwrap_or_default()
                    .to_owned()
            };
            Ok((row.passage, row.questions.iter().map(question).collect()))
        })
        .collect()
}
