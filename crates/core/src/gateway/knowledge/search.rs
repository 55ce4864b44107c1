//! Searching a store: candidates from its index, put in order by what their texts say, and told apart.

use std::{collections::HashMap, rc::Rc};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use sluice_providers::operation::Operation;
use sluice_retrieval::{
    dense::Vector,
    mix::STATIC_WEIGHT,
    mmr,
    rerank::{self, Question},
    terms::Query as Words,
};
use sluice_semantic::decide::Engine;
use sluice_types::{
    error::{ErrorKind, Failure},
    knowledge::{Chunk, Passage},
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
    index::{Candidate, Dense, Found, Place, Query, Refusal, Space},
    knowledge::{
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
        let passages = self.passages(ask.context, ask.caller, &store, &search).await?;
        Ok(told(&write::found(&search.queries, &passages)))
    }

    /// What `store` has for `search`, the best first. Of several queries a passage has its best score.
    pub(in crate::gateway) async fn passages<H: Host>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        caller: &Caller,
        store: &Store,
        search: &Search,
    ) -> Result<Vec<Passage>, Failure> {
        let mut best: HashMap<(String, u32), Passage> = HashMap::new();
        for text in &search.queries {
            let (found, vector) = self.candidates(context, caller, store, search, text).await?;
            let scores = self.scores(context, caller, search, text, &found, vector.as_ref()).await;
            for (candidate, score) in found.candidates.into_iter().zip(scores) {
                let at = (candidate.file.clone(), candidate.chunk.ordinal);
                if best.get(&at).is_none_or(|known| known.score < score) {
                    let passage = Passage {
                        store: store.id.clone(),
                        file: candidate.file,
                        filename: candidate.filename,
                        chunk: candidate.chunk,
                        attributes: candidate.attributes,
                        score,
                    };
                    best.insert(at, passage);
                }
            }
        }
        let mut passages: Vec<Passage> =
            best.into_values().filter(|passage| search.threshold <= passage.score).collect();
        passages.sort_by(|a, b| {
            let place = |passage: &Passage| (passage.file.clone(), passage.chunk.ordinal);
            b.score.total_cmp(&a.score).then_with(|| place(a).cmp(&place(b)))
        });
        Ok(told_apart(passages, search.most as usize))
    }

    /// The candidates for one text, and its vector where the model is compiled in. Where no vector is to be had, words alone
    /// decide.
    async fn candidates<H: Host>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        caller: &Caller,
        store: &Store,
        search: &Search,
        text: &str,
    ) -> Result<(Found, Option<Vector>), Failure> {
        let place = Place { tenant: &caller.tenant.id, store: &store.id };
        let models = [Some(&store.model), store.next.as_ref().map(|next| &next.model)];
        let mut models = models.into_iter().flatten().peekable();
        while let Some(model) = models.next() {
            let (dense, own) = self.dense(context, caller, model, text).await?;
            let query = Query {
                words: Words::new(text),
                dense,
                filter: search.filter.clone(),
                most: CANDIDATES.max(search.most),
                weight: STATIC_WEIGHT,
            };
            match index::search(context.host, place, query).await {
                Ok(found) => return Ok((found, own)),
                // The store may have been embedded anew since its record was read.
                Err(IndexError::Refused(Refusal::OtherSpace { .. })) if models.peek().is_some() => {}
                Err(error) => return Err(index_down(error)),
            }
        }
        Err(Failure::new(ErrorKind::Internal, "the store names no embeddings model"))
    }

    /// A query's vector by `model`; a second time where that is compiled in, for comparing it with sentences.
    async fn dense<H: Host>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        caller: &Caller,
        model: &str,
        text: &str,
    ) -> Result<(Dense, Option<Vector>), Failure> {
        if model == STATIC
            && embed::is_built_in(&context.config, model)
            && let Some(engine) = Engine::embedded()
        {
            let numbers = engine.model.embed(text).0;
            let dims = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            let space = Space { model: embed::own_space(STATIC), dims };
            let vector = Vector::new(&numbers);
            return Ok((Dense::Vector { space, vector: vector.clone() }, Some(vector)));
        }
        match self.embed_for(context, caller, model, &[text]).await {
            Ok(mut embedded) => Ok(match embedded.vectors.pop() {
                Some(vector) => (Dense::Vector { space: embedded.space, vector }, None),
                None => (Dense::None, None),
            }),
            Err(failure) if is_policy(failure.kind) => Err(failure),
            Err(failure) => {
                context.host.log(&format!("search: by words only, {model} does not embed: {failure}"));
                Ok((Dense::None, None))
            }
        }
    }

    /// The score of each candidate, 0 to 1: by a model that the caller names, else by the reranker that is built in.
    async fn scores<H: Host>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        caller: &Caller,
        search: &Search,
        text: &str,
        found: &Found,
        vector: Option<&Vector>,
    ) -> Vec<f64> {
        let texts: Vec<String> = found.candidates.iter().map(|candidate| whole(&candidate.chunk)).collect();
        match search.ranker.as_deref() {
            Some("none") => return found.candidates.iter().map(|one| unread(one, found.most)).collect(),
            Some(name)
                if caller.may_name(name) && context.config.model(name).is_some() && !texts.is_empty() =>
            {
                match self.reranked(context, caller, name, text, &texts).await {
                    Ok(scores) => return scores,
                    Err(failure) => {
                        context.host.log(&format!("search: ranked by ourselves, {name} does not: {failure}"));
                    }
                }
            }
            // `auto` and the names that OpenAI gives its own.
            _ => {}
        }
        let question = Question::new(text, &Words::new(text), &found.weights, found.most, vector);
        let passages: Vec<rerank::Passage<'_>> = found
            .candidates
            .iter()
            .zip(&texts)
            .map(|(candidate, text)| rerank::Passage {
                text,
                lexical: candidate.lexical,
                dense: candidate.dense,
                mixed: candidate.mixed,
            })
            .collect();
        let embed = |text: &str| match Engine::embedded() {
            Some(engine) => Vector::new(&engine.model.embed(text).0),
            None => Vector::new(&[]),
        };
        let mut scores = vec![0.0; passages.len()];
        for (at, score) in rerank::order(&question, &passages, &embed) {
            if let Some(place) = scores.get_mut(at) {
                *place = f64::from(score);
            }
        }
        scores
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
        let ranked: Ranked = serde_json::from_slice(bytes).map_err(|_| {
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

/// A chunk's text with the headings above it.
fn whole(chunk: &Chunk) -> String {
    let mut text = chunk.headings.join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&chunk.text);
    text
}

fn unread(candidate: &Candidate, most: f32) -> f64 {
    f64::from(rerank::unread(candidate.lexical, candidate.dense, candidate.mixed, most))
}

/// At most `most` of the passages, without those that say again what another said.
fn told_apart(passages: Vec<Passage>, most: usize) -> Vec<Passage> {
    let scores: Vec<f32> = passages.iter().map(|passage| passage.score as f32).collect();
    let words: Vec<mmr::Words> =
        passages.iter().map(|passage| mmr::Words::new(&passage.chunk.text)).collect();
    let alike = |one: usize, other: usize| match (words.get(one), words.get(other)) {
        (Some(one), Some(other)) => mmr::likeness(one, other),
        _ => 0.0,
    };
    let mut picked = mmr::pick(&scores, most, mmr::LAMBDA, alike);
    // Which ones is decided; their order is that of their scores.
    picked.sort_unstable();
    let mut all: Vec<Option<Passage>> = passages.into_iter().map(Some).collect();
    picked.into_iter().filter_map(|at| all.get_mut(at).and_then(Option::take)).collect()
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
