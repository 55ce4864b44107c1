//! Where in the configuration something is, and what is to be said about it.

use std::fmt;

/// The way to a member of the document, such as `models.assistant.targets[1].timeout`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(pub Vec<Step>);

/// One step of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Into a member of an object.
    Key(String),
    /// Into an element of a list.
    Index(usize),
}

impl Path {
    /// The path to member `key` of what this path leads to.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.step(Step::Key(key.into()))
    }

    /// The path to element `index` of what this path leads to.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.step(Step::Index(index))
    }

    /// Whether this is `other`'s own path or leads through it.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    fn step(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            let dot = if at == 0 { "" } else { "." };
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) if is_plain(key) => write!(f, "{dot}{key}")?,
                Step::Key(key) => write!(f, "{dot}{key:?}")?,
            }
        }
        Ok(())
    }
}

fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// Something wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub path: Path,
    /// What, and what is allowed; lower case, without a full stop. Never a secret.
    pub message: String,
    /// What else this follows from: if that is wrong in itself, this need not be told.
    pub because: Option<Path>,
}

/// Something in a configuration that is allowed and may not do what its author thinks.
pub type Warning = Problem;

impl Problem {
    /// A problem at `path`.
    pub fn new(path: Path, message: impl Into<String>) -> Self {
        Self { path, message: message.into(), because: None }
    }

    /// The same, following from what is at `path`.
    #[must_use]
    pub fn because(self, path: Path) -> Self {
        Self { because: Some(path), ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.0.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_it_is_written_in_javascript() {
        let path = Path::default().key("models").key("gpt 4.1").key("targets").index(1).key("timeout");
        assert_eq!(path.to_string(), "models.\"gpt 4.1\".targets[1].timeout");
        assert_eq!(Problem::new(Path::default(), "no").to_string(), "no");
        assert!(path.is_within(&Path::default().key("models")) && !path.is_within(&Path::default().key("x")));
    }
}
