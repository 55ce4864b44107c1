//! The whole decision: a question and what was asked before in its scope, in; a hit or why not, out.

use std::sync::OnceLock;

use crate::{
    eligible::{self, Refusal, Scope},
    model::{EMBEDDED, Model},
    vector::Page,
    verify::{Question, Verdict, Verifier, Veto},
};

/// Nearest entries that are verified.
pub const CANDIDATES: usize = 4;
/// Least cosine of a candidate.
pub const FLOOR: f32 = 0.55;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// Serve the entry at this row.
    Hit {
        /// Row of the scope's page.
        row: usize,
        /// Cosine of the two questions, for `sluice-cache: hit; similarity=…`.
        similarity: f32,
        /// The verifier's score, for [`crate::feedback`].
        score: f32,
    },
    /// Ask the model.
    Miss(Miss),
}

/// Why there is no hit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Miss {
    /// The turn is not to be answered by meaning.
    Refused(Refusal),
    /// Nothing near enough was asked before.
    NothingNear,
    /// What is near is another question: why, of the nearest.
    Vetoed(Veto),
    /// The best score stays below the threshold.
    BelowThreshold {
        /// That score.
        score: f32,
    },
}

impl Miss {
    /// The word for it in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.name(),
            Self::NothingNear => "nothing_near",
            Self::Vetoed(veto) => veto.name(),
            Self::BelowThreshold { .. } => "below_threshold",
        }
    }
}

/// The embedded model and the verifier.
#[derive(Debug)]
pub struct Engine<'a> {
    /// Makes vectors.
    pub model: Model<'a>,
    /// Compares questions.
    pub verifier: Verifier,
}

/// Another question of the scope, as stored.
pub trait Entries {
    /// The canonical text of the turn at `row`; `None` where it is gone (expired, purged).
    fn text(&self, row: usize) -> Option<&str>;
}

impl<T: AsRef<str>> Entries for [T] {
    fn text(&self, row: usize) -> Option<&str> {
        self.get(row).map(AsRef::as_ref)
    }
}

impl Engine<'static> {
    /// The one this build carries, parsed when it is first asked for; `None` in a build without feature `embedded-model`.
    #[must_use]
    pub fn embedded() -> Option<&'static Self> {
        // What is kept is the same for all: it comes from the bundle alone.
        static PARSED: OnceLock<Option<Engine<'static>>> = OnceLock::new();
        let parse = || {
            let (model, verifier) = (Model::parse(EMBEDDED?).ok()?, Verifier::trained().ok()?);
            Some(Engine { model, verifier })
        };
        PARSED.get_or_init(parse).as_ref()
    }
}

impl Engine<'_> {
    /// Finds the entry that answers `text`, the last user turn as written.
    ///
    /// `page` and `entries` are the scope's: row by row the vector and the turn as written. `threshold` is
    /// [`crate::calibration::threshold`]'s, or higher.
    #[must_use]
    pub fn decide(
        &self,
        text: &str,
        scope: Scope,
        page: &Page,
        entries: &(impl Entries + ?Sized),
        threshold: f32,
    ) -> Outcome {
        if let Err(refusal) = eligible::check(&self.model, text, scope) {
            return Outcome::Miss(Miss::Refused(refusal));
        }
        let question = Question::new(&self.model, text);
        let mut best: Option<Outcome> = None;
        let mut veto = None;
        for near in page.nearest(question.vector(), CANDIDATES, FLOOR) {
            let Some(earlier) = entries.text(near.row) else { continue };
            match self.verifier.verify(&question, &Question::new(&self.model, earlier)) {
                Verdict::Vetoed(kind) => veto = veto.or(Some(kind)),
                Verdict::Score(score) => {
                    let found = Outcome::Hit { row: near.row, similarity: near.cosine, score };
                    best = match best {
                        Some(Outcome::Hit { score: before, .. }) if score <= before => best,
                        _ => Some(found),
                    };
                }
            }
        }
        match (best, veto) {
            (Some(Outcome::Hit { score, .. }), _) if score < threshold => {
                Outcome::Miss(Miss::BelowThreshold { score })
            }
            (Some(outcome), _) => outcome,
            (None, Some(veto)) => Outcome::Miss(Miss::Vetoed(veto)),
            (None, None) => Outcome::Miss(Miss::NothingNear),
        }
    }
}
