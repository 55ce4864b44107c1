//! The same calls where the configuration says that vectors are kept elsewhere: words and texts stay in the index's object,
//! vectors go to the service, under ids that say their version and ordinal. With `vectors: embedded` they are the object's calls
//! and nothing more. Calls that are not here ([`remove`](super::remove), [`forget`](super::forget)) are made as they are:
//! [`tidy`] removes the vectors of what they hide.
//!
//! A service shows late what was written, and goes on showing what was removed: what it finds that the index does not know
//! is left out there. Filters are passed on; what [`describe`](super::describe) changes of a file reaches them when it is
//! embedded anew.

use sluice_retrieval::dense::Vector;

use super::{IndexError, ask, down, other};
use crate::{
    config::document,
    gateway::vectors::Service,
    index::{
        Dense, File, Found, Piece, Place, Progress, Query, Space, State, chunk_id, version_id,
        wire::{Answer, Call, Waiting},
    },
    port::{Host, Vectors},
    vectors::{BATCH, MOST, Namespace, Nearest, Point},
};

/// Files that are told at a time.
const FILES: u32 = 100;

/// The namespace of a store's vectors of one space.
fn namespace(place: Place<'_>, space_number: u32) -> Namespace {
    Namespace::new(place.tenant, "knowledge", &format!("{}/{space_number}", place.store))
}

fn numbers(vector: &Vector) -> Vec<f32> {
    vector.values().iter().map(|value| f32::from(*value)).collect()
}

/// Puts the whole chunks' vectors; those without one, or of zeros, are found by words.
async fn upsert<H: Host>(
    host: &H,
    chosen: &document::Vectors,
    space: &Namespace,
    file: &File,
    vectors: impl Iterator<Item = (u32, &Vector)>,
) -> Result<(), IndexError> {
    let version = version_id(file);
    let points: Vec<Point> = vectors
        .map(|(ordinal, vector)| Point {
            id: chunk_id(&version, ordinal),
            vector: numbers(vector),
            text: String::new(),
            labels: file.attributes.clone(),
        })
        .filter(|point| point.vector.iter().any(|value| *value != 0.0))
        .collect();
    for points in points.chunks(BATCH) {
        Service::new(host, chosen).upsert(space, points).await.map_err(down)?;
    }
    Ok(())
}

/// Removes all of a version's vectors.
async fn erase<H: Host>(
    host: &H,
    chosen: &document::Vectors,
    space: &Namespace,
    file: &File,
) -> Result<(), IndexError> {
    let version = version_id(file);
    let ids: Vec<String> = (0..file.chunks).map(|ordinal| chunk_id(&version, ordinal)).collect();
    for ids in ids.chunks(BATCH) {
        Vectors::remove(&Service::new(host, chosen), space, ids).await.map_err(down)?;
    }
    Ok(())
}

/// As [`super::put`]. The vectors are there before the chunks are: what is seen has some.
///
/// # Errors
///
/// [`IndexError`].
pub async fn put<H: Host>(
    host: &H,
    chosen: &document::Vectors,
    place: Place<'_>,
    space: &Space,
    file: &File,
    pieces: &[Piece],
) -> Result<Progress, IndexError> {
    if *chosen == document::Vectors::Embedded {
        return super::put(host, place, space, file, pieces).await;
    }
    // Says whether it is there already, or refuses.
    let begun = super::put(host, place, space, file, &[]).await?;
    if begun.live {
        return Ok(begun);
    }
    let state = super::state(host, place).await?;
    let number = if state.next.as_ref() == Some(space) { state.next_number } else { state.space_number };
    let vectors = pieces.iter().filter_map(|piece| Some((piece.chunk.ordinal, piece.vectors.first()?)));
    upsert(host, chosen, &namespace(place, number), file, vectors).await?;
    let bare: Vec<Piece> =
        pieces.iter().map(|piece| Piece { chunk: piece.chunk.clone(), vectors: Vec::new() }).collect();
    super::put(host, place, space, file, &bare).await
}

/// As [`super::search`]. Where the service does not answer, words alone find.
///
/// # Errors
///
/// [`IndexError`].
pub async fn search<H: Host>(
    host: &H,
    chosen: &document::Vectors,
    place: Place<'_>,
    mut query: Query,
) -> Result<Found, IndexError> {
    if let (Dense::Vector { space, vector }, true) = (&query.dense, *chosen != document::Vectors::Embedded) {
        let state = super::state(host, place).await?;
        if let Some(has) = state.space.filter(|has| has != space) {
            let got = space.clone();
            return Err(IndexError::Refused(crate::index::Refusal::OtherSpace { has, got }));
        }
        let wanted =
            Nearest { vector: numbers(vector), count: MOST, filter: query.filter.clone(), texts: false };
        let space = namespace(place, state.space_number);
        let near = Service::new(host, chosen).nearest(&space, &wanted).await;
        query.dense = match near {
            Ok(near) => Dense::Found(near.into_iter().map(|near| (near.id, near.cosine)).collect()),
            Err(error) => {
                host.log(&format!("knowledge: {error}"));
                Dense::None
            }
        };
    }
    super::search(host, place, query).await
}

/// As [`super::revector`].
///
/// # Errors
///
/// [`IndexError`].
pub async fn revector<H: Host>(
    host: &H,
    chosen: &document::Vectors,
    place: Place<'_>,
    space: &Space,
    waiting: &Waiting,
    vectors: &[Vec<Vector>],
) -> Result<State, IndexError> {
    if *chosen == document::Vectors::Embedded {
        return super::revector(host, place, space, waiting.of, vectors).await;
    }
    let state = super::state(host, place).await?;
    if state.next.as_ref() == Some(space) {
        let all = waiting.chunks.iter().zip(vectors);
        let first = all.filter_map(|(chunk, vectors)| Some((chunk.ordinal, vectors.first()?)));
        upsert(host, chosen, &namespace(place, state.next_number), &waiting.file, first).await?;
    }
    super::revector(host, place, space, waiting.of, &vec![Vec::new(); vectors.len()]).await
}

/// As [`super::switch`]. The vectors of the space before are removed.
///
/// # Errors
///
/// [`IndexError`]. Some vectors may be left over then; nobody finds them.
pub async fn switch<H: Host>(
    host: &H,
    chosen: &document::Vectors,
    place: Place<'_>,
    space: &Space,
) -> Result<State, IndexError> {
    let before = super::state(host, place).await?;
    let state = super::switch(host, place, space).await?;
    if *chosen != document::Vectors::Embedded && before.space.as_ref() != Some(space) {
        erase_all(host, chosen, place, false, &[before.space_number]).await?;
    }
    Ok(state)
}

/// As [`super::tidy`]. The vectors of what is taken out go first: it is to follow whatever hides a version.
///
/// # Errors
///
/// [`IndexError`]: to be done again.
pub async fn tidy<H: Host>(
    host: &H,
    chosen: &document::Vectors,
    place: Place<'_>,
    most: u32,
) -> Result<bool, IndexError> {
    if *chosen != document::Vectors::Embedded {
        let state = super::state(host, place).await?;
        if state.untidy {
            let numbers: Vec<u32> = (1..=state.spaces).collect();
            erase_all(host, chosen, place, true, &numbers).await?;
        }
    }
    super::tidy(host, place, most).await
}

/// Removes the vectors of a store's files: of those that are `gone`, or of the others.
async fn erase_all<H: Host>(
    host: &H,
    chosen: &document::Vectors,
    place: Place<'_>,
    gone: bool,
    numbers: &[u32],
) -> Result<(), IndexError> {
    let mut from = 0;
    loop {
        let call = Call::Files { gone, from, most: FILES };
        let Answer::Files { files, next } = ask(host, place, &call, &[]).await? else { return other() };
        for file in &files {
            for number in numbers {
                erase(host, chosen, &namespace(place, *number), file).await?;
            }
        }
        match next {
            Some(next) => from = next,
            None => return Ok(()),
        }
    }
}
