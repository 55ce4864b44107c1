//! Requests sent again when their answer is on its way: copies for comparison, paid by nobody but the operator, and those
//! that make a cached answer fresh, or see whether one that was found by meaning was right.

use std::{cell::OnceCell, rc::Rc};

use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use http::HeaderMap;
use sluice_types::{answer::Answer, chat::Part, error::Failure};

use super::{
    Context, Gateway,
    admit::Caller,
    cache::Ticket,
    chat::{Ask, Outcome},
    guard::{self, Guarded},
    hook,
    meaning::Match,
    reserve::Need,
    settle::{Session, Shared},
    stream,
    walk::Subject,
};
use crate::{
    cache::{agree, said},
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

    /// Notes that `kept`, the answer to `same`, was given. If the dice say so, the question is asked again as well, and it is
    /// counted whether that was right. Returns at once.
    pub(super) fn gave<H: Host>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        caller: &Rc<Caller>,
        model: &Rc<Model>,
        ask: &Ask<'_>,
        (same, kept): (Match, &Answer<'_>),
    ) {
        let Some(ticket) = &ask.ticket else { return };
        // What rests on passages would have to find them again.
        let may_check = ask.grounds.is_none() && dice::unit(context.host.random()) < ticket.check();
        if may_check && self.begin(ticket) {
            let purpose = Purpose::Check(ticket.clone(), same, text(kept));
            return self.send_again(context, caller, model, ask, false, purpose);
        }
        let (host, ticket) = (context.host.clone(), ticket.clone());
        context.host.later(async move { ticket.served(&host, &same).await }.boxed_local());
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
    /// The same, and to compare it with what was given, the answer to another question.
    Check(Rc<Ticket>, Match, String),
}

/// What an answer says.
fn text(answer: &Answer<'_>) -> String {
    let parts = answer.choices.iter().flat_map(|choice| &choice.parts);
    parts.filter_map(Part::as_text).collect()
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
        if let Purpose::Check(ticket, same, _) = &purpose {
            ticket.served(&host, same).await;
        }
        let started = host.now();
        let context = Context { host: &host, id: &id, started, protocol, headers: &headers, config };
        let Ok(mut request) = protocol.read_request(&body) else { return };
        (request.model, request.stream) = (name.into(), stream);
        let session = Session::begin(&context, &caller, "chat", &request.model, request.user.as_deref());
        let Ok(session) = session else { return };
        let also: &[Rc<Guardrail>] = match &purpose {
            Purpose::Compare(also) => also,
            Purpose::Refresh(_) | Purpose::Check(..) => &[],
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
        let (ticket, kept) = match purpose {
            Purpose::Compare(_) => (None, None),
            Purpose::Refresh(ticket) => (Some(ticket), None),
            Purpose::Check(ticket, _, kept) => (Some(ticket), Some(kept)),
        };
        let model = match &ticket {
            None => {
                session.borrow_mut().record.shadow_of = Some(of.clone());
                model
            }
            Some(ticket) => {
                session.borrow_mut().record.cache = Some(ticket.refreshing());
                let need = Need::Chat { request: &request, plans: Some(&plans), passages: false };
                let Ok(model) = gateway.reserve(&context, &caller, model, &session, need).await else {
                    return;
                };
                model
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
        let Some((kept, ticket)) = kept.zip(ask.ticket.as_deref()) else { return };
        let question = said(&ask.request).unwrap_or_default();
        let Some(found) = gateway.kept_lately(&host, ticket) else { return };
        let fresh = found.entry().map(|entry| text(&entry.answer)).unwrap_or_default();
        let Some(right) = agree(question, &kept, &fresh) else { return };
        if let Err(failure) = gateway.judge(&context, &caller.tenant.id, of, right).await {
            host.log(&format!("semantic cache: {failure}"));
        }
    }
}
