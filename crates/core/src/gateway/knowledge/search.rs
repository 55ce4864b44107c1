//! Searching a store: candidates from its index, put in order by what their texts say, and told apart.

use std::{collections::HashMap, rc::Rc};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use sluice_providers::operation::Operation;
use sluice_retrieval::{dense::Vector, mix::STATIC_WEIGHT, terms::Query as Words};
use sluice_semantic::decide::Engine;
use sluice_types::{
    error::{ErrorKind, Failure},
    json::from_bytes,
    knowledge::Passage,
};

use super::{
    super::{Context, Gateway, Reply, ReplyBody, admit::Caller},
    Asking, embed, stores, told,
};
use crate::{
    gateway::{
        index::{self, IndexError},
        passages::index_down,
    },
    index::{Dense, Found, Place, Query, Refusal, Space},
    knowledge::{
        rank,
        read::{self, Search},
        record::Store,
        write,
    },
    port::Host,
};

/// How many candidates are looked at, at least.
const CANDIDATES: u32 = 40;

/// The model that is compiled in.
const STATIC: &str = "builtin/static";

impl Gateway {
    pub(super) async fn answer_search<H: Host>(
        self: &Rc<Self>,
        ask: &Asking<'_, H>,
        store: &str,
        body: &[u8],
    ) -> Result<Reply<H::Body>, Failure> {
        let search = read::search(body)?;
        let store = stores::find(ask, store, true).await?;
        if store.has_expired(ask.context.started) {
            let message = format!("the vector store `{}` has expired", store.id);
            return Err(Failure::new(ErrorKind::InvalidRequest, message));
        }
        let (passages, _) = self.passages(ask.context, ask.caller, &store, &search).await?;
        Ok(told(&write::found(&search.queries, &passages)))
    }

    /// What `store` has for `search`, the best first, and which state of its index that was. Of several queries a passage has
    /// its best score, and the state is the oldest.
    pub(in crate::gateway) async fn passages<H: Host>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        caller: &Caller,
        store: &Store,
        search: &Search,
    ) -> Result<(Vec<Passage>, u64), Failure> {
        let mut best: HashMap<(String, u32), Passage> = HashMap::new();
        let mut generation = u64::MAX;
        for text in &search.queries {
            let found = self.candidates(context, caller, store, search, text).await?;
            generation = generation.min(found.generation);
            let passages = match self.ranking(context, caller, search, text, &found).await {
                Some(scores) => rank::with_scores(&store.id, found, scores),
                None => {
                    let again = search.ranker.as_deref() != Some("none");
                    rank::scored(&store.id, text, &Words::new(text), found, again)
                }
            };
            for passage in passages {
                let at = (passage.file.clone(), passage.chunk.ordinal);
                if best.get(&at).is_none_or(|known| known.score < passage.score) {
                    best.insert(at, passage);
                }
            }
        }
        let picked = rank::picked(best.into_values().collect(), search.threshold, search.most as usize);
        Ok((picked, generation))
    }

    /// The candidates for one text. Where no vector is to be had, words alone decide.
    async fn candidates<H: Host>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        caller: &Caller,
        store: &Store,
        search: &Search,
        text: &str,
    ) -> Result<Found, Failure> {
        let place = Place { tenant: &caller.tenant.id, store: &store.id };
        let models = [Some(&store.model), store.next.as_ref().map(|next| &next.model)];
        let mut models = models.into_iter().flatten().peekable();
        while let Some(model) = models.next() {
            let dense = self.dense(context, caller, model, text).await?;
            let query = Query {
                words: Words::new(text),
                dense,
                filter: search.filter.clone(),
                most: CANDIDATES.max(search.most),
                weight: STATIC_WEIGHT,
            };
            match index::elsewhere::search(context.host, &context.config.vectors, place, query).await {
                Ok(found) => return Ok(found),
                // The store may have been embedded anew since its record was read.
                Err(IndexError::Refused(Refusal::OtherSpace { .. })) if models.peek().is_some() => {}
                Err(error) => return Err(index_down(error)),
            }
        }
        Err(Failure::new(ErrorKind::Internal, "the store names no embeddings model"))
    }

    /// A query's vector by `model`.
    async fn dense<H: Host>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        caller: &Caller,
        model: &str,
        text: &str,
    ) -> Result<Dense, Failure> {
        if model == STATIC
            && embed::is_built_in(&context.config, model)
            && let Some(engine) = Engine::embedded()
        {
            let numbers = engine.model.embed(text).0;
            let dims = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            let space = Space { model: embed::own_space(STATIC), dims };
            return Ok(Dense::Vector { space, vector: Vector::new(&numbers) });
        }
        match self.embed_for(context, caller, model, &[text]).await {
            Ok(mut embedded) => Ok(match embedded.vectors.pop() {
                Some(vector) => Dense::Vector { space: embedded.space, vector },
                None => Dense::None,
            }),
            Err(failure) if is_policy(failure.kind) => Err(failure),
            Err(failure) => {
                context.host.log(&format!("search: by words only, {model} does not embed: {failure}"));
                Ok(Dense::None)
            }
        }
    }

    /// The score of each candidate by a model that the caller names; `None` leaves it to the reranker that is built in, which
    /// goes by `auto` and the names that OpenAI gives its own.
    async fn ranking<H: Host>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        caller: &Caller,
        search: &Search,
        text: &str,
        found: &Found,
    ) -> Option<Vec<f64>> {
        let name = search.ranker.as_deref().filter(|name| *name != "none")?;
        if !caller.may_name(name) || context.config.model(name).is_none() || found.candidates.is_empty() {
            return None;
        }
        let texts: Vec<String> =
            found.candidates.iter().map(|candidate| rank::read(&candidate.chunk)).collect();
        match self.reranked(context, caller, name, text, &texts).await {
            Ok(scores) => Some(scores),
            Err(failure) => {
                context.host.log(&format!("search: ranked by ourselves, {name} does not: {failure}"));
                None
            }
        }
    }

    /// Scores by a provider's reranker.
    async fn reranked<H: Host>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        caller: &Caller,
        name: &str,
        query: &str,
        texts: &[String],
    ) -> Result<Vec<f64>, Failure> {
        #[derive(Deserialize)]
        struct Ranked {
            results: Vec<Ranking>,
        }
        #[derive(Deserialize)]
        struct Ranking {
            index: usize,
            relevance_score: f64,
        }
        let model = self.admit_model(context, caller, name)?;
        let body = json!({"model": name, "query": query, "documents": texts, "top_n": texts.len()});
        let id = format!("req_{:016x}{:016x}", context.host.random(), context.host.random());
        let own = embed::beside(context, &id);
        let body = Bytes::from(body.to_string());
        let reply = self.operate_for(&own, caller, Operation::Rerank, model, &body).await;
        let reply = reply.map_err(|problem| problem.failure)?;
        let ReplyBody::Whole(bytes) = &reply.body else {
            return Err(Failure::new(ErrorKind::Internal, "rankings did not come whole"));
        };
        let ranked: Ranked = from_bytes(bytes).map_err(|_| {
            Failure::new(ErrorKind::UpstreamInvalid, "the provider's rankings cannot be read")
        })?;
        let mut scores = vec![0.0; texts.len()];
        for one in ranked.results {
            if let Some(place) = scores.get_mut(one.index) {
                *place = one.relevance_score.clamp(0.0, 1.0);
            }
        }
        Ok(scores)
    }
}

/// Whether a failure is a decision, which words alone would get round.
fn is_policy(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::RateLimited
            | ErrorKind::BudgetExceeded
            | ErrorKind::Forbidden
            | ErrorKind::Unauthenticated
    )
}
