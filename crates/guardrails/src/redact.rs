//! Placeholders for what a provider must not see, and the way back.
//!
//! `anna@example.org` becomes `[EMAIL_1]`, the same value always the same placeholder within one [`Vault`], and the
//! answer's `[EMAIL_1]` becomes the address again. What looks like a placeholder in the input is replaced like a value
//! (`[LITERAL_1]`), so nobody can plant one, and every text comes back byte for byte.
//!
//! The values live in the [`Vault`] alone, are overwritten when it is dropped, and are never printed.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
};

use zeroize::Zeroizing;

use crate::text;

/// The name under which look-alikes of placeholders are kept.
pub(crate) const LITERAL: &str = "literal";

/// Bytes of the longest placeholder.
const LONGEST: usize = 40;

/// The originals behind the placeholders of one request.
#[derive(Default)]
pub struct Vault {
    values: Vec<Zeroizing<String>>,
    placeholders: HashMap<String, usize>,
    names: HashMap<u64, Vec<Name>, BuildHasherDefault<DefaultHasher>>,
    counts: HashMap<&'static str, usize>,
}

/// What stands for one of the values.
struct Name {
    at: usize,
    kind: &'static str,
    placeholder: String,
}

impl Vault {
    /// No value yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many values are kept.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether no value is kept.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The placeholder of a value that has one.
    pub fn known(&self, kind: &'static str, value: &str) -> Option<String> {
        self.named(self.hash(kind, value), kind, value).cloned()
    }

    /// The placeholder of a value; a new one the first time it is seen.
    pub fn placeholder(&mut self, kind: &'static str, value: &str) -> String {
        let hash = self.hash(kind, value);
        if let Some(known) = self.named(hash, kind, value) {
            return known.clone();
        }
        let count = self.counts.entry(kind).or_insert(0);
        *count += 1;
        let placeholder = format!("[{}_{count}]", kind.to_ascii_uppercase());
        let at = self.values.len();
        self.values.push(Zeroizing::new(value.to_owned()));
        self.placeholders.insert(placeholder.clone(), at);
        self.names.entry(hash).or_default().push(Name { at, kind, placeholder: placeholder.clone() });
        placeholder
    }

    fn hash(&self, kind: &'static str, value: &str) -> u64 {
        self.names.hasher().hash_one((kind, value))
    }

    fn named(&self, hash: u64, kind: &'static str, value: &str) -> Option<&String> {
        let value_at = |at: usize| self.values.get(at).is_some_and(|kept| kept.as_str() == value);
        let mut all = self.names.get(&hash).into_iter().flatten();
        all.find(|name| name.kind == kind && value_at(name.at)).map(|name| &name.placeholder)
    }

    /// The value behind a placeholder, `None` where we gave out no such placeholder.
    pub fn value(&self, placeholder: &str) -> Option<&str> {
        self.placeholders.get(placeholder).and_then(|at| self.values.get(*at)).map(|value| value.as_str())
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Vault({} values)", self.values.len())
    }
}

/// What stands for a value that nobody may have back: `[EMAIL]`.
pub fn mask(kind: &str) -> String {
    format!("[{}]", kind.to_ascii_uppercase())
}

/// A value as it stands inside a JSON string.
pub(crate) fn escaped(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    quoted.get(1..quoted.len() - 1).unwrap_or("").to_owned()
}

/// Whether a text that begins with `[` begins with a placeholder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Yes, of so many bytes.
    Like(usize),
    /// Not yet.
    Unfinished,
    /// No.
    Unlike,
}

/// See [`Look`]: `[`, capitals and `_`, `_`, up to nine digits, `]`.
pub(crate) fn look_alike(text: &str) -> Look {
    let bytes = text.as_bytes();
    let mut at = 1;
    while matches!(bytes.get(at), Some(b'A'..=b'Z' | b'0'..=b'9' | b'_')) && at < LONGEST {
        at += 1;
    }
    match bytes.get(at) {
        None if at < LONGEST && bytes.get(1).is_none_or(u8::is_ascii_uppercase) => Look::Unfinished,
        Some(b']') => {
            let Some((name, number)) = text::part(text, 1, at).rsplit_once('_') else { return Look::Unlike };
            let digits = (1..=9).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
            if digits && name.starts_with(|first: char| first.is_ascii_uppercase()) {
                Look::Like(at + 1)
            } else {
                Look::Unlike
            }
        }
        Some(_) | None => Look::Unlike,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_has_one_placeholder_per_kind() {
        let mut vault = Vault::new();
        assert_eq!(vault.placeholder("email", "a@b.example"), "[EMAIL_1]");
        assert_eq!(vault.placeholder("email", "c@b.example"), "[EMAIL_2]");
        assert_eq!(vault.placeholder("email", "a@b.example"), "[EMAIL_1]");
        assert_eq!(vault.placeholder("phone", "a@b.example"), "[PHONE_1]");
        assert_eq!(vault.value("[EMAIL_2]"), Some("c@b.example"));
        assert_eq!(vault.value("[EMAIL_3]"), None);
    }

    #[test]
    fn a_vault_prints_no_value() {
        let mut vault = Vault::new();
        vault.placeholder("email", "a@b.example");
        assert_eq!(format!("{vault:?}"), "Vault(1 values)");
    }

    #[test]
    fn placeholders_are_told_from_other_brackets() {
        assert_eq!(look_alike("[EMAIL_1] x"), Look::Like(9));
        assert_eq!(look_alike("[US_SSN_12]"), Look::Like(11));
        assert_eq!(look_alike("[EMAIL_"), Look::Unfinished);
        assert_eq!(look_alike("["), Look::Unfinished);
        for other in ["[1]", "[x", "[EMAIL]", "[EMAIL_x]", "[_1]", "[EMAIL_1234567890]"] {
            assert_eq!(look_alike(other), Look::Unlike, "{other}");
        }
    }
}
