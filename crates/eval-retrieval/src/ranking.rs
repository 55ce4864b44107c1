//! Rankings of a collection by words, by meaning, by both.

use sluice_retrieval::{
    dense::{self, Vector, Vectors},
    postings::{self, Postings},
    search::{File, search},
    terms::{self, Query},
};
use sluice_semantic::model::Model;

use crate::{data::Collection, measure::Figures};

pub fn print(model: &Model<'_>, collection: &Collection) {
    let embed = |text: &str| Vector::new(&model.embed(text).0);
    let chunks: Vec<_> = collection.texts.iter().map(|text| terms::hashes(text)).collect();
    let rows: Vec<Vec<Vector>> = collection
        .texts
        .iter()
        .map(|text| {
            let windows = dense::windows(text).into_iter().filter_map(|window| text.get(window));
            [text.as_str()].into_iter().chain(windows).map(embed).collect()
        })
        .collect();
    let (words, vectors) = (postings::pack(&chunks), dense::pack(256, &rows));
    let characters: usize = collection.texts.iter().map(String::len).sum();
    println!(
        "{}: {} texts, {} questions, {} bytes a text; postings {} bytes, vectors {} bytes a text",
        collection.name,
        collection.texts.len(),
        collection.questions.len(),
        characters / collection.texts.len(),
        words.len() / collection.texts.len(),
        vectors.len() / collection.texts.len()
    );
    let file = File {
        postings: Postings::parse(&words).unwrap(),
        vectors: Some(Vectors::parse(&vectors).unwrap()),
        admitted: true,
    };
    let run = |name: &str, weight: f32, with: bool| {
        let mut figures = Figures::default();
        for question in &collection.questions {
            let query = Query::new(&question.text);
            let vector = embed(&question.text);
            let found = search(&[file], &query, with.then_some(&vector), weight, 10);
            let ranking: Vec<usize> = found.candidates.iter().map(|one| one.chunk as usize).collect();
            figures.add(&ranking, &question.right);
        }
        let (ndcg, recall) = figures.mean();
        println!("  {name:<24} {ndcg:5.1} / {recall:5.1}");
    };
    run("BM25", 0.0, false);
    run("dense", 1.0, true);
    for weight in [0.1, 0.2, 0.3, 0.4, 0.5] {
        run(&format!("hybrid {weight}"), weight, true);
    }
}
