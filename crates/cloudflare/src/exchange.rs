//! A request of the platform's in, an answer out: what the bundles' entry points share.

use bytes::Bytes;
use futures::{StreamExt, future::LocalBoxFuture, stream::LocalBoxStream};
use http::{Method, Request, Uri};
use sluice_core::{
    gateway::{Call, Reply, ReplyBody, VISITOR},
    port::NetworkError,
};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use crate::{
    body::{self, Incoming},
    js::{self, Pipe},
};

/// A request as the gateway takes it; `None` if its path cannot be read as one.
pub fn call(request: &web_sys::Request) -> Option<Call<Incoming>> {
    let head = head(request)?;
    let body = Incoming::of_request(request, body::length(&head.headers));
    Some(Call { head, body, gone: gone(request) })
}

/// Method, path and headers; `None` if the path cannot be read as one.
fn head(request: &web_sys::Request) -> Option<http::request::Parts> {
    let text = js::request_head(request);
    let mut lines = text.split('\n');
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = Method::from_bytes(lines.next()?.as_bytes()).ok()?;
    let url: Uri = lines.next()?.parse().ok()?;
    parts.uri = Uri::from(url.path_and_query()?.clone());
    parts.headers = js::headers(lines);
    // The platform's word on who calls; nobody else's.
    match parts.headers.get("cf-connecting-ip").cloned() {
        Some(address) => parts.headers.insert(VISITOR, address),
        None => parts.headers.remove(VISITOR),
    };
    Some(parts)
}

/// Ends when the platform says that the caller has gone.
fn gone(request: &web_sys::Request) -> LocalBoxFuture<'static, ()> {
    let left = js::left(request);
    Box::pin(async move {
        _ = left.await;
    })
}

/// An answer as the platform takes it.
pub fn answer(reply: Reply<Incoming>) -> Result<web_sys::Response, JsValue> {
    let head = js::with_headers(reply.status.as_str().to_owned(), &reply.headers);
    match reply.body {
        ReplyBody::Whole(bytes) => js::respond(&head, &bytes),
        ReplyBody::Stream(pieces) => written(&head, pieces.map(Ok).boxed_local()),
        ReplyBody::Passed(pieces) => written(&head, pieces),
        ReplyBody::Untouched(body) => match body.untouched() {
            Some(owner) => js::forward(&head, &owner),
            None => js::respond("500", &[]),
        },
    }
}

type Pieces = LocalBoxStream<'static, Result<Bytes, NetworkError>>;

fn written(head: &str, pieces: Pieces) -> Result<web_sys::Response, JsValue> {
    let pipe = Pipe::new(head)?;
    let response = pipe.response();
    spawn_local(write(pieces, pipe));
    Ok(response)
}

/// Writes a stream's pieces until it ends or nobody reads them any more; one that breaks off is broken off.
async fn write(mut pieces: Pieces, pipe: Pipe) {
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(piece) => {
                if pipe.put(&piece).await.is_err() {
                    return;
                }
            }
            Err(error) => return pipe.abort(&error.0),
        }
    }
    pipe.close();
}
