//! The gateway's entry points.

use std::rc::Rc;

use sluice_core::{config, gateway::Gateway};
use worker::{Context, Env, ScheduleContext, ScheduledEvent, event};

use crate::{Worker, exchange, js};

thread_local! {
    static GATEWAY: Rc<Gateway> = Gateway::new(config::EMBEDDED);
}

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
    let gateway = GATEWAY.with(Rc::clone);
    Ok(exchange::answer(gateway.handle(&host, call).await)?)
}

/// Does what is to be done every day.
#[event(scheduled)]
async fn scheduled(_event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    let gateway = GATEWAY.with(Rc::clone);
    gateway.daily(&Worker { env, context: None }).await;
}
