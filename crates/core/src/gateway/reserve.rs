//! Reserving what a request may use, before anything is sent, and settling it after the answer.
//!
//! One call to the tenant's counter object for all limits and budgets together, and none for a tenant that has neither.

use std::{collections::BTreeMap, rc::Rc, time::Duration};

use http::HeaderMap;
use sluice_providers::{operation::Operation, tokens};
use sluice_types::{
    chat,
    error::{ErrorKind, Failure},
    quota::{Amounts, Ask, Reason, Standing, Unit, Verdict, Window},
    usage::Usage,
};

use super::{
    Context, Gateway,
    admit::{self, Caller},
    guard,
    object::{self, Answer, Call, Row},
    receive,
    reply::{self, Problem},
    settle::{Shared, WRITES},
};
use crate::{
    config::{Model, Target, document::Stage},
    cost_log::{self, Record},
    grounded::place,
    guardrail::Plans,
    limit::{self, Bound, Most, UNPRICED, Who},
    port::{CountersError, Host},
};

/// What a picture, a speech or a transcription is taken to cost: nobody lists a price by the token for them.
const UNPRICED_WORK: u64 = 250_000_000;

/// The longest a reservation is kept for a request of which nothing more is heard.
const LONGEST: Duration = Duration::from_secs(3_600);

/// The header in which a host tells the caller's address. What a caller sends under this name the host replaces.
pub const VISITOR: &str = "sluice-visitor";

/// Added to what a model's targets may take: for the waits between them, and for the settlement's own way.
const GRACE: Duration = Duration::from_secs(60);

/// What a request is, as far as it tells what it may use. That is worked out where something is to be reserved.
pub(super) enum Need<'a> {
    /// Chat: the guardrails that hold for it, and whether passages of stores are to be put into it.
    Chat { request: &'a chat::Request<'a>, plans: Option<&'a Plans>, passages: bool },
    /// Something else: what is read by our estimate, in tokens, and the body's bytes.
    Operation { operation: Operation, input: u64, bytes: usize },
}

impl Need<'_> {
    fn use_of(&self) -> Use {
        match *self {
            Self::Chat { request, .. } => {
                let input = tokens::request(request);
                Use { input, most: Most::of_chat(request, input), flat: None }
            }
            Self::Operation { operation, input, bytes } => {
                let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
                let flat = match operation {
                    Operation::Embeddings | Operation::Rerank | Operation::Moderations => None,
                    Operation::Images | Operation::Speech | Operation::Transcriptions => Some(UNPRICED_WORK),
                };
                let most = Most { input: bytes, output: Some(0), answers: 1, ..Most::default() };
                Use { input, most, flat }
            }
        }
    }

    /// What comes on top where `targets` may answer under the guardrails of `plans`.
    fn beside(&self, targets: &[&Target], plans: Option<&Plans>, input: u64) -> Beside {
        let Self::Chat { request, passages, .. } = *self else { return Beside::default() };
        // A guardrail may refuse answers and have the next target asked.
        let every_target = plans.is_some_and(Plans::retries);
        let judged = if every_target { targets.len() as u64 } else { 1 };
        let room = if passages { place::budget(targets.iter().copied(), request, input) } else { 0 };
        Beside {
            every_target,
            passages: u64::try_from(room).unwrap_or(u64::MAX),
            hooks: plans.map_or(0, |plans| hooks(plans, judged)),
        }
    }
}

/// What the hooks of `plans` cost at most, where so many answers are judged.
fn hooks(plans: &Plans, answers: u64) -> u64 {
    let of =
        |stage: Stage| plans.hooks(stage).iter().map(|(hook, _)| hook.cost.0).fold(0, u64::saturating_add);
    let request = [Stage::Input, Stage::ToolResult, Stage::Retrieved].map(of);
    let answers = of(Stage::Output).saturating_mul(answers);
    request.into_iter().fold(answers, u64::saturating_add)
}

/// What a request may use at most.
struct Use {
    /// Tokens by our estimate, read.
    input: u64,
    most: Most,
    /// A flat sum where tokens say nothing about the cost.
    flat: Option<u64>,
}

/// What a request may use beside what it says itself.
#[derive(Default)]
struct Beside {
    /// Whether every target may answer, and be paid, in turn.
    every_target: bool,
    /// Tokens of passages by our estimate.
    passages: u64,
    /// What guardrails somewhere else cost.
    hooks: u64,
}

impl Use {
    fn amounts(&self, bounds: &[Bound], targets: &[&Target], beside: &Beside) -> Amounts {
        let windows = bounds
            .iter()
            .map(|bound| &bound.rule)
            .filter(|rule| rule.unit == Unit::Tokens && matches!(rule.window, Window::Last(_)));
        // A request alone fits into an empty window if its prompt does, however long an answer it allows.
        let fits = windows.map(|rule| rule.limit).min().unwrap_or(u64::MAX);
        let written = self.most.output.unwrap_or(0).saturating_mul(self.most.answers);
        let once = self.input.saturating_add(beside.passages).saturating_add(written);
        // Passages are cut to size by our estimate: providers count them at twice that at most.
        let input = self.most.input.saturating_add(beside.passages.saturating_mul(2));
        let most = Most { input, ..self.most };
        let ceiling = |targets: &[&Target]| limit::ceiling(&most, targets.iter().copied());
        let (all, ceiling) = if beside.every_target {
            let each = targets.iter().map(|target| ceiling(&[target]));
            (once.saturating_mul(targets.len() as u64), each.fold(0, u64::saturating_add))
        } else {
            (once, ceiling(targets))
        };
        let tokens = all.min(fits).max(self.input);
        let nano_usd = self.flat.unwrap_or(ceiling).saturating_add(beside.hooks);
        Amounts { requests: 1, tokens, nano_usd }
    }
}

/// What is reserved for a request.
#[derive(Debug)]
pub struct Held {
    /// What it costs if nobody knows: a flat sum, else by tokens at [`UNPRICED`].
    flat: Option<u64>,
}

impl Held {
    fn actual(&self, record: &Record) -> Amounts {
        let unknown = |usage: &Usage| self.flat.unwrap_or_else(|| UNPRICED.cost(usage).0);
        let nano_usd = record.cost_nano_usd.map_or_else(|| unknown(&record.usage), |cost| cost.0);
        let tokens = record.usage.total().saturating_add(record.refused_tokens);
        Amounts { requests: 1, tokens, nano_usd }
    }
}

impl Gateway {
    /// Reserves what the request may use; gives the model that is to answer, which is `model` unless a budget moves its
    /// requests to another.
    pub(super) async fn reserve<H: Host>(
        &self,
        context: &Context<'_, H>,
        caller: &Caller,
        model: Rc<Model>,
        session: &Shared,
        need: Need<'_>,
    ) -> Result<Rc<Model>, Problem> {
        let bounds = {
            let session = session.borrow();
            let record = &session.record;
            bounds(context, caller, record.user.as_deref(), Some(&record.request_model), &record.tags)
        };
        if bounds.is_empty() {
            return Ok(model);
        }
        let (used, amounts, lapses_after) = most(context, caller, &model, &bounds, &need);
        let owner = &caller.tenant.id;
        let verdict = verdict(context, owner, &bounds, amounts, lapses_after).await?;
        match verdict {
            Verdict::Granted { standings, warnings, first } => {
                for bound in first.iter().filter_map(|at| bounds.get(*at)) {
                    let what = &bound.what;
                    context.host.log(&format!("budget of {owner}: nearly or wholly used: {what}"));
                }
                let mut told = limit::headers(&bounds, &standings, context.started, is_messages(context));
                let due: Vec<&Bound> = warnings.iter().filter_map(|at| bounds.get(*at)).collect();
                if !due.is_empty() {
                    let what: Vec<&str> = due.iter().map(|bound| bound.what.as_str()).collect();
                    told.push((
                        "sluice-budget-warning",
                        format!("nearly or wholly used: {}", what.join("; ")),
                    ));
                }
                let mut session = session.borrow_mut();
                session.told = told;
                session.held = Some(Held { flat: used.flat });
                let moved = due.iter().find_map(|bound| bound.move_to.as_deref());
                let moved = moved.filter(|name| caller.may_name(name));
                Ok(moved.and_then(|name| context.config.model(name)).unwrap_or(model))
            }
            Verdict::Refused { rule, reason, retry_after, standings } => {
                Err(refused(context, &bounds, rule, reason, retry_after, &standings))
            }
        }
    }

    /// The caller of a request that no model answers. It counts towards limits of requests in a time, but for those of models,
    /// and towards nothing else.
    pub(super) async fn enter<H: Host>(&self, context: &Context<'_, H>) -> Result<Rc<Caller>, Problem> {
        let caller = self.authenticate(context).await?;
        let user = caller.user.clone().or_else(|| admit::user(context.headers, None));
        let mut bounds = bounds(context, &caller, user.as_deref(), None, &BTreeMap::new());
        bounds.retain(|Bound { rule, .. }| {
            rule.unit == Unit::Requests && matches!(rule.window, Window::Last(_))
        });
        if bounds.is_empty() {
            return Ok(caller);
        }
        // Nobody settles it: it lapses at once, and what windows count they forget by themselves.
        let amounts = Amounts { requests: 1, ..Amounts::default() };
        match verdict(context, &caller.tenant.id, &bounds, amounts, Duration::ZERO).await? {
            Verdict::Granted { .. } => Ok(caller),
            Verdict::Refused { rule, reason, retry_after, standings } => {
                Err(refused(context, &bounds, rule, reason, retry_after, &standings))
            }
        }
    }

    /// Settles what is reserved for the request of `record`, whose row rides along.
    pub(super) async fn settle_held<H: Host>(self: &Rc<Self>, host: &H, record: &Record, held: &Held) {
        let Ok(line) = serde_json::to_string(record) else { return };
        let prefix = cost_log::day_prefix(&record.tenant, &record.time.date());
        let row = Some(Row { prefix, id: record.id.clone(), line });
        let call = Call::Settle { id: record.id.clone(), actual: held.actual(record), row };
        for tried in 1..=WRITES {
            match object::ask(host, &record.tenant, &call).await {
                Ok(Answer::Settled(true)) => return,
                // It has been forgotten, so the row is ours to write; unless a lost answer was to a try before.
                Ok(_) if tried == 1 => return self.log(host, record),
                Ok(_) => return,
                Err(error) if tried == WRITES => {
                    let call = serde_json::to_string(&call).unwrap_or_default();
                    host.log(&format!("counters: {error}; {} not settled: {call}", record.tenant));
                }
                Err(_) => host.sleep(Duration::from_millis(250 << tried)).await,
            }
        }
    }
}

/// All that holds for a request of `caller`'s.
fn bounds<H>(
    context: &Context<'_, H>,
    caller: &Caller,
    user: Option<&str>,
    model: Option<&str>,
    tags: &BTreeMap<String, String>,
) -> Vec<Bound> {
    let visitor = receive::text(context.headers, VISITOR).unwrap_or("unknown");
    let visitor = caller.key.visitor_requests().map(|limit| (visitor, limit));
    let who = Who {
        key: &caller.key.id,
        // A visitor may call themselves anything: what they show is not gone by.
        user: visitor.as_ref().map(|(name, _)| *name).or(user),
        model,
        tags,
        visitor,
    };
    limit::bounds(&who, &context.config.quotas, caller.tenant.limits.as_ref(), caller.key.limits.as_ref())
}

/// What the object of `owner` says to a request.
async fn verdict<H: Host>(
    context: &Context<'_, H>,
    owner: &str,
    bounds: &[Bound],
    amounts: Amounts,
    lapses_after: Duration,
) -> Result<Verdict, Failure> {
    let call = Call::Reserve(Ask {
        id: context.id.to_owned(),
        amounts,
        lapses_after: u64::try_from(lapses_after.as_millis()).unwrap_or(u64::MAX),
        rules: bounds.iter().map(|bound| bound.rule.clone()).collect(),
    });
    // Asking again for the same id counts once, so an answer that was lost on the way does no harm.
    let answer = match object::ask(context.host, owner, &call).await {
        Ok(answer) => Ok(answer),
        Err(_) => object::ask(context.host, owner, &call).await,
    };
    match answer {
        Ok(Answer::Verdict(verdict)) => Ok(verdict),
        Ok(_) => Err(down(&CountersError("it answers something else".to_owned()))),
        Err(error) => Err(down(&error)),
    }
}

/// The answer to a request that a rule refuses.
fn refused<H>(
    context: &Context<'_, H>,
    bounds: &[Bound],
    rule: usize,
    reason: Reason,
    retry_after: Option<u64>,
    standings: &[Standing],
) -> Problem {
    let what = bounds.get(rule).map_or("a limit", |bound| bound.what.as_str());
    let mut headers = HeaderMap::new();
    for (name, value) in limit::headers(bounds, standings, context.started, is_messages(context)) {
        reply::set(&mut headers, name, &value);
    }
    Problem { failure: refusal(reason, retry_after, what), attempts: Vec::new(), headers }
}

fn is_messages<H>(context: &Context<'_, H>) -> bool {
    context.protocol == sluice_providers::format::Protocol::AnthropicMessages
}

/// What a request for `model` may use at most, and how long it may take.
fn most<H>(
    context: &Context<'_, H>,
    caller: &Caller,
    model: &Rc<Model>,
    bounds: &[Bound],
    need: &Need<'_>,
) -> (Use, Amounts, Duration) {
    let used = need.use_of();
    let (mut amounts, mut longest) = (Amounts::default(), Duration::ZERO);
    let mut add = |model: &Model, plans: Option<&Plans>| {
        let targets = model.targets.iter().filter(|target| caller.may_use(&target.provider));
        let targets: Vec<&Target> = targets.collect();
        let mut own = used.amounts(bounds, &targets, &need.beside(&targets, plans, used.input));
        if model.hedge.is_some() {
            // Both of a race may be charged for.
            own.nano_usd = own.nano_usd.saturating_mul(2);
        }
        amounts = Amounts {
            requests: amounts.requests.max(own.requests),
            tokens: amounts.tokens.max(own.tokens),
            nano_usd: amounts.nano_usd.max(own.nano_usd),
        };
        longest = longest.max(time_of(model));
    };
    match need {
        Need::Chat { plans, .. } => add(model, *plans),
        Need::Operation { .. } => add(model, None),
    }
    // A budget may move the request: enough is reserved whichever model answers.
    for name in bounds.iter().filter_map(|bound| bound.move_to.as_deref()) {
        if let Some(other) = context.config.model(name).filter(|_| caller.may_name(name)) {
            let plans = guard::plans(context, caller, &other, &[]).ok();
            add(&other, plans.as_deref());
        }
    }
    (used, amounts, longest)
}

/// How long a request for `model` may take, all its targets and tries together.
fn time_of(model: &Model) -> Duration {
    let all = |target: &Target| target.timeout.saturating_mul(target.retry.attempts);
    let longest: Duration = model.targets.iter().map(all).sum();
    // The deadline ends when an answer begins; its stream may take the target's own time from there.
    let once = model.targets.iter().map(|target| target.timeout).max().unwrap_or_default();
    let deadline = model.deadline.map_or(LONGEST, |deadline| deadline.saturating_add(once));
    longest.min(deadline).saturating_add(GRACE).min(LONGEST)
}

fn down(error: &CountersError) -> Failure {
    Failure::new(ErrorKind::StoreUnavailable, format!("the tenant's limits cannot be read: {error}"))
}

fn refusal(reason: Reason, retry_after: Option<u64>, what: &str) -> Failure {
    let (kind, message, wait) = match reason {
        Reason::Spent => (ErrorKind::BudgetExceeded, format!("the budget is spent: {what}"), retry_after),
        Reason::Reserved => {
            let message = format!("requests under way have reserved what is left of {what}");
            (ErrorKind::RateLimited, message, Some(1_000))
        }
        Reason::TooLarge => (
            ErrorKind::RateLimited,
            format!("this request alone is more than {what}: send a smaller one"),
            None,
        ),
        Reason::Rate => {
            (ErrorKind::RateLimited, format!("too many: {what}"), Some(retry_after.unwrap_or(1_000)))
        }
    };
    let wait = wait.map(|wait| Duration::from_secs(limit::after(wait)));
    Failure { retry_after: wait, ..Failure::new(kind, message) }
}
