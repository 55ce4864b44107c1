//! Writing down what a request was and cost, whatever became of it.

use std::{cell::RefCell, rc::Rc};

use bytes::Bytes;
use sluice_providers::prices;
use sluice_types::{
    error::{Attempt, ErrorKind, Failure},
    json::Raw,
    money::NanoUsd,
    time::Timestamp,
    usage::{Source, Usage},
};

use super::{
    Context, Gateway,
    admit::{self, Caller},
    receive,
    reserve::Held,
    routes::Run,
};
use crate::{
    cache::{Entry as Kept, Note},
    config::{Model, Target},
    cost_log::{Duty, Entry, Raced, Record},
    guardrail::{Verdicts, answer::Guard, hook::HookCall},
    port::Host,
};

/// How often a write of the cost log is tried before the record goes to the operator's log instead.
pub(super) const WRITES: u32 = 4;

/// The status of a request whose caller left, as nginx has it; nobody sees it but readers of the log.
pub(super) const CLIENT_CLOSED_REQUEST: u16 = 499;

/// What is known of one request, from admission to its record. Shared by the answer's stream and the task that settles,
/// and never borrowed across an `await`.
#[derive(Debug)]
pub struct Session {
    /// The row as it will be written.
    pub record: Record,
    /// The prompt's tokens by our estimate.
    pub input_estimate: u64,
    /// The model asked, and the place of the target now tried.
    trying: Option<(Rc<Model>, usize)>,
    /// The attempt that answered, until its answer is over.
    pub run: Option<Run>,
    /// What an attempt that lost a race may have cost; `None` where the price is unknown.
    lost: Option<NanoUsd>,
    /// What is reserved for it at the tenant's counter object.
    pub(super) held: Option<Held>,
    /// What goes over its answer.
    pub(super) guard: Option<Guard>,
    /// Whether a guardrail broke its answer off, which says nothing about who gave it.
    pub(super) refused: bool,
    /// What its answer tells about limits and budgets.
    pub(super) told: Vec<(&'static str, String)>,
    /// Whether the row was handed over.
    settled: bool,
}

/// A session's handle.
pub type Shared = Rc<RefCell<Session>>;

impl Session {
    /// The session of a request by `caller` for `model`.
    ///
    /// # Errors
    ///
    /// If the request's tags cannot be read.
    pub fn begin<H>(
        context: &Context<'_, H>,
        caller: &Caller,
        operation: &str,
        model: &str,
        user: Option<&str>,
    ) -> Result<Shared, Failure> {
        let record = Record {
            id: context.id.to_owned(),
            time: context.started,
            tenant: caller.tenant.id.clone(),
            key: caller.key.id.clone(),
            operation: operation.to_owned(),
            request_model: model.to_owned(),
            provider: None,
            target: None,
            response_model: None,
            status: 200,
            error: None,
            stream: false,
            partial: false,
            attempts: Vec::new(),
            usage: Usage::default(),
            cost_nano_usd: Some(NanoUsd(0)),
            price_version: prices::VERSION.to_owned(),
            duration_ms: 0,
            first_token_ms: None,
            user: caller.user.clone().or_else(|| admit::user(context.headers, user)),
            tags: {
                let mut tags = receive::tags(context.headers)?;
                tags.extend(caller.key.tags.clone());
                tags
            },
            arm: None,
            route: None,
            raced: None,
            shadow_of: None,
            cache: None,
            guardrails: Verdicts::default(),
            hooks: Vec::new(),
            refused_tokens: 0,
        };
        Ok(Rc::new(RefCell::new(Self {
            record,
            input_estimate: 0,
            trying: None,
            run: None,
            lost: Some(NanoUsd(0)),
            held: None,
            guard: None,
            refused: false,
            told: Vec::new(),
            settled: false,
        })))
    }

    /// A copy for an attempt beside the one that `session` is in, without its failures.
    pub fn fork(session: &Shared) -> Shared {
        let of = session.borrow();
        let record = Record {
            attempts: Vec::new(),
            refused_tokens: 0,
            guardrails: Verdicts::default(),
            hooks: Vec::new(),
            ..of.record.clone()
        };
        let input_estimate = of.input_estimate;
        Rc::new(RefCell::new(Self {
            record,
            input_estimate,
            trying: None,
            run: None,
            lost: Some(NanoUsd(0)),
            held: None,
            guard: of.guard.clone(),
            refused: false,
            told: Vec::new(),
            settled: false,
        }))
    }

    /// What `fork` has learned takes the place of what `session` has; the failures of both stay.
    pub fn take_over(session: &Shared, fork: &Shared) {
        let (mut to, mut from) = (session.borrow_mut(), fork.borrow_mut());
        let mut attempts = std::mem::take(&mut to.record.attempts);
        attempts.append(&mut from.record.attempts);
        from.record.attempts = attempts;
        std::mem::swap(&mut *to, &mut *from);
        join_findings(&mut from.record, &mut to.record);
        std::mem::swap(&mut to.record.guardrails, &mut from.record.guardrails);
        std::mem::swap(&mut to.record.hooks, &mut from.record.hooks);
        to.record.refused_tokens += from.record.refused_tokens;
        // Answers that were refused were paid for, whoever's they were.
        to.lost = sum(to.lost, from.lost);
        to.record.cost_nano_usd = sum(to.record.cost_nano_usd, from.lost);
        // What is reserved is reserved for the request, whichever attempt answers it.
        (to.held, to.told) = (from.held.take(), std::mem::take(&mut from.told));
    }

    /// What went wrong in `fork`, and what that cost, is added to what is known of `session`.
    pub fn join(session: &Shared, fork: &Shared) {
        let (mut to, mut from) = (session.borrow_mut(), fork.borrow_mut());
        to.record.attempts.append(&mut from.record.attempts);
        join_findings(&mut to.record, &mut from.record);
        to.record.refused_tokens += from.record.refused_tokens;
        to.lost = sum(to.lost, from.lost);
        to.record.cost_nano_usd = sum(to.record.cost_nano_usd, from.lost);
    }

    /// The attempt is cancelled now because another has won: what it may have cost is its `input`.
    pub fn cancelled(&self, input: u64) -> Raced {
        let usage = Usage { input_uncached: input, source: Source::Partial, ..Usage::default() };
        Raced { target: self.record.target.clone().unwrap_or_default(), cost_nano_usd: self.own_cost(&usage) }
    }

    /// Another attempt has lost against this one; what it cost is part of the request's cost.
    pub fn raced(&mut self, lost: Raced) {
        self.lost = sum(self.lost, lost.cost_nano_usd);
        self.record.cost_nano_usd = sum(self.record.cost_nano_usd, lost.cost_nano_usd);
        self.record.raced = Some(lost);
    }

    /// Calls made so far, the one under way included.
    pub fn calls(&self) -> usize {
        let last = usize::from(self.trying.is_some());
        self.record.attempts.len() + last + usize::from(self.record.raced.is_some())
    }

    /// Guardrails found something in the request.
    pub(super) fn found(&mut self, verdicts: Verdicts) {
        self.record.guardrails.extend(verdicts);
    }

    /// Whether they found something in an answer.
    pub(super) fn found_in_answer(&self) -> bool {
        self.record.guardrails.any_in_answer()
            || self.guard.as_ref().is_some_and(|guard| guard.verdicts().any_in_answer())
    }

    /// All that they found, in request and answer.
    pub(super) fn verdicts(&self) -> Verdicts {
        let mut all = self.record.guardrails.clone();
        all.extend(self.guard.as_ref().map(Guard::verdicts).unwrap_or_default());
        all
    }

    /// An answer was refused, and another target may be asked: what it cost and used is part of what the request does,
    /// whatever becomes of that.
    pub(super) fn rejected(&mut self, usage: &Usage) {
        self.lost = sum(self.lost, self.own_cost(usage));
        self.record.cost_nano_usd = self.lost;
        self.record.refused_tokens += usage.total();
        self.record.usage = Usage::default();
    }

    /// A hook was asked: what that cost is part of what the request costs.
    pub(super) fn hooked(&mut self, call: HookCall) {
        let cost = Some(call.cost_nano_usd);
        self.lost = sum(self.lost, cost);
        self.record.cost_nano_usd = sum(self.record.cost_nano_usd, cost);
        self.record.hooks.push(call);
    }

    /// A kept answer is given: nothing is used.
    pub fn hit(&mut self, entry: &Kept<'_>, note: Note) {
        self.record.target.clone_from(&entry.target);
        self.record.provider = entry
            .target
            .as_ref()
            .and_then(|target| target.split_once('/'))
            .map(|(provider, _)| provider.to_owned());
        self.record.response_model = Some(entry.answer.model.to_string());
        self.record.cache = Some(note);
    }

    /// The target now tried, of `model`.
    pub fn target<'m>(&self, model: &'m Model) -> Option<&'m Target> {
        model.targets.get(self.trying.as_ref()?.1)
    }

    /// An attempt begins at the target `at` of `model`.
    pub fn trying(&mut self, model: &Rc<Model>, at: usize) {
        if let Some(target) = model.targets.get(at) {
            self.record.provider = Some(target.provider.name.clone());
            self.record.target = Some(target.id.clone());
        }
        self.trying = Some((model.clone(), at));
    }

    /// The attempt failed.
    pub fn attempt_failed(&mut self, target: &Target, kind: ErrorKind) {
        self.record.attempts.push(Attempt { target: target.id.clone(), kind });
    }

    /// The request failed.
    pub fn failed(&mut self, kind: ErrorKind) {
        self.record.error = Some(kind.code().to_owned());
        self.record.status = kind.status();
    }

    /// Tokens are counted.
    pub fn used(&mut self, usage: Usage, model: Option<String>) {
        self.record.usage = usage;
        self.record.cost_nano_usd = self.cost(&usage);
        if model.is_some() {
            self.record.response_model = model;
        }
    }

    /// Something was used that nobody has counted: `usage` is an estimate of what went in, the cost is unknown.
    pub fn uncounted(&mut self, usage: Usage) {
        self.record.usage = usage;
        self.record.cost_nano_usd = None;
    }

    /// The caller has left; `usage` is what had been used until then.
    pub fn left(&mut self, usage: Usage) {
        self.used(usage, None);
        self.record.partial = true;
        self.record.status = CLIENT_CLOSED_REQUEST;
    }

    /// What `usage` costs at the target now tried, and what was lost in a race; `None` where a price is unknown. What no
    /// target was asked for costs nothing.
    pub fn cost(&self, usage: &Usage) -> Option<NanoUsd> {
        if self.trying.is_none() {
            return self.lost;
        }
        sum(self.own_cost(usage), self.lost)
    }

    fn own_cost(&self, usage: &Usage) -> Option<NanoUsd> {
        let (model, at) = self.trying.as_ref()?;
        model.targets.get(*at)?.price_for(usage).map(|price| price.cost(usage))
    }

    /// Tells the target's health how its stream went.
    fn tell(&self, run: &Run, now: Timestamp) {
        let Record { stream, partial, error, usage, first_token_ms, time, .. } = &self.record;
        if *partial && error.is_some() && !self.refused {
            run.broke_off(now);
        }
        if let Some(first) = first_token_ms.filter(|_| *stream && !*partial) {
            let begun = time.plus(std::time::Duration::from_millis(first));
            run.streamed(usage.output(), now.since(begun), now);
        }
    }

    /// The first output has come.
    pub fn first_token(&mut self, now: Timestamp) {
        self.record.first_token_ms = u64::try_from(now.since(self.record.time).as_millis()).ok();
    }

    /// What a stream's last usage frame tells in its `sluice` member.
    pub fn note(&self, usage: &Usage) -> Option<Raw<'static>> {
        Raw::write(&serde_json::json!({
            "request_id": self.record.id,
            "target": self.record.target,
            "attempts": self.calls(),
            "cost_usd": self.cost(usage).map(|cost| cost.to_string()),
            "guardrails": Some(self.verdicts().header()).filter(|told| !told.is_empty()),
            "cache": self.record.cache.as_ref().map(Note::header),
        }))
    }
}

/// Adds what guardrails said in another attempt.
fn join_findings(to: &mut Record, from: &mut Record) {
    to.guardrails.extend(std::mem::take(&mut from.guardrails));
    to.hooks.append(&mut from.hooks);
}

fn sum(one: Option<NanoUsd>, other: Option<NanoUsd>) -> Option<NanoUsd> {
    one.zip(other).map(|(one, other)| NanoUsd(one.0.saturating_add(other.0)))
}

impl Gateway {
    /// Hands the session's row to the cost log, once, and settles what was reserved for it. Returns at once; the rest
    /// happens after the answer.
    pub(super) fn settle<H: Host>(self: &Rc<Self>, host: &H, session: &Shared) {
        let now = host.now();
        let (record, held) = {
            let mut session = session.borrow_mut();
            if std::mem::replace(&mut session.settled, true) {
                return;
            }
            session.record.duration_ms =
                u64::try_from(now.since(session.record.time).as_millis()).unwrap_or(u64::MAX);
            if let Some(run) = session.run.take() {
                session.tell(&run, now);
            }
            session.record.guardrails = session.verdicts();
            session.guard = None;
            let Some(held) = session.held.take() else {
                return self.log(host, &session.record);
            };
            (session.record.clone(), held)
        };
        let (gateway, host_later) = (self.clone(), host.clone());
        host.later(Box::pin(async move { gateway.settle_held(&host_later, &record, &held).await }));
    }

    /// Has `record` written to the cost log.
    pub(super) fn log<H: Host>(self: &Rc<Self>, host: &H, record: &Record) {
        let Duty::Write(wait) = self.journal.add(record, host.now()) else { return };
        let (gateway, writer) = (self.clone(), host.clone());
        host.later(Box::pin(async move {
            if !wait.is_zero() {
                writer.sleep(wait).await;
            }
            for entry in gateway.journal.take(writer.now(), || writer.random()) {
                write(&writer, entry).await;
            }
        }));
    }
}

/// Writes one entry of the cost log. A store that stays away makes it a line of the operator's log: nothing is lost
/// without a trace.
async fn write<H: Host>(host: &H, entry: Entry) {
    let value = Bytes::from(entry.value);
    for tried in 1..=WRITES {
        match host.put(&entry.key, value.clone(), Some(&entry.summary)).await {
            Ok(()) => return,
            Err(error) if tried == WRITES => {
                let rows = String::from_utf8_lossy(&value);
                host.log(&format!("cost log: {error}; {} not written: {rows}", entry.key));
            }
            Err(_) => host.sleep(std::time::Duration::from_millis(250 << tried)).await,
        }
    }
}
