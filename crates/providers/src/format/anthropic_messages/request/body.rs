//! The top level of a request being written.

use crate::format::{
    Dialect,
    json::{ObjectWriter, write},
};

/// The body being written, in the provider's dialect.
pub(super) struct Body<'b> {
    pub(super) object: ObjectWriter<'b>,
    dialect: &'b Dialect,
    /// Members that the provider refuses.
    pub(super) refused: Vec<String>,
}

impl<'b> Body<'b> {
    /// Opens the body.
    pub(super) fn open(out: &'b mut Vec<u8>, dialect: &'b Dialect) -> Self {
        Self { object: ObjectWriter::open(out), dialect, refused: Vec::new() }
    }

    /// Where the value of `name` goes; `None` if the provider refuses the member.
    pub(super) fn member(&mut self, name: &str) -> Option<&mut Vec<u8>> {
        match self.dialect.name(name) {
            Some(theirs) => Some(self.object.member(theirs)),
            None => {
                self.refused.push(name.to_owned());
                None
            }
        }
    }

    /// A member that is a string.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        if let Some(out) = self.member(name) {
            write(out, text);
        }
    }

    /// A member that is a plain value.
    pub(super) fn json<T: serde::Serialize + ?Sized>(&mut self, name: &str, json: &T) {
        if let Some(out) = self.member(name) {
            write(out, json);
        }
    }
}
