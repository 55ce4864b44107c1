//! Chunks come and go.

use std::collections::BTreeMap;

use sluice_retrieval::{dense, postings::Postings};
use sluice_types::{knowledge::Chunk, time::Timestamp};

use super::{
    object::{Open, Stop, file_key, number_key, text_key, version_key},
    shelve::{self, Shelved},
};
use crate::{
    index::{
        BATCH, File, Progress, Refusal, Space,
        bundle::Of,
        meta::{Fit, Hidden, Segment, Version, lexical_key},
        version_id,
        wire::Answer,
    },
    port::Cells,
};

fn wrong(what: &str) -> Stop {
    Refusal::Wrong(what.to_owned()).into()
}

/// Which of the two spaces vectors belong to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    Space,
    Next,
}

/// Puts `chunks`, whose packed postings and vectors these are.
pub(super) async fn put<C: Cells>(
    open: &mut Open<'_, C>,
    space: &Space,
    file: File,
    chunks: &[Chunk],
    postings: &[u8],
    vectors: &[u8],
) -> Result<Answer, Stop> {
    let first = chunks.first().map_or(0, |chunk| chunk.ordinal);
    check(space, &file, chunks, postings, vectors)?;
    let mut versions = open.versions(&file.id).await?;
    if versions.removed_at.is_some_and(|removed| file.attached_at <= removed) {
        return Err(Refusal::Removed.into());
    }
    let live = open.version(versions.live).await?;
    if let Some((_, live)) = live.as_ref().filter(|(_, live)| live.file.version == file.version) {
        return Ok(progress(live, true, open.meta.untidy()));
    }
    let target = target(open, space)?;
    let coming = open.version(versions.coming).await?;
    let same = coming.filter(|(_, coming)| coming.file.version == file.version);
    let (number, mut version) = match same {
        Some(same) => same,
        None => {
            if let Some(other) = versions.coming {
                open.meta.hidden.insert(other, Hidden::Gone);
            }
            let number = open.meta.number();
            open.meta.hidden.insert(number, Hidden::Coming);
            versions.coming = Some(number);
            open.changes.push((version_key(&version_id(&file)), Some(number.to_string())));
            (number, Version::new(file))
        }
    };
    let count = chunks.len() as u32;
    open.change();
    if count != 0 && version.fit(first, count) == Fit::New {
        let of = Of { number, first, chunks: count };
        let written = open.meta.generation;
        let lexical =
            shelve::add(open.cells, &mut open.meta.lexical, lexical_key, written, of, postings).await?;
        let kept = match target {
            Target::Space => open.meta.space.as_mut(),
            Target::Next => open.meta.next.as_mut(),
        };
        let mut pages = BTreeMap::new();
        let mut shelved = vec![lexical.change];
        if let Some(kept) = kept {
            let (number, mut shelf) = (kept.number, std::mem::take(&mut kept.shelf));
            let Shelved { page, change } =
                shelve::add(open.cells, &mut shelf, |page| kept.key(page), written, of, vectors).await?;
            kept.shelf = shelf;
            pages.insert(number, page);
            shelved.push(change);
        }
        open.pages.extend(shelved);
        let segment = Segment { chunks: count, lexical: lexical.page, vectors: pages };
        version.segments.insert(first, segment);
        for chunk in chunks {
            version.bytes += chunk.text.len() as u64;
            open.set(text_key(number, chunk.ordinal), chunk)?;
        }
    }
    let whole = version.is_whole();
    if whole {
        open.meta.hidden.remove(&number);
        if let Some((old, before)) = live {
            open.meta.hidden.insert(old, Hidden::Gone);
            count_out(open, &before);
        }
        (versions.live, versions.coming) = (Some(number), None);
        open.meta.files += 1;
        open.meta.chunks += u64::from(version.count());
        open.meta.bytes += version.bytes;
    }
    open.set(number_key(number), &version)?;
    open.set(file_key(&version.file.id), &versions)?;
    Ok(progress(&version, whole, open.meta.untidy()))
}

fn check(space: &Space, file: &File, chunks: &[Chunk], postings: &[u8], vectors: &[u8]) -> Result<(), Stop> {
    if BATCH < chunks.len() {
        return Err(wrong("too many chunks in one call"));
    }
    let first = chunks.first().map_or(0, |chunk| chunk.ordinal);
    let follow = (first..).zip(chunks).all(|(ordinal, chunk)| chunk.ordinal == ordinal);
    if !follow || file.chunks < first.saturating_add(chunks.len() as u32) {
        return Err(wrong("the chunks do not follow each other, or the file has fewer"));
    }
    if chunks.is_empty() {
        return Ok(());
    }
    let postings = Postings::parse(postings).map_err(|error| wrong(&error.to_string()))?;
    let vectors = dense::Vectors::parse(vectors).map_err(|error| wrong(&error.to_string()))?;
    let same = postings.chunks() as usize == chunks.len() && vectors.chunks() == chunks.len();
    if !same || vectors.dims() != space.dims as usize {
        return Err(wrong("words or vectors are not those of the chunks"));
    }
    Ok(())
}

/// Where vectors of `space` belong. An index that holds nothing takes any.
fn target<C: Cells>(open: &mut Open<'_, C>, space: &Space) -> Result<Target, Stop> {
    match (&open.meta.space, &open.meta.next) {
        (Some(has), _) if has.space == *space => Ok(Target::Space),
        (_, Some(next)) if next.space == *space => Ok(Target::Next),
        (Some(has), _) if open.meta.lexical.chunks != 0 => {
            Err(Refusal::OtherSpace { has: has.space.clone(), got: space.clone() }.into())
        }
        (has, _) => {
            if let Some(has) = has.clone() {
                open.meta.doom(&has);
            }
            let vectors = open.meta.vectors(space.clone());
            open.meta.space = Some(vectors);
            Ok(Target::Space)
        }
    }
}

fn progress(version: &Version, live: bool, untidy: bool) -> Answer {
    Answer::Progress(Progress { missing: version.missing(), received: version.count(), live, untidy })
}

/// A version is no more counted.
fn count_out<C>(open: &mut Open<'_, C>, version: &Version) {
    let meta = &mut open.meta;
    meta.files = meta.files.saturating_sub(1);
    meta.chunks = meta.chunks.saturating_sub(u64::from(version.count()));
    meta.bytes = meta.bytes.saturating_sub(version.bytes);
}

/// Takes a file out of what is seen.
pub(super) async fn remove<C: Cells>(
    open: &mut Open<'_, C>,
    file: &str,
    at: Timestamp,
) -> Result<Answer, Stop> {
    let mut versions = open.versions(file).await?;
    let live = open.version(versions.live).await?;
    let newer = |version: &Version| at < version.file.attached_at;
    if live.as_ref().is_some_and(|(_, live)| newer(live)) {
        return Ok(Answer::Removed(None));
    }
    open.change();
    if let Some((number, live)) = &live {
        open.meta.hidden.insert(*number, Hidden::Gone);
        count_out(open, live);
        versions.live = None;
    }
    let coming = open.version(versions.coming).await?;
    if let Some((number, _)) = coming.filter(|(_, coming)| !newer(coming)) {
        open.meta.hidden.insert(number, Hidden::Gone);
        versions.coming = None;
    }
    versions.removed_at = versions.removed_at.max(Some(at));
    open.set(file_key(file), &versions)?;
    Ok(Answer::Removed(live.map(|(_, live)| live.file)))
}
