//! What a library is asked, and what it answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sluice_types::{knowledge::Attributes, time::Timestamp};

use super::Left;
use crate::knowledge::{
    list::Page,
    read::{NewMember, StoreChange},
    record::{Batch, Cut, Fault, File, Member, Next, Status, Store},
};

/// What is asked of a library.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Keep a file whose pages are all there.
    AddFile(File),
    /// A file.
    File(String),
    /// Files, perhaps of one purpose.
    Files(Page, Option<String>),
    /// Delete a file, and take it out of all stores.
    DeleteFile(String),
    /// Make a store.
    AddStore(Store),
    /// A store; `true` if this is a use of it.
    Store(String, bool),
    /// Stores.
    Stores(Page),
    /// Change a store.
    ChangeStore {
        /// The store.
        store: String,
        /// The name, the metadata and the like; its `model` is nothing here.
        change: Change,
    },
    /// Delete a store.
    DeleteStore(String),
    /// Put files into a store, all or none; as a batch where that has an id.
    Attach {
        /// The store.
        store: String,
        /// The files.
        members: Vec<NewMember>,
        /// The batch's id.
        batch: Option<String>,
    },
    /// A file in a store.
    Member {
        /// The store.
        store: String,
        /// The file.
        file: String,
    },
    /// Files in a store, perhaps of one batch, perhaps of one status.
    Members {
        /// The store.
        store: String,
        /// The batch.
        batch: Option<String>,
        /// The status.
        status: Option<Status>,
        /// Which of them.
        page: Page,
    },
    /// Say something else of a file in a store.
    Describe {
        /// The store.
        store: String,
        /// The file.
        file: String,
        /// What is said.
        attributes: Attributes,
    },
    /// Take a file out of a store.
    Detach {
        /// The store.
        store: String,
        /// The file.
        file: String,
    },
    /// A batch.
    Batch {
        /// The store.
        store: String,
        /// The batch.
        batch: String,
    },
    /// Take back what is not in yet of a batch.
    CancelBatch {
        /// The store.
        store: String,
        /// The batch.
        batch: String,
    },
    /// A file has got further on its way into a store.
    Step {
        /// The store.
        store: String,
        /// The file.
        file: String,
        /// Which stay of it is meant: [`Member::attached_at`].
        attached_at: Timestamp,
        /// How far.
        step: Step,
    },
    /// Bring what was given up on its way again.
    Retry {
        /// The store.
        store: String,
        /// The file.
        file: String,
    },
    /// What is left of something deleted, a hundred members of a store at most.
    Left(Left),
    /// All of it is cleared away.
    Cleared(Left),
    /// Some of what is left, has expired, or has not moved since a time.
    Sweep {
        /// The time.
        since: Timestamp,
    },
    /// Embedding a store anew has got further, is wanted or is over.
    Reembed {
        /// The store.
        store: String,
        /// How it goes on; `None` for an end of it.
        next: Option<Next>,
        /// Whether the next model is the store's from now on.
        switch: bool,
    },
    /// Forget everything.
    Forget,
}

/// What is to be changed of a store; `None` leaves it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Change {
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) expires_after_days: Option<Option<u32>>,
    pub(super) metadata: Option<BTreeMap<String, String>>,
}

impl From<StoreChange> for Change {
    fn from(change: StoreChange) -> Self {
        let StoreChange { name, description, expires_after_days, metadata, model: _ } = change;
        Self { name, description, expires_after_days, metadata }
    }
}

/// How far a member has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Somebody was asked again to go on with it.
    Asked,
    /// It is cut.
    Cut(Cut),
    /// So many of its chunks are in.
    Done(u32),
    /// All of it is in.
    Completed {
        /// Bytes of its chunks' texts and vectors.
        usage_bytes: u64,
    },
    /// It is given up.
    Failed(Fault),
}

/// What a library answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is done, or was before.
    Done,
    /// There is no such thing: of files to attach, this one.
    Absent(String),
    /// A file.
    File(Box<File>),
    /// A store.
    Store(Box<Store>),
    /// A member, and its file.
    Member(Box<Member>, Box<File>),
    /// A batch.
    Batch(Batch),
    /// Files, and whether there are more.
    Files(Vec<File>, bool),
    /// Stores, and whether there are more.
    Stores(Vec<Store>, bool),
    /// Members, and whether there are more.
    Members(Vec<Member>, bool),
    /// What is left to be cleared away; nothing if that is all.
    Left(Vec<Left>),
    /// What somebody should look at.
    Found(Vec<Left>, Vec<Member>, Vec<String>),
}
