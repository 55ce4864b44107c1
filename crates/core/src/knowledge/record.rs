//! What is kept of files, stores, members and batches.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sluice_types::{knowledge::Attributes, time::Timestamp};

/// An upload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct File {
    /// `file-…`
    pub id: String,
    /// The name it was uploaded with.
    pub filename: String,
    /// What it is for, as the caller says.
    pub purpose: String,
    /// Its size.
    pub bytes: u64,
    /// In how many pages it is kept.
    pub pages: u32,
    /// SHA-256 of its bytes, in hexadecimal.
    pub digest: String,
    /// When it was uploaded.
    pub created_at: Timestamp,
    /// When it is deleted by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// What files are searched in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Store {
    /// `vs_…`
    pub id: String,
    /// A name for people.
    pub name: String,
    /// What it is for, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last searched or changed, to the hour.
    pub active_at: Timestamp,
    /// After how many days without use it is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_after_days: Option<u32>,
    /// What the caller keeps beside it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// The model that embeds its chunks.
    pub model: String,
    /// The model it is being embedded anew by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Next>,
    /// Its members by status.
    #[serde(default)]
    pub counts: Counts,
    /// Bytes of its chunks' texts and vectors.
    #[serde(default)]
    pub usage_bytes: u64,
}

/// How far embedding anew has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Next {
    /// The model.
    pub model: String,
    /// The members up to this place in the list are done.
    #[serde(default)]
    pub after: String,
    /// Chunks that are done.
    #[serde(default)]
    pub done: u64,
    /// What went wrong last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Store {
    /// When it is deleted by itself.
    pub fn expires_at(&self) -> Option<Timestamp> {
        let days = u64::from(self.expires_after_days?);
        Some(Timestamp(self.active_at.0.saturating_add(days.saturating_mul(86_400_000))))
    }

    /// Whether its time is over.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at().is_some_and(|end| end <= now)
    }
}

/// Members by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// On their way in.
    pub in_progress: u64,
    /// In.
    pub completed: u64,
    /// Given up.
    pub failed: u64,
    /// Taken back before they were in.
    pub cancelled: u64,
}

impl Counts {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.in_progress + self.completed + self.failed + self.cancelled
    }

    /// One more, or one less, of `status`.
    pub fn count(&mut self, status: Status, more: bool) {
        let place = match status {
            Status::InProgress => &mut self.in_progress,
            Status::Completed => &mut self.completed,
            Status::Failed => &mut self.failed,
            Status::Cancelled => &mut self.cancelled,
        };
        *place = if more { place.saturating_add(1) } else { place.saturating_sub(1) };
    }
}

/// How far a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// On its way in.
    InProgress,
    /// In.
    Completed,
    /// Taken back before it was in.
    Cancelled,
    /// Given up.
    Failed,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::InProgress, Self::Completed, Self::Cancelled, Self::Failed];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }
}

/// Why a member was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Whose fault it is.
    pub code: FaultCode,
    /// What is wrong, and what to do about it.
    pub message: String,
}

/// Whose fault it is, in OpenAI's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultCode {
    /// Ours, or a provider's.
    ServerError,
    /// Nothing here reads files of this kind.
    UnsupportedFile,
    /// The file is broken, empty or too much.
    InvalidFile,
}

impl FaultCode {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ServerError => "server_error",
            Self::UnsupportedFile => "unsupported_file",
            Self::InvalidFile => "invalid_file",
        }
    }
}

/// How a file is cut into chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunking {
    /// The most tokens of a chunk.
    pub max: u32,
    /// How many of them the next one has too.
    pub overlap: u32,
}

impl Default for Chunking {
    /// What `auto` means: passages of about the length that the study of retrieval measured, 800 characters (docs/knowledge.md).
    fn default() -> Self {
        Self { max: 256, overlap: 64 }
    }
}

/// A file in a store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// The file.
    pub file: String,
    /// The store.
    pub store: String,
    /// When it was put there. No two members of a library have the same: it tells one stay of a file from the next.
    pub attached_at: Timestamp,
    /// How far it is.
    pub status: Status,
    /// Why it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// Bytes of its chunks' texts and vectors.
    #[serde(default)]
    pub usage_bytes: u64,
    /// What is said of it.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// How it is cut.
    pub chunking: Chunking,
    /// The batch it came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
    /// Its chunks, once it is cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
    /// Chunks that are in.
    #[serde(default)]
    pub done: u32,
    /// When it last got further, or was asked to.
    pub moved_at: Timestamp,
}

/// What a file was cut into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// Chunks a page; the last may have fewer.
    pub slice: u32,
    /// In how many pages its chunks are kept.
    pub pages: u32,
    /// Chunks.
    pub chunks: u32,
    /// Bytes of their texts.
    pub bytes: u64,
}

impl Member {
    /// How much of the way in lies behind it, in hundredths: cutting is the first tenth.
    pub fn percent(&self) -> u32 {
        match (self.status, self.cut) {
            (Status::Completed, _) => 100,
            (_, None) => 0,
            (_, Some(cut)) if cut.chunks == 0 => 10,
            (_, Some(cut)) => {
                10 + u32::try_from(u64::from(self.done) * 90 / u64::from(cut.chunks)).unwrap_or(90).min(90)
            }
        }
    }

    /// What is done with it now.
    pub fn stage(&self) -> &'static str {
        match (self.status, self.cut) {
            (Status::Completed, _) => "done",
            (Status::Failed | Status::Cancelled, _) => "ended",
            (Status::InProgress, None) => "queued",
            (Status::InProgress, Some(_)) => "embedding",
        }
    }
}

/// Files that were put into a store together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// `vsfb_…`
    pub id: String,
    /// The store.
    pub store: String,
    /// When.
    pub created_at: Timestamp,
    /// Its members by status.
    #[serde(default)]
    pub counts: Counts,
    /// Whether it was taken back.
    #[serde(default)]
    pub cancelled: bool,
}

impl Batch {
    /// How far it is.
    pub fn status(&self) -> Status {
        match self.counts {
            _ if self.cancelled => Status::Cancelled,
            Counts { in_progress: 1.., .. } => Status::InProgress,
            Counts { completed: 0, cancelled: 0, failed: 1.., .. } => Status::Failed,
            _ => Status::Completed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_what_its_members_are() {
        for (in_progress, completed, failed, cancelled, status) in [
            (0, 0, 0, false, Status::Completed),
            (1, 5, 5, false, Status::InProgress),
            (1, 5, 5, true, Status::Cancelled),
            (0, 1, 5, false, Status::Completed),
            (0, 0, 5, false, Status::Failed),
        ] {
            let counts = Counts { in_progress, completed, failed, cancelled: 0 };
            let (id, store) = (String::new(), String::new());
            let batch = Batch { id, store, created_at: Timestamp(0), counts, cancelled };
            assert_eq!(batch.status(), status, "{counts:?}");
        }
    }
}
