//! `Counters`: a Durable Object per tenant, binding `COUNTERS`. The gateway's bundle holds its class (`tenant_object.rs`);
//! other Workers reach it by `script_name`.

use bytes::Bytes;
use sluice_core::port::{Counters, CountersError};
use worker::{Headers, Method, Request, RequestInit};

use crate::Worker;

/// The binding's name in wrangler.toml.
const BINDING: &str = "COUNTERS";

fn failed(error: impl std::fmt::Display) -> CountersError {
    CountersError(error.to_string())
}

impl Counters for Worker {
    async fn count(&self, owner: &str, call: Bytes) -> Result<Bytes, CountersError> {
        let objects = self.env.durable_object(BINDING).map_err(failed)?;
        let object = objects.get_by_name(owner).map_err(failed)?;
        let mut init = RequestInit::new();
        let body = js_sys::Uint8Array::from(call.as_ref());
        init.with_method(Method::Post).with_headers(Headers::new()).with_body(Some(body.into()));
        let request = Request::new_with_init("https://counters/", &init).map_err(failed)?;
        let mut response = object.fetch_with_request(request).await.map_err(failed)?;
        let answer = response.bytes().await.map_err(failed)?;
        match response.status_code() {
            200 => Ok(answer.into()),
            _ => Err(CountersError(String::from_utf8_lossy(&answer).into_owned())),
        }
    }
}
