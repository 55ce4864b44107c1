//! What the queue of documents carries: small notes of what is to be looked at. They say nothing that is not looked up
//! again, so that it does no harm if one comes twice, late, or not in order.

use serde::{Deserialize, Serialize};

/// A note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The version of this shape: 1.
    pub v: u32,
    /// Whose it is.
    pub tenant: String,
    /// The store, where one is meant.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub store: String,
    /// The file, where one is meant.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub file: String,
    /// What is to be done.
    pub job: Job,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Job {
    /// Bring a file into a store.
    Index,
    /// Clear away what was deleted: a store, a file in a store, or a file.
    Remove,
    /// Clear away an upload that did not come to its end.
    Sweep,
    /// Embed a store anew.
    Reembed,
}

/// The version of the shape.
pub const VERSION: u32 = 1;

impl Message {
    /// A note about `file` in `store` of `tenant`; either may be empty.
    pub fn new(job: Job, tenant: &str, store: &str, file: &str) -> Self {
        let (tenant, store, file) = (tenant.to_owned(), store.to_owned(), file.to_owned());
        Self { v: VERSION, tenant, store, file, job }
    }

    /// Reads a note; `None` if it is none of a version known here.
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str::<Self>(text).ok().filter(|message| message.v == VERSION)
    }

    /// The note as text.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A note that was given up, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dead {
    /// Its id: of one document in one store there is one dead letter at most.
    pub id: String,
    /// The note as it came.
    pub message: String,
    /// Why it was given up.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was given up, in milliseconds since 1970.
    pub died_at: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_as_it_was_written() {
        let note = Message::new(Job::Index, "acme", "vs_1", "file-1");
        assert_eq!(note.text(), r#"{"v":1,"tenant":"acme","store":"vs_1","file":"file-1","job":"index"}"#);
        assert_eq!(Message::read(&note.text()), Some(note));
        for wrong in
            ["", "{}", r#"{"v":2,"tenant":"a","job":"index"}"#, r#"{"v":1,"tenant":"a","job":"fly"}"#]
        {
            assert_eq!(Message::read(wrong), None, "{wrong}");
        }
    }
}
