//! A guardrail as it is written, found right: each check with all it needs.

use std::rc::Rc;

use sluice_guardrails::{
    pii::{Allow, Kind, Kinds},
    policy::{Language, Policy},
};

use super::{
    Act,
    rules::Rules,
    topic::{self, Topic, Topics},
};
use crate::{
    config::{
        document::{self, Action, CheckName, Level, OneOrMore, SpelledCheck, Stage},
        number::Share,
        path::{Path, Problem},
        suggest,
    },
    guardrail::hook::Hook,
    key,
};

/// A guardrail as it is configured, found right.
#[derive(Debug)]
pub struct Guardrail {
    /// Its name and a digest of what it says: another text is another guardrail.
    pub version: String,
    checks: Vec<(Stage, Checked)>,
}

impl Guardrail {
    /// Its checks for `stage`: tool results and passages have those of the stage before where they have none of their own.
    pub(super) fn checks(&self, stage: Stage) -> impl Iterator<Item = &Checked> {
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
pub(super) struct Checked {
    pub act: Act,
    pub what: Looks,
}

/// What a check looks for.
#[derive(Clone, Debug)]
pub(super) enum Looks {
    Injection(Level),
    Pii(Kinds, Vec<String>, Vec<String>),
    Secrets,
    Leak,
    Links(Vec<String>),
    Schema,
    Grounding(f64),
    Policy(Rules),
    Hook(Rc<Hook>),
}

/// How far answers must rest on their passages where nothing else is said.
const SUPPORT: f64 = 0.5;

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
        topics,
        languages,
        max_characters,
        max_words,
        threshold,
        hook,
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
    if !output && matches!(check, CheckName::Leak | CheckName::Schema | CheckName::Grounding) {
        return problem("check", format!("`{}` is for `output`", check.name()));
    }
    let given = [
        ("level", level.is_some(), *check == CheckName::Injection),
        ("kinds", !kinds.is_empty(), *check == CheckName::Pii),
        ("allow", !allow.is_empty(), matches!(check, CheckName::Pii | CheckName::Links | CheckName::Policy)),
        ("deny", !deny.is_empty(), *check == CheckName::Policy),
        ("patterns", !patterns.is_empty(), matches!(check, CheckName::Pii | CheckName::Policy)),
        ("topics", !topics.is_empty(), *check == CheckName::Policy),
        ("languages", languages.is_some(), *check == CheckName::Policy),
        ("max_characters", max_characters.is_some(), *check == CheckName::Policy),
        ("max_words", max_words.is_some(), *check == CheckName::Policy),
        (
            "threshold",
            threshold.is_some(),
            *check == CheckName::Grounding || *check == CheckName::Policy && !topics.is_empty(),
        ),
        ("hook", hook.is_some(), *check == CheckName::Hook),
    ];
    if let Some((member, _, _)) = given.iter().find(|(_, given, known)| *given && !known) {
        return problem(member, format!("means nothing to the check `{}`", check.name()));
    }
    let what = match check {
        CheckName::Injection => Looks::Injection(level.unwrap_or(Level::Balanced)),
        CheckName::Secrets => Looks::Secrets,
        CheckName::Leak => Looks::Leak,
        CheckName::Schema => Looks::Schema,
        CheckName::Grounding => Looks::Grounding(threshold.map_or(SUPPORT, Share::get)),
        CheckName::Hook => {
            let Some(hook) = hook else {
                return problem("hook", "missing: says who is asked, such as `url`".to_owned());
            };
            match Hook::compile(hook, *action, stage) {
                Ok(hook) => Looks::Hook(Rc::new(hook)),
                Err((member, why)) => return Err(Problem::new(at.key("hook").key(member), why)),
            }
        }
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
            let (mut examples, mut denied, mut names) = (0, Vec::new(), Vec::new());
            for (name, written) in topics {
                examples += written.len();
                let topic = match Topic::new(written, threshold.map(Share::get)) {
                    Ok(topic) if examples <= topic::MOST => topic,
                    Ok(_) => return problem("topics", format!("at most {} examples in all", topic::MOST)),
                    Err((Some(place), why)) => {
                        return Err(Problem::new(at.key("topics").key(name).index(place), why));
                    }
                    Err((None, why)) => return Err(Problem::new(at.key("topics").key(name), why)),
                };
                denied.push(topic);
                names.push(name.clone());
            }
            if !denied.is_empty() {
                policy = policy.deny_topics(Rc::new(Topics(denied)));
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
            Looks::Policy(Rules::new(policy, at.clone(), names))
        }
    };
    Ok(Checked { act: Act { action: *action, dry_run }, what })
}
