//! Requests that are no chat: embeddings, rerank, moderations, images, speech, transcriptions.
//!
//! They go to a provider as they came but for the model's name. What comes back is read only as far as its usage: vectors,
//! scores and verdicts whole, pictures and transcripts as they pass by, sound not at all.

use std::{borrow::Cow, rc::Rc};

use bytes::Bytes;
use futures::future::LocalBoxFuture;
use http::{HeaderValue, Response, StatusCode, header};
use sluice_providers::{
    catalog,
    format::{self, Chat, embeddings, openai_embeddings, plain, plain::Plain, rerank},
    operation::Operation,
    tokens,
};
use sluice_types::{
    embeddings::{Encoding, Input},
    error::{ErrorKind, Failure},
    usage::{Source, Usage},
};

use super::{
    Context, Gateway, Reply, ReplyBody,
    admit::Caller,
    attempt::{self, Deadline},
    passing, receive,
    reply::Problem,
    reserve::Need,
    send::Outgoing,
    settle::{Session, Shared},
    walk::Subject,
};
use crate::{
    config::{Model, Target, Upstream},
    embedding, moderation,
    port::{Body, Host},
};

/// What a caller asked, read once.
struct Ask<'a> {
    operation: Operation,
    body: &'a Bytes,
    content_type: HeaderValue,
    plain: Plain<'a>,
    /// What vectors are asked as.
    encoding: Encoding,
}

/// What an attempt came to.
enum Outcome<B> {
    /// All of it.
    Whole { body: Bytes, dropped: Vec<String> },
    /// An answer that has begun; whether its end tells usage.
    Begun { response: Response<B>, total: Deadline, tells_usage: bool, dropped: Vec<String> },
}

impl Gateway {
    /// Answers a request for `operation`.
    pub(super) async fn operate<H: Host, B: Body>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        operation: Operation,
        body: B,
        gone: LocalBoxFuture<'static, ()>,
    ) -> Result<Reply<H::Body>, Problem> {
        let caller = self.authenticate(context).await?;
        let body = receive::body(context, body).await?;
        let ask = read(context, operation, &body)?;
        let model = self.admit_model(context, &caller, &ask.plain.model)?;
        self.operate_as(context, &caller, ask, model, gone).await
    }

    /// Has `model` do what `caller` asks with `body`.
    pub(super) async fn operate_for<H: Host>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        caller: &Caller,
        operation: Operation,
        model: Rc<Model>,
        body: &Bytes,
    ) -> Result<Reply<H::Body>, Problem> {
        let ask = read(context, operation, body)?;
        self.operate_as(context, caller, ask, model, Box::pin(std::future::pending())).await
    }

    async fn operate_as<H: Host>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        caller: &Caller,
        ask: Ask<'_>,
        model: Rc<Model>,
        mut gone: LocalBoxFuture<'static, ()>,
    ) -> Result<Reply<H::Body>, Problem> {
        let (operation, body) = (ask.operation, ask.body);
        let user = ask.plain.user.as_deref();
        let session = Session::begin(context, caller, operation.name(), &ask.plain.model, user)?;
        let need = Need::Operation { operation, input: ask.plain.input_estimate, bytes: body.len() };
        let model = self.reserve(context, caller, model, &session, need).await?;

        let attempt = async |target: &Target, session: &Shared| {
            self.attempt_operation(context, &ask, target, session).await
        };
        let subject = Subject::Tokens(ask.plain.input_estimate);
        let outcome = self.walk(context, caller, &model, subject, &session, &mut gone, attempt).await;
        let Some(outcome) = outcome else {
            session.borrow_mut().left(ask.estimate(Source::Partial));
            self.settle(context.host, &session);
            return Ok(Reply::empty(StatusCode::NO_CONTENT));
        };
        let outcome = outcome.inspect_err(|problem| {
            session.borrow_mut().failed(problem.failure.kind);
            self.settle(context.host, &session);
        })?;
        Ok(match outcome {
            Outcome::Whole { body, dropped } => {
                let mut reply = Reply::json(body);
                attempt::stamp(&mut reply.headers, &session, &dropped);
                attempt::stamp_cost(&mut reply.headers, &session);
                self.settle(context.host, &session);
                reply
            }
            Outcome::Begun { response, total, tells_usage, dropped } => {
                let (head, body) = response.into_parts();
                let mut reply = Reply::empty(StatusCode::OK);
                for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CONTENT_DISPOSITION] {
                    reply.headers.extend(head.headers.get(&name).map(|value| (name, value.clone())));
                }
                attempt::stamp(&mut reply.headers, &session, &dropped);
                reply.body = if tells_usage {
                    ReplyBody::Passed(passing::run(
                        self.clone(),
                        context.host.clone(),
                        session,
                        body,
                        total,
                        gone,
                    ))
                } else {
                    self.settle(context.host, &session);
                    ReplyBody::Untouched(body)
                };
                reply
            }
        })
    }

    async fn attempt_operation<H: Host>(
        &self,
        context: &Context<'_, H>,
        ask: &Ask<'_>,
        target: &Target,
        session: &Shared,
    ) -> Result<Outcome<H::Body>, Failure> {
        let own = matches!(target.provider.upstream, Upstream::Builtin) && target.model == catalog::STATIC;
        if own && ask.operation == Operation::Embeddings {
            let (answer, usage) = embedding::answer(&openai_embeddings::read_request(ask.body)?)?;
            let body = openai_embeddings::write_answer(&answer, ask.encoding).into();
            session.borrow_mut().used(usage, Some(answer.model));
            return Ok(Outcome::Whole { body, dropped: Vec::new() });
        }
        let offered = match &target.provider.upstream {
            Upstream::Http(provider) => provider.offers(ask.operation).map(|path| (provider, path)),
            Upstream::Builtin
                if ask.operation == Operation::Moderations && target.model == moderation::MODEL =>
            {
                let body = moderation::answer(ask.body, context.id)?.into();
                session.borrow_mut().used(ask.estimate(Source::Estimated), Some(target.id.clone()));
                return Ok(Outcome::Whole { body, dropped: Vec::new() });
            }
            Upstream::Builtin => None,
        };
        let Some((provider, path)) = offered else {
            let message = format!("{} does no {}", target.id, ask.operation.name());
            return Err(Failure::new(ErrorKind::Unsupported, message));
        };
        let spec = format::Target {
            model: &target.model,
            dialect: &provider.dialect,
            strict: false,
            default_max_tokens: None,
            same_format: true,
        };
        let embeddings = embeddings::Format::of(provider.chat.first().copied());
        let (body, dropped) = match ask.operation {
            Operation::Transcriptions => {
                (plain::patch_form(ask.content_type()?, ask.body, &target.model)?, Vec::new())
            }
            Operation::Embeddings => {
                embeddings.write_request(ask.body, &spec).map(|written| (written.body, written.dropped))?
            }
            _ => plain::patch_json(ask.body, &spec).map(|written| (written.body, written.dropped))?,
        };
        let total = Deadline::total(context.host, target);
        let outgoing = Outgoing {
            provider,
            // Providers tell errors of these in the shape of their chat's, which OpenAI's is the model of.
            format: provider.chat.first().copied().unwrap_or(Chat::OpenaiChat),
            address: provider.address(&embeddings::path(path, &target.model)?, &target.model)?,
            content_type: ask.content_type.clone(),
            body: Bytes::from(body),
        };
        let response = self.send(context, outgoing, &total).await?;
        let (body, usage, model): (Cow<'_, [u8]>, _, _) = match ask.operation {
            Operation::Speech => {
                session.borrow_mut().uncounted(ask.estimate(Source::Estimated));
                return Ok(Outcome::Begun { response, total, tells_usage: false, dropped });
            }
            Operation::Images | Operation::Transcriptions => {
                session.borrow_mut().uncounted(ask.estimate(Source::Estimated));
                return Ok(Outcome::Begun { response, total, tells_usage: true, dropped });
            }
            Operation::Embeddings => {
                let bytes = attempt::whole(context.host, response, &total).await?;
                let answer = embeddings.answer(&bytes, ask.encoding, &target.model)?;
                (answer.body.into_owned().into(), answer.usage, Some(answer.model))
            }
            Operation::Rerank => {
                let bytes = attempt::whole(context.host, response, &total).await?;
                let answer = rerank::answer(&bytes, context.id)?;
                (answer.body.into(), answer.usage, None)
            }
            Operation::Moderations => {
                let bytes = attempt::whole(context.host, response, &total).await?;
                let usage = plain::read_usage(&bytes)?;
                (Vec::from(bytes).into(), usage, None)
            }
        };
        let usage = usage.unwrap_or_else(|| ask.estimate(Source::Estimated));
        session.borrow_mut().used(usage, model);
        Ok(Outcome::Whole { body: Bytes::from(body.into_owned()), dropped })
    }
}

fn read<'a, H>(context: &Context<'_, H>, operation: Operation, body: &'a Bytes) -> Result<Ask<'a>, Failure> {
    let json = HeaderValue::from_static("application/json");
    let sent = context.headers.get(header::CONTENT_TYPE).cloned().unwrap_or_else(|| json.clone());
    let (content_type, plain, encoding) = match operation {
        Operation::Embeddings => {
            let request = openai_embeddings::read_request(body)?;
            let input_estimate = match &request.input {
                Input::Texts(texts) => texts.iter().map(|text| tokens::text(text)).sum(),
                // Numbers in a JSON list: as many as commas, and one.
                Input::Tokens(lists) => lists
                    .iter()
                    .map(|list| memchr::memchr_iter(b',', list.text().as_bytes()).count() as u64 + 1)
                    .sum(),
            };
            (json, Plain { model: request.model, user: request.user, input_estimate }, request.encoding)
        }
        Operation::Transcriptions => {
            let plain = plain::read_form(sent.to_str().unwrap_or_default(), body)?;
            (sent, plain, Encoding::Float)
        }
        Operation::Rerank | Operation::Moderations | Operation::Images | Operation::Speech => {
            (json, plain::read_json(body)?, Encoding::Float)
        }
    };
    Ok(Ask { operation, body, content_type, plain, encoding })
}

impl Ask<'_> {
    fn estimate(&self, source: Source) -> Usage {
        Usage { input_uncached: self.plain.input_estimate, source, ..Usage::default() }
    }

    fn content_type(&self) -> Result<&str, Failure> {
        self.content_type.to_str().map_err(|_| Failure::invalid("content-type", "must be plain text"))
    }
}
