//! What this isolate knows of targets and keys: hints that it may lose, never shared across an `await`.

use std::{cell::RefCell, collections::BTreeSet, rc::Rc, time::Duration};

use bytes::Bytes;
use sluice_providers::auth::SecretRef;
use sluice_types::{
    error::{ErrorKind, Failure},
    json::from_bytes,
    time::Timestamp,
};

use super::{
    Gateway,
    object::{self, Answer, Call},
};
use crate::{
    config::{Hedge, HttpProvider, Target},
    generations::Generations,
    port::{CountersError, Host, Kv, KvError},
    routing::{
        breaker::Policy,
        credentials::Resting,
        facts::Facts,
        health::{self, Going, Health, Verdict},
        order::{Standing, View},
        shared::{Ask, Told, What},
    },
};

/// The store's key for the ids of drained targets, a JSON list.
pub(super) const DRAINED: &str = "routing/drained";

/// How many targets are remembered: names of models come from callers.
const REMEMBERED: usize = 1_000;

/// The fewest tokens of a stream that tell how quick it is.
const TELLING: u64 = 8;

/// What is known of all targets.
pub(super) struct Routes {
    targets: RefCell<Generations<String, Rc<RefCell<Health>>>>,
    resting: RefCell<Resting>,
    drained: RefCell<BTreeSet<String>>,
    outbox: Outbox,
}

/// What is to be told to, and asked of, breakers that all instances share.
type Outbox = Rc<RefCell<Vec<Ask>>>;

impl Default for Routes {
    fn default() -> Self {
        Self {
            targets: RefCell::new(Generations::new(REMEMBERED)),
            resting: RefCell::default(),
            drained: RefCell::default(),
            outbox: Outbox::default(),
        }
    }
}

impl Routes {
    /// What is known of the target `id`.
    pub fn health(&self, id: &str) -> Rc<RefCell<Health>> {
        let mut targets = self.targets.borrow_mut();
        let id = id.to_owned();
        if let Some(known) = targets.get(&id) {
            return known;
        }
        let health = Rc::new(RefCell::new(Health::default()));
        targets.put(id, health.clone());
        health
    }

    /// How `target` stands for a request with these `facts`.
    pub fn view(&self, target: &Target, facts: &Facts<'_>, now: Timestamp) -> View {
        let health = self.health(&target.id);
        let health = health.borrow();
        let standing = match self.is_drained(&target.id) {
            true => Standing::Drained,
            false => Standing::of(&health, target.breaker.as_ref(), now),
        };
        View {
            standing,
            latency: health.latency.expected(facts.stream, facts.output_tokens(), now),
            running: health.running,
            error_rate: health.error_rate(now),
        }
    }

    /// Begins an attempt at `target`, unless its breaker says no. `first` is whether the request asks it the first time,
    /// `probe` the leave of a breaker that all instances share, where that was asked.
    pub fn begin(
        &self,
        target: &Target,
        first: bool,
        stream: bool,
        probe: Option<u64>,
        now: Timestamp,
    ) -> Option<Run> {
        let health = self.health(&target.id);
        let shared = target.breaker.filter(|policy| policy.shared);
        let shared = shared.map(|_| Share { target: target.id.clone(), probe, outbox: self.outbox.clone() });
        let going = {
            let mut health = health.borrow_mut();
            if let (Some(share), Some(policy)) = (&shared, target.breaker)
                && health.shared.is_due(now)
            {
                share.say(policy, What::Look);
            }
            let going = health.enter(target.breaker.as_ref(), stream, now)?;
            if first {
                health.budget.first(target.retry.budget, now);
            } else {
                // A second key is tried even where nothing is left.
                _ = health.budget.take(now);
            }
            going
        };
        Some(Run { health, policy: target.breaker, going: Some(going), shared })
    }

    /// What to ask the breaker that all instances share before an attempt at `target`, where it has to be asked.
    fn must_ask(&self, target: &Target, now: Timestamp) -> Option<Ask> {
        let policy = target.breaker?;
        let health = self.health(&target.id);
        let Health { shared, breaker, .. } = &*health.borrow();
        shared.must_ask(breaker, &policy, now).then(|| Ask {
            target: target.id.clone(),
            policy,
            what: What::Enter,
        })
    }

    /// Whether `target` may be asked beside another without asking its shared breaker: there is no time for that in a race.
    pub fn may_join(&self, target: &Target, now: Timestamp) -> bool {
        self.must_ask(target, now).is_none()
    }

    /// A shared breaker has answered.
    fn heard(&self, target: &str, told: &Told, now: Timestamp) {
        let health = self.health(target);
        let Health { shared, breaker, .. } = &mut *health.borrow_mut();
        shared.heard(breaker, told, now);
    }

    /// A shared breaker has answered whether a probe may go out: whether there may be an attempt, and as which probe.
    fn may_enter(&self, target: &str, told: &Told, now: Timestamp) -> Option<Option<u64>> {
        let health = self.health(target);
        let Health { shared, breaker, .. } = &mut *health.borrow_mut();
        shared.may_enter(breaker, told, now)
    }

    /// Whether `target` may be asked a second time by its retry budget.
    pub fn may_retry(&self, target: &Target, now: Timestamp) -> bool {
        self.health(&target.id).borrow_mut().budget.has(now)
    }

    /// A try was made at the cost of `target`'s retry budget.
    pub fn retried(&self, target: &Target, now: Timestamp) {
        _ = self.health(&target.id).borrow_mut().budget.take(now);
    }

    /// The keys of `provider`, those first that are to be used first.
    pub fn keys<'a>(&self, provider: &'a HttpProvider, now: Timestamp) -> Vec<&'a SecretRef> {
        let all = provider.auth.secret().into_iter().chain(&provider.more_keys);
        let mut keys: Vec<&SecretRef> = all.collect();
        if 1 < keys.len() {
            let resting = self.resting.borrow();
            let order = resting.order(keys.iter().map(|key| key.name()), now);
            keys.sort_by_key(|key| order.iter().position(|name| *name == key.name()));
        }
        keys
    }

    /// The keys of `provider` by their secrets' names, and whether each rests.
    pub fn key_states(&self, provider: &HttpProvider, now: Timestamp) -> Vec<serde_json::Value> {
        let resting = self.resting.borrow();
        let keys = provider.auth.secret().into_iter().chain(&provider.more_keys);
        keys.map(|key| serde_json::json!({"name": key.name(), "resting": resting.until(key.name(), now).is_some()}))
            .collect()
    }

    /// What `failure` says about the key called `name`, where `provider` has several, and what that leaves of it for the
    /// target: nothing while another key can be shown; else it is limited until the first of them is back.
    pub fn key_failed(&self, provider: &HttpProvider, name: &str, failure: &mut Failure, now: Timestamp) {
        if provider.more_keys.is_empty() {
            return;
        }
        let mut resting = self.resting.borrow_mut();
        match failure.kind {
            ErrorKind::UpstreamCredentials => resting.refused(name, now),
            ErrorKind::UpstreamRateLimited => resting.limited(name, failure.retry_after, now),
            _ => return,
        }
        let keys = provider.auth.secret().into_iter().chain(&provider.more_keys);
        let back = keys.map(|key| resting.until(key.name(), now)).min().flatten();
        failure.other_key = back.is_none();
        if failure.kind == ErrorKind::UpstreamRateLimited {
            failure.retry_after = back.map(|until| until.since(now));
        }
    }

    /// A key is not set on the host.
    pub fn missing(&self, name: &str, now: Timestamp) {
        self.resting.borrow_mut().refused(name, now);
    }

    /// Whether the operator has drained the target `id`.
    pub fn is_drained(&self, id: &str) -> bool {
        self.drained.borrow().contains(id)
    }

    /// Drains or restores the target `id` for all isolates; they learn of it within a minute, this one at once.
    pub async fn drain<H: Host>(&self, host: &H, id: &str, drained: bool) -> Result<(), KvError> {
        let mut ids = read(host).await?;
        if drained {
            ids.insert(id.to_owned());
        } else {
            ids.remove(id);
        }
        let value = serde_json::to_vec(&ids).unwrap_or_default();
        host.put(DRAINED, Bytes::from(value), None).await?;
        self.drained.replace(ids);
        Ok(())
    }
}

/// Asks the breaker of a target that all instances share.
async fn ask<H: Host>(host: &H, ask: Ask) -> Result<Told, CountersError> {
    // An object of its own for each target: all instances call it.
    let owner = format!("~breaker/{}", ask.target);
    match object::ask(host, &owner, &Call::Breaker(ask)).await? {
        Answer::Breaker(told) => Ok(told),
        _ => Err(CountersError("it answers something else".to_owned())),
    }
}

impl Gateway {
    /// Leave for an attempt at `target` where all instances share its breaker, and it is half-open or nothing is known of it
    /// here: whether there may be one, and as which probe. Where the breaker does not answer, this instance's own decides.
    pub(super) async fn leave<H: Host>(&self, host: &H, target: &Target) -> Option<Option<u64>> {
        let Some(question) = self.routes.must_ask(target, host.now()) else { return Some(None) };
        match ask(host, question).await {
            Ok(told) => self.routes.may_enter(&target.id, &told, host.now()),
            Err(error) => {
                self.routes.health(&target.id).borrow_mut().shared.unheard(host.now());
                host.log(&format!("breaker of {}: {error}; this instance goes by its own", target.id));
                Some(None)
            }
        }
    }

    /// Sends off what is to be told to breakers that all instances share, and asked of them. Returns at once.
    pub(super) fn share<H: Host>(&self, host: &H) {
        let asks = std::mem::take(&mut *self.routes.outbox.borrow_mut());
        if asks.is_empty() {
            return;
        }
        let (routes, host_later) = (self.routes.clone(), host.clone());
        host.later(Box::pin(async move {
            for question in asks {
                let target = question.target.clone();
                match ask(&host_later, question).await {
                    Ok(told) => routes.heard(&target, &told, host_later.now()),
                    Err(error) => host_later.log(&format!("breaker of {target}: {error}")),
                }
            }
        }));
    }

    /// Learns which targets are drained. A silent store changes nothing.
    pub(super) async fn look_for_drained<H: Host>(&self, host: &H) {
        match read(host).await {
            Ok(ids) => _ = self.routes.drained.replace(ids),
            Err(error) => host.log(&format!("routing: drained targets: {error}; the last known ones stay")),
        }
    }
}

async fn read<H: Host>(host: &H) -> Result<BTreeSet<String>, KvError> {
    match Kv::get(host, DRAINED).await? {
        None => Ok(BTreeSet::new()),
        Some(bytes) => {
            from_bytes(&bytes).map_err(|error| KvError(format!("`{DRAINED}` cannot be read: {error}")))
        }
    }
}

/// An attempt that may lose a race: its end can be told by whoever cancels it.
#[derive(Clone, Debug)]
pub(super) struct Racer(Rc<RefCell<Option<Run>>>);

impl Racer {
    /// The racer that `run` is.
    pub fn new(run: Run) -> Self {
        Self(Rc::new(RefCell::new(Some(run))))
    }

    /// The attempt, to be told what came of it; `None` if it is over.
    pub fn take(&self) -> Option<Run> {
        self.0.borrow_mut().take()
    }

    /// It is given up because another target, asked later, was quicker.
    pub fn outrun(&self, now: Timestamp) {
        if let Some(mut run) = self.take() {
            run.outrun(now);
        }
    }
}

/// An attempt under way. Dropping it is the end of it; without a word about what came of it, it says nothing.
#[derive(Debug)]
pub(super) struct Run {
    health: Rc<RefCell<Health>>,
    policy: Option<Policy>,
    going: Option<Going>,
    /// Where all instances share the target's breaker.
    shared: Option<Share>,
}

/// An attempt's part in a breaker that all instances share.
#[derive(Debug)]
struct Share {
    target: String,
    probe: Option<u64>,
    outbox: Outbox,
}

impl Share {
    fn say(&self, policy: Policy, what: What) {
        self.outbox.borrow_mut().push(Ask { target: self.target.clone(), policy, what });
    }
}

impl Run {
    /// After how long another target is to join it; `None` for never.
    pub fn joined_after(&self, hedge: Option<Hedge>) -> Option<Duration> {
        self.health.borrow().joined_after(self.going.as_ref()?, hedge)
    }

    /// An answer has come, or a stream has begun.
    pub fn succeeded(&mut self, now: Timestamp) {
        if let Some(going) = self.going.take() {
            self.health.borrow_mut().succeeded(going, self.policy.as_ref(), now);
            self.share(Verdict::Works, None);
        }
    }

    /// It failed.
    pub fn failed(&mut self, failure: &Failure, now: Timestamp) {
        if let Some(going) = self.going.take() {
            self.health.borrow_mut().failed(going, self.policy.as_ref(), now, failure);
            self.share(health::verdict(failure.kind), failure.retry_after);
        }
    }

    /// It is given up because another target, asked later, was quicker.
    fn outrun(&mut self, now: Timestamp) {
        if let Some(going) = self.going.take() {
            self.health.borrow_mut().outrun(going, self.policy.as_ref(), now);
            // Races are lost on good days too, so the others need not hear of it. That a probe was lost they do.
            let probe = self.shared.as_ref().is_some_and(|share| share.probe.is_some());
            self.share(if probe { Verdict::Fails } else { Verdict::Unknown }, None);
        }
    }

    /// A stream that had begun has broken off.
    pub fn broke_off(&mut self, now: Timestamp) {
        self.health.borrow_mut().broke_off(self.policy.as_ref(), now);
        self.share(Verdict::Fails, None);
    }

    /// Has the other instances hear what this attempt says about its target. A probe is told of once.
    fn share(&mut self, verdict: Verdict, wait: Option<Duration>) {
        let (Some(share), Some(policy)) = (&mut self.shared, self.policy) else { return };
        let known = &mut self.health.borrow_mut().shared;
        let probe = share.probe.take();
        let what = match verdict {
            Verdict::Fails => Some(known.failed(probe, wait)),
            Verdict::Works => {
                known.good();
                probe.map(What::Good)
            }
            Verdict::Unknown => probe.map(What::Abandoned),
        };
        if let Some(what) = what {
            share.say(policy, what);
        }
    }

    /// A stream that had begun has brought `tokens` in `span`.
    pub fn streamed(&self, tokens: u64, span: Duration, now: Timestamp) {
        if TELLING <= tokens {
            let each = span.as_millis() as f64 / tokens as f64;
            self.health.borrow_mut().latency.per_token.add(each, now);
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Nobody holds a borrow over an await, so it is free.
        if let Ok(mut health) = self.health.try_borrow_mut() {
            if let Some(going) = self.going.take() {
                health.abandoned(going);
            }
            health.left();
        }
        self.share(Verdict::Unknown, None);
    }
}
