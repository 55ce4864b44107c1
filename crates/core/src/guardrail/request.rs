//! A request before it goes anywhere: refused, or blacked out, or let pass.
//!
//! Values are blacked out in every turn, because what a provider answered comes back with the next request. Attacks are
//! looked for where they are new: in what was said since the model spoke last. System text is the operator's own and is
//! never refused.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;
use sluice_guardrails::{
    canonical::canonicalise,
    injection::{Detector, Trust},
    policy,
    redact::Vault,
    stream,
};
use sluice_types::{
    chat::{Media, Part, Request, Role},
    error::Failure,
    json::{Raw, Str},
};

use super::{
    Plans, Verdicts,
    plan::{Act, StagePlan, point},
    refusal,
};
use crate::config::document::{Action, CheckName, Stage};

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
    if plans.input().is_none() && plans.tool_result().is_none() && plans.retrieved().is_none() {
        return checked;
    }
    let mut changed = request.clone();
    let mut any = false;
    let new = begin_of_new(request);
    let stages = All {
        user: plans.input().map(|plan| Stages { plan, trust: Trust::User }),
        tools: plans.tool_result().map(|plan| Stages { plan, trust: Trust::Untrusted }),
        passages: plans.retrieved().map(|plan| Stages { plan, trust: Trust::Untrusted }),
    };
    for (at, turn) in changed.turns.iter_mut().enumerate() {
        let trusted = is_trusted(turn.role);
        let mut run = Run { checked: &mut checked, trusted, new: new <= at && !trusted };
        if run.new {
            run.together(&turn.parts, stages.user.as_ref());
            for part in &turn.parts {
                if let Part::ToolResult { parts, .. } = part {
                    run.together(parts, stages.tools.as_ref());
                }
            }
        }
        for part in &mut turn.parts {
            any |= run.part(part, &stages);
            if run.checked.refused.is_some() {
                return checked;
            }
        }
    }
    checked.request = any.then_some(changed);
    checked
}

/// Whether a retrieved passage may be read; what must not be is blacked out in `text`, for good.
pub fn passage(plans: &Plans, text: &mut String) -> bool {
    let Some(plan) = plans.retrieved() else { return true };
    let mut checked = Checked::default();
    let mut run = Run { checked: &mut checked, trusted: false, new: true };
    let mut told = Str::from(std::mem::take(text));
    run.text(&mut told, &Stages { plan, trust: Trust::Untrusted });
    *text = told.0.into_owned();
    checked.refused.is_none()
}

/// The first turn since the model spoke last. How an answer is to begin, put into the model's mouth by the caller, is no
/// answer.
pub(super) fn begin_of_new(request: &Request<'_>) -> usize {
    let spoken = |at: &usize| request.turns.get(*at).is_some_and(|turn| turn.role == Role::Assistant);
    let asked = (0..request.turns.len()).rev().find(|at| !spoken(at)).unwrap_or(0);
    (0..asked).rev().find(spoken).map_or(0, |at| at + 1)
}

/// Whether what is said so is the operator's or the model's own.
pub(super) fn is_trusted(role: Role) -> bool {
    matches!(role, Role::System | Role::Developer | Role::Assistant)
}

/// The checks of all stages; those without any are `None`.
struct All<'p> {
    user: Option<Stages<'p>>,
    tools: Option<Stages<'p>>,
    passages: Option<Stages<'p>>,
}

/// A stage's checks, and whose text they go over.
struct Stages<'p> {
    plan: &'p StagePlan,
    trust: Trust,
}

/// What a document of plain text says.
pub(super) fn plain(source: &Media<'_>) -> Option<String> {
    match source {
        Media::Base64 { media_type, data } if media_type.starts_with("text/") => decoded(data),
        Media::Base64 { .. } | Media::Url(_) | Media::File { .. } => None,
    }
}

fn decoded(data: &str) -> Option<String> {
    STANDARD.decode(data).ok().and_then(|bytes| String::from_utf8(bytes).ok())
}

/// The strings in `json` that have several words.
pub(super) fn texts(json: &str) -> Vec<String> {
    let mut open: Vec<Value> = serde_json::from_str(json).into_iter().collect();
    let mut found = Vec::new();
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) if text.contains(char::is_whitespace) => found.push(text),
            Value::Array(items) => open.extend(items),
            Value::Object(members) => open.extend(members.into_iter().map(|(_, value)| value)),
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    found
}

/// The checks of one turn.
struct Run<'c, 'a> {
    checked: &'c mut Checked<'a>,
    trusted: bool,
    new: bool,
}

impl Run<'_, '_> {
    /// Looks for attacks in what several parts say together: one told in halves is whole for who reads them in a row.
    fn together(&mut self, parts: &[Part<'_>], stages: Option<&Stages<'_>>) {
        let texts: Vec<&str> = parts.iter().filter_map(Part::as_text).collect();
        let Some(stages) = stages.filter(|stages| 1 < texts.len() && stages.plan.injection.is_some()) else {
            return;
        };
        let before = self.checked.verdicts.0.len();
        self.attacks(&texts.join(" "), stages);
        // A word may be cut in two.
        let letter = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
        let cut = texts.windows(2).any(|pair| {
            matches!(pair, [one, other] if letter(one.chars().next_back()) && letter(other.chars().next()))
        });
        if cut && self.checked.verdicts.0.len() == before {
            self.attacks(&texts.concat(), stages);
        }
    }

    /// Checks one part; whether it was changed.
    fn part(&mut self, part: &mut Part<'_>, all: &All<'_>) -> bool {
        match part {
            Part::Text { text, .. } => all.user.as_ref().is_some_and(|stages| self.text(text, stages)),
            Part::Refusal { text } => all
                .user
                .as_ref()
                .is_some_and(|stages| self.filtered(text, stages, &stages.plan.filters.trusted)),
            Part::ToolCall { arguments, .. } => all
                .user
                .as_ref()
                .is_some_and(|stages| self.filtered(arguments, stages, &stages.plan.filters.json)),
            Part::ToolResult { parts, .. } => {
                let mut changed = false;
                for part in parts {
                    changed |= match part {
                        Part::Text { text, .. } => {
                            all.tools.as_ref().is_some_and(|stages| self.text(text, stages))
                        }
                        Part::Other { raw, .. } => {
                            all.tools.as_ref().is_some_and(|stages| self.raw(raw, stages))
                        }
                        _ => false,
                    };
                }
                changed
            }
            Part::Document { source: Media::Base64 { media_type, data }, .. }
                if media_type.starts_with("text/") =>
            {
                all.passages.as_ref().is_some_and(|stages| self.document(data, stages))
            }
            Part::Other { raw, .. } => all.passages.as_ref().is_some_and(|stages| self.raw(raw, stages)),
            // Thoughts are sealed by their maker and go back as he said them: what was put back is taken out again.
            Part::Reasoning { text, .. } => all.user.as_ref().is_some_and(|stages| {
                let told = stream::apply(&stages.plan.filters.thought, text, &mut self.checked.vault).text;
                let changed = told != **text;
                if changed {
                    *text = Str::from(told);
                }
                changed
            }),
            Part::RedactedReasoning { .. }
            | Part::Image { .. }
            | Part::Document { .. }
            | Part::Audio { .. } => false,
        }
    }

    /// Checks a document of plain text.
    fn document(&mut self, data: &mut Str<'_>, stages: &Stages<'_>) -> bool {
        let Some(text) = decoded(data) else { return false };
        let mut text = Str::from(text);
        let changed = self.text(&mut text, stages);
        if changed {
            *data = Str::from(STANDARD.encode(text.as_bytes()));
        }
        changed
    }

    /// Checks a part of a kind of its own: documents as text, search results, what hosted tools told.
    fn raw(&mut self, raw: &mut Raw<'_>, stages: &Stages<'_>) -> bool {
        if self.new {
            for text in texts(raw.text()) {
                self.attacks(&text, stages);
                self.policies(&text, stages.plan);
            }
            if self.checked.refused.is_some() {
                return false;
            }
        }
        let mut text = Str::from(raw.text().to_owned());
        let changed = self.filtered(
            &mut text,
            stages,
            if self.trusted { &stages.plan.filters.json } else { &stages.plan.filters.raw },
        );
        match Raw::parse(&text).filter(|_| changed) {
            Some(altered) => {
                *raw = altered.into_owned();
                true
            }
            None => false,
        }
    }

    fn text(&mut self, text: &mut Str<'_>, stages: &Stages<'_>) -> bool {
        if self.new {
            self.attacks(text, stages);
            self.policies(text, stages.plan);
        }
        let filter = if self.trusted { &stages.plan.filters.trusted } else { &stages.plan.filters.said };
        self.checked.refused.is_none() && self.filtered(text, stages, filter)
    }

    fn attacks(&mut self, text: &str, stages: &Stages<'_>) {
        let (Some((level, act)), Some(detector)) = (stages.plan.injection, Detector::shared()) else {
            return;
        };
        let report = detector.inspect(&canonicalise(text), stages.trust);
        if report.score < detector.threshold(stages.trust, point(level)) {
            return;
        }
        let kind = report.kinds.first().copied().unwrap_or("injection");
        self.found(stages.plan.stage, CheckName::Injection, act, kind, Some(report.score));
    }

    fn policies(&mut self, text: &str, plan: &StagePlan) {
        for (rules, act) in &plan.policies {
            if let Some(breach) = policy::check(rules, text) {
                self.checked.verdicts.broke(plan.stage, *act, breach.name(), rules.place(breach));
                self.refuse(plan.stage, CheckName::Policy, *act, breach.name());
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
        self.refuse(stage, check, act, kind);
    }

    fn refuse(&mut self, stage: Stage, check: CheckName, act: Act, kind: &'static str) {
        if act.effective() == Action::Deny && self.checked.refused.is_none() {
            self.checked.refused = Some(refusal(stage, check, kind, false));
        }
    }
}
