//! The top level of a request being written.

use crate::format::{
    Dialect,
    json::{ObjectWriter, write},
};

/// The body being written, in the provider's dialect.
pub(in crate::format) struct Body<'b> {
    pub(in crate::format) object: ObjectWriter<'b>,
    dialect: &'b Dialect,
    /// Members that the provider refuses.
    pub(in crate::format) refused: Vec<String>,
}

impl<'b> Body<'b> {
    /// Opens the body.
    pub(in crate::format) fn open(out: &'b mut Vec<u8>, dialect: &'b Dialect) -> Self {
        Self { object: ObjectWriter::open(out), dialect, refused: Vec::new() }
    }

    /// Where the value of `name` goes; `None` if the provider refuses the member.
    pub(in crate::format) fn member(&mut self, name: &str) -> Option<&mut Vec<u8>> {
        match self.dialect.name(name) {
            Some(theirs) => Some(self.object.member(theirs)),
            None => {
                self.refused.push(name.to_owned());
                None
            }
        }
    }

    /// A member that is a string.
    pub(in crate::format) fn text(&mut self, name: &str, text: &str) {
        if let Some(out) = self.member(name) {
            write(out, text);
        }
    }

    /// A member that is a plain value.
    pub(in crate::format) fn json<T: serde::Serialize + ?Sized>(&mut self, name: &str, json: &T) {
        if let Some(out) = self.member(name) {
            write(out, json);
        }
    }
}
