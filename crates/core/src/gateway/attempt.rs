//! Calling targets, one after the other.

use std::{pin::pin, rc::Rc, time::Duration};

use bytes::Bytes;
use futures::future::{Either, LocalBoxFuture, select};
use http::{HeaderMap, Response};
use sluice_types::{
    error::{ErrorKind, Failure},
    time::Timestamp,
};

use super::{Context, admit::Caller, receive, reply::Problem, settle::Shared};
use crate::{
    config::{Model, Target},
    port::{Body, BodyError, Host, NetworkError},
    routing::{Plan, Step},
};

/// The longest whole answer taken from a provider, in bytes.
const MAX_ANSWER: usize = 32 << 20;

/// Walks the model's targets until one answers; `None` if the caller is gone before. The attempt under way is
/// cancelled then.
///
/// Each attempt starts from the caller's own request. Only providers that the tenant allows are asked.
pub(super) async fn walk<H: Host, T>(
    context: &Context<'_, H>,
    caller: &Caller,
    model: &Rc<Model>,
    session: &Shared,
    gone: &mut LocalBoxFuture<'static, ()>,
    attempt: impl AsyncFn(&Target) -> Result<T, Failure>,
) -> Option<Result<T, Problem>> {
    let targets = pin!(targets(context, caller, model, session, attempt));
    match select(targets, gone).await {
        Either::Left((outcome, _)) => Some(outcome),
        Either::Right(_) => None,
    }
}

async fn targets<H: Host, T>(
    context: &Context<'_, H>,
    caller: &Caller,
    model: &Rc<Model>,
    session: &Shared,
    attempt: impl AsyncFn(&Target) -> Result<T, Failure>,
) -> Result<T, Problem> {
    let allowed = |target: &Target| caller.may_use(&target.provider);
    let order: Vec<usize> =
        model.targets.iter().enumerate().filter(|(_, target)| allowed(target)).map(|(at, _)| at).collect();
    if order.is_empty() {
        let message = format!("no provider of the model `{}` is allowed for this tenant", model.name);
        return Err(Failure::new(ErrorKind::Forbidden, message).into());
    }
    let mut plan = Plan::new(&model.targets, order, &model.retry);
    let mut step = plan.start();
    let mut told: Option<Failure> = None;
    loop {
        let target = match step {
            Step::Try { target: at, delay } => {
                if !delay.is_zero() {
                    context.host.sleep(delay).await;
                }
                session.borrow_mut().trying(model, at);
                model.targets.get(at)
            }
            Step::Fail => None,
        };
        let Some(target) = target else {
            let failure = told.unwrap_or_else(|| Failure::new(ErrorKind::Internal, "no target was tried"));
            let attempts = session.borrow().record.attempts.clone();
            return Err(Problem { failure, attempts, headers: HeaderMap::new() });
        };
        match attempt(target).await {
            Ok(value) => return Ok(value),
            Err(failure) => {
                session.borrow_mut().attempt_failed(target, failure.kind);
                step = plan.failed(&failure, dice(context.host));
                // That a last resort cannot say it either tells less than why the targets before it failed.
                if told.is_none() || failure.kind != ErrorKind::Unsupported {
                    told = Some(failure);
                }
            }
        }
    }
}

/// A draw from `0.0..1.0`.
fn dice<H: Host>(host: &H) -> f64 {
    (host.random() >> 11) as f64 / (1_u64 << 53) as f64
}

/// What one call may take.
pub(super) struct Deadline {
    began: Timestamp,
    limit: Duration,
    kind: ErrorKind,
}

impl Deadline {
    /// The end of the whole call to `target`.
    pub fn total<H: Host>(host: &H, target: &Target) -> Self {
        Self { began: host.now(), limit: target.timeout, kind: ErrorKind::UpstreamTimeout }
    }

    /// The end of the wait for the first output of `target`.
    pub fn first_token<H: Host>(host: &H, target: &Target) -> Self {
        let total = Self::total(host, target);
        match target.first_token_timeout {
            Some(limit) if limit < total.limit => Self { limit, kind: ErrorKind::FirstTokenTimeout, ..total },
            _ => total,
        }
    }

    /// What `work` gives, if it ends in time.
    pub async fn bound<H: Host, T>(&self, host: &H, work: impl Future<Output = T>) -> Result<T, Failure> {
        receive::within(host, self.left(host), work).await.ok_or_else(|| self.missed())
    }

    /// What is left of it.
    pub fn left<H: Host>(&self, host: &H) -> Duration {
        self.limit.saturating_sub(host.now().since(self.began))
    }

    /// The failure that passing it is.
    pub fn missed(&self) -> Failure {
        let what = if self.kind == ErrorKind::FirstTokenTimeout { "a first token" } else { "a whole answer" };
        Failure::new(
            self.kind,
            format!("the provider did not give {what} within {} ms", self.limit.as_millis()),
        )
    }
}

/// The whole body of a provider's answer.
pub(super) async fn whole<H: Host>(
    host: &H,
    response: Response<H::Body>,
    deadline: &Deadline,
) -> Result<Bytes, Failure> {
    deadline.bound(host, response.into_body().whole(MAX_ANSWER)).await?.map_err(|error| match error {
        BodyError::Network(error) => network(error),
        BodyError::TooLarge => Failure::new(
            ErrorKind::UpstreamInvalid,
            format!("the provider's answer is larger than {MAX_ANSWER} bytes"),
        ),
    })
}

/// The failure that a broken connection is.
pub(super) fn network(error: NetworkError) -> Failure {
    Failure::new(
        ErrorKind::UpstreamNetwork,
        format!("the provider could not be reached or broke off: {error}"),
    )
}

/// Adds who answered, after how many calls, and what of the request was left unsaid.
pub(super) fn stamp(headers: &mut HeaderMap, session: &Shared, dropped: &[String]) {
    let session = session.borrow();
    if let Some(target) = &session.record.target {
        super::reply::set(headers, "sluice-target", target);
    }
    super::reply::set(headers, "sluice-attempts", &(session.record.attempts.len() + 1).to_string());
    if !dropped.is_empty() {
        super::reply::set(headers, "sluice-dropped", &dropped.join(", "));
    }
    for (name, value) in &session.told {
        super::reply::set(headers, name, value);
    }
}

/// Adds what the answer cost, where that is known before it is sent.
pub(super) fn stamp_cost(headers: &mut HeaderMap, session: &Shared) {
    if let Some(cost) = session.borrow().record.cost_nano_usd {
        super::reply::set(headers, "sluice-cost-usd", &cost.to_string());
    }
}
