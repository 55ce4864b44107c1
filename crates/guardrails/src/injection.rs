//! Prompt injection and jailbreaks: a small linear model over word classes, and rules for what is plain.
//!
//! It finds *explicit* attacks: orders to drop instructions, to give the system prompt away, to be a model without limits,
//! and, in documents and tool results, text that speaks to a model instead of a reader. What asks for the same without
//! such words, it cannot see; docs/guardrails.md says how much of each it finds.

pub mod features;
pub mod lexicon;
pub mod model;
pub mod rules;
pub mod tokens;

use std::ops::Range;
use std::sync::LazyLock;

use crate::canonical::Canonical;
use features::{Extractor, Sum};
use lexicon::Lexicon;
use model::{Model, NotAModel};
use rules::{Matcher, Rules, Strength};
use tokens::{Token, Tokens};

/// The kind of what the model found without a rule's help.
pub const LEARNED: &str = "learned_pattern";
/// How much of a score every doubling of a text's windows costs: more places, more chances to look like an attack.
const LENGTH_PENALTY: f32 = 0.3;

/// Whether a word is one that attacks are told by: it has a class, alone or with another, or a rule names it.
pub(crate) fn is_known(word: &str) -> bool {
    let (lexicon, rules) = (Lexicon::shared(), Rules::shared());
    let known = |token: Token| token.class != 0 || rules.names(token.hash) || lexicon.is_part(token.hash);
    Tokens::new(word).any(known)
}

/// Whose text it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// What the user wrote: instructions are its purpose.
    User,
    /// Retrieved passages, files, tool results: to be read, not to be followed.
    Untrusted,
}

/// How readily a text is called an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatingPoint {
    /// About 2 % of harmless texts flagged.
    Strict,
    /// At most 1 %.
    Balanced,
    /// About 0.3 %.
    Quiet,
}

/// What was found in a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Probability of an attack, calibrated, from 0 to 1.
    pub score: f32,
    /// What fired, by stable names: those of `rules.txt` and [`LEARNED`]; empty below the strict threshold.
    pub kinds: Vec<&'static str>,
    /// The place that looks most like an attack: bytes of the original text, on character boundaries.
    pub span: Range<usize>,
}

/// The detector.
#[derive(Clone, Debug)]
pub struct Detector {
    model: Model,
}

/// The best place of one view.
struct Best {
    score: f32,
    span: Range<usize>,
    windows: usize,
}

impl Best {
    fn see(&mut self, score: f32, span: Range<usize>) {
        self.windows += 1;
        if self.score < score {
            (self.score, self.span) = (score, span);
        }
    }
}

static SHARED: LazyLock<Option<Detector>> =
    LazyLock::new(|| Detector::from_weights(include_bytes!("injection/weights.bin")).ok());

impl Detector {
    /// The one that ships; `None` only if the bundle was built from a broken file, which a test rules out.
    pub fn shared() -> Option<&'static Self> {
        SHARED.as_ref()
    }

    /// One with other weights, such as the trainer's.
    ///
    /// # Errors
    ///
    /// [`NotAModel`] if the bytes are no model of this version.
    pub fn from_weights(file: &[u8]) -> Result<Self, NotAModel> {
        Model::read(file).map(|model| Self { model })
    }

    /// The score from which a text counts as an attack.
    pub fn threshold(&self, trust: Trust, point: OperatingPoint) -> f32 {
        let [strict, balanced, quiet] = self.thresholds(trust);
        match point {
            OperatingPoint::Strict => strict,
            OperatingPoint::Balanced => balanced,
            OperatingPoint::Quiet => quiet,
        }
    }

    fn thresholds(&self, trust: Trust) -> [f32; 3] {
        let [user, untrusted] = self.model.thresholds;
        match trust {
            Trust::User => user,
            Trust::Untrusted => untrusted,
        }
    }

    /// Looks at every view of a text.
    pub fn inspect(&self, text: &Canonical<'_>, trust: Trust) -> Report {
        let mut report = Report { score: 0.0, kinds: Vec::new(), span: 0..0 };
        let mut strongest = None;
        let mut learned = f32::NEG_INFINITY;
        for (view, words) in text.views() {
            let (best, matcher) = self.read(words, trust);
            let penalty = LENGTH_PENALTY * (best.windows.max(1) as f32).log2();
            if learned < best.score - penalty {
                learned = best.score - penalty;
                if strongest.is_none() {
                    report.span = text.origin(view, best.span);
                }
            }
            for hit in matcher.hits {
                if strongest < Some(hit.strength) {
                    strongest = Some(hit.strength);
                    report.span = text.origin(view, hit.span);
                }
                if !report.kinds.contains(&hit.kind) {
                    report.kinds.push(hit.kind);
                }
            }
        }
        let [strict, balanced, quiet] = self.thresholds(trust);
        let learned = self.probability(learned, trust);
        let floor = match strongest {
            None => 0.0,
            Some(Strength::Hint) => f32::midpoint(strict, balanced),
            Some(Strength::Likely) => f32::midpoint(balanced, quiet),
            Some(Strength::Sure) => f32::midpoint(quiet, 1.0),
        };
        report.score = learned.max(floor);
        if strict <= learned {
            report.kinds.push(LEARNED);
        }
        report
    }

    /// The model's own log-odds for a text, rules aside: the best view's best window, less what its length costs.
    pub fn log_odds(&self, text: &Canonical<'_>, trust: Trust) -> f32 {
        text.views().map(|(_, words)| self.read(words, trust).0).fold(f32::NEG_INFINITY, |most, best| {
            most.max(best.score - LENGTH_PENALTY * (best.windows.max(1) as f32).log2())
        })
    }

    fn read(&self, text: &str, trust: Trust) -> (Best, Matcher) {
        let mut matcher = Matcher::new(trust == Trust::Untrusted);
        let mut extractor = Extractor::<Sum>::new();
        let mut best = Best { score: f32::NEG_INFINITY, span: 0..0, windows: 0 };
        for token in Tokens::new(text) {
            matcher.push(token);
            if let Some((last, now)) = extractor.push(token, &self.model.words) {
                let start = if last.tokens == 0 { now.start } else { last.start };
                best.see(self.model.window(last, now), start..now.end);
            }
        }
        if let Some((last, now)) = extractor.finish() {
            let start = if last.tokens == 0 { now.start } else { last.start };
            best.see(self.model.window(last, now), start..now.end);
        }
        (best, matcher)
    }

    fn probability(&self, log_odds: f32, trust: Trust) -> f32 {
        let [user, untrusted] = self.model.calibration;
        let [slope, offset] = match trust {
            Trust::User => user,
            Trust::Untrusted => untrusted,
        };
        1.0 / (1.0 + (-(slope * log_odds + offset)).exp())
    }
}
