//! A schema as it is read: each of its parts once, by number, so that what refers to another costs nothing.

use std::collections::HashMap;

use regex_lite::{Regex, RegexBuilder};
use serde_json::{Map, Value};

use super::Schema;

/// Parts a schema may have, and patterns.
const MOST_NODES: usize = 20_000;
const MOST_PATTERNS: usize = 200;

/// Bytes a compiled pattern may have.
const PATTERN_BYTES: usize = 1 << 14;

/// One schema of those that a schema consists of. Numbers lead to others.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// `true` and `false` are schemas too.
    pub whole: Option<bool>,
    pub reference: Option<Reference>,
    pub types: Option<Vec<String>>,
    pub allowed: Option<Vec<Value>>,
    pub constant: Option<Value>,
    pub minimum: Option<f64>,
    pub maximum: Option<f64>,
    pub above: Option<f64>,
    pub below: Option<f64>,
    pub step: Option<f64>,
    pub length: Bounds,
    pub count: Bounds,
    pub size: Bounds,
    pub pattern: Option<usize>,
    pub unique: bool,
    pub required: Vec<String>,
    pub properties: HashMap<String, usize>,
    pub pattern_properties: Vec<(usize, usize)>,
    pub additional: Option<usize>,
    pub prefix: Vec<usize>,
    pub items: Option<usize>,
    pub contains: Option<usize>,
    pub all_of: Vec<usize>,
    pub any_of: Option<Vec<usize>>,
    pub one_of: Option<Vec<usize>>,
    pub not: Option<usize>,
}

/// The least and the most.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bounds(Option<u64>, Option<u64>);

impl Bounds {
    pub fn hold(self, count: usize) -> bool {
        let count = count as u64;
        self.0.is_none_or(|least| least <= count) && self.1.is_none_or(|most| count <= most)
    }
}

/// What a `$ref` leads to.
#[derive(Debug)]
pub(super) enum Reference {
    To(usize),
    /// The schema does not define it.
    Nowhere(String),
}

/// A pattern, compiled once.
#[derive(Debug)]
pub(super) enum Pattern {
    /// One to match, and what a character costs, in units of work.
    Known(Regex, usize),
    /// Not of RE2's kind: it lets everything pass, as a keyword that is not known.
    Unknown,
    /// Too large to be matched.
    TooLarge,
}

impl Pattern {
    fn new(source: &str) -> Self {
        // A pattern that counts may be much larger than it looks.
        let cost = if source.contains('{') { 1_000 } else { source.len().max(1) };
        match RegexBuilder::new(source).size_limit(PATTERN_BYTES).build() {
            Ok(regex) => Self::Known(regex, cost),
            // The one thing that tells this from other mistakes; a test would notice another wording.
            Err(error) if error.to_string().contains("size limit") => Self::TooLarge,
            Err(_) => Self::Unknown,
        }
    }

    /// What a match costs, in units of work.
    pub fn cost(&self, text: &str) -> usize {
        match self {
            Self::Known(_, cost) => cost.saturating_mul(text.len()) / 8,
            Self::Unknown => 0,
            Self::TooLarge => usize::MAX,
        }
    }

    /// Whether a text matches; `None` where that cannot be told.
    pub fn matches(&self, text: &str) -> Option<bool> {
        match self {
            Self::Known(regex, _) => Some(regex.is_match(text)),
            Self::Unknown | Self::TooLarge => None,
        }
    }
}

/// Reads a schema and everything in it that it leads to.
pub(super) fn read(schema: &Value) -> Schema {
    let mut reader =
        Reader { root: schema, numbers: HashMap::new(), open: Vec::new(), patterns: Patterns::default() };
    reader.number(schema);
    let mut nodes = Vec::new();
    // Parts are numbered in the order they are met, and read in that order.
    while let Some(next) = reader.open.get(nodes.len()).copied() {
        if MOST_NODES <= nodes.len() || MOST_PATTERNS < reader.patterns.all.len() {
            return Schema { nodes: Vec::new(), patterns: Vec::new(), too_large: true };
        }
        nodes.push(reader.node(next));
    }
    Schema { nodes, patterns: reader.patterns.all, too_large: false }
}

struct Reader<'s> {
    root: &'s Value,
    /// The number of each part, by where it is in memory.
    numbers: HashMap<usize, usize>,
    open: Vec<&'s Value>,
    patterns: Patterns,
}

#[derive(Default)]
struct Patterns {
    all: Vec<Pattern>,
    numbers: HashMap<String, usize>,
}

impl Patterns {
    fn number(&mut self, source: &str) -> usize {
        if let Some(number) = self.numbers.get(source) {
            return *number;
        }
        let number = self.all.len();
        self.numbers.insert(source.to_owned(), number);
        // What is past the limit is not compiled any more: the schema is refused as a whole.
        let source = if MOST_PATTERNS < number { "" } else { source };
        self.all.push(Pattern::new(source));
        number
    }
}

impl<'s> Reader<'s> {
    /// The number of a part, which is read later if it is new.
    fn number(&mut self, part: &'s Value) -> usize {
        let next = self.open.len();
        let number = *self.numbers.entry(std::ptr::from_ref(part) as usize).or_insert(next);
        if number == next {
            self.open.push(part);
        }
        number
    }

    fn list(&mut self, schema: &'s Map<String, Value>, name: &str) -> Option<Vec<usize>> {
        let parts = schema.get(name)?.as_array()?;
        Some(parts.iter().map(|part| self.number(part)).collect())
    }

    fn one(&mut self, schema: &'s Map<String, Value>, name: &str) -> Option<usize> {
        schema.get(name).map(|part| self.number(part))
    }

    fn node(&mut self, part: &'s Value) -> Node {
        let schema = match part {
            Value::Bool(whole) => return Node { whole: Some(*whole), ..Node::default() },
            Value::Object(schema) => schema,
            Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) => return Node::default(),
        };
        let number = |name: &str| schema.get(name).and_then(Value::as_f64);
        let bound = |name: &str| schema.get(name).and_then(Value::as_u64);
        let texts = |name: &str| {
            let list = schema.get(name).and_then(Value::as_array)?;
            Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        };
        let members = |name: &str| schema.get(name).and_then(Value::as_object).into_iter().flatten();
        Node {
            whole: None,
            reference: schema.get("$ref").and_then(Value::as_str).map(|reference| {
                let target = reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
                target.map_or_else(
                    || Reference::Nowhere(reference.chars().take(100).collect()),
                    |target| Reference::To(self.number(target)),
                )
            }),
            types: match schema.get("type") {
                Some(Value::String(one)) => Some(vec![one.clone()]),
                _ => texts("type"),
            },
            allowed: schema.get("enum").and_then(Value::as_array).cloned(),
            constant: schema.get("const").cloned(),
            minimum: number("minimum"),
            maximum: number("maximum"),
            above: number("exclusiveMinimum"),
            below: number("exclusiveMaximum"),
            step: number("multipleOf").filter(|step| *step != 0.0),
            length: Bounds(bound("minLength"), bound("maxLength")),
            count: Bounds(bound("minItems"), bound("maxItems")),
            size: Bounds(bound("minProperties"), bound("maxProperties")),
            pattern: schema.get("pattern").and_then(Value::as_str).map(|source| self.patterns.number(source)),
            unique: schema.get("uniqueItems") == Some(&Value::Bool(true)),
            required: texts("required").unwrap_or_default(),
            properties: members("properties").map(|(name, part)| (name.clone(), self.number(part))).collect(),
            pattern_properties: members("patternProperties")
                .map(|(source, part)| (self.patterns.number(source), self.number(part)))
                .collect(),
            additional: self.one(schema, "additionalProperties"),
            prefix: self.list(schema, "prefixItems").unwrap_or_default(),
            items: self.one(schema, "items"),
            contains: self.one(schema, "contains"),
            all_of: self.list(schema, "allOf").unwrap_or_default(),
            any_of: self.list(schema, "anyOf"),
            one_of: self.list(schema, "oneOf"),
            not: self.one(schema, "not"),
        }
    }
}
