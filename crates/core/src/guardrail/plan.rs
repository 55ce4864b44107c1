//! What guardrails come to: every check of every stage with its strictest action.

mod checked;
mod rules;
mod topic;

use std::{collections::BTreeMap, rc::Rc, sync::Arc};

use sluice_guardrails::{
    exfiltration::{Hosts, Reason},
    injection::OperatingPoint,
    pii::{self, Allow, Kind, Kinds},
    stream::{self, Placeholders},
};

use crate::config::document::{Action, CheckName, Level, Stage};

use super::hook::Hook;
use checked::{Checked, Looks};
pub use checked::{Guardrail, compile};
pub use rules::Rules;

const LINKS: [Reason; 4] = [Reason::Image, Reason::Html, Reason::Script, Reason::Payload];

/// What is done with a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Act {
    /// What is done, or would be.
    pub action: Action,
    /// Whether it is only noted.
    pub dry_run: bool,
}

impl Act {
    /// The stricter of both.
    fn max(self, other: Self) -> Self {
        let rank = |act: Self| (!act.dry_run, act.action);
        if rank(self) < rank(other) { other } else { self }
    }

    /// What is really done.
    pub fn effective(self) -> Action {
        if self.dry_run { Action::Flag } else { self.action }
    }
}

/// The detector's point of `level`.
pub fn point(level: Level) -> OperatingPoint {
    match level {
        Level::Quiet => OperatingPoint::Quiet,
        Level::Balanced => OperatingPoint::Balanced,
        Level::Strict => OperatingPoint::Strict,
    }
}

/// What one stage looks for.
#[derive(Debug)]
pub struct StagePlan {
    /// Which.
    pub stage: Stage,
    /// Injection: how readily, and what is done.
    pub injection: Option<(Level, Act)>,
    /// What personal data is done about, by kind.
    pub pii: BTreeMap<Kind, Act>,
    /// Keys and passwords.
    pub secrets: Option<Act>,
    /// Links to hosts not allowed.
    pub links: Option<Act>,
    /// The system prompt.
    pub leak: Option<Act>,
    /// The schema asked for.
    pub schema: Option<Act>,
    /// How far answers must rest on their passages.
    pub grounding: Option<(f64, Act)>,
    /// What is not wanted.
    pub policies: Vec<(Rules, Act)>,
    /// Who else is asked, and what is done with what they find.
    pub hooks: Vec<(Rc<Hook>, Act)>,
    /// What goes over texts, made once.
    pub filters: Filters,
    allow: Allow,
    hosts: Vec<String>,
}

/// The filters of a stage of requests, by what they go over.
#[derive(Debug, Default)]
pub struct Filters {
    /// What users and tools said.
    pub said: Arc<stream::Plan>,
    /// Text that is only ever blacked out, never refused.
    pub trusted: Arc<stream::Plan>,
    /// The same, as the source of JSON.
    pub json: Arc<stream::Plan>,
    /// JSON that a user or a tool said.
    pub raw: Arc<stream::Plan>,
    /// Thoughts, from which only what is known already is taken.
    pub thought: Arc<stream::Plan>,
}

/// What all stages look for.
#[derive(Debug, Default)]
pub struct Plans {
    /// The guardrails that these are of.
    pub versions: Vec<String>,
    input: Option<StagePlan>,
    tool_result: Option<StagePlan>,
    retrieved: Option<StagePlan>,
    output: Option<Rc<StagePlan>>,
}

impl Plans {
    /// What `guardrails` come to together: of each check the strictest action.
    pub fn of(guardrails: &[&Guardrail]) -> Self {
        let stage = |stage| StagePlan::of(stage, guardrails);
        Self {
            versions: guardrails.iter().map(|guardrail| guardrail.version.clone()).collect(),
            input: stage(Stage::Input),
            tool_result: stage(Stage::ToolResult),
            retrieved: stage(Stage::Retrieved),
            output: stage(Stage::Output).map(Rc::new),
        }
    }

    /// What is looked for in what callers send.
    pub fn input(&self) -> Option<&StagePlan> {
        self.input.as_ref()
    }

    /// What is looked for in what tools told.
    pub fn tool_result(&self) -> Option<&StagePlan> {
        self.tool_result.as_ref()
    }

    /// What is looked for in retrieved passages.
    pub fn retrieved(&self) -> Option<&StagePlan> {
        self.retrieved.as_ref()
    }

    /// Who else is asked at `stage`.
    pub fn hooks(&self, stage: Stage) -> &[(Rc<Hook>, Act)] {
        let plan = match stage {
            Stage::Input => self.input(),
            Stage::ToolResult => self.tool_result(),
            Stage::Retrieved => self.retrieved(),
            Stage::Output => self.output().map(|plan| &**plan),
        };
        plan.map_or(&[], |plan| &plan.hooks)
    }

    /// Whether an answer may be refused so that the next target is asked.
    pub fn retries(&self) -> bool {
        let Some(plan) = self.output() else { return false };
        let acts = [plan.secrets, plan.links, plan.leak, plan.schema].into_iter().flatten();
        let acts = acts.chain(plan.pii.values().copied());
        let acts = acts.chain(plan.grounding.map(|(_, act)| act));
        let acts = acts.chain(plan.policies.iter().map(|(_, act)| *act));
        let mut acts = acts.chain(plan.hooks.iter().map(|(_, act)| *act));
        acts.any(|act| act.effective() == Action::Retry)
    }

    /// Whether streams are held until the whole answer has been judged.
    pub fn holds_streams(&self) -> bool {
        let grounding = self.output().and_then(|plan| plan.grounding);
        grounding.is_some_and(|(_, act)| act.effective() != Action::Flag)
            || self.hooks(Stage::Output).iter().any(|(hook, _)| hook.holds)
    }

    /// What is looked for in answers.
    pub fn output(&self) -> Option<&Rc<StagePlan>> {
        self.output.as_ref()
    }
}

impl StagePlan {
    fn of(stage: Stage, guardrails: &[&Guardrail]) -> Option<Self> {
        let mut plan = Self {
            stage,
            injection: None,
            pii: BTreeMap::new(),
            secrets: None,
            links: None,
            leak: None,
            schema: None,
            grounding: None,
            policies: Vec::new(),
            hooks: Vec::new(),
            filters: Filters::default(),
            allow: Allow::default(),
            hosts: Vec::new(),
        };
        let mut any = false;
        for check in guardrails.iter().flat_map(|guardrail| guardrail.checks(stage)) {
            any = true;
            plan.add(check);
        }
        plan.filters = plan.filters();
        any.then_some(plan)
    }

    fn filters(&self) -> Filters {
        let placeholders = if self.redacts() { Placeholders::Escape } else { Placeholders::Ignore };
        let filter = |trusted, json| self.filter(placeholders, trusted, json);
        Filters {
            said: Arc::new(filter(false, false)),
            trusted: Arc::new(filter(true, false)),
            json: Arc::new(filter(true, true)),
            raw: Arc::new(filter(false, true)),
            thought: Arc::new(stream::Plan { known: true, ..filter(true, false) }),
        }
    }

    fn add(&mut self, check: &Checked) {
        let act = check.act;
        let stricter = |old: Option<Act>| Some(old.map_or(act, |old| old.max(act)));
        match &check.what {
            Looks::Injection(level) => {
                self.injection = Some(match self.injection {
                    None => (*level, act),
                    Some((other, old)) => (other.max(*level), old.max(act)),
                });
            }
            Looks::Pii(kinds, allow, patterns) => {
                for kind in Kind::ALL.into_iter().filter(|kind| kinds.has(*kind)) {
                    self.pii.entry(kind).and_modify(|old| *old = old.max(act)).or_insert(act);
                }
                let mut allowed = std::mem::take(&mut self.allow);
                for value in allow {
                    allowed = match value.strip_prefix('@') {
                        Some(domain) => allowed.domain(domain),
                        None => allowed.value(value),
                    };
                }
                for pattern in patterns {
                    // Found right when it was configured.
                    if let Ok(more) = allowed.clone().pattern(pattern) {
                        allowed = more;
                    }
                }
                self.allow = allowed;
            }
            Looks::Secrets => self.secrets = stricter(self.secrets),
            Looks::Leak => self.leak = stricter(self.leak),
            Looks::Schema => self.schema = stricter(self.schema),
            Looks::Grounding(least) => {
                self.grounding = Some(match self.grounding {
                    None => (*least, act),
                    Some((other, old)) => (other.max(*least), old.max(act)),
                });
            }
            Looks::Links(hosts) => {
                self.links = stricter(self.links);
                self.hosts.extend(hosts.iter().cloned());
            }
            Looks::Policy(policy) => self.policies.push((policy.clone(), act)),
            Looks::Hook(hook) => match self.hooks.iter_mut().find(|(other, _)| Rc::ptr_eq(other, hook)) {
                Some((_, old)) => *old = old.max(act),
                None => self.hooks.push((hook.clone(), act)),
            },
        }
    }

    /// What is done about what a filter finds, and which check that is.
    pub fn act(&self, kind: &str) -> Option<(CheckName, Act)> {
        if let Some(act) = Kind::from_name(kind).and_then(|kind| self.pii.get(&kind)) {
            return Some((CheckName::Pii, *act));
        }
        let link = LINKS.iter().any(|reason| reason.name() == kind);
        match (link, self.links, self.secrets) {
            (true, Some(act), _) => Some((CheckName::Links, act)),
            (_, _, Some(act)) => Some((CheckName::Secrets, act)),
            _ => None,
        }
    }

    /// Whether values are taken out of what goes to a provider, to come back in the answer.
    pub fn redacts(&self) -> bool {
        let redacts = |act: &Act| act.effective() == Action::Redact;
        self.pii.values().any(redacts) || self.secrets.as_ref().is_some_and(redacts)
    }

    /// What a filter does; `trusted` is text that is only ever blacked out, never refused; `json` the source of JSON.
    pub fn filter(&self, placeholders: Placeholders, trusted: bool, json: bool) -> stream::Plan {
        let output = self.stage == Stage::Output;
        let action = |act: Act| match act.effective() {
            Action::Flag => stream::Action::Flag,
            Action::Redact if !output => stream::Action::Redact,
            Action::Redact | Action::Mask => stream::Action::Mask,
            Action::Retry | Action::Deny if trusted => stream::Action::Flag,
            Action::Retry | Action::Deny => stream::Action::Deny,
        };
        let kinds: Kinds = self.pii.keys().copied().collect();
        let settings = pii::Settings { kinds, allow: self.allow.clone() };
        stream::Plan {
            pii: (!self.pii.is_empty()).then_some((settings, stream::Action::Flag)),
            pii_actions: self.pii.iter().map(|(kind, act)| (*kind, action(*act))).collect(),
            secrets: self.secrets.map(action),
            links: self.links.map(|act| (Hosts::new(&self.hosts), action(act))),
            placeholders,
            json,
            known: false,
        }
    }
}
