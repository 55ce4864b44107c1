//! Rankings judged.

use std::collections::HashMap;

/// Means over questions, in percent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    pub ndcg: f64,
    pub recall: f64,
    pub questions: usize,
}

impl Figures {
    /// Adds one question's ranking, best first.
    pub fn add(&mut self, ranking: &[usize], right: &HashMap<usize, f64>) {
        let discount = |rank: usize| 1.0 / ((rank + 2) as f64).log2();
        let gain = |(rank, text): (usize, &usize)| right.get(text).copied().unwrap_or(0.0) * discount(rank);
        let got: f64 = ranking.iter().take(10).enumerate().map(gain).sum();
        let mut ideal: Vec<f64> = right.values().copied().collect();
        ideal.sort_by(|a, b| b.total_cmp(a));
        let best: f64 = ideal.iter().take(10).enumerate().map(|(rank, gain)| gain * discount(rank)).sum();
        let found = ranking.iter().take(10).filter(|text| right.contains_key(text)).count();
        self.ndcg += 100.0 * got / best.max(f64::MIN_POSITIVE);
        self.recall += 100.0 * found as f64 / right.len().max(1) as f64;
        self.questions += 1;
    }

    pub fn mean(self) -> (f64, f64) {
        let count = self.questions.max(1) as f64;
        (self.ndcg / count, self.recall / count)
    }
}
