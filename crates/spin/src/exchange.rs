//! A request of Spin's in, an answer out: what the components' entry points share.

use bytes::Bytes;
use futures::{StreamExt, future::pending, stream::LocalBoxStream};
use http_body::Frame;
use http_body_util::{Either, Full, StreamBody};
use sluice_core::{
    gateway::{Call, Reply, ReplyBody, VISITOR},
    port::{Http, NetworkError},
};
use spin_sdk::{http::Request, wasip3};

use crate::{Spin, body::Incoming};

/// A frame of a streamed answer; an error breaks it off.
type Piece = Result<Frame<Bytes>, NetworkError>;

/// An answer's body.
pub type Outgoing = Either<Full<Bytes>, StreamBody<LocalBoxStream<'static, Piece>>>;

fn pieces_of(pieces: LocalBoxStream<'static, Result<Bytes, NetworkError>>) -> Outgoing {
    Either::Right(StreamBody::new(pieces.map(|piece| piece.map(Frame::data)).boxed_local()))
}

/// A request as the gateway takes it.
pub fn call(request: Request) -> Call<Incoming<wasip3::http::types::Request>> {
    let (mut head, body) = request.into_parts();
    // Spin's own headers (`spin-full-url` and its kin) tell nothing that the gateway may go by.
    let address = head.headers.remove("spin-client-addr");
    let own: Vec<_> =
        head.headers.keys().filter(|name| name.as_str().starts_with("spin-")).cloned().collect();
    for name in own {
        head.headers.remove(name);
    }
    // But for who calls, which nobody else is asked: the address without its port.
    head.headers.remove(VISITOR);
    let address =
        address.as_ref().and_then(|address| address.to_str().ok()).and_then(|text| text.rsplit_once(':'));
    if let Some(address) = address.and_then(|(address, _)| address.parse().ok()) {
        head.headers.insert(VISITOR, address);
    }
    // Spin tells only by a failed write that the caller has gone: the answer's stream is dropped then.
    Call { head, body: Incoming::new(body), gone: Box::pin(pending()) }
}

/// An answer as Spin takes it.
pub fn answer(reply: Reply<<Spin as Http>::Body>) -> http::Response<Outgoing> {
    let body = match reply.body {
        ReplyBody::Whole(bytes) => Either::Left(Full::new(bytes)),
        ReplyBody::Stream(pieces) => pieces_of(pieces.map(Ok).boxed_local()),
        ReplyBody::Passed(pieces) => pieces_of(pieces),
        ReplyBody::Untouched(body) => pieces_of(body.untouched()),
    };
    let mut response = http::Response::new(body);
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}
