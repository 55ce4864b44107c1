//! Asking a store's index: chunks in, candidates out. What it means is [`index`](crate::index)'s.
//!
//! Every call is one call of the index's object, but for [`put`], which sends a file in batches, and [`tidy`].

pub mod elsewhere;
mod object;
mod put;
mod search;
mod shelve;
mod tidy;

use std::fmt;

use sluice_retrieval::{
    dense::{self, Vector},
    mix::{Mix, Spread},
    postings, terms,
};
use sluice_types::{
    knowledge::{Attributes, Chunk},
    time::Timestamp,
};

pub(super) use self::object::answer;
use crate::{
    index::{
        BATCH, CANDIDATES, Dense, File, Found, NUMBERS, Piece, Place, Progress, Query, Refusal, Space, State,
        wire::{self, Answer, Call, Known, SegmentOf, Waiting},
    },
    port::{Counters, CountersError},
};

/// The most bytes of texts in one call.
const CALL: usize = 1_000_000;

/// Why an index did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexError {
    /// It will not.
    Refused(Refusal),
    /// It did not; the call may have happened or not. To be tried again.
    Down(CountersError),
}

impl From<CountersError> for IndexError {
    fn from(error: CountersError) -> Self {
        Self::Down(error)
    }
}

impl fmt::Display for IndexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Down(error) => write!(f, "the index does not answer: {error}"),
        }
    }
}

impl std::error::Error for IndexError {}

fn down(what: impl fmt::Display) -> IndexError {
    IndexError::Down(CountersError(what.to_string()))
}

async fn ask(
    host: &impl Counters,
    place: Place<'_>,
    call: &Call,
    after: &[u8],
) -> Result<Answer, IndexError> {
    let call = wire::frame(call, after).map_err(down)?;
    let bytes = host.count(&place.owner(), call).await?;
    match wire::open(&bytes).map_err(down)?.0 {
        Answer::Refused(refusal) => Err(IndexError::Refused(refusal)),
        answer => Ok(answer),
    }
}

fn other<T>() -> Result<T, IndexError> {
    Err(down("the index answered something else"))
}

/// Puts chunks of a file, all of them or some, in any order; what is there already is not sent twice. The file is seen
/// once all [`File::chunks`] have come; until then its version before is. Doing it again changes nothing.
///
/// `space` is what made the pieces' vectors: the index takes it from the first put, and refuses another.
///
/// # Errors
///
/// [`IndexError`]. What has come stays: it is to be done again.
pub async fn put(
    host: &impl Counters,
    place: Place<'_>,
    space: &Space,
    file: &File,
    pieces: &[Piece],
) -> Result<Progress, IndexError> {
    let mut pieces: Vec<&Piece> = pieces.iter().collect();
    pieces.sort_by_key(|piece| piece.chunk.ordinal);
    pieces.dedup_by_key(|piece| piece.chunk.ordinal);
    let mut progress = None;
    for run in runs(&pieces) {
        progress = Some(send(host, place, space, file, run).await?);
    }
    let progress = match progress {
        Some(progress) => progress,
        None => send(host, place, space, file, &[]).await?,
    };
    // Batches that overlap others, cut otherwise in an earlier try, were not taken: what is missing of them is sent.
    let missing = |piece: &&Piece| {
        progress.missing.iter().any(|(from, to)| (*from..*to).contains(&piece.chunk.ordinal))
    };
    let left: Vec<&Piece> = pieces.into_iter().filter(missing).collect();
    let mut last = None;
    for run in runs(&left) {
        last = Some(send(host, place, space, file, run).await?);
    }
    Ok(last.unwrap_or(progress))
}

/// Runs of pieces that follow each other, each small enough for one call.
fn runs<'a, 'p>(mut pieces: &'a [&'p Piece]) -> impl Iterator<Item = &'a [&'p Piece]> {
    std::iter::from_fn(move || {
        let first = pieces.first()?.chunk.ordinal;
        let mut bytes = 0;
        let follows = |(expected, piece): &(u32, &&Piece)| {
            bytes += piece.chunk.text.len();
            piece.chunk.ordinal == *expected && (bytes <= CALL || *expected == first)
        };
        let length = (first..).zip(pieces).take(BATCH).take_while(follows).count();
        let (run, rest) = pieces.split_at_checked(length.max(1))?;
        pieces = rest;
        Some(run)
    })
}

async fn send(
    host: &impl Counters,
    place: Place<'_>,
    space: &Space,
    file: &File,
    pieces: &[&Piece],
) -> Result<Progress, IndexError> {
    let words: Vec<_> = pieces.iter().map(|piece| terms::of_chunk(&piece.chunk)).collect();
    let vectors: Vec<&[Vector]> = pieces.iter().map(|piece| clipped(&piece.vectors)).collect();
    let mut after = postings::pack(&words);
    let call = Call::Put {
        space: space.clone(),
        file: file.clone(),
        chunks: pieces.iter().map(|piece| piece.chunk.clone()).collect(),
        postings: after.len(),
    };
    after.extend(dense::pack(dims(space)?, &vectors));
    match ask(host, place, &call, &after).await? {
        Answer::Progress(progress) => Ok(progress),
        _ => other(),
    }
}

/// As many vectors as a chunk may have.
fn clipped(vectors: &[Vector]) -> &[Vector] {
    let most = vectors.first().map_or(0, |first| (NUMBERS / first.dims().max(1)).max(1));
    vectors.get(..most).unwrap_or(vectors)
}

fn dims(space: &Space) -> Result<u16, IndexError> {
    let wrong = |_| Refusal::Wrong(format!("{} dimensions are too many", space.dims));
    u16::try_from(space.dims).map_err(wrong).map_err(IndexError::Refused)
}

/// Takes a file out of what is seen, at once. Puts of it that were attached before `at` are refused from now on. Tells
/// the version that was seen: its chunks' ids are those that another service is to forget. [`tidy`] is to follow.
///
/// # Errors
///
/// [`IndexError`].
pub async fn remove(
    host: &impl Counters,
    place: Place<'_>,
    file: &str,
    at: Timestamp,
) -> Result<Option<File>, IndexError> {
    match ask(host, place, &Call::Remove { file: file.to_owned(), at }, &[]).await? {
        Answer::Removed(file) => Ok(file),
        _ => other(),
    }
}

/// Says something else of a file; false if it is not there.
///
/// # Errors
///
/// [`IndexError`].
pub async fn describe(
    host: &impl Counters,
    place: Place<'_>,
    file: &str,
    attributes: Attributes,
) -> Result<bool, IndexError> {
    match ask(host, place, &Call::Describe { file: file.to_owned(), attributes }, &[]).await? {
        Answer::Described(known) => Ok(known),
        _ => other(),
    }
}

/// What the index knows of a file.
///
/// # Errors
///
/// [`IndexError`].
pub async fn known(host: &impl Counters, place: Place<'_>, file: &str) -> Result<Known, IndexError> {
    match ask(host, place, &Call::File(file.to_owned()), &[]).await? {
        Answer::File(known) => Ok(known),
        _ => other(),
    }
}

/// At most `most` chunks of a file, from the ordinal `from` on; `None` if the file is not seen.
///
/// # Errors
///
/// [`IndexError`].
pub async fn chunks(
    host: &impl Counters,
    place: Place<'_>,
    file: &str,
    from: u32,
    most: u32,
) -> Result<Option<Vec<Chunk>>, IndexError> {
    match ask(host, place, &Call::Chunks { file: file.to_owned(), from, most }, &[]).await? {
        Answer::Chunks(chunks) => Ok(chunks),
        _ => other(),
    }
}

/// Searches. An index that holds nothing finds nothing.
///
/// # Errors
///
/// [`Refusal::OtherSpace`] if the query's vector was made with something else than the chunks'.
pub async fn search(host: &impl Counters, place: Place<'_>, query: Query) -> Result<Found, IndexError> {
    let Query { words, dense, filter, most, weight } = query;
    let (space, found, vector) = match dense {
        Dense::None => (None, None, Vec::new()),
        Dense::Found(found) => (None, Some(found), Vec::new()),
        Dense::Vector { space, vector } => {
            let numbers = vector.values().iter().map(|value| value.cast_unsigned()).collect();
            (Some(space), None, numbers)
        }
    };
    let most = most.min(CANDIDATES as u32);
    let call = Call::Search { owner: place.owner(), words, space, found, filter, most, weight };
    let answer = ask(host, place, &call, &vector).await?;
    let Answer::Found { candidates, lexical, dense, weight, weights, most, generation } = answer else {
        return other();
    };
    let spread = |(mean, deviation)| Spread { mean, deviation };
    Ok(Found {
        candidates,
        mix: Mix { lexical: spread(lexical), dense: spread(dense), weight },
        most,
        weights,
        generation,
    })
}

async fn state_after(host: &impl Counters, place: Place<'_>, call: &Call) -> Result<State, IndexError> {
    match ask(host, place, call, &[]).await? {
        Answer::State(state) => Ok(state),
        _ => other(),
    }
}

/// What the index has.
///
/// # Errors
///
/// [`IndexError`].
pub async fn state(host: &impl Counters, place: Place<'_>) -> Result<State, IndexError> {
    state_after(host, place, &Call::State).await
}

/// Begins to embed everything anew with `space`; searches go on with what there is. Again for the same space: goes on.
/// Then, until [`pending`] has nothing: embed its chunks, [`revector`]; at last [`switch`].
///
/// # Errors
///
/// [`IndexError`].
pub async fn reembed(host: &impl Counters, place: Place<'_>, space: &Space) -> Result<State, IndexError> {
    state_after(host, place, &Call::Reembed(space.clone())).await
}

/// At most `most` segments (of up to 64 chunks) that have no vectors of the next space, from the version `from` on (0 to
/// begin), and where to go on.
///
/// # Errors
///
/// [`IndexError`].
pub async fn pending(
    host: &impl Counters,
    place: Place<'_>,
    from: u32,
    most: u32,
) -> Result<(Vec<Waiting>, Option<u32>), IndexError> {
    match ask(host, place, &Call::Pending { from, most }, &[]).await? {
        Answer::Pending { segments, next } => Ok((segments, next)),
        _ => other(),
    }
}

/// Brings the vectors of a segment's chunks, in their order. A segment that is gone by now is no error.
///
/// # Errors
///
/// [`Refusal::OtherSpace`] if `space` is not the next one.
pub async fn revector(
    host: &impl Counters,
    place: Place<'_>,
    space: &Space,
    of: SegmentOf,
    vectors: &[Vec<Vector>],
) -> Result<State, IndexError> {
    let vectors: Vec<&[Vector]> = vectors.iter().map(|vectors| clipped(vectors)).collect();
    let packed = dense::pack(dims(space)?, &vectors);
    match ask(host, place, &Call::Revector { space: space.clone(), of }, &packed).await? {
        Answer::State(state) => Ok(state),
        _ => other(),
    }
}

/// Searches compare with the vectors of the next space from now on. Done before, it changes nothing.
///
/// # Errors
///
/// [`Refusal::Pending`] if chunks have no vector of it yet, [`Refusal::OtherSpace`] if it is another.
pub async fn switch(host: &impl Counters, place: Place<'_>, space: &Space) -> Result<State, IndexError> {
    state_after(host, place, &Call::Switch(space.clone())).await
}

/// Takes out what is no more seen: after [`remove`], [`switch`], [`forget`], and a [`put`] that took another version's
/// place. Stops after `most` calls; true if more is left.
///
/// # Errors
///
/// [`IndexError`]; nothing is seen of what is left.
pub async fn tidy(host: &impl Counters, place: Place<'_>, most: u32) -> Result<bool, IndexError> {
    for _ in 0..most {
        match ask(host, place, &Call::Tidy, &[]).await? {
            Answer::More(true) => {}
            Answer::More(false) => return Ok(false),
            _ => return other(),
        }
    }
    Ok(true)
}

/// Forgets everything at once. [`tidy`] is to follow.
///
/// # Errors
///
/// [`IndexError`].
pub async fn forget(host: &impl Counters, place: Place<'_>) -> Result<(), IndexError> {
    match ask(host, place, &Call::Forget, &[]).await? {
        Answer::More(_) => Ok(()),
        _ => other(),
    }
}
