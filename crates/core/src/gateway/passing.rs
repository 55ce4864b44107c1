//! Answers that pass by: pictures and transcripts on their way to the caller, of which only the end is read, for its usage.
//!
//! As with streams of chat, a task of its own watches for the caller's leaving: the stream may be left unpolled for ever.

use std::{
    cell::{Cell, RefCell},
    pin::pin,
    rc::Rc,
};

use bytes::Bytes;
use futures::{
    channel::oneshot,
    future::{Either, LocalBoxFuture, select},
    stream::{LocalBoxStream, unfold},
};
use sluice_providers::{format::plain, operation::Operation};
use sluice_types::error::{ErrorKind, Failure};

use super::{
    Gateway,
    attempt::{self, Deadline},
    settle::Shared,
};
use crate::port::{Body, Host, NetworkError};

/// How much of an answer's end is kept while it passes by: its usage stands there.
const TAIL: usize = 4 << 10;

/// What the answer and its watcher share.
struct Live<B> {
    /// The provider's body, while nobody reads from it.
    body: RefCell<Option<B>>,
    /// Whether it has ended, well or not.
    over: Cell<bool>,
}

/// An answer on its way.
struct Passing<H: Host> {
    host: H,
    session: Shared,
    live: Rc<Live<H::Body>>,
    total: Deadline,
    tail: Vec<u8>,
    cancelled: oneshot::Receiver<()>,
    /// Dropped at the end, or with the stream when the host lets go of it: tells the watcher.
    ended: Option<oneshot::Sender<()>>,
}

/// Passes `body` on, and settles when it ends or `gone` does.
pub(super) fn run<H: Host>(
    gateway: Rc<Gateway>,
    host: H,
    session: Shared,
    body: H::Body,
    total: Deadline,
    gone: LocalBoxFuture<'static, ()>,
) -> LocalBoxStream<'static, Result<Bytes, NetworkError>> {
    session.borrow_mut().record.partial = true;
    let live = Rc::new(Live { body: RefCell::new(Some(body)), over: Cell::new(false) });
    let (ended, has_ended) = oneshot::channel();
    let (cancel, cancelled) = oneshot::channel();
    let (watched, watcher, settled) = (live.clone(), host.clone(), session.clone());
    host.later(Box::pin(async move {
        _ = select(gone, has_ended).await;
        if !watched.over.get() {
            // Dropping the body cancels the provider's call; where the stream is reading from it, it is told to let go.
            drop(watched.body.take());
            _ = cancel.send(());
            settled.borrow_mut().gone();
        }
        gateway.settle(&watcher, &settled);
    }));
    let passing = Passing { host, session, live, total, tail: Vec::new(), cancelled, ended: Some(ended) };
    Box::pin(unfold(passing, Passing::next))
}

impl<H: Host> Passing<H> {
    /// The next piece, or the error where the provider breaks off; `None` at the end.
    async fn next(mut self) -> Option<(Result<Bytes, NetworkError>, Self)> {
        let mut body = self.live.body.take()?;
        let read = {
            let chunk = pin!(self.total.bound(&self.host, body.chunk()));
            match select(chunk, &mut self.cancelled).await {
                Either::Left((read, _)) => read,
                Either::Right(_) => return None,
            }
        };
        match read {
            Ok(Ok(Some(piece))) => {
                self.keep(&piece);
                self.live.body.replace(Some(body));
                Some((Ok(piece), self))
            }
            Ok(Ok(None)) => {
                self.complete();
                self.over();
                None
            }
            Ok(Err(error)) => {
                let kind = ErrorKind::UpstreamTruncated;
                Some((Err(self.failed(&Failure { kind, ..attempt::network(error) })), self))
            }
            Err(failure) => Some((Err(self.failed(&failure)), self)),
        }
    }

    fn keep(&mut self, piece: &[u8]) {
        let keep = TAIL.saturating_sub(piece.len()).min(self.tail.len());
        self.tail.drain(..self.tail.len() - keep);
        self.tail.extend_from_slice(piece.get(piece.len().saturating_sub(TAIL)..).unwrap_or_default());
    }

    /// Every byte has gone out.
    fn complete(&self) {
        let mut session = self.session.borrow_mut();
        session.record.partial = false;
        if let Some(mut usage) = plain::usage_at_end(&self.tail) {
            // What is asked for pictures writes pictures, told apart or not.
            if session.record.operation == Operation::Images.name() && usage.image_out == 0 {
                usage.image_out = std::mem::take(&mut usage.output_text);
            }
            session.used(usage, None);
        }
    }

    fn failed(&mut self, failure: &Failure) -> NetworkError {
        self.session.borrow_mut().failed(failure.kind);
        self.over();
        NetworkError(failure.to_string())
    }

    fn over(&mut self) {
        self.live.over.set(true);
        self.ended = None;
    }
}
