//! One search over the files of a store: words and vectors scored, mixed, the best kept.

use crate::{
    bm25::{self, Statistics},
    mix::{Mix, Spread},
    postings::Postings,
    terms::Query,
};

/// A file as it is searched.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// Which terms its chunks hold.
    pub postings: Postings<'a>,
    /// How near its chunks are to the question, as [`Vectors::scores`](crate::dense::Vectors::scores) tells; nothing where
    /// that is not known.
    pub cosines: Option<&'a [f32]>,
    /// Whether the caller's filter admits it. Others only count towards how rare words are.
    pub admitted: bool,
}

/// A chunk that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The file, counted from 0 in the order given.
    pub file: usize,
    /// The chunk within the file, counted from 0.
    pub chunk: u32,
    /// Its BM25 score.
    pub lexical: f32,
    /// Its cosine, as [`Vectors::scores`] tells.
    pub dense: f32,
    /// What candidates are ordered by; comparable within one search only.
    pub mixed: f32,
}

/// What was found, and how all scores lay.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The best chunks, best first.
    pub candidates: Vec<Candidate>,
    /// How the scores of all chunks lie.
    pub mix: Mix,
    /// How much each term of the question weighs.
    pub weights: Vec<f32>,
    /// The score BM25 could have given at most.
    pub most: f32,
}

/// Searches: the `count` chunks with the highest mixed score, of equals the earlier. Where no file has cosines, words alone
/// decide. Chunks that share no word with the question and have no vector are not found.
#[must_use]
pub fn search(files: &[File<'_>], query: &Query, weight: f32, count: usize) -> Found {
    let statistics = Statistics::of(query, files.iter().map(|file| file.postings));
    let weights = statistics.weights(query);
    let admitted = || files.iter().enumerate().filter(|(_, file)| file.admitted);
    let total: usize = admitted().map(|(_, file)| file.postings.chunks() as usize).sum();
    let (mut lexical, mut dense) = (vec![0.0_f32; total], Vec::with_capacity(total));
    let mut start = 0;
    for (_, file) in admitted() {
        let end = start + file.postings.chunks() as usize;
        if let Some(scores) = lexical.get_mut(start..end) {
            bm25::add_scores(query, &statistics, &weights, &file.postings, scores);
        }
        dense.extend_from_slice(file.cosines.unwrap_or_default());
        dense.resize(end, 0.0);
        start = end;
    }
    let mix = Mix {
        lexical: Spread::of(lexical.iter().copied()),
        dense: Spread::of(dense.iter().copied()),
        weight: if admitted().any(|(_, file)| file.cosines.is_some()) { weight } else { 0.0 },
    };
    let places = admitted().flat_map(|(at, file)| (0..file.postings.chunks()).map(move |chunk| (at, chunk)));
    let mut best = Best::new(count);
    for ((file, chunk), (lexical, dense)) in places.zip(lexical.iter().zip(&dense)) {
        if 0.0 < *lexical || *dense != 0.0 {
            let mixed = mix.score(*lexical, *dense);
            best.offer(Candidate { file, chunk, lexical: *lexical, dense: *dense, mixed });
        }
    }
    Found { candidates: best.ordered(), mix, most: statistics.most(query), weights }
}

/// The best of many, without sorting all.
struct Best {
    count: usize,
    kept: Vec<Candidate>,
    least: f32,
}

impl Best {
    fn new(count: usize) -> Self {
        Self { count, kept: Vec::new(), least: f32::NEG_INFINITY }
    }

    fn offer(&mut self, candidate: Candidate) {
        if candidate.mixed <= self.least || self.count == 0 {
            return;
        }
        self.kept.push(candidate);
        if 4 * self.count < self.kept.len() {
            self.cut();
            self.least = self.kept.last().map_or(self.least, |last| last.mixed);
        }
    }

    /// Stable, so of equals the earlier stays.
    fn cut(&mut self) {
        self.kept.sort_by(|a, b| b.mixed.total_cmp(&a.mixed));
        self.kept.truncate(self.count);
    }

    fn ordered(mut self) -> Vec<Candidate> {
        self.cut();
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{postings, terms};

    struct Stored {
        postings: Vec<u8>,
        cosines: Vec<f32>,
    }

    fn stored(chunks: &[(&str, f32)]) -> Stored {
        let terms: Vec<_> = chunks.iter().map(|chunk| terms::hashes(chunk.0)).collect();
        Stored { postings: postings::pack(&terms), cosines: chunks.iter().map(|chunk| chunk.1).collect() }
    }

    fn file(stored: &Stored) -> File<'_> {
        File {
            postings: Postings::parse(&stored.postings).unwrap(),
            cosines: Some(&stored.cosines),
            admitted: true,
        }
    }

    fn by_words(file: File<'_>) -> File<'_> {
        File { cosines: None, ..file }
    }

    fn order(found: &Found) -> Vec<(usize, u32)> {
        found.candidates.iter().map(|candidate| (candidate.file, candidate.chunk)).collect()
    }

    #[test]
    fn words_and_meaning_both_count() {
        let first = stored(&[("how to reset the password", 1.0), ("opening hours", 0.0)]);
        let second = stored(&[("recover a forgotten login", 0.99), ("shipping costs", 0.0)]);
        let files = [file(&first), file(&second)];
        let query = Query::new("reset password");
        assert_eq!(order(&search(&files, &query, 0.5, 2)), [(0, 0), (1, 0)]);
        let words = search(&files.map(by_words), &query, 0.5, 10);
        assert_eq!((order(&words), words.mix.weight), (vec![(0, 0)], 0.0));
        let unadmitted = [File { admitted: false, ..file(&first) }, file(&second)];
        assert_eq!(order(&search(&unadmitted, &query, 0.5, 1)), [(1, 0)]);
        assert_eq!(search(&[], &query, 0.5, 3).candidates, []);
    }

    #[test]
    fn a_file_without_cosines_is_found_by_its_words_beside_others() {
        let (first, second) = (stored(&[("opening hours", 0.9)]), stored(&[("reset password", 0.9)]));
        let files = [file(&first), by_words(file(&second))];
        let found = search(&files, &Query::new("reset"), 0.3, 2);
        let told: Vec<_> = found.candidates.iter().map(|found| (found.file, found.dense)).collect();
        assert_eq!(told, [(1, 0.0), (0, 0.9)]);
    }

    proptest! {
        #[test]
        fn the_best_are_those_that_sorting_gives(scores in prop::collection::vec(-5..5_i32, 0..200), count in 0_usize..12) {
            let candidate = |(at, mixed): (usize, &i32)| {
                Candidate { file: at, chunk: 0, lexical: 0.0, dense: 0.0, mixed: *mixed as f32 }
            };
            let mut all: Vec<Candidate> = scores.iter().enumerate().map(candidate).collect();
            let mut best = Best::new(count);
            all.iter().for_each(|candidate| best.offer(*candidate));
            all.sort_by(|a, b| b.mixed.total_cmp(&a.mixed));
            all.truncate(count);
            prop_assert_eq!(best.ordered(), all);
        }
    }
}
