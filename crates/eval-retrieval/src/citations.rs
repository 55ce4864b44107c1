//! Citations: are those kept that hold and those dropped that do not?
//!
//! In the cases `[1+]` is a citation that holds and `[2-]` one that does not.

use std::rc::Rc;

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
    /// By the weights that ship.
    kept: bool,
}

fn cases() -> Result<Vec<Case>> {
    serde_json::from_str(CASES).context("cases/citations.json")
}

/// Reads a case citation by citation: the answer is handed over up to each sign, so what comes out belongs to its mark.
fn read(case: &Case, passages: &Rc<Passages<'_>>) -> Vec<Cited> {
    let mut reader = Reader::new(passages.clone(), Written::Removed);
    let mut out = Vec::new();
    let (mut text, mut since) = (String::new(), 0);
    let mut parts = case.answer.split('[');
    let mut before = parts.next().unwrap_or_default();
    for part in parts {
        let Some((mark, after)) = part.split_once(']') else { continue };
        let (number, right) = (mark.trim_end_matches(['+', '-']), mark.ends_with('+'));
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
        before = after;
    }
    out
}

type Row = ([f32; FEATURES], bool);

/// Every citation of each case, as inputs and whether it holds.
fn rows(cases: &[Case], embed: Option<&dyn Fn(&str) -> Vector>) -> Vec<Vec<(Cited, Row)>> {
    let of_case = |case: &Case| {
        let passages = Rc::new(Passages::new(case.passages.iter().map(String::as_str), embed));
        let inputs = |cited: Cited| {
            let row = (passages.features(&cited.statement, cited.passage).unwrap_or_default(), cited.right);
            (cited, row)
        };
        read(case, &passages).into_iter().map(inputs).collect()
    };
    cases.iter().map(of_case).collect()
}

/// Prints precision and recall: of what was kept, how much holds; of what holds, how much was kept. Once with what ships,
/// once with each case judged by weights fitted on the others.
pub fn print(embed: &dyn Fn(&str) -> Vector, errors: bool) -> Result<()> {
    let cases = cases()?;
    for (name, embed) in [("words and meaning", Some(embed)), ("words alone", None)] {
        let rows = rows(&cases, embed);
        let (mut shipped, mut crossed) = (Tally::default(), Tally::default());
        for (at, case) in rows.iter().enumerate() {
            let others: Vec<Row> = rows
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != at)
                .flat_map(|(_, case)| case.iter().map(|row| row.1))
                .collect();
            let weights = logistic(&others);
            for (cited, (inputs, right)) in case {
                let kept = 0.0 <= sum(&weights, inputs);
                shipped.add(cited.kept, *right);
                crossed.add(kept, *right);
                if errors && kept != *right {
                    let what = if *right { "dropped, holds" } else { "kept, does not hold" };
                    println!("  {what}: {} [{}] {inputs:.2?}", cited.statement, cited.passage + 1);
                }
            }
        }
        println!(
            "Citations (cases/citations.json), {name}: {}; each case by weights of the others: {}",
            shipped.line(),
            crossed.line()
        );
    }
    Ok(())
}

/// What was kept and what holds.
#[derive(Default)]
struct Tally {
    kept: usize,
    hold: usize,
    both: usize,
    all: usize,
}

impl Tally {
    fn add(&mut self, kept: bool, right: bool) {
        self.all += 1;
        self.kept += usize::from(kept);
        self.hold += usize::from(right);
        self.both += usize::from(kept && right);
    }

    fn line(&self) -> String {
        let percent = |part: usize, whole: usize| 100.0 * part as f64 / whole.max(1) as f64;
        format!(
            "of {} ({:.0} % hold) precision {:.1}, recall {:.1}",
            self.all,
            percent(self.hold, self.all),
            percent(self.both, self.kept),
            percent(self.both, self.hold)
        )
    }
}

/// Fits the weights on all cases and prints them.
pub fn fit(embed: &dyn Fn(&str) -> Vector) -> Result<()> {
    let cases = cases()?;
    for (name, embed) in [("WEIGHTS", Some(embed)), ("WEIGHTS_OF_WORDS", None)] {
        let rows: Vec<Row> = rows(&cases, embed).into_iter().flatten().map(|row| row.1).collect();
        println!("{name} of crates/retrieval/src/cite/support.rs: {:.3?}", logistic(&rows));
    }
    Ok(())
}

fn sum(weights: &[f64; FEATURES + 1], inputs: &[f32; FEATURES]) -> f64 {
    let sum: f64 = weights.iter().zip(inputs).map(|(weight, input)| weight * f64::from(*input)).sum();
    sum + weights[FEATURES]
}

/// Logistic regression with weights held small.
fn logistic(rows: &[Row]) -> [f64; FEATURES + 1] {
    let mut weights = [0.0; FEATURES + 1];
    for _ in 0..10_000 {
        let mut slope = [0.0; FEATURES + 1];
        for (inputs, right) in rows {
            let miss = f64::from(u8::from(*right)) - 1.0 / (1.0 + (-sum(&weights, inputs)).exp());
            slope.iter_mut().zip(inputs).for_each(|(slope, input)| *slope += miss * f64::from(*input));
            slope[FEATURES] += miss;
        }
        for (at, (weight, slope)) in weights.iter_mut().zip(slope).enumerate() {
            let shrink = if at == FEATURES { 0.0 } else { 0.002 };
            *weight += 0.5 * (slope / rows.len() as f64 - shrink * *weight);
        }
    }
    weights
}
