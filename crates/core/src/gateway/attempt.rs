//! One call to one target: how long it may take, and reading its answer.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response};
use sluice_types::{
    error::{ErrorKind, Failure},
    time::Timestamp,
};

use super::{receive, settle::Shared};
use crate::{
    config::Target,
    cost_log::Record,
    port::{Body, BodyError, Host, NetworkError},
};

/// The longest whole answer taken from a provider, in bytes.
const MAX_ANSWER: usize = 32 << 20;

/// What one call may take.
pub(super) struct Deadline {
    began: Timestamp,
    limit: Duration,
    kind: ErrorKind,
    /// The end of the wait for the headers, where that comes before.
    headers: Option<Duration>,
    /// How long a stream may stay silent between two tokens.
    idle: Option<Duration>,
}

impl Deadline {
    /// The end of the whole call to `target`.
    pub fn total<H: Host>(host: &H, target: &Target) -> Self {
        Self {
            began: host.now(),
            limit: target.timeout,
            kind: ErrorKind::UpstreamTimeout,
            headers: None,
            idle: target.idle_timeout,
        }
    }

    /// The end of the wait for the first output of `target`.
    pub fn first_token<H: Host>(host: &H, target: &Target) -> Self {
        let total = Self { headers: target.headers_timeout, ..Self::total(host, target) };
        match target.first_token_timeout {
            Some(limit) if limit < total.limit => Self { limit, kind: ErrorKind::FirstTokenTimeout, ..total },
            _ => total,
        }
    }

    /// What `work` gives, if it ends in time.
    pub async fn bound<H: Host, T>(&self, host: &H, work: impl Future<Output = T>) -> Result<T, Failure> {
        receive::within(host, self.left(host), work).await.ok_or_else(|| self.missed())
    }

    /// What `work` gives, if it ends in the time there is for the provider's headers.
    pub async fn bound_headers<H: Host, T>(
        &self,
        host: &H,
        work: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        let Some(limit) = self.headers.filter(|limit| *limit < self.limit) else {
            return self.bound(host, work).await;
        };
        let left = limit.saturating_sub(host.now().since(self.began));
        receive::within(host, left, work).await.ok_or_else(|| {
            let message = format!("the provider did not begin to answer within {} ms", limit.as_millis());
            Failure::new(ErrorKind::UpstreamTimeout, message)
        })
    }

    /// What is left of it.
    pub fn left<H: Host>(&self, host: &H) -> Duration {
        self.limit.saturating_sub(host.now().since(self.began))
    }

    /// How long until a stream that has been silent since `last` has been so for too long; `None` for never.
    pub fn idle_left<H: Host>(&self, host: &H, last: Timestamp) -> Option<Duration> {
        self.idle.map(|idle| idle.saturating_sub(host.now().since(last)))
    }

    /// The failure that too long a silence is.
    pub fn fell_silent(&self) -> Failure {
        let limit = self.idle.unwrap_or(self.limit).as_millis();
        Failure::new(ErrorKind::UpstreamTimeout, format!("the provider sent no token for {limit} ms"))
    }

    /// The failure that passing it is.
    pub fn missed(&self) -> Failure {
        let what = if self.kind == ErrorKind::FirstTokenTimeout { "a first token" } else { "a whole answer" };
        Failure::new(
            self.kind,
            format!("the provider did not give {what} within {} ms", self.limit.as_millis()),
        )
    }
}

/// The whole body of a provider's answer.
pub(super) async fn whole<H: Host>(
    host: &H,
    response: Response<H::Body>,
    deadline: &Deadline,
) -> Result<Bytes, Failure> {
    deadline.bound(host, response.into_body().whole(MAX_ANSWER)).await?.map_err(|error| match error {
        BodyError::Network(error) => network(error),
        BodyError::TooLarge => Failure::new(
            ErrorKind::UpstreamInvalid,
            format!("the provider's answer is larger than {MAX_ANSWER} bytes"),
        ),
    })
}

/// The failure that a broken connection is.
pub(super) fn network(error: NetworkError) -> Failure {
    Failure::new(
        ErrorKind::UpstreamNetwork,
        format!("the provider could not be reached or broke off: {error}"),
    )
}

/// Adds who answered, after how many calls, and what of the request was left unsaid.
pub(super) fn stamp(headers: &mut HeaderMap, session: &Shared, dropped: &[String]) {
    let session = session.borrow();
    if let Some(target) = &session.record.target {
        super::reply::set(headers, "sluice-target", target);
    }
    super::reply::set(headers, "sluice-attempts", &session.calls().to_string());
    explain(headers, &session.record);
    let verdicts = session.verdicts();
    if !verdicts.is_empty() {
        super::reply::set(headers, "sluice-guardrails", &verdicts.header());
    }
    if let Some(cache) = &session.record.cache {
        super::reply::set(headers, "sluice-cache", &cache.header());
    }
    if let Some(grounds) = &session.grounds {
        let told = grounds.told();
        super::reply::set(headers, "sluice-knowledge", &told.header(!session.record.stream));
        if told.degraded {
            super::reply::set(headers, "sluice-degraded", "builtin/extractive");
        }
    }
    if !dropped.is_empty() {
        super::reply::set(headers, "sluice-dropped", &dropped.join(", "));
    }
    for (name, value) in &session.told {
        super::reply::set(headers, name, value);
    }
}

/// Adds why the request went where it went, if the caller asked.
pub(super) fn explain(headers: &mut HeaderMap, record: &Record) {
    if let Some(route) = &record.route {
        let raced = record.raced.as_ref().map(|raced| raced.target.as_str());
        super::reply::set(headers, "sluice-explain", &route.header(&record.attempts, raced));
    }
}

/// Adds what the answer cost, where that is known before it is sent.
pub(super) fn stamp_cost(headers: &mut HeaderMap, session: &Shared) {
    if let Some(cost) = session.borrow().record.cost_nano_usd {
        super::reply::set(headers, "sluice-cost-usd", &cost.to_string());
    }
}
