//! Bodies that come in: a caller's request, a provider's answer.

use bytes::Bytes;
use futures::StreamExt;
use js_sys::Uint8Array;
use sluice_core::port::{Body, BodyError, NetworkError};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use wasm_streams::readable::IntoStream;

use crate::http_client::Cancel;

/// A body, unread or being read.
pub struct Incoming {
    source: Source,
    /// As the sender declares it.
    length: Option<usize>,
    /// Cancels the call when the body is dropped before its end.
    cancel: Option<Cancel>,
}

enum Source {
    Request(web_sys::Request),
    Response(web_sys::Response),
    Stream(IntoStream<'static>),
    End,
}

impl Incoming {
    /// The body of a caller's request.
    pub fn of_request(request: &web_sys::Request) -> Self {
        let length = length(&request.headers());
        Self { source: Source::Request(Clone::clone(request)), length, cancel: None }
    }

    /// The body of a provider's answer.
    pub fn of_response(response: web_sys::Response, cancel: Cancel) -> Self {
        let length = length(&response.headers());
        Self { source: Source::Response(response), length, cancel: Some(cancel) }
    }

    fn stream(&mut self) -> Option<&mut IntoStream<'static>> {
        let raw = match &self.source {
            Source::Request(request) => request.body(),
            Source::Response(response) => response.body(),
            Source::Stream(_) => None,
            Source::End => return None,
        };
        if let Some(raw) = raw {
            self.source =
                Source::Stream(wasm_streams::ReadableStream::from_raw(raw.unchecked_into()).into_stream());
        }
        match &mut self.source {
            Source::Stream(stream) => Some(stream),
            Source::Request(_) | Source::Response(_) | Source::End => None,
        }
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
            let Some(stream) = self.stream() else {
                self.ended();
                return Ok(None);
            };
            match stream.next().await {
                Some(Ok(chunk)) => {
                    let bytes = Uint8Array::from(chunk).to_vec();
                    if !bytes.is_empty() {
                        return Ok(Some(Bytes::from(bytes)));
                    }
                }
                Some(Err(error)) => return Err(network_error(&error)),
                None => {
                    self.ended();
                    return Ok(None);
                }
            }
        }
    }

    /// One crossing for all of it where the sender declares a length within the limit.
    async fn whole(mut self, limit: usize) -> Result<Bytes, BodyError> {
        let buffer = match (&self.source, self.length) {
            (_, Some(length)) if limit < length => return Err(BodyError::TooLarge),
            (Source::Request(request), Some(_)) => request.array_buffer(),
            (Source::Response(response), Some(_)) => response.array_buffer(),
            _ => return pieces(self, limit).await,
        };
        let buffer = match buffer {
            Ok(promise) => JsFuture::from(promise).await,
            Err(error) => Err(error),
        };
        let bytes = Uint8Array::new(&buffer.map_err(|error| network_error(&error))?).to_vec();
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

fn length(headers: &web_sys::Headers) -> Option<usize> {
    headers.get("content-length").ok()??.parse().ok()
}

/// A JavaScript error's message.
pub fn network_error(error: &JsValue) -> NetworkError {
    let message = error.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message()));
    NetworkError(message.or_else(|| error.as_string()).unwrap_or_else(|| "unknown error".to_owned()))
}
