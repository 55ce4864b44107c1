//! Sluice on Cloudflare Workers: the entry point, and one file per port. Nothing is decided here.
//!
//! One instance serves many requests of an isolate at once. What belongs to a request (bindings, streams, the context)
//! lives in [`Worker`] and ends with it; what the isolate keeps is the gateway's own cache.

mod body;
mod clock;
mod counters;
mod entry;
mod http_client;
mod js;
mod kv;
mod later;
mod log;
mod objects;
mod queue;
mod rng;
mod secrets;
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
