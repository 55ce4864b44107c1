//! Citations: are those kept that hold and those dropped that do not?
//!
//! In the cases `[1+]` is a citation that holds and `[2-]` one that does not. Every other case fitted the weights; the
//! rest did not.

use anyhow::{Context, Result};
use serde::Deserialize;
use sluice_retrieval::{
    cite::{
        Out, Reader, Written,
        support::{FEATURES, Passages},
    },
    dense::Vector,
};

const CASES: &str = include_str!("../cases/citations.json");

#[derive(Deserialize)]
struct Case {
    passages: Vec<String>,
    answer: String,
}

/// A citation as the reader saw it.
struct Cited {
    statement: String,
    passage: usize,
    right: bool,
    kept: bool,
}

fn cases() -> Result<Vec<Case>> {
    serde_json::from_str(CASES).context("cases/citations.json")
}

/// Reads a case citation by citation: the answer is handed over up to each sign, so what comes out belongs to its mark.
fn read(case: &Case, passages: &Passages<'_>) -> Vec<Cited> {
    let mut reader = Reader::new(passages, Written::Removed);
    let mut out = Vec::new();
    let (mut text, mut rest, mut since) = (String::new(), case.answer.as_str(), 0);
    while let Some(at) = rest.find(['[']) {
        let (before, mark) = rest.split_at(at);
        let (number, right) = (&mark[1..2], &mark[2..3] == "+");
        let mut pieces = reader.push(before);
        pieces.extend(reader.push(&format!("[{number}]")));
        for piece in &pieces {
            if let Out::Text(piece) = piece {
                text.push_str(piece);
            }
        }
        let citation =
            pieces.iter().find_map(|piece| if let Out::Citation(one) = piece { Some(one) } else { None });
        let passage = number.parse::<usize>().unwrap_or(0).saturating_sub(1);
        let statement = citation.map_or_else(
            || text.get(since..).unwrap_or_default().trim_start_matches(['.', ';', ',', ' ']).to_owned(),
            |one| text.get(one.start.bytes..one.end.bytes).unwrap_or_default().to_owned(),
        );
        since = text.len();
        out.push(Cited { statement, passage, right, kept: citation.is_some() });
        rest = &mark[4..];
    }
    out
}

/// Prints precision and recall: of what was kept, how much holds; of what holds, how much was kept.
pub fn print(embed: &dyn Fn(&str) -> Vector, errors: bool) -> Result<()> {
    let cases = cases()?;
    for (name, embed) in [("words and meaning", Some(embed)), ("words alone", None)] {
        // All, then those of the cases that fitted nothing.
        let mut counts = [[0_usize; 4]; 2];
        for (at, case) in cases.iter().enumerate() {
            let passages = Passages::new(case.passages.iter().map(String::as_str), embed);
            for cited in read(case, &passages) {
                let kind = usize::from(!cited.kept) + 2 * usize::from(!cited.right);
                counts[0][kind] += 1;
                counts[1][kind] += at % 2;
                if errors && cited.kept != cited.right {
                    let inputs = passages.features(&cited.statement, cited.passage).unwrap_or_default();
                    let what = if cited.right { "dropped, holds" } else { "kept, does not hold" };
                    println!("  {what}: {} [{}] {inputs:.2?}", cited.statement, cited.passage + 1);
                }
            }
        }
        let line = |[hold_kept, hold_dropped, wrong_kept, wrong_dropped]: [usize; 4]| {
            let percent = |part: usize, whole: usize| 100.0 * part as f64 / whole.max(1) as f64;
            let all = hold_kept + hold_dropped + wrong_kept + wrong_dropped;
            format!(
                "{all} citations ({:.0} % hold): precision {:.1}, recall {:.1}",
                percent(hold_kept + hold_dropped, all),
                percent(hold_kept, hold_kept + wrong_kept),
                percent(hold_kept, hold_kept + hold_dropped)
            )
        };
        println!(
            "Citations (cases/citations.json), {name}: {}; cases kept apart: {}",
            line(counts[0]),
            line(counts[1])
        );
    }
    Ok(())
}

/// Fits the weights on every other case and prints them.
pub fn fit(embed: &dyn Fn(&str) -> Vector) -> Result<()> {
    let cases = cases()?;
    for (name, embed) in [("WEIGHTS", Some(embed)), ("WEIGHTS_OF_WORDS", None)] {
        let mut rows: Vec<([f32; FEATURES], f64)> = Vec::new();
        for case in cases.iter().step_by(2) {
            let passages = Passages::new(case.passages.iter().map(String::as_str), embed);
            for cited in read(case, &passages) {
                if let Some(inputs) = passages.features(&cited.statement, cited.passage) {
                    rows.push((inputs, f64::from(u8::from(cited.right))));
                }
            }
        }
        println!("{name} of crates/retrieval/src/cite/support.rs: {:.3?}", logistic(&rows));
    }
    Ok(())
}

/// Logistic regression with weights held small.
fn logistic(rows: &[([f32; FEATURES], f64)]) -> [f64; FEATURES + 1] {
    let mut weights = [0.0; FEATURES + 1];
    for _ in 0..20_000 {
        let mut slope = [0.0; FEATURES + 1];
        for (inputs, right) in rows {
            let sum: f64 = weights.iter().zip(inputs).map(|(weight, input)| weight * f64::from(*input)).sum();
            let miss = right - 1.0 / (1.0 + (-(sum + weights[FEATURES])).exp());
            slope.iter_mut().zip(inputs).for_each(|(slope, input)| *slope += miss * f64::from(*input));
            slope[FEATURES] += miss;
        }
        for (at, (weight, slope)) in weights.iter_mut().zip(slope).enumerate() {
            let shrink = if at == FEATURES { 0.0 } else { 0.005 };
            *weight += 0.5 * (slope / rows.len() as f64 - shrink * *weight);
        }
    }
    weights
}
