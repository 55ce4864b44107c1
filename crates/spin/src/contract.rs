//! The entry point of the component that runs the ports' contracts. Nobody deploys it.

use sluice_testing::contract::serve;
use spin_sdk::{http::Request, http_service};

use crate::{
    Spin,
    exchange::{self, Outgoing},
};

/// Answers a request.
#[http_service]
async fn handle(request: Request) -> http::Response<Outgoing> {
    exchange::answer(serve::handle(&Spin, exchange::call(request)).await)
}
