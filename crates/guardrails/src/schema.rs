//! Whether an answer is the JSON that was asked for: the part of JSON Schema 2020-12 that providers accept, an early
//! look at how an answer begins, and a repair of what models often wrap around JSON.
//!
//! Keywords that are not known here are ignored, as the standard has it; `format` is not checked.

mod repair;

use regex_lite::Regex;
pub use repair::{Repaired, repair};
use serde_json::{Map, Value};

/// How deep a value and its schema are followed.
const DEPTH: usize = 64;

/// How many schemas are applied to one answer before checking is given up.
const STEPS: usize = 200_000;

/// Why an answer is not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where in the answer, as a JSON pointer. Names of members only, never values.
    pub path: String,
    /// What is wrong there.
    pub what: String,
}

/// Checks a value.
///
/// # Errors
///
/// The first problem.
pub fn check(schema: &Value, value: &Value) -> Result<(), Problem> {
    let mut checker = Checker { root: schema, steps: 0 };
    checker.apply(schema, value, &mut String::new(), 0)
}

/// Checks the text of an answer.
///
/// # Errors
///
/// The first problem, which may be that the text is no JSON.
pub fn check_text(schema: &Value, text: &str) -> Result<Value, Problem> {
    let value = serde_json::from_str(text).map_err(|error| Problem {
        path: String::new(),
        what: format!("no JSON at line {} column {}", error.line(), error.column()),
    })?;
    check(schema, &value).map(|()| value)
}

/// Whether a text that begins like this can still become the JSON asked for: `None` where nothing but blanks came yet.
/// A stream need not be followed to its end where it cannot.
pub fn begins(schema: &Value, text: &str) -> Option<bool> {
    let first = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).bytes().next()?;
    let kind = match first {
        b'{' => "object",
        b'[' => "array",
        b'"' => "string",
        b'-' | b'0'..=b'9' => "number",
        b't' | b'f' => "boolean",
        b'n' => "null",
        _ => return Some(false),
    };
    Some(types(schema).is_none_or(|types| {
        types.iter().any(|known| *known == kind || *known == "integer" && kind == "number")
    }))
}

/// The types a schema names.
fn types(schema: &Value) -> Option<Vec<&str>> {
    match schema.get("type")? {
        Value::String(one) => Some(vec![one]),
        Value::Array(several) => Some(several.iter().filter_map(Value::as_str).collect()),
        _ => None,
    }
}

struct Checker<'s> {
    root: &'s Value,
    steps: usize,
}

impl Checker<'_> {
    fn apply(
        &mut self,
        schema: &Value,
        value: &Value,
        path: &mut String,
        depth: usize,
    ) -> Result<(), Problem> {
        self.steps += 1;
        let problem = |path: &str, what: String| Err(Problem { path: path.to_owned(), what });
        if DEPTH < depth || STEPS < self.steps {
            return problem(path, "nested too deep to be checked".to_owned());
        }
        let schema = match schema {
            Value::Bool(true) => return Ok(()),
            Value::Bool(false) => return problem(path, "must not be there".to_owned()),
            Value::Object(schema) => schema,
            _ => return Ok(()),
        };
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let Some(target) =
                reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer)).cloned()
            else {
                return problem(path, format!("the schema refers to {reference}, which it does not define"));
            };
            self.apply(&target, value, path, depth + 1)?;
        }
        if let Some(what) = plain(schema, value) {
            return problem(path, what);
        }
        match value {
            Value::Object(members) => self.members(schema, members, path, depth)?,
            Value::Array(items) => self.items(schema, items, path, depth)?,
            _ => {}
        }
        self.combined(schema, value, path, depth)
    }

    fn members(
        &mut self,
        schema: &Map<String, Value>,
        members: &Map<String, Value>,
        path: &mut String,
        depth: usize,
    ) -> Result<(), Problem> {
        let required =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        for name in required {
            if !members.contains_key(name) {
                return Err(Problem { path: path.clone(), what: format!("the member {name:?} is missing") });
            }
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        let patterns: Vec<(Regex, &Value)> = schema
            .get("patternProperties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter_map(|(pattern, schema)| Some((Regex::new(pattern).ok()?, schema)))
            .collect();
        for (name, member) in members {
            let length = path.len();
            path.push('/');
            path.push_str(&name.replace('~', "~0").replace('/', "~1"));
            let mut known = false;
            if let Some(schema) = properties.and_then(|properties| properties.get(name)) {
                known = true;
                self.apply(schema, member, path, depth + 1)?;
            }
            for (_, schema) in patterns.iter().filter(|(pattern, _)| pattern.is_match(name)) {
                known = true;
                self.apply(schema, member, path, depth + 1)?;
            }
            if !known && let Some(other) = schema.get("additionalProperties") {
                self.apply(other, member, path, depth + 1)?;
            }
            path.truncate(length);
        }
        Ok(())
    }

    fn items(
        &mut self,
        schema: &Map<String, Value>,
        items: &[Value],
        path: &mut String,
        depth: usize,
    ) -> Result<(), Problem> {
        let prefix = schema.get("prefixItems").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for (at, item) in items.iter().enumerate() {
            if let Some(schema) = prefix.get(at).or_else(|| schema.get("items")) {
                let length = path.len();
                path.push_str(&format!("/{at}"));
                self.apply(schema, item, path, depth + 1)?;
                path.truncate(length);
            }
        }
        if let Some(contains) = schema.get("contains")
            && !items.iter().any(|item| self.apply(contains, item, path, depth + 1).is_ok())
        {
            return Err(Problem {
                path: path.clone(),
                what: "no item is what the list must contain".to_owned(),
            });
        }
        Ok(())
    }

    fn combined(
        &mut self,
        schema: &Map<String, Value>,
        value: &Value,
        path: &mut String,
        depth: usize,
    ) -> Result<(), Problem> {
        let list = |name: &str| schema.get(name).and_then(Value::as_array);
        for part in list("allOf").into_iter().flatten() {
            self.apply(part, value, path, depth + 1)?;
        }
        let length = path.len();
        let mut count = |parts: &[Value], path: &mut String| {
            let mut fitting = 0;
            for part in parts {
                fitting += usize::from(self.apply(part, value, path, depth + 1).is_ok());
                path.truncate(length);
            }
            fitting
        };
        let mut what = None;
        if list("anyOf").is_some_and(|parts| count(parts, path) == 0) {
            what = Some("none of the alternatives fits");
        }
        if list("oneOf").is_some_and(|parts| count(parts, path) != 1) {
            what = Some("not exactly one of the alternatives fits");
        }
        if schema.get("not").is_some_and(|not| count(std::slice::from_ref(not), path) == 1) {
            what = Some("is what it must not be");
        }
        what.map_or(Ok(()), |what| Err(Problem { path: path.clone(), what: what.to_owned() }))
    }
}

/// What is wrong with a value by the keywords that need no other schema.
fn plain(schema: &Map<String, Value>, value: &Value) -> Option<String> {
    let number = |name: &str| schema.get(name).and_then(Value::as_f64);
    let bound = |name: &str| schema.get(name).and_then(Value::as_u64);
    if let Some(types) = schema.get("type").and_then(|_| types_of(schema))
        && !types.iter().any(|known| is(value, known))
    {
        return Some(format!("must be {}", types.join(" or ")));
    }
    if schema
        .get("enum")
        .and_then(Value::as_array)
        .is_some_and(|known| !known.iter().any(|known| same(known, value)))
    {
        return Some("is none of the allowed values".to_owned());
    }
    if schema.get("const").is_some_and(|known| !same(known, value)) {
        return Some("is not the one allowed value".to_owned());
    }
    match value {
        Value::Number(given) => {
            let given = given.as_f64().unwrap_or(0.0);
            let whole = |step: f64| ((given / step).round() - given / step).abs() < 1e-9;
            (number("minimum").is_some_and(|least| given < least)
                || number("maximum").is_some_and(|most| most < given)
                || number("exclusiveMinimum").is_some_and(|least| given <= least)
                || number("exclusiveMaximum").is_some_and(|most| most <= given)
                || number("multipleOf").is_some_and(|step| step != 0.0 && !whole(step)))
            .then(|| "is outside its range".to_owned())
        }
        Value::String(given) => {
            let length = given.chars().count() as u64;
            if bound("minLength").is_some_and(|least| length < least)
                || bound("maxLength").is_some_and(|most| most < length)
            {
                return Some("is too short or too long".to_owned());
            }
            let pattern =
                schema.get("pattern").and_then(Value::as_str).and_then(|pattern| Regex::new(pattern).ok());
            pattern
                .filter(|pattern| !pattern.is_match(given))
                .map(|_| "does not match its pattern".to_owned())
        }
        Value::Array(items) => {
            let count = items.len() as u64;
            if bound("minItems").is_some_and(|least| count < least)
                || bound("maxItems").is_some_and(|most| most < count)
            {
                return Some("has too few or too many items".to_owned());
            }
            let unique = schema.get("uniqueItems") == Some(&Value::Bool(true));
            let texts: std::collections::HashSet<String> =
                if unique { items.iter().map(Value::to_string).collect() } else { Default::default() };
            (unique && texts.len() < items.len()).then(|| "has an item twice".to_owned())
        }
        Value::Object(members) => {
            let count = members.len() as u64;
            (bound("minProperties").is_some_and(|least| count < least)
                || bound("maxProperties").is_some_and(|most| most < count))
            .then(|| "has too few or too many members".to_owned())
        }
        Value::Null | Value::Bool(_) => None,
    }
}

fn types_of(schema: &Map<String, Value>) -> Option<Vec<&str>> {
    match schema.get("type")? {
        Value::String(one) => Some(vec![one.as_str()]),
        Value::Array(several) => Some(several.iter().filter_map(Value::as_str).collect()),
        _ => None,
    }
}

fn is(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => {
            value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
        }
        _ => true,
    }
}

/// Whether two values are equal, `1` and `1.0` being so.
fn same(a: &Value, b: &Value) -> bool {
    a == b || a.as_f64().is_some_and(|a| b.as_f64() == Some(a))
}

#[cfg(test)]
mod tests;
