//! Bodies that come in: a caller's request, a provider's answer.

use bytes::Bytes;
use futures::{StreamExt, stream::LocalBoxStream};
use http_body_util::BodyDataStream;
use sluice_core::port::{Body, NetworkError};
use spin_sdk::{
    http::body::IncomingBodyExt,
    wasip3::http_compat::{IncomingBody, IncomingMessage},
};

/// A body being read. Dropping it cancels the call.
pub struct Incoming<T>(BodyDataStream<IncomingBody<T>>);

impl<T: IncomingMessage> Incoming<T> {
    /// The body of a request or an answer.
    pub fn new(body: IncomingBody<T>) -> Self {
        Self(body.stream())
    }
}

impl<T: IncomingMessage + 'static> Incoming<T> {
    /// The pieces, to be handed on as they are.
    pub fn untouched(self) -> LocalBoxStream<'static, Result<Bytes, NetworkError>> {
        self.0.map(|piece| piece.map_err(|error| NetworkError(error.to_string()))).boxed_local()
    }
}

impl<T: IncomingMessage> Body for Incoming<T> {
    async fn chunk(&mut self) -> Result<Option<Bytes>, NetworkError> {
        loop {
            match self.0.next().await {
                Some(Ok(bytes)) if bytes.is_empty() => {}
                Some(Ok(bytes)) => return Ok(Some(bytes)),
                Some(Err(error)) => return Err(NetworkError(error.to_string())),
                None => return Ok(None),
            }
        }
    }
}
