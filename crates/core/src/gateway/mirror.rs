//! Requests sent again when their answer is on its way: copies for comparison, paid by nobody but the operator, and those
//! that make a cached answer fresh.

use std::{cell::OnceCell, rc::Rc};

use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use http::HeaderMap;
use sluice_types::error::Failure;

use super::{
    Context, Gateway,
    admit::Caller,
    cache::Ticket,
    chat::{Ask, Outcome},
    guard::{self, Guarded},
    hook,
    reserve::Need,
    settle::{Session, Shared},
    stream,
    walk::Subject,
};
use crate::{
    config::{Mirror, Model, Target, document::Stage},
    guardrail::Guardrail,
    port::Host,
    routing::dice,
};

impl Gateway {
    /// Sends a copy of what was asked to the model's mirror, if it has one and the dice say so. Returns at once.
    pub(super) fn mirror<H: Host>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        caller: &Rc<Caller>,
        model: &Model,
        ask: &Ask<'_>,
    ) {
        let also = &model.guardrails;
        let Some(Mirror { model, percent }) = &model.mirror else { return };
        if f64::from(*percent) <= dice::unit(context.host.random()) * 100.0 {
            return;
        }
        self.send_again(context, caller, model, ask, ask.stream, Purpose::Compare(also.clone()));
    }

    /// Asks again what was answered from the cache, and has the new answer kept. Returns at once.
    pub(super) fn refresh<H: Host>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        caller: &Rc<Caller>,
        model: &Rc<Model>,
        ask: &Ask<'_>,
    ) {
        let Some(ticket) = ask.ticket.as_ref().filter(|ticket| self.begin(ticket)) else { return };
        self.send_again(context, caller, model, ask, false, Purpose::Refresh(ticket.clone()));
    }

    fn send_again<H: Host>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        caller: &Rc<Caller>,
        model: &Rc<Model>,
        ask: &Ask<'_>,
        stream: bool,
        purpose: Purpose,
    ) {
        let copy = Copy {
            gateway: self.clone(),
            host: context.host.clone(),
            purpose,
            of: context.id.to_owned(),
            id: format!("req_{:016x}{:016x}", context.host.random(), context.host.random()),
            protocol: context.protocol,
            headers: context.headers.clone(),
            config: context.config.clone(),
            caller: caller.clone(),
            model: model.clone(),
            body: ask.body.clone(),
            name: ask.request.model.to_string(),
            stream,
        };
        context.host.later(copy.run().boxed_local());
    }
}

/// What a request is sent again for.
enum Purpose {
    /// To see what another model says; the guardrails of the one asked hold for it too.
    Compare(Vec<Rc<Guardrail>>),
    /// To keep the answer under this.
    Refresh(Rc<Ticket>),
}

/// A copy of a request, with all it needs to be asked again.
struct Copy<H> {
    gateway: Rc<Gateway>,
    host: H,
    purpose: Purpose,
    of: String,
    id: String,
    protocol: sluice_providers::format::Protocol,
    headers: HeaderMap,
    config: Rc<crate::config::Config>,
    caller: Rc<Caller>,
    model: Rc<Model>,
    body: Bytes,
    name: String,
    stream: bool,
}

impl<H: Host> Copy<H> {
    async fn run(self) {
        let Self {
            gateway,
            host,
            purpose,
            of,
            id,
            protocol,
            headers,
            config,
            caller,
            model,
            body,
            name,
            stream,
        } = self;
        let started = host.now();
        let context = Context { host: &host, id: &id, started, protocol, headers: &headers, config };
        let Ok(mut request) = protocol.read_request(&body) else { return };
        (request.model, request.stream) = (name.into(), stream);
        let session = Session::begin(&context, &caller, "chat", &request.model, request.user.as_deref());
        let Ok(session) = session else { return };
        let also: &[Rc<Guardrail>] = match &purpose {
            Purpose::Compare(also) => also,
            Purpose::Refresh(_) => &[],
        };
        let Ok(plans) = guard::plans(&context, &caller, &model, also) else { return };
        let Ok(guarded) = guard::check(&plans, &mut request, &session) else { return };
        // Nobody waits for a copy: all hooks are asked first.
        let Ok(altered) = hook::before(&context, &plans, &mut request, &session).await else { return };
        if let Some(judging) = hook::beside(&context, &plans, &request, &session)
            && judging.await.is_err()
        {
            return;
        }
        session.borrow_mut().record.stream = stream;
        let (model, ticket) = match purpose {
            Purpose::Compare(_) => {
                session.borrow_mut().record.shadow_of = Some(of);
                (model, None)
            }
            Purpose::Refresh(ticket) => {
                session.borrow_mut().record.cache = Some(ticket.refreshing());
                let need = Need::Chat { request: &request, plans: Some(&plans), passages: false };
                let Ok(model) = gateway.reserve(&context, &caller, model, &session, need).await else {
                    return;
                };
                (model, Some(ticket))
            }
        };
        let Guarded { changed, answer: guard, .. } = guarded;
        let mut ask = Ask {
            protocol,
            body: &body,
            stream,
            request,
            strict: false,
            as_list: false,
            changed: changed || altered,
            guard,
            hooks: plans.hooks(Stage::Output).to_vec(),
            ticket,
            counted: OnceCell::new(),
            grounds: None,
            searched: None,
        };
        ask.hold(&plans);
        let attempt = async |target: &Target, session: &Shared| {
            let outcome: Result<Outcome<H::Body>, Failure> =
                gateway.attempt_chat(&context, &ask, target, session).await;
            outcome
        };
        let mut never = futures::future::pending().boxed_local();
        let subject = Subject::Chat(&ask);
        let outcome = gateway.walk(&context, &caller, &model, subject, &session, &mut never, attempt).await;
        match outcome {
            Some(Ok(Outcome::Stream { opened, .. })) => {
                let answer = stream::run(gateway.clone(), host.clone(), *opened, session, never);
                answer.for_each(|_| std::future::ready(())).await;
                return;
            }
            Some(Ok(Outcome::Whole { .. } | Outcome::Events { .. })) | None => {}
            Some(Err(problem)) => session.borrow_mut().failed(problem.failure.kind),
        }
        gateway.settle(&host, &session);
    }
}
