//! A stream from its opening to its end, with a caller who may leave at any time.
//!
//! The stream itself belongs to the host, which polls it while the caller reads; a task of its own watches for the end,
//! because a caller who leaves may leave it unpolled for ever. Whichever sees the end first settles.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    pin::Pin,
    rc::Rc,
    time::Duration,
};

use bytes::Bytes;
use futures::{
    channel::oneshot,
    future::{Either, LocalBoxFuture, select},
    stream::{LocalBoxStream, unfold},
};
use http::Response;
use sluice_types::{
    error::{ErrorKind, Failure},
    time::Timestamp,
    usage::Usage,
};

use super::{
    Gateway,
    attempt::{self, Deadline},
    cache::Ticket,
    receive,
    settle::Shared,
};
use crate::{
    port::{Body, Host, NetworkError},
    relay::Relay,
};

/// How long a silent provider may leave the caller without a sign of life. Some hosts learn only from a failed write
/// that the caller has gone.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// How long the rest of a provider's body is waited for after the end marker, so that its connection can be used again.
const DRAIN: Duration = Duration::from_secs(1);

/// A stream that has begun to speak.
pub(super) struct Opened<B> {
    /// Its answer's place in the cache.
    pub ticket: Option<Rc<Ticket>>,
    body: B,
    relay: Relay,
    held: Vec<u8>,
    total: Deadline,
}

/// Reads until the first output. Until then everything that goes wrong is a failed attempt.
pub(super) async fn open<H: Host>(
    host: &H,
    response: Response<H::Body>,
    mut relay: Relay,
    deadline: &Deadline,
    total: Deadline,
    session: &Shared,
) -> Result<Opened<H::Body>, Failure> {
    let mut body = response.into_body();
    let mut held = Vec::new();
    let note = |usage: &Usage| session.borrow().note(usage);
    while !relay.committed() && !relay.ended() {
        match deadline.bound(host, body.chunk()).await?.map_err(attempt::network)? {
            Some(bytes) => {
                relay
                    .push(&bytes, &note, &mut held)
                    .inspect_err(|failure| refused(session, &relay, failure))?;
            }
            None => {
                relay.finish(&note, &mut held).inspect_err(|failure| refused(session, &relay, failure))?;
                break;
            }
        }
    }
    session.borrow_mut().first_token(host.now());
    Ok(Opened { ticket: None, body, relay, held, total })
}

/// An answer that a guardrail refused before anything of it was told is paid for all the same.
fn refused(session: &Shared, relay: &Relay, failure: &Failure) {
    match failure.kind {
        ErrorKind::GuardrailDenied => used(session, relay, true),
        ErrorKind::AnswerRejected => {
            let usage = relay.seen().usage(session.borrow().input_estimate, true);
            session.borrow_mut().rejected(&usage);
        }
        _ => {}
    }
}

impl<B> Opened<B> {
    /// The stream is refused before anything of it was told; what it cost until now is paid.
    pub fn abandoned(self, session: &Shared) {
        used(session, &self.relay, true);
    }
}

/// What the stream and its watcher share.
struct Live<B> {
    /// The provider's body, while nobody reads from it.
    body: RefCell<Option<B>>,
    relay: RefCell<Relay>,
    state: Cell<State>,
}

/// How far a stream has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// More may come.
    Open,
    /// The provider is done; all that is left is the end of its body.
    Done,
    /// It failed, and the caller was told.
    Failed,
}

/// The stream's own state.
struct Flow<H, B> {
    host: H,
    id: String,
    live: Rc<Live<B>>,
    session: Shared,
    held: Option<Bytes>,
    tick: Pin<Box<dyn Future<Output = ()>>>,
    last_output: Timestamp,
    /// When the last token came, and how many pieces of the answer had come by then.
    last_token: (Timestamp, u64),
    total: Deadline,
    cancelled: oneshot::Receiver<()>,
    /// Dropped at the end, or with the stream when the host lets go of it: tells the watcher.
    ended: Option<oneshot::Sender<()>>,
}

/// Relays an opened stream to the caller, and settles when it ends or `gone` does.
pub(super) fn run<H: Host>(
    gateway: Rc<Gateway>,
    host: H,
    opened: Opened<H::Body>,
    session: Shared,
    gone: LocalBoxFuture<'static, ()>,
) -> LocalBoxStream<'static, Bytes> {
    let Opened { ticket, body, relay, held, total } = opened;
    let state = Cell::new(if relay.ended() { State::Done } else { State::Open });
    let live = Rc::new(Live { body: RefCell::new(Some(body)), relay: RefCell::new(relay), state });
    if live.state.get() == State::Done {
        used(&session, &live.relay.borrow(), false);
    }
    let (ended_sender, ended) = oneshot::channel();
    let (cancel, cancelled) = oneshot::channel();
    let keeper = Keeper { gateway, host: host.clone(), session: session.clone(), ticket };
    host.later(Box::pin(watch(keeper, live.clone(), gone, ended, cancel)));
    let id = session.borrow().record.id.clone();
    let live_is_open = live.state.get() == State::Open;
    let flow = Flow {
        id,
        tick: tick(&host, HEARTBEAT, &total, host.now()),
        last_output: host.now(),
        last_token: (host.now(), 0),
        held: Some(Bytes::from(held)),
        host,
        live,
        session,
        total,
        cancelled,
        ended: Some(ended_sender).filter(|_| live_is_open),
    };
    Box::pin(unfold(flow, |mut flow| async move { flow.next().await.map(|piece| (piece, flow)) }))
}

/// Who keeps what is left of a stream.
struct Keeper<H> {
    gateway: Rc<Gateway>,
    host: H,
    session: Shared,
    ticket: Option<Rc<Ticket>>,
}

/// Waits for the stream's end or the caller's leaving, then settles.
async fn watch<H: Host>(
    keeper: Keeper<H>,
    live: Rc<Live<H::Body>>,
    gone: LocalBoxFuture<'static, ()>,
    ended: oneshot::Receiver<()>,
    cancel: oneshot::Sender<()>,
) {
    _ = select(gone, ended).await;
    let Keeper { gateway, host, session, ticket } = keeper;
    let body = live.body.take();
    match live.state.get() {
        State::Open => {}
        State::Failed => return gateway.settle(&host, &session),
        State::Done => {
            if let Some(answer) = live.relay.borrow_mut().collected() {
                gateway.remember(&host, ticket.as_deref(), &session.borrow(), &answer);
            }
            gateway.settle(&host, &session);
            if let Some(mut body) = body {
                let rest = async { while let Ok(Some(_)) = body.chunk().await {} };
                _ = receive::within(&host, DRAIN, rest).await;
            }
            return;
        }
    }
    // Dropping the body cancels the provider's call; where the stream is reading from it, it is told to let go.
    drop(body);
    _ = cancel.send(());
    let relay = live.relay.borrow();
    let usage = relay.seen().usage(session.borrow().input_estimate, true);
    session.borrow_mut().left(usage);
    drop(relay);
    gateway.settle(&host, &session);
}

fn used(session: &Shared, relay: &Relay, cut: bool) {
    let seen = relay.seen();
    let usage = seen.usage(session.borrow().input_estimate, cut);
    session.borrow_mut().used(usage, seen.model.clone());
}

/// The time until the next heartbeat is due, the whole time is up, or the provider has been silent for too long.
fn tick<H: Host>(
    host: &H,
    heartbeat: Duration,
    total: &Deadline,
    last_token: Timestamp,
) -> Pin<Box<dyn Future<Output = ()>>> {
    let wait = heartbeat.min(total.left(host));
    let wait = total.idle_left(host, last_token).map_or(wait, |idle| idle.min(wait));
    let host = host.clone();
    Box::pin(async move { host.sleep(wait).await })
}

impl<H: Host> Flow<H, H::Body> {
    /// The next piece for the caller; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(held) = self.held.take().filter(|held| !held.is_empty()) {
            return Some(held);
        }
        let open = self.live.state.get() == State::Open;
        let mut body = if open { self.live.body.take() } else { None }?;
        let mut out = Vec::new();
        while out.is_empty() && self.live.state.get() == State::Open {
            let read = {
                let chunk = std::pin::pin!(body.chunk());
                let read = select(select(chunk, &mut self.tick), &mut self.cancelled).await;
                match read {
                    Either::Left((Either::Left((chunk, _)), _)) => Some(Some(chunk)),
                    Either::Left((Either::Right(_), _)) => Some(None),
                    Either::Right(_) => None,
                }
            };
            match read? {
                Some(chunk) => self.take(chunk, &mut out),
                None => self.ticked(&mut out),
            }
        }
        self.live.body.replace(Some(body));
        if out.is_empty() { None } else { Some(Bytes::from(out)) }
    }

    /// Takes what the provider sent.
    fn take(&mut self, chunk: Result<Option<Bytes>, NetworkError>, out: &mut Vec<u8>) {
        let result = {
            let mut relay = self.live.relay.borrow_mut();
            let note = |usage: &Usage| self.session.borrow().note(usage);
            match chunk {
                Ok(Some(bytes)) => relay.push(&bytes, &note, out),
                Ok(None) => relay.finish(&note, out),
                Err(error) => Err(attempt::network(error)),
            }
        };
        self.last_output = self.host.now();
        let pieces = self.live.relay.borrow().seen().pieces;
        if self.last_token.1 < pieces {
            self.last_token = (self.last_output, pieces);
        }
        match result {
            Err(failure) => self.fail(&failure, out),
            Ok(()) if self.live.relay.borrow().ended() => {
                used(&self.session, &self.live.relay.borrow(), false);
                self.over(State::Done);
            }
            Ok(()) => {}
        }
    }

    /// The clock has struck: the time is up, or the caller is owed a sign of life.
    fn ticked(&mut self, out: &mut Vec<u8>) {
        if self.total.left(&self.host).is_zero() {
            let failure = self.total.missed();
            return self.fail(&failure, out);
        }
        if self.total.idle_left(&self.host, self.last_token.0).is_some_and(|left| left.is_zero()) {
            let failure = self.total.fell_silent();
            return self.fail(&failure, out);
        }
        let silent = self.host.now().since(self.last_output);
        let due = if HEARTBEAT <= silent {
            self.live.relay.borrow().heartbeat(out);
            self.last_output = self.host.now();
            HEARTBEAT
        } else {
            HEARTBEAT.saturating_sub(silent)
        };
        self.tick = tick(&self.host, due, &self.total, self.last_token.0);
    }

    /// Ends the stream with an error frame: output has gone out, so nothing can be tried again.
    fn fail(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        self.live.relay.borrow().fail(failure, &self.id, out);
        used(&self.session, &self.live.relay.borrow(), true);
        {
            let mut session = self.session.borrow_mut();
            session.record.error = Some(failure.kind.code().to_owned());
            session.record.partial = true;
            session.refused = matches!(failure.kind, ErrorKind::GuardrailDenied | ErrorKind::AnswerRejected);
        }
        self.over(State::Failed);
    }

    fn over(&mut self, state: State) {
        self.live.state.set(state);
        self.ended = None;
    }
}
