//! Stores.

use std::time::Duration;

use sluice_types::error::Failure;

use super::{super::Reply, Answer, Asking, Call, Job, absent, embed, members, told, unexpected};
use crate::{
    knowledge::{
        Kind, list as lists, read,
        record::{Counts, Next, Store},
        write,
    },
    port::Host,
};

pub(super) async fn create<H: Host>(ask: &Asking<'_, H>, body: &[u8]) -> Result<Reply<H::Body>, Failure> {
    let new = read::new_store(body)?;
    let (now, host) = (ask.context.started, ask.host());
    let model = match &new.change.model {
        Some(model) => embed::admitted(ask.context, ask.caller, model)?,
        None => ask.context.config.embeddings.clone(),
    };
    let store = Store {
        id: Kind::Store.id(now, host.random()),
        name: new.change.name.unwrap_or_default(),
        description: new.change.description,
        created_at: now,
        active_at: now,
        expires_after_days: new.change.expires_after_days.flatten(),
        metadata: new.change.metadata.unwrap_or_default(),
        model,
        next: None,
        counts: Counts::default(),
        usage_bytes: 0,
    };
    ask.library(Call::AddStore(store.clone())).await?;
    if new.members.is_empty() {
        return Ok(told(&write::store(&store, now)));
    }
    if let Err(failure) = members::put(ask, &store.id, new.members, None).await {
        ask.delete(Call::DeleteStore(store.id.clone()), &store.id, "").await?;
        return Err(failure);
    }
    show(ask, &store.id).await
}

pub(super) async fn find<H: Host>(ask: &Asking<'_, H>, id: &str, used: bool) -> Result<Store, Failure> {
    if !Kind::Store.is(id) {
        return Err(absent("vector store", id));
    }
    match ask.library(Call::Store(id.to_owned(), used)).await? {
        Answer::Store(store) => Ok(*store),
        Answer::Absent(_) => Err(absent("vector store", id)),
        _ => Err(unexpected()),
    }
}

pub(super) async fn show<H: Host>(ask: &Asking<'_, H>, id: &str) -> Result<Reply<H::Body>, Failure> {
    Ok(told(&write::store(&find(ask, id, false).await?, ask.context.started)))
}

pub(super) async fn list<H: Host>(ask: &Asking<'_, H>, query: &str) -> Result<Reply<H::Body>, Failure> {
    let (page, _) = lists::read(query, 20, 100)?;
    match ask.library(Call::Stores(page)).await? {
        Answer::Stores(stores, more) => {
            let stores = stores.iter().map(|store| write::store(store, ask.context.started)).collect();
            Ok(told(&write::list(stores, more)))
        }
        Answer::Absent(id) => Err(absent("vector store", &id)),
        _ => Err(unexpected()),
    }
}

/// Changes a store. Another embeddings model has it embedded anew, in the background; the one that it has ends that.
pub(super) async fn change<H: Host>(
    ask: &Asking<'_, H>,
    id: &str,
    body: &[u8],
) -> Result<Reply<H::Body>, Failure> {
    let change = read::store_change(body)?;
    let store = find(ask, id, false).await?;
    if let Some(model) = &change.model {
        let model = embed::admitted(ask.context, ask.caller, model)?;
        let next = (model != store.model).then(|| Next {
            model: model.clone(),
            after: String::new(),
            done: 0,
            problem: None,
        });
        let wanted = next.is_some();
        if store.next.as_ref().map(|next| &next.model) != next.as_ref().map(|next| &next.model) {
            ask.library(Call::Reembed { store: id.to_owned(), next, switch: false }).await?;
        }
        if wanted {
            ask.send(&[ask.note(Job::Reembed, id, "")], Duration::ZERO).await?;
        }
    }
    match ask.library(Call::ChangeStore { store: id.to_owned(), change: change.into() }).await? {
        Answer::Store(store) => Ok(told(&write::store(&store, ask.context.started))),
        Answer::Absent(_) => Err(absent("vector store", id)),
        _ => Err(unexpected()),
    }
}

pub(super) async fn delete<H: Host>(ask: &Asking<'_, H>, id: &str) -> Result<Reply<H::Body>, Failure> {
    if !Kind::Store.is(id) {
        return Err(absent("vector store", id));
    }
    if !ask.delete(Call::DeleteStore(id.to_owned()), id, "").await? {
        return Err(absent("vector store", id));
    }
    Ok(told(&write::deleted(id, "vector_store.deleted")))
}
