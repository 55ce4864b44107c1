//! `Http`: the platform's fetch, and Workers AI by a binding.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use sluice_core::{
    config::HttpProvider,
    port::{Http, NetworkError},
};
use wasm_bindgen::JsCast;
use web_sys::AbortController;

use crate::{
    Worker,
    body::{self, Incoming, network_error},
    js,
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
        let signal = controller.signal();
        let sent = match parts.uri.scheme_str() {
            Some(HttpProvider::BINDING) => {
                let name = parts.uri.authority().map_or("", |name| name.as_str());
                let missing = || NetworkError(format!("this Worker has no binding {name}"));
                js::run(&js::binding(&self.env, name).ok_or_else(missing)?, parts.uri.path(), &body, &signal)
            }
            _ => {
                let head = js::with_headers(format!("{}\n{}", parts.method, parts.uri), &parts.headers);
                js::fetch(&head, &body, &signal)
            }
        };
        let sent = sent.map_err(|error| network_error(&error))?;
        let cancel = Cancel(Some(controller));
        let response = sent.await.map_err(|error| network_error(&error))?.unwrap_or_default();
        let response: web_sys::Response = response.unchecked_into();
        let head = js::response_head(&response);
        let mut lines = head.split('\n');
        let mut answer = Response::new(());
        let status = lines.next().and_then(|status| status.parse().ok());
        *answer.status_mut() = status.unwrap_or(StatusCode::BAD_GATEWAY);
        *answer.headers_mut() = js::headers(lines);
        let length = body::length(answer.headers());
        Ok(answer.map(|()| Incoming::of_response(response, length, cancel)))
    }
}
