//! An index's object: its calls, answered over whatever cells its host keeps for it.

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use sluice_types::{knowledge::Chunk, time::Timestamp};

use super::{put, search, shelve, tidy};
use crate::{
    index::{
        Refusal, State,
        meta::{Hidden, Meta, Version, Versions},
        wire::{self, Answer, Call, Known},
    },
    port::{Cells, CountersError},
};

/// Why a call was not done: the object refuses, or its cells fail.
pub(super) enum Stop {
    Refused(Refusal),
    Failed(CountersError),
}

impl From<CountersError> for Stop {
    fn from(error: CountersError) -> Self {
        Self::Failed(error)
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Answers a call: bytes that begin with [`wire::INDEX`].
///
/// # Errors
///
/// [`CountersError`] if the call cannot be read or the cells fail; nothing may be kept then.
pub(in crate::gateway) async fn answer(
    cells: &impl Cells,
    now: Timestamp,
    call: &[u8],
) -> Result<Bytes, CountersError> {
    let (call, after) = wire::open::<Call>(call).map_err(CountersError)?;
    let answered = match done(cells, now, call, after).await {
        Ok(answered) => answered,
        Err(Stop::Refused(refusal)) => Answer::Refused(refusal),
        Err(Stop::Failed(error)) => return Err(error),
    };
    wire::frame(&answered, &[]).map_err(unreadable)
}

async fn done(cells: &impl Cells, now: Timestamp, call: Call, after: &[u8]) -> Result<Answer, Stop> {
    let mut open = Open::load(cells, now).await?;
    let answer = match call {
        Call::Put { space, file, chunks, postings } => {
            let (postings, vectors) = after.split_at_checked(postings).unwrap_or_default();
            put::put(&mut open, &space, file, &chunks, postings, vectors).await?
        }
        Call::Remove { file, at } => put::remove(&mut open, &file, at).await?,
        Call::Describe { file, attributes } => match open.live(&file).await? {
            Some((number, mut version)) => {
                version.file.attributes = attributes;
                open.change();
                open.set(number_key(number), &version)?;
                Answer::Described(true)
            }
            None => Answer::Described(false),
        },
        Call::File(file) => {
            let versions = open.versions(&file).await?;
            let (live, bytes) = match open.version(versions.live).await? {
                Some((_, version)) => (Some(version.file), version.bytes),
                None => (None, 0),
            };
            let coming = open.version(versions.coming).await?;
            let coming = coming.map(|(_, version)| {
                let count = version.count();
                (version.file, count)
            });
            Answer::File(Known { live, bytes, coming })
        }
        Call::Chunks { file, from, most } => match open.live(&file).await? {
            Some((number, _)) => Answer::Chunks(Some(open.texts(number, from, most.min(1_000)).await?)),
            None => Answer::Chunks(None),
        },
        Call::Search { owner, words, space, found, filter, most, weight } => {
            let query = search::Asked { owner, words, space, vector: after, found, filter, most, weight };
            return search::search(&open, query).await;
        }
        Call::State => Answer::State(open.state().await?),
        Call::Files { gone, from, most } => open.files(gone, from, most).await?,
        Call::Reembed(space) => {
            shelve::reembed(&mut open, space);
            Answer::State(open.state().await?)
        }
        Call::Pending { from, most } => shelve::pending(&open, from, most).await?,
        Call::Revector { space, of } => {
            shelve::revector(&mut open, &space, of, after).await?;
            Answer::State(open.state().await?)
        }
        Call::Switch(space) => {
            shelve::switch(&mut open, &space).await?;
            Answer::State(open.state().await?)
        }
        Call::Tidy => {
            tidy::tidy(&mut open).await?;
            Answer::More(open.meta.untidy())
        }
        Call::Forget => {
            open.change();
            open.meta.forget();
            Answer::More(open.meta.untidy())
        }
    };
    open.close().await?;
    Ok(answer)
}

fn unreadable(error: serde_json::Error) -> CountersError {
    CountersError(format!("an index's cell cannot be read: {error}"))
}

const META: &str = "i/meta";

pub(super) fn file_key(file: &str) -> String {
    format!("f/{file}")
}

pub(super) fn number_key(number: u32) -> String {
    format!("n/{number:010}")
}

pub(super) fn version_key(version_id: &str) -> String {
    format!("x/{version_id}")
}

pub(super) fn text_key(number: u32, ordinal: u32) -> String {
    format!("t/{number:010}/{ordinal:010}")
}

/// An index in the middle of a call: what is changed is written at its end, all at once.
pub(super) struct Open<'c, C> {
    pub cells: &'c C,
    pub now: Timestamp,
    pub meta: Meta,
    /// Changes of cells.
    pub changes: Vec<(String, Option<String>)>,
    /// Changes of pages.
    pub pages: Vec<(String, Option<Bytes>)>,
    changed: bool,
}

impl<'c, C: Cells> Open<'c, C> {
    async fn load(cells: &'c C, now: Timestamp) -> Result<Self, CountersError> {
        let meta = read(cells, META).await?.unwrap_or_default();
        Ok(Self { cells, now, meta, changes: Vec::new(), pages: Vec::new(), changed: false })
    }

    /// The call changes something.
    pub fn change(&mut self) {
        if !self.changed {
            self.meta.change(self.now);
            self.changed = true;
        }
    }

    pub fn set(&mut self, key: String, value: &impl Serialize) -> Result<(), CountersError> {
        self.changes.push((key, Some(serde_json::to_string(value).map_err(unreadable)?)));
        Ok(())
    }

    async fn close(mut self) -> Result<(), CountersError> {
        if !self.changed {
            return Ok(());
        }
        let meta = std::mem::take(&mut self.meta);
        self.set(META.to_owned(), &meta)?;
        self.cells.write_pages(&self.pages).await?;
        self.cells.write(&self.changes).await
    }

    /// Which versions of a file there are.
    pub async fn versions(&self, file: &str) -> Result<Versions, CountersError> {
        let versions: Versions = read(self.cells, &file_key(file)).await?.unwrap_or_default();
        Ok(versions.since(self.meta.forgotten))
    }

    /// A version by its number.
    pub async fn version(&self, number: Option<u32>) -> Result<Option<(u32, Version)>, CountersError> {
        let Some(number) = number else { return Ok(None) };
        Ok(read(self.cells, &number_key(number)).await?.map(|version| (number, version)))
    }

    /// The version of a file that is seen.
    pub async fn live(&self, file: &str) -> Result<Option<(u32, Version)>, CountersError> {
        let live = self.versions(file).await?.live;
        self.version(live).await
    }

    /// What callers are told.
    async fn state(&self) -> Result<State, CountersError> {
        Ok(State { pending: self.pending().await?, ..self.meta.state() })
    }

    /// Chunks that have no vectors of the next space and are to have some: those that only wait to be taken out need none.
    pub async fn pending(&self) -> Result<u64, CountersError> {
        let Some(next) = &self.meta.next else { return Ok(0) };
        let gone = self.meta.hidden.iter().filter(|(_, hidden)| **hidden == Hidden::Gone);
        let keys: Vec<String> = gone.map(|(number, _)| number_key(*number)).collect();
        let mut pending = self.meta.pending();
        if pending == 0 || keys.is_empty() {
            return Ok(pending);
        }
        for (_, text) in self.cells.read(&keys).await? {
            let version: Version = serde_json::from_str(&text).map_err(unreadable)?;
            let without = version.segments.values().filter(|one| !one.vectors.contains_key(&next.number));
            pending = pending.saturating_sub(without.map(|one| u64::from(one.chunks)).sum());
        }
        Ok(pending)
    }

    /// Versions of files from a number on: those that wait to be taken out, or the others.
    async fn files(&self, gone: bool, from: u32, most: u32) -> Result<Answer, CountersError> {
        let (mut files, mut from, most) = (Vec::new(), from, most.clamp(1, 1_000));
        loop {
            let found = self.cells.range(&number_key(from), "n0", most).await?;
            for (key, text) in &found {
                let Some(number) = key.strip_prefix("n/").and_then(|number| number.parse::<u32>().ok())
                else {
                    continue;
                };
                if most as usize <= files.len() {
                    return Ok(Answer::Files { files, next: Some(number) });
                }
                from = number.saturating_add(1);
                let hidden = self.meta.hidden.get(&number) == Some(&Hidden::Gone);
                if gone == (hidden || number <= self.meta.forgotten) {
                    files.push(serde_json::from_str::<Version>(text).map_err(unreadable)?.file);
                }
            }
            if found.len() < most as usize {
                return Ok(Answer::Files { files, next: None });
            }
        }
    }

    /// Chunks of a version from an ordinal on.
    pub async fn texts(&self, number: u32, from: u32, most: u32) -> Result<Vec<Chunk>, CountersError> {
        let end = format!("t/{number:010}0");
        let found = self.cells.range(&text_key(number, from), &end, most).await?;
        found.iter().map(|(_, text)| serde_json::from_str(text).map_err(unreadable)).collect()
    }
}

/// A cell read as JSON.
pub(super) async fn read<T: DeserializeOwned>(
    cells: &impl Cells,
    key: &str,
) -> Result<Option<T>, CountersError> {
    let found = cells.read(&[key.to_owned()]).await?;
    found.first().map(|(_, text)| serde_json::from_str(text)).transpose().map_err(unreadable)
}
