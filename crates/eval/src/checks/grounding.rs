//! Groundedness: BEGIN, in three sources, and HaluEval, which length alone separates and which proves nothing.

use anyhow::Result;
use serde_json::Value;
use sluice_guardrails::grounding::{Context, FEATURES};

use super::table::{Table, auroc, number, text};
use crate::data;

struct Row {
    source: String,
    features: [f64; FEATURES],
    score: f64,
    supported: bool,
}

/// Measures.
///
/// # Errors
///
/// The data are missing.
pub fn section(_errors: bool) -> Result<Table> {
    let all = read()?;
    let mut table = Table::new("Groundedness (AUROC)");
    let of = |source: &str| {
        all.iter()
            .filter(|row| row.source == source)
            .map(|row| (row.score, row.supported))
            .collect::<Vec<_>>()
    };
    table.row(
        "BEGIN WoW dev, shipped weights (fitted on these rows)",
        "",
        format!("{:.3}", auroc(&of("begin_wow_dev"))),
    );
    let wow: Vec<&Row> = all.iter().filter(|row| row.source == "begin_wow_dev").collect();
    table.row(
        "BEGIN WoW dev, ten folds, each scored by weights fitted on the others",
        "≥ 0.94",
        format!("{:.3}", folds(&wow)),
    );
    let begin: Vec<&Row> = all.iter().filter(|row| row.source.starts_with("begin")).collect();
    table.row("all of BEGIN, ten folds", "", format!("{:.3}", folds(&begin)));
    table.row("BEGIN TopicalChat, not fitted on", "", format!("{:.3}", auroc(&of("begin_tc"))));
    table.row("BEGIN CMU, not fitted on", "", format!("{:.3}", auroc(&of("begin_cmu"))));
    table.row(
        "HaluEval QA (no proof: length separates it)",
        "",
        format!("{:.3}", auroc(&of("halueval_qa_one"))),
    );
    Ok(table)
}

/// Prints weights fitted on BEGIN WoW dev.
///
/// # Errors
///
/// The data are missing.
pub fn fit() -> Result<()> {
    let all = read()?;
    let wow: Vec<&Row> = all.iter().filter(|row| row.source == "begin_wow_dev").collect();
    let weights: Vec<String> = train(&wow).iter().map(|weight| format!("{weight:.3}")).collect();
    println!("const WEIGHTS: [f64; FEATURES + 1] = [{}];", weights.join(", "));
    for feature in 0..FEATURES {
        let one = |rows: &[&Row]| {
            auroc(&rows.iter().map(|row| (row.features[feature], row.supported)).collect::<Vec<_>>())
        };
        println!("feature {feature}: {:.3}", one(&wow));
    }
    Ok(())
}

fn read() -> Result<Vec<Row>> {
    let rows = data::read::<Value>("grounding")?;
    Ok(rows
        .iter()
        .map(|row| {
            let context = Context::new([text(row, "context")], text(row, "question"));
            let answer = text(row, "answer");
            Row {
                source: text(row, "src").to_owned(),
                features: context.features(answer),
                score: context.support(answer).score,
                supported: number(row, "label") == 1,
            }
        })
        .collect())
}

fn folds(rows: &[&Row]) -> f64 {
    let mut scored = Vec::new();
    for fold in 0..10 {
        let train_rows: Vec<&Row> =
            rows.iter().enumerate().filter(|(at, _)| at % 10 != fold).map(|(_, row)| *row).collect();
        let weights = train(&train_rows);
        for row in rows.iter().skip(fold).step_by(10) {
            scored.push((score(&weights, &row.features), row.supported));
        }
    }
    auroc(&scored)
}

fn score(weights: &[f64; FEATURES + 1], features: &[f64; FEATURES]) -> f64 {
    let sum: f64 = weights.iter().zip(features).map(|(weight, feature)| weight * feature).sum();
    1.0 / (1.0 + (-(sum + weights[FEATURES])).exp())
}

/// Logistic regression by gradient descent, with a penalty on large weights.
fn train(rows: &[&Row]) -> [f64; FEATURES + 1] {
    let mut weights = [0.0; FEATURES + 1];
    for _ in 0..4000 {
        let mut gradient = [0.0; FEATURES + 1];
        for row in rows {
            let error = score(&weights, &row.features) - f64::from(u8::from(row.supported));
            for (sum, feature) in gradient.iter_mut().zip(row.features.iter().chain(&[1.0])) {
                *sum += error * feature / rows.len() as f64;
            }
        }
        for (at, (weight, gradient)) in weights.iter_mut().zip(gradient).enumerate() {
            let penalty = if at < FEATURES { 0.002 * *weight } else { 0.0 };
            *weight -= 1.0 * (gradient + penalty);
        }
    }
    weights
}
