//! A table of figures beside their goals.

use std::fmt;

use serde_json::Value;

/// One part of the evaluation.
pub struct Table {
    /// What is measured, and on which data.
    pub title: &'static str,
    rows: Vec<(String, String, String)>,
}

impl Table {
    /// No row yet.
    pub fn new(title: &'static str) -> Self {
        Self { title, rows: Vec::new() }
    }

    /// Adds a figure and its goal, which may be empty.
    pub fn row(&mut self, what: impl Into<String>, goal: impl Into<String>, got: impl Into<String>) {
        self.rows.push((what.into(), goal.into(), got.into()));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "### {}\n\n| | goal | measured |\n| --- | --- | --- |", self.title)?;
        self.rows.iter().try_for_each(|(what, goal, got)| writeln!(out, "| {what} | {goal} | {got} |"))
    }
}

/// A member that is text, or nothing.
pub fn text<'v>(row: &'v Value, member: &str) -> &'v str {
    row.get(member).and_then(Value::as_str).unwrap_or("")
}

/// A member that is a whole number, or 0.
pub fn number(row: &Value, member: &str) -> usize {
    row.get(member).and_then(Value::as_u64).unwrap_or(0) as usize
}

/// `part` of `whole` to three places.
pub fn share(part: usize, whole: usize) -> String {
    format!("{:.3} ({part}/{whole})", part as f64 / whole.max(1) as f64)
}

/// How well scores part two groups: the chance that one of the first is above one of the second.
pub fn auroc(scored: &[(f64, bool)]) -> f64 {
    let mut sorted = scored.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut at, mut ranks, mut positive) = (0, 0.0, 0.0);
    while at < sorted.len() {
        let ties = sorted[at..].iter().take_while(|(score, _)| *score == sorted[at].0).count();
        let rank = at as f64 + (ties as f64 + 1.0) / 2.0;
        let yes = sorted[at..at + ties].iter().filter(|(_, yes)| *yes).count() as f64;
        ranks += rank * yes;
        positive += yes;
        at += ties;
    }
    let negative = sorted.len() as f64 - positive;
    (ranks - positive * (positive + 1.0) / 2.0) / (positive * negative)
}
