//! A tenant's library: its files and stores, exactly, in one object of [`Counters`].
//!
//! ```text
//! f/{file}                    an upload                       r/{file}/{store}   the stores it is in
//! s/{store}                   a store
//! m/{store}/{file}            a member                        b/{store}/{batch}  a batch
//! a/{list}/{token}            the items of a list in the order they came, and d/{list}/{~token} the other way round;
//!                             lists are `f`, `s`, `m/{store}` and `b/{batch}`
//! x/f/{file}                  what is left of a deleted file, x/m/{store}/{file}/{attached} of a member, x/s/{store} of a
//!                             store: a [`Left`], until all of it is cleared away
//! last                        the time of the last member, so that no two have the same
//! ```
//!
//! Nothing that was deleted is ever listed: its records go in the call that deletes it, and what lies elsewhere (pages,
//! chunks, vectors) is remembered as left until somebody has cleared it away.

mod call;
mod deletion;
mod lists;
mod membership;

use serde::{Serialize, de::DeserializeOwned};
use sluice_types::time::Timestamp;

pub use self::{
    call::{Answer, Call, Change, Step},
    deletion::Left,
};
use super::object;
use crate::{
    knowledge::{
        Kind, owner,
        record::{Batch, Counts, File, Member, Status, Store},
    },
    port::{Cells, Counters, CountersError},
};

/// How exactly a store's last use is kept, in milliseconds.
const ACTIVE: u64 = 3_600_000;

/// Asks the library of `tenant`.
///
/// # Errors
///
/// [`CountersError`] if its object does not answer.
pub async fn ask(host: &impl Counters, tenant: &str, call: Call) -> Result<Answer, CountersError> {
    match object::ask(host, &owner(tenant), &object::Call::Library(call)).await? {
        object::Answer::Library(answer) => Ok(answer),
        _ => Err(CountersError("the library's object answers something else".to_owned())),
    }
}

fn wrong(error: serde_json::Error) -> CountersError {
    CountersError(format!("a library's cell cannot be read: {error}"))
}

/// Answers `call` over the object's cells.
pub(super) async fn answer(cells: &impl Cells, now: Timestamp, call: Call) -> Result<Answer, CountersError> {
    let mut open = Open { cells, now, changes: Vec::new() };
    let answer = open.answer(call).await?;
    cells.write(&open.changes).await?;
    Ok(answer)
}

/// A library while a call is answered. Changes are written at its end; what it reads is as it was before.
struct Open<'a, C> {
    cells: &'a C,
    now: Timestamp,
    changes: Vec<(String, Option<String>)>,
}

impl<C: Cells> Open<'_, C> {
    async fn answer(&mut self, call: Call) -> Result<Answer, CountersError> {
        let absent = || Answer::Absent(String::new());
        Ok(match call {
            Call::AddFile(file) => {
                self.list("f", Kind::File.token(&file.id).unwrap_or_default(), Some(&file.id));
                self.put(format!("f/{}", file.id), &file)?;
                Answer::Done
            }
            Call::File(id) => self.file(&id).await?.map_or_else(absent, |file| Answer::File(Box::new(file))),
            Call::Files(page, purpose) => {
                let now = self.now;
                let fits = |file: &File| {
                    purpose.as_ref().is_none_or(|purpose| *purpose == file.purpose)
                        && file.expires_at.is_none_or(|end| now < end)
                };
                let cursor = |id: &str| Kind::File.token(id).map(str::to_owned);
                let (after, before) = lists::cursors(&page, cursor);
                match self.page("f", "f", &page, after, before, fits).await? {
                    Ok((files, more)) => Answer::Files(files, more),
                    Err(id) => Answer::Absent(id),
                }
            }
            Call::DeleteFile(id) => self.delete_file(&id).await?,
            Call::AddStore(store) => {
                self.list("s", Kind::Store.token(&store.id).unwrap_or_default(), Some(&store.id));
                self.put(format!("s/{}", store.id), &store)?;
                Answer::Store(Box::new(store))
            }
            Call::Store(id, used) => {
                let Some(mut store) = self.store(&id).await? else { return Ok(absent()) };
                if used
                    && store.active_at.0.saturating_add(ACTIVE) <= self.now.0
                    && !store.has_expired(self.now)
                {
                    store.active_at = self.now;
                    self.put(format!("s/{id}"), &store)?;
                }
                Answer::Store(Box::new(store))
            }
            Call::Stores(page) => {
                let cursor = |id: &str| Kind::Store.token(id).map(str::to_owned);
                let (after, before) = lists::cursors(&page, cursor);
                match self.page("s", "s", &page, after, before, |_: &Store| true).await? {
                    Ok((stores, more)) => Answer::Stores(stores, more),
                    Err(id) => Answer::Absent(id),
                }
            }
            Call::ChangeStore { store, change } => {
                let Some(mut store) = self.store(&store).await? else { return Ok(absent()) };
                store.name = change.name.unwrap_or(store.name);
                store.description = change.description.or(store.description);
                store.metadata = change.metadata.unwrap_or(store.metadata);
                store.expires_after_days = change.expires_after_days.unwrap_or(store.expires_after_days);
                store.active_at = self.now;
                self.put(format!("s/{}", store.id), &store)?;
                Answer::Store(Box::new(store))
            }
            Call::DeleteStore(id) => self.delete_store(&id).await?,
            Call::Attach { store, members, batch } => self.attach(&store, members, batch).await?,
            Call::Member { store, file } => match self.whole_member(&store, &file).await? {
                Some((member, file)) => Answer::Member(Box::new(member), Box::new(file)),
                None => absent(),
            },
            Call::Members { store, batch, status, page } => {
                self.members(&store, batch.as_deref(), status, &page).await?
            }
            Call::Describe { store, file, attributes } => {
                let Some((member, file)) = self.whole_member(&store, &file).await? else {
                    return Ok(absent());
                };
                let member = Member { attributes, ..member };
                self.put(format!("m/{store}/{}", file.id), &member)?;
                Answer::Member(Box::new(member), Box::new(file))
            }
            Call::Detach { store, file } => self.detach(&store, &file).await?,
            Call::Batch { store, batch } => {
                self.batch(&store, &batch).await?.map_or_else(absent, Answer::Batch)
            }
            Call::CancelBatch { store, batch } => self.cancel_batch(&store, &batch).await?,
            Call::Step { store, file, attached_at, step } => {
                self.step(&store, &file, attached_at, step).await?
            }
            Call::Retry { store, file } => self.retry(&store, &file).await?,
            Call::Left(what) => Answer::Left(self.left(what).await?),
            Call::Cleared(what) => {
                self.cleared(&what).await?;
                Answer::Done
            }
            Call::Sweep { since } => self.sweep(since).await?,
            Call::Reembed { store, next, switch } => {
                let Some(mut store) = self.store(&store).await? else { return Ok(absent()) };
                let made = store.next.take().filter(|_| switch).map(|next| next.model);
                store.model = made.unwrap_or(store.model);
                store.next = next;
                self.put(format!("s/{}", store.id), &store)?;
                Answer::Store(Box::new(store))
            }
            Call::Forget => {
                self.forget().await?;
                Answer::Done
            }
        })
    }

    async fn read<T: DeserializeOwned>(&self, key: String) -> Result<Option<T>, CountersError> {
        let Some((_, text)) = self.cells.read(&[key]).await?.pop() else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(wrong)
    }

    fn put(&mut self, key: String, value: &impl Serialize) -> Result<(), CountersError> {
        self.changes.push((key, Some(serde_json::to_string(value).map_err(wrong)?)));
        Ok(())
    }

    fn remove(&mut self, key: String) {
        self.changes.push((key, None));
    }

    /// Enters `id` under `token` in a list, or strikes what is there.
    fn list(&mut self, list: &str, token: &str, id: Option<&str>) {
        self.changes.push((format!("a/{list}/{token}"), id.map(str::to_owned)));
        self.changes.push((format!("d/{list}/{}", lists::turned(token)), id.map(str::to_owned)));
    }

    /// A file whose time is not over.
    async fn file(&self, id: &str) -> Result<Option<File>, CountersError> {
        let file: Option<File> = self.read(format!("f/{id}")).await?;
        Ok(file.filter(|file| file.expires_at.is_none_or(|end| self.now < end)))
    }

    async fn store(&self, id: &str) -> Result<Option<Store>, CountersError> {
        self.read(format!("s/{id}")).await
    }

    /// A member of a store that is there.
    async fn member(&self, store: &str, file: &str) -> Result<Option<Member>, CountersError> {
        let keys = [format!("s/{store}"), format!("m/{store}/{file}")];
        // Cells come in the order of the host.
        let found = self.cells.read(&keys).await?;
        match found.iter().find(|(key, _)| key.starts_with("m/")).filter(|_| found.len() == keys.len()) {
            Some((_, member)) => serde_json::from_str(member).map(Some).map_err(wrong),
            None => Ok(None),
        }
    }

    async fn whole_member(&self, store: &str, file: &str) -> Result<Option<(Member, File)>, CountersError> {
        let Some(member) = self.member(store, file).await? else { return Ok(None) };
        Ok(self.read(format!("f/{file}")).await?.map(|file| (member, file)))
    }

    async fn batch(&self, store: &str, batch: &str) -> Result<Option<Batch>, CountersError> {
        if self.store(store).await?.is_none() {
            return Ok(None);
        }
        self.read(format!("b/{store}/{batch}")).await
    }

    async fn forget(&mut self) -> Result<(), CountersError> {
        loop {
            let found = self.cells.range("", "~", 1_000).await?;
            if found.is_empty() {
                return Ok(());
            }
            let gone: Vec<_> = found.into_iter().map(|(key, _)| (key, None)).collect();
            self.cells.write(&gone).await?;
        }
    }
}

/// `counts` with one of `from` turned into one of `to`; either may be nothing.
fn moved(counts: &mut Counts, from: Option<Status>, to: Option<Status>) {
    if let Some(from) = from {
        counts.count(from, false);
    }
    if let Some(to) = to {
        counts.count(to, true);
    }
}
