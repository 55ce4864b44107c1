//! What is deleted, and what is left of it until it is cleared away.

use serde::{Deserialize, Serialize};
use sluice_types::time::Timestamp;

use super::{Answer, Open};
use crate::{
    knowledge::{
        Kind,
        record::{File, Member, Status, Store},
    },
    port::{Cells, CountersError},
};

/// How many members of a store are cleared away together, and how much is swept together.
const TOGETHER: u32 = 100;

/// What is left of something deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Left {
    /// Of a file: its pages.
    File {
        /// The file.
        file: String,
        /// Its pages.
        pages: u32,
        /// The stores it was in.
        stores: Vec<String>,
    },
    /// Of a file in a store: its chunks in the index, and the pages they were kept in.
    Member {
        /// The store.
        store: String,
        /// The file.
        file: String,
        /// Which stay of it.
        attached_at: Timestamp,
        /// When that was over.
        removed_at: Timestamp,
        /// The pages of its chunks, as far as they were counted.
        pages: Option<u32>,
    },
    /// Of a store: its index, and its members.
    Store {
        /// The store.
        store: String,
    },
}

impl Left {
    /// What is left of a member that is over at `removed_at`.
    pub(super) fn of_member(member: &Member, removed_at: Timestamp) -> Self {
        Self::Member {
            store: member.store.clone(),
            file: member.file.clone(),
            attached_at: member.attached_at,
            removed_at,
            // What is in is read from the index: its pages went before.
            pages: match member.status {
                Status::Completed => Some(0),
                Status::InProgress | Status::Failed | Status::Cancelled => member.cut.map(|cut| cut.pages),
            },
        }
    }

    /// What is left of any stay of a file in a store, for asking about it.
    pub fn any_stay(store: &str, file: &str) -> Self {
        let (store, file, none) = (store.to_owned(), file.to_owned(), Timestamp(0));
        Self::Member { store, file, attached_at: none, removed_at: none, pages: None }
    }

    /// The cell it is kept in.
    pub(super) fn key(&self) -> String {
        match self {
            Self::File { file, .. } => format!("x/f/{file}"),
            Self::Member { store, file, attached_at, .. } => {
                format!("x/m/{store}/{file}/{:013}", attached_at.0)
            }
            Self::Store { store } => format!("x/s/{store}"),
        }
    }
}

impl<C: Cells> Open<'_, C> {
    pub(super) async fn delete_file(&mut self, id: &str) -> Result<Answer, CountersError> {
        let Some(file) = self.read::<File>(format!("f/{id}")).await? else {
            // Whoever asks again goes on with what is left.
            let what = Left::File { file: id.to_owned(), pages: 0, stores: Vec::new() };
            return self.still_left(what).await;
        };
        self.remove(format!("f/{id}"));
        self.list("f", Kind::File.token(id).unwrap_or_default(), None);
        let (mut left, mut stores) = (Vec::new(), Vec::new());
        for (key, _) in self.cells.range(&format!("r/{id}/"), &format!("r/{id}0"), 10_000).await? {
            let store = key.rsplit('/').next().unwrap_or_default().to_owned();
            left.extend(self.take_out(&store, id).await?);
            stores.push(store);
            self.remove(key);
        }
        left.push(Left::File { file: id.to_owned(), pages: file.pages, stores });
        for one in &left {
            self.put(one.key(), one)?;
        }
        Ok(Answer::Left(left))
    }

    pub(super) async fn detach(&mut self, store: &str, file: &str) -> Result<Answer, CountersError> {
        Ok(match self.take_out(store, file).await? {
            Some(left) => Answer::Left(vec![left]),
            None => return self.still_left(Left::any_stay(store, file)).await,
        })
    }

    /// What is left of something that was deleted before; that it is absent, if nothing is.
    async fn still_left(&mut self, what: Left) -> Result<Answer, CountersError> {
        let left = self.left(what).await?;
        Ok(if left.is_empty() { Answer::Absent(String::new()) } else { Answer::Left(left) })
    }

    async fn take_out(&mut self, store: &str, file: &str) -> Result<Option<Left>, CountersError> {
        let Some(mut member) = self.member(store, file).await? else { return Ok(None) };
        let Some(mut holder) = self.pending::<Store>(&format!("s/{store}")).await? else { return Ok(None) };
        let left = self.strike(&mut holder, &mut member).await?;
        self.put(format!("s/{store}"), &holder)?;
        self.remove(format!("m/{store}/{file}"));
        Ok(Some(left))
    }

    pub(super) async fn delete_store(&mut self, id: &str) -> Result<Answer, CountersError> {
        let left = Left::Store { store: id.to_owned() };
        if self.store(id).await?.is_none() {
            return self.still_left(left).await;
        }
        self.remove(format!("s/{id}"));
        self.list("s", Kind::Store.token(id).unwrap_or_default(), None);
        self.put(left.key(), &left)?;
        Ok(Answer::Left(vec![left]))
    }

    /// What there is to clear away for `what`: itself, or some of a store's members, the store itself when they are gone;
    /// nothing if all of it is cleared away.
    pub(super) async fn left(&mut self, what: Left) -> Result<Vec<Left>, CountersError> {
        let (what, store) = match what {
            Left::Member { store, file, .. } => return self.stays(&store, &file).await,
            Left::File { .. } => {
                let found: Option<Left> = self.read(what.key()).await?;
                let mut all = Vec::new();
                if let Some(Left::File { file, stores, .. }) = &found {
                    for store in stores {
                        all.extend(self.stays(store, file).await?);
                    }
                }
                // The file last: it knows the stores.
                all.extend(found);
                return Ok(all);
            }
            Left::Store { ref store } => (what.clone(), store.clone()),
        };
        if self.read::<Left>(what.key()).await?.is_none() {
            return Ok(Vec::new());
        }
        let found = self.cells.range(&format!("m/{store}/"), &format!("m/{store}0"), TOGETHER).await?;
        let mut left = Vec::with_capacity(found.len());
        for (_, text) in found {
            let member: Member = serde_json::from_str(&text).map_err(super::wrong)?;
            left.push(Left::of_member(&member, self.tick().await?));
        }
        let old = self.cells.range(&format!("x/m/{store}/"), &format!("x/m/{store}0"), TOGETHER).await?;
        for (_, text) in old {
            left.push(serde_json::from_str(&text).map_err(super::wrong)?);
        }
        if left.is_empty() {
            left.push(what);
        }
        Ok(left)
    }

    /// What is left of any stay of a file in a store.
    async fn stays(&self, store: &str, file: &str) -> Result<Vec<Left>, CountersError> {
        let from = format!("x/m/{store}/{file}/");
        let found = self.cells.range(&from, &format!("{from}~"), TOGETHER).await?;
        let all = found.iter().map(|(_, text)| serde_json::from_str(text));
        all.collect::<Result<_, _>>().map_err(super::wrong)
    }

    /// `what` is cleared away. The members of a store that is deleted go with theirs.
    pub(super) async fn cleared(&mut self, what: &Left) -> Result<(), CountersError> {
        self.remove(what.key());
        match what {
            Left::File { .. } => {}
            Left::Member { store, file, attached_at, .. } => {
                let here = self.read::<Member>(format!("m/{store}/{file}")).await?;
                let same = here.is_some_and(|member| member.attached_at == *attached_at);
                if same && self.store(store).await?.is_none() {
                    self.remove(format!("m/{store}/{file}"));
                    self.remove(format!("r/{file}/{store}"));
                    self.list(&format!("m/{store}"), &super::membership::token(attached_at.0), None);
                }
            }
            Left::Store { store } => {
                for (from, to) in [
                    (format!("b/{store}/"), format!("b/{store}0")),
                    (format!("a/m/{store}/"), format!("a/m/{store}0")),
                    (format!("d/m/{store}/"), format!("d/m/{store}0")),
                ] {
                    let mut from = from;
                    loop {
                        let found = self.cells.range(&from, &to, 1_000).await?;
                        let Some((last, _)) = found.last() else { break };
                        from = format!("{last}\u{1}");
                        for (key, _) in found {
                            if let Some(batch) = key.strip_prefix(&format!("b/{store}/")).map(str::to_owned) {
                                self.clear_list(&format!("b/{batch}")).await?;
                            }
                            self.remove(key);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    async fn clear_list(&mut self, list: &str) -> Result<(), CountersError> {
        for side in ["a", "d"] {
            let found =
                self.cells.range(&format!("{side}/{list}/"), &format!("{side}/{list}0"), 10_000).await?;
            self.changes.extend(found.into_iter().map(|(key, _)| (key, None)));
        }
        Ok(())
    }

    /// What somebody should look at: what is left, files and stores whose time is over (which are deleted now), and members
    /// that have not moved since a time; stores that are being embedded anew.
    pub(super) async fn sweep(&mut self, since: Timestamp) -> Result<Answer, CountersError> {
        let (mut stalled, mut renewing) = (Vec::new(), Vec::new());
        let mut expired: (Vec<String>, Vec<String>) = Default::default();
        for (_, text) in self.cells.range("f/", "f0", 20_000).await? {
            let file: File = serde_json::from_str(&text).map_err(super::wrong)?;
            if file.expires_at.is_some_and(|end| end <= self.now) {
                expired.0.push(file.id);
            }
        }
        for (_, text) in self.cells.range("s/", "s0", 20_000).await? {
            let store: Store = serde_json::from_str(&text).map_err(super::wrong)?;
            if store.has_expired(self.now) {
                expired.1.push(store.id);
                continue;
            }
            if store.next.is_some() {
                renewing.push(store.id.clone());
            }
            if 0 < store.counts.in_progress {
                let (from, to) = (format!("m/{}/", store.id), format!("m/{}0", store.id));
                for (_, text) in self.cells.range(&from, &to, 20_000).await? {
                    let member: Member = serde_json::from_str(&text).map_err(super::wrong)?;
                    if member.status == Status::InProgress && member.moved_at < since {
                        stalled.push(member);
                    }
                }
            }
        }
        let mut left = Vec::new();
        for (_, text) in self.cells.range("x/", "x0", TOGETHER).await? {
            left.push(serde_json::from_str(&text).map_err(super::wrong)?);
        }
        for id in expired.0 {
            if let Answer::Left(more) = self.delete_file(&id).await? {
                left.extend(more);
            }
        }
        for id in expired.1 {
            if let Answer::Left(more) = self.delete_store(&id).await? {
                left.extend(more);
            }
        }
        stalled.truncate(TOGETHER as usize);
        Ok(Answer::Found(left, stalled, renewing))
    }
}
