//! Taking out what is no more seen, a piece a call.

use std::collections::BTreeSet;

use super::{
    object::{Open, Stop, number_key, text_key, version_key},
    shelve,
};
use crate::{
    index::{
        bundle::Of,
        meta::{Hidden, Vectors, Versions, lexical_key},
        version_id,
    },
    port::Cells,
};

/// Pages that are removed in one call.
const PAGES: usize = 50;

/// Segments that are taken out of pages in one call.
const SEGMENTS: usize = 16;

/// Cells that are removed in one call.
const CELLS: u32 = 1_000;

/// Takes out one piece.
pub(super) async fn tidy<C: Cells>(open: &mut Open<'_, C>) -> Result<(), Stop> {
    if !open.meta.untidy() {
        return Ok(());
    }
    open.change();
    if !open.meta.doomed.is_empty() {
        let doomed = &mut open.meta.doomed;
        let gone = doomed.split_off(doomed.len().saturating_sub(PAGES));
        open.pages.extend(gone.into_iter().map(|key| (key, None)));
        return Ok(());
    }
    if open.meta.forgotten != 0 {
        return forgotten(open).await;
    }
    let gone = open.meta.hidden.iter().find(|(_, hidden)| **hidden == Hidden::Gone);
    match gone.map(|(number, _)| *number) {
        Some(number) => version(open, number).await,
        None => Ok(()),
    }
}

/// Cells of versions that are forgotten.
async fn forgotten<C: Cells>(open: &mut Open<'_, C>) -> Result<(), Stop> {
    let after = open.meta.forgotten.saturating_add(1);
    let mut gone = Vec::new();
    for (from, to) in [("t/".to_owned(), format!("t/{after:010}")), ("n/".to_owned(), number_key(after))] {
        let found = open.cells.range(&from, &to, CELLS).await?;
        gone.extend(found.into_iter().map(|(key, _)| key));
    }
    if gone.is_empty() {
        // Few and small: what is left of them after the first thousands leads nowhere.
        let forgotten = open.meta.forgotten;
        for (key, text) in open.cells.range("f/", "f0", 10 * CELLS).await? {
            let versions: Versions = serde_json::from_str(&text).unwrap_or_default();
            if versions.since(forgotten) == Versions::default() {
                gone.push(key);
            }
        }
        for (key, number) in open.cells.range("x/", "x0", 10 * CELLS).await? {
            if number.parse().is_ok_and(|number: u32| number <= forgotten) {
                gone.push(key);
            }
        }
        open.meta.forgotten = 0;
    }
    open.changes.extend(gone.into_iter().map(|key| (key, None)));
    Ok(())
}

/// Some segments of a version, and the version after the last of them.
async fn version<C: Cells>(open: &mut Open<'_, C>, number: u32) -> Result<(), Stop> {
    let Some((_, mut version)) = open.version(Some(number)).await? else {
        open.meta.hidden.remove(&number);
        return Ok(());
    };
    let firsts: Vec<u32> = version.segments.keys().copied().take(SEGMENTS).collect();
    let goes = |of: &Of| of.number == number && firsts.contains(&of.first);
    let (mut lexical, mut vectors) = (BTreeSet::new(), BTreeSet::new());
    for first in &firsts {
        let Some(segment) = version.segments.remove(first) else { continue };
        lexical.insert(segment.lexical);
        vectors.extend(segment.vectors);
        let ordinals = *first..first.saturating_add(segment.chunks);
        open.changes.extend(ordinals.map(|ordinal| (text_key(number, ordinal), None)));
    }
    let written = open.meta.generation;
    for page in lexical {
        let shelf = &mut open.meta.lexical;
        let change = shelve::take(open.cells, shelf, page, lexical_key(page), written, goes).await?;
        open.pages.push(change);
    }
    for (space, page) in vectors {
        let kept = open.meta.space.iter_mut().chain(&mut open.meta.next).find(|kept| kept.number == space);
        let Some(Vectors { shelf, number, .. }) = kept else { continue };
        let key = crate::index::meta::vectors_key(*number, page);
        let change = shelve::take(open.cells, shelf, page, key, written, goes).await?;
        open.pages.push(change);
    }
    if version.segments.is_empty() {
        open.meta.hidden.remove(&number);
        open.changes.push((number_key(number), None));
        // Unless the same version was put again since.
        let key = version_key(&version_id(&version.file));
        let known = open.cells.read(std::slice::from_ref(&key)).await?;
        if known.iter().any(|(_, text)| *text == number.to_string()) {
            open.changes.push((key, None));
        }
    } else {
        open.set(number_key(number), &version)?;
    }
    Ok(())
}
