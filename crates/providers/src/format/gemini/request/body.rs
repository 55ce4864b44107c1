//! An object of a request being written, in the provider's dialect.

use crate::format::{
    Dialect,
    json::{ObjectWriter, write},
};

/// The body, or an object in it.
pub(super) struct Body<'b> {
    object: ObjectWriter<'b>,
    dialect: &'b Dialect,
    /// What stands before the names of its members, such as `generationConfig.`.
    path: &'static str,
    /// Whether nothing has been written.
    pub(super) empty: bool,
    /// Members that the provider refuses, by their whole path.
    pub(super) refused: Vec<String>,
}

impl<'b> Body<'b> {
    /// Opens the object at the end of `out`.
    pub(super) fn open(out: &'b mut Vec<u8>, dialect: &'b Dialect, path: &'static str) -> Self {
        Self { object: ObjectWriter::open(out), dialect, path, empty: true, refused: Vec::new() }
    }

    /// Where the value of `name` goes; `None` if the provider refuses the member.
    pub(super) fn member(&mut self, name: &str) -> Option<&mut Vec<u8>> {
        let whole = format!("{}{name}", self.path);
        match self.dialect.name(&whole) {
            Some(theirs) => {
                self.empty = false;
                Some(self.object.member(if theirs == whole { name } else { theirs }))
            }
            None => {
                self.refused.push(whole);
                None
            }
        }
    }

    /// A member and its value.
    pub(super) fn set<T: serde::Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        if let Some(out) = self.member(name) {
            write(out, value);
        }
    }

    /// A member and its value, if there is one.
    pub(super) fn set_some<T: serde::Serialize>(&mut self, name: &str, value: Option<&T>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    /// A member whose value is JSON text already.
    pub(super) fn raw(&mut self, name: &str, json: &str) {
        if let Some(out) = self.member(name) {
            out.extend_from_slice(json.as_bytes());
        }
    }

    /// Closes the object.
    pub(super) fn close(self) -> Vec<String> {
        self.object.close();
        self.refused
    }
}
