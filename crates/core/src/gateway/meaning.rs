//! Answers to questions that mean the same: pages of what was asked, read beside the exact answer and written after a
//! fresh one.
//!
//! This is the only file that knows where vectors are kept: a page a scope in the store. Writing reads the page anew, adds to
//! it and puts it back; of two who do so at once one may lose its row, and with it a hit. Nothing wrong can come of it: a row
//! only leads to an answer's key, and what is found there is judged like any kept answer.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use sluice_semantic::{
    calibration,
    canonical::canonical,
    decide::{Engine, Miss, Outcome},
    eligible,
    model::Counts,
    vector::Small,
    verify::Question,
};
use sluice_types::{chat::Request, time::Timestamp};

use crate::{
    cache::{self, Page, Partition, Policy, Row},
    generations::Generations,
    key::Digest,
    port::{Host, Kv},
};

/// How long an isolate compares with the page it has before it reads the store's again.
const BELIEVED: Duration = Duration::from_secs(30);

/// The least time between two writes of one page: stores refuse more than one a second.
const BETWEEN: Duration = Duration::from_secs(1);

/// After so long a write that never ended is taken for lost with its request.
const LOST: Duration = Duration::from_secs(30);

/// Pages an isolate has seen lately; of at most 900 KB each, so few.
pub(super) struct Pages(Rc<RefCell<Generations<String, Held>>>);

impl Default for Pages {
    fn default() -> Self {
        Self(Rc::new(RefCell::new(Generations::new(4))))
    }
}

/// A page in memory.
#[derive(Clone)]
struct Held(Rc<RefCell<Known>>);

struct Known {
    page: Page,
    /// When the store's was read.
    read_at: Option<Timestamp>,
    /// When it was last written.
    written_at: Option<Timestamp>,
    /// Since when somebody is writing it.
    writing: Option<Timestamp>,
    /// Whether it has what the store has not.
    changed: bool,
}

impl Pages {
    /// Forgets everything.
    pub fn forget(&self) {
        *self.0.borrow_mut() = Generations::new(4);
    }

    fn held(&self, key: &str, model: &str) -> Held {
        let mut all = self.0.borrow_mut();
        let key = key.to_owned();
        all.get(&key).unwrap_or_else(|| {
            let page = Page::new(model);
            let known = Known { page, read_at: None, written_at: None, writing: None, changed: false };
            let held = Held(Rc::new(RefCell::new(known)));
            all.put(key, held.clone());
            held
        })
    }
}

/// A question that may be answered by meaning.
pub(super) struct Meaning {
    engine: &'static Engine<'static>,
    text: String,
    scope: eligible::Scope,
    threshold: f32,
    /// The page's key.
    page: String,
    /// The fingerprint of its own answer.
    answer: Digest,
    /// Why nothing was found.
    pub miss: Cell<Option<&'static str>>,
}

/// The row that means the same.
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
    let Some(threshold) = calibration::threshold(policy.max_wrong as f32) else {
        return (answer, Err("max_wrong"));
    };
    let life = policy.ttl.saturating_add(policy.stale);
    let scope = eligible::Scope { one_user, short_lived: life <= Duration::from_secs(3_600) };
    if let Err(refusal) = eligible::check(&engine.model, text, scope).map(|_: Counts| ()) {
        return (answer, Err(refusal.name()));
    }
    let page = cache::page_key(partition, &cache::of_scope(partition, request));
    let (text, miss) = (text.to_owned(), Cell::new(None));
    (answer, Ok(Meaning { engine, text, scope, threshold, page, answer, miss }))
}

impl Meaning {
    /// The entry of its scope that means the same, if one does.
    pub async fn find<H: Host>(&self, host: &H, pages: &Pages) -> Option<Match> {
        let held = pages.held(&self.page, &self.engine.model.version());
        let read = held.0.borrow().read_at;
        if read.is_none_or(|read| BELIEVED <= host.now().since(read)) {
            match self.read(host).await {
                Ok(stored) => {
                    let mut known = held.0.borrow_mut();
                    known.read_at = Some(host.now());
                    if let Some(stored) = stored {
                        known.page.merge(&stored);
                    }
                }
                Err(error) => host.log(&format!("semantic cache: {error}")),
            }
        }
        let now = host.now();
        let mut known = held.0.borrow_mut();
        known.page.forget_expired(now);
        let page = &known.page;
        let outcome = self.engine.decide(&self.text, self.scope, page.vectors(), page, self.threshold);
        match outcome {
            Outcome::Hit { row, similarity, score } => {
                let answer = page.rows().get(row)?.answer;
                known.page.touch(row, now);
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

    /// The page as the store has it.
    async fn read<H: Host>(&self, host: &H) -> Result<Option<Page>, crate::port::KvError> {
        let bytes = Kv::get(host, &self.page).await?;
        Ok(bytes.and_then(|bytes| Page::parse(&bytes, &self.engine.model.version())))
    }

    /// Has the question found from now on, until `expires_at`.
    pub fn remember<H: Host>(self: &Rc<Self>, host: &H, pages: &Pages, expires_at: Timestamp) {
        let held = pages.held(&self.page, &self.engine.model.version());
        let now = host.now();
        let (text, answer) = (self.text.clone(), self.answer);
        let row = Row { text, answer, created_at: now, expires_at, used_at: now };
        let question = Question::new(&self.engine.model, &self.text);
        {
            let mut known = held.0.borrow_mut();
            known.page.insert(row, &Small::new(question.vector()));
            known.changed = true;
        }
        let (writer, meaning) = (host.clone(), self.clone());
        host.later(Box::pin(async move { meaning.write(&writer, &held).await }));
    }

    /// Writes the page with what the store and this isolate know, until nothing is new. One writes at a time.
    async fn write<H: Host>(&self, host: &H, held: &Held) {
        let busy = held.0.borrow().writing.is_some_and(|since| host.now().since(since) < LOST);
        if busy {
            return;
        }
        while held.0.borrow().changed {
            let wait = {
                let mut known = held.0.borrow_mut();
                known.writing = Some(host.now());
                known.written_at.map(|last| BETWEEN.saturating_sub(host.now().since(last)))
            };
            if let Some(wait) = wait.filter(|wait| !wait.is_zero()) {
                host.sleep(wait).await;
            }
            let stored = self.read(host).await;
            let (bytes, life) = {
                let mut known = held.0.borrow_mut();
                let now = host.now();
                (known.changed, known.read_at) = (false, Some(now));
                if let Ok(Some(stored)) = &stored {
                    known.page.merge(stored);
                }
                known.page.forget_expired(now);
                let life = known.page.expires_at().map(|end| end.since(now));
                (known.page.to_bytes(), life.unwrap_or_default().max(Duration::from_secs(60)))
            };
            let outcome = match stored {
                Ok(_) => host.put_for(&self.page, bytes.into(), life).await,
                Err(error) => Err(error),
            };
            if let Err(error) = outcome {
                host.log(&format!("semantic cache: a question was not kept: {error}"));
            }
            held.0.borrow_mut().written_at = Some(host.now());
        }
        held.0.borrow_mut().writing = None;
    }
}
