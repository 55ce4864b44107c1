//! Files and stores: what callers upload and what they keep it in, in OpenAI's shape.
//!
//! A *file* is what was uploaded, a *store* (OpenAI says vector store) is what files are searched in, a *member* is a
//! file in a store. Here is what they are and how they are read and written, pure; [`gateway::library`] keeps them,
//! exactly, one object a tenant, and the crate `ingest` brings members from `in_progress` to an end.
//!
//! ```text
//! file/{tenant}/{file}/{page}                          what was uploaded, in pages of [`PAGE`](crate::port::PAGE) bytes
//! text/{tenant}/{store}/{file}/{attached}/{page}       what was made of it: chunks as JSON, [`SLICE`] a page at most
//! ```
//!
//! [`gateway::library`]: crate::gateway::library

pub mod list;
pub mod message;
pub mod rank;
pub mod read;
pub mod record;
pub mod route;
pub mod write;

/// The most chunks of one page of chunks, and so of one step of the pipeline.
pub const SLICE: usize = 64;

/// The owner of a tenant's library.
pub fn owner(tenant: &str) -> String {
    format!("~library/{tenant}")
}

/// The key of a page of what was uploaded as `file`.
pub fn file_key(tenant: &str, file: &str, page: u32) -> String {
    format!("file/{tenant}/{file}/{page:04}")
}

/// The key of a page of the chunks of `file` in `store`, attached there at `attached`.
pub fn text_key(tenant: &str, store: &str, file: &str, attached: u64, page: u32) -> String {
    format!("text/{tenant}/{store}/{file}/{attached:013}/{page:05}")
}

/// What an id of ours begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `file-`
    File,
    /// `vs_`
    Store,
    /// `vsfb_`
    Batch,
}

impl Kind {
    fn prefix(self) -> &'static str {
        match self {
            Self::File => "file-",
            Self::Store => "vs_",
            Self::Batch => "vsfb_",
        }
    }

    /// A fresh id: the time and `random` in hexadecimal, so that ids sort by the time they were made at.
    pub fn id(self, now: sluice_types::time::Timestamp, random: u64) -> String {
        format!("{}{:011x}{:013x}", self.prefix(), now.0 & 0xFFF_FFFF_FFFF, random & 0xF_FFFF_FFFF_FFFF)
    }

    /// Whether `id` may be one of ours; what is none is never looked up.
    pub fn is(self, id: &str) -> bool {
        self.token(id).is_some()
    }

    /// The part of `id` that sorts.
    pub fn token(self, id: &str) -> Option<&str> {
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        id.strip_prefix(self.prefix()).filter(|rest| rest.len() == 24 && rest.bytes().all(hex))
    }
}

#[cfg(test)]
mod tests {
    use sluice_types::time::Timestamp;

    use super::*;

    #[test]
    fn ids_sort_by_time_and_are_known_by_their_looks() {
        let early = Kind::File.id(Timestamp(1_795_262_400_000), u64::MAX);
        let late = Kind::File.id(Timestamp(1_795_262_400_001), 0);
        assert!(early < late, "{early} {late}");
        assert!(Kind::File.is(&early) && !Kind::Store.is(&early));
        for wrong in ["", "file-", "file-x", "file-1/2", &early.to_uppercase(), &format!("{early}0")] {
            assert!(!Kind::File.is(wrong), "{wrong}");
        }
    }
}
