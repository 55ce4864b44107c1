//! Calling targets, one after the other or two in a race, until one answers.

use std::{pin::pin, rc::Rc, time::Duration};

use futures::future::{Either, LocalBoxFuture, select};
use http::HeaderMap;
use sluice_types::{
    error::{ErrorKind, Failure},
    time::Timestamp,
};

use super::{
    Context, Gateway,
    admit::Caller,
    attempt,
    chat::Ask,
    receive,
    reply::Problem,
    routes::{Racer, Run},
    settle::{Session, Shared},
};
use crate::{
    config::{Model, Target},
    port::Host,
    routing::{
        dice::{self, Dice},
        facts::Facts,
        order::{self, Scene, Standing, View},
        plan::{Plan, Situation, Step},
    },
};

/// What a request is about, as far as strategies want to know.
pub(super) enum Subject<'a> {
    /// Chat.
    Chat(&'a Ask<'a>),
    /// Something of so many tokens.
    Tokens(u64),
}

/// A request on its walk.
struct Walk<'a, H> {
    gateway: &'a Gateway,
    context: &'a Context<'a, H>,
    model: &'a Rc<Model>,
    subject: &'a Subject<'a>,
    session: &'a Shared,
    stream: bool,
}

impl Gateway {
    /// Walks the model's targets until one answers; `None` if the caller is gone before. The attempt under way is
    /// cancelled then.
    ///
    /// Each attempt starts from the caller's own request, and writes what it learns into the session it is given. Only
    /// providers that the tenant allows are asked.
    #[expect(clippy::too_many_arguments, reason = "all of a request comes together here")]
    pub(super) async fn walk<H: Host, T>(
        &self,
        context: &Context<'_, H>,
        caller: &Caller,
        model: &Rc<Model>,
        subject: Subject<'_>,
        session: &Shared,
        gone: &mut LocalBoxFuture<'static, ()>,
        attempt: impl AsyncFn(&Target, &Shared) -> Result<T, Failure>,
    ) -> Option<Result<T, Problem>> {
        let stream = session.borrow().record.stream;
        let walk = Walk { gateway: self, context, model, subject: &subject, session, stream };
        let targets = pin!(walk.targets(caller, attempt));
        match select(targets, gone).await {
            Either::Left((outcome, _)) => Some(outcome),
            Either::Right(_) => None,
        }
    }
}

impl<H: Host> Walk<'_, H> {
    async fn targets<T>(
        &self,
        caller: &Caller,
        attempt: impl AsyncFn(&Target, &Shared) -> Result<T, Failure>,
    ) -> Result<T, Problem> {
        let order = self.order(caller).map_err(|failure| self.problem(failure))?;
        let mut plan = Plan::new(&self.model.targets, order);
        let mut step = plan.start();
        let mut told: Option<Failure> = None;
        let mut hedge = self.model.hedge;
        loop {
            let Step::Try { target: at, delay, first } = step else {
                return Err(self.problem(told.unwrap_or_else(|| self.nobody(&self.views_now()))));
            };
            if !delay.is_zero() {
                self.context.host.sleep(delay).await;
            }
            let Some(target) = self.model.targets.get(at) else {
                step = plan.passed_over();
                continue;
            };
            let leave = self.gateway.leave(self.context.host, target).await;
            let run = leave
                .and_then(|probe| self.gateway.routes.begin(target, first, self.stream, probe, self.now()));
            let Some(run) = run else {
                step = plan.passed_over();
                continue;
            };
            self.gateway.share(self.context.host);
            self.session.borrow_mut().trying(self.model, at);
            // A request is raced once, from its first attempt on.
            let outcome = match run.joined_after(hedge.take()) {
                None => self.one(target, Racer::new(run), self.session, &attempt).await,
                Some(wait) => self.race(target, run, wait, &mut plan, &attempt).await,
            };
            let failure = match outcome {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            // In a race it may be the second one that failed last.
            let target = self.session.borrow().target(self.model).unwrap_or(target).clone();
            step = plan.failed(&failure, self.situation(&target));
            // That a last resort cannot say it either tells less than why the targets before it failed.
            if told.is_none() || failure.kind != ErrorKind::Unsupported {
                told = Some(failure);
            }
        }
    }

    /// The order in which targets are asked, by the model's strategy.
    fn order(&self, caller: &Caller) -> Result<Vec<usize>, Failure> {
        let host = self.context.host;
        let now = host.now();
        let allowed = |target: &Target| caller.may_use(&target.provider);
        let headers = self.context.headers;
        let explain =
            receive::text(headers, "sluice-explain").is_some_and(|value| value != "0" && value != "false");
        let (decision, views) = {
            let session = self.session.borrow();
            let (request, tokens) = match self.subject {
                Subject::Chat(ask) => (Some(&ask.request), ask.counted.get().copied()),
                Subject::Tokens(tokens) => (None, Some(*tokens)),
            };
            let facts = Facts {
                model: &session.record.request_model,
                request,
                tokens,
                tags: &session.record.tags,
                user: session.record.user.as_deref(),
                session: receive::text(headers, "sluice-session"),
                region: REGION.iter().find_map(|name| receive::text(headers, name)),
                stream: self.stream,
            };
            let view = |target| match allowed(target) {
                true => self.gateway.routes.view(target, &facts, now),
                false => FORBIDDEN,
            };
            let views: Vec<View> = self.model.targets.iter().map(view).collect();
            let weights = caller.tenant.score.as_ref();
            let scene =
                Scene { targets: &self.model.targets, views: &views, facts: &facts, weights, now, explain };
            (order::order(&self.model.group, &scene, &mut Dice::new(host.random())), views)
        };
        let mut session = self.session.borrow_mut();
        session.record.arm = decision.arm;
        session.record.route = decision.explanation;
        drop(session);
        if !decision.order.is_empty() {
            return Ok(decision.order);
        }
        let name = &self.model.name;
        if views.iter().all(|view| view.standing == Standing::Forbidden) {
            let message = format!("no provider of the model `{name}` is allowed for this tenant");
            return Err(Failure::new(ErrorKind::Forbidden, message));
        }
        if decision.no_rule {
            let message = format!("none of the rules of the model `{name}` holds for this request");
            return Err(Failure::new(ErrorKind::Unsupported, message));
        }
        Err(self.nobody(&views))
    }

    /// The failure that it is when all targets rest.
    fn nobody(&self, views: &[View]) -> Failure {
        let now = self.now();
        let soonest = views
            .iter()
            .filter_map(|view| match view.standing {
                Standing::Resting(until) => Some(until.unwrap_or(now.plus(Duration::from_secs(1)))),
                Standing::Up
                | Standing::Silent
                | Standing::Probing
                | Standing::Drained
                | Standing::Forbidden => None,
            })
            .min();
        let states: Vec<String> = self
            .model
            .targets
            .iter()
            .zip(views)
            .filter(|(_, view)| view.standing != Standing::Forbidden)
            .map(|(target, view)| format!("{} {}", target.id, view.standing.name()))
            .collect();
        let message =
            format!("no target of the model `{}` can be asked now: {}", self.model.name, states.join(", "));
        Failure {
            retry_after: soonest.map(|until| until.since(now)),
            ..Failure::new(ErrorKind::UpstreamUnavailable, message)
        }
    }

    fn views_now(&self) -> Vec<View> {
        let tags = std::collections::BTreeMap::new();
        let facts = Facts::of(&self.model.name, &tags);
        let now = self.now();
        self.model.targets.iter().map(|target| self.gateway.routes.view(target, &facts, now)).collect()
    }

    /// One attempt, which tells the target's health what came of it.
    async fn one<T>(
        &self,
        target: &Target,
        racer: Racer,
        session: &Shared,
        attempt: &impl AsyncFn(&Target, &Shared) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let (left, began) = (self.left(), self.now());
        let limit = target.first_token_timeout.filter(|_| self.stream).unwrap_or(target.timeout);
        let bounded = left.filter(|left| *left < limit);
        let outcome = match bounded {
            None => attempt(target, session).await,
            Some(left) => match receive::within(self.context.host, left, attempt(target, session)).await {
                Some(outcome) => outcome,
                None => Err(self.too_late()),
            },
        };
        let now = self.now();
        match &outcome {
            Ok(_) => {
                session.borrow_mut().run = racer.take().map(|mut run| {
                    run.succeeded(now);
                    run
                });
            }
            Err(failure) => {
                // What was left of the request's time says little about the target where it was short.
                let fair = bounded.is_none_or(|left| {
                    now.since(began) < left || self.model.deadline.is_some_and(|all| all <= left * 2)
                });
                if let Some(mut run) = racer.take().filter(|_| fair && !failure.other_key) {
                    run.failed(failure, now);
                }
                session.borrow_mut().attempt_failed(target, failure.kind);
            }
        }
        self.gateway.share(self.context.host);
        outcome
    }

    /// An attempt that the next target joins after `wait`. The first to answer wins, the other is cancelled.
    async fn race<T>(
        &self,
        target: &Target,
        run: Run,
        wait: Duration,
        plan: &mut Plan<'_>,
        attempt: &impl AsyncFn(&Target, &Shared) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let racer = Racer::new(run);
        let first = pin!(self.one(target, racer.clone(), self.session, attempt));
        let first = match select(first, pin!(self.context.host.sleep(wait))).await {
            Either::Left((outcome, _)) => return outcome,
            Either::Right(((), first)) => first,
        };
        let Some((at, second_target, run)) = self.joiner(target, plan) else { return first.await };
        let fork = Session::fork(self.session);
        fork.borrow_mut().trying(self.model, at);
        let second = pin!(self.one(second_target, Racer::new(run), &fork, attempt));
        match select(first, second).await {
            Either::Left((Ok(value), _)) => {
                let lost = fork.borrow().cancelled(self.input());
                self.session.borrow_mut().raced(lost);
                Ok(value)
            }
            Either::Right((Ok(value), _)) => {
                racer.outrun(self.now());
                let lost = self.session.borrow().cancelled(self.input());
                Session::take_over(self.session, &fork);
                self.session.borrow_mut().raced(lost);
                Ok(value)
            }
            Either::Left((Err(_), second)) => {
                let outcome = second.await;
                Session::take_over(self.session, &fork);
                outcome
            }
            Either::Right((Err(_), first)) => {
                let outcome = first.await;
                Session::join(self.session, &fork);
                outcome
            }
        }
    }

    /// The next target of the plan, with leave to ask it beside `first`, whose retry budget pays: so races stay a share of
    /// what is asked, and come in a burst where it falls silent.
    fn joiner(&self, first: &Target, plan: &mut Plan<'_>) -> Option<(usize, &Target, Run)> {
        let (now, routes) = (self.now(), &self.gateway.routes);
        let next = plan.peek()?;
        let target = self.model.targets.get(next)?;
        if !routes.may_retry(first, now) {
            return None;
        }
        if !routes.may_join(target, now) {
            return None;
        }
        let run = routes.begin(target, true, self.stream, None, now)?;
        routes.retried(first, now);
        plan.race();
        Some((next, target, run))
    }

    /// The prompt's tokens by estimate: what an attempt that is cancelled may have cost.
    fn input(&self) -> u64 {
        match self.subject {
            Subject::Chat(ask) => ask.tokens(),
            Subject::Tokens(tokens) => *tokens,
        }
    }

    fn situation(&self, target: &Target) -> Situation {
        let now = self.now();
        Situation {
            jitter: dice::unit(self.context.host.random()),
            left: self.left(),
            may_retry: self.gateway.routes.may_retry(target, now),
        }
    }

    /// What is left until the request's deadline.
    fn left(&self) -> Option<Duration> {
        self.model.deadline.map(|all| all.saturating_sub(self.now().since(self.context.started)))
    }

    fn too_late(&self) -> Failure {
        let limit = self.model.deadline.unwrap_or_default().as_millis();
        let message = format!("no target answered within the model's deadline of {limit} ms");
        Failure::new(ErrorKind::UpstreamTimeout, message)
    }

    fn now(&self) -> Timestamp {
        self.context.host.now()
    }

    fn problem(&self, failure: Failure) -> Problem {
        let session = self.session.borrow();
        let mut headers = HeaderMap::new();
        attempt::explain(&mut headers, &session.record);
        Problem { failure, attempts: session.record.attempts.clone(), headers }
    }
}

/// Where a caller is: told by itself, else its country by the host.
const REGION: [&str; 2] = ["sluice-region", "cf-ipcountry"];

const FORBIDDEN: View = View { standing: Standing::Forbidden, latency: None, running: 0, error_rate: None };
