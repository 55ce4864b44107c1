//! Everything that is wrong with a configuration, and where.
//!
//! ```text
//! text ─► YAML with positions ─► shape (JSON Schema) ─► types (serde) ─► meaning (compile)
//!              flaws                 problems             a problem         problems, warnings
//! ```
//!
//! What has the wrong shape is taken out before the meaning of the rest is checked, so that one run tells all of it; a
//! problem that only follows from what was taken out is not told.

use serde_json::{Map, Value};
use sluice_core::config::{
    Config, Problem, Warning,
    document::Document,
    not_yet,
    path::{Path, Step},
};

use super::{
    shape::{self, Misfit},
    yaml::{self, Node, Position},
};

/// What came of it.
pub struct Checked {
    notes: Vec<Note>,
    /// The document and its version, if nothing is wrong.
    fine: Option<(Document, String)>,
}

struct Note {
    position: Position,
    severity: Severity,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Severity {
    Error,
    Warning,
}

impl Checked {
    /// Whether nothing is wrong.
    pub fn fine(&self) -> bool {
        self.fine.is_some()
    }

    /// A line for everything that is to be said, by its place in the file.
    pub fn report(&self, file: &str) -> Vec<String> {
        let line = |note: &Note| {
            let Position { line, column } = note.position;
            let word = if note.severity == Severity::Warning { "warning: " } else { "" };
            format!("{file}:{line}:{column}: {word}{}", note.text)
        };
        self.notes.iter().map(line).collect()
    }

    /// A last line.
    pub fn summary(&self, file: &str) -> String {
        let count = |severity, word| match self.notes.iter().filter(|note| note.severity == severity).count()
        {
            0 => None,
            1 => Some(format!("1 {word}")),
            number => Some(format!("{number} {word}s")),
        };
        let counts: Vec<_> = [count(Severity::Error, "error"), count(Severity::Warning, "warning")]
            .into_iter()
            .flatten()
            .collect();
        match (&self.fine, counts.is_empty()) {
            (Some((_, version)), true) => format!("{file}: fine (version {version})"),
            (Some((_, version)), false) => format!("{file}: fine, {} (version {version})", counts.join(", ")),
            (None, _) => format!("{file}: {}", counts.join(", ")),
        }
    }

    /// The JSON that a gateway reads.
    pub fn json(&self) -> Option<String> {
        let (document, _) = self.fine.as_ref()?;
        serde_json::to_string_pretty(document).ok()
    }
}

/// Checks the text of a configuration.
pub fn check(text: &str) -> Checked {
    let (node, flaws) = yaml::read(text);
    let mut notes: Vec<Note> = flaws
        .into_iter()
        .map(|flaw| Note { position: flaw.position, severity: Severity::Error, text: flaw.message })
        .collect();
    let mut value = node.value();
    fill_empty_sections(&mut value);
    let (problems, warnings, fine) = match notes.is_empty() {
        true => meaning(value),
        false => (misfits(&value).into_iter().map(|misfit| misfit.problem).collect(), Vec::new(), None),
    };
    notes.extend(problems.iter().map(|problem| note(problem, Severity::Error, &node)));
    notes.extend(warnings.iter().map(|warning| note(warning, Severity::Warning, &node)));
    notes.sort_by(|a, b| (a.position, a.severity, &a.text).cmp(&(b.position, b.severity, &b.text)));
    notes.dedup_by(|a, b| a.position == b.position && a.text == b.text);
    Checked { notes, fine }
}

fn note(problem: &Problem, severity: Severity, node: &Node) -> Note {
    Note { position: node.position(&problem.path), severity, text: problem.to_string() }
}

/// A section or a provider with nothing behind its colon is an empty one.
fn fill_empty_sections(document: &mut Value) {
    let Some(sections) = document.as_object_mut() else { return };
    for (name, section) in sections {
        if section.is_null() {
            *section = Value::Object(Map::new());
        }
        for provider in section.as_object_mut().into_iter().flatten().map(|(_, value)| value) {
            if name == "providers" && provider.is_null() {
                *provider = Value::Object(Map::new());
            }
        }
    }
}

fn misfits(value: &Value) -> Vec<Misfit> {
    shape::misfits(value).unwrap_or_else(|error| {
        vec![Misfit { problem: Problem::new(Path::default(), error.to_string()), remove: Path::default() }]
    })
}

type Outcome = (Vec<Problem>, Vec<Warning>, Option<(Document, String)>);

/// All problems of shape, of types, and of the meaning of what is left.
fn meaning(mut value: Value) -> Outcome {
    let mut problems = Vec::new();
    let mut removed = Vec::new();
    for Misfit { problem, remove } in misfits(&value) {
        problems.push(problem);
        if take_out(&mut value, &remove) {
            removed.push(remove);
        }
    }
    if !value.is_object() {
        return (problems, Vec::new(), None);
    }
    // The schema's patterns are a little wider than the types: what only a type refuses is found one at a time.
    let document: Document = loop {
        match serde_path_to_error::deserialize(&value) {
            Ok(document) => break document,
            Err(error) => {
                let path = path_of(error.path());
                let remove = shape::unit(&path);
                problems.push(Problem::new(path, error.into_inner().to_string()));
                if !take_out(&mut value, &remove) {
                    return (problems, Vec::new(), None);
                }
                removed.push(remove);
            }
        }
    };
    match Config::compile(&document) {
        Ok((config, warnings)) if problems.is_empty() => {
            (problems, warnings, Some((document, config.version)))
        }
        Ok((_, warnings)) => (problems, warnings, None),
        Err(found) => {
            let gone = |path: &Path| removed.iter().any(|gone| path.is_within(gone));
            let told: Vec<Path> = found.iter().map(|problem| problem.path.clone()).collect();
            let follows = |problem: &Problem| {
                problem
                    .because
                    .as_ref()
                    .is_some_and(|at| gone(at) || told.iter().any(|path| path.is_within(at)))
            };
            problems.extend(found.into_iter().filter(|problem| !follows(problem)));
            (problems, not_yet::warnings(&document), None)
        }
    }
}

/// Takes the member at `path` out of `document`; whether it was there.
fn take_out(document: &mut Value, path: &Path) -> bool {
    let Some((Step::Key(last), parents)) = path.0.split_last() else { return false };
    let mut parent = document;
    for step in parents {
        let child = match step {
            Step::Key(key) => parent.get_mut(key),
            Step::Index(index) => parent.get_mut(*index),
        };
        let Some(child) = child else { return false };
        parent = child;
    }
    parent.as_object_mut().is_some_and(|members| members.remove(last).is_some())
}

fn path_of(path: &serde_path_to_error::Path) -> Path {
    use serde_path_to_error::Segment;
    let steps = path.iter().filter_map(|segment| match segment {
        Segment::Seq { index } => Some(Step::Index(*index)),
        Segment::Map { key } => Some(Step::Key(key.clone())),
        Segment::Enum { variant } => Some(Step::Key(variant.clone())),
        Segment::Unknown => None,
    });
    Path(steps.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../../../tests/cases/config/valid/design.yaml");

    #[test]
    fn a_text_cut_or_garbled_anywhere_is_reported_in_place() {
        let lines = EXAMPLE.lines().count();
        let cut = (0..EXAMPLE.len()).step_by(3).filter_map(|at| EXAMPLE.get(..at)).map(str::to_owned);
        let garbled = (0..EXAMPLE.len()).step_by(11).flat_map(|at| {
            let (before, after) = EXAMPLE.split_at(at);
            let after = after.get(1..).unwrap_or_default();
            ["", "\n", "{", "]", ":", "\"", "*", "&", "\t", "é", "- "]
                .map(|insert| format!("{before}{insert}{after}"))
        });
        for text in cut.chain(garbled) {
            let checked = check(&text);
            assert!(
                checked.fine() || checked.notes.iter().any(|note| note.severity == Severity::Error),
                "{text}"
            );
            for note in &checked.notes {
                let Position { line, column } = note.position;
                assert!((1..=lines + 2).contains(&line) && 1 <= column, "{line}:{column} in\n{text}");
            }
        }
    }

    #[test]
    fn what_is_compiled_is_read_by_the_gateway_as_the_same_version() {
        let checked = check(EXAMPLE);
        let config = Config::from_json(checked.json().unwrap().as_bytes()).unwrap();
        assert!(checked.summary("x").contains(&config.version));
    }
}
