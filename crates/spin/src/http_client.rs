//! `Http`: Spin's outbound HTTP. Where it may go is said by `allowed_outbound_hosts` in spin.toml.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use sluice_core::{
    config::HttpProvider,
    port::{Http, NetworkError},
};
use spin_sdk::{http, wasip3};

use crate::{Spin, body::Incoming};

impl Http for Spin {
    type Body = Incoming<wasip3::http::types::Response>;

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Self::Body>, NetworkError> {
        if request.uri().scheme_str() == Some(HttpProvider::BINDING) {
            return Err(NetworkError(
                "Spin has no bindings: the provider needs an address and a key".to_owned(),
            ));
        }
        let response =
            http::send(request.map(Full::new)).await.map_err(|error| NetworkError(error.to_string()))?;
        Ok(response.map(Incoming::new))
    }
}
