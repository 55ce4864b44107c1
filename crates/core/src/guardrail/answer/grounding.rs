//! How far an answer rests on the passages that its request brought: told once it is whole.

use sluice_guardrails::{grounding::Context, stream::apply};
use sluice_types::{
    chat::{Part, Request, Role},
    error::Failure,
};

use super::Guard;
use crate::{
    config::document::{Action, CheckName, Stage},
    guardrail::{
        Grounded, Statement,
        plan::{Act, StagePlan},
        refusal,
        request::{plain, texts},
    },
};

/// The most bytes of passages that an answer is compared with, the latest.
const MAX_PASSAGES: usize = 128 << 10;

/// The most bytes of an answer that are compared.
pub(super) const MAX_ANSWER: usize = 64 << 10;

/// The most sentences whose support is told.
const MAX_SENTENCES: usize = 64;

/// The share of a sentence's words that passages must hold, not to be counted as unsupported.
const SUPPORTED: f64 = 0.5;

/// What an answer is compared with.
#[derive(Clone, Debug)]
pub(super) struct Grounding {
    act: Act,
    threshold: f64,
    passages: Vec<String>,
    question: String,
}

impl Grounding {
    /// The passages of `request`; `None` where `plan` asks for no comparison.
    pub fn of(plan: &StagePlan, request: &Request<'_>) -> Option<Self> {
        let (threshold, act) = plan.grounding?;
        let mut all = Self { act, threshold, passages: Vec::new(), question: String::new() };
        for turn in &request.turns {
            for part in &turn.parts {
                match part {
                    Part::Text { text, .. } if turn.role == Role::User => all.question = text.to_string(),
                    Part::ToolResult { parts, .. } => all.passages.extend(parts.iter().flat_map(said)),
                    part => all.passages.extend(said_by_document(part)),
                }
            }
        }
        Some(all)
    }

    /// More passages, and what was looked for.
    pub fn rests_on<'t>(&mut self, passages: impl Iterator<Item = &'t str>, question: &str) {
        self.passages.extend(passages.map(str::to_owned));
        question.clone_into(&mut self.question);
    }

    /// Compares a whole answer; nothing is said of one that brought no passages, or that says nothing.
    ///
    /// # Errors
    ///
    /// That it is refused.
    pub fn judge(&self, guard: &Guard, answer: &str) -> Result<(), Failure> {
        let end = answer.floor_char_boundary(MAX_ANSWER);
        let answer = answer.get(..end).unwrap_or(answer);
        let mut room = MAX_PASSAGES;
        let said = self.passages.iter().rev().filter(|passage| !passage.trim().is_empty());
        let latest = said.map_while(|passage| {
            let end = passage.floor_char_boundary(room);
            room -= end;
            // What was put back in the answer, or blacked out there, is in the passages too.
            let passage = passage.get(..end).filter(|passage| !passage.is_empty())?;
            Some(apply(&guard.text, passage, &mut guard.vault.borrow_mut()).text)
        });
        let latest: Vec<String> = latest.collect();
        if latest.is_empty() || answer.trim().is_empty() {
            return Ok(());
        }
        let support = Context::new(latest.iter().map(String::as_str), &self.question).support(answer);
        if self.threshold <= support.score {
            return Ok(());
        }
        let sentences = support.sentences.iter().take(MAX_SENTENCES).map(|sentence| Statement {
            start: sentence.span.start,
            end: sentence.span.end,
            support: sentence.support as f32,
            missing_numbers: sentence.missing_numbers.len(),
            missing_names: sentence.missing_names.len(),
        });
        let grounded = Grounded { support: support.score as f32, sentences: sentences.collect() };
        let kind = if support.sentences.iter().any(|sentence| sentence.support < SUPPORTED) {
            "unsupported"
        } else {
            "weakly_supported"
        };
        guard.verdicts.borrow_mut().grounded(self.act, kind, grounded);
        match self.act.effective() {
            Action::Deny => Err(refusal(Stage::Output, CheckName::Grounding, kind, false)),
            Action::Retry => Err(refusal(Stage::Output, CheckName::Grounding, kind, true)),
            Action::Flag | Action::Redact | Action::Mask => Ok(()),
        }
    }
}

/// What a part of a tool's result says.
fn said(part: &Part<'_>) -> Vec<String> {
    match part {
        Part::Text { text, .. } => vec![text.to_string()],
        part => said_by_document(part),
    }
}

/// What a document, or a part of a kind of its own, says.
fn said_by_document(part: &Part<'_>) -> Vec<String> {
    match part {
        Part::Document { source, .. } => plain(source).into_iter().collect(),
        Part::Other { raw, .. } => texts(raw.text()),
        _ => Vec::new(),
    }
}
