//! Chat, from either protocol to any target.

use std::{cell::OnceCell, rc::Rc};

use bytes::Bytes;
use futures::future::{LocalBoxFuture, try_join};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use sluice_providers::{
    builtin,
    format::{Meta, Protocol},
    replay, tokens,
};
use sluice_types::{
    answer::Answer,
    chat,
    error::{ErrorKind, Failure},
    json::Raw,
    usage::{Source, Usage},
};

use super::{
    Context, Gateway, Reply, ReplyBody, attempt,
    attempt::Deadline,
    cache::{self, Ticket},
    guard::{self, Guarded},
    hook, receive,
    reply::{self, Problem},
    reserve::Need,
    retrieve,
    send::Outgoing,
    settle::{Session, Shared},
    stream::{self, Opened},
    translate,
    walk::Subject,
};
use crate::{
    config::{HttpProvider, Target, Upstream, document::Stage},
    grounded::{Grounds, cite, extract, item, place, wish},
    guardrail::{Plans, answer::Guard, hook::Hook, plan::Act},
    port::{Body, Host},
    relay::Relay,
};

/// What a caller asked, read once.
pub(super) struct Ask<'a> {
    pub protocol: Protocol,
    pub body: &'a Bytes,
    /// Whether the caller wants a stream. A provider is asked for one where the request says so.
    pub stream: bool,
    pub request: chat::Request<'a>,
    pub strict: bool,
    /// Whether a stream is a JSON list, as Gemini's may be.
    pub as_list: bool,
    /// Whether guardrails changed the request, so that the body no longer says it.
    pub changed: bool,
    /// What goes over the answer.
    pub guard: Option<Guard>,
    /// Who else judges the answer, when it is whole.
    pub hooks: Vec<(Rc<Hook>, Act)>,
    /// The answer's place in the cache.
    pub ticket: Option<Rc<Ticket>>,
    /// The prompt's tokens by our estimate, once somebody has asked.
    pub counted: OnceCell<u64>,
    /// What the answer is to rest on.
    pub grounds: Option<Rc<Grounds>>,
    /// The search, as an item of Responses.
    pub searched: Option<Raw<'static>>,
}

impl Ask<'_> {
    /// Where streams are held until they are judged, a provider is asked for a whole answer in the first place.
    pub fn hold(&mut self, plans: &Plans) {
        if self.stream && plans.holds_streams() {
            self.request.stream = false;
            self.changed = true;
        } else if self.stream && !self.hooks.is_empty() {
            // What is not judged must not be given later to those whose answers are.
            self.hooks.clear();
            self.ticket = None;
        }
    }

    /// The prompt's tokens by our estimate.
    pub fn tokens(&self) -> u64 {
        *self.counted.get_or_init(|| tokens::request(&self.request))
    }
}

/// Where a caller says which model is to answer.
pub(super) enum Asked {
    /// In the body, and there whether to stream.
    InBody,
    /// In the path. A stream that is not asked for as events is a list.
    InPath { model: String, stream: bool, list: bool },
}

/// What an attempt came to.
pub(super) enum Outcome<B> {
    /// All of it, in the caller's format.
    Whole { body: Bytes, dropped: Vec<String> },
    /// A stream that has begun to speak.
    Stream { opened: Box<Opened<B>>, dropped: Vec<String> },
    /// A stream that is already there.
    Events { pieces: Vec<Bytes>, dropped: Vec<String> },
}

impl Gateway {
    /// Answers a chat request.
    pub(super) async fn chat<H: Host, B: Body>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        asked: Asked,
        body: B,
        mut gone: LocalBoxFuture<'static, ()>,
    ) -> Result<Reply<H::Body>, Problem> {
        let caller = self.authenticate(context).await?;
        let body = receive::body(context, body).await?;
        let (body, keep) = match context.protocol {
            Protocol::OpenaiResponses => self.continued(context, &caller, body).await?,
            Protocol::OpenaiChat | Protocol::AnthropicMessages | Protocol::Gemini => (body, None),
        };
        let mut request = context.protocol.read_request(&body)?;
        let mut as_list = false;
        if let Asked::InPath { model, stream, list } = asked {
            (request.model, request.stream, as_list) = (model.into(), stream, list);
        }
        let forgot = retrieve::forget_searches(&mut request);
        let model = self.admit_model(context, &caller, &request.model)?;
        let wish = wish::take(&mut request, model.knowledge.as_ref())?;

        let session = Session::begin(context, &caller, "chat", &request.model, request.user.as_deref())?;
        session.borrow_mut().record.stream = request.stream;
        // Guardrails run for those who are within their limits. Where there are none, the cache is asked at the same time.
        let plans = guard::plans(context, &caller, &model, &[]);
        let early = match plans.as_ref() {
            Ok(plans) if plans.versions.is_empty() && wish.is_none() => {
                Some(self.ticket(context, &caller, &model, &request, plans, true, None)?)
            }
            Ok(_) | Err(_) => None,
        };
        let asked = async {
            let ticket = early.as_ref().and_then(Option::as_deref);
            Ok(self.look_up(context.host, ticket, request.stream).await)
        };
        let reserved = self.reserve(
            context,
            &caller,
            model.clone(),
            &session,
            Need::Chat { request: &request, plans: plans.as_deref().ok(), passages: wish.is_some() },
        );
        let (reserved, found) = try_join(reserved, asked).await?;
        let moved = !Rc::ptr_eq(&model, &reserved);
        let model = reserved;
        let refused = |failure| self.refused(context.host, &session, failure);
        let plans = if moved { guard::plans(context, &caller, &model, &[]) } else { plans };
        let plans = plans.map_err(refused)?;
        let mut guarded = guard::check(&plans, &mut request, &session).map_err(refused)?;
        let altered = hook::before(context, &plans, &mut request, &session).await.map_err(refused)?;
        guarded.changed |= altered;
        guarded.may_be_kept &= !altered;
        let wished = wish.is_some();
        let retrieved = match wish {
            None => None,
            Some(wish) => {
                let found = self.retrieve(context, &caller, &model, wish, &request, &plans).await;
                found.map_err(refused)?
            }
        };
        let (ticket, found) = match early.filter(|_| !moved) {
            Some(ticket) => (ticket, found),
            None => {
                // An answer that had to do without its passages is given once.
                let kept = guarded.may_be_kept && wished == retrieved.is_some();
                let version = retrieved.as_ref().map(|found| found.version.as_str());
                let ticket = self
                    .ticket(context, &caller, &model, &request, &plans, kept, version)
                    .map_err(refused)?;
                let found = self.look_up(context.host, ticket.as_deref(), request.stream).await;
                (ticket, found)
            }
        };

        let (protocol, strict) = (context.protocol, model.strict);
        let Guarded { changed, answer: mut guard, .. } = guarded;
        let changed = changed || forgot || wished;
        let searched = retrieved
            .as_ref()
            .filter(|_| protocol == Protocol::OpenaiResponses)
            .and_then(|found| item::of(&found.grounds, context.id, found.results));
        let grounds = retrieved.map(|found| found.grounds);
        session.borrow_mut().grounds.clone_from(&grounds);
        if let (Some(guard), Some(grounds)) = (guard.as_mut(), grounds.as_ref()) {
            guard.rests_on(grounds.sources().iter().map(|source| source.text.as_str()), &grounds.query);
        }
        if let Some(grounds) = grounds.as_ref().filter(|grounds| !grounds.text.is_empty()) {
            place::put(&mut request, &grounds.text);
        }
        let mut ask = Ask {
            protocol,
            body: &body,
            stream: request.stream,
            request,
            strict,
            as_list,
            changed,
            guard,
            hooks: plans.hooks(Stage::Output).to_vec(),
            ticket,
            grounds,
            searched,
            counted: OnceCell::new(),
        };
        ask.hold(&plans);
        session.borrow_mut().record.stream = ask.request.stream;
        let judging = hook::beside(context, &plans, &ask.request, &session);
        let kept = found.as_ref().and_then(|found| Some((found, found.entry()?)));
        let answered = async {
            match (kept, &ask.ticket) {
                (Some((found, entry)), _) => {
                    session.borrow_mut().hit(&entry, found.note.clone());
                    if let Some(grounds) = &ask.grounds {
                        grounds.kept(&entry.answer);
                    }
                    if found.stale && !wished {
                        self.refresh(context, &caller, &model, &ask);
                    }
                    if let Some(same) = found.same {
                        self.gave(context, &caller, &model, &ask, (same, &entry.answer));
                    }
                    Some(Ok(replayed(context, &ask, &entry.answer, &session)))
                }
                (None, Some(ticket)) if ticket.only => Some(Err(cache::miss().into())),
                (None, ticket) => {
                    session.borrow_mut().record.cache = ticket.as_ref().map(|ticket| ticket.note());
                    let attempt = async |target: &Target, session: &Shared| {
                        self.attempt_chat(context, &ask, target, session).await
                    };
                    let subject = Subject::Chat(&ask);
                    self.walk(context, &caller, &model, subject, &session, &mut gone, attempt).await
                }
            }
        };
        let outcome = match hook::while_judged(judging, answered).await {
            Ok(outcome) => outcome,
            Err((failure, outcome)) => {
                unheard(&ask, outcome, &session);
                return Err(refused(failure));
            }
        };
        session.borrow_mut().record.stream = ask.stream;
        let Some(outcome) = outcome else {
            // What was sent may be charged for: count the prompt.
            let input_uncached = ask.tokens();
            let usage = Usage { input_uncached, source: Source::Partial, ..Usage::default() };
            session.borrow_mut().left(usage);
            self.settle(context.host, &session);
            return Ok(Reply::empty(StatusCode::NO_CONTENT));
        };
        let outcome = outcome.inspect_err(|problem| {
            session.borrow_mut().failed(problem.failure.kind);
            self.settle(context.host, &session);
        })?;
        // A copy would be asked without passages.
        if found.is_none() && !wished {
            self.mirror(context, &caller, &model, &ask);
        }
        let mut reply = match outcome {
            Outcome::Whole { body, dropped } => {
                let mut reply = Reply::json(body);
                attempt::stamp(&mut reply.headers, &session, &dropped);
                attempt::stamp_cost(&mut reply.headers, &session);
                self.settle(context.host, &session);
                reply
            }
            Outcome::Events { pieces, dropped } => {
                let mut reply = Reply::events(Box::pin(futures::stream::iter(pieces)));
                attempt::stamp(&mut reply.headers, &session, &dropped);
                self.settle(context.host, &session);
                reply
            }
            Outcome::Stream { opened, dropped } => {
                let stream = stream::run(self.clone(), context.host.clone(), *opened, session.clone(), gone);
                let mut reply = Reply::events(stream);
                attempt::stamp(&mut reply.headers, &session, &dropped);
                reply
            }
        };
        if as_list && !matches!(reply.body, ReplyBody::Whole(_)) {
            let json = HeaderValue::from_static("application/json");
            reply.headers.insert(header::CONTENT_TYPE, json);
        }
        if let Some(keep) = keep {
            self.keep(context.host, &mut reply, keep).await;
        }
        Ok(reply)
    }

    /// What becomes of a request that a guardrail refused.
    fn refused<H: Host>(self: &Rc<Self>, host: &H, session: &Shared, failure: Failure) -> Problem {
        session.borrow_mut().failed(failure.kind);
        let mut headers = HeaderMap::new();
        reply::set(&mut headers, "sluice-guardrails", &session.borrow().verdicts().header());
        self.settle(host, session);
        Problem { failure, attempts: Vec::new(), headers }
    }

    pub(super) async fn attempt_chat<H: Host>(
        &self,
        context: &Context<'_, H>,
        ask: &Ask<'_>,
        target: &Target,
        session: &Shared,
    ) -> Result<Outcome<H::Body>, Failure> {
        match &target.provider.upstream {
            Upstream::Builtin => {
                let answer = builtin::answer(&target.model, &ask.request)?;
                let answer = match ask.grounds.as_ref().filter(|_| target.model == EXTRACTIVE) {
                    Some(grounds) => from_passages(grounds, answer),
                    None => answer,
                };
                let mut answer = match &ask.guard {
                    Some(guard) => guard.answer(answer)?.0,
                    None => answer,
                };
                hook::answer(context, &ask.hooks, &mut answer, session).await?;
                let answer = ask.cited(answer);
                session.borrow_mut().used(usage(ask, &answer), Some(answer.model.to_string()));
                Ok(replayed(context, ask, &answer, session))
            }
            Upstream::Http(provider) => self.call(context, ask, target, provider, session).await,
        }
    }

    async fn call<H: Host>(
        &self,
        context: &Context<'_, H>,
        ask: &Ask<'_>,
        target: &Target,
        provider: &HttpProvider,
        session: &Shared,
    ) -> Result<Outcome<H::Body>, Failure> {
        let Some(upstream) = provider.chat_for(ask.protocol) else {
            return Err(Failure::new(
                ErrorKind::Unsupported,
                format!("{} has no chat", target.provider.name),
            ));
        };
        let deadline = if ask.request.stream {
            Deadline::first_token(context.host, target)
        } else {
            Deadline::total(context.host, target)
        };
        let total = Deadline::total(context.host, target);
        let (written, undo) = translate::request(context, ask, target, provider, upstream, &deadline).await?;
        let path = upstream.path(&target.model, ask.request.stream, &provider.dialect)?;
        let address = provider.address(&path, &target.model)?;
        let outgoing = Outgoing::json(provider, upstream, address, written.body);
        let response = self.send(context, outgoing, &deadline).await?;
        if ask.request.stream && !is_json(response.headers().get(header::CONTENT_TYPE)) {
            let estimate = ask.tokens();
            session.borrow_mut().input_estimate = estimate;
            let gathered = ask.ticket.as_ref().map(|_| cache::MAX_ANSWER);
            let relay = Relay::new(upstream, ask.protocol, true, &meta(context, ask), estimate);
            let relay =
                relay.undoing(undo).guarded(ask.guard.as_ref()).citing(ask.cites()).collecting(gathered);
            let mut opened = stream::open(context.host, response, relay, &deadline, total, session).await?;
            opened.ticket.clone_from(&ask.ticket);
            return Ok(Outcome::Stream { opened: Box::new(opened), dropped: written.dropped });
        }
        let bytes = attempt::whole(context.host, response, &deadline).await?;
        let answer = upstream.read_answer(&bytes)?;
        let mut same = upstream == ask.protocol.format() && undo.is_nothing();
        let mut answer = undo.answer(answer);
        let used = usage(ask, &answer);
        session.borrow_mut().used(used, Some(answer.model.to_string()));
        if let Some(guard) = &ask.guard {
            let (guarded, changed) = guard.answer(answer).inspect_err(|failure| {
                if failure.kind == ErrorKind::AnswerRejected {
                    session.borrow_mut().rejected(&used);
                }
            })?;
            (answer, same) = (guarded, same && !changed);
        }
        let judged = hook::answer(context, &ask.hooks, &mut answer, session).await;
        same &= !judged.inspect_err(|failure| {
            if failure.kind == ErrorKind::AnswerRejected {
                session.borrow_mut().rejected(&used);
            }
        })?;
        same &= ask.cites().is_none() && ask.searched.is_none();
        let answer = ask.cited(answer);
        self.remember(context.host, ask.ticket.as_deref(), &session.borrow(), &answer);
        if ask.stream {
            return Ok(replayed(context, ask, &answer, session));
        }
        let body = if same { bytes } else { ask.protocol.write_answer(&answer, &meta(context, ask)).into() };
        Ok(Outcome::Whole { body, dropped: written.dropped })
    }
}

/// A hook refused the request while it was being answered: what came of it is not told, but may be charged for.
fn unheard<B>(ask: &Ask<'_>, outcome: Option<Option<Result<Outcome<B>, Problem>>>, session: &Shared) {
    session.borrow_mut().refused = true;
    match outcome {
        Some(Some(Ok(Outcome::Stream { opened, .. }))) => opened.abandoned(session),
        Some(Some(Ok(Outcome::Whole { .. } | Outcome::Events { .. }) | Err(_))) => {}
        None | Some(None) => {
            let input_uncached = ask.tokens();
            let usage = Usage { input_uncached, source: Source::Partial, ..Usage::default() };
            let mut session = session.borrow_mut();
            // Nobody was asked yet where no attempt had begun.
            if session.calls() != 0 {
                session.used(usage, None);
            }
            session.record.partial = true;
        }
    }
}

/// The model that quotes.
const EXTRACTIVE: &str = "extractive";

impl Ask<'_> {
    /// What the answer's citations are read by. JSON has none: its lists of numbers look like marks.
    fn cites(&self) -> Option<&Rc<Grounds>> {
        self.grounds
            .as_ref()
            .filter(|grounds| !grounds.text.is_empty() && self.request.output == chat::OutputFormat::Text)
    }

    /// `answer` with its citations read.
    fn cited<'a>(&self, answer: Answer<'a>) -> Answer<'a> {
        match self.cites() {
            Some(grounds) => cite::answer(grounds, &answer),
            None => answer,
        }
    }
}

/// What the passages say to the question, in place of what the conversation does.
fn from_passages(grounds: &Grounds, mut answer: Answer<'static>) -> Answer<'static> {
    grounds.extracted();
    let said = extract::answer(grounds).unwrap_or_else(|| extract::NOTHING.to_owned());
    if let Some(choice) = answer.choices.first_mut() {
        choice.parts = vec![chat::Part::text(said)];
    }
    answer
}

/// An answer that is there as a whole, in the form the caller asked for.
fn replayed<H: Host, B>(
    context: &Context<'_, H>,
    ask: &Ask<'_>,
    answer: &Answer<'_>,
    session: &Shared,
) -> Outcome<B> {
    let mut session = session.borrow_mut();
    let meta = meta(context, ask);
    if !ask.stream {
        let body = ask.protocol.write_answer(answer, &meta).into();
        return Outcome::Whole { body, dropped: Vec::new() };
    }
    session.first_token(context.host.now());
    let input = usage(ask, answer).input();
    let mut relay = Relay::new(ask.protocol.format(), ask.protocol, false, &meta, input);
    let note = |usage: &Usage| session.note(usage);
    let mut pieces = Vec::new();
    replay::events(answer, &mut |event| {
        let mut out = Vec::new();
        relay.event(&event, &note, &mut out);
        if !out.is_empty() {
            pieces.push(Bytes::from(out));
        }
    });
    Outcome::Events { pieces, dropped: Vec::new() }
}

fn meta<'a, H>(context: &'a Context<'_, H>, ask: &'a Ask<'_>) -> Meta<'a> {
    Meta {
        id: context.id,
        created: context.started.0 / 1000,
        model: &ask.request.model,
        note: None,
        include_usage: ask.request.include_usage,
        same_format: false,
        json_array: ask.as_list,
        searched: ask.searched.as_ref(),
    }
}

/// Tokens as the provider counted them, else by length.
fn usage(ask: &Ask<'_>, answer: &Answer<'_>) -> Usage {
    answer.usage.unwrap_or_else(|| Usage {
        input_uncached: ask.tokens(),
        output_text: tokens::answer(answer),
        source: Source::Estimated,
        ..Usage::default()
    })
}

fn is_json(content_type: Option<&HeaderValue>) -> bool {
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/json"))
}
