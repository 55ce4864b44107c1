//! A place in a text and what was found there.

use std::ops::Range;

/// What a check found at one place of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Bytes of the text, on character boundaries.
    pub span: Range<usize>,
    /// What it is, by a stable name such as `email` or `aws_access_key_id`.
    pub kind: &'static str,
}
