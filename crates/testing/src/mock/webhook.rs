//! A guardrail somewhere else, asked as a webhook: it refuses what says `forbidden`, and puts another word in the place of
//! `confidential`.

use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::check::{self, Checked, ensure, refuse};

/// Checks and answers a request: the answer, and the texts for directives.
pub fn answer(headers: &HeaderMap, body: &[u8]) -> Checked<(String, String)> {
    let signature = headers.get("sluice-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    ensure(is_signature(signature), "sluice-signature", || format!("mock: not signed: {signature:?}"))?;
    let body = check::object(body)?;
    check::known_members(&body, &["version", "request_id", "tenant", "model", "stage", "texts"], "")?;
    let text = |value: &Value| match (value.get("role"), value.get("text")) {
        (Some(Value::String(_)), Some(Value::String(text))) => Some(text.clone()),
        _ => None,
    };
    let texts = body.get("texts").and_then(Value::as_array).filter(|texts| !texts.is_empty());
    let texts = texts.and_then(|texts| texts.iter().map(text).collect::<Option<Vec<String>>>());
    let Some(texts) = texts else { return refuse("texts", "mock: `texts` must be roles and texts") };
    let prompt = texts.join("\n");
    let verdict = if prompt.contains("forbidden") {
        json!({"verdict": "deny", "reason": "told so", "score": 0.9})
    } else if prompt.contains("confidential") {
        let texts: Vec<String> = texts.iter().map(|text| text.replace("confidential", "withheld")).collect();
        json!({"verdict": "redact", "texts": texts})
    } else {
        json!({"verdict": "allow"})
    };
    Ok((verdict.to_string(), prompt))
}

/// `t=SECONDS,v1=HEX`.
fn is_signature(text: &str) -> bool {
    let Some((time, code)) = text.strip_prefix("t=").and_then(|rest| rest.split_once(",v1=")) else {
        return false;
    };
    !time.is_empty()
        && time.bytes().all(|byte| byte.is_ascii_digit())
        && code.len() == 64
        && code.bytes().all(|byte| byte.is_ascii_hexdigit())
}
