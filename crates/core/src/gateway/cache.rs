//! Answers given again: looked up before a target is asked, kept once one has answered.

use std::{cell::RefCell, collections::HashSet, rc::Rc, time::Duration};

use bytes::Bytes;
use futures::future::join;
use sluice_types::{
    answer::Answer,
    chat::Request,
    error::{ErrorKind, Failure},
    json::from_bytes,
    time::Timestamp,
};

use super::{
    Context, Gateway, admit,
    admit::Caller,
    meaning::{self, Match, Meaning, Recent},
    receive,
    settle::Session,
};
use crate::{
    cache::{self, Dated, Entry, Freshness, Note, Partition, Policy},
    config::{
        Model,
        document::{self, CacheMode, CacheScope},
    },
    generations::Generations,
    guardrail::Plans,
    key,
    port::{Host, Kv},
};

/// The largest answer that is kept, in bytes of text.
pub(super) const MAX_ANSWER: usize = 500_000;

/// The largest entry that an isolate keeps in memory, in bytes.
const MAX_RECENT: usize = 64 << 10;

/// How long an isolate believes its memory: by then the store shows what was written, and what was purged.
const BELIEVED: Duration = Duration::from_secs(30);

/// What the partition of one end user's answers begins with.
const USER: &str = "user/";

/// How often a request that waits for another's answer looks whether it is there.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The longest it waits.
const WAIT: Duration = Duration::from_secs(30);

/// Answers kept lately, which the store may not show yet, and requests under way whose answers will be kept.
pub(super) struct Answers {
    asked: Recent,
    recent: RefCell<Generations<String, (Bytes, Timestamp)>>,
    under_way: Rc<RefCell<HashSet<String>>>,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            asked: Recent::default(),
            recent: RefCell::new(Generations::new(128)),
            under_way: Rc::default(),
        }
    }
}

impl Answers {
    /// Forgets everything: what the operator purges here is gone here at once.
    pub fn forget(&self) {
        *self.recent.borrow_mut() = Generations::new(128);
        self.asked.forget();
    }
}

/// That an answer is under way; others who ask the same may wait for it.
struct UnderWay {
    key: String,
    all: Rc<RefCell<HashSet<String>>>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.all.borrow_mut().remove(&self.key);
    }
}

/// A request's place in the cache.
pub(super) struct Ticket {
    key: String,
    /// What answers' keys begin with.
    answers: String,
    /// The part of the tenant's cache.
    namespace: Option<String>,
    /// What is asked, under `mode: semantic`; else why it is not answered by meaning.
    meaning: Option<Result<Rc<Meaning>, &'static str>>,
    /// Where vectors are.
    vectors: document::Vectors,
    /// The request's id.
    request: String,
    policy: Policy,
    /// Whether a kept answer will do.
    look_up: bool,
    /// Whether nothing else will do.
    pub only: bool,
    under_way: RefCell<Option<UnderWay>>,
}

impl Ticket {
    /// What the record of a request tells that no kept answer did for.
    pub fn note(&self) -> Note {
        let meaning = match &self.meaning {
            Some(Ok(meaning)) => meaning.miss.get(),
            Some(Err(why)) => Some(*why),
            None => None,
        };
        if self.look_up { Note { meaning, ..Note::plain("miss") } } else { self.refreshing() }
    }

    /// The share of hits by meaning that are asked again.
    pub fn check(&self) -> f64 {
        self.policy.check
    }

    /// Notes that the request was given the answer to `same`.
    pub async fn served<H: Host>(&self, host: &H, same: &Match) {
        if let Some(Ok(meaning)) = &self.meaning {
            meaning.served(host, same, &self.request).await;
        }
    }

    /// What the record of a request tells that is to make the kept answer fresh.
    pub fn refreshing(&self) -> Note {
        Note::plain("refresh")
    }
}

/// A kept answer that will do.
pub(super) struct Found {
    bytes: Bytes,
    pub note: Note,
    /// Whether a fresh one is to be fetched.
    pub stale: bool,
    /// The question it answers, if that only means the same.
    pub same: Option<Match>,
}

impl Found {
    /// What was kept; `None` where it cannot be read, and counts as nothing.
    pub fn entry(&self) -> Option<Entry<'_>> {
        from_bytes(&self.bytes).ok()
    }
}

/// The failure of a request that only a kept answer would have done for.
pub(super) fn miss() -> Failure {
    let message =
        "nothing is cached for this request, and `sluice-cache: only-if-cached` asks for nothing else";
    Failure::new(ErrorKind::CacheMiss, message)
}

impl Gateway {
    /// The place of `request` in the cache; `None` if it has none. `plans` saw it, and found nothing that forbids keeping its
    /// answer if it `may_be_kept`; `knowledge` is the state of the stores that it rests on.
    ///
    /// # Errors
    ///
    /// If the headers say what cannot be, or ask for a kept answer only where there can be none.
    #[expect(clippy::too_many_arguments, reason = "all of a request comes together here")]
    pub(super) fn ticket<H: Host>(
        &self,
        context: &Context<'_, H>,
        caller: &Caller,
        model: &Model,
        request: &Request<'_>,
        plans: &Plans,
        may_be_kept: bool,
        knowledge: Option<&str>,
    ) -> Result<Option<Rc<Ticket>>, Failure> {
        let header = |name| receive::text(context.headers, name);
        let namespace = header("sluice-cache-namespace");
        let wish = cache::wish(header("sluice-cache"), header("sluice-cache-ttl"), namespace)?;
        let own = &caller.key.cache;
        let mut policy = model.cache;
        policy.mode = match own.mode {
            Some(CacheMode::Off) => CacheMode::Off,
            mode => wish.mode.or(mode).unwrap_or(policy.mode),
        };
        policy.scope = own.scope.map_or(policy.scope, |scope| scope.max(policy.scope));
        policy.ttl = wish.ttl.unwrap_or(policy.ttl);
        if policy.mode == CacheMode::Off || !may_be_kept || !cache::fits(request, &policy) {
            return if wish.only { Err(miss()) } else { Ok(None) };
        }
        let user = caller.user.clone().or_else(|| admit::user(context.headers, request.user.as_deref()));
        // Whoever holds a page's key or an end user's token shares with nobody else.
        let apart = caller.is_apart();
        let within = match policy.scope {
            CacheScope::Tenant if !apart => Some(None),
            CacheScope::Tenant | CacheScope::Key if caller.user.is_none() => {
                Some(Some(format!("key/{}", caller.key.id)))
            }
            CacheScope::Tenant | CacheScope::Key | CacheScope::User => {
                user.map(|user| Some(format!("{USER}{}/{user}", caller.key.id)))
            }
        };
        let Some(within) = within else {
            return if wish.only { Err(miss()) } else { Ok(None) };
        };
        let allowed = model.targets.iter().filter(|target| caller.may_use(&target.provider));
        let targets: Vec<&str> = allowed.map(|target| target.id.as_str()).collect();
        let partition = Partition {
            tenant: &caller.tenant.id,
            namespace: own.namespace.as_deref().or(wish.namespace),
            within: within.as_deref(),
            model: &model.name,
            targets: &targets,
            guardrails: &plans.versions,
            beta: header("anthropic-beta"),
            knowledge,
        };
        let (fingerprint, meaning) = if policy.mode == CacheMode::Semantic {
            let one_user = partition.within.is_some_and(|within| within.starts_with(USER));
            let (fingerprint, meaning) = meaning::of(&partition, request, &policy, one_user);
            (fingerprint, Some(meaning.map(Rc::new)))
        } else {
            (cache::fingerprint(&partition, request), None)
        };
        Ok(Some(Rc::new(Ticket {
            key: cache::store_key(&partition, &fingerprint),
            answers: cache::model_prefix(partition.tenant, partition.model),
            namespace: partition.namespace.map(str::to_owned),
            meaning,
            vectors: context.config.vectors.clone(),
            request: context.id.to_owned(),
            policy,
            look_up: wish.look_up,
            only: wish.only,
            under_way: RefCell::default(),
        })))
    }

    /// A kept answer for `ticket`. Where the same is being asked already, waits for that answer, unless the caller wants a
    /// stream, which begins sooner on its own.
    pub(super) async fn look_up<H: Host>(
        &self,
        host: &H,
        ticket: Option<&Ticket>,
        stream: bool,
    ) -> Option<Found> {
        let ticket = ticket?;
        if ticket.look_up {
            if let Some(found) = self.kept(host, ticket).await {
                return Some(found);
            }
            let asked = host.now();
            while !stream && self.answers.under_way.borrow().contains(&ticket.key) {
                if WAIT < host.now().since(asked) {
                    return None;
                }
                host.sleep(LOOK_AGAIN).await;
                if let Some(found) = self.recently(host, &ticket.key, &ticket.policy) {
                    return Some(found);
                }
            }
        }
        if !ticket.only {
            self.begin(ticket);
        }
        None
    }

    /// Says that the answer for `ticket` is under way; false if it was already.
    pub(super) fn begin(&self, ticket: &Ticket) -> bool {
        let first = self.answers.under_way.borrow_mut().insert(ticket.key.clone());
        if first {
            let under_way = UnderWay { key: ticket.key.clone(), all: self.answers.under_way.clone() };
            *ticket.under_way.borrow_mut() = Some(under_way);
        }
        first
    }

    async fn kept<H: Host>(&self, host: &H, ticket: &Ticket) -> Option<Found> {
        if let Some(found) = self.recently(host, &ticket.key, &ticket.policy) {
            return Some(found);
        }
        let exact = self.answer_under(host, &ticket.key, &ticket.policy);
        let Some(Ok(meaning)) = &ticket.meaning else { return exact.await };
        let (exact, same) = join(exact, meaning.find(host, &self.answers.asked, &ticket.vectors)).await;
        if exact.is_some() {
            return exact;
        }
        let same = same?;
        let key = format!("{}{}", ticket.answers, key::hex(&same.answer));
        let mut found = match self.recently(host, &key, &ticket.policy) {
            Some(found) => Some(found),
            None => self.answer_under(host, &key, &ticket.policy).await,
        };
        match &mut found {
            Some(found) => {
                found.note.similarity = Some(hundredths(same.similarity));
                found.note.score = Some(hundredths(same.score));
                found.note.matched = key::hex(&same.answer).get(..16).map(str::to_owned);
                found.same = Some(same);
            }
            // Purged, or the store does not show it yet.
            None => meaning.miss.set(Some("answer_gone")),
        }
        found
    }

    async fn answer_under<H: Host>(&self, host: &H, key: &str, policy: &Policy) -> Option<Found> {
        match Kv::get(host, key).await {
            Ok(bytes) => good(bytes?, host.now(), policy),
            Err(error) => {
                host.log(&format!("cache: {error}"));
                None
            }
        }
    }

    /// What was kept for `ticket` a moment ago.
    pub(super) fn kept_lately<H: Host>(&self, host: &H, ticket: &Ticket) -> Option<Found> {
        self.recently(host, &ticket.key, &ticket.policy)
    }

    fn recently<H: Host>(&self, host: &H, key: &String, policy: &Policy) -> Option<Found> {
        let (bytes, written) = self.answers.recent.borrow_mut().get(key)?;
        let now = host.now();
        if now.since(written) < BELIEVED { good(bytes, now, policy) } else { None }
    }

    /// Has `answer` kept, if it may be given again. Returns at once; the write happens after the answer.
    pub(super) fn remember<H: Host>(
        &self,
        host: &H,
        ticket: Option<&Ticket>,
        session: &Session,
        answer: &Answer<'_>,
    ) {
        let clean = !session.found_in_answer();
        let Some(ticket) = ticket.filter(|ticket| clean && cache::keeps(answer, &ticket.policy)) else {
            return;
        };
        let (now, record) = (host.now(), &session.record);
        let entry = Entry {
            created_at: now,
            expires_at: now.plus(ticket.policy.ttl),
            model: record.request_model.clone(),
            target: record.target.clone(),
            cost_nano_usd: record.cost_nano_usd,
            namespace: ticket.namespace.clone(),
            tags: record.tags.clone(),
            answer: answer.clone(),
        };
        let Ok(bytes) = serde_json::to_vec(&entry).map(Bytes::from) else { return };
        if 2 * MAX_ANSWER < bytes.len() {
            return;
        }
        if bytes.len() <= MAX_RECENT {
            self.answers.recent.borrow_mut().put(ticket.key.clone(), (bytes.clone(), now));
        }
        *ticket.under_way.borrow_mut() = None;
        let (writer, key) = (host.clone(), ticket.key.clone());
        let lifetime = ticket.policy.ttl.saturating_add(ticket.policy.stale);
        if let Some(Ok(meaning)) = &ticket.meaning {
            let (asked, expires_at) = (&self.answers.asked, now.plus(lifetime));
            meaning.remember(host, asked, &ticket.vectors, &ticket.key, &entry, expires_at);
        }
        host.later(Box::pin(async move {
            if let Err(error) = writer.put_for(&key, bytes, lifetime).await {
                writer.log(&format!("cache: an answer was not kept: {error}"));
            }
        }));
    }
}

/// `bytes` as an answer that will do at `now`.
fn good(bytes: Bytes, now: Timestamp, policy: &Policy) -> Option<Found> {
    let (stale, note) = {
        let entry: Dated = from_bytes(&bytes).ok()?;
        let stale = match entry.freshness(now, policy.stale) {
            Freshness::Fresh => false,
            Freshness::Stale => true,
            Freshness::Over => return None,
        };
        let age = now.since(entry.created_at).as_secs();
        let status = if stale { "stale" } else { "hit" };
        (stale, Note { age_s: Some(age), saved_nano_usd: entry.cost_nano_usd, ..Note::plain(status) })
    };
    Some(Found { bytes, note, stale, same: None })
}

fn hundredths(number: f32) -> f64 {
    (f64::from(number) * 100.0).round() / 100.0
}
