//! Which rows are trained on together: groups of sources. A row is only ever reported by a model that saw none of its
//! group.

use anyhow::Result;

use crate::data::{self, Row};
use crate::grammar;

/// Groups that are held out in turn; the last one, our own grammar, is trained on always and reported on never.
pub const FOLDS: usize = 6;
/// The two halves of what the shared grammar made: prompts, and attacks put into documents.
pub const SHARED_GRAMMAR: [usize; 2] = [4, 5];
const OWN_GRAMMAR: usize = FOLDS;

/// A row and its place.
pub struct Sample {
    /// The row.
    pub row: Row,
    /// Which group.
    pub group: usize,
    /// How much it counts in training; 0 is measured only.
    pub weight: f32,
}

/// All rows.
///
/// # Errors
///
/// If the data is not there.
pub fn samples() -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for name in ["prompt_attacks", "own_synthetic", "documents", "benign"] {
        for mut row in data::read::<Row>(name)? {
            if row.src.is_empty() {
                row.src = name.to_owned();
            }
            let (group, weight) = place(&row);
            let group = if group == SHARED_GRAMMAR[0] { half(&row.text) } else { group };
            samples.push(Sample { row, group, weight });
        }
    }
    let made = |text, label| Sample {
        row: Row {
            text,
            label,
            src: "grammar".to_owned(),
            kind: String::new(),
            how: String::new(),
            base: 0,
            start: None,
            end: None,
        },
        group: OWN_GRAMMAR,
        weight: 1.0,
    };
    samples.extend(grammar::harmless().into_iter().map(|text| made(text, 0)));
    samples.extend(grammar::attacks().into_iter().map(|text| made(text, 1)));
    Ok(samples)
}

/// Group and weight of a row. Weights keep the largest sets from outvoting the rest, and what text alone cannot tell
/// (requests that are merely out of place) out of training.
fn place(row: &Row) -> (usize, f32) {
    match (row.src.as_str(), row.label) {
        ("slabs", _) => (0, 0.6),
        ("writingbench", _) => (0, 2.0),
        ("neuralchemy", 1) => (1, 0.5),
        ("neuralchemy", _) => (1, 0.7),
        ("oasst", _) => (1, 3.0),
        ("yanis_multi" | "giskard" | "bastion", _) => (2, 1.0),
        ("gsm8k", _) => (2, 1.0),
        ("jackhhao", 1) => (3, 0.0),
        ("inthewild", _) => (3, 0.7),
        ("jackhhao" | "swe_issues", _) => (3, 2.0),
        ("documents", _) if row.kind == "indirect_no_cue" => (4, 0.0),
        _ => (4, 1.0),
    }
}

/// Which half of the shared grammar's texts this one belongs to.
pub fn half(text: &str) -> usize {
    let hash = text.bytes().fold(7_u32, |hash, byte| hash.wrapping_mul(31) ^ u32::from(byte));
    SHARED_GRAMMAR[usize::from(hash & 64 == 0)]
}

/// Counts as the general-benign pool, on which thresholds are set: what people ask, nothing made to provoke.
pub fn in_pool(row: &Row) -> bool {
    row.label == 0
        && matches!(
            row.src.as_str(),
            "oasst" | "selfinstruct_seed" | "gsm8k" | "writingbench" | "swe_issues" | "jackhhao"
        )
}
