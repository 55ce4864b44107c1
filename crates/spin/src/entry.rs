//! The gateway's entry point.

use std::rc::Rc;

use sluice_core::{config, gateway::Gateway};
use spin_sdk::{http::Request, http_service};

use crate::{
    Spin,
    exchange::{self, Outgoing},
};

thread_local! {
    static GATEWAY: Rc<Gateway> = Gateway::new(config::EMBEDDED);
}

/// Answers a request.
#[http_service]
async fn handle(request: Request) -> http::Response<Outgoing> {
    exchange::answer(GATEWAY.with(Rc::clone).handle(&Spin, exchange::call(request)).await)
}
