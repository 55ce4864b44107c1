//! Bodies that come in: a caller's request, a provider's answer.

use bytes::Bytes;
use http::{HeaderMap, header};
use sluice_core::port::{Body, BodyError, NetworkError};
use wasm_bindgen::{JsCast, JsValue};

use crate::{
    http_client::Cancel,
    js::{self, Reader, Wait},
};

/// A body, unread or being read.
pub struct Incoming {
    source: Source,
    /// As the sender declares it.
    length: Option<usize>,
    /// Cancels the call when the body is dropped before its end.
    cancel: Option<Cancel>,
}

enum Source {
    /// The request or the answer.
    Unread(JsValue),
    /// A piece that was asked for is kept when the one who asked gives up: it is not lost to the next.
    Reading {
        reader: Reader,
        next: Option<Wait>,
    },
    End,
}

impl Incoming {
    /// The body of a caller's request.
    pub fn of_request(request: &web_sys::Request, length: Option<usize>) -> Self {
        Self { source: Source::Unread(request.into()), length, cancel: None }
    }

    /// The body of a provider's answer.
    pub fn of_response(response: web_sys::Response, length: Option<usize>, cancel: Cancel) -> Self {
        Self { source: Source::Unread(response.into()), length, cancel: Some(cancel) }
    }

    /// The answer whose body nobody has begun to read, to be handed on as it is; `None` if somebody has.
    pub fn untouched(mut self) -> Option<JsValue> {
        let Source::Unread(owner) = std::mem::replace(&mut self.source, Source::End) else { return None };
        // The platform itself cancels the call if the caller leaves.
        self.ended();
        Some(owner)
    }

    fn ended(&mut self) {
        self.source = Source::End;
        if let Some(cancel) = self.cancel.take() {
            cancel.forget();
        }
    }
}

impl Body for Incoming {
    async fn chunk(&mut self) -> Result<Option<Bytes>, NetworkError> {
        loop {
            if let Source::Unread(owner) = &self.source {
                let reader = js::reader(owner).map_err(|error| network_error(&error))?;
                self.source = reader.map_or(Source::End, |reader| Source::Reading { reader, next: None });
            }
            let Source::Reading { reader, next } = &mut self.source else {
                self.ended();
                return Ok(None);
            };
            let told = next.get_or_insert_with(|| reader.next()).await;
            *next = None;
            match told.map_err(|error| network_error(&error))? {
                Some(piece) => {
                    let bytes = js::bytes(&piece);
                    if !bytes.is_empty() {
                        return Ok(Some(Bytes::from(bytes)));
                    }
                }
                None => self.ended(),
            }
        }
    }

    /// One crossing for all of it where the sender declares a length within the limit.
    async fn whole(mut self, limit: usize) -> Result<Bytes, BodyError> {
        let all = match (&self.source, self.length) {
            (_, Some(length)) if limit < length => return Err(BodyError::TooLarge),
            (Source::Unread(owner), Some(_)) => js::all(owner).map_err(|error| network_error(&error))?,
            _ => return pieces(self, limit).await,
        };
        let bytes = all.await.map_err(|error| network_error(&error))?;
        let bytes = bytes.map(|bytes| js::bytes(&bytes)).unwrap_or_default();
        self.ended();
        if limit < bytes.len() { Err(BodyError::TooLarge) } else { Ok(Bytes::from(bytes)) }
    }
}

/// All of it, piece by piece.
async fn pieces(mut body: Incoming, limit: usize) -> Result<Bytes, BodyError> {
    let mut all = Vec::new();
    while let Some(piece) = body.chunk().await? {
        if limit.saturating_sub(all.len()) < piece.len() {
            return Err(BodyError::TooLarge);
        }
        all.extend_from_slice(&piece);
    }
    Ok(Bytes::from(all))
}

/// How long a body is, as its sender declares it.
pub fn length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A JavaScript error's message.
pub fn network_error(error: &JsValue) -> NetworkError {
    let message = error.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message()));
    NetworkError(message.or_else(|| error.as_string()).unwrap_or_else(|| "unknown error".to_owned()))
}
