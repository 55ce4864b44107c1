//! What guardrails come to: every check of every stage with its strictest action.

use std::{collections::BTreeMap, rc::Rc, sync::Arc};

use sluice_guardrails::{
    exfiltration::{Hosts, Reason},
    injection::OperatingPoint,
    pii::{self, Allow, Kind, Kinds},
    policy::{Language, Policy},
    stream::{self, Placeholders},
};

use crate::{
    config::{
        document::{self, Action, CheckName, Level, OneOrMore, SpelledCheck, Stage},
        path::{Path, Problem},
        suggest,
    },
    key,
};

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

/// A guardrail as it is configured, found right.
#[derive(Debug)]
pub struct Guardrail {
    /// Its name and a digest of what it says: another text is another guardrail.
    pub version: String,
    checks: Vec<(Stage, Checked)>,
}

impl Guardrail {
    /// Its checks for `stage`: tool results and passages have those of the stage before where they have none of their own.
    fn checks(&self, stage: Stage) -> impl Iterator<Item = &Checked> {
        let has = |stage: Stage| self.checks.iter().any(|(of, _)| *of == stage);
        let stage = match stage {
            Stage::Retrieved if has(Stage::Retrieved) => Stage::Retrieved,
            Stage::Retrieved | Stage::ToolResult if has(Stage::ToolResult) => Stage::ToolResult,
            Stage::Retrieved | Stage::ToolResult | Stage::Input => Stage::Input,
            Stage::Output => Stage::Output,
        };
        self.checks.iter().filter(move |(of, _)| *of == stage).map(|(_, check)| check)
    }
}

/// A check found right.
#[derive(Clone, Debug)]
struct Checked {
    act: Act,
    what: Looks,
}

#[derive(Clone, Debug)]
enum Looks {
    Injection(Level),
    Pii(Kinds, Vec<String>, Vec<String>),
    Secrets,
    Leak,
    Links(Vec<String>),
    Schema,
    Policy(Rc<Policy>),
}

/// Makes sense of a guardrail.
pub fn compile(
    name: &str,
    written: &document::Guardrail,
    at: &Path,
    problems: &mut Vec<Problem>,
) -> Guardrail {
    let mut checks = Vec::new();
    for (stage, list) in written.stages() {
        for (index, check) in list.iter().enumerate() {
            let at = at.key(stage.name()).index(index);
            match checked(&check.0, stage, written.dry_run, &at) {
                Ok(check) => checks.push((stage, check)),
                Err(problem) => problems.push(problem),
            }
        }
    }
    let digest = key::short(&serde_json::to_string(written).unwrap_or_default(), 8);
    Guardrail { version: format!("{name}@{digest}"), checks }
}

fn checked(written: &SpelledCheck, stage: Stage, dry_run: bool, at: &Path) -> Result<Checked, Problem> {
    let SpelledCheck {
        check,
        action,
        level,
        kinds,
        allow,
        deny,
        patterns,
        languages,
        max_characters,
        max_words,
    } = written;
    let problem = |member: &str, message: String| Err(Problem::new(at.key(member), message));
    let output = stage == Stage::Output;
    let fits = match (check, action) {
        (_, Action::Flag | Action::Deny) => true,
        (CheckName::Pii | CheckName::Secrets, Action::Redact | Action::Mask) => true,
        (CheckName::Links, Action::Mask) => true,
        (_, Action::Retry) => output,
        (_, Action::Redact | Action::Mask) => false,
    };
    if !fits {
        let hint = if *action == Action::Retry { ": that is for answers" } else { "" };
        return problem(
            "action",
            format!("`{}` cannot be done here with what `{}` finds{hint}", action.name(), check.name()),
        );
    }
    if !output && matches!(check, CheckName::Leak | CheckName::Schema) {
        return problem("check", format!("`{}` is for `output`", check.name()));
    }
    let given = [
        ("level", level.is_some(), *check == CheckName::Injection),
        ("kinds", !kinds.is_empty(), *check == CheckName::Pii),
        ("allow", !allow.is_empty(), matches!(check, CheckName::Pii | CheckName::Links | CheckName::Policy)),
        ("deny", !deny.is_empty(), *check == CheckName::Policy),
        ("patterns", !patterns.is_empty(), matches!(check, CheckName::Pii | CheckName::Policy)),
        ("languages", languages.is_some(), *check == CheckName::Policy),
        ("max_characters", max_characters.is_some(), *check == CheckName::Policy),
        ("max_words", max_words.is_some(), *check == CheckName::Policy),
    ];
    if let Some((member, _, _)) = given.iter().find(|(_, given, known)| *given && !known) {
        return problem(member, format!("means nothing to the check `{}`", check.name()));
    }
    let what = match check {
        CheckName::Injection => Looks::Injection(level.unwrap_or(Level::Balanced)),
        CheckName::Secrets => Looks::Secrets,
        CheckName::Leak => Looks::Leak,
        CheckName::Schema => Looks::Schema,
        CheckName::Links => Looks::Links(allow.clone()),
        CheckName::Pii => {
            let mut found = Kinds::NONE;
            for name in kinds {
                let Some(kind) = Kind::from_name(name) else {
                    let hint = suggest::hint(name, Kind::ALL.into_iter().map(Kind::name));
                    return problem("kinds", format!("`{name}` is no kind of personal data{hint}"));
                };
                found = found.with(kind);
            }
            for pattern in patterns {
                if let Err(error) = Allow::default().pattern(pattern) {
                    return problem("patterns", error);
                }
            }
            let found = if kinds.is_empty() { Kinds::default() } else { found };
            Looks::Pii(found, allow.clone(), patterns.clone())
        }
        CheckName::Policy => {
            let mut policy = Policy::default();
            for phrase in deny {
                policy = policy.deny(phrase);
            }
            for phrase in allow {
                policy = policy.allow(phrase);
            }
            for pattern in patterns {
                policy = match policy.deny_pattern(pattern) {
                    Ok(policy) => policy,
                    Err(error) => return problem("patterns", error),
                };
            }
            for code in languages.iter().flat_map(OneOrMore::iter) {
                let Some(language) = Language::from_code(code) else {
                    return problem(
                        "languages",
                        format!("`{code}` is no language known here: use codes such as `en`"),
                    );
                };
                policy = policy.speak(language);
            }
            if let Some(most) = max_characters {
                policy = policy.at_most_characters(*most);
            }
            if let Some(most) = max_words {
                policy = policy.at_most_words(*most);
            }
            Looks::Policy(Rc::new(policy))
        }
    };
    Ok(Checked { act: Act { action: *action, dry_run }, what })
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
    /// What is not wanted.
    pub policies: Vec<(Rc<Policy>, Act)>,
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
            policies: Vec::new(),
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
            Looks::Links(hosts) => {
                self.links = stricter(self.links);
                self.hosts.extend(hosts.iter().cloned());
            }
            Looks::Policy(policy) => self.policies.push((policy.clone(), act)),
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
