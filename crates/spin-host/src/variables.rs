//! Variables: declared in the manifest, given from outside, read by the guest through templates.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};

use crate::manifest::{Component, Manifest};

/// Prefix of the environment variables that give values, as Spin's.
const ENVIRONMENT_PREFIX: &str = "SPIN_VARIABLE_";

/// The variables of an application, and those its component sees.
#[derive(Debug, Default)]
pub struct Variables {
    values: BTreeMap<String, Option<String>>,
    templates: BTreeMap<String, Template>,
}

/// Why a variable has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VariableError {
    /// Names are lower-case letters, digits and single underscores between them.
    InvalidName(String),
    /// The component has no such variable in the manifest.
    Undefined(String),
    /// It is required and nobody gave a value.
    Missing(String),
}

/// Text with `{{ name }}` in it.
#[derive(Debug)]
struct Template(Vec<Part>);

#[derive(Debug)]
enum Part {
    Text(String),
    Variable(String),
}

impl Variables {
    /// Collects values: the seed's first, then the environment's, then the manifest's defaults.
    ///
    /// Names of the seed are lower-cased; those the manifest does not declare are dropped, because Spin would not
    /// show them to the guest either: [`undeclared`] finds them.
    ///
    /// # Errors
    ///
    /// A name is not valid, or a template is broken or names an undeclared variable.
    pub fn new(
        manifest: &Manifest,
        component: &Component,
        seed: &BTreeMap<String, String>,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        let mut values = BTreeMap::new();
        for (name, variable) in &manifest.variables {
            check_name(name).map_err(anyhow::Error::msg).context("in [variables]")?;
            let given = environment(&format!("{ENVIRONMENT_PREFIX}{}", name.to_ascii_uppercase()));
            values.insert(name.clone(), given.or_else(|| variable.default.clone()));
        }
        for (name, value) in seed {
            if let Some(slot) = values.get_mut(&name.to_ascii_lowercase()) {
                *slot = Some(value.clone());
            }
        }
        let mut templates = BTreeMap::new();
        for (name, text) in &component.variables {
            check_name(name).map_err(anyhow::Error::msg).context("in the component's variables")?;
            let template = Template::parse(text).with_context(|| format!("in variable `{name}`"))?;
            for part in &template.0 {
                if let Part::Variable(unknown) = part
                    && !values.contains_key(unknown)
                {
                    bail!("variable `{name}` uses `{unknown}`, which [variables] does not declare");
                }
            }
            templates.insert(name.clone(), template);
        }
        Ok(Self { values, templates })
    }

    /// The value of the component's variable `name`.
    ///
    /// # Errors
    ///
    /// As [`VariableError`] says.
    pub fn get(&self, name: &str) -> Result<String, VariableError> {
        check_name(name).map_err(VariableError::InvalidName)?;
        let template = self.templates.get(name).ok_or_else(|| VariableError::Undefined(name.to_owned()))?;
        self.fill(template)
    }

    /// All variables of the component that have a value.
    pub fn all(&self) -> Vec<(String, String)> {
        let value = |(name, template): (&String, &Template)| Some((name.clone(), self.fill(template).ok()?));
        self.templates.iter().filter_map(value).collect()
    }

    /// Fills the `{{ name }}`s in `text`.
    ///
    /// # Errors
    ///
    /// The text is not a template, or a variable is undeclared or has no value.
    pub fn resolve(&self, text: &str) -> Result<String> {
        match self.fill(&Template::parse(text)?) {
            Ok(text) => Ok(text),
            Err(VariableError::Missing(name)) => bail!(
                "required variable `{name}` has no value: set {ENVIRONMENT_PREFIX}{} or seed it",
                name.to_ascii_uppercase()
            ),
            Err(VariableError::InvalidName(name) | VariableError::Undefined(name)) => {
                bail!("[variables] does not declare `{name}`")
            }
        }
    }

    fn fill(&self, template: &Template) -> Result<String, VariableError> {
        let mut text = String::new();
        for part in &template.0 {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Variable(name) => match self.values.get(name) {
                    Some(Some(value)) => text.push_str(value),
                    Some(None) => return Err(VariableError::Missing(name.clone())),
                    None => return Err(VariableError::Undefined(name.clone())),
                },
            }
        }
        Ok(text)
    }
}

impl Template {
    fn parse(text: &str) -> Result<Self> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, tail) = after.split_once("}}").with_context(|| format!("`{text}` lacks a `}}}}`"))?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Variable(name.trim().to_owned()));
            rest = tail;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }
}

/// The names of `seed`, in lower case, that the manifest does not declare.
pub fn undeclared(manifest: &Manifest, seed: &BTreeMap<String, String>) -> Vec<String> {
    let lower = seed.keys().map(|name| name.to_ascii_lowercase());
    lower.filter(|name| !manifest.variables.contains_key(name)).collect()
}

fn check_name(name: &str) -> Result<(), String> {
    let valid = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.contains("__");
    if valid { Ok(()) } else { Err(format!("`{name}` is not a valid variable name")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
        spin_manifest_version = 2
        [variables]
        house_key = { required = true }
        host = { default = "127.0.0.1" }
        port = { default = "9100" }
        [[trigger.http]]
        route = "/..."
        component = "gateway"
        [component.gateway]
        source = "gateway.wasm"
        [component.gateway.variables]
        key = "{{ house_key }}"
        url = "http://{{host}}:{{ port }}/v1"
    "#;

    fn variables(seed: &[(&str, &str)], environment: &[(&str, &str)]) -> Variables {
        let seed = seed.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let environment: BTreeMap<_, _> = environment.iter().copied().collect();
        let environment = |name: &str| environment.get(name).map(|&value| value.to_owned());
        let manifest = Manifest::parse(MANIFEST).unwrap();
        Variables::new(&manifest, &manifest.components["gateway"], &seed, environment).unwrap()
    }

    #[test]
    fn names_that_nobody_declared_are_found() {
        let seed = [("PORT".to_owned(), "1".to_owned()), ("Typo".to_owned(), "2".to_owned())];
        let manifest = Manifest::parse(MANIFEST).unwrap();
        assert_eq!(undeclared(&manifest, &BTreeMap::from(seed)), ["typo"]);
    }

    #[test]
    fn templates_are_filled_from_seed_then_environment_then_default() {
        let found = variables(
            &[("PORT", "1"), ("unknown", "dropped")],
            &[("SPIN_VARIABLE_PORT", "2"), ("SPIN_VARIABLE_HOUSE_KEY", "k")],
        );
        assert_eq!(found.get("url").unwrap(), "http://127.0.0.1:1/v1");
        assert_eq!(found.get("key").unwrap(), "k");
        assert_eq!(found.resolve("http://{{ host }}:*").unwrap(), "http://127.0.0.1:*");
        assert_eq!(found.all().len(), 2);
    }

    #[test]
    fn a_variable_without_value_says_why() {
        let found = variables(&[], &[]);
        assert_eq!(found.get("key"), Err(VariableError::Missing("house_key".to_owned())));
        assert_eq!(found.get("house_key"), Err(VariableError::Undefined("house_key".to_owned())));
        for name in ["", "KEY", "1a", "_a", "a_", "a__b", "a-b"] {
            assert!(matches!(found.get(name), Err(VariableError::InvalidName(_))), "{name}");
        }
        assert!(found.resolve("{{ house_key }}").is_err());
        assert!(found.resolve("{{ host").is_err());
    }

    #[test]
    fn a_template_may_use_declared_variables_only() {
        let manifest = Manifest::parse(&MANIFEST.replace("{{host}}", "{{ nobody }}")).unwrap();
        let component = &manifest.components["gateway"];
        let error = Variables::new(&manifest, component, &BTreeMap::new(), |_| None).unwrap_err();
        assert!(error.to_string().contains("nobody"), "{error}");
    }
}
