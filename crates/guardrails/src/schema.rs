//! Whether an answer is the JSON that was asked for: the part of JSON Schema 2020-12 that providers accept, an early
//! look at how an answer begins, and a repair of what models often wrap around JSON.
//!
//! A schema comes from a caller, so it is read once ([`Schema::new`]), every `$ref` resolved and every pattern compiled,
//! and a check does a bounded amount of work whatever the schema says. Keywords that are not known here are ignored, as the
//! standard has it; `format` is not checked, and neither is a pattern that is not of RE2's kind.

mod apply;
mod node;
mod repair;

pub use repair::{Repaired, repair};
use serde_json::Value;

use apply::{Run, Stop};
use node::Node;

/// A schema, ready to check answers against.
#[derive(Debug)]
pub struct Schema {
    /// Every schema in it; the first is the whole.
    nodes: Vec<Node>,
    patterns: Vec<node::Pattern>,
    /// Whether it is too large to be read: then nothing fits it.
    too_large: bool,
}

/// Why an answer is not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where in the answer, as a JSON pointer. Names of members only, never values.
    pub path: String,
    /// What is wrong there.
    pub what: String,
    /// Whether nothing is known to be wrong, but checking was given up: the schema is too deep, too large or too much work.
    pub unchecked: bool,
}

impl Schema {
    /// Reads a schema. One that is no schema at all lets everything pass; one that is too large, nothing.
    pub fn new(schema: &Value) -> Self {
        node::read(schema)
    }

    /// Checks a value.
    ///
    /// # Errors
    ///
    /// The first problem.
    pub fn check(&self, value: &Value) -> Result<(), Problem> {
        let gave_up = |what: &str| Problem { path: String::new(), what: what.to_owned(), unchecked: true };
        if self.too_large {
            return Err(gave_up("the schema is too large to be checked"));
        }
        match Run::new(self).apply(0, value, 0) {
            Ok(()) => Ok(()),
            Err(Stop::Wrong(problem)) => Err(problem),
            Err(Stop::GaveUp) => Err(gave_up("the schema nests too deep or takes too long to be checked")),
        }
    }

    /// Checks the text of an answer.
    ///
    /// # Errors
    ///
    /// The first problem, which may be that the text is no JSON.
    pub fn check_text(&self, text: &str) -> Result<Value, Problem> {
        let value = serde_json::from_str(text).map_err(|error| Problem {
            path: String::new(),
            what: format!("no JSON at line {} column {}", error.line(), error.column()),
            unchecked: false,
        })?;
        self.check(&value).map(|()| value)
    }

    /// Whether a text that begins like this can still become the JSON asked for: `None` where nothing but blanks came yet.
    /// A stream need not be followed to its end where it cannot.
    pub fn begins(&self, text: &str) -> Option<bool> {
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
        let types = self.nodes.first().and_then(|node| node.types.as_ref());
        Some(types.is_none_or(|types| {
            types.iter().any(|known| known == kind || known == "integer" && kind == "number")
        }))
    }
}

#[cfg(test)]
mod tests;
