//! Guardrails: what is looked for in requests and answers, what is done with it, and how that is told.
//!
//! The checks themselves are `sluice-guardrails`'; here they are put together from the configuration ([`plan`]), run over a
//! request's turns ([`request`]) and over an answer, whole or event by event ([`answer`]), and tried on a text ([`trial`]).

pub mod answer;
pub mod hook;
pub mod plan;
pub mod request;
pub mod trial;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use serde::Serialize;
use sluice_types::error::{ErrorKind, Failure};

use crate::config::document::{CheckName, Stage};

pub use plan::{Guardrail, Plans};

/// What one check found at one stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// Where.
    pub stage: Stage,
    /// By which check.
    pub check: &'static str,
    /// What was done.
    pub action: &'static str,
    /// What was found, and how often. Names only, never what was found.
    pub kinds: BTreeMap<Cow<'static, str>, u32>,
    /// Which of a policy's rules were broken, by their places in the configuration.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub rules: BTreeSet<String>,
    /// How sure the check is, from 0 to 1, where it tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
    /// How far the answer rests on its passages: the worst of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grounding: Option<Grounded>,
    /// Whether `action` is what would have been done.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// How far an answer rests on its passages.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Grounded {
    /// From 0 to 1.
    pub support: f32,
    /// Sentence by sentence.
    pub sentences: Vec<Statement>,
}

/// How far one sentence of an answer rests on its passages. Says where it stands, not what it says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Statement {
    /// Its first byte.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
    /// The share of its words of content that the passages have, from 0 to 1.
    pub support: f32,
    /// Numbers that the passages do not have.
    pub missing_numbers: usize,
    /// Names that the passages do not have.
    pub missing_names: usize,
}

/// What was found in a request and its answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Verdicts(pub Vec<Verdict>);

impl Verdicts {
    /// Nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether anything was found in the answer.
    pub fn any_in_answer(&self) -> bool {
        self.0.iter().any(|verdict| verdict.stage == Stage::Output)
    }

    /// Another finding.
    pub fn add(
        &mut self,
        stage: Stage,
        check: CheckName,
        act: plan::Act,
        kind: impl Into<Cow<'static, str>>,
        score: Option<f32>,
    ) {
        self.note(stage, check, act, kind.into(), score, None);
    }

    /// That a rule of a policy was broken, which is written at `place`.
    pub fn broke(&mut self, stage: Stage, act: plan::Act, kind: &'static str, place: String) {
        self.note(stage, CheckName::Policy, act, kind.into(), None, Some(place));
    }

    fn note(
        &mut self,
        stage: Stage,
        check: CheckName,
        act: plan::Act,
        kind: Cow<'static, str>,
        score: Option<f32>,
        rule: Option<String>,
    ) {
        let (check, action, dry_run) = (check.name(), act.action.name(), act.dry_run);
        let same = |verdict: &&mut Verdict| {
            verdict.stage == stage
                && verdict.check == check
                && verdict.action == action
                && verdict.dry_run == dry_run
        };
        if let Some(verdict) = self.0.iter_mut().find(same) {
            *verdict.kinds.entry(kind).or_default() += 1;
            verdict.rules.extend(rule);
            verdict.score = if verdict.score < score { score } else { verdict.score };
        } else {
            let kinds = BTreeMap::from([(kind, 1)]);
            let rules = rule.into_iter().collect();
            self.0.push(Verdict { stage, check, action, kinds, rules, score, grounding: None, dry_run });
        }
    }

    /// That an answer rests too little on its passages.
    pub fn grounded(&mut self, act: plan::Act, kind: &'static str, grounded: Grounded) {
        self.add(Stage::Output, CheckName::Grounding, act, kind, Some(1.0 - grounded.support));
        let own = self.0.iter_mut().rfind(|verdict| verdict.check == CheckName::Grounding.name());
        if let Some(verdict) = own
            && verdict.grounding.as_ref().is_none_or(|other| grounded.support < other.support)
        {
            verdict.grounding = Some(grounded);
        }
    }

    /// Those of `other` too.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The value of header `sluice-guardrails`: `input.pii=redact(email:2); input.injection=flag(learned_pattern:1)`.
    pub fn header(&self) -> String {
        let mut text = String::new();
        for verdict in &self.0 {
            let between = if text.is_empty() { "" } else { "; " };
            let dry = if verdict.dry_run { "would-" } else { "" };
            _ = write!(text, "{between}{}.{}={dry}{}(", verdict.stage.name(), verdict.check, verdict.action);
            for (at, (kind, count)) in verdict.kinds.iter().enumerate() {
                _ = write!(text, "{}{kind}:{count}", if at == 0 { "" } else { "," });
            }
            text.push(')');
        }
        text
    }
}

/// The failure of a request or an answer that `check` refuses. Names the check and the kind, not the text.
pub fn refusal(stage: Stage, check: CheckName, kind: &str, next: bool) -> Failure {
    let what = match stage {
        Stage::Input => "the request",
        Stage::ToolResult => "a tool's result",
        Stage::Retrieved => "a retrieved passage",
        Stage::Output => "the answer",
    };
    let message = format!("a guardrail refused {what}: {} ({kind})", check.name());
    Failure::new(if next { ErrorKind::AnswerRejected } else { ErrorKind::GuardrailDenied }, message)
}
