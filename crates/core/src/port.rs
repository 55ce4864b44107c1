//! What the gateway asks of a host. Each trait promises only what every host can keep; an adapter converts and calls,
//! nothing more.
//!
//! No `Send` bounds: both hosts are single-threaded and their futures may not be `Send`. A handle is cheap to clone and
//! belongs to one request: on Workers a binding must not outlive the request that it came with.

#![expect(async_fn_in_trait, reason = "both hosts are single-threaded: no Send bound is wanted")]

use std::{fmt, time::Duration};

use bytes::{Bytes, BytesMut};
use futures::future::LocalBoxFuture;
use sluice_types::{secret::Secret, time::Timestamp};

use crate::vectors::{Namespace, Near, Nearest, Point, VectorsError};

/// All that a host offers.
pub trait Host:
    Http + Kv + Objects + Counters + Vectors + Queue + Clock + Rng + Secrets + Later + Log + Clone + 'static
{
}

impl<
    T: Http + Kv + Objects + Counters + Vectors + Queue + Clock + Rng + Secrets + Later + Log + Clone + 'static,
> Host for T
{
}

/// Requests to providers.
pub trait Http {
    /// An answer's body, read as it comes.
    type Body: Body + 'static;

    /// Sends `request` and waits for the answer's headers. Dropping the future or the body cancels the call.
    /// Redirects are not followed: a credential goes only where the configuration says.
    ///
    /// # Errors
    ///
    /// [`NetworkError`] if no answer came: refused, reset, not allowed by the host.
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Self::Body>, NetworkError>;
}

/// A body that arrives in pieces: a provider's answer, or a caller's request.
pub trait Body: Sized {
    /// The next piece, never empty; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`NetworkError`] if the other side broke off.
    async fn chunk(&mut self) -> Result<Option<Bytes>, NetworkError>;

    /// All of it, if it is no longer than `limit` bytes. A host that has a quicker way than piece by piece takes it.
    ///
    /// # Errors
    ///
    /// [`BodyError::TooLarge`] past the limit, [`BodyError::Network`] if the other side broke off.
    async fn whole(mut self, limit: usize) -> Result<Bytes, BodyError> {
        let Some(first) = self.chunk().await? else { return Ok(Bytes::new()) };
        if limit < first.len() {
            return Err(BodyError::TooLarge);
        }
        let Some(second) = self.chunk().await? else { return Ok(first) };
        let mut all = BytesMut::from(first);
        let mut next = Some(second);
        while let Some(piece) = next {
            if limit.saturating_sub(all.len()) < piece.len() {
                return Err(BodyError::TooLarge);
            }
            all.extend_from_slice(&piece);
            next = self.chunk().await?;
        }
        Ok(all.freeze())
    }
}

/// A small, eventually consistent store.
///
/// A value written at one location may stay unseen at another for a minute, and a miss may be remembered as long, so
/// nothing that must be exact lives here. Keys are at most 512 bytes, values at most 1 MB. No host promises expiry:
/// what expires says so in its value.
pub trait Kv {
    /// Reads `key`; `None` if it is absent.
    ///
    /// # Errors
    ///
    /// [`KvError`] if the store does not answer.
    async fn get(&self, key: &str) -> Result<Option<Bytes>, KvError>;

    /// Writes `value` under `key`, replacing what was there. `summary` (at most 1,000 bytes) is kept beside the key
    /// where the host can, for [`Kv::list`].
    ///
    /// # Errors
    ///
    /// [`KvError`] if the store does not answer.
    async fn put(&self, key: &str, value: Bytes, summary: Option<&str>) -> Result<(), KvError>;

    /// Writes `value` under `key` for `lifetime`, at least a minute: a host that can forget it then does. Readers still look
    /// into the value for its end.
    ///
    /// # Errors
    ///
    /// [`KvError`] if the store does not answer.
    async fn put_for(&self, key: &str, value: Bytes, lifetime: Duration) -> Result<(), KvError>;

    /// Removes `key`, if it is there.
    ///
    /// # Errors
    ///
    /// [`KvError`] if the store does not answer.
    async fn delete(&self, key: &str) -> Result<(), KvError>;

    /// The keys that start with `prefix`, in order. Some hosts walk through all their keys for it: for operators'
    /// pages and roll-ups, never while a caller waits.
    ///
    /// # Errors
    ///
    /// [`KvError`] if the store does not answer.
    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, KvError>;
}

/// A key found by [`Kv::list`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The whole key.
    pub key: String,
    /// The summary it was written with, if the host keeps them.
    pub summary: Option<String>,
}

/// The most bytes of one value of [`Objects`].
pub const PAGE: usize = 1_000_000;

/// Raw data by key, written once: what callers upload and what is made of it, in pages of at most [`PAGE`] bytes.
///
/// Keys are at most 512 bytes. What was written is read unchanged, but at another location it may stay unseen for a
/// minute: who misses a page that must be there comes back later. A host without an object store keeps it in its [`Kv`].
pub trait Objects {
    /// Reads `key`; `None` if it is absent, or not to be seen here yet.
    ///
    /// # Errors
    ///
    /// [`ObjectsError`] if the store does not answer.
    async fn load(&self, key: &str) -> Result<Option<Bytes>, ObjectsError>;

    /// Writes `value`, at most [`PAGE`] bytes, under `key`. Writing the same again changes nothing.
    ///
    /// # Errors
    ///
    /// [`ObjectsError`] if the store does not answer: the value may be there or not.
    async fn save(&self, key: &str, value: Bytes) -> Result<(), ObjectsError>;

    /// Removes `key`, if it is there.
    ///
    /// # Errors
    ///
    /// [`ObjectsError`] if the store does not answer.
    async fn discard(&self, key: &str) -> Result<(), ObjectsError>;
}

/// The host's own queue, where it has one.
///
/// Each message comes out at least once, in any order, perhaps twice at the same time; how often it is tried again and
/// what becomes of it then is the host's configuration.
pub trait Queue {
    /// Puts messages, each of at most 64 KB of UTF-8, in; they come out after `delay` (at most 15 minutes) at the earliest.
    ///
    /// # Errors
    ///
    /// [`QueueError::Absent`] where the host has no queue; [`QueueError::Failed`] if it does not answer: any of the
    /// messages may be in it or not.
    async fn enqueue(&self, messages: &[String], delay: Duration) -> Result<(), QueueError>;
}

/// Exact state, one object per tenant: what must be right under any concurrency.
///
/// A host finds the object of `owner` (a Durable Object, a database's rows), gives it the call and returns its answer;
/// what calls mean is [`object`](crate::gateway::object)'s to know. All of a call happens or nothing of it, one call of
/// an owner after the other, wherever they come from; what was answered is durable as far as docs/deploy.md says of the
/// host. Owners are tenants' ids, or names of ours that start with `~`.
pub trait Counters {
    /// Has the object of `owner` answer `call`.
    ///
    /// # Errors
    ///
    /// [`CountersError`] if it does not answer: the call may have happened or not.
    async fn count(&self, owner: &str, call: Bytes) -> Result<Bytes, CountersError>;
}

/// Where an object keeps its state: text by key, ordered by key, and pages of bytes by keys of their own, inside the
/// transaction of one call.
pub trait Cells {
    /// The cells under `keys` that exist.
    ///
    /// # Errors
    ///
    /// [`CountersError`] if the storage fails.
    async fn read(&self, keys: &[String]) -> Result<Vec<(String, String)>, CountersError>;

    /// At most `most` cells whose keys are at least `from` and less than `to`, in order.
    ///
    /// # Errors
    ///
    /// [`CountersError`] if the storage fails.
    async fn range(&self, from: &str, to: &str, most: u32) -> Result<Vec<(String, String)>, CountersError>;

    /// Writes cells; `None` removes one.
    ///
    /// # Errors
    ///
    /// [`CountersError`] if the storage fails.
    async fn write(&self, changes: &[(String, Option<String>)]) -> Result<(), CountersError>;

    /// The pages under `keys` that exist. They have nothing to do with cells of the same keys.
    ///
    /// # Errors
    ///
    /// [`CountersError`] if the storage fails.
    async fn pages(&self, keys: &[String]) -> Result<Vec<(String, Bytes)>, CountersError>;

    /// Writes pages, of at most 2,000,000 bytes each; `None` removes one.
    ///
    /// # Errors
    ///
    /// [`CountersError`] if the storage fails.
    async fn write_pages(&self, changes: &[(String, Option<Bytes>)]) -> Result<(), CountersError>;
}

/// Vectors by id in namespaces, and the nearest of them by cosine: the host's own service, where it has one.
/// [`gateway::vectors`](crate::gateway::vectors) has others.
///
/// What was written may stay unseen for a minute, and what was removed or replaced may still be found as long; several
/// calls may be seen in another order than they were made in. Whoever finds a point looks whether it still means anything.
/// Not every service finds the very nearest, but what it finds is in the namespace and admitted by the filter.
pub trait Vectors {
    /// Puts at most 100 points, each in the place of the one with its id.
    ///
    /// # Errors
    ///
    /// [`VectorsError`]: some may be there. What was tried again is there once.
    async fn upsert(&self, space: &Namespace, points: &[Point]) -> Result<(), VectorsError>;

    /// Removes points, at most 100; those that are not there are no error.
    ///
    /// # Errors
    ///
    /// [`VectorsError`]: some may be gone.
    async fn remove(&self, space: &Namespace, ids: &[String]) -> Result<(), VectorsError>;

    /// The nearest points, the nearest first. A namespace that nobody has put anything into has none.
    ///
    /// # Errors
    ///
    /// [`VectorsError`].
    async fn nearest(&self, space: &Namespace, wanted: &Nearest) -> Result<Vec<Near>, VectorsError>;
}

/// The time.
pub trait Clock {
    /// Now. On Workers time stands still between two calls to the world.
    fn now(&self) -> Timestamp;

    /// Waits.
    async fn sleep(&self, span: Duration);
}

/// Dice that nobody can foresee: good enough for ids and keys.
pub trait Rng {
    /// A fresh number.
    fn random(&self) -> u64;
}

/// Secrets and variables of the host, by the names the configuration uses, such as `OPENAI_API_KEY`.
pub trait Secrets {
    /// The value of `name`; `None` if it is not set or empty.
    async fn secret(&self, name: &str) -> Option<Secret>;
}

/// Work after the answer.
pub trait Later {
    /// Runs `work` to its end even if the answer is sent, or the caller gone, before. Hosts give it at least 30 seconds
    /// after that.
    fn later(&self, work: LocalBoxFuture<'static, ()>);
}

/// The operator's log.
pub trait Log {
    /// Writes one line, which never holds a prompt, an answer or a secret.
    fn log(&self, line: &str);
}

/// The other side could not be reached, or broke off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkError(pub String);

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NetworkError {}

/// A body that could not be read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// It is longer than the limit.
    TooLarge,
    /// The other side broke off.
    Network(NetworkError),
}

impl From<NetworkError> for BodyError {
    fn from(error: NetworkError) -> Self {
        Self::Network(error)
    }
}

/// A counter object does not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountersError(pub String);

impl fmt::Display for CountersError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CountersError {}

/// The store does not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvError(pub String);

impl fmt::Display for KvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for KvError {}

/// The store of raw data does not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectsError(pub String);

impl fmt::Display for ObjectsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ObjectsError {}

impl From<KvError> for ObjectsError {
    fn from(error: KvError) -> Self {
        Self(error.0)
    }
}

/// Messages could not be put into the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueError {
    /// This host has no queue of its own.
    Absent,
    /// It does not answer.
    Failed(String),
}

impl fmt::Display for QueueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("this host has no queue of its own"),
            Self::Failed(error) => f.write_str(error),
        }
    }
}

impl std::error::Error for QueueError {}
