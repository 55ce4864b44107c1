//! The gateway's entry point.

use spin_sdk::{http::Request, http_service};

use crate::{
    Spin,
    exchange::{self, Outgoing},
    own,
};

/// Answers a request.
#[http_service]
async fn handle(request: Request) -> http::Response<Outgoing> {
    exchange::answer(own::gateway().handle(&Spin, exchange::call(request)).await)
}
