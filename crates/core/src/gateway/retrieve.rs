//! Passages for an answer: looked for before the walk, in the tenant's own stores.

use std::rc::Rc;

use futures::future::try_join_all;
use sluice_providers::tokens;
use sluice_retrieval::rewrite;
use sluice_types::{
    chat::{Part, Request, Role},
    error::{ErrorKind, Failure},
    knowledge::Passage,
};

use super::{
    Context, Gateway,
    admit::Caller,
    library::{self, Answer, Call},
    passages,
};
use crate::{
    config::Model,
    grounded::{
        Grounds, item, place,
        wish::{OnError, Wish},
    },
    guardrail::{Plans, request::passage},
    key::Access,
    knowledge::{Kind, list::Page, read::Search, record::Store},
    port::Host,
};

/// The most bytes of a question that are searched for.
const MAX_QUERY: usize = 16_000;

/// Stores of a tenant that a name is looked for among.
const LISTED: u32 = 100;

/// What was found for a request.
pub(super) struct Found {
    pub grounds: Rc<Grounds>,
    /// What the passages depend on: stores, and which state of them.
    pub version: String,
    /// Whether the caller wants the passages told.
    pub results: bool,
}

impl Gateway {
    /// Finds what `wish` is for; `None` if the search failed and the model is to answer all the same. `plans` say which
    /// passages may be read.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] for a store that this tenant does not have, [`ErrorKind::Forbidden`] if the key may not name
    /// stores, and what keeps the search from being made, unless that is to be borne.
    pub(super) async fn retrieve<H: Host>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        caller: &Caller,
        model: &Model,
        wish: Wish,
        request: &Request<'_>,
        plans: &Plans,
    ) -> Result<Option<Found>, Failure> {
        if !wish.named.is_empty() && !may_name(caller) {
            let message =
                "this key may not name vector stores: use a secret key, or a model that has its own";
            return Err(Failure::new(ErrorKind::Forbidden, message));
        }
        let on_error = wish.on_error;
        match self.passages_of(context, caller, model, wish, request, plans).await {
            Err(failure) if on_error == OnError::Answer && failure.kind == ErrorKind::StoreUnavailable => {
                context.host.log(&format!("knowledge: answered without passages: {failure}"));
                Ok(None)
            }
            found => found.map(Some),
        }
    }

    async fn passages_of<H: Host>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        caller: &Caller,
        model: &Model,
        wish: Wish,
        request: &Request<'_>,
        plans: &Plans,
    ) -> Result<Found, Failure> {
        let stores = self.stores(context, caller, &wish).await?;
        let mut query = query(request);
        if let Some((end, _)) = query.char_indices().find(|(at, _)| MAX_QUERY <= *at) {
            query.truncate(end);
        }
        let search = Search {
            queries: vec![query.clone()],
            filter: wish.filter.clone(),
            most: wish.most,
            threshold: wish.threshold,
            ranker: wish.ranker.clone(),
        };
        let searches = stores.iter().map(|store| self.passages(context, caller, store, &search));
        let found = try_join_all(searches).await?;
        let mut version = format!("{}/{}/{:?}/{:?}", wish.most, wish.threshold, wish.filter, wish.ranker);
        let mut passages: Vec<Passage> = Vec::new();
        for (store, (some, generation)) in stores.iter().zip(found) {
            version.push_str(&format!("\n{}/{generation}", store.id));
            passages.extend(some);
        }
        passages.sort_by(|a, b| {
            let place =
                |passage: &Passage| (passage.store.clone(), passage.file.clone(), passage.chunk.ordinal);
            b.score.total_cmp(&a.score).then_with(|| place(a).cmp(&place(b)))
        });
        passages.truncate(wish.most as usize);
        let before = passages.len();
        passages.retain_mut(|found| passage(plans, &mut found.chunk.text));
        let denied = u32::try_from(before - passages.len()).unwrap_or(u32::MAX);
        let targets = model.targets.iter().filter(|target| caller.may_use(&target.provider));
        let budget = place::budget(targets, request, tokens::request(request));
        let ids = stores.into_iter().map(|store| store.id).collect();
        let grounds = Rc::new(Grounds::new(passages, query, budget, ids, denied));
        Ok(Found { grounds, version, results: wish.results })
    }

    /// The stores that `wish` names, each once.
    async fn stores<H: Host>(
        &self,
        context: &Context<'_, H>,
        caller: &Caller,
        wish: &Wish,
    ) -> Result<Vec<Store>, Failure> {
        let mut stores: Vec<Store> = Vec::new();
        for name in wish.named.iter().chain(&wish.own) {
            let found = if Kind::Store.is(name) {
                store(context, caller, name).await?
            } else {
                called(context, caller, name).await?
            };
            let Some(found) = found.filter(|store| !store.has_expired(context.started)) else {
                let message =
                    format!("there is no vector store `{name}`: GET /v1/vector_stores lists what there is");
                return Err(Failure::new(ErrorKind::NotFound, message));
            };
            if stores.iter().all(|known| known.id != found.id) {
                stores.push(found);
            }
        }
        Ok(stores)
    }
}

/// Whether the caller may name stores: what stands in a page or at an end user may not, unless its record says so.
fn may_name(caller: &Caller) -> bool {
    Access::Search <= caller.access()
}

/// The store of this id.
async fn store<H: Host>(
    context: &Context<'_, H>,
    caller: &Caller,
    id: &str,
) -> Result<Option<Store>, Failure> {
    let call = Call::Store(id.to_owned(), true);
    match library::ask(context.host, &caller.tenant.id, call).await.map_err(passages::library_down)? {
        Answer::Store(store) => Ok(Some(*store)),
        _ => Ok(None),
    }
}

/// The newest store of this name.
async fn called<H: Host>(
    context: &Context<'_, H>,
    caller: &Caller,
    name: &str,
) -> Result<Option<Store>, Failure> {
    let page = Page { limit: LISTED, newest_first: true, after: None, before: None };
    match library::ask(context.host, &caller.tenant.id, Call::Stores(page))
        .await
        .map_err(passages::library_down)?
    {
        Answer::Stores(stores, _) => Ok(stores.into_iter().find(|store| store.name == name)),
        _ => Ok(None),
    }
}

/// What to search for: the last question, with what it leans on.
fn query(request: &Request<'_>) -> String {
    let said: Vec<(Role, String)> = request
        .turns
        .iter()
        .map(|turn| {
            let texts: Vec<&str> = turn.parts.iter().filter_map(Part::as_text).collect();
            (turn.role, texts.join("\n"))
        })
        .filter(|(_, text)| !text.trim().is_empty())
        .collect();
    let turns: Vec<rewrite::Turn<'_>> = said
        .iter()
        .filter_map(|(role, text)| match role {
            Role::User => Some(rewrite::Turn::User(text)),
            Role::Assistant => Some(rewrite::Turn::Model(text)),
            Role::System | Role::Developer => None,
        })
        .collect();
    rewrite::query(&turns)
}

/// Takes out of a conversation what tells of earlier searches of ours: no provider knows of them.
pub(super) fn forget_searches(request: &mut Request<'_>) -> bool {
    let mut any = false;
    for turn in &mut request.turns {
        let before = turn.parts.len();
        turn.parts.retain(|part| !matches!(part, Part::Other { raw, .. } if item::is_ours(raw)));
        any |= turn.parts.len() < before;
    }
    request.turns.retain(|turn| !turn.parts.is_empty() || !any);
    any
}
