//! The contracts over HTTP, for hosts whose code runs in requests only: one request a contract, for one that is broken takes
//! its instance down.
//!
//! ```text
//! GET  /contracts          their names, a line each
//! POST /contracts/{name}   runs one: 200 if it is kept, what the host says of a panic if not
//! POST /share              reserves from a budget that others reserve from at the same time: how often it was let in
//! ```

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use sluice_core::{
    gateway::{Call, Reply, ReplyBody},
    port::Host,
};

use super::{ALL, counters, run};

/// Answers a request.
pub async fn handle<H: Host, B>(host: &H, call: Call<B>) -> Reply<H::Body> {
    match call.head.uri.path() {
        "/contracts" => reply(StatusCode::OK, ALL.join("\n")),
        "/share" => reply(StatusCode::OK, counters::share_of_a_budget(host).await.to_string()),
        path => match path.strip_prefix("/contracts/") {
            Some(name) if run(name, host).await => reply(StatusCode::OK, "kept"),
            _ => reply(StatusCode::NOT_FOUND, "no such contract"),
        },
    }
}

fn reply<B>(status: StatusCode, text: impl Into<Bytes>) -> Reply<B> {
    Reply { status, headers: HeaderMap::new(), body: ReplyBody::Whole(text.into()) }
}
