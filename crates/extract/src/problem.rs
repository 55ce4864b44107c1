//! Why a document cannot be read, and what to do about it.

use std::fmt;

use crate::Kind;

/// Why a document cannot be read. The text says what to do; it never quotes the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// There is nothing in it, or nothing but white space.
    Empty,
    /// It is of a kind that is not read.
    Unsupported {
        /// What it is.
        what: &'static str,
        /// What to do instead.
        instead: &'static str,
    },
    /// It, or something in it, is larger than allowed.
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// What is allowed, in bytes, or in pieces where it has none.
        limit: usize,
    },
    /// It can only be read with a password.
    Encrypted(Kind),
    /// It is damaged.
    Corrupt {
        /// What it is, or claims to be.
        kind: Kind,
        /// What is wrong.
        why: &'static str,
    },
    /// A PDF whose pages hold no text, only pictures of it.
    NoText,
}

impl Problem {
    /// OpenAI's code for it in a vector store file's `last_error`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unsupported { .. } => "unsupported_file",
            Self::Empty
            | Self::TooLarge { .. }
            | Self::Encrypted(_)
            | Self::Corrupt { .. }
            | Self::NoText => "invalid_file",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "the file holds no text: upload one that does"),
            Self::Unsupported { what, instead } => {
                write!(f, "the file is {what}, which is not read: {instead}")
            }
            Self::TooLarge { what, limit } => {
                let limit = Size(*limit);
                write!(f, "{what} comes to more than {limit}: split the document into smaller ones")
            }
            Self::Encrypted(kind) => {
                let kind = kind.name();
                write!(f, "the {kind} file opens only with a password: save it without one and upload that")
            }
            Self::Corrupt { kind, why } => {
                let kind = kind.name();
                write!(f, "the {kind} file is damaged ({why}): open it, save it anew and upload that")
            }
            Self::NoText => write!(
                f,
                "the PDF's pages hold no text, only pictures or text without a mapping to letters: run text \
                 recognition (OCR) over it and upload the result"
            ),
        }
    }
}

impl std::error::Error for Problem {}

/// A limit for people: whole megabytes as such, counts as they are.
struct Size(usize);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MB: usize = 1024 * 1024;
        match self.0 {
            size if size >= MB => write!(f, "{} MB", size / MB),
            size => write!(f, "{size}"),
        }
    }
}
