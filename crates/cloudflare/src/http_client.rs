//! `Http`: the platform's fetch.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use js_sys::Uint8Array;
use sluice_core::port::{Http, NetworkError};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, RequestInit, RequestRedirect, WorkerGlobalScope};

use crate::{
    Worker,
    body::{Incoming, network_error},
    entry,
};

/// Aborts a call when dropped.
pub struct Cancel(Option<AbortController>);

impl Cancel {
    /// Lets the call be: it has ended.
    pub fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for Cancel {
    fn drop(&mut self) {
        if let Some(controller) = self.0.take() {
            controller.abort();
        }
    }
}

impl Http for Worker {
    type Body = Incoming;

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Incoming>, NetworkError> {
        let (parts, body) = request.into_parts();
        let controller = AbortController::new().map_err(|error| network_error(&error))?;
        let init = RequestInit::new();
        init.set_method(parts.method.as_str());
        init.set_redirect(RequestRedirect::Manual);
        init.set_signal(Some(&controller.signal()));
        init.set_headers_headers(&headers(&parts.headers).map_err(|error| network_error(&error))?);
        if !body.is_empty() {
            init.set_body(&Uint8Array::from(body.as_ref()));
        }
        let cancel = Cancel(Some(controller));
        let scope: WorkerGlobalScope = js_sys::global().unchecked_into();
        let promise = scope.fetch_with_str_and_init(&parts.uri.to_string(), &init);
        let response = JsFuture::from(promise).await.map_err(|error| network_error(&error))?;
        let response: web_sys::Response = response.unchecked_into();
        let mut answer = Response::new(());
        *answer.status_mut() = StatusCode::from_u16(response.status()).unwrap_or(StatusCode::BAD_GATEWAY);
        *answer.headers_mut() = entry::headers(&response.headers());
        Ok(answer.map(|()| Incoming::of_response(response, cancel)))
    }
}

fn headers(from: &http::HeaderMap) -> Result<web_sys::Headers, JsValue> {
    let headers = web_sys::Headers::new()?;
    for (name, value) in from {
        if let Ok(value) = value.to_str() {
            headers.append(name.as_str(), value)?;
        }
    }
    Ok(headers)
}
