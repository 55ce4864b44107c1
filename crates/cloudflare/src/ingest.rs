//! The entry points of `ingest`: its queue's messages, its dead letters, and its own few routes.

use std::rc::Rc;

use wasm_bindgen::prelude::*;
use worker::{Context, Env, event, worker_sys};

use crate::{Worker, batch::Message, exchange, js, own};

/// The variable that names the queue of dead letters, so that its messages are known as that.
const DEAD_LETTERS: &str = "DEAD_LETTERS";

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
    Ok(exchange::answer(sluice_ingest::handle(&own::gateway(), &host, call).await)?)
}

/// Works on a batch, one message after the other. What is told of a message holds whatever becomes of those after it; one
/// that nothing is told of comes again.
#[wasm_bindgen]
pub async fn queue(batch: JsValue, env: Env, context: worker_sys::Context) {
    let host = Worker { env, context: Some(Rc::new(Context::new(context))) };
    let gateway = own::gateway();
    let dead = js::binding(&host.env, DEAD_LETTERS).and_then(|name| name.as_string());
    let is_dead = dead.is_some_and(|dead| dead == js::batch_queue(&batch));
    for message in Message::all(&batch) {
        let (text, attempts) = (&message.text, message.attempts);
        let verdict = if is_dead {
            sluice_ingest::dead_letter(&gateway, &host, text, attempts).await
        } else {
            sluice_ingest::deliver(&gateway, &host, text, attempts).await
        };
        message.settle(&verdict);
    }
}
