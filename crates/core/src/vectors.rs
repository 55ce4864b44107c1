//! Vectors by id in namespaces, wherever they are kept: the words of port [`Vectors`](crate::port::Vectors), and what
//! each service is asked in. Pure; [`gateway::vectors`](crate::gateway::vectors) asks.

pub mod page;
pub mod pgvector;
pub mod qdrant;
pub mod vectorize;
pub mod wire;

use std::fmt;

use serde::{Deserialize, Serialize};
use sluice_types::knowledge::{Attributes, Filter};

use crate::key;

/// The longest id, in bytes. Services take 64, of which some need 20 to tell namespaces apart.
pub const ID: usize = 43;

/// The longest text of a point, in bytes.
pub const TEXT: usize = 8_000;

/// The most points of one call.
pub const BATCH: usize = 100;

/// The most that are found, and the most that are found with their texts.
pub const MOST: u32 = 100;
/// See [`MOST`].
pub const MOST_WITH_TEXTS: u32 = 20;

/// Where points are: nothing of one namespace is ever found in another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// The owner of the object that keeps them, where they are kept in objects.
    pub owner: String,
    /// The name: 64 hexadecimal digits, which nobody can make meet another's.
    pub key: String,
}

impl Namespace {
    /// The namespace `name` of `kind` (`cache`, `knowledge`) of a tenant, from the authenticated record.
    pub fn new(tenant: &str, kind: &str, name: &str) -> Self {
        // The lengths say where one ends: no two lists of names read the same.
        let all = format!("{}\n{tenant}\n{}\n{kind}\n{name}", tenant.len(), kind.len());
        Self { owner: format!("~vectors/{tenant}/{kind}"), key: key::hex(&key::digest(&all)) }
    }

    /// An id that is nobody else's in a service whose ids are not its namespaces': at most 64 bytes.
    pub fn id(&self, id: &str) -> String {
        format!("{}-{id}", self.key.get(..20).unwrap_or_default())
    }
}

/// A vector and what is found with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Its id within its namespace: at most [`ID`] bytes of letters, digits, `-` and `_`.
    pub id: String,
    /// Its vector: as many numbers as the others of its namespace have, not all zeros.
    pub vector: Vec<f32>,
    /// A text that comes back with it, at most [`TEXT`] bytes.
    pub text: String,
    /// What filters look at.
    pub labels: Attributes,
}

/// What is looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Nearest {
    /// What is to be near.
    pub vector: Vec<f32>,
    /// How many at most: up to [`MOST`], or [`MOST_WITH_TEXTS`].
    pub count: u32,
    /// Which points are looked at.
    pub filter: Option<Filter>,
    /// Whether their texts are wanted.
    pub texts: bool,
}

/// A point that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Near {
    /// Its id.
    pub id: String,
    /// Cosine, `-1.0..=1.0`, to a hundredth or better.
    pub cosine: f32,
    /// Its text, if it was asked for.
    pub text: String,
}

/// A service does not do what it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VectorsError {
    /// There is none: what must be configured.
    Absent(String),
    /// It will not, however often it is asked: what is wrong.
    Refused(String),
    /// It does not answer, or says that it cannot at the moment. To be tried again.
    Down(String),
}

impl fmt::Display for VectorsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent(what) | Self::Refused(what) => f.write_str(what),
            Self::Down(what) => write!(f, "the vector service does not answer: {what}"),
        }
    }
}

impl std::error::Error for VectorsError {}

/// Whether points may be stored at all: every service takes the same ones.
///
/// # Errors
///
/// [`VectorsError::Refused`] for what one of them does not take.
pub fn check(points: &[Point]) -> Result<(), VectorsError> {
    let refused = |what: &str| Err(VectorsError::Refused(what.to_owned()));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if BATCH < points.len() {
        return refused("too many points in one call");
    }
    for point in points {
        if point.id.is_empty() || ID < point.id.len() || !point.id.bytes().all(plain) {
            return refused(
                "a point's id is longer than 43 bytes, or has other characters than letters, digits, - and _",
            );
        }
        if TEXT < point.text.len() {
            return refused("a point's text is longer than 8,000 bytes");
        }
        if point.vector.iter().any(|value| !value.is_finite())
            || point.vector.iter().all(|value| *value == 0.0)
        {
            return refused("a point's vector is all zeros, or not of numbers");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(id: &str, vector: &[f32]) -> Point {
        let (id, vector) = (id.to_owned(), vector.to_vec());
        Point { id, vector, text: String::new(), labels: Attributes::new() }
    }

    #[test]
    fn namespaces_are_told_apart_whatever_they_are_called() {
        let names = [
            ("a", "cache", "x"),
            ("a", "cache", "x\n"),
            ("a", "cach", "ex"),
            ("a\ncache", "x", ""),
            ("b", "cache", "x"),
        ];
        let keys: std::collections::BTreeSet<String> =
            names.iter().map(|(tenant, kind, name)| Namespace::new(tenant, kind, name).key).collect();
        assert_eq!(keys.len(), names.len());
        let id = Namespace::new("a", "cache", "x").id(&"i".repeat(ID));
        assert_eq!(id.len(), 64);
    }

    #[test]
    fn what_no_service_takes_is_refused() {
        assert_eq!(check(&[point("a-1_B", &[0.0, 1.0])]), Ok(()));
        let long = "x".repeat(ID + 1);
        for (id, vector) in [
            ("", [1.0, 0.0]),
            (&long, [1.0, 0.0]),
            ("a b", [1.0, 0.0]),
            ("a", [0.0, 0.0]),
            ("a", [f32::NAN, 1.0]),
        ] {
            assert!(check(&[point(id, &vector)]).is_err(), "{id} {vector:?}");
        }
        assert!(check(&vec![point("a", &[1.0]); BATCH + 1]).is_err());
    }
}
