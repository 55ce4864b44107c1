//! Answers to questions that mean the same: looked for among a scope's vectors beside the exact answer, and made known after
//! a fresh one.
//!
//! Vectors are where the configuration says; each comes with its question as a text. The nearest of them are compared by the
//! engine, which makes their vectors anew: a service may find roughly, late, or what is gone. A question only leads to an
//! answer's key, and what is found there is judged like any kept answer.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    time::Duration,
};

use sluice_semantic::{
    calibration,
    canonical::canonical,
    decide::{Engine, Miss, Outcome},
    eligible, feedback,
    model::Counts,
    verify::Question,
};
use sluice_types::{chat::Request, json::from_bytes, time::Timestamp};

use super::{catalogue, vectors::Service};
use crate::{
    cache::{
        self, Page, Partition, Policy, Row,
        catalogue::{Answer, Asked, Call, Entry, MOST, Seen, id},
    },
    config::document,
    generations::Generations,
    key::{self, Digest},
    port::{Host, Kv, Vectors},
    vectors::{Namespace, Nearest, Point},
};

/// Questions that are looked at. Some may be over, and the engine verifies four.
const NEAR: u32 = 16;

/// How long an isolate believes what was seen of a model's hits.
const BELIEVED: Duration = Duration::from_secs(30);

/// What isolates remember: questions made known lately, which a service may not show yet, and what was seen of hits.
pub(super) struct Recent {
    pages: RefCell<Generations<String, Rc<RefCell<Page>>>>,
    seen: RefCell<Generations<String, (Option<Seen>, Timestamp)>>,
}

impl Default for Recent {
    fn default() -> Self {
        Self { pages: RefCell::new(Generations::new(64)), seen: RefCell::new(Generations::new(64)) }
    }
}

impl Recent {
    /// Forgets everything.
    pub fn forget(&self) {
        let Self { pages, seen } = Self::default();
        *self.pages.borrow_mut() = pages.into_inner();
        *self.seen.borrow_mut() = seen.into_inner();
    }

    /// What the isolate made known in a namespace.
    fn page(&self, space: &Namespace) -> Rc<RefCell<Page>> {
        let mut all = self.pages.borrow_mut();
        all.get(&space.key).unwrap_or_else(|| {
            let page = Rc::<RefCell<Page>>::default();
            all.put(space.key.clone(), page.clone());
            page
        })
    }
}

/// A question that may be answered by meaning.
pub(super) struct Meaning {
    engine: &'static Engine<'static>,
    text: String,
    scope: eligible::Scope,
    /// The calibrated threshold, and the share of wrong hits that it is for.
    threshold: f32,
    promise: f32,
    tenant: String,
    model: String,
    /// The name of the scope's namespace.
    space: String,
    /// The fingerprint of its own answer.
    answer: Digest,
    /// Why nothing was found.
    pub miss: Cell<Option<&'static str>>,
}

/// The question that means the same.
#[derive(Clone, Copy)]
pub(super) struct Match {
    /// The fingerprint of its answer.
    pub answer: Digest,
    pub similarity: f32,
    pub score: f32,
}

/// How a request is looked up under `mode: semantic`: the fingerprint of its answer, and what it asks if it may be answered
/// by meaning, else why not.
pub(super) fn of(
    partition: &Partition<'_>,
    request: &Request<'_>,
    policy: &Policy,
    one_user: bool,
) -> (Digest, Result<Meaning, &'static str>) {
    let exact = || cache::fingerprint(partition, request);
    let Some(text) = cache::said(request) else { return (exact(), Err("not_one_text")) };
    let answer = cache::of_form(partition, request, &canonical(text));
    let Some(engine) = Engine::embedded() else { return (exact(), Err("no_weights")) };
    if !cache::may_mean(request) {
        return (answer, Err("tools"));
    }
    let promise = policy.max_wrong as f32;
    let Some(threshold) = calibration::threshold(promise) else {
        return (answer, Err("max_wrong"));
    };
    let life = policy.ttl.saturating_add(policy.stale);
    let scope = eligible::Scope { one_user, short_lived: life <= Duration::from_secs(3_600) };
    if let Err(refusal) = eligible::check(&engine.model, text, scope).map(|_: Counts| ()) {
        return (answer, Err(refusal.name()));
    }
    // Vectors of two models are never compared.
    let space = format!("{}/{}", engine.model.version(), key::hex(&cache::of_scope(partition, request)));
    let (tenant, model) = (partition.tenant.to_owned(), partition.model.to_owned());
    let (text, miss) = (text.to_owned(), Cell::new(None));
    (answer, Ok(Meaning { engine, text, scope, threshold, promise, tenant, model, space, answer, miss }))
}

impl Meaning {
    fn namespace(&self) -> Namespace {
        cache::catalogue::namespace(&self.tenant, &self.space)
    }

    /// The question of its scope that means the same, if one does.
    pub async fn find<H: Host>(
        &self,
        host: &H,
        recent: &Recent,
        vectors: &document::Vectors,
    ) -> Option<Match> {
        let Some(threshold) = self.tightened(host, recent).await else {
            self.miss.set(Some("wrong_hits"));
            return None;
        };
        let space = self.namespace();
        let question = Question::new(&self.engine.model, &self.text);
        let vector = question.vector().to_vec();
        let wanted = Nearest { vector, count: NEAR, filter: None, texts: true };
        let found = Vectors::nearest(&Service::new(host, vectors), &space, &wanted).await;
        let found = found.unwrap_or_else(|error| {
            host.log(&format!("semantic cache: {error}"));
            Vec::new()
        });
        let mut page = recent.page(&space).borrow().clone();
        for near in found {
            let asked = serde_json::from_str::<Asked>(&near.text).ok();
            let Some((asked, answer)) = asked.zip(cache::catalogue::answer(&near.id)) else { continue };
            let question = Question::new(&self.engine.model, &asked.text);
            page.insert(Row { text: asked.text, answer, expires_at: asked.expires_at }, question.vector());
        }
        page.forget_expired(host.now());
        let outcome = self.engine.decide(&self.text, self.scope, page.vectors(), &page, threshold);
        match outcome {
            Outcome::Hit { row, similarity, score } => {
                let answer = page.rows().get(row)?.answer;
                Some(Match { answer, similarity, score })
            }
            Outcome::Miss(miss) => {
                self.missed(miss);
                None
            }
        }
    }

    fn missed(&self, miss: Miss) {
        self.miss.set(Some(miss.name()));
    }

    /// The threshold with what was seen of the model's hits; `None` if none keeps the promise.
    async fn tightened<H: Host>(&self, host: &H, recent: &Recent) -> Option<f32> {
        let key = seen_key(&self.tenant, &self.model);
        let known = recent.seen.borrow_mut().get(&key);
        let seen = match known.filter(|(_, read)| host.now().since(*read) < BELIEVED) {
            Some((seen, _)) => seen,
            None => {
                let stored = match Kv::get(host, &key).await {
                    Ok(stored) => stored.and_then(|bytes| from_bytes::<Seen>(&bytes).ok()),
                    Err(error) => {
                        host.log(&format!("semantic cache: {error}"));
                        None
                    }
                };
                recent.seen.borrow_mut().put(key, (stored.clone(), host.now()));
                stored
            }
        };
        match seen {
            Some(seen) => feedback::tightened(self.threshold, &(&seen).into(), self.promise),
            None => Some(self.threshold),
        }
    }

    /// Has the question found from now on, until `expires_at`. `answer` is the key of its answer.
    pub fn remember<H: Host>(
        self: &Rc<Self>,
        host: &H,
        recent: &Recent,
        vectors: &document::Vectors,
        answer: &str,
        kept: &cache::Entry<'_>,
        expires_at: Timestamp,
    ) {
        let question = Question::new(&self.engine.model, &self.text);
        let row = Row { text: self.text.clone(), answer: self.answer, expires_at };
        recent.page(&self.namespace()).borrow_mut().insert(row, question.vector());
        let entry = Entry {
            id: id(&self.answer),
            space: self.space.clone(),
            answer: answer.to_owned(),
            model: self.model.clone(),
            namespace: kept.namespace.clone(),
            tags: kept.tags.clone(),
            created_at: host.now(),
            expires_at,
        };
        let (vector, writer) = (question.vector().to_vec(), host.clone());
        let (meaning, vectors) = (self.clone(), vectors.clone());
        host.later(Box::pin(async move {
            if let Err(error) = meaning.write(&writer, &vectors, entry, vector).await {
                writer.log(&format!("semantic cache: a question was not kept: {error}"));
            }
        }));
    }

    /// Into the catalogue first: what is there and has no vector ends with its time, a vector that nobody knows of would not.
    async fn write<H: Host>(
        &self,
        host: &H,
        vectors: &document::Vectors,
        entry: Entry,
        vector: Vec<f32>,
    ) -> Result<(), String> {
        let asked =
            Asked { text: self.text.clone(), created_at: entry.created_at, expires_at: entry.expires_at };
        let text = serde_json::to_string(&asked).map_err(|error| error.to_string())?;
        let point = Point { id: entry.id.clone(), vector, text, labels: BTreeMap::new() };
        let call = Call::Keep { entry, most: MOST };
        let kept = catalogue::ask(host, &self.tenant, &call).await.map_err(|error| error.to_string())?;
        let service = Service::new(host, vectors);
        Vectors::upsert(&service, &self.namespace(), &[point]).await.map_err(|error| error.to_string())?;
        match kept {
            Answer::Gone { entries, .. } => catalogue::remove(host, &self.tenant, vectors, &entries).await,
            _ => Ok(()),
        }
    }

    /// Notes that the answer of a question was given to the request `request`.
    pub async fn served<H: Host>(&self, host: &H, found: &Match, request: &str) {
        let call = Call::Served {
            id: id(&found.answer),
            request: request.to_owned(),
            score: found.score,
            base: self.threshold,
        };
        if let Err(error) = catalogue::ask(host, &self.tenant, &call).await {
            host.log(&format!("semantic cache: a hit was not noted: {error}"));
        }
    }
}

/// The store's key of what was seen of a model's hits.
pub(super) fn seen_key(tenant: &str, model: &str) -> String {
    format!("{}seen", cache::below(&format!("cache_seen/{tenant}/"), model))
}
