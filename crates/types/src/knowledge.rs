//! Knowledge: what documents are cut into, what is known of them, and what a search finds.

use std::{cmp::Ordering, collections::BTreeMap};

use serde::{Deserialize, Serialize};

/// A piece of a document, small enough to embed and to cite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Counted from 0 within its document.
    pub ordinal: u32,
    /// The text, as it was cut out of the document's extracted text.
    pub text: String,
    /// The headings above it, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headings: Vec<String>,
    /// The page it starts on, counted from 1, where the document has pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// Where it starts in the extracted text, in characters.
    pub start: u32,
    /// Where it ends in the extracted text, in characters: the first that is no longer its own.
    pub end: u32,
}

/// A chunk that a search found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Passage {
    /// The vector store it is in.
    pub store: String,
    /// The document's file.
    pub file: String,
    /// The name the file was uploaded with.
    pub filename: String,
    /// What was found.
    pub chunk: Chunk,
    /// What the operator said of the file.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: Attributes,
    /// How well it answers the query: 0 not at all, 1 as well as can be.
    pub score: f64,
}

/// What is said of a file, by name: at most 16, names of at most 64 characters.
pub type Attributes = BTreeMap<String, Attribute>;

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Attribute {
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(f64),
    /// A text of at most 512 characters.
    Text(String),
}

/// Which files a search looks at, in OpenAI's shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Filter {
    /// All of these.
    And {
        /// What must hold.
        filters: Vec<Filter>,
    },
    /// Any of these.
    Or {
        /// Of which one must hold.
        filters: Vec<Filter>,
    },
    /// The attribute is the value.
    Eq(Comparison),
    /// The attribute is there and is not the value.
    Ne(Comparison),
    /// The attribute is greater.
    Gt(Comparison),
    /// The attribute is greater or the same.
    Gte(Comparison),
    /// The attribute is less.
    Lt(Comparison),
    /// The attribute is less or the same.
    Lte(Comparison),
    /// The attribute is one of the values.
    In(Membership),
    /// The attribute is there and is none of the values.
    Nin(Membership),
}

/// An attribute and what it is compared with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The attribute's name.
    pub key: String,
    /// What it is compared with.
    pub value: Attribute,
}

/// An attribute and the values it may have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Membership {
    /// The attribute's name.
    pub key: String,
    /// The values.
    pub value: Vec<Attribute>,
}

impl Filter {
    /// Whether a file with these attributes is looked at. An attribute that is absent, or of another type than the
    /// value, fails every comparison.
    pub fn admits(&self, attributes: &Attributes) -> bool {
        let compare = |with: &Comparison| attributes.get(&with.key).and_then(|own| own.compare(&with.value));
        let one_of = |with: &Membership| {
            let own = attributes.get(&with.key)?;
            Some(with.value.iter().any(|value| own == value))
        };
        match self {
            Self::And { filters } => filters.iter().all(|filter| filter.admits(attributes)),
            Self::Or { filters } => filters.iter().any(|filter| filter.admits(attributes)),
            Self::Eq(with) => compare(with) == Some(Ordering::Equal),
            Self::Ne(with) => compare(with).is_some_and(Ordering::is_ne),
            Self::Gt(with) => compare(with) == Some(Ordering::Greater),
            Self::Gte(with) => compare(with).is_some_and(Ordering::is_ge),
            Self::Lt(with) => compare(with) == Some(Ordering::Less),
            Self::Lte(with) => compare(with).is_some_and(Ordering::is_le),
            Self::In(with) => one_of(with) == Some(true),
            Self::Nin(with) => one_of(with) == Some(false),
        }
    }
}

impl Attribute {
    fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Flag(own), Self::Flag(other)) => Some(own.cmp(other)),
            (Self::Number(own), Self::Number(other)) => own.partial_cmp(other),
            (Self::Text(own), Self::Text(other)) => Some(own.cmp(other)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(json: &str) -> Filter {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_filter_compares_and_combines() {
        let attributes: Attributes =
            serde_json::from_str(r#"{"team":"search","year":2024,"public":true}"#).unwrap();
        for (json, admits) in [
            (r#"{"type":"eq","key":"team","value":"search"}"#, true),
            (r#"{"type":"ne","key":"team","value":"ads"}"#, true),
            (r#"{"type":"ne","key":"absent","value":"ads"}"#, false),
            (r#"{"type":"gt","key":"year","value":2023}"#, true),
            (r#"{"type":"lte","key":"year","value":2023}"#, false),
            (r#"{"type":"gt","key":"team","value":1}"#, false),
            (r#"{"type":"in","key":"year","value":[2022,2024]}"#, true),
            (r#"{"type":"nin","key":"year","value":[2022,2024]}"#, false),
            (
                r#"{"type":"and","filters":[{"type":"eq","key":"public","value":true},{"type":"lt","key":"year","value":1}]}"#,
                false,
            ),
            (
                r#"{"type":"or","filters":[{"type":"eq","key":"public","value":true},{"type":"lt","key":"year","value":1}]}"#,
                true,
            ),
        ] {
            assert_eq!(filter(json).admits(&attributes), admits, "{json}");
        }
    }
}
