//! The gateway's entry points.

use std::rc::Rc;

use worker::{Context, Env, ScheduleContext, ScheduledEvent, event};

use crate::{Worker, exchange, js, own};

/// Answers a request.
#[event(fetch)]
async fn fetch(
    request: web_sys::Request,
    env: Env,
    context: Context,
) -> Result<web_sys::Response, worker::Error> {
    let host = Worker { env, context: Some(Rc::new(context)) };
    // Not in a function of both: without optimisation each async function around the gateway's takes its size of stack.
    let Some(call) = exchange::call(&request) else {
        return Ok(js::respond("400", &[])?);
    };
    Ok(exchange::answer(own::gateway().handle(&host, call).await)?)
}

/// Does what is to be done every hour.
#[event(scheduled)]
async fn scheduled(_event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    own::gateway().hourly(&Worker { env, context: None }).await;
}
