//! Vectors in objects of our own: asking one, and what its calls mean over its cells.
//!
//! ```text
//! cells   s/{namespace}        [`page::Space`]: its pages
//!         d/{namespace}/{id}   the page a point is in
//! pages   {namespace}/{page}   [`page`]
//! ```

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use sluice_retrieval::dense::Vector;

use crate::{
    port::{Cells, Counters, CountersError},
    vectors::{
        Namespace, Near, Nearest, Point, VectorsError,
        page::{self, Space},
        wire::{self, Answer, Call, Entry},
    },
};

fn down(what: impl std::fmt::Display) -> VectorsError {
    VectorsError::Down(what.to_string())
}

async fn ask<'v>(
    host: &impl Counters,
    space: &Namespace,
    call: &Call,
    vectors: impl IntoIterator<Item = &'v [f32]>,
) -> Result<Answer, VectorsError> {
    let call = wire::frame(call, vectors).map_err(down)?;
    let bytes = host.count(&space.owner, call).await.map_err(down)?;
    match wire::open(&bytes).map_err(down)?.0 {
        Answer::Dims(dims) => Err(VectorsError::Refused(format!(
            "the vectors there have {dims} numbers, this one has not: use the same embeddings model"
        ))),
        answer => Ok(answer),
    }
}

pub(super) async fn upsert(
    host: &impl Counters,
    space: &Namespace,
    points: &[Point],
) -> Result<(), VectorsError> {
    let entry = |point: &Point| Entry {
        id: point.id.clone(),
        text: point.text.clone(),
        labels: point.labels.clone(),
    };
    let dims = points.first().map_or(0, |point| point.vector.len());
    if points.iter().any(|point| point.vector.len() != dims) {
        return Err(VectorsError::Refused("vectors of one call have different lengths".to_owned()));
    }
    let dims = u16::try_from(dims).map_err(|_| VectorsError::Refused("a vector is too long".to_owned()))?;
    let call = Call::Upsert { space: space.key.clone(), dims, points: points.iter().map(entry).collect() };
    ask(host, space, &call, points.iter().map(|point| point.vector.as_slice())).await.map(|_| ())
}

pub(super) async fn remove(
    host: &impl Counters,
    space: &Namespace,
    ids: &[String],
) -> Result<(), VectorsError> {
    let call = Call::Remove { space: space.key.clone(), ids: ids.to_vec() };
    ask(host, space, &call, []).await.map(|_| ())
}

pub(super) async fn nearest(
    host: &impl Counters,
    space: &Namespace,
    wanted: &Nearest,
) -> Result<Vec<Near>, VectorsError> {
    let Nearest { vector, count, filter, texts } = wanted;
    let (space_key, filter) = (space.key.clone(), filter.clone());
    let call = Call::Nearest { space: space_key, count: *count, filter, texts: *texts };
    match ask(host, space, &call, [vector.as_slice()]).await? {
        Answer::Near(near) => Ok(near),
        _ => Err(down("the object answered something else")),
    }
}

/// Answers a call: bytes that begin with [`wire::VECTORS`].
///
/// # Errors
///
/// [`CountersError`] if the call cannot be read or the cells fail; nothing may be kept then.
pub(in crate::gateway) async fn answer(cells: &impl Cells, call: &[u8]) -> Result<Bytes, CountersError> {
    let (call, numbers) = wire::open::<Call>(call).map_err(CountersError)?;
    let answer = match call {
        Call::Upsert { space, dims, points } => put(cells, &space, dims, points, &numbers).await?,
        Call::Remove { space, ids } => take(cells, &space, &ids).await?,
        Call::Nearest { space, count, filter, texts } => {
            let known = load(cells, &space).await?;
            if known.dims != 0 && usize::from(known.dims) != numbers.len() {
                Answer::Dims(known.dims)
            } else {
                let keys: Vec<String> = known.pages.keys().map(|page| page_key(&space, *page)).collect();
                let pages: Vec<Bytes> =
                    cells.pages(&keys).await?.into_iter().map(|(_, bytes)| bytes).collect();
                let vector = Vector::new(&numbers);
                Answer::Near(page::nearest(&pages, &vector, count as usize, filter.as_ref(), texts))
            }
        }
    };
    wire::frame(&answer, []).map_err(unreadable)
}

fn unreadable(error: serde_json::Error) -> CountersError {
    CountersError(format!("a cell of vectors cannot be read: {error}"))
}

fn space_key(space: &str) -> String {
    format!("s/{space}")
}

fn place_key(space: &str, id: &str) -> String {
    format!("d/{space}/{id}")
}

fn page_key(space: &str, page: u32) -> String {
    format!("{space}/{page:08}")
}

async fn load(cells: &impl Cells, space: &str) -> Result<Space, CountersError> {
    let found = cells.read(&[space_key(space)]).await?;
    let known = found.first().map(|(_, text)| serde_json::from_str(text)).transpose();
    Ok(known.map_err(unreadable)?.unwrap_or_default())
}

/// A namespace in the middle of a change.
struct Open<'c, C> {
    cells: &'c C,
    key: String,
    space: Space,
    /// Pages that are changed.
    pages: BTreeMap<u32, Vec<(Entry, Vector)>>,
    changes: Vec<(String, Option<String>)>,
}

impl<'c, C: Cells> Open<'c, C> {
    async fn new(cells: &'c C, key: &str) -> Result<Self, CountersError> {
        let space = load(cells, key).await?;
        Ok(Self { cells, key: key.to_owned(), space, pages: BTreeMap::new(), changes: Vec::new() })
    }

    /// The pages that points are in, taken apart without them.
    async fn without(&mut self, ids: &BTreeSet<&str>) -> Result<(), CountersError> {
        let keys: Vec<String> = ids.iter().map(|id| place_key(&self.key, id)).collect();
        let places = self.cells.read(&keys).await?;
        for page in places.iter().filter_map(|(_, page)| page.parse().ok()) {
            self.load(page).await?;
            if let Some(points) = self.pages.get_mut(&page) {
                points.retain(|(entry, _)| !ids.contains(entry.id.as_str()));
            }
        }
        self.changes.extend(places.into_iter().map(|(key, _)| (key, None)));
        Ok(())
    }

    async fn load(&mut self, page: u32) -> Result<(), CountersError> {
        if !self.pages.contains_key(&page) {
            let found = self.cells.pages(&[page_key(&self.key, page)]).await?;
            let points = found.first().map(|(_, bytes)| page::read(bytes)).unwrap_or_default();
            self.pages.insert(page, points);
        }
        Ok(())
    }

    async fn close(mut self) -> Result<(), CountersError> {
        let mut pages = Vec::with_capacity(self.pages.len());
        for (page, points) in &self.pages {
            let bytes = (!points.is_empty()).then(|| page::write(self.space.dims, points));
            match &bytes {
                Some(bytes) => self.space.pages.insert(*page, bytes.len()),
                None => self.space.pages.remove(page),
            };
            pages.push((page_key(&self.key, *page), bytes.map(Bytes::from)));
        }
        let space = serde_json::to_string(&self.space).map_err(unreadable)?;
        let empty = self.space.pages.is_empty();
        self.changes.push((space_key(&self.key), (!empty).then_some(space)));
        self.cells.write_pages(&pages).await?;
        self.cells.write(&self.changes).await
    }
}

async fn put(
    cells: &impl Cells,
    space: &str,
    dims: u16,
    points: Vec<Entry>,
    numbers: &[f32],
) -> Result<Answer, CountersError> {
    let mut open = Open::new(cells, space).await?;
    if open.space.dims != 0 && open.space.dims != dims {
        return Ok(Answer::Dims(open.space.dims));
    }
    open.space.dims = dims;
    open.without(&points.iter().map(|point| point.id.as_str()).collect()).await?;
    let mut vectors = numbers.chunks_exact(usize::from(dims).max(1));
    for entry in points {
        let Some(vector) = vectors.next() else { break };
        let page = open.space.room();
        open.load(page).await?;
        open.changes.push((place_key(space, &entry.id), Some(page.to_string())));
        let size = open.space.pages.entry(page).or_default();
        *size += usize::from(dims) + entry.id.len() + entry.text.len() + 64;
        let points = open.pages.entry(page).or_default();
        // Of two of one id in one call the later one stays.
        points.retain(|(known, _)| known.id != entry.id);
        points.push((entry, Vector::new(vector)));
    }
    open.close().await?;
    Ok(Answer::Done)
}

async fn take(cells: &impl Cells, space: &str, ids: &[String]) -> Result<Answer, CountersError> {
    let mut open = Open::new(cells, space).await?;
    open.without(&ids.iter().map(String::as_str).collect()).await?;
    if !open.changes.is_empty() {
        open.close().await?;
    }
    Ok(Answer::Done)
}
