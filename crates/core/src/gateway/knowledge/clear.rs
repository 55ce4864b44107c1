//! Clearing away what was deleted. Every step may be done again, by anybody, at any time.

use std::fmt;

use sluice_types::{
    error::{ErrorKind, Failure},
    time::Timestamp,
};

use crate::{
    gateway::{
        index::{self, IndexError},
        library::{self, Answer, Call, Left},
    },
    index::Place,
    knowledge::{
        file_key,
        list::Page,
        message::{Job, Message},
        text_key,
    },
    port::{CountersError, Host, ObjectsError},
};

/// How many calls an index may take at a time to take out what is no more seen.
const TIDY: u32 = 20;

/// How many rounds of a store's members are cleared away at a time.
const ROUNDS: u32 = 3;

/// Something did not answer: to be done again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotCleared(String);

impl fmt::Display for NotCleared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotCleared {}

impl From<CountersError> for NotCleared {
    fn from(error: CountersError) -> Self {
        Self(error.0)
    }
}

impl From<ObjectsError> for NotCleared {
    fn from(error: ObjectsError) -> Self {
        Self(error.0)
    }
}

impl From<IndexError> for NotCleared {
    fn from(error: IndexError) -> Self {
        Self(error.to_string())
    }
}

/// The note that has `left` cleared away.
pub fn note(tenant: &str, left: &Left) -> Message {
    match left {
        Left::File { file, .. } => Message::new(Job::Remove, tenant, "", file),
        Left::Member { store, file, .. } => Message::new(Job::Remove, tenant, store, file),
        Left::Store { store } => Message::new(Job::Remove, tenant, store, ""),
    }
}

/// Has searches find nothing of `left` any more.
///
/// # Errors
///
/// [`NotCleared`].
pub(super) async fn hide<H: Host>(host: &H, tenant: &str, left: &Left) -> Result<(), NotCleared> {
    match left {
        Left::File { .. } => {}
        Left::Member { store, file, removed_at, .. } => {
            index::remove(host, Place { tenant, store }, file, *removed_at).await?;
        }
        Left::Store { store } => index::forget(host, Place { tenant, store }).await?,
    }
    Ok(())
}

/// Clears away what is left of a file, a store, or a file in a store; either may be empty. True if more is left.
///
/// # Errors
///
/// [`NotCleared`].
pub async fn clear<H: Host>(host: &H, tenant: &str, store: &str, file: &str) -> Result<bool, NotCleared> {
    let (store, file) = (store.to_owned(), file.to_owned());
    let what = match (store.is_empty(), file.is_empty()) {
        (true, _) => Left::File { file, pages: 0, stores: Vec::new() },
        (false, true) => Left::Store { store },
        (false, false) => Left::any_stay(&store, &file),
    };
    let mut more = false;
    for _ in 0..ROUNDS {
        let Answer::Left(left) = library::ask(host, tenant, Call::Left(what.clone())).await? else {
            return Err(NotCleared("the library answers something else".to_owned()));
        };
        if left.is_empty() {
            return Ok(more);
        }
        for one in left {
            more |= clear_one(host, tenant, &one).await?;
            library::ask(host, tenant, Call::Cleared(one)).await?;
        }
    }
    Ok(true)
}

async fn clear_one<H: Host>(host: &H, tenant: &str, left: &Left) -> Result<bool, NotCleared> {
    hide(host, tenant, left).await?;
    match left {
        Left::File { file, pages, .. } => {
            for page in 0..*pages {
                host.discard(&file_key(tenant, file, page)).await?;
            }
            Ok(false)
        }
        Left::Member { store, file, attached_at, pages, .. } => {
            discard_texts(host, tenant, store, file, *attached_at, *pages).await?;
            Ok(index::tidy(host, Place { tenant, store }, TIDY).await?)
        }
        Left::Store { store } => {
            while index::tidy(host, Place { tenant, store }, TIDY).await? {}
            Ok(false)
        }
    }
}

/// Discards the pages of a member's chunks; all that follow each other where nobody has counted them.
///
/// # Errors
///
/// [`ObjectsError`] if the store does not answer.
pub async fn discard_texts<H: Host>(
    host: &H,
    tenant: &str,
    store: &str,
    file: &str,
    attached_at: Timestamp,
    pages: Option<u32>,
) -> Result<(), ObjectsError> {
    for page in 0..pages.unwrap_or(u32::MAX) {
        let key = text_key(tenant, store, file, attached_at.0, page);
        if pages.is_none() && host.load(&key).await?.is_none() {
            break;
        }
        host.discard(&key).await?;
    }
    Ok(())
}

/// Clears away an upload that did not come to its end. One that did is left alone.
///
/// # Errors
///
/// [`NotCleared`].
pub async fn sweep_upload<H: Host>(host: &H, tenant: &str, file: &str) -> Result<(), NotCleared> {
    if let Answer::Absent(_) = library::ask(host, tenant, Call::File(file.to_owned())).await? {
        for page in 0.. {
            let key = file_key(tenant, file, page);
            if host.load(&key).await?.is_none() {
                break;
            }
            host.discard(&key).await?;
        }
    }
    Ok(())
}

/// Deletes all files and stores of a tenant, and all that is left of any, as far as `budget` deletions go. True if more is
/// left.
///
/// # Errors
///
/// [`ErrorKind::StoreUnavailable`] if something does not answer.
pub(in crate::gateway) async fn everything<H: Host>(
    host: &H,
    tenant: &str,
    budget: &mut usize,
) -> Result<bool, Failure> {
    let failed = |error: NotCleared| {
        Failure::new(ErrorKind::StoreUnavailable, format!("files and stores cannot be deleted: {error}"))
    };
    let first = || Page { limit: 20, newest_first: false, after: None, before: None };
    let ask = async |call| library::ask(host, tenant, call).await.map_err(|error| failed(error.into()));
    loop {
        let mut left = Vec::new();
        if let Answer::Stores(stores, _) = ask(Call::Stores(first())).await? {
            for store in stores {
                if let Answer::Left(more) = ask(Call::DeleteStore(store.id)).await? {
                    left.extend(more);
                }
            }
        }
        if let Answer::Files(files, _) = ask(Call::Files(first(), None)).await? {
            for file in files {
                if let Answer::Left(more) = ask(Call::DeleteFile(file.id)).await? {
                    left.extend(more);
                }
            }
        }
        // What was left before, too.
        if let Answer::Found(more, ..) = ask(Call::Sweep { since: Timestamp(0) }).await? {
            left.extend(more.into_iter().filter(|one| !left.contains(one)).collect::<Vec<_>>());
        }
        if left.is_empty() {
            ask(Call::Forget).await?;
            return Ok(false);
        }
        for one in &left {
            let cost = match one {
                Left::File { pages, .. } => *pages as usize,
                Left::Member { pages, .. } => pages.unwrap_or(1) as usize,
                Left::Store { .. } => 20,
            };
            if *budget == 0 {
                return Ok(true);
            }
            *budget = budget.saturating_sub(cost.saturating_add(1));
            let note = note(tenant, one);
            while clear(host, tenant, &note.store, &note.file).await.map_err(failed)? {}
        }
    }
}
