//! Whether a document has the shape of the JSON Schema, and in plain English where it has not.

use std::sync::LazyLock;

use jsonschema::{ValidationError, Validator, error::ValidationErrorKind, paths::LocationSegment};
use serde_json::Value;
use sluice_core::config::{
    document,
    path::{Path, Problem, Step},
    suggest,
};

static SCHEMA: LazyLock<Value> = LazyLock::new(document::schema);

static VALIDATOR: LazyLock<Result<Validator, String>> =
    LazyLock::new(|| jsonschema::validator_for(&SCHEMA).map_err(|error| error.to_string()));

/// Something whose shape is wrong.
pub struct Misfit {
    /// Where and what.
    pub problem: Problem,
    /// What must go so that the meaning of the rest can be checked: a member that should not be there alone, otherwise
    /// the whole provider, model or guardrail, or the member of another section.
    pub remove: Path,
}

impl Misfit {
    fn new(path: Path, message: impl Into<String>) -> Self {
        let remove = unit(&path);
        Self { problem: Problem::new(path, message), remove }
    }
}

/// The provider, model, guardrail or member of another section that `path` leads into.
pub fn unit(path: &Path) -> Path {
    Path(path.0.iter().take(2).cloned().collect())
}

/// Everything whose shape is wrong.
///
/// # Errors
///
/// If the schema itself cannot be used, which a test rules out.
pub fn misfits(document: &Value) -> anyhow::Result<Vec<Misfit>> {
    let validator = VALIDATOR.as_ref().map_err(|error| anyhow::anyhow!("{error}"))?;
    let mut found = Vec::new();
    for error in validator.iter_errors(document) {
        explain(&error, &mut found);
    }
    Ok(found)
}

fn explain(error: &ValidationError<'_>, found: &mut Vec<Misfit>) {
    let at = path(error);
    let schema = schema_of(error);
    let told = |fallback: String| match schema.get("errorMessage").and_then(Value::as_str) {
        Some(message) => message.to_owned(),
        None => fallback,
    };
    let message = match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            found.extend(unexpected.iter().map(|name| unknown(&at, name, schema)));
            return;
        }
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            let what = schema.pointer(&format!("/properties/{name}")).and_then(description);
            let message = match what {
                Some(what) => format!("missing ({what})"),
                None => "missing".to_owned(),
            };
            found.push(Misfit::new(at.key(name), message));
            return;
        }
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            match alternatives(error, context) {
                Alternatives::Words(words) => one_of(error, &words),
                Alternatives::Branch(errors) if !schema_says(schema, errors) => {
                    for error in errors {
                        explain(error, found);
                    }
                    return;
                }
                Alternatives::Branch(_) | Alternatives::None => told(error.to_string()),
            }
        }
        ValidationErrorKind::Enum { options } => {
            let words: Vec<_> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            one_of(error, &words)
        }
        ValidationErrorKind::Constant { expected_value } => one_of(error, expected_value.as_str().as_slice()),
        ValidationErrorKind::Type { .. } => {
            let wanted = told(format!("must be {}", kinds(schema.get("type"))));
            format!("{wanted}; this is {}", kind(error.instance()))
        }
        ValidationErrorKind::Minimum { limit } => told(format!("must be at least {limit}")),
        ValidationErrorKind::Maximum { limit } => told(format!("must be at most {limit}")),
        _ => told(error.to_string()),
    };
    found.push(Misfit::new(at, message));
}

/// What the failed alternatives of `anyOf` or `oneOf` come down to.
enum Alternatives<'a> {
    /// Each was one word.
    Words(Vec<&'a str>),
    /// This one was meant: the others have another type.
    Branch(&'a [ValidationError<'static>]),
    /// None was.
    None,
}

fn alternatives<'a>(
    error: &ValidationError<'_>,
    context: &'a [Vec<ValidationError<'static>>],
) -> Alternatives<'a> {
    let words = words(context);
    if !words.is_empty() {
        return Alternatives::Words(words);
    }
    let wants_nothing =
        |inner: &ValidationError<'_>| schema_of(inner).get("type") == Some(&Value::from("null"));
    let meant = |branch: &&Vec<ValidationError<'static>>| {
        !branch.iter().any(|inner| is_of_another_type(inner, error))
    };
    // Where no branch has the type, the only one that is not "or nothing" tells what is wanted.
    let mut real = context.iter().filter(|branch| !branch.iter().any(wants_nothing));
    let single = match (real.next(), real.next()) {
        (Some(branch), None) => Some(branch),
        _ => None,
    };
    // Of several with the type, the one with the least to mend.
    let nearest = context.iter().filter(meant).min_by_key(|branch| complaints(branch));
    nearest.or(single).map_or(Alternatives::None, |branch| Alternatives::Branch(branch))
}

/// How much there is to mend.
fn complaints(errors: &[ValidationError<'static>]) -> usize {
    let of = |error: &ValidationError<'_>| match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => unexpected.len(),
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            context.iter().map(|branch| complaints(branch)).min().unwrap_or(1)
        }
        _ => 1,
    };
    errors.iter().map(of).sum()
}

/// The words that were allowed, if each alternative was one word.
fn words<'a>(context: &'a [Vec<ValidationError<'static>>]) -> Vec<&'a str> {
    let words: Vec<&str> = context
        .iter()
        .flatten()
        .filter_map(|error| match error.kind() {
            ValidationErrorKind::Constant { expected_value } => expected_value.as_str(),
            _ => None,
        })
        .collect();
    if words.len() == context.len() { words } else { Vec::new() }
}

/// Whether an alternative failed because it is of another type than what was given.
fn is_of_another_type(inner: &ValidationError<'_>, outer: &ValidationError<'_>) -> bool {
    let of_words = match inner.kind() {
        ValidationErrorKind::Type { .. } => true,
        ValidationErrorKind::OneOfNotValid { context } => {
            !words(context).is_empty() && !outer.instance().is_string()
        }
        _ => false,
    };
    of_words && inner.instance_path().as_str() == outer.instance_path().as_str()
}

/// Whether the schema with the alternatives says more than the errors of the one that was meant.
fn schema_says(schema: &Value, errors: &[ValidationError<'static>]) -> bool {
    let vague = |error: &ValidationError<'_>| {
        use ValidationErrorKind::{MaxProperties, MinProperties};
        matches!(error.kind(), MinProperties { .. } | MaxProperties { .. })
    };
    schema.get("errorMessage").is_some() && errors.iter().all(vague)
}

fn unknown(at: &Path, name: &str, schema: &Value) -> Misfit {
    let known = schema.get("properties").and_then(Value::as_object);
    let names: Vec<&str> = known.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let hint = suggest::hint(name, names.iter().copied());
    let problem =
        Problem::new(at.key(name), format!("no such member{hint} (allowed here: {})", names.join(", ")));
    Misfit { remove: problem.path.clone(), problem }
}

fn one_of(error: &ValidationError<'_>, words: &[&str]) -> String {
    let given = error.instance();
    let hint = given.as_str().map(|text| suggest::hint(text, words.iter().copied())).unwrap_or_default();
    let given = match given.as_str() {
        Some(text) => format!("`{text}`"),
        None => kind(given).to_owned(),
    };
    match words {
        [word] => format!("must be {word}, not {given}"),
        words => format!("must be one of {}, not {given}{hint}", words.join(", ")),
    }
}

/// The path to the instance, from its JSON pointer.
fn path(error: &ValidationError<'_>) -> Path {
    let steps = error.instance_path().segments().map(|segment| match segment {
        LocationSegment::Property(name) => Step::Key(name.into_owned()),
        LocationSegment::Index(index) => Step::Index(index),
    });
    Path(steps.collect())
}

/// The schema that the failed keyword is a member of.
fn schema_of(error: &ValidationError<'_>) -> &'static Value {
    let pointer = error.schema_path().as_str();
    let parent = pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
    SCHEMA.pointer(parent).unwrap_or(&Value::Null)
}

/// The first sentence of a schema's description, as part of another.
fn description(schema: &Value) -> Option<String> {
    let text = schema.get("description")?.as_str()?;
    let sentence =
        text.split_once(". ").map_or(text, |(first, _)| first).trim_end_matches('.').replace('\n', " ");
    let mut letters = sentence.chars();
    let first = letters.next()?;
    Some(first.to_lowercase().chain(letters).collect())
}

fn kinds(schema: Option<&Value>) -> String {
    let name = |name: &Value| match name.as_str() {
        Some("object") => "an object",
        Some("array") => "a list",
        Some("string") => "text",
        Some("boolean") => "true or false",
        Some("integer") => "a whole number",
        Some("number") => "a number",
        _ => "nothing",
    };
    match schema {
        Some(Value::Array(names)) => {
            let names: Vec<_> = names.iter().filter(|name| name.as_str() != Some("null")).map(name).collect();
            names.join(" or ")
        }
        Some(one) => name(one).to_owned(),
        None => "something else".to_owned(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_one() {
        assert!(misfits(&serde_json::json!({})).unwrap().is_empty());
        assert!(jsonschema::meta::is_valid(&SCHEMA));
    }
}
