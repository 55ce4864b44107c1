//! Whether two questions ask the same: vetoes on differences of kind, then a score by small trees.

use crate::{
    analysis::Analysis,
    features::{self, COUNT},
    model::{Model, ModelError},
    trees::Trees,
};

pub use crate::veto::Veto;

/// The trained verifier; 28 KB, always in the build.
const TRAINED: &[u8] = include_bytes!("../model/verifier-v1.bin");

/// A question taken apart, to be compared with several.
#[derive(Clone, Debug)]
pub struct Question(pub(crate) Analysis);

impl Question {
    /// Takes `text` apart (about ten microseconds).
    #[must_use]
    pub fn new(model: &Model<'_>, text: &str) -> Self {
        Self(Analysis::of(model, text))
    }

    /// Its vector, of length one.
    #[must_use]
    pub fn vector(&self) -> &[f32] {
        &self.0.vector
    }
}

/// What the verifier says of a pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// Another question, whatever the score.
    Vetoed(Veto),
    /// How likely the same question, in the unit of thresholds.
    Score(f32),
}

/// The second stage of a look-up.
#[derive(Clone, Debug)]
pub struct Verifier {
    trees: Trees,
}

impl Verifier {
    /// The one this build carries.
    ///
    /// # Errors
    ///
    /// [`ModelError`] if the committed file is broken.
    pub fn trained() -> Result<Self, ModelError> {
        Self::parse(TRAINED)
    }

    /// Reads a file of `tools/semantic/verifier.py`.
    ///
    /// # Errors
    ///
    /// [`ModelError`] where the bytes are not a verifier, of another version, or cut.
    pub fn parse(bytes: &[u8]) -> Result<Self, ModelError> {
        Trees::parse(bytes).map(|trees| Self { trees })
    }

    /// Compares two questions. Which comes first does not matter.
    #[must_use]
    pub fn verify(&self, a: &Question, b: &Question) -> Verdict {
        match crate::veto::veto(&a.0, &b.0) {
            Some(veto) => Verdict::Vetoed(veto),
            None => Verdict::Score(self.score(a, b)),
        }
    }

    /// The score alone, vetoes left aside: for measuring.
    #[must_use]
    pub fn score(&self, a: &Question, b: &Question) -> f32 {
        self.trees.score(&features::features(&a.0, &b.0))
    }
}

/// What the trees see of a pair, for training and for explaining: values in the order of [`feature_names`].
#[must_use]
pub fn feature_values(a: &Question, b: &Question) -> [f32; COUNT] {
    features::features(&a.0, &b.0)
}

/// Names of [`feature_values`].
#[must_use]
pub fn feature_names() -> [&'static str; COUNT] {
    features::NAMES
}

/// The veto that applies to a pair, if one does.
#[must_use]
pub fn veto(a: &Question, b: &Question) -> Option<Veto> {
    crate::veto::veto(&a.0, &b.0)
}
