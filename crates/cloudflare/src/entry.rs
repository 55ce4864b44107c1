//! The gateway's entry points.

use worker::{Context, Env, ScheduleContext, ScheduledEvent, event};

use crate::{Worker, exchange};

/// Answers a request.
#[event(fetch)]
async fn fetch(
    request: web_sys::Request,
    env: Env,
    context: Context,
) -> Result<web_sys::Response, worker::Error> {
    exchange::serve(&request, env, context, async |gateway, host, call| gateway.handle(host, call).await)
        .await
}

/// Does what is to be done every day.
#[event(scheduled)]
async fn scheduled(_event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    exchange::gateway().daily(&Worker { env, context: None }).await;
}
