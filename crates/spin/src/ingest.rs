//! The entry point of `ingest`: its own few routes, of which one empties the queue.

use spin_sdk::{http::Request, http_service};

use crate::{
    Spin,
    exchange::{self, Outgoing},
    own,
};

/// Answers a request.
#[http_service]
async fn handle(request: Request) -> http::Response<Outgoing> {
    exchange::answer(sluice_ingest::handle(&own::gateway(), &Spin, exchange::call(request)).await)
}
