//! Sluice on Spin: the entry points of its components, and one file per port. Nothing is decided here.
//!
//! The features `gateway`, `ingest` and `contract` choose the component: one of them, so that the parsers of documents and what
//! is there for tests are no part of the gateway.
//!
//! One instance serves many requests at once, and lives for seconds: what it keeps is the gateway's own cache.

mod body;
mod clock;
#[cfg(feature = "contract")]
mod contract;
mod counters;
#[cfg(feature = "gateway")]
mod entry;
mod exchange;
mod http_client;
#[cfg(feature = "ingest")]
mod ingest;
mod kv;
mod later;
mod log;
mod objects;
#[cfg(any(feature = "gateway", feature = "ingest"))]
mod own;
mod queue;
mod rng;
mod secrets;
mod turns;
mod vectors;

/// A request's handle on the host. Spin's imports are global, so there is nothing to hold.
#[derive(Clone, Copy)]
pub struct Spin;
