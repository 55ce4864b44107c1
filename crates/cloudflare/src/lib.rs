//! Sluice on Cloudflare Workers: the entry points of its bundles, and one file per port. Nothing is decided here.
//!
//! The features `gateway`, `ingest` and `contract` choose the bundle: one of them, so that the parsers of documents and what is
//! there for tests are no part of the gateway.
//!
//! One instance serves many requests of an isolate at once. What belongs to a request (bindings, streams, the context)
//! lives in [`Worker`] and ends with it; what the isolate keeps is the gateway's own cache.

#[cfg(feature = "ingest")]
mod batch;
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
mod js;
mod kv;
mod later;
mod log;
mod objects;
#[cfg(any(feature = "gateway", feature = "ingest"))]
mod own;
mod queue;
mod rng;
mod secrets;
#[cfg(any(feature = "gateway", feature = "contract"))]
mod tenant_object;
mod vectors;

use std::rc::Rc;

use worker::{Context, Env};

/// A request's handle on the host.
#[derive(Clone)]
pub struct Worker {
    env: Env,
    /// None for what no request began.
    context: Option<Rc<Context>>,
}
