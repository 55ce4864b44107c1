//! Fits the weights of `routing::complexity` to `tests/cases/complexity/train.tsv` and prints them: logistic regression by
//! gradient descent, with a penalty on large weights.

#![allow(clippy::print_stdout, clippy::indexing_slicing, clippy::unwrap_used, reason = "a tool")]

use sluice_core::routing::complexity::{Prompt, features};

fn main() {
    let labelled: Vec<([f64; 9], f64)> = include_str!("../../../tests/cases/complexity/train.tsv")
        .lines()
        .map(|line| {
            let (label, text) = line.split_once('\t').unwrap();
            let text = text.replace("\\n", "\n");
            let tokens = text.len() as u64 / 4;
            let prompt = Prompt { text: &text, tokens, turns: 1, tools: 0, reasoning: false };
            (features(&prompt), f64::from(u8::from(label == "hard")))
        })
        .collect();
    let (mut start, mut weights) = (0.0_f64, [0.0_f64; 9]);
    for _ in 0..20_000 {
        let (mut pull, mut pulls) = (0.0, [0.0; 9]);
        for (features, label) in &labelled {
            let sum: f64 = start + features.iter().zip(weights).map(|(f, w)| f * w).sum::<f64>();
            // A hard prompt at the weak model costs more than a simple one at the strong model.
            let miss = (1.0 / (1.0 + (-sum).exp()) - label) * if *label == 1.0 { 3.0 } else { 1.0 };
            pull += miss;
            for at in 0..9 {
                pulls[at] += miss * features[at];
            }
        }
        let count = labelled.len() as f64;
        start -= 0.5 * pull / count;
        for at in 0..9 {
            weights[at] -= 0.5 * (pulls[at] / count + 0.004 * weights[at]);
        }
    }
    println!("start {start:.2}, weights {weights:.2?}");
}
