//! Calls of `Counters` of one instance, in batches: whoever finds nobody at work does what waits, the others look every now and
//! then whether theirs is done. Waking another request's task traps (wit-bindgen without `inter-task-wakeup`, with which Wasmtime
//! traps elsewhere).

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
    time::Duration,
};

use bytes::Bytes;
use sluice_core::port::{Clock, CountersError};

use crate::Spin;

/// The most calls of one batch: they are one transaction, and the others wait for it.
const MOST: usize = 32;

/// The longest wait between two looks, and in all: a batch ends within a time of its own.
const LONGEST: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(60);

thread_local! {
    static WAITING: RefCell<VecDeque<Rc<Job>>> = const { RefCell::new(VecDeque::new()) };
    /// Whether somebody works.
    static TAKEN: Cell<bool> = const { Cell::new(false) };
}

/// What a call came to.
pub type Outcome = Result<Bytes, CountersError>;

/// A call.
pub struct Job {
    /// Whose cells it is about.
    pub owner: String,
    /// What is asked.
    pub call: Bytes,
    outcome: Cell<Option<Outcome>>,
}

impl Job {
    /// Tells what it came to.
    pub fn done(&self, outcome: Outcome) {
        self.outcome.set(Some(outcome));
    }
}

/// Has a call done, by this request or by another one of the instance. `work` does a batch, and tells of each what it came to.
pub async fn take(spin: &Spin, owner: &str, call: Bytes, work: impl AsyncFn(&[Rc<Job>])) -> Outcome {
    let waiting = Waiting::new(owner, call);
    let (mut looks, mut waited) = (0, Duration::ZERO);
    loop {
        if let Some(outcome) = waiting.0.outcome.take() {
            return outcome;
        }
        if let Some(turn) = Turn::take() {
            work(&turn.0).await;
            continue;
        }
        if PATIENCE < waited {
            return Err(CountersError("others' calls do not end".to_owned()));
        }
        // The more there are, the more seldom each looks, so that looking takes no time from those who work.
        let others = WAITING.with_borrow(VecDeque::len) as u64;
        let wait = LONGEST.min(Duration::from_millis((1 + others) << looks));
        spin.sleep(wait).await;
        (looks, waited) = (3.min(looks + 1), waited + wait);
    }
}

/// A call until its request has, or wants, no answer any more.
struct Waiting(Rc<Job>);

impl Waiting {
    fn new(owner: &str, call: Bytes) -> Self {
        let job = Rc::new(Job { owner: owner.to_owned(), call, outcome: Cell::new(None) });
        WAITING.with_borrow_mut(|waiting| waiting.push_back(job.clone()));
        Self(job)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        WAITING.with_borrow_mut(|waiting| waiting.retain(|job| !Rc::ptr_eq(job, &self.0)));
    }
}

/// The next batch, and the right to do it.
struct Turn(Vec<Rc<Job>>);

impl Turn {
    /// `None` if somebody works or nothing waits.
    fn take() -> Option<Self> {
        if TAKEN.get() {
            return None;
        }
        let jobs: Vec<_> = WAITING.with_borrow_mut(|waiting| {
            let most = MOST.min(waiting.len());
            waiting.drain(..most).collect()
        });
        if jobs.is_empty() {
            return None;
        }
        TAKEN.set(true);
        Some(Self(jobs))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        TAKEN.set(false);
        // Who worked may have been stopped: what became of these nobody knows.
        for job in &self.0 {
            let outcome = job.outcome.take();
            job.done(outcome.unwrap_or_else(|| Err(CountersError("it was stopped on the way".to_owned()))));
        }
    }
}
