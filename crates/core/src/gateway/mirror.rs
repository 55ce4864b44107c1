//! Copies of requests for comparison: sent when the answer is on its way, paid by nobody but the operator.

use std::rc::Rc;

use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use http::HeaderMap;
use sluice_types::error::Failure;

use super::{
    Context, Gateway,
    admit::Caller,
    chat::{Ask, Outcome},
    settle::{Session, Shared},
    stream,
    walk::Subject,
};
use crate::{
    config::{Mirror, Model, Target},
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
        let Some(Mirror { model, percent }) = &model.mirror else { return };
        if f64::from(*percent) <= dice::unit(context.host.random()) * 100.0 {
            return;
        }
        let copy = Copy {
            gateway: self.clone(),
            host: context.host.clone(),
            of: context.id.to_owned(),
            id: format!("req_{:016x}{:016x}", context.host.random(), context.host.random()),
            protocol: context.protocol,
            headers: context.headers.clone(),
            config: context.config.clone(),
            caller: caller.clone(),
            model: model.clone(),
            body: ask.body.clone(),
            name: ask.request.model.to_string(),
            stream: ask.request.stream,
        };
        context.host.later(copy.run().boxed_local());
    }
}

/// A copy of a request, with all it needs to be asked again.
struct Copy<H> {
    gateway: Rc<Gateway>,
    host: H,
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
        let Self { gateway, host, of, id, protocol, headers, config, caller, model, body, name, stream } =
            self;
        let started = host.now();
        let context = Context { host: &host, id: &id, started, protocol, headers: &headers, config };
        let Ok(mut request) = protocol.read_request(&body) else { return };
        (request.model, request.stream) = (name.into(), stream);
        let session = Session::begin(&context, &caller, "chat", &request.model, request.user.as_deref());
        let Ok(session) = session else { return };
        {
            let mut session = session.borrow_mut();
            session.record.stream = stream;
            session.record.shadow_of = Some(of);
        }
        let ask = Ask { protocol, body: &body, request, strict: false, as_list: false };
        let attempt = async |target: &Target, session: &Shared| {
            let outcome: Result<Outcome<H::Body>, Failure> =
                gateway.attempt_chat(&context, &ask, target, session).await;
            outcome
        };
        let mut never = futures::future::pending().boxed_local();
        let subject = Subject::Chat(&ask.request);
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
