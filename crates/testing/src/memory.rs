//! A host in memory, with a clock that stands still until nothing else can happen: a test of an hour's timeouts takes
//! microseconds, and always the same ones.

#![allow(clippy::panic, reason = "a test that hangs fails")]

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashMap, VecDeque},
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use bytes::Bytes;
use futures::{
    FutureExt,
    future::{LocalBoxFuture, poll_fn},
};
use sluice_core::{
    gateway::object,
    port::{
        Body, Cells, Clock, Counters, CountersError, Http, Kv, KvError, Later, Listed, Log, NetworkError,
        Objects, ObjectsError, PAGE, Queue, QueueError, Rng, Secrets, Vectors,
    },
    vectors::{MOST, MOST_WITH_TEXTS, Namespace, Near, Nearest, Point, VectorsError},
};
use sluice_types::{secret::Secret, time::Timestamp};

use crate::qdrant::Qdrant;

/// What a scripted provider does, step by step.
#[derive(Clone, Debug)]
pub enum Step {
    /// Sends bytes.
    Send(Bytes),
    /// Waits.
    Wait(Duration),
    /// Breaks the connection.
    Break,
    /// Says nothing ever again.
    Hang,
}

/// What a scripted provider answers to one request.
#[derive(Clone, Debug)]
pub struct Script {
    status: u16,
    headers: Vec<(&'static str, String)>,
    before: Duration,
    steps: Vec<Step>,
}

/// An answer of `status` with a JSON body.
pub fn answer(status: u16, body: impl Into<Bytes>) -> Script {
    Script {
        status,
        headers: vec![("content-type", "application/json".to_owned())],
        before: Duration::ZERO,
        steps: vec![Step::Send(body.into())],
    }
}

/// A stream of server-sent events.
pub fn stream(steps: impl IntoIterator<Item = Step>) -> Script {
    Script {
        status: 200,
        headers: vec![("content-type", "text/event-stream".to_owned())],
        before: Duration::ZERO,
        steps: steps.into_iter().collect(),
    }
}

impl Script {
    /// The same after a wait before the headers.
    #[must_use]
    pub fn after(self, before: Duration) -> Self {
        Self { before, ..self }
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// A host in memory. Clones share everything.
#[derive(Clone, Default)]
pub struct MemoryHost(Rc<Inner>);

#[derive(Default)]
struct Inner {
    kv: RefCell<BTreeMap<String, (Bytes, Option<String>)>>,
    kv_down: Cell<bool>,
    raw: RefCell<BTreeMap<String, Bytes>>,
    queue: RefCell<Option<Vec<String>>>,
    steps: Cell<u64>,
    dies: Cell<Option<(u64, Fails)>>,
    objects: RefCell<BTreeMap<String, MemoryCells>>,
    counted: RefCell<Vec<String>>,
    counters_fail: RefCell<VecDeque<Fails>>,
    now: Cell<u64>,
    timers: RefCell<BTreeMap<(u64, u64), Waker>>,
    drawn: Cell<u64>,
    secrets: RefCell<HashMap<String, String>>,
    scripts: RefCell<HashMap<String, VecDeque<Script>>>,
    qdrant: RefCell<HashMap<String, Rc<RefCell<Qdrant>>>>,
    vectors: RefCell<Vec<Written>>,
    vectors_after: Cell<u64>,
    vectors_down: Cell<bool>,
    asked: RefCell<Vec<http::Request<Bytes>>>,
    cancelled: Cell<u32>,
    later: RefCell<Vec<LocalBoxFuture<'static, ()>>>,
    logged: RefCell<Vec<String>>,
}

impl MemoryHost {
    /// A host whose clock says `now`.
    pub fn at(now: Timestamp) -> Self {
        let host = Self::default();
        host.0.now.set(now.0);
        host
    }

    /// Has the provider at `authority` (such as `a.test`) answer its next unscripted request so.
    #[must_use]
    pub fn reply(self, authority: &str, script: Script) -> Self {
        self.0.scripts.borrow_mut().entry(authority.to_owned()).or_default().push_back(script);
        self
    }

    /// Sets a secret.
    #[must_use]
    pub fn with_secret(self, name: &str, value: &str) -> Self {
        self.0.secrets.borrow_mut().insert(name.to_owned(), value.to_owned());
        self
    }

    /// Has a stand-in of Qdrant answer at `authority`.
    #[must_use]
    pub fn with_qdrant(self, authority: &str, server: &Rc<RefCell<Qdrant>>) -> Self {
        self.0.qdrant.borrow_mut().insert(authority.to_owned(), server.clone());
        self
    }

    /// How long the host's own vectors stay unseen after they are written.
    pub fn vectors_visible_after(&self, span: Duration) {
        self.0.vectors_after.set(span.as_millis() as u64);
    }

    /// Whether the host's own vectors are away.
    pub fn vectors_down(&self, down: bool) {
        self.0.vectors_down.set(down);
    }

    /// Puts a value into the store.
    #[must_use]
    pub fn with_value(self, key: &str, value: impl Into<Bytes>) -> Self {
        self.0.kv.borrow_mut().insert(key.to_owned(), (value.into(), None));
        self
    }

    /// Whether the store is away.
    pub fn store_down(&self, down: bool) {
        self.0.kv_down.set(down);
    }

    /// Has the next calls of counter objects fail.
    pub fn counters_fail(&self, calls: impl IntoIterator<Item = Fails>) {
        self.0.counters_fail.borrow_mut().extend(calls);
    }

    /// Has no more of the calls fail that [`MemoryHost::counters_fail`] named.
    pub fn counters_fail_no_more(&self) {
        self.0.counters_fail.borrow_mut().clear();
    }

    /// The keys of an owner's cells, in order.
    pub fn cells(&self, owner: &str) -> Vec<String> {
        let objects = self.0.objects.borrow();
        objects.get(owner).map(|cells| cells.cells.borrow().keys().cloned().collect()).unwrap_or_default()
    }

    /// The keys of an owner's pages, in order, and how many bytes each has.
    pub fn pages(&self, owner: &str) -> Vec<(String, usize)> {
        let objects = self.0.objects.borrow();
        let sizes = |cells: &MemoryCells| {
            cells.pages.borrow().iter().map(|(key, bytes)| (key.clone(), bytes.len())).collect()
        };
        objects.get(owner).map(sizes).unwrap_or_default()
    }

    /// The owners whose counter objects were called, in order.
    pub fn counted(&self) -> Vec<String> {
        self.0.counted.borrow().clone()
    }

    /// The requests that went out.
    pub fn asked(&self) -> Vec<http::Request<Bytes>> {
        self.0.asked.borrow().clone()
    }

    /// The authorities that were asked, in order.
    pub fn asked_hosts(&self) -> Vec<String> {
        self.0.asked.borrow().iter().map(|request| request.uri().host().unwrap_or("").to_owned()).collect()
    }

    /// How many answers were let go of before their end.
    pub fn cancelled(&self) -> u32 {
        self.0.cancelled.get()
    }

    /// The store's values under `prefix`, as text.
    pub fn values(&self, prefix: &str) -> Vec<String> {
        let kv = self.0.kv.borrow();
        let under = kv.range(prefix.to_owned()..).take_while(|(key, _)| key.starts_with(prefix));
        under.map(|(_, (value, _))| String::from_utf8_lossy(value).into_owned()).collect()
    }

    /// All the store holds: keys, and values as text.
    pub fn entries(&self) -> Vec<(String, String)> {
        let kv = self.0.kv.borrow();
        kv.iter()
            .map(|(key, (value, _))| (key.clone(), String::from_utf8_lossy(value).into_owned()))
            .collect()
    }

    /// The lines that were logged.
    pub fn logged(&self) -> Vec<String> {
        self.0.logged.borrow().clone()
    }

    /// Runs `work` to its end; work for later goes on beside it. When nothing can go on, time passes to the next timer.
    ///
    /// # Panics
    ///
    /// If nothing can go on and no timer is set: the test would hang.
    pub fn run<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        self.drive(|context| match work.as_mut().poll(context) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        })
        .unwrap_or_else(|| panic!("nothing can go on and no timer is set"))
    }

    /// Runs all work for later to its end.
    pub fn settle(&self) {
        self.drive(|_| self.0.later.borrow().is_empty().then_some(()));
    }

    fn drive<T>(&self, mut poll: impl FnMut(&mut Context<'_>) -> Option<T>) -> Option<T> {
        struct Flag(AtomicBool);
        impl Wake for Flag {
            fn wake(self: Arc<Self>) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        let waker = Waker::from(flag.clone());
        let mut context = Context::from_waker(&waker);
        loop {
            if let Some(value) = poll(&mut context) {
                return Some(value);
            }
            // Work for later may add more of its kind.
            let mut going = std::mem::take(&mut *self.0.later.borrow_mut());
            going.retain_mut(|work| work.as_mut().poll(&mut context).is_pending());
            let added = !self.0.later.borrow().is_empty();
            self.0.later.borrow_mut().splice(0..0, going);
            if flag.0.swap(false, Ordering::SeqCst) || added {
                continue;
            }
            if let Some(value) = poll(&mut context) {
                return Some(value);
            }
            if flag.0.swap(false, Ordering::SeqCst) {
                continue;
            }
            let ((at, _), waker) = self.0.timers.borrow_mut().pop_first()?;
            self.0.now.set(at.max(self.0.now.get()));
            waker.wake();
        }
    }
}

impl Clock for MemoryHost {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.now.get())
    }

    async fn sleep(&self, span: Duration) {
        let id = self.random();
        let until = self.now().plus(span).0;
        let set = Timer { host: self.clone(), key: (until, id) };
        poll_fn(|context| {
            if until <= self.0.now.get() {
                return Poll::Ready(());
            }
            self.0.timers.borrow_mut().insert(set.key, context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// Takes a timer back when its wait is dropped.
struct Timer {
    host: MemoryHost,
    key: (u64, u64),
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.host.0.timers.borrow_mut().remove(&self.key);
    }
}

impl Rng for MemoryHost {
    fn random(&self) -> u64 {
        // SplitMix64 (Steele, Lea, Flood 2014): the same numbers in every run.
        let seed = self.0.drawn.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.0.drawn.set(seed);
        let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

impl Kv for MemoryHost {
    async fn get(&self, key: &str) -> Result<Option<Bytes>, KvError> {
        self.up()?;
        Ok(self.0.kv.borrow().get(key).map(|(value, _)| value.clone()))
    }

    async fn put(&self, key: &str, value: Bytes, summary: Option<&str>) -> Result<(), KvError> {
        self.up()?;
        self.0.kv.borrow_mut().insert(key.to_owned(), (value, summary.map(str::to_owned)));
        Ok(())
    }

    async fn put_for(&self, key: &str, value: Bytes, _lifetime: Duration) -> Result<(), KvError> {
        self.put(key, value, None).await
    }

    async fn delete(&self, key: &str) -> Result<(), KvError> {
        self.up()?;
        self.0.kv.borrow_mut().remove(key);
        Ok(())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, KvError> {
        self.up()?;
        let kv = self.0.kv.borrow();
        let under = kv.range(prefix.to_owned()..).take_while(|(key, _)| key.starts_with(prefix));
        Ok(under.map(|(key, (_, summary))| Listed { key: key.clone(), summary: summary.clone() }).collect())
    }
}

impl MemoryHost {
    fn up(&self) -> Result<(), KvError> {
        if self.0.kv_down.get() { Err(KvError("the store is away".to_owned())) } else { Ok(()) }
    }
}

impl Objects for MemoryHost {
    async fn load(&self, key: &str) -> Result<Option<Bytes>, ObjectsError> {
        match self.counted_step() {
            None => Ok(self.0.raw.borrow().get(key).cloned()),
            Some(_) => Err(dead()),
        }
    }

    async fn save(&self, key: &str, value: Bytes) -> Result<(), ObjectsError> {
        assert!(value.len() <= PAGE, "a page of {} bytes", value.len());
        let fails = self.counted_step();
        if fails != Some(Fails::Before) {
            self.0.raw.borrow_mut().insert(key.to_owned(), value);
        }
        fails.map_or(Ok(()), |_| Err(dead()))
    }

    async fn discard(&self, key: &str) -> Result<(), ObjectsError> {
        let fails = self.counted_step();
        if fails != Some(Fails::Before) {
            self.0.raw.borrow_mut().remove(key);
        }
        fails.map_or(Ok(()), |_| Err(dead()))
    }
}

fn dead() -> ObjectsError {
    ObjectsError("the host is dead".to_owned())
}

impl Queue for MemoryHost {
    async fn enqueue(&self, messages: &[String], _delay: Duration) -> Result<(), QueueError> {
        let mut own = self.0.queue.borrow_mut();
        let own = own.as_mut().ok_or(QueueError::Absent)?;
        own.extend(messages.iter().cloned());
        Ok(())
    }
}

impl MemoryHost {
    /// Gives the host a queue of its own.
    #[must_use]
    pub fn with_queue(self) -> Self {
        *self.0.queue.borrow_mut() = Some(Vec::new());
        self
    }

    /// What was put into the host's own queue.
    pub fn queued(&self) -> Vec<String> {
        self.0.queue.borrow().clone().unwrap_or_default()
    }

    /// The keys of raw data.
    pub fn raw_keys(&self) -> Vec<String> {
        self.0.raw.borrow().keys().cloned().collect()
    }

    /// The cells of the object of `owner`, with what they hold.
    pub fn filled_cells(&self, owner: &str) -> Vec<(String, String)> {
        let objects = self.0.objects.borrow();
        let Some(cells) = objects.get(owner) else { return Vec::new() };
        cells.cells.borrow().iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Has the host die at its `number`th call to raw data or to an object from now on, before (`Fails::Before`) or after it
    /// happens: that call and all others of these ports fail until [`MemoryHost::revive`].
    pub fn dies_at(&self, number: u64, how: Fails) {
        self.0.dies.set(Some((number, how)));
        self.0.steps.set(0);
    }

    /// The host lives again; gives the calls that were made since [`MemoryHost::dies_at`].
    pub fn revive(&self) -> u64 {
        self.0.dies.set(None);
        self.0.steps.replace(0)
    }

    /// Counts a call; how it fails, if it does.
    fn counted_step(&self) -> Option<Fails> {
        let number = self.0.steps.get();
        self.0.steps.set(number + 1);
        let (at, how) = self.0.dies.get()?;
        match number.cmp(&at) {
            std::cmp::Ordering::Less => None,
            std::cmp::Ordering::Equal => Some(how),
            std::cmp::Ordering::Greater => Some(Fails::Before),
        }
    }
}

/// How a call of a counter object fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fails {
    /// It does not happen.
    Before,
    /// It happens, and its answer is lost.
    After,
}

/// An object's cells.
#[derive(Default)]
struct MemoryCells {
    cells: RefCell<BTreeMap<String, String>>,
    pages: RefCell<BTreeMap<String, Bytes>>,
}

impl Cells for MemoryCells {
    async fn read(&self, keys: &[String]) -> Result<Vec<(String, String)>, CountersError> {
        let cells = self.cells.borrow();
        let found = keys.iter().filter_map(|key| Some((key.clone(), cells.get(key)?.clone())));
        let mut found: Vec<_> = found.collect();
        // As the hosts' databases do, not as it was asked.
        found.sort();
        Ok(found)
    }

    async fn range(&self, from: &str, to: &str, most: u32) -> Result<Vec<(String, String)>, CountersError> {
        let cells = self.cells.borrow();
        let found = cells.range(from.to_owned()..to.to_owned()).take(most as usize);
        Ok(found.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    async fn write(&self, changes: &[(String, Option<String>)]) -> Result<(), CountersError> {
        let mut cells = self.cells.borrow_mut();
        for (key, value) in changes {
            match value {
                Some(value) => cells.insert(key.clone(), value.clone()),
                None => cells.remove(key),
            };
        }
        Ok(())
    }
    async fn pages(&self, keys: &[String]) -> Result<Vec<(String, Bytes)>, CountersError> {
        let pages = self.pages.borrow();
        Ok(keys.iter().filter_map(|key| Some((key.clone(), pages.get(key)?.clone()))).collect())
    }

    async fn write_pages(&self, changes: &[(String, Option<Bytes>)]) -> Result<(), CountersError> {
        let mut pages = self.pages.borrow_mut();
        for (key, value) in changes {
            match value {
                Some(value) if 2_000_000 < value.len() => {
                    return Err(CountersError(format!("page {key} has {} bytes", value.len())));
                }
                Some(value) => pages.insert(key.clone(), value.clone()),
                None => pages.remove(key),
            };
        }
        Ok(())
    }
}

impl Counters for MemoryHost {
    async fn count(&self, owner: &str, call: Bytes) -> Result<Bytes, CountersError> {
        // The way there and back takes time, so calls meet in any order.
        self.sleep(Duration::from_millis(self.random() % 3)).await;
        self.0.counted.borrow_mut().push(owner.to_owned());
        let fails = self.0.counters_fail.borrow_mut().pop_front().or_else(|| self.counted_step());
        let away = || CountersError("the object is away".to_owned());
        if fails == Some(Fails::Before) {
            return Err(away());
        }
        let outcome = {
            let mut objects = self.0.objects.borrow_mut();
            let cells = objects.entry(owner.to_owned()).or_default();
            // Memory never waits: the whole call happens at once.
            object::answer(cells, self.now(), &call)
                .now_or_never()
                .ok_or_else(|| CountersError("cells in memory wait".to_owned()))??
        };
        if let Some(wait) = outcome.flush_after {
            let (host, owner) = (self.clone(), owner.to_owned());
            self.later(Box::pin(async move { object::flush_later(&host, &owner, wait).await }));
        }
        if fails == Some(Fails::After) {
            return Err(away());
        }
        self.sleep(Duration::from_millis(self.random() % 3)).await;
        Ok(outcome.answer)
    }
}

/// A change of the host's own vectors, and when it is seen: a point, or the id of one that is gone.
struct Written {
    visible_at: u64,
    space: String,
    change: Result<Point, String>,
}

impl MemoryHost {
    fn write_vectors(
        &self,
        space: &Namespace,
        changes: impl Iterator<Item = Result<Point, String>>,
    ) -> Result<(), VectorsError> {
        if self.0.vectors_down.get() {
            return Err(VectorsError::Down("they are away".to_owned()));
        }
        let visible_at = self.now().0 + self.0.vectors_after.get();
        let written = changes.map(|change| Written { visible_at, space: space.key.clone(), change });
        self.0.vectors.borrow_mut().extend(written);
        Ok(())
    }
}

/// As Vectorize does: what is written is seen later, at most 20 come with their texts.
impl Vectors for MemoryHost {
    async fn upsert(&self, space: &Namespace, points: &[Point]) -> Result<(), VectorsError> {
        self.write_vectors(space, points.iter().cloned().map(Ok))
    }

    async fn remove(&self, space: &Namespace, ids: &[String]) -> Result<(), VectorsError> {
        self.write_vectors(space, ids.iter().cloned().map(Err))
    }

    async fn nearest(&self, space: &Namespace, wanted: &Nearest) -> Result<Vec<Near>, VectorsError> {
        if self.0.vectors_down.get() {
            return Err(VectorsError::Down("they are away".to_owned()));
        }
        let most = if wanted.texts { MOST_WITH_TEXTS } else { MOST };
        if most < wanted.count {
            return Err(VectorsError::Refused(format!("at most {most} are found")));
        }
        let (now, mut points) = (self.now().0, BTreeMap::new());
        let written = self.0.vectors.borrow();
        for Written { change, .. } in
            written.iter().filter(|one| one.visible_at <= now && one.space == space.key)
        {
            match change {
                Ok(point) => _ = points.insert(&point.id, point),
                Err(id) => _ = points.remove(id),
            }
        }
        let cosine = |point: &Point| -> f32 {
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
            dot(&point.vector, &wanted.vector)
                / (dot(&point.vector, &point.vector) * dot(&wanted.vector, &wanted.vector)).sqrt()
        };
        let mut near: Vec<Near> = points
            .values()
            .filter(|point| point.vector.len() == wanted.vector.len())
            .filter(|point| wanted.filter.as_ref().is_none_or(|filter| filter.admits(&point.labels)))
            .map(|point| Near {
                id: point.id.clone(),
                cosine: cosine(point),
                text: if wanted.texts { point.text.clone() } else { String::new() },
            })
            .collect();
        near.sort_by(|a, b| b.cosine.total_cmp(&a.cosine));
        near.truncate(wanted.count as usize);
        Ok(near)
    }
}

impl Secrets for MemoryHost {
    async fn secret(&self, name: &str) -> Option<Secret> {
        self.0.secrets.borrow().get(name).map(Secret::new)
    }
}

impl Later for MemoryHost {
    fn later(&self, work: LocalBoxFuture<'static, ()>) {
        self.0.later.borrow_mut().push(work);
    }
}

impl Log for MemoryHost {
    fn log(&self, line: &str) {
        self.0.logged.borrow_mut().push(line.to_owned());
    }
}

impl Http for MemoryHost {
    type Body = Scripted;

    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Scripted>, NetworkError> {
        let host = request.uri().host().unwrap_or("").to_owned();
        let qdrant = self.0.qdrant.borrow().get(&host).cloned();
        let answered = qdrant.map(|qdrant| {
            let path = request.uri().path_and_query().map_or("", http::uri::PathAndQuery::as_str);
            let key = request.headers().get("api-key").and_then(|key| key.to_str().ok());
            qdrant.borrow_mut().answer(request.method().as_str(), path, key, request.body())
        });
        self.0.asked.borrow_mut().push(request);
        if let Some((status, body)) = answered {
            let steps = VecDeque::from([Step::Send(Bytes::from(body.to_string()))]);
            let body = Scripted { host: self.clone(), steps, waiting_until: None, ended: false };
            let answer = http::Response::builder().status(status).body(body);
            return answer.map_err(|error| NetworkError(error.to_string()));
        }
        let script = self.0.scripts.borrow_mut().get_mut(&host).and_then(VecDeque::pop_front);
        let Some(script) = script else { return Err(NetworkError("connection refused".to_owned())) };
        if !script.before.is_zero() {
            self.sleep(script.before).await;
        }
        if matches!(script.steps.first(), Some(Step::Break)) {
            return Err(NetworkError("connection reset".to_owned()));
        }
        let mut builder = http::Response::builder().status(script.status);
        for (name, value) in &script.headers {
            builder = builder.header(*name, value);
        }
        let body =
            Scripted { host: self.clone(), steps: script.steps.into(), waiting_until: None, ended: false };
        builder.body(body).map_err(|error| NetworkError(error.to_string()))
    }
}

/// A scripted body, of a provider's answer or a caller's request.
pub struct Scripted {
    host: MemoryHost,
    steps: VecDeque<Step>,
    /// When the wait that is now the first step will be over.
    waiting_until: Option<Timestamp>,
    ended: bool,
}

impl Scripted {
    /// A caller's body that does `steps`.
    pub fn new(host: &MemoryHost, steps: impl IntoIterator<Item = Step>) -> Self {
        // A caller's body is not a call that could be cancelled.
        Self { host: host.clone(), steps: steps.into_iter().collect(), waiting_until: None, ended: true }
    }
}

impl Body for Scripted {
    async fn chunk(&mut self) -> Result<Option<Bytes>, NetworkError> {
        loop {
            // A step is taken off only when it is done: dropping this future loses nothing.
            match self.steps.front().cloned() {
                None => {
                    self.ended = true;
                    return Ok(None);
                }
                Some(Step::Send(bytes)) => {
                    self.steps.pop_front();
                    if !bytes.is_empty() {
                        return Ok(Some(bytes));
                    }
                }
                Some(Step::Wait(span)) => {
                    let until = *self.waiting_until.get_or_insert_with(|| self.host.now().plus(span));
                    self.host.sleep(until.since(self.host.now())).await;
                    self.waiting_until = None;
                    self.steps.pop_front();
                }
                Some(Step::Break) => {
                    self.ended = true;
                    return Err(NetworkError("connection reset".to_owned()));
                }
                Some(Step::Hang) => std::future::pending().await,
            }
        }
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        if !self.ended {
            self.host.0.cancelled.set(self.host.0.cancelled.get() + 1);
        }
    }
}

/// A future that ends when told to: a caller who leaves.
#[derive(Clone, Default)]
pub struct Leaving(Rc<(Cell<bool>, RefCell<Option<Waker>>)>);

impl Leaving {
    /// The caller leaves.
    pub fn leave(&self) {
        self.0.0.set(true);
        if let Some(waker) = self.0.1.take() {
            waker.wake();
        }
    }

    /// What the gateway is given.
    pub fn gone(&self) -> Pin<Box<dyn Future<Output = ()>>> {
        let state = self.0.clone();
        Box::pin(poll_fn(move |context| {
            if state.0.get() {
                return Poll::Ready(());
            }
            state.1.replace(Some(context.waker().clone()));
            Poll::Pending
        }))
    }
}
