//! BM25: how well a chunk's words match a question's, of all the chunks searched.
//!
//! `idf * count * (k1 + 1) / (count + k1 * (1 - b + b * length / mean length))`, summed over the question's terms, with
//! `idf = ln(1 + (chunks - holding + 0.5) / (holding + 0.5))` (Robertson and Zaragoza, "The Probabilistic Relevance
//! Framework: BM25 and Beyond", 2009; the idf that is never negative is Lucene's).

use crate::{postings::Postings, terms::Query};

/// How soon a repeated word stops counting.
pub const K1: f32 = 0.9;
/// How much long chunks are held back.
pub const B: f32 = 0.4;

/// What BM25 must know of everything that is searched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Chunks in all files.
    pub chunks: u64,
    /// Terms in all of them.
    pub length: u64,
    /// How many chunks hold each term of the question, in its order.
    pub holding: Vec<u64>,
}

impl Statistics {
    /// Counts over files. Files that a filter leaves out may be counted too: how rare a word is then does not depend on
    /// the filter.
    #[must_use]
    pub fn of<'a>(query: &Query, files: impl IntoIterator<Item = Postings<'a>>) -> Self {
        let mut made = Self { chunks: 0, length: 0, holding: vec![0; query.terms().len()] };
        for file in files {
            made.chunks += u64::from(file.chunks());
            made.length += u64::from(file.length());
            for (holding, (term, _)) in made.holding.iter_mut().zip(query.terms()) {
                *holding += u64::from(file.find(*term).left());
            }
        }
        made
    }

    /// How much each term of the question weighs: its rarity times how often the question names it.
    #[must_use]
    pub fn weights(&self, query: &Query) -> Vec<f32> {
        let weight = |((_, count), holding): (&(u32, u32), &u64)| {
            let (chunks, holding) = (self.chunks as f32, *holding as f32);
            let rest = (chunks - holding).max(0.0);
            *count as f32 * ((rest + 0.5) / (holding + 0.5)).ln_1p()
        };
        query.terms().iter().zip(&self.holding).map(weight).collect()
    }

    /// The score that a chunk of mean length would have that held every term of the question without end; at least
    /// what any chunk has. 0 where nothing is looked for.
    #[must_use]
    pub fn most(&self, query: &Query) -> f32 {
        self.weights(query).iter().sum::<f32>() * (K1 + 1.0)
    }
}

/// Adds each chunk's score to `scores`, which has a place for every chunk of the file.
pub fn add_scores(
    query: &Query,
    statistics: &Statistics,
    weights: &[f32],
    file: &Postings<'_>,
    scores: &mut [f32],
) {
    let mean = (statistics.length as f32 / statistics.chunks.max(1) as f32).max(1.0);
    for ((term, _), weight) in query.terms().iter().zip(weights) {
        for (chunk, count) in file.find(*term) {
            let Some(score) = scores.get_mut(chunk as usize) else { continue };
            let length = f32::from(file.chunk_length(chunk)) / mean;
            let count = count as f32;
            *score += weight * count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * length));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{postings, terms};

    fn packed(texts: &[&str]) -> Vec<u8> {
        postings::pack(&texts.iter().map(|text| terms::hashes(text)).collect::<Vec<_>>())
    }

    fn scores(query: &str, files: &[&[&str]]) -> Vec<Vec<f32>> {
        let bytes: Vec<Vec<u8>> = files.iter().map(|file| packed(file)).collect();
        let files: Vec<Postings<'_>> = bytes.iter().map(|bytes| Postings::parse(bytes).unwrap()).collect();
        let query = Query::new(query);
        let statistics = Statistics::of(&query, files.iter().copied());
        let weights = statistics.weights(&query);
        let score = |file: &Postings<'_>| {
            let mut scores = vec![0.0; file.chunks() as usize];
            add_scores(&query, &statistics, &weights, file, &mut scores);
            assert!(scores.iter().all(|score| *score <= statistics.most(&query)));
            scores
        };
        files.iter().map(score).collect()
    }

    #[test]
    fn the_formula_is_followed() {
        let found = scores("fox", &[&["the quick brown fox", "a fox and a fox"], &["no animal at all here"]]);
        let idf = (1.0_f32 + 1.5 / 2.5).ln();
        let mean = 14.0 / 3.0;
        let expected =
            |count: f32, length: f32| idf * count * 1.9 / (count + 0.9 * (0.6 + 0.4 * length / mean));
        assert!((found[0][0] - expected(1.0, 4.0)).abs() < 1e-5);
        assert!((found[0][1] - expected(2.0, 5.0)).abs() < 1e-5);
        assert_eq!(found[1], [0.0]);
    }

    #[test]
    fn files_cut_differently_score_the_same() {
        let texts = ["alpha beta", "beta gamma beta", "gamma delta words", "alpha alpha alpha"];
        let whole = scores("alpha gamma", &[&texts]).concat();
        let apart = scores("alpha gamma", &[&texts[..1], &texts[1..3], &texts[3..]]).concat();
        assert_eq!(whole, apart);
    }

    #[test]
    fn rare_words_weigh_more() {
        let found = scores("common rare", &[&["common word", "common word", "common thing", "rare word"]]);
        assert!(found[0][0] < found[0][3]);
    }
}
