//! A file into a store.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use sluice_core::{
    gateway::{
        index::{self, IndexError},
        knowledge::{clear, embed},
        library::{self, Answer, Call, Step},
    },
    index::{File, Piece, Place, Refusal, Space},
    key,
    knowledge::{
        file_key,
        record::{self, Cut, Member, Status},
        text_key,
    },
    port::{Host, PAGE},
};
use sluice_retrieval::dense::{Vector, windows};
use sluice_types::knowledge::Chunk;

use crate::{Stop, Work, cut, member, step};

/// The most pages of chunks of one invocation.
const PAGES: u32 = 32;

/// The most texts of one call of an embeddings model: what every provider takes.
const TEXTS: usize = 64;

/// How many calls the index may take to take out what is no more seen, before somebody else does.
const TIDY: u32 = 4;

/// Brings a file further into its store, to the end if it is not large.
pub async fn index<H: Host>(work: &Work<'_, H>) -> Result<(), Stop> {
    let call = Call::Member { store: work.note.store.clone(), file: work.note.file.clone() };
    let (mut member, file) = match library::ask(work.host, work.tenant(), call).await? {
        Answer::Member(member, file) => (*member, *file),
        // It was deleted in the meantime.
        _ => return Ok(()),
    };
    if member.status != Status::InProgress {
        // What was taken back or replaced may have left something.
        clear::clear(work.host, &work.config.vectors, work.tenant(), &member.store, &member.file).await?;
        return Ok(());
    }
    let cut = match member.cut {
        Some(cut) => cut,
        None => match cut_up(work, &member, &file).await? {
            Some(cut) => cut,
            None => return Ok(()),
        },
    };
    member.cut = Some(cut);
    let Some(store) = store(work).await? else { return Ok(()) };
    let version = version(&file, &member);
    let coming = File {
        id: file.id.clone(),
        version,
        filename: file.filename.clone(),
        attributes: member.attributes.clone(),
        attached_at: member.attached_at,
        chunks: cut.chunks,
    };
    let place = Place { tenant: work.tenant(), store: &member.store };
    let first = member.done.checked_div(cut.slice).unwrap_or(0);
    for (page, turn) in (first..cut.pages).zip(0..) {
        if PAGES <= turn || (0 < turn && work.is_over()) {
            return work.go_on().await;
        }
        if put_page(work, place, &store.model, &coming, &member, page).await?.is_none() {
            return Ok(());
        }
        let done = (page + 1).saturating_mul(cut.slice).min(cut.chunks);
        match step(work, &member, Step::Done(done)).await? {
            Some(after) if after.status == Status::InProgress => {}
            // It was deleted or taken back: who did that has its chunks taken out.
            _ => return Ok(()),
        }
    }
    // The index says whether all of it has come: steps may have been written down that its object then lost.
    let known = index::known(work.host, place, &file.id).await.map_err(stop)?;
    let live = known.live.is_some_and(|live| live.version == coming.version);
    if !live {
        for page in 0..cut.pages {
            if put_page(work, place, &store.model, &coming, &member, page).await?.is_none() {
                return Ok(());
            }
        }
    }
    index::elsewhere::tidy(work.host, &work.config.vectors, place, TIDY).await.map_err(stop)?;
    clear::discard_texts(
        work.host,
        work.tenant(),
        &member.store,
        &file.id,
        member.attached_at,
        Some(cut.pages),
    )
    .await?;
    let space = index::state(work.host, place).await.map_err(stop)?.space;
    let dims = space.map_or(0, |space| u64::from(space.dims));
    let usage_bytes = cut.bytes.saturating_add(u64::from(cut.chunks).saturating_mul(dims));
    let Some(after) = step(work, &member, Step::Completed { usage_bytes }).await? else { return Ok(()) };
    if after.attributes != member.attributes {
        index::describe(work.host, place, &file.id, after.attributes).await.map_err(stop)?;
    }
    // A stay of the same file before may have left its pages.
    clear::clear(work.host, &work.config.vectors, work.tenant(), &member.store, &file.id).await?;
    Ok(())
}

/// What the chunks of a file are called by: the same bytes, cut in the same way, are the same version.
fn version(file: &record::File, member: &Member) -> String {
    let chunking = member.chunking;
    let text = format!("{} {} {} {}", file.digest, chunking.max, chunking.overlap, cut::VERSION);
    key::hex(&key::digest(&text))
}

async fn store<H: Host>(work: &Work<'_, H>) -> Result<Option<record::Store>, Stop> {
    let call = Call::Store(work.note.store.clone(), false);
    Ok(match library::ask(work.host, work.tenant(), call).await? {
        Answer::Store(store) => Some(*store),
        _ => None,
    })
}

/// Cuts the file and keeps its chunks; `None` if it is no more wanted.
async fn cut_up<H: Host>(
    work: &Work<'_, H>,
    wanted: &Member,
    file: &record::File,
) -> Result<Option<Cut>, Stop> {
    let mut bytes = Vec::with_capacity(usize::try_from(file.bytes).unwrap_or(0));
    for page in 0..file.pages {
        match work.host.load(&file_key(work.tenant(), &file.id, page)).await? {
            Some(page) => bytes.extend_from_slice(&page),
            None if member(work).await?.is_none() => return Ok(None),
            None => return Err(Stop::Later("a page of the file is not to be seen here yet".to_owned())),
        }
    }
    if key::hex(&Sha256::digest(&bytes)) != file.digest {
        return Err(Stop::Later("the file's pages are not what was uploaded".to_owned()));
    }
    let document = cut::document(&file.filename, bytes)?;
    let save = async |number: u32, page: Bytes| {
        let key = text_key(work.tenant(), &wanted.store, &wanted.file, wanted.attached_at.0, number);
        Ok(work.host.save(&key, page).await?)
    };
    let cut = cut::keep(&document, wanted.chunking, PAGE, save).await?;
    let after = step(work, wanted, Step::Cut(cut)).await?;
    Ok(after.filter(|after| after.status == Status::InProgress).map(|_| cut))
}

/// Embeds a page of chunks and puts it into the index; `None` if the file is no more wanted.
async fn put_page<H: Host>(
    work: &Work<'_, H>,
    place: Place<'_>,
    model: &str,
    file: &File,
    member: &Member,
    page: u32,
) -> Result<Option<()>, Stop> {
    let key = text_key(work.tenant(), &member.store, &member.file, member.attached_at.0, page);
    let Some(bytes) = work.host.load(&key).await? else {
        // Whoever finished it before us has discarded its pages.
        let now = crate::member(work).await?;
        let wanted =
            now.is_some_and(|now| now.status == Status::InProgress && now.attached_at == member.attached_at);
        let known = index::known(work.host, place, &file.id).await.map_err(stop)?;
        return match known.live {
            Some(live) if wanted && live.version == file.version => Ok(Some(())),
            _ if wanted => Err(Stop::Later("a page of chunks is not to be seen here yet".to_owned())),
            _ => Ok(None),
        };
    };
    let chunks = cut::read(&bytes)?;
    let (space, vectors) = vectors(work, model, &chunks).await?;
    let pieces: Vec<Piece> =
        chunks.into_iter().zip(vectors).map(|(chunk, vectors)| Piece { chunk, vectors }).collect();
    match index::elsewhere::put(work.host, &work.config.vectors, place, &space, file, &pieces).await {
        Ok(_) => Ok(Some(())),
        Err(IndexError::Refused(Refusal::Removed)) => Ok(None),
        // Embedded anew in the meantime: the next try reads the store's model again.
        Err(IndexError::Refused(refusal @ Refusal::OtherSpace { .. })) => {
            Err(Stop::Later(refusal.to_string()))
        }
        Err(error) => Err(stop(error)),
    }
}

/// The vectors of chunks: the whole's, and those of its windows where that costs nothing.
pub async fn vectors<H: Host>(
    work: &Work<'_, H>,
    model: &str,
    chunks: &[Chunk],
) -> Result<(Space, Vec<Vec<Vector>>), Stop> {
    let free = embed::is_built_in(&work.config, model);
    let mut texts: Vec<&str> = Vec::new();
    let mut counts = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        let before = texts.len();
        texts.push(&chunk.text);
        if free {
            texts.extend(windows(&chunk.text).into_iter().filter_map(|range| chunk.text.get(range)));
        }
        counts.push(texts.len() - before);
    }
    let together = if free { texts.len() } else { TEXTS };
    let (mut space, mut all) = (None, Vec::with_capacity(texts.len()));
    for texts in texts.chunks(together.max(1)) {
        let embedded = work.gateway.embed(work.host, work.tenant(), model, texts).await?;
        if space.as_ref().is_some_and(|space| *space != embedded.space) {
            return Err(Stop::Later(format!("`{model}` answers with different models' vectors")));
        }
        space = Some(embedded.space);
        all.extend(embedded.vectors);
    }
    let Some(space) = space else { return Err(Stop::Later("there was nothing to embed".to_owned())) };
    let mut all = all.into_iter();
    let vectors = counts.into_iter().map(|count| all.by_ref().take(count).collect()).collect();
    Ok((space, vectors))
}

pub fn stop(error: IndexError) -> Stop {
    Stop::Later(error.to_string())
}
