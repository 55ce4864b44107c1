//! What is left of a question's words of content when those the other question has are taken out.

use crate::analysis::Word;

/// A question's words that the other lacks.
pub(crate) struct Rest<'a> {
    pub words: Vec<&'a Word>,
    /// Sum of their weights.
    pub weight: f32,
    /// Weight of the rarest of them.
    pub rarest: f32,
    /// What is lost behind the last word both have: where a question is narrowed ("… in India").
    pub tail: f32,
    /// Weight of the rarest word both have.
    pub shared: f32,
}

impl<'a> Rest<'a> {
    /// Of `words`, each with its likeness to the nearest word of the other question: one where the other has it.
    pub(crate) fn of(words: &[&'a Word], best: &[f32]) -> Self {
        let all = || words.iter().copied().zip(best.iter().copied());
        let rarest = |held: bool| {
            all().filter(|(_, best)| (1.0 <= *best) == held).map(|(word, _)| word.weight).fold(0.0, f32::max)
        };
        let left: Vec<&Word> = all().filter(|(_, best)| *best < 1.0).map(|(word, _)| word).collect();
        let behind = words.iter().rev().zip(best.iter().rev()).take_while(|(_, best)| **best < 1.0);
        Self {
            weight: left.iter().map(|word| word.weight).sum(),
            rarest: rarest(false),
            tail: behind.map(|(word, best)| word.weight * (1.0 - best)).sum(),
            shared: rarest(true),
            words: left,
        }
    }
}
