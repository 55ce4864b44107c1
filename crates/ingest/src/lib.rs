//! Documents into stores: what happens with a note of the queue.
//!
//! ```text
//! index    read the pages → extract → cut → keep the chunks in pages ─► each page: embed → put into the index → done
//! remove   take out of the index → discard pages → forget what is left
//! sweep    discard the pages of an upload that did not come to its end
//! reembed  begin the next space → each segment without vectors: embed → put → switch
//! ```
//!
//! A note is a hint to look at something; what is to be done is read from the library each time, and how far it came is
//! written there after each step. So a note may come twice, late, out of order, or again after a crash between any two
//! steps: every step done twice changes nothing. A large document takes many notes: after some pages the rest is left to a
//! note of its own, so that no invocation runs long.

mod cut;
mod drain;
mod index;
mod reembed;
mod serve;

use std::{rc::Rc, time::Duration};

use sluice_core::{
    config::Config,
    gateway::{
        Gateway,
        knowledge::clear,
        library::{self, Call, Step},
        queue,
    },
    key,
    knowledge::{
        message::{Dead, Job, Message},
        record::{Fault, FaultCode, Member},
    },
    port::{CountersError, Host, ObjectsError, QueueError},
};
use sluice_types::{
    error::{ErrorKind, Failure},
    time::Timestamp,
};

pub use drain::{Drained, drain};
pub use queue::Verdict;
pub use serve::handle;

/// How long one note may be worked on before the rest is left to another.
const LONGEST: Duration = Duration::from_secs(15);

/// The longest wait before something is tried again, in seconds.
const LONGEST_WAIT: u64 = 300;

/// Why a note is not done with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It may go better later.
    Later(String),
    /// It will never go: the document's fault, or the configuration's.
    Never(FaultCode, String),
}

impl From<CountersError> for Stop {
    fn from(error: CountersError) -> Self {
        Self::Later(error.0)
    }
}

impl From<ObjectsError> for Stop {
    fn from(error: ObjectsError) -> Self {
        Self::Later(error.0)
    }
}

impl From<QueueError> for Stop {
    fn from(error: QueueError) -> Self {
        Self::Later(error.to_string())
    }
}

impl From<clear::NotCleared> for Stop {
    fn from(error: clear::NotCleared) -> Self {
        Self::Later(error.to_string())
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        use ErrorKind as E;
        let later = match failure.kind {
            E::RateLimited
            | E::UpstreamRateLimited
            | E::UpstreamUnavailable
            | E::UpstreamNetwork
            | E::UpstreamTimeout
            | E::FirstTokenTimeout
            | E::UpstreamTruncated
            | E::UpstreamInvalid
            | E::StoreUnavailable
            | E::RequestTimeout
            | E::Internal => true,
            E::InvalidRequest
            | E::Unsupported
            | E::Unauthenticated
            | E::Forbidden
            | E::NotFound
            | E::ModelNotFound
            | E::MethodNotAllowed
            | E::TooLarge
            | E::ContextLengthExceeded
            | E::ContentFilter
            | E::BudgetExceeded
            | E::GuardrailDenied
            | E::AnswerRejected
            | E::CacheMiss
            | E::UpstreamCredentials
            | E::UpstreamModelNotFound => false,
        };
        let message = failure.to_string();
        if later { Self::Later(message) } else { Self::Never(FaultCode::ServerError, message) }
    }
}

/// What working on a note needs.
pub(crate) struct Work<'a, H> {
    pub gateway: &'a Rc<Gateway>,
    pub host: &'a H,
    pub config: Rc<Config>,
    pub note: &'a Message,
    /// When the rest is left to another note.
    pub until: Timestamp,
}

impl<H: Host> Work<'_, H> {
    pub fn tenant(&self) -> &str {
        &self.note.tenant
    }

    /// Whether the rest is to be left to another note.
    pub fn is_over(&self) -> bool {
        self.until <= self.host.now()
    }

    /// Leaves the rest to another note.
    pub async fn go_on(&self) -> Result<(), Stop> {
        let note = std::slice::from_ref(self.note);
        Ok(queue::send(self.host, &self.config, note, Duration::ZERO).await?)
    }
}

/// Works on a note that has come out of a queue for the `attempts`th time.
pub async fn deliver<H: Host>(gateway: &Rc<Gateway>, host: &H, text: &str, attempts: u32) -> Verdict {
    let Some(note) = Message::read(text) else {
        let reason = "this version does not read this note";
        return bury(host, text, text, attempts, reason).await;
    };
    let config = match gateway.config(host).await {
        Ok(config) => config,
        Err(failure) => return Verdict::Again(wait(host, attempts, &failure.to_string())),
    };
    let most = config.ingest.max_attempts;
    let work = Work { gateway, host, config, note: &note, until: host.now().plus(LONGEST) };
    if most < attempts {
        // Whoever worked on it before died each time.
        let reason = format!("it was tried {most} times and nobody came to an end with it");
        return give_up(&work, text, attempts, FaultCode::ServerError, &reason).await;
    }
    let outcome = match note.job {
        Job::Index => index::index(&work).await,
        Job::Remove => remove(&work).await,
        Job::Sweep => clear::sweep_upload(host, &note.tenant, &note.file).await.map_err(Stop::from),
        Job::Reembed => reembed::reembed(&work).await,
    };
    match outcome {
        Ok(()) => Verdict::Done,
        Err(Stop::Later(reason)) if attempts < most => Verdict::Again(wait(host, attempts, &reason)),
        Err(Stop::Later(reason)) => give_up(&work, text, attempts, FaultCode::ServerError, &reason).await,
        Err(Stop::Never(code, reason)) => give_up(&work, text, attempts, code, &reason).await,
    }
}

/// A note has come out of a host's queue of dead letters, where those go whose consumer died each time.
pub async fn dead_letter<H: Host>(gateway: &Rc<Gateway>, host: &H, text: &str, attempts: u32) -> Verdict {
    let reason = "the queue gave it up: whoever worked on it died each time";
    match (Message::read(text), gateway.config(host).await) {
        (Some(note), Ok(config)) => {
            let work = Work { gateway, host, config, note: &note, until: host.now() };
            give_up(&work, text, attempts, FaultCode::ServerError, reason).await
        }
        (None, _) => bury(host, text, text, attempts, reason).await,
        (_, Err(failure)) => Verdict::Again(wait(host, attempts, &failure.to_string())),
    }
}

/// How long until the next try: twice as long each time, from two seconds to five minutes, a quarter more or less.
fn wait<H: Host>(host: &H, attempts: u32, reason: &str) -> Duration {
    host.log(&format!("ingest: to be tried again, attempt {attempts}: {reason}"));
    let base = 1_u64.checked_shl(attempts).unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT) * 1_000;
    Duration::from_millis(base - base / 4 + host.random() % (base / 2).max(1))
}

/// Gives a note up: its dead letter first, then the document's status, so that a crash between leaves both to be done again.
async fn give_up<H: Host>(
    work: &Work<'_, H>,
    text: &str,
    attempts: u32,
    code: FaultCode,
    reason: &str,
) -> Verdict {
    let (host, note) = (work.host, work.note);
    let about = format!("{}/{}/{}/{:?}", note.tenant, note.store, note.file, note.job);
    let verdict = bury(host, &about, text, attempts, reason).await;
    if note.job == Job::Index && matches!(verdict, Verdict::Dead(_)) {
        let fault = Fault { code, message: reason.to_owned() };
        if let Err(error) = fail(work, fault).await {
            return Verdict::Again(wait(host, attempts, &error.0));
        }
    }
    verdict
}

async fn fail<H: Host>(work: &Work<'_, H>, fault: Fault) -> Result<(), CountersError> {
    if let Some(member) = member(work).await? {
        step(work, &member, Step::Failed(fault)).await?;
    }
    Ok(())
}

async fn bury<H: Host>(host: &H, about: &str, text: &str, attempts: u32, reason: &str) -> Verdict {
    let digest = key::hex(&key::digest(about));
    let dead = Dead {
        id: format!("dead_{}", digest.get(..24).unwrap_or_default()),
        message: text.to_owned(),
        reason: reason.to_owned(),
        attempts,
        died_at: host.now().0,
    };
    match queue::ask(host, queue::Call::Bury(dead)).await {
        Ok(_) => Verdict::Dead(reason.to_owned()),
        Err(error) => Verdict::Again(wait(host, attempts, &error.0)),
    }
}

/// The member that the note is about, and is still there.
pub(crate) async fn member<H: Host>(work: &Work<'_, H>) -> Result<Option<Member>, CountersError> {
    let (store, file) = (work.note.store.clone(), work.note.file.clone());
    let call = Call::Member { store, file };
    Ok(match library::ask(work.host, work.tenant(), call).await? {
        library::Answer::Member(member, _) => Some(*member),
        _ => None,
    })
}

/// Writes down how far a member has come; `None` if it is no more on its way.
pub(crate) async fn step<H: Host>(
    work: &Work<'_, H>,
    member: &Member,
    step: Step,
) -> Result<Option<Member>, CountersError> {
    let (store, file) = (member.store.clone(), member.file.clone());
    let call = Call::Step { store, file, attached_at: member.attached_at, step };
    Ok(match library::ask(work.host, work.tenant(), call).await? {
        library::Answer::Member(member, _) => Some(*member),
        _ => None,
    })
}

async fn remove<H: Host>(work: &Work<'_, H>) -> Result<(), Stop> {
    let note = work.note;
    while clear::clear(work.host, &work.config.vectors, &note.tenant, &note.store, &note.file).await? {
        if work.is_over() {
            return work.go_on().await;
        }
    }
    Ok(())
}
