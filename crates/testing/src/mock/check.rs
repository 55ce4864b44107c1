//! Refusals, and the checks every wire format shares.

use axum::http::HeaderMap;
use serde_json::{Map, Value};

/// A request the provider refuses.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    pub message: String,
    /// The member at fault, for formats that name it.
    pub param: Option<String>,
    /// The error's code (OpenAI).
    pub code: Option<&'static str>,
}

/// The outcome of a check.
pub type Checked<T = ()> = Result<T, Refusal>;

/// A 400 about `param`.
pub fn refuse<T>(param: &str, message: impl Into<String>) -> Checked<T> {
    Err(Refusal { status: 400, message: message.into(), param: Some(param.into()), code: None })
}

/// Refuses unless `fine`.
pub fn ensure(fine: bool, param: &str, message: impl FnOnce() -> String) -> Checked {
    if fine { Ok(()) } else { refuse(param, message()) }
}

/// Headers that are between a caller and the gateway and must not reach a provider.
const PRIVATE: &[&str] = &[
    "cookie",
    "forwarded",
    "via",
    "origin",
    "referer",
    "true-client-ip",
    "x-real-ip",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
];

/// Beginnings of such headers.
const PRIVATE_PREFIXES: &[&str] = &["cf-", "x-forwarded-", "sluice-", "sec-ch-"];

/// Refuses headers a gateway must not pass on. `foreign` are beginnings of other providers' headers.
///
/// `cf-worker` is let through: the Workers runtime adds it itself to what a Worker fetches.
pub fn headers(headers: &HeaderMap, foreign: &[&str]) -> Checked {
    for (name, value) in headers {
        let name = name.as_str();
        let private = PRIVATE.contains(&name)
            || PRIVATE_PREFIXES.iter().chain(foreign).any(|prefix| name.starts_with(prefix))
                && name != "cf-worker";
        ensure(!private, name, || format!("mock: header `{name}` must not be forwarded"))?;
        let value = String::from_utf8_lossy(value.as_bytes());
        let leaks = value.contains("sk-sluice-") || value.contains("pk-sluice-");
        ensure(!leaks, name, || format!("mock: header `{name}` carries the caller's credential"))?;
        let plain = name != "connection"
            || value.eq_ignore_ascii_case("keep-alive")
            || value.eq_ignore_ascii_case("close");
        ensure(plain, name, || format!("mock: header `connection: {value}` must not be forwarded"))?;
    }
    Ok(())
}

/// The bearer token, if there is one.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let token = headers.get("authorization")?.to_str().ok()?.strip_prefix("Bearer ")?.trim();
    (!token.is_empty()).then_some(token)
}

/// The body as a JSON object.
pub fn object(body: &[u8]) -> Checked<Map<String, Value>> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => refuse("body", "mock: the body is not a JSON object"),
        Err(error) => refuse("body", format!("mock: the body is not JSON: {error}")),
    }
}

/// The model's name. Names beginning with `missing` do not exist.
pub fn model(body: &Map<String, Value>) -> Checked<String> {
    let Some(model) = body.get("model").and_then(Value::as_str).filter(|model| !model.is_empty()) else {
        return refuse("model", "you must provide a model parameter");
    };
    if model.starts_with("missing") {
        let message = format!("The model `{model}` does not exist or you do not have access to it.");
        return Err(Refusal {
            status: 404,
            message,
            param: Some("model".into()),
            code: Some("model_not_found"),
        });
    }
    Ok(model.into())
}

/// Refuses members not in `known`, at `path`.
pub fn known_members(object: &Map<String, Value>, known: &[&str], path: &str) -> Checked {
    let Some(name) = object.keys().find(|name| !known.contains(&name.as_str())) else { return Ok(()) };
    let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
    refuse(&path, format!("{path}: Extra inputs are not permitted"))
}

/// Whether a tool may have this name.
pub fn is_tool_name(name: &str, most: usize) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=most).contains(&name.len()) && name.bytes().all(fine)
}

/// Whether these are the characters of base64.
pub fn is_base64(data: &str) -> bool {
    !data.is_empty() && data.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte))
}

/// Whether every schema of an object in `schema` forbids other members, as strict structured output wants.
pub fn is_closed(schema: &Value) -> bool {
    match schema {
        Value::Object(object) => {
            let is_object = object.get("type").and_then(Value::as_str) == Some("object");
            let closed = object.get("additionalProperties") == Some(&Value::Bool(false));
            (!is_object || closed) && object.values().all(is_closed)
        }
        Value::Array(list) => list.iter().all(is_closed),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn one(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))])
    }

    #[test]
    fn private_headers_are_refused() {
        assert!(headers(&one("cookie", "a=b"), &[]).is_err());
        assert!(headers(&one("cf-connecting-ip", "1.2.3.4"), &[]).is_err());
        assert!(headers(&one("authorization", "Bearer sk-sluice-dev"), &[]).is_err());
        assert!(headers(&one("anthropic-beta", "a"), &["anthropic-"]).is_err());
        assert!(headers(&one("connection", "keep-alive"), &[]).is_ok());
        assert!(headers(&one("authorization", "Bearer sk-up"), &[]).is_ok());
    }

    #[test]
    fn an_open_object_is_found_anywhere() {
        let open = serde_json::json!({ "type": "object", "properties": {}, "additionalProperties": false,
            "$defs": { "a": { "type": "object" } } });
        assert!(!is_closed(&open));
    }
}
