//! Sluice on Spin: the entry point, and one file per port. Nothing is decided here.
//!
//! One instance serves many requests at once, and lives for seconds: what it keeps is the gateway's own cache.

mod body;
mod clock;
mod counters;
mod entry;
mod http_client;
mod kv;
mod later;
mod log;
mod objects;
mod queue;
mod rng;
mod secrets;
mod vectors;

/// A request's handle on the host. Spin's imports are global, so there is nothing to hold.
#[derive(Clone, Copy)]
pub struct Spin;
