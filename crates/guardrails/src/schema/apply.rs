//! One check of a value, with a bounded amount of work.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{
    Problem, Schema,
    node::{Node, Pattern, Reference},
};

/// How deep a value and its schema are followed.
const DEPTH: usize = 64;

/// Units of work of one check, some nanoseconds each: a hundredth of a second or two.
const WORK: usize = 4_000_000;

/// Units that applying a schema costs, whatever it says.
const STEP: usize = 16;

/// Why a check ended before the end.
pub(super) enum Stop {
    Wrong(Problem),
    /// Nothing was found wrong so far, but it takes too long.
    GaveUp,
}

/// One check.
pub(super) struct Run<'s> {
    schema: &'s Schema,
    left: usize,
    /// Where in the value, as a JSON pointer.
    path: String,
}

impl<'s> Run<'s> {
    pub fn new(schema: &'s Schema) -> Self {
        Self { schema, left: WORK, path: String::new() }
    }

    /// Applies the schema of that number.
    pub fn apply(&mut self, number: usize, value: &Value, depth: usize) -> Result<(), Stop> {
        self.spend(STEP)?;
        if DEPTH < depth {
            return Err(Stop::GaveUp);
        }
        let Some(node) = self.schema.nodes.get(number) else { return Ok(()) };
        if node.whole == Some(false) {
            return self.wrong("must not be there".to_owned());
        }
        match &node.reference {
            None => {}
            Some(Reference::To(target)) => self.apply(*target, value, depth + 1)?,
            Some(Reference::Nowhere(name)) => {
                return self.wrong(format!("the schema refers to {name}, which it does not define"));
            }
        }
        if let Some(what) = self.plain(node, value)? {
            return self.wrong(what);
        }
        match value {
            Value::Object(members) => self.members(node, members, depth)?,
            Value::Array(items) => self.items(node, items, depth)?,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        self.combined(node, value, depth)
    }

    fn spend(&mut self, units: usize) -> Result<(), Stop> {
        self.left = self.left.checked_sub(units).ok_or(Stop::GaveUp)?;
        Ok(())
    }

    fn wrong<T>(&self, what: String) -> Result<T, Stop> {
        Err(Stop::Wrong(Problem { path: self.path.clone(), what, unchecked: false }))
    }

    fn pattern(&self, number: usize) -> Option<&'s Pattern> {
        self.schema.patterns.get(number)
    }

    /// Whether a text matches a pattern; `None` where that cannot be told.
    fn matches(&mut self, number: usize, text: &str) -> Result<Option<bool>, Stop> {
        let Some(pattern) = self.pattern(number) else { return Ok(None) };
        self.spend(pattern.cost(text))?;
        Ok(pattern.matches(text))
    }

    /// Whether a schema fits; what does not is no problem of its own.
    fn fits(&mut self, number: usize, value: &Value, depth: usize) -> Result<bool, Stop> {
        let length = self.path.len();
        let result = self.apply(number, value, depth + 1);
        self.path.truncate(length);
        match result {
            Ok(()) => Ok(true),
            Err(Stop::Wrong(_)) => Ok(false),
            Err(Stop::GaveUp) => Err(Stop::GaveUp),
        }
    }

    fn members(&mut self, node: &Node, members: &Map<String, Value>, depth: usize) -> Result<(), Stop> {
        self.spend(node.required.len())?;
        if let Some(name) = node.required.iter().find(|name| !members.contains_key(*name)) {
            let name: String = name.chars().take(100).collect();
            return self.wrong(format!("the member {name:?} is missing"));
        }
        if node.properties.is_empty() && node.pattern_properties.is_empty() && node.additional.is_none() {
            return Ok(());
        }
        for (name, member) in members {
            self.spend(name.len())?;
            let length = self.path.len();
            self.path.push('/');
            self.path.push_str(&name.replace('~', "~0").replace('/', "~1"));
            let mut known = false;
            if let Some(part) = node.properties.get(name) {
                known = true;
                self.apply(*part, member, depth + 1)?;
            }
            for (pattern, part) in &node.pattern_properties {
                if self.matches(*pattern, name)? == Some(true) {
                    known = true;
                    self.apply(*part, member, depth + 1)?;
                }
            }
            if let Some(other) = node.additional.filter(|_| !known) {
                self.apply(other, member, depth + 1)?;
            }
            self.path.truncate(length);
        }
        Ok(())
    }

    fn items(&mut self, node: &Node, items: &[Value], depth: usize) -> Result<(), Stop> {
        if node.items.is_some() || !node.prefix.is_empty() {
            for (at, item) in items.iter().enumerate() {
                let Some(part) = node.prefix.get(at).copied().or(node.items) else { break };
                let length = self.path.len();
                self.path.push_str(&format!("/{at}"));
                self.apply(part, item, depth + 1)?;
                self.path.truncate(length);
            }
        }
        let Some(contains) = node.contains else { return Ok(()) };
        for item in items {
            if self.fits(contains, item, depth)? {
                return Ok(());
            }
        }
        self.wrong("no item is what the list must contain".to_owned())
    }

    fn combined(&mut self, node: &Node, value: &Value, depth: usize) -> Result<(), Stop> {
        for part in &node.all_of {
            self.apply(*part, value, depth + 1)?;
        }
        if let Some(parts) = &node.any_of {
            let mut any = false;
            for part in parts {
                any = any || self.fits(*part, value, depth)?;
            }
            if !any {
                return self.wrong("none of the alternatives fits".to_owned());
            }
        }
        if let Some(parts) = &node.one_of {
            let mut fitting = 0;
            for part in parts {
                fitting += usize::from(self.fits(*part, value, depth)?);
            }
            if fitting != 1 {
                return self.wrong("not exactly one of the alternatives fits".to_owned());
            }
        }
        match node.not {
            Some(not) if self.fits(not, value, depth)? => self.wrong("is what it must not be".to_owned()),
            Some(_) | None => Ok(()),
        }
    }

    /// What is wrong with a value by the keywords that need no other schema.
    fn plain(&mut self, node: &Node, value: &Value) -> Result<Option<String>, Stop> {
        if let Some(types) = &node.types
            && !types.iter().any(|known| is(value, known))
        {
            return Ok(Some(format!("must be {}", types.join(" or "))));
        }
        if let Some(allowed) = &node.allowed {
            self.spend(allowed.len())?;
            let mut any = false;
            for known in allowed {
                any = any || self.same(known, value)?;
            }
            if !any {
                return Ok(Some("is none of the allowed values".to_owned()));
            }
        }
        if let Some(known) = &node.constant
            && !self.same(known, value)?
        {
            return Ok(Some("is not the one allowed value".to_owned()));
        }
        let wrong = match value {
            Value::Number(given) => {
                let given = given.as_f64().unwrap_or(0.0);
                let whole = |step: f64| ((given / step).round() - given / step).abs() < 1e-9;
                let outside = node.minimum.is_some_and(|least| given < least)
                    || node.maximum.is_some_and(|most| most < given)
                    || node.above.is_some_and(|least| given <= least)
                    || node.below.is_some_and(|most| most <= given)
                    || node.step.is_some_and(|step| !whole(step));
                outside.then_some("is outside its range")
            }
            Value::String(given) => {
                self.spend(given.len() / 8)?;
                if !node.length.hold(given.chars().count()) {
                    Some("is too short or too long")
                } else if let Some(pattern) = node.pattern {
                    (self.matches(pattern, given)? == Some(false)).then_some("does not match its pattern")
                } else {
                    None
                }
            }
            Value::Array(items) if !node.count.hold(items.len()) => Some("has too few or too many items"),
            Value::Array(items) if node.unique => {
                let mut texts = HashSet::new();
                for item in items {
                    let text = item.to_string();
                    self.spend(STEP + text.len())?;
                    texts.insert(text);
                }
                (texts.len() < items.len()).then_some("has an item twice")
            }
            Value::Object(members) if !node.size.hold(members.len()) => {
                Some("has too few or too many members")
            }
            Value::Array(_) | Value::Object(_) | Value::Null | Value::Bool(_) => None,
        };
        Ok(wrong.map(str::to_owned))
    }

    /// Whether two values are equal, `1` and `1.0` being so.
    fn same(&mut self, a: &Value, b: &Value) -> Result<bool, Stop> {
        self.spend(match (a, b) {
            (Value::Array(a), Value::Array(b)) => a.len().min(b.len()) * STEP,
            (Value::Object(a), Value::Object(b)) => a.len().min(b.len()) * STEP,
            (Value::String(a), Value::String(b)) if a.len() == b.len() => a.len() / 8,
            _ => 1,
        })?;
        Ok(a == b || a.as_f64().is_some_and(|a| b.as_f64() == Some(a)))
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
