//! What one store has for a question.

use sluice_retrieval::{dense::Vector, mix::STATIC_WEIGHT, terms::Query as Words};
use sluice_semantic::decide::Engine;
use sluice_types::{
    error::{ErrorKind, Failure},
    knowledge::Passage,
};

use super::{
    Context,
    admit::Caller,
    index::{self, IndexError},
};
use crate::{
    grounded::wish::Wish,
    index::{Dense, Place, Query, Space},
    knowledge::{rank, record::Store},
    port::{CountersError, Host},
};

/// The fewest candidates that are looked at.
const CANDIDATES: u32 = 40;

/// The model that is compiled in.
const STATIC: &str = "builtin/static";

/// The passages of `store` for `query`, the best first.
pub(super) async fn of<H: Host>(
    context: &Context<'_, H>,
    caller: &Caller,
    store: &Store,
    wish: &Wish,
    query: &str,
) -> Result<Vec<Passage>, Failure> {
    let place = Place { tenant: &caller.tenant.id, store: &store.id };
    let search = Query {
        words: Words::new(query),
        dense: dense(store, query),
        filter: wish.filter.clone(),
        most: CANDIDATES.max(wish.most),
        weight: STATIC_WEIGHT,
    };
    let found = index::search(context.host, place, search).await.map_err(index_down)?;
    let again = wish.ranker.as_deref() != Some("none");
    let passages = rank::scored(&store.id, query, &Words::new(query), found, again);
    Ok(rank::picked(passages, wish.threshold, wish.most as usize))
}

/// The question's vector, where the store's model is the one that is compiled in; words alone decide elsewhere.
fn dense(store: &Store, query: &str) -> Dense {
    let Some(engine) = Engine::embedded().filter(|_| store.model == STATIC) else { return Dense::None };
    let numbers = engine.model.embed(query).0;
    let model = format!("{STATIC}@{}", engine.model.version());
    let space = Space { model, dims: u32::try_from(numbers.len()).unwrap_or(u32::MAX) };
    Dense::Vector { space, vector: Vector::new(&numbers) }
}

/// The failure that a silent index is.
pub(super) fn index_down(error: IndexError) -> Failure {
    Failure::new(ErrorKind::StoreUnavailable, format!("the vector store cannot be searched: {error}"))
}

/// The failure that a silent library is.
pub(super) fn library_down(error: CountersError) -> Failure {
    Failure::new(ErrorKind::StoreUnavailable, format!("the tenant's vector stores cannot be read: {error}"))
}
