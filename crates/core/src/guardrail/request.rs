//! A request before it goes anywhere: refused, or blacked out, or let pass.
//!
//! Values are blacked out in every turn, because what a provider answered comes back with the next request. Attacks are
//! looked for where they are new: in what was said since the model spoke last. System text is the operator's own and is
//! never refused.

use std::sync::Arc;

use sluice_guardrails::{
    canonical::canonicalise,
    injection::{Detector, OperatingPoint, Trust},
    policy,
    redact::Vault,
    stream::{self, Placeholders},
};
use sluice_types::{
    chat::{Part, Request, Role},
    error::Failure,
    json::Str,
};

use super::{
    Plans, Verdicts,
    plan::{Act, StagePlan},
    refusal,
};
use crate::config::document::{Action, CheckName, Level, Stage};

/// What came of checking a request.
#[derive(Debug, Default)]
pub struct Checked<'a> {
    /// The request as it may go on, where something of it was changed.
    pub request: Option<Request<'a>>,
    /// What stands behind placeholders.
    pub vault: Vault,
    /// What was found.
    pub verdicts: Verdicts,
    /// Why it may not go on.
    pub refused: Option<Failure>,
}

/// Checks `request`.
pub fn check<'a>(plans: &Plans, request: &Request<'a>) -> Checked<'a> {
    let mut checked = Checked::default();
    let (Some(input), Some(tools)) = (plans.input(), plans.tool_result()) else { return checked };
    let mut changed = request.clone();
    let mut any = false;
    let new = 1 + request.turns.iter().rposition(|turn| turn.role == Role::Assistant).unwrap_or(0);
    let new = if request.turns.iter().any(|turn| turn.role == Role::Assistant) { new } else { 0 };
    let (user, tools) = (Stages::new(input, Trust::User), Stages::new(tools, Trust::Untrusted));
    for (at, turn) in changed.turns.iter_mut().enumerate() {
        let trusted = matches!(turn.role, Role::System | Role::Developer | Role::Assistant);
        let mut run = Run { checked: &mut checked, trusted, new: new <= at && !trusted };
        for part in &mut turn.parts {
            any |= run.part(part, &user, &tools);
            if run.checked.refused.is_some() {
                return checked;
            }
        }
    }
    checked.request = any.then_some(changed);
    checked
}

/// A stage's checks, ready to run.
struct Stages<'p> {
    plan: &'p StagePlan,
    trust: Trust,
    said: Arc<stream::Plan>,
    trusted: Arc<stream::Plan>,
    json: Arc<stream::Plan>,
}

impl<'p> Stages<'p> {
    fn new(plan: &'p StagePlan, trust: Trust) -> Self {
        let placeholders = if plan.redacts() { Placeholders::Escape } else { Placeholders::Ignore };
        Self {
            plan,
            trust,
            said: plan.filter(placeholders, false, false),
            trusted: plan.filter(placeholders, true, false),
            json: plan.filter(placeholders, true, true),
        }
    }
}

/// The checks of one turn.
struct Run<'c, 'a> {
    checked: &'c mut Checked<'a>,
    trusted: bool,
    new: bool,
}

impl Run<'_, '_> {
    /// Checks one part; whether it was changed.
    fn part(&mut self, part: &mut Part<'_>, user: &Stages<'_>, tools: &Stages<'_>) -> bool {
        match part {
            Part::Text { text, .. } => self.text(text, user),
            Part::Refusal { text } => self.filtered(text, user, &user.trusted),
            Part::ToolCall { arguments, .. } => self.filtered(arguments, user, &user.json),
            Part::ToolResult { parts, .. } => {
                let mut changed = false;
                for part in parts {
                    if let Part::Text { text, .. } = part {
                        changed |= self.text(text, tools);
                    }
                }
                changed
            }
            // Thoughts are sealed by their maker and go back unchanged, or not at all.
            Part::Reasoning { .. }
            | Part::RedactedReasoning { .. }
            | Part::Image { .. }
            | Part::Document { .. }
            | Part::Audio { .. }
            | Part::Other { .. } => false,
        }
    }

    fn text(&mut self, text: &mut Str<'_>, stages: &Stages<'_>) -> bool {
        if self.new {
            self.attacks(text, stages);
            self.policies(text, stages.plan);
        }
        let filter = if self.trusted { &stages.trusted } else { &stages.said };
        self.checked.refused.is_none() && self.filtered(text, stages, filter)
    }

    fn attacks(&mut self, text: &str, stages: &Stages<'_>) {
        let (Some((level, act)), Some(detector)) = (stages.plan.injection, Detector::shared()) else {
            return;
        };
        let point = match level {
            Level::Quiet => OperatingPoint::Quiet,
            Level::Balanced => OperatingPoint::Balanced,
            Level::Strict => OperatingPoint::Strict,
        };
        let report = detector.inspect(&canonicalise(text), stages.trust);
        if report.score < detector.threshold(stages.trust, point) {
            return;
        }
        let kind = report.kinds.first().copied().unwrap_or("injection");
        self.found(stages.plan.stage, CheckName::Injection, act, kind, Some(report.score));
    }

    fn policies(&mut self, text: &str, plan: &StagePlan) {
        for (policy, act) in &plan.policies {
            if let Some(breach) = policy::check(policy, text) {
                self.found(plan.stage, CheckName::Policy, *act, breach.name(), None);
            }
        }
    }

    fn filtered(&mut self, text: &mut Str<'_>, stages: &Stages<'_>, filter: &Arc<stream::Plan>) -> bool {
        let released = stream::apply(filter, text, &mut self.checked.vault);
        for found in &released.found {
            let Some((check, act)) = stages.plan.act(found.kind) else { continue };
            let act = match found.action {
                stream::Action::Flag => {
                    Act { action: if act.dry_run { act.action } else { Action::Flag }, ..act }
                }
                stream::Action::Mask | stream::Action::Redact | stream::Action::Deny => act,
            };
            self.found(stages.plan.stage, check, act, found.kind, None);
        }
        let changed = !released.denied && released.text != **text;
        if changed {
            *text = Str::from(released.text);
        }
        changed
    }

    fn found(&mut self, stage: Stage, check: CheckName, act: Act, kind: &'static str, score: Option<f32>) {
        self.checked.verdicts.add(stage, check, act, kind, score);
        if act.effective() == Action::Deny && self.checked.refused.is_none() {
            self.checked.refused = Some(refusal(stage, check, kind, false));
        }
    }
}
