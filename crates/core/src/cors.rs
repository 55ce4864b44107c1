//! Cross-origin requests from browsers.
//!
//! Callers authenticate with a header and never with a cookie, so no answer allows credentials, and `*` is safe: what
//! protects a tenant is what its key may do.

use http::{HeaderMap, HeaderValue, Method, header};

/// Our own response headers that scripts may read.
const EXPOSED: &str = "sluice-request-id, sluice-target, sluice-attempts, sluice-cache, sluice-cost-usd, \
                       sluice-guardrails, sluice-dropped, server-timing, retry-after, x-should-retry, request-id, x-request-id";

/// Whether this is a browser asking for permission before the request itself.
pub fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Adds what lets a script of the request's origin read the answer, if that origin is among `allowed` (`*` allows all).
/// Without an `Origin` nothing is added but `vary`, which keeps shared caches right.
pub fn allow(request: &HeaderMap, allowed: &[String], answer: &mut HeaderMap) {
    let any = allowed.iter().any(|origin| origin == "*");
    if !any {
        answer.append(header::VARY, HeaderValue::from_static("origin"));
    }
    let Some(origin) = request.get(header::ORIGIN) else { return };
    if any {
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    } else if allowed.iter().any(|name| name.as_bytes() == origin.as_bytes()) {
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    } else {
        return;
    }
    answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
}

/// Adds the answer to a preflight for a route that takes `methods`. The headers asked for are allowed as asked: SDKs
/// send a changing crowd of `x-stainless-*`, and `*` would leave `authorization` out.
pub fn preflight(request: &HeaderMap, methods: &[Method], max_age_seconds: u64, answer: &mut HeaderMap) {
    if !answer.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        return;
    }
    answer.remove(header::ACCESS_CONTROL_EXPOSE_HEADERS);
    if let Ok(value) = HeaderValue::from_str(&list(methods)) {
        answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, value);
    }
    if let Some(asked) = request.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
        answer.append(header::VARY, HeaderValue::from_static("access-control-request-headers"));
    }
    answer.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from(max_age_seconds));
}

/// Methods as headers list them.
pub fn list(methods: &[Method]) -> String {
    methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(origin: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_static(origin))])
    }

    fn allowed(request: &HeaderMap, origins: &[&str]) -> Option<String> {
        let mut answer = HeaderMap::new();
        let origins: Vec<String> = origins.iter().map(|&origin| origin.to_owned()).collect();
        allow(request, &origins, &mut answer);
        answer.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn only_listed_origins_may_read() {
        assert_eq!(allowed(&from("https://a.test"), &["*"]).as_deref(), Some("*"));
        assert_eq!(allowed(&from("https://a.test"), &["https://a.test"]).as_deref(), Some("https://a.test"));
        assert_eq!(allowed(&from("https://a.test.evil"), &["https://a.test"]), None);
        assert_eq!(allowed(&HeaderMap::new(), &["*"]), None);
    }
}
