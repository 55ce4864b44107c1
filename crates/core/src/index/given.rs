//! A search whose nearness another service has told: for some chunks, and for those nearest only.

use sluice_retrieval::{
    bm25::{self, Statistics},
    mix::{Mix, Spread},
    search::{Candidate, File, Found},
    terms::Query,
};

/// Searches: the `count` chunks with the highest mixed score. `near` has the cosine of chunks by the place of their file
/// in `files` and their number within it. Chunks that were not told count as no nearer than the farthest that was.
pub fn search(
    files: &[File<'_>],
    query: &Query,
    near: &[(usize, u32, f32)],
    weight: f32,
    count: usize,
) -> Found {
    let statistics = Statistics::of(query, files.iter().map(|file| file.postings));
    let weights = statistics.weights(query);
    let floor = near.iter().map(|near| near.2).reduce(f32::min).unwrap_or(0.0);
    let mut all = Vec::new();
    for (at, file) in files.iter().enumerate().filter(|(_, file)| file.admitted) {
        let mut lexical = vec![0.0; file.postings.chunks() as usize];
        bm25::add_scores(query, &statistics, &weights, &file.postings, &mut lexical);
        let mut dense = vec![None; lexical.len()];
        for (_, chunk, cosine) in near.iter().filter(|near| near.0 == at) {
            if let Some(told) = dense.get_mut(*chunk as usize) {
                *told = Some(*cosine);
            }
        }
        all.extend((0..).zip(lexical.into_iter().zip(dense)).map(|(chunk, scores)| (at, chunk, scores)));
    }
    let lexical = Spread::of(all.iter().map(|(_, _, (lexical, _))| *lexical));
    let dense = Spread::of(near.iter().map(|near| near.2));
    let mix = Mix { lexical, dense, weight: if near.is_empty() { 0.0 } else { weight } };
    let mut candidates: Vec<Candidate> = all
        .into_iter()
        .filter(|(_, _, (lexical, dense))| 0.0 < *lexical || dense.is_some())
        .map(|(file, chunk, (lexical, dense))| {
            let mixed = mix.score(lexical, dense.unwrap_or(floor));
            Candidate { file, chunk, lexical, dense: dense.unwrap_or(0.0), mixed }
        })
        .collect();
    candidates.sort_by(|a, b| b.mixed.total_cmp(&a.mixed));
    candidates.truncate(count);
    Found { candidates, mix, most: statistics.most(query), weights }
}

#[cfg(test)]
mod tests {
    use sluice_retrieval::{
        postings::{self, Postings},
        terms,
    };

    use super::*;

    #[test]
    fn words_and_what_was_told_both_count() {
        let packed = |texts: &[&str]| {
            postings::pack(&texts.iter().map(|text| terms::hashes(text)).collect::<Vec<_>>())
        };
        let (one, two) = (packed(&["reset the password", "opening hours"]), packed(&["forgotten login"]));
        let file = |bytes| File { postings: Postings::parse(bytes).unwrap(), cosines: None, admitted: true };
        let files = [file(&one), file(&two)];
        let order = |found: Found| -> Vec<(usize, u32)> {
            found.candidates.iter().map(|found| (found.file, found.chunk)).collect()
        };
        let query = Query::new("password");
        assert_eq!(order(search(&files, &query, &[], 0.5, 9)), [(0, 0)]);
        let near = [(1, 0, 0.9), (0, 1, 0.2), (9, 0, 1.0), (0, 77, 0.1)];
        assert_eq!(order(search(&files, &query, &near, 0.5, 9)), [(0, 0), (1, 0), (0, 1)]);
        assert_eq!(order(search(&files, &query, &near, 1.0, 1)), [(1, 0)]);
        let left_out = [File { admitted: false, ..file(&one) }, file(&two)];
        assert_eq!(order(search(&left_out, &query, &near, 0.5, 9)), [(1, 0)]);
    }
}
