//! The entry point of `ingest`: its own few routes, of which one empties the queue.

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
    let gateway = GATEWAY.with(Rc::clone);
    exchange::answer(sluice_ingest::handle(&gateway, &Spin, exchange::call(request)).await)
}
