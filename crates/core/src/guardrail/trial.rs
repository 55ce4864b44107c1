//! What guardrails would make of one text, with the places: for operators who set them up.

use std::{ops::Range, sync::Arc};

use sluice_guardrails::{
    canonical::canonicalise,
    injection::{Detector, Trust},
    policy,
    redact::Vault,
    stream::{self, Placeholders},
};

use super::{
    Plans,
    plan::{Act, StagePlan, point},
    refusal,
};
use crate::config::document::{Action, CheckName, Stage};

/// What came of a trial.
#[derive(Debug, Default)]
pub struct Trial {
    /// What was found, in the order of the text.
    pub findings: Vec<Finding>,
    /// Why the text would be refused.
    pub refused: Option<String>,
    /// The text as it would go on.
    pub text: Option<String>,
    /// Checks of the stage that need more than a text.
    pub untried: Vec<CheckName>,
}

/// One thing found.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// By which check.
    pub check: CheckName,
    /// What.
    pub kind: &'static str,
    /// Which of a policy's rules, by its place in the configuration.
    pub rule: Option<String>,
    /// What is done.
    pub action: Action,
    /// Whether that is only noted.
    pub dry_run: bool,
    /// How sure the check is, and from where on it speaks, where it tells.
    pub score: Option<(f32, f32)>,
    /// Where: bytes of the text.
    pub span: Range<usize>,
}

/// Tries what `plans` look for at `stage` on `text`.
pub fn attempt(plans: &Plans, stage: Stage, text: &str) -> Trial {
    let plan = match stage {
        Stage::Input => plans.input(),
        Stage::ToolResult => plans.tool_result(),
        Stage::Retrieved => plans.retrieved(),
        Stage::Output => plans.output().map(|plan| &**plan),
    };
    let mut trial = Trial::default();
    let Some(plan) = plan else {
        trial.text = Some(text.to_owned());
        return trial;
    };
    let trust = if stage == Stage::Input { Trust::User } else { Trust::Untrusted };
    trial.injection(plan, trust, text);
    for (rules, act) in &plan.policies {
        if let Some(breach) = policy::check(rules, text) {
            trial.found(CheckName::Policy, breach.name(), *act, None, 0..text.len());
            if let Some(finding) = trial.findings.last_mut() {
                finding.rule = Some(rules.place(breach));
            }
        }
    }
    let placeholders =
        if plan.redacts() && stage != Stage::Output { Placeholders::Escape } else { Placeholders::Ignore };
    // What refuses is found one by one, but all is to be told: so every finding is noted, and again what is done.
    let filter = plan.filter(placeholders, false, false);
    let noting = stream::Plan {
        pii: filter.pii.clone().map(|(settings, _)| (settings, stream::Action::Flag)),
        pii_actions: Vec::new(),
        secrets: filter.secrets.map(|_| stream::Action::Flag),
        links: filter.links.clone().map(|(hosts, _)| (hosts, stream::Action::Flag)),
        ..stream::Plan::default()
    };
    for found in stream::apply(&Arc::new(noting), text, &mut Vault::new()).found {
        if let Some((check, act)) = plan.act(found.kind) {
            trial.found(check, found.kind, act, None, found.span);
        }
    }
    trial.findings.sort_by_key(|finding| (finding.span.start, finding.span.end));
    let refusing =
        |finding: &&Finding| !finding.dry_run && matches!(finding.action, Action::Deny | Action::Retry);
    match trial.findings.iter().find(refusing) {
        Some(finding) => {
            let next = finding.action == Action::Retry;
            trial.refused = Some(refusal(stage, finding.check, finding.kind, next).message);
        }
        None => trial.text = Some(stream::apply(&Arc::new(filter), text, &mut Vault::new()).text),
    }
    let hook = plan.hooks.first().map(|(_, act)| *act);
    let grounding = plan.grounding.map(|(_, act)| act);
    let needing = [
        (CheckName::Leak, plan.leak),
        (CheckName::Schema, plan.schema),
        (CheckName::Grounding, grounding),
        (CheckName::Hook, hook),
    ];
    trial.untried = needing.into_iter().filter(|(_, act)| act.is_some()).map(|(check, _)| check).collect();
    trial
}

impl Trial {
    fn injection(&mut self, plan: &StagePlan, trust: Trust, text: &str) {
        let (Some((level, act)), Some(detector)) = (plan.injection, Detector::shared()) else { return };
        let report = detector.inspect(&canonicalise(text), trust);
        let threshold = detector.threshold(trust, point(level));
        if threshold <= report.score {
            let kind = report.kinds.first().copied().unwrap_or("injection");
            self.found(CheckName::Injection, kind, act, Some((report.score, threshold)), report.span);
        }
    }

    fn found(
        &mut self,
        check: CheckName,
        kind: &'static str,
        act: Act,
        score: Option<(f32, f32)>,
        span: Range<usize>,
    ) {
        let Act { action, dry_run } = act;
        self.findings.push(Finding { check, kind, rule: None, action, dry_run, score, span });
    }
}
