//! The entry point: a request of the platform's in, an answer of the gateway's out.

use std::rc::Rc;

use futures::{StreamExt, channel::oneshot, future::LocalBoxFuture};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use js_sys::Uint8Array;
use sluice_core::{
    config,
    gateway::{Call, Gateway, Reply, ReplyBody},
};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::ResponseInit;
use worker::{Context, Env, event};

use crate::{Worker, body::Incoming};

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
    let host = Worker { env, context: Rc::new(context) };
    let Some(head) = head(&request) else {
        return Ok(web_sys::Response::new_with_opt_str_and_init(None, &init(400, &HeaderMap::new())?)?);
    };
    let call = Call { head, body: Incoming::of_request(&request), gone: gone(&request) };
    let gateway = GATEWAY.with(Rc::clone);
    Ok(answer(gateway.handle(&host, call).await)?)
}

/// Method, path and headers; `None` if the path cannot be read as one.
fn head(request: &web_sys::Request) -> Option<http::request::Parts> {
    let url: Uri = request.url().parse().ok()?;
    let path = url.path_and_query()?.clone();
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = Method::from_bytes(request.method().as_bytes()).ok()?;
    parts.uri = Uri::from(path);
    parts.headers = headers(&request.headers());
    Some(parts)
}

/// Headers of the platform's as plain values; what is no valid header is left out.
pub fn headers(from: &web_sys::Headers) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for entry in from.entries().into_iter().flatten() {
        let pair: js_sys::Array = entry.unchecked_into();
        let (Some(name), Some(value)) = (pair.get(0).as_string(), pair.get(1).as_string()) else { continue };
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::try_from(value)) {
            headers.append(name, value);
        }
    }
    headers
}

/// Ends when the platform says that the caller has gone.
fn gone(request: &web_sys::Request) -> LocalBoxFuture<'static, ()> {
    let signal = request.signal();
    let (left, leaves) = oneshot::channel();
    let mut left = Some(left);
    let listener = Closure::<dyn FnMut()>::new(move || {
        if let Some(left) = left.take() {
            _ = left.send(());
        }
    });
    signal.set_onabort(Some(listener.as_ref().unchecked_ref()));
    Box::pin(async move {
        let _listener = listener;
        if leaves.await.is_err() {
            futures::future::pending::<()>().await;
        }
    })
}

fn answer(reply: Reply) -> Result<web_sys::Response, JsValue> {
    let init = init(reply.status.as_u16(), &reply.headers)?;
    match reply.body {
        ReplyBody::Whole(bytes) if bytes.is_empty() => {
            web_sys::Response::new_with_opt_str_and_init(None, &init)
        }
        ReplyBody::Whole(bytes) => {
            let array = Uint8Array::from(bytes.as_ref());
            web_sys::Response::new_with_opt_js_u8_array_and_init(Some(&array), &init)
        }
        ReplyBody::Stream(stream) => {
            let pieces = stream.map(|piece| Ok(JsValue::from(Uint8Array::from(piece.as_ref()))));
            let stream = wasm_streams::ReadableStream::from_stream(pieces).into_raw();
            let stream: web_sys::ReadableStream = stream.unchecked_into();
            web_sys::Response::new_with_opt_readable_stream_and_init(Some(&stream), &init)
        }
    }
}

fn init(status: u16, headers: &HeaderMap) -> Result<ResponseInit, JsValue> {
    let init = ResponseInit::new();
    init.set_status(status);
    let list = web_sys::Headers::new()?;
    for (name, value) in headers {
        if let Ok(value) = value.to_str() {
            list.append(name.as_str(), value)?;
        }
    }
    init.set_headers_headers(&list);
    Ok(init)
}
