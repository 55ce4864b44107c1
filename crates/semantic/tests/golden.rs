//! The tokenizer and the vectors against the reference implementations' output (`tools/semantic/golden.py`).
#![cfg(feature = "embedded-model")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::{fs, path::Path};

use proptest::prelude::*;
use serde::{Deserialize, de::DeserializeOwned};
use sluice_semantic::model::{EMBEDDED, Model, ModelError, Piece};

fn rows<T: DeserializeOwned>(name: &str) -> Vec<T> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let rows: Vec<T> =
        fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!rows.is_empty());
    rows
}

fn model() -> Model<'static> {
    Model::parse(EMBEDDED.unwrap()).unwrap()
}

#[test]
fn the_committed_model_is_whole() {
    let model = model();
    assert!(model.intact());
    assert_eq!((model.pieces(), model.dims()), (16_000, 256));
    assert!(EMBEDDED.unwrap().len() <= 2_400_000);
}

#[test]
fn every_text_is_cut_as_the_reference_cuts_it() {
    #[derive(Deserialize)]
    struct Row {
        text: String,
        ids: Vec<Option<u16>>,
    }
    let model = model();
    let mut failed = Vec::new();
    for row in rows::<Row>("tokens.jsonl") {
        let mut found = Vec::new();
        let counts = model.tokenize(&row.text, |piece| {
            found.push(match piece {
                Piece::Known(index) => Some(index),
                Piece::Unknown => None,
            });
        });
        assert_eq!(counts.pieces as usize, found.len());
        if found != row.ids {
            let named = |ids: &[Option<u16>]| {
                ids.iter()
                    .map(|id| id.and_then(|id| model.piece(id)).unwrap_or("[UNK]".into()))
                    .collect::<Vec<_>>()
                    .join(" ")
            };
            failed.push(format!(
                "{:?}\n  expected {}\n  found    {}",
                row.text,
                named(&row.ids),
                named(&found)
            ));
        }
    }
    assert!(failed.is_empty(), "{} texts:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn vectors_are_the_references() {
    #[derive(Deserialize)]
    struct Row {
        text: String,
        vector: Vec<f32>,
    }
    let model = model();
    for row in rows::<Row>("vectors.jsonl") {
        let (vector, _) = model.embed(&row.text);
        for (found, expected) in vector.iter().zip(&row.vector) {
            assert!((found - expected).abs() < 2e-5, "{}: {found} for {expected}", row.text);
        }
        let (short, _) = model.embed_short(&row.text, 64);
        assert_eq!(short.len(), 64);
        let length = row.vector.iter().take(64).map(|v| v * v).sum::<f32>().sqrt();
        assert!((short[3] - row.vector[3] / length).abs() < 1e-4);
    }
}

#[test]
fn broken_files_are_refused() {
    let bytes = EMBEDDED.unwrap();
    assert_eq!(Model::parse(b"").err(), Some(ModelError::NotAModel));
    assert_eq!(Model::parse(&bytes[..bytes.len() - 1]).err(), Some(ModelError::Length));
    for at in 8..36 {
        let mut broken = bytes.to_vec();
        broken[at] ^= 0x55;
        // A wrong header is refused or, where only the checksum is wrong, found out on reading all of it.
        assert!(Model::parse(&broken).map_or(true, |model| !model.intact()), "byte {at}");
    }
    let mut broken = bytes.to_vec();
    broken[100_000] ^= 1;
    assert!(!Model::parse(&broken).unwrap().intact());
}

proptest! {
    #[test]
    fn any_text_has_a_vector_of_length_one_or_zeros(text in "\\PC{0,80}") {
        let (vector, counts) = model().embed(&text);
        let length = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
        prop_assert!((length - 1.0).abs() < 1e-3 || length == 0.0);
        prop_assert!(counts.unknown <= counts.pieces);
        prop_assert!(counts.unknown < counts.pieces || length == 0.0);
    }

    #[test]
    fn case_and_accents_do_not_matter(text in "[a-zA-Z ]{1,60}") {
        prop_assert_eq!(model().embed(&text).0, model().embed(&text.to_uppercase()).0);
    }
}
