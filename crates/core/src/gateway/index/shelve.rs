//! Segments into pages and out of them; vectors of the next space.

use bytes::Bytes;
use sluice_retrieval::dense;

use super::object::{Open, Stop, number_key, read};
use crate::{
    index::{
        Refusal, Space,
        bundle::{self, Of},
        meta::{Hidden, Page, Shelf, Version},
        wire::{Answer, SegmentOf, Waiting},
    },
    port::{Cells, CountersError},
};

/// Versions that are looked at in one call for segments without vectors.
const LOOKED_AT: u32 = 200;

/// Where a segment was put, and the page as it is to be written.
pub(super) struct Shelved {
    pub page: u32,
    pub change: (String, Option<Bytes>),
}

async fn page(cells: &impl Cells, key: &str) -> Result<Bytes, CountersError> {
    let found = cells.pages(&[key.to_owned()]).await?;
    Ok(found.into_iter().next().map(|(_, bytes)| bytes).unwrap_or_default())
}

/// Adds a segment to a page of `shelf`.
pub(super) async fn add(
    cells: &impl Cells,
    shelf: &mut Shelf,
    key: impl Fn(u32) -> String,
    written: u64,
    of: Of,
    segment: &[u8],
) -> Result<Shelved, CountersError> {
    let number = shelf.room(bundle::size(segment));
    let key = key(number);
    let before = if shelf.pages.contains_key(&number) { page(cells, &key).await? } else { Bytes::new() };
    let mut segments = bundle::read(&before);
    segments.push((of, segment));
    let bytes = bundle::write(&segments);
    shelf.pages.insert(number, Page { bytes: bytes.len(), written });
    shelf.chunks += u64::from(of.chunks);
    Ok(Shelved { page: number, change: (key, Some(bytes.into())) })
}

/// Takes those segments out of a page that `goes` names.
pub(super) async fn take(
    cells: &impl Cells,
    shelf: &mut Shelf,
    number: u32,
    key: String,
    written: u64,
    goes: impl Fn(&Of) -> bool,
) -> Result<(String, Option<Bytes>), CountersError> {
    let before = page(cells, &key).await?;
    let (gone, left): (Vec<_>, Vec<_>) = bundle::read(&before).into_iter().partition(|(of, _)| goes(of));
    let chunks: u64 = gone.iter().map(|(of, _)| u64::from(of.chunks)).sum();
    shelf.chunks = shelf.chunks.saturating_sub(chunks);
    if left.is_empty() {
        shelf.pages.remove(&number);
        return Ok((key, None));
    }
    let bytes = bundle::write(&left);
    shelf.pages.insert(number, Page { bytes: bytes.len(), written });
    Ok((key, Some(bytes.into())))
}

/// Begins to embed anew.
pub(super) fn reembed<C: Cells>(open: &mut Open<'_, C>, space: Space) {
    let is = |vectors: &Option<crate::index::meta::Vectors>| {
        vectors.as_ref().is_some_and(|vectors| vectors.space == space)
    };
    if is(&open.meta.next) || (is(&open.meta.space) && open.meta.next.is_none()) {
        return;
    }
    open.change();
    if let Some(other) = open.meta.next.take() {
        open.meta.doom(&other);
    }
    if !is(&open.meta.space) {
        let vectors = open.meta.vectors(space);
        open.meta.next = Some(vectors);
    }
}

/// Segments that have no vectors of the next space.
pub(super) async fn pending<C: Cells>(open: &Open<'_, C>, from: u32, most: u32) -> Result<Answer, Stop> {
    let nothing = Answer::Pending { segments: Vec::new(), next: None };
    let Some(next) = &open.meta.next else { return Ok(nothing) };
    let from = from.max(open.meta.forgotten.saturating_add(1));
    let found = open.cells.range(&number_key(from), "n0", LOOKED_AT).await?;
    let (mut segments, mut last) = (Vec::new(), None);
    for (key, text) in &found {
        let Some(number) = key.strip_prefix("n/").and_then(|number| number.parse().ok()) else { continue };
        if most as usize <= segments.len() {
            return Ok(Answer::Pending { segments, next: Some(number) });
        }
        last = Some(number);
        if open.meta.hidden.get(&number) == Some(&Hidden::Gone) {
            continue;
        }
        let Ok(version) = serde_json::from_str::<Version>(text) else { continue };
        for (first, segment) in &version.segments {
            if segment.vectors.contains_key(&next.number) {
                continue;
            }
            if most as usize <= segments.len() {
                return Ok(Answer::Pending { segments, next: Some(number) });
            }
            let of = SegmentOf { number, first: *first };
            let chunks = open.texts(number, *first, segment.chunks).await?;
            segments.push(Waiting { of, file: version.file.clone(), chunks });
        }
    }
    let more = found.len() == LOOKED_AT as usize;
    Ok(Answer::Pending { segments, next: last.filter(|_| more).map(|last: u32| last.saturating_add(1)) })
}

/// Takes a segment's vectors of the next space.
pub(super) async fn revector<C: Cells>(
    open: &mut Open<'_, C>,
    space: &Space,
    of: SegmentOf,
    vectors: &[u8],
) -> Result<(), Stop> {
    let Some(next) = open.meta.next.clone() else {
        // It may have been switched to by another that did the same.
        return match &open.meta.space {
            Some(has) if has.space == *space => Ok(()),
            Some(has) => Err(Refusal::OtherSpace { has: has.space.clone(), got: space.clone() }.into()),
            None => Err(Refusal::Wrong("nothing is being embedded anew".to_owned()).into()),
        };
    };
    if next.space != *space {
        return Err(Refusal::OtherSpace { has: next.space, got: space.clone() }.into());
    }
    let key = number_key(of.number);
    let Some(mut version) = read::<Version>(open.cells, &key).await? else { return Ok(()) };
    let gone = of.number <= open.meta.forgotten || open.meta.hidden.get(&of.number) == Some(&Hidden::Gone);
    let Some(segment) = version.segments.get_mut(&of.first).filter(|_| !gone) else { return Ok(()) };
    if segment.vectors.contains_key(&next.number) {
        return Ok(());
    }
    let parsed = dense::Vectors::parse(vectors).map_err(|error| Refusal::Wrong(error.to_string()))?;
    if parsed.chunks() != segment.chunks as usize || parsed.dims() != space.dims as usize {
        return Err(Refusal::Wrong("the vectors are not those of the segment's chunks".to_owned()).into());
    }
    open.change();
    let written = open.meta.generation;
    let whole = Of { number: of.number, first: of.first, chunks: segment.chunks };
    let mut shelf = next.shelf.clone();
    let added = add(open.cells, &mut shelf, |page| next.key(page), written, whole, vectors).await?;
    segment.vectors.insert(next.number, added.page);
    open.meta.next = Some(crate::index::meta::Vectors { shelf, ..next });
    open.pages.push(added.change);
    open.set(key, &version)?;
    Ok(())
}

/// Uses the next space from now on.
pub(super) async fn switch<C: Cells>(open: &mut Open<'_, C>, space: &Space) -> Result<(), Stop> {
    match (&open.meta.next, &open.meta.space) {
        (Some(next), _) if next.space == *space => {}
        (None, Some(has)) if has.space == *space => return Ok(()),
        (Some(other), _) | (None, Some(other)) => {
            return Err(Refusal::OtherSpace { has: other.space.clone(), got: space.clone() }.into());
        }
        (None, None) => return Err(Refusal::Wrong("nothing was embedded anew".to_owned()).into()),
    }
    match open.pending().await? {
        0 => {}
        pending => return Err(Refusal::Pending(pending).into()),
    }
    open.change();
    let next = open.meta.next.take();
    if let Some(old) = std::mem::replace(&mut open.meta.space, next) {
        open.meta.doom(&old);
    }
    Ok(())
}
