//! Answers and errors on their way to the host.

use bytes::Bytes;
use futures::stream::LocalBoxStream;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use sluice_providers::format::Protocol;
use sluice_types::error::{Attempt, Failure};

use crate::port::NetworkError;

/// What a host sends back.
pub struct Reply<B> {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: ReplyBody<B>,
}

/// An answer's body.
pub enum ReplyBody<B> {
    /// All of it.
    Whole(Bytes),
    /// As it comes. Dropping the stream tells the gateway that the caller has gone.
    Stream(LocalBoxStream<'static, Bytes>),
    /// As it comes from a provider that may break off, which ends with an error. The host passes that on as a break: the
    /// caller must not take what has come for all of it.
    Passed(LocalBoxStream<'static, Result<Bytes, NetworkError>>),
    /// A provider's own body, which the host hands on without the gateway touching it.
    Untouched(B),
}

impl<B> Reply<B> {
    /// An answer without a body.
    pub(super) fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: ReplyBody::Whole(Bytes::new()) }
    }

    /// A JSON answer.
    pub(super) fn json(body: impl Into<Bytes>) -> Self {
        let mut reply = Self::empty(StatusCode::OK);
        reply.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        reply.body = ReplyBody::Whole(body.into());
        reply
    }

    /// A stream of server-sent events, marked so that nothing on the way holds it back.
    pub(super) fn events(stream: LocalBoxStream<'static, Bytes>) -> Self {
        let mut reply = Self::empty(StatusCode::OK);
        reply
            .headers
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
        reply.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
        reply.headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
        reply.body = ReplyBody::Stream(stream);
        reply
    }
}

/// Sets a header of ours; a value that cannot be one (a target's name with control characters) is left out.
pub(super) fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// A request's failure, with what it tells beside.
pub(super) struct Problem {
    pub failure: Failure,
    /// Calls that failed on the way.
    pub attempts: Vec<Attempt>,
    pub headers: HeaderMap,
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self { failure, attempts: Vec::new(), headers: HeaderMap::new() }
    }
}

/// The answer that tells `problem` in the shape of `protocol`.
pub(super) fn error<B>(protocol: Protocol, problem: &Problem, id: &str) -> Reply<B> {
    let kind = problem.failure.kind;
    let mut reply = Reply::json(protocol.write_error(&problem.failure, id, &problem.attempts));
    reply.status = StatusCode::from_u16(kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    reply.headers.extend(problem.headers.clone());
    set(&mut reply.headers, "x-should-retry", if kind.caller_may_retry() { "true" } else { "false" });
    if let Some(wait) = problem.failure.retry_after {
        let seconds = wait.as_millis().div_ceil(1000).max(1);
        set(&mut reply.headers, "retry-after", &seconds.to_string());
    }
    if let Some(attempt) = problem.attempts.last() {
        set(&mut reply.headers, "sluice-target", &attempt.target);
        set(&mut reply.headers, "sluice-attempts", &problem.attempts.len().to_string());
    }
    reply
}
