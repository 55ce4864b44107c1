//! Reserving what a request may use, before anything is sent, and settling it after the answer.
//!
//! One call to the tenant's counter object for all limits and budgets together, and none for a tenant that has neither.

use std::{rc::Rc, time::Duration};

use http::HeaderMap;
use sluice_providers::{operation::Operation, tokens};
use sluice_types::{
    chat,
    error::{ErrorKind, Failure},
    quota::{Amounts, Ask, Reason, Unit, Verdict, Window},
    usage::Usage,
};

use super::{
    Context, Gateway,
    admit::Caller,
    object::{self, Answer, Call, Row},
    receive,
    reply::{self, Problem},
    settle::{Shared, WRITES},
};
use crate::{
    config::{Model, Target},
    cost_log::{self, Record},
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

/// What a request may use at most.
pub(super) struct Need {
    /// Tokens by our estimate, read.
    input: u64,
    most: Most,
    /// A flat sum where tokens say nothing about the cost.
    flat: Option<u64>,
    /// Whether every target may answer, and be paid, in turn: a guardrail may refuse answers and have the next asked.
    pub every_target: bool,
}

impl Need {
    /// What a chat request may use.
    pub fn of_chat(request: &chat::Request<'_>) -> Self {
        Self {
            input: tokens::request(request),
            most: Most::of_chat(request),
            flat: None,
            every_target: false,
        }
    }

    /// What a request for `operation` may use that has so many bytes.
    pub fn of_operation(operation: Operation, input: u64, bytes: usize) -> Self {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let flat = match operation {
            Operation::Embeddings | Operation::Rerank | Operation::Moderations => None,
            Operation::Images | Operation::Speech | Operation::Transcriptions => Some(UNPRICED_WORK),
        };
        Self {
            input,
            most: Most { input: bytes, output: Some(0), answers: 1, ..Most::default() },
            flat,
            every_target: false,
        }
    }

    fn amounts<'a>(&self, bounds: &[Bound], targets: impl Iterator<Item = &'a Target>) -> Amounts {
        let windows = bounds
            .iter()
            .map(|bound| &bound.rule)
            .filter(|rule| rule.unit == Unit::Tokens && matches!(rule.window, Window::Last(_)));
        // A request alone fits into an empty window if its prompt does, however long an answer it allows.
        let fits = windows.map(|rule| rule.limit).min().unwrap_or(u64::MAX);
        let written = self.most.output.unwrap_or(0).saturating_mul(self.most.answers);
        let once = self.input.saturating_add(written);
        let (all, ceiling) = if self.every_target {
            targets.fold((0_u64, 0_u64), |(tokens, nano_usd), target| {
                let own = limit::ceiling(&self.most, std::iter::once(target));
                (tokens.saturating_add(once), nano_usd.saturating_add(own))
            })
        } else {
            (once, limit::ceiling(&self.most, targets))
        };
        let tokens = all.min(fits).max(self.input);
        let nano_usd = self.flat.unwrap_or(ceiling);
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
        need: &Need,
    ) -> Result<Rc<Model>, Problem> {
        let visitor = receive::text(context.headers, VISITOR).unwrap_or("unknown");
        let visitor = caller.key.visitor_requests().map(|limit| (visitor, limit));
        let bounds = {
            let session = session.borrow();
            let record = &session.record;
            let who = Who {
                key: &caller.key.id,
                // A visitor may call themselves anything: what they show is not gone by.
                user: visitor.as_ref().map(|(name, _)| *name).or(record.user.as_deref()),
                model: &record.request_model,
                tags: &record.tags,
                visitor,
            };
            limit::bounds(
                &who,
                &context.config.quotas,
                caller.tenant.limits.as_ref(),
                caller.key.limits.as_ref(),
            )
        };
        if bounds.is_empty() {
            return Ok(model);
        }
        let allowed = model.targets.iter().filter(|target| caller.may_use(&target.provider));
        let mut amounts = need.amounts(&bounds, allowed);
        if model.hedge.is_some() {
            // Both of a race may be charged for.
            amounts.nano_usd = amounts.nano_usd.saturating_mul(2);
        }
        let ask = Ask {
            id: context.id.to_owned(),
            amounts,
            lapses_after: u64::try_from(longest(&model).as_millis()).unwrap_or(u64::MAX),
            rules: bounds.iter().map(|bound| bound.rule.clone()).collect(),
        };
        let call = Call::Reserve(ask);
        let owner = &caller.tenant.id;
        // Asking again for the same id counts once, so an answer that was lost on the way does no harm.
        let answer = match object::ask(context.host, owner, &call).await {
            Ok(answer) => Ok(answer),
            Err(_) => object::ask(context.host, owner, &call).await,
        };
        let verdict = match answer {
            Ok(Answer::Verdict(verdict)) => verdict,
            Ok(_) => return Err(down(&CountersError("it answers something else".to_owned())).into()),
            Err(error) => return Err(down(&error).into()),
        };
        let messages = context.protocol == sluice_providers::format::Protocol::AnthropicMessages;
        match verdict {
            Verdict::Granted { standings, warnings } => {
                let mut told = limit::headers(&bounds, &standings, context.started, messages);
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
                session.held = Some(Held { flat: need.flat });
                let moved = due.iter().find_map(|bound| bound.move_to.as_deref());
                let moved = moved.filter(|name| caller.may_name(name));
                Ok(moved.and_then(|name| context.config.model(name)).unwrap_or(model))
            }
            Verdict::Refused { rule, reason, retry_after, standings } => {
                let what = bounds.get(rule).map_or("a limit", |bound| bound.what.as_str());
                let mut headers = HeaderMap::new();
                for (name, value) in limit::headers(&bounds, &standings, context.started, messages) {
                    reply::set(&mut headers, name, &value);
                }
                Err(Problem { failure: refusal(reason, retry_after, what), attempts: Vec::new(), headers })
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

/// How long a request for `model` may take, all its targets and tries together.
fn longest(model: &Model) -> Duration {
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
