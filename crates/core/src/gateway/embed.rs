//! Embeddings.

use std::{borrow::Cow, rc::Rc};

use bytes::Bytes;
use futures::future::LocalBoxFuture;
use http::StatusCode;
use sluice_providers::{
    format::{self, Chat, openai_embeddings},
    tokens,
};
use sluice_types::{
    embeddings::{Input, Request},
    error::{ErrorKind, Failure},
    usage::{Source, Usage},
};

use super::{
    Context, Gateway, Reply,
    attempt::{self, Deadline, Outgoing},
    receive,
    reply::Problem,
    settle::{Session, Shared},
};
use crate::{
    config::{Target, Upstream},
    port::{Body, Host},
};

impl Gateway {
    /// Answers a request for embeddings.
    pub(super) async fn embed<H: Host, B: Body>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        body: B,
        mut gone: LocalBoxFuture<'static, ()>,
    ) -> Result<Reply, Problem> {
        let caller = self.authenticate(context).await?;
        let body = receive::body(context, body).await?;
        let request = openai_embeddings::read_request(&body)?;
        let model = self.admit_model(context, &caller, &request.model)?;

        let session =
            Session::begin(context, &caller, "embeddings", &request.model, request.user.as_deref())?;

        let attempt = async |target: &Target| attempt_embed(context, &request, &body, target, &session).await;
        let outcome = attempt::walk(context, &caller, &model, &session, &mut gone, attempt).await;
        let Some(outcome) = outcome else {
            session.borrow_mut().left(estimate(&request, Source::Partial));
            self.settle(context.host, &session);
            return Ok(Reply::empty(StatusCode::NO_CONTENT));
        };
        if let Err(problem) = &outcome {
            session.borrow_mut().failed(problem.failure.kind);
        }
        self.settle(context.host, &session);
        let (body, dropped) = outcome?;
        let mut reply = Reply::json(body);
        attempt::stamp(&mut reply.headers, &session, &dropped);
        attempt::stamp_cost(&mut reply.headers, &session);
        Ok(reply)
    }
}

async fn attempt_embed<H: Host>(
    context: &Context<'_, H>,
    request: &Request<'_>,
    body: &[u8],
    target: &Target,
    session: &Shared,
) -> Result<(Bytes, Vec<String>), Failure> {
    let provider = match &target.provider.upstream {
        Upstream::Http(provider) if provider.embeddings => provider,
        Upstream::Http(_) | Upstream::Builtin => {
            return Err(Failure::new(ErrorKind::Unsupported, format!("{} makes no embeddings", target.id)));
        }
    };
    let spec = format::Target {
        model: &target.model,
        dialect: &provider.dialect,
        strict: false,
        default_max_tokens: None,
        same_format: true,
    };
    let written = openai_embeddings::patch_request(body, &spec)?;
    let deadline = Deadline::total(context.host, target);
    let outgoing =
        Outgoing { provider, format: Chat::OpenaiChat, path: "/embeddings".to_owned(), body: written.body };
    let response = attempt::send(context, outgoing, &deadline).await?;
    let bytes = attempt::whole(context.host, response, &deadline).await?;
    let answer = openai_embeddings::answer_in(&bytes, request.encoding)?;
    let usage = answer.usage.unwrap_or_else(|| estimate(request, Source::Estimated));
    session.borrow_mut().used(usage, Some(answer.model));
    let body = match answer.body {
        Cow::Borrowed(_) => bytes,
        Cow::Owned(body) => Bytes::from(body),
    };
    Ok((body, written.dropped))
}

fn estimate(request: &Request<'_>, source: Source) -> Usage {
    let input_uncached = match &request.input {
        Input::Texts(texts) => texts.iter().map(|text| tokens::text(text)).sum(),
        // Numbers in a JSON list: as many as commas, and one.
        Input::Tokens(lists) => lists
            .iter()
            .map(|list| memchr::memchr_iter(b',', list.text().as_bytes()).count() as u64 + 1)
            .sum(),
    };
    Usage { input_uncached, source, ..Usage::default() }
}
