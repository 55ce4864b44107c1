//! `sluice guard try`: what guardrails would make of a text.

use std::{
    io::Read,
    path::{Path, PathBuf},
    process::ExitCode,
    rc::Rc,
};

use anyhow::{Context, Result, bail};
use sluice_core::{
    config::{
        Config,
        document::{Document, Stage},
        suggest,
    },
    guardrail::{
        Guardrail, Plans,
        trial::{self, Finding, Trial},
    },
};

use crate::{config, say};

/// What is tried where no configuration is given.
const DEFAULT: &str = r#"{
    "input": ["injection", {"pii": "redact"}, "secrets"],
    "output": [{"pii": "mask"}, "secrets", "links"]
}"#;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Show what is found in a text, whether it is refused, and how it would go on
    Try(Try),
}

/// A text and what is looked for.
#[derive(clap::Args)]
pub struct Try {
    /// The text; - reads standard input
    file: PathBuf,
    /// What the text is
    #[arg(long, value_enum, default_value_t = Place::Input)]
    stage: Place,
    /// A configuration; without one, what is looked for is injection, personal data, secrets and, in answers, links
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Which of its guardrails; all of them where none is named
    #[arg(long, value_name = "NAME", requires = "config")]
    guardrail: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum Place {
    Input,
    ToolResult,
    Retrieved,
    Output,
}

/// Tries it. What is refused ends with 1, as a file that cannot be read does.
///
/// # Errors
///
/// If a file cannot be read, the configuration is wrong, or it has no such guardrail.
pub fn run(Command::Try(arguments): &Command) -> Result<ExitCode> {
    let guardrails = guardrails(arguments)?;
    let all: Vec<&Guardrail> = guardrails.iter().map(Rc::as_ref).collect();
    let stage = match arguments.stage {
        Place::Input => Stage::Input,
        Place::ToolResult => Stage::ToolResult,
        Place::Retrieved => Stage::Retrieved,
        Place::Output => Stage::Output,
    };
    let text = read(&arguments.file)?;
    let trial = trial::attempt(&Plans::of(&all), stage, &text);
    if arguments.json {
        say(&json(&trial, &text));
    } else {
        lines(&trial, &text, &arguments.file).iter().for_each(|line| say(line));
    }
    Ok(if trial.refused.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn guardrails(arguments: &Try) -> Result<Vec<Rc<Guardrail>>> {
    let Some(file) = &arguments.config else {
        let standard = serde_json::from_str(DEFAULT)?;
        let document =
            Document { guardrails: [("standard".to_owned(), standard)].into(), ..Document::default() };
        let (config, _) = Config::compile(&document).map_err(|_| anyhow::anyhow!("the standard is wrong"))?;
        return Ok(config.guardrails.into_values().collect());
    };
    let checked = config::check::check(&read(file)?);
    let Some(json) = checked.json() else {
        bail!("{}", checked.report(&file.display().to_string()).join("\n"));
    };
    let Ok(config) = Config::from_json(json.as_bytes()) else {
        bail!("{}: cannot be read again: `sluice config check` it", file.display());
    };
    let mut names: Vec<&String> = config.guardrails.keys().collect();
    names.sort();
    if names.is_empty() {
        bail!("{} has no guardrails", file.display());
    }
    let asked =
        if arguments.guardrail.is_empty() { names.clone() } else { arguments.guardrail.iter().collect() };
    asked
        .into_iter()
        .map(|name| match config.guardrails.get(name) {
            Some(guardrail) => Ok(guardrail.clone()),
            None => {
                let hint = suggest::hint(name, names.iter().map(|name| name.as_str()));
                bail!("{} has no guardrail `{name}`{hint}", file.display())
            }
        })
        .collect()
}

fn read(file: &Path) -> Result<String> {
    if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

/// Line and column of a byte, counted from 1, columns in characters.
fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
    (line, column)
}

fn action(finding: &Finding) -> String {
    format!("{}{}", if finding.dry_run { "would-" } else { "" }, finding.action.name())
}

fn lines(trial: &Trial, text: &str, file: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for finding in &trial.findings {
        let ((from, first), (to, last)) =
            (position(text, finding.span.start), position(text, finding.span.end));
        let score = finding.score.map(|(score, from)| format!(", score {score:.3} (from {from:.3})"));
        let rule = finding.rule.as_ref().map(|rule| format!(" by {rule}"));
        lines.push(format!(
            "{}:{from}:{first}-{to}:{last}: {} ({}{}): {}{}",
            file.display(),
            finding.check.name(),
            finding.kind,
            rule.unwrap_or_default(),
            action(finding),
            score.unwrap_or_default(),
        ));
    }
    for check in &trial.untried {
        lines.push(format!("{} was not tried: it looks at the request too", check.name()));
    }
    match (&trial.refused, &trial.text) {
        (Some(refused), _) => lines.push(format!("refused: {refused}")),
        (None, Some(told)) if told == text => lines.push("goes on as it is".to_owned()),
        (None, told) => {
            lines.push("goes on as:".to_owned());
            lines.extend(told.iter().flat_map(|told| told.lines()).map(str::to_owned));
        }
    }
    lines
}

fn json(trial: &Trial, text: &str) -> String {
    let place = |byte| {
        let (line, column) = position(text, byte);
        serde_json::json!({"line": line, "column": column})
    };
    let findings: Vec<_> = trial
        .findings
        .iter()
        .map(|finding| {
            serde_json::json!({
                "check": finding.check.name(),
                "kind": finding.kind,
                "rule": finding.rule,
                "action": action(finding),
                "score": finding.score.map(|(score, _)| score),
                "threshold": finding.score.map(|(_, threshold)| threshold),
                "start": place(finding.span.start),
                "end": place(finding.span.end),
            })
        })
        .collect();
    let untried: Vec<&str> = trial.untried.iter().map(|check| check.name()).collect();
    serde_json::json!({
        "findings": findings, "not_tried": untried, "refused": trial.refused, "text": trial.text,
    })
    .to_string()
}
