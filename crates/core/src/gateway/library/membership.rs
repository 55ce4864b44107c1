//! Files on their way into stores.

use sluice_types::time::Timestamp;

use super::{Answer, Left, Open, Step, moved};
use crate::{
    knowledge::{
        read::NewMember,
        record::{Batch, Counts, File, Member, Status, Store},
    },
    port::{Cells, CountersError},
};

/// The place in lists of a member that was attached at `attached`.
pub(super) fn token(attached: u64) -> String {
    format!("{attached:011x}")
}

impl Member {
    /// Its place in lists.
    pub(super) fn token(&self) -> String {
        token(self.attached_at.0)
    }
}

impl<C: Cells> Open<'_, C> {
    /// Puts files into a store, all or none. One that is there, or on its way, in the same way stays as it is.
    pub(super) async fn attach(
        &mut self,
        store: &str,
        members: Vec<NewMember>,
        batch: Option<String>,
    ) -> Result<Answer, CountersError> {
        let found = self.store(store).await?.filter(|store| !store.has_expired(self.now));
        let Some(mut store) = found else { return Ok(Answer::Absent(String::new())) };
        let keys: Vec<String> = members.iter().map(|new| format!("f/{}", new.file)).collect();
        let mut found = std::collections::HashSet::new();
        for (key, text) in self.cells.read(&keys).await? {
            let file: File = serde_json::from_str(&text).map_err(super::wrong)?;
            if file.expires_at.is_none_or(|end| self.now < end) {
                found.insert(key);
            }
        }
        if let Some((new, _)) = members.iter().zip(&keys).find(|(_, key)| !found.contains(*key)) {
            return Ok(Answer::Absent(new.file.clone()));
        }
        let (now, name) = (self.now, store.id.clone());
        let mut made = batch.map(|id| Batch {
            id,
            store: name.clone(),
            created_at: now,
            counts: Counts::default(),
            cancelled: false,
        });
        let mut attached = Vec::with_capacity(members.len());
        let mut seen = std::collections::HashSet::new();
        for new in members.into_iter().filter(|new| seen.insert(new.file.clone())) {
            let old: Option<Member> = self.read(format!("m/{name}/{}", new.file)).await?;
            let same = |old: &Member| {
                matches!(old.status, Status::InProgress | Status::Completed)
                    && old.attributes == new.attributes
                    && old.chunking == new.chunking
            };
            if let Some(old) = old.as_ref().filter(|old| same(old)) {
                if let Some(batch) = &mut made {
                    batch.counts.count(old.status, true);
                    let mut listed = old.clone();
                    self.leave_batch(&mut listed).await?;
                    listed.batch = Some(batch.id.clone());
                    self.list(&format!("b/{}", batch.id), &listed.token(), Some(&listed.file));
                    self.put(format!("m/{name}/{}", listed.file), &listed)?;
                }
                attached.push(old.clone());
                continue;
            }
            if let Some(mut old) = old {
                self.strike(&mut store, &mut old).await?;
            }
            let member = Member {
                file: new.file,
                store: name.clone(),
                attached_at: self.tick().await?,
                status: Status::InProgress,
                fault: None,
                usage_bytes: 0,
                attributes: new.attributes,
                chunking: new.chunking,
                batch: made.as_ref().map(|batch| batch.id.clone()),
                cut: None,
                done: 0,
                moved_at: now,
            };
            store.counts.count(Status::InProgress, true);
            self.list(&format!("m/{name}"), &member.token(), Some(&member.file));
            self.changes.push((format!("r/{}/{name}", member.file), Some(String::new())));
            self.put(format!("m/{name}/{}", member.file), &member)?;
            if let Some(batch) = &mut made {
                batch.counts.count(Status::InProgress, true);
                self.list(&format!("b/{}", batch.id), &member.token(), Some(&member.file));
            }
            attached.push(member);
        }
        store.active_at = now;
        self.put(format!("s/{name}"), &store)?;
        if let Some(batch) = &made {
            self.put(format!("b/{name}/{}", batch.id), batch)?;
        }
        Ok(Answer::Members(attached, false))
    }

    /// A time that this library has not had yet: what is removed was attached before, and what is attached again comes after.
    pub(super) async fn tick(&mut self) -> Result<Timestamp, CountersError> {
        let last = self.pending::<u64>("last").await?.unwrap_or(0);
        let next = last.saturating_add(1).max(self.now.0);
        self.put("last".to_owned(), &next)?;
        Ok(Timestamp(next))
    }

    /// A member that goes over into another batch is none of its own any longer.
    async fn leave_batch(&mut self, member: &mut Member) -> Result<(), CountersError> {
        let Some(id) = member.batch.take() else { return Ok(()) };
        self.list(&format!("b/{id}"), &member.token(), None);
        let key = format!("b/{}/{id}", member.store);
        if let Some(mut batch) = self.pending::<Batch>(&key).await? {
            batch.counts.count(member.status, false);
            self.put(key, &batch)?;
        }
        Ok(())
    }

    /// A record as this call has changed it already, else as it is.
    pub(super) async fn pending<T: serde::de::DeserializeOwned>(
        &self,
        key: &str,
    ) -> Result<Option<T>, CountersError> {
        match self.changes.iter().rev().find(|(changed, _)| changed == key) {
            Some((_, Some(text))) => serde_json::from_str(text).map(Some).map_err(super::wrong),
            Some((_, None)) => Ok(None),
            None => self.read(key.to_owned()).await,
        }
    }

    /// Takes a member's record out of everything but its own cell; what else there is of it is left to be cleared away.
    pub(super) async fn strike(
        &mut self,
        store: &mut Store,
        member: &mut Member,
    ) -> Result<Left, CountersError> {
        moved(&mut store.counts, Some(member.status), None);
        store.usage_bytes = store.usage_bytes.saturating_sub(member.usage_bytes);
        self.leave_batch(member).await?;
        self.list(&format!("m/{}", store.id), &member.token(), None);
        self.changes.push((format!("r/{}/{}", member.file, store.id), None));
        let left = Left::of_member(member, self.tick().await?);
        self.put(left.key(), &left)?;
        Ok(left)
    }

    /// Turns the status of a member into another, wherever it is counted.
    async fn turn(&mut self, member: &mut Member, to: Status) -> Result<(), CountersError> {
        let from = std::mem::replace(&mut member.status, to);
        let key = format!("s/{}", member.store);
        if let Some(mut store) = self.pending::<Store>(&key).await? {
            moved(&mut store.counts, Some(from), Some(to));
            store.usage_bytes = store.usage_bytes.saturating_add(member.usage_bytes);
            self.put(key, &store)?;
        }
        if let Some(id) = &member.batch {
            let key = format!("b/{}/{id}", member.store);
            if let Some(mut batch) = self.pending::<Batch>(&key).await? {
                moved(&mut batch.counts, Some(from), Some(to));
                self.put(key, &batch)?;
            }
        }
        Ok(())
    }

    /// A member has got further. Who tells of another stay, or of one that is over, changes nothing and is told so.
    pub(super) async fn step(
        &mut self,
        store: &str,
        file: &str,
        attached_at: Timestamp,
        step: Step,
    ) -> Result<Answer, CountersError> {
        let found = self.whole_member(store, file).await?;
        let Some((mut member, file)) = found.filter(|(member, _)| member.attached_at == attached_at) else {
            return Ok(Answer::Absent(String::new()));
        };
        if member.status == Status::InProgress {
            member.moved_at = self.now;
            match step {
                Step::Asked => {}
                // Cutting the same bytes again gives the same.
                Step::Cut(cut) => member.cut = Some(cut),
                Step::Done(done) => member.done = member.done.max(done),
                Step::Completed { usage_bytes } => {
                    member.usage_bytes = usage_bytes;
                    member.done = member.cut.map_or(member.done, |cut| cut.chunks);
                    self.turn(&mut member, Status::Completed).await?;
                }
                Step::Failed(fault) => {
                    member.fault = Some(fault);
                    self.turn(&mut member, Status::Failed).await?;
                }
            }
            self.put(format!("m/{store}/{}", file.id), &member)?;
        }
        Ok(Answer::Member(Box::new(member), Box::new(file)))
    }

    /// Has a member that was given up begin anew.
    pub(super) async fn retry(&mut self, store: &str, file: &str) -> Result<Answer, CountersError> {
        let Some((mut member, file)) = self.whole_member(store, file).await? else {
            return Ok(Answer::Absent(String::new()));
        };
        if member.status == Status::Failed {
            (member.fault, member.moved_at) = (None, self.now);
            self.turn(&mut member, Status::InProgress).await?;
            self.put(format!("m/{store}/{}", file.id), &member)?;
        }
        Ok(Answer::Member(Box::new(member), Box::new(file)))
    }

    /// Takes back what is not in yet of a batch. What is on its way is struck off by its next step, and its chunks go.
    pub(super) async fn cancel_batch(&mut self, store: &str, id: &str) -> Result<Answer, CountersError> {
        let Some(mut batch) = self.batch(store, id).await? else {
            return Ok(Answer::Absent(String::new()));
        };
        batch.cancelled = batch.cancelled || 0 < batch.counts.in_progress;
        self.put(format!("b/{store}/{id}"), &batch)?;
        let mut from = format!("a/b/{id}/");
        let to = format!("a/b/{id}0");
        loop {
            let places = self.cells.range(&from, &to, 200).await?;
            let Some((last, _)) = places.last() else { break };
            from = format!("{last}\u{1}");
            for (_, file) in places {
                let Some(mut member) = self.member(store, &file).await? else { continue };
                if member.status == Status::InProgress {
                    member.moved_at = self.now;
                    self.turn(&mut member, Status::Cancelled).await?;
                    let left = Left::of_member(&member, self.tick().await?);
                    self.put(left.key(), &left)?;
                    self.put(format!("m/{store}/{file}"), &member)?;
                }
            }
        }
        let batch = self.pending(&format!("b/{store}/{id}")).await?.unwrap_or(batch);
        Ok(Answer::Batch(batch))
    }
}
