//! The routes of `ingest`: its own few, nothing of the gateway's.

use std::{rc::Rc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::json;
use sluice_core::{
    gateway::{Call, Gateway, Reply, ReplyBody, queue},
    port::{Body, Host},
};
use sluice_types::error::{ErrorKind, Failure};

use crate::drain;

/// How long one call empties the queue.
const LONGEST: Duration = Duration::from_secs(20);

/// Answers a request: `POST /internal/ingest/drain` empties the queue for some seconds, `GET /healthz` says that `ingest`
/// runs.
pub async fn handle<H: Host, B: Body>(gateway: &Rc<Gateway>, host: &H, call: Call<B>) -> Reply<H::Body> {
    let (method, path) = (&call.head.method, call.head.uri.path());
    let outcome = match (path, method) {
        ("/healthz", &Method::GET) => Ok(json!({"status": "ok"})),
        (queue::DRAIN, &Method::POST) => empty(gateway, host, &call.head.headers).await,
        (queue::DRAIN, _) => {
            Err(Failure::new(ErrorKind::MethodNotAllowed, format!("{} takes POST", queue::DRAIN)))
        }
        _ => Err(Failure::new(ErrorKind::NotFound, format!("there is no {path} here"))),
    };
    match outcome {
        Ok(body) => reply(StatusCode::OK, &body),
        Err(failure) => {
            let status =
                StatusCode::from_u16(failure.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let error = json!({"message": failure.message, "code": failure.kind.code()});
            reply(status, &json!({"error": error}))
        }
    }
}

fn reply<B>(status: StatusCode, body: &serde_json::Value) -> Reply<B> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Reply { status, headers, body: ReplyBody::Whole(Bytes::from(body.to_string())) }
}

async fn empty<H: Host>(
    gateway: &Rc<Gateway>,
    host: &H,
    headers: &HeaderMap,
) -> Result<serde_json::Value, Failure> {
    queue::may_drain(host, headers).await?;
    let config = gateway.config(host).await?;
    let until = host.now().plus(LONGEST);
    let drained = drain(gateway, host, &config, until).await.map_err(|error| {
        Failure::new(ErrorKind::StoreUnavailable, format!("the queue does not answer: {error}"))
    })?;
    Ok(
        json!({"object": "ingest.drain", "done": drained.done, "again": drained.again, "dead": drained.dead, "more": drained.more}),
    )
}
