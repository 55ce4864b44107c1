//! The entry point of the bundle that runs the ports' contracts. Nobody deploys it.

use std::rc::Rc;

use sluice_testing::contract::serve;
use worker::{Context, Env, event};

use crate::{Worker, exchange, js};

/// Answers a request.
#[event(fetch)]
async fn fetch(
    request: web_sys::Request,
    env: Env,
    context: Context,
) -> Result<web_sys::Response, worker::Error> {
    let host = Worker { env, context: Some(Rc::new(context)) };
    let Some(call) = exchange::call(&request) else {
        return Ok(js::respond("400", &[])?);
    };
    Ok(exchange::answer(serve::handle(&host, call).await)?)
}
