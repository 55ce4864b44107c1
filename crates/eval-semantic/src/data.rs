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

/// A pair of `tools/semantic/judged.tsv`.
pub struct Judged {
    pub a: String,
    pub b: String,
    /// 0 unrelated, 1 the same subject, 2 overlapping, 3 nearly the same question, 4 the same.
    pub grade: u8,
}

/// The judged pairs of subjects that nothing was learned from: every third.
pub fn judged() -> Result<Vec<Judged>> {
    let read = |name: &str| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tools/semantic/").to_owned() + name;
        std::fs::read_to_string(&path).with_context(|| path)
    };
    let asked = read("asked.tsv")?;
    let asked: Vec<(usize, &str)> = asked
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(subject, text)| Ok((subject.parse()?, text)))
        .collect::<Result<_>>()?;
    let question = |at: &str| asked.get(at.parse::<usize>()?).context("no such question");
    let mut pairs = Vec::new();
    for line in read("judged.tsv")?.lines() {
        let [a, b, grade] = line.split('\t').collect::<Vec<_>>()[..] else {
            anyhow::bail!("three columns: {line}")
        };
        let (a, b) = (question(a)?, question(b)?);
        if a.0 % 3 == 0 && b.0 % 3 == 0 {
            pairs.push(Judged { a: a.1.to_owned(), b: b.1.to_owned(), grade: grade.parse()? });
        }
    }
    Ok(pairs)
}
