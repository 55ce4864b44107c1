//! Files and stores: what callers ask for, over a tenant's [`library`](super::library).
//!
//! Changes are made in the library first and told to the queue then. A note that is lost on the way is written again when
//! somebody asks how far the file is, and by the daily sweep; deletions write one that comes later before they begin.

pub mod clear;
pub mod embed;
mod files;
mod members;
pub(super) mod replay;
mod search;
mod stores;
mod sweep;

use std::{rc::Rc, time::Duration};

use http::{Method, request::Parts};
use sluice_types::error::{ErrorKind, Failure};

pub use self::sweep::sweep;
use super::{
    Context, Gateway, Reply,
    admit::Caller,
    library::{self, Answer, Call},
    queue, receive,
    reply::Problem,
};
use crate::{
    key::Access,
    knowledge::{
        message::{Job, Message},
        route::Knowledge,
    },
    port::{Body, CountersError, Host, QueueError},
};

/// After so long a deletion that has begun is gone on with, whoever began it.
const GUARD: Duration = Duration::from_secs(60);

impl Gateway {
    /// Answers a request for files or stores.
    pub(super) async fn knowledge<H: Host, B: Body>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        asked: Knowledge<'_>,
        head: &Parts,
        body: B,
    ) -> Result<Reply<H::Body>, Problem> {
        let reads = head.method == Method::GET || head.method == Method::HEAD;
        // Two polls a second are no requests that a caller has decided to make.
        let counts = !(reads && asked.is_progress());
        let caller = if counts { self.enter(context).await? } else { self.authenticate(context).await? };
        let needed = match asked {
            Knowledge::Search(_) => Access::Search,
            _ if reads => Access::Read,
            _ => Access::Write,
        };
        if caller.access() < needed {
            let message = "this key may not do this with files and stores: its record says what as `knowledge` \
                           (search, read or write)";
            return Err(Failure::new(ErrorKind::Forbidden, message).into());
        }
        let query = head.uri.query().unwrap_or("");
        let ask = Asking { context, caller: &caller };
        if asked == Knowledge::Files && !reads {
            return Ok(files::upload(&ask, body).await?);
        }
        let deletes = head.method == Method::DELETE;
        let body = if reads || deletes { bytes::Bytes::new() } else { receive::body(context, body).await? };
        Ok(match asked {
            Knowledge::Files => files::list(&ask, query).await?,
            Knowledge::File(file) if deletes => files::delete(&ask, file).await?,
            Knowledge::File(file) => files::show(&ask, file).await?,
            Knowledge::FileContent(file) => files::content(&ask, file).await?,
            Knowledge::Stores if reads => stores::list(&ask, query).await?,
            Knowledge::Stores => stores::create(&ask, &body).await?,
            Knowledge::Store(store) if reads => stores::show(&ask, store).await?,
            Knowledge::Store(store) if deletes => stores::delete(&ask, store).await?,
            Knowledge::Store(store) => stores::change(&ask, store, &body).await?,
            Knowledge::Search(store) => self.answer_search(&ask, store, &body).await?,
            Knowledge::Members(store) if reads => members::list(&ask, store, None, query).await?,
            Knowledge::Members(store) => members::attach(&ask, store, &body).await?,
            Knowledge::Member(store, file) if reads => members::show(&ask, store, file).await?,
            Knowledge::Member(store, file) if deletes => members::detach(&ask, store, file).await?,
            Knowledge::Member(store, file) => members::describe(&ask, store, file, &body).await?,
            Knowledge::MemberContent(store, file) => members::content(&ask, store, file).await?,
            Knowledge::Batches(store) => members::attach_all(&ask, store, &body).await?,
            Knowledge::Batch(store, batch) => members::batch(&ask, store, batch).await?,
            Knowledge::CancelBatch(store, batch) => members::cancel(&ask, store, batch).await?,
            Knowledge::BatchFiles(store, batch) => members::list(&ask, store, Some(batch), query).await?,
        })
    }
}

/// A request and who makes it.
struct Asking<'a, H> {
    context: &'a Context<'a, H>,
    caller: &'a Caller,
}

impl<H: Host> Asking<'_, H> {
    fn host(&self) -> &H {
        self.context.host
    }

    fn tenant(&self) -> &str {
        &self.caller.tenant.id
    }

    /// Asks the tenant's library. A call whose answer is lost is asked again where that changes nothing.
    async fn library(&self, call: Call) -> Result<Answer, Failure> {
        library::ask(self.host(), self.tenant(), call).await.map_err(down)
    }

    fn note(&self, job: Job, store: &str, file: &str) -> Message {
        Message::new(job, self.tenant(), store, file)
    }

    async fn send(&self, notes: &[Message], delay: Duration) -> Result<(), Failure> {
        queue::send(self.host(), &self.context.config, notes, delay).await.map_err(queue_down)
    }

    /// Deletes something by `call`: a store, a file, or a file in a store; either may be empty. What can be searched goes at
    /// once, the rest by the queue. False if there is no such thing.
    async fn delete(&self, call: Call, store: &str, file: &str) -> Result<bool, Failure> {
        let notes = [self.note(Job::Remove, store, file)];
        // Should this request die after the first step, this note finds what is left.
        self.send(&notes, GUARD).await?;
        let left = match self.library(call).await? {
            Answer::Left(left) => left,
            Answer::Absent(_) => return Ok(false),
            _ => return Err(unexpected()),
        };
        self.send(&notes, Duration::ZERO).await?;
        for one in &left {
            // The queue does it again.
            if let Err(error) = clear::hide(self.host(), self.tenant(), one).await {
                self.host().log(&format!("knowledge: a deletion is left to the queue: {error}"));
            }
        }
        Ok(true)
    }
}

fn down(error: CountersError) -> Failure {
    let message = format!("the tenant's files and stores cannot be read: {error}");
    Failure::new(ErrorKind::StoreUnavailable, message)
}

fn queue_down(error: QueueError) -> Failure {
    let message = format!("the queue of documents does not answer: {error}; the same request again goes on");
    Failure::new(ErrorKind::StoreUnavailable, message)
}

fn unexpected() -> Failure {
    down(CountersError("the library answers something else".to_owned()))
}

/// What does not exist for this caller, whoever else may have it.
fn absent(what: &str, id: &str) -> Failure {
    Failure::new(ErrorKind::NotFound, format!("there is no {what} `{id}`"))
}

fn told<B>(body: &serde_json::Value) -> Reply<B> {
    Reply::json(body.to_string().into_bytes())
}
