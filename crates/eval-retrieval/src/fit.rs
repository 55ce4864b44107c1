//! Fits the reranker: a softmax over what one question found, so that right passages come out on top; then scale and
//! constant, so that its logistic is the share of passages with that score that are right.

use sluice_retrieval::rerank::FEATURES;

/// What one question found: inputs, and whether right.
pub type List = Vec<([f32; FEATURES], bool)>;

/// Weights, the constant last.
type Weights = [f64; FEATURES + 1];

fn score(weights: &Weights, inputs: &[f32; FEATURES]) -> f64 {
    weights.iter().zip(inputs).map(|(weight, input)| weight * f64::from(*input)).sum::<f64>()
        + weights[FEATURES]
}

/// Fits on lists, with the first `count` inputs; the others' weights stay 0.
pub fn fit(lists: &[List], count: usize) -> Weights {
    let mut weights = [0.0; FEATURES + 1];
    let usable: Vec<&List> = lists.iter().filter(|list| list.iter().any(|row| row.1)).collect();
    for round in 0..1500 {
        let mut slope = [0.0; FEATURES];
        for list in &usable {
            let scores: Vec<f64> = list.iter().map(|row| score(&weights, &row.0)).collect();
            let top = scores.iter().copied().fold(f64::MIN, f64::max);
            let parts: Vec<f64> = scores.iter().map(|score| (score - top).exp()).collect();
            let all: f64 = parts.iter().sum();
            let right: f64 =
                parts.iter().zip(list.iter()).filter(|(_, row)| row.1).map(|(part, _)| part).sum();
            for (part, row) in parts.iter().zip(list.iter()) {
                let pull = if row.1 { part / right } else { 0.0 } - part / all;
                slope.iter_mut().zip(row.0).for_each(|(slope, input)| *slope += pull * f64::from(input));
            }
        }
        let rate = 2.0 / (1.0 + f64::from(round) / 300.0);
        for (at, slope) in slope.iter().enumerate().take(count) {
            weights[at] += rate * (slope / usable.len() as f64 - 0.002 * weights[at]);
        }
    }
    scale(&mut weights, lists);
    weights
}

/// Scale and constant by plain logistic regression on the fitted score.
fn scale(weights: &mut Weights, lists: &[List]) {
    let (mut by, mut constant) = (1.0, -2.0);
    let rows: Vec<(f64, f64)> = lists
        .iter()
        .flat_map(|list| list.iter().map(|row| (score(weights, &row.0), f64::from(u8::from(row.1)))))
        .collect();
    let mean = rows.iter().map(|row| row.0).sum::<f64>() / rows.len() as f64;
    for _ in 0..4000 {
        let (mut slope, mut base) = (0.0, 0.0);
        for (score, right) in &rows {
            let miss = right - 1.0 / (1.0 + (-(by * (score - mean) + constant)).exp());
            slope += miss * (score - mean);
            base += miss;
        }
        by += 2.0 * slope / rows.len() as f64;
        constant += 4.0 * base / rows.len() as f64;
    }
    weights.iter_mut().take(FEATURES).for_each(|weight| *weight *= by);
    weights[FEATURES] = constant - by * mean;
}
