//! Files in stores, alone and in batches.

use std::time::Duration;

use sluice_types::error::{ErrorKind, Failure};

use super::{
    super::{Reply, reply},
    Answer, Asking, Call, Job, absent, told, unexpected,
};
use crate::{
    gateway::{index, library::Step},
    index::Place,
    knowledge::{
        Kind, list as lists,
        message::Message,
        read::{self, NewMember},
        record::{Member, Status},
        write,
    },
    port::Host,
};

/// Who has not moved for so long is asked for again.
const STALLED: Duration = Duration::from_secs(60);

/// When to ask again how far a file is, in milliseconds, for SDKs that poll.
const POLL: &str = "500";

/// The most chunks of one answer of a file's text, and of one call for them.
const CHUNKS: u32 = 64;

/// The most bytes of a file's text in one answer.
const MAX_TEXT: usize = 16 << 20;

/// Puts files into a store and tells the queue.
pub(super) async fn put<H: Host>(
    ask: &Asking<'_, H>,
    store: &str,
    members: Vec<NewMember>,
    batch: Option<String>,
) -> Result<Vec<Member>, Failure> {
    if let Some(new) = members.iter().find(|new| !Kind::File.is(&new.file)) {
        return Err(absent("file", &new.file));
    }
    if !Kind::Store.is(store) {
        return Err(absent("vector store", store));
    }
    match ask.library(Call::Attach { store: store.to_owned(), members, batch }).await? {
        Answer::Members(members, _) => {
            let waiting = members.iter().filter(|member| member.status == Status::InProgress);
            let notes: Vec<Message> =
                waiting.map(|member| ask.note(Job::Index, store, &member.file)).collect();
            ask.send(&notes, Duration::ZERO).await?;
            Ok(members)
        }
        Answer::Absent(file) if file.is_empty() => Err(absent("vector store", store)),
        Answer::Absent(file) => Err(absent("file", &file)),
        _ => Err(unexpected()),
    }
}

pub(super) async fn attach<H: Host>(
    ask: &Asking<'_, H>,
    store: &str,
    body: &[u8],
) -> Result<Reply<H::Body>, Failure> {
    let new = read::new_member(body)?;
    let members = put(ask, store, vec![new], None).await?;
    members.first().map(shown).ok_or_else(unexpected)
}

pub(super) async fn attach_all<H: Host>(
    ask: &Asking<'_, H>,
    store: &str,
    body: &[u8],
) -> Result<Reply<H::Body>, Failure> {
    let new = read::new_batch(body)?;
    let id = Kind::Batch.id(ask.context.started, ask.host().random());
    put(ask, store, new, Some(id.clone())).await?;
    batch(ask, store, &id).await
}

fn shown<B>(member: &Member) -> Reply<B> {
    let mut reply = told(&write::member(member));
    if member.status == Status::InProgress {
        reply::set(&mut reply.headers, "openai-poll-after-ms", POLL);
    }
    reply
}

async fn find<H: Host>(ask: &Asking<'_, H>, store: &str, file: &str) -> Result<Member, Failure> {
    if !Kind::Store.is(store) || !Kind::File.is(file) {
        return Err(absent("file of this vector store", file));
    }
    let call = Call::Member { store: store.to_owned(), file: file.to_owned() };
    match ask.library(call).await? {
        Answer::Member(member, _) => Ok(*member),
        Answer::Absent(_) => Err(absent("file of this vector store", file)),
        _ => Err(unexpected()),
    }
}

pub(super) async fn show<H: Host>(
    ask: &Asking<'_, H>,
    store: &str,
    file: &str,
) -> Result<Reply<H::Body>, Failure> {
    let member = find(ask, store, file).await?;
    let waited = ask.context.started.since(member.moved_at);
    if member.status == Status::InProgress && STALLED <= waited {
        // The note may have been lost. Where it was not, one more does no harm.
        let attached_at = member.attached_at;
        let (store, file) = (store.to_owned(), file.to_owned());
        let notes = [ask.note(Job::Index, &store, &file)];
        ask.library(Call::Step { store, file, attached_at, step: Step::Asked }).await?;
        ask.send(&notes, Duration::ZERO).await?;
    }
    Ok(shown(&member))
}

pub(super) async fn list<H: Host>(
    ask: &Asking<'_, H>,
    store: &str,
    batch: Option<&str>,
    query: &str,
) -> Result<Reply<H::Body>, Failure> {
    let missing = || match batch {
        None => absent("vector store", store),
        Some(batch) => absent("batch of this vector store", batch),
    };
    if !Kind::Store.is(store) || batch.is_some_and(|batch| !Kind::Batch.is(batch)) {
        return Err(missing());
    }
    let (page, filters) = lists::read(query, 20, 100)?;
    if let Some(id) = page.after.iter().chain(&page.before).find(|id| !Kind::File.is(id)) {
        return Err(absent("file of this vector store", id));
    }
    let batch = batch.map(str::to_owned);
    let call = Call::Members { store: store.to_owned(), batch, status: filters.status, page };
    match ask.library(call).await? {
        Answer::Members(members, more) => {
            Ok(told(&write::list(members.iter().map(write::member).collect(), more)))
        }
        Answer::Absent(id) if id.is_empty() => Err(missing()),
        Answer::Absent(id) => Err(absent("file of this vector store", &id)),
        _ => Err(unexpected()),
    }
}

/// Says something else of a file: in the library, and in the index if it is there already.
pub(super) async fn describe<H: Host>(
    ask: &Asking<'_, H>,
    store: &str,
    file: &str,
    body: &[u8],
) -> Result<Reply<H::Body>, Failure> {
    let attributes = read::new_attributes(body)?;
    find(ask, store, file).await?;
    let call =
        Call::Describe { store: store.to_owned(), file: file.to_owned(), attributes: attributes.clone() };
    let member = match ask.library(call).await? {
        Answer::Member(member, _) => member,
        Answer::Absent(_) => return Err(absent("file of this vector store", file)),
        _ => return Err(unexpected()),
    };
    let place = Place { tenant: ask.tenant(), store };
    index::describe(ask.host(), place, file, attributes).await.map_err(index_down)?;
    Ok(shown(&member))
}

pub(super) fn index_down(error: index::IndexError) -> Failure {
    Failure::new(ErrorKind::StoreUnavailable, format!("the store's index: {error}"))
}

pub(super) async fn detach<H: Host>(
    ask: &Asking<'_, H>,
    store: &str,
    file: &str,
) -> Result<Reply<H::Body>, Failure> {
    let missing = || absent("file of this vector store", file);
    if !Kind::Store.is(store) || !Kind::File.is(file) {
        return Err(missing());
    }
    let call = Call::Detach { store: store.to_owned(), file: file.to_owned() };
    if !ask.delete(call, store, file).await? {
        return Err(missing());
    }
    Ok(told(&write::deleted(file, "vector_store.file.deleted")))
}

/// The text of a file as it was cut, chunk by chunk.
pub(super) async fn content<H: Host>(
    ask: &Asking<'_, H>,
    store: &str,
    file: &str,
) -> Result<Reply<H::Body>, Failure> {
    find(ask, store, file).await?;
    let place = Place { tenant: ask.tenant(), store };
    let (mut texts, mut bytes, mut from) = (Vec::new(), 0, 0);
    while bytes < MAX_TEXT {
        let chunks = index::chunks(ask.host(), place, file, from, CHUNKS).await.map_err(index_down)?;
        let chunks = chunks.unwrap_or_default();
        let Some(last) = chunks.last() else { break };
        from = last.ordinal.saturating_add(1);
        for chunk in chunks {
            bytes += chunk.text.len();
            texts.push(chunk.text);
        }
    }
    Ok(told(&write::content(texts)))
}

pub(super) async fn batch<H: Host>(
    ask: &Asking<'_, H>,
    store: &str,
    batch: &str,
) -> Result<Reply<H::Body>, Failure> {
    let call = Call::Batch { store: store.to_owned(), batch: batch.to_owned() };
    batch_told(ask, store, batch, call).await
}

pub(super) async fn cancel<H: Host>(
    ask: &Asking<'_, H>,
    store: &str,
    batch: &str,
) -> Result<Reply<H::Body>, Failure> {
    let call = Call::CancelBatch { store: store.to_owned(), batch: batch.to_owned() };
    batch_told(ask, store, batch, call).await
}

async fn batch_told<H: Host>(
    ask: &Asking<'_, H>,
    store: &str,
    batch: &str,
    call: Call,
) -> Result<Reply<H::Body>, Failure> {
    let missing = || absent("batch of this vector store", batch);
    if !Kind::Store.is(store) || !Kind::Batch.is(batch) {
        return Err(missing());
    }
    match ask.library(call).await? {
        Answer::Batch(batch) => {
            let mut reply = told(&write::batch(&batch));
            if batch.status() == Status::InProgress {
                reply::set(&mut reply.headers, "openai-poll-after-ms", POLL);
            }
            Ok(reply)
        }
        Answer::Absent(_) => Err(missing()),
        _ => Err(unexpected()),
    }
}
