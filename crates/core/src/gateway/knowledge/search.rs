//! Searching a store.

use std::{collections::HashMap, rc::Rc};

use sluice_retrieval::terms::Query as Words;
use sluice_types::{
    error::{ErrorKind, Failure},
    knowledge::Passage,
};

use super::{
    super::{Context, Gateway, Reply, admit::Caller},
    Asking, members, stores, told,
};
use crate::{
    gateway::index::{self, IndexError},
    index::{Dense, Found, Place, Query, Refusal},
    knowledge::{
        read::{self, Search},
        record::Store,
        write,
    },
    port::Host,
};

/// How many candidates are looked at for each result that is wanted, and at least.
const CANDIDATES: u32 = 40;

/// The dense side's share (docs/knowledge.md has the measurements).
const WEIGHT: f32 = 0.3;

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

    /// What `store` has for `search`, the best first.
    pub(in crate::gateway) async fn passages<H: Host>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        caller: &Caller,
        store: &Store,
        search: &Search,
    ) -> Result<Vec<Passage>, Failure> {
        let place = Place { tenant: &caller.tenant.id, store: &store.id };
        let mut best: HashMap<(String, u32), Passage> = HashMap::new();
        for text in &search.queries {
            let found = self.candidates(context, caller, store, place, search, text).await?;
            let most = found.most;
            for candidate in found.candidates {
                let words = if 0.0 < most { (candidate.lexical / most).clamp(0.0, 1.0) } else { 0.0 };
                let score = f64::from(0.5 * words + 0.5 * candidate.dense.clamp(0.0, 1.0));
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
        passages.truncate(search.most as usize);
        Ok(passages)
    }

    /// The candidates for one text. Where no vector is to be had, words alone decide.
    async fn candidates<H: Host>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        caller: &Caller,
        store: &Store,
        place: Place<'_>,
        search: &Search,
        text: &str,
    ) -> Result<Found, Failure> {
        let models = [Some(&store.model), store.next.as_ref().map(|next| &next.model)];
        let mut models = models.into_iter().flatten().peekable();
        while let Some(model) = models.next() {
            let dense = match self.embed_for(context, caller, model, &[text]).await {
                Ok(mut embedded) => match embedded.vectors.pop() {
                    Some(vector) => Dense::Vector { space: embedded.space, vector },
                    None => Dense::None,
                },
                Err(failure) if is_policy(failure.kind) => return Err(failure),
                Err(failure) => {
                    context.host.log(&format!("search: by words only, {model} does not embed: {failure}"));
                    Dense::None
                }
            };
            let query = Query {
                words: Words::new(text),
                dense,
                filter: search.filter.clone(),
                most: CANDIDATES.max(search.most),
                weight: WEIGHT,
            };
            match index::elsewhere::search(context.host, &context.config.vectors, place, query).await {
                Ok(found) => return Ok(found),
                // The store may have been embedded anew since its record was read.
                Err(IndexError::Refused(Refusal::OtherSpace { .. })) if models.peek().is_some() => {}
                Err(error) => return Err(members::index_down(error)),
            }
        }
        Err(Failure::new(ErrorKind::Internal, "the store names no embeddings model"))
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
