//! `GET /v1/models` and `/v1/models/ID`, in the shape the caller's headers ask for.

use axum::http::HeaderMap;

use super::ask::quote;
use super::check::{Checked, Refusal};
use super::{anthropic, openai_chat};

const MODELS: &[&str] = &["mock-large", "mock-small", "mock-embedding"];

/// The list, or the model `id`.
pub fn json(headers: &HeaderMap, id: Option<&str>) -> Checked<String> {
    let is_anthropic = headers.contains_key("anthropic-version");
    let one: fn(&str) -> String = if is_anthropic {
        anthropic::authenticate(headers)?;
        |id: &str| {
            format!(
                r#"{{"type":"model","id":{},"display_name":{},"created_at":"2026-01-02T00:00:00Z","lifecycle":"active"}}"#,
                quote(id),
                quote(id)
            )
        }
    } else {
        openai_chat::authenticate(headers)?;
        |id: &str| {
            format!(r#"{{"id":{},"object":"model","created":1760000000,"owned_by":"mock"}}"#, quote(id))
        }
    };
    if let Some(id) = id {
        if MODELS.contains(&id) {
            return Ok(one(id));
        }
        let message = format!("The model '{id}' does not exist");
        return Err(Refusal {
            status: 404,
            message,
            param: Some("model".into()),
            code: Some("model_not_found"),
        });
    }
    let all: Vec<String> = MODELS.iter().map(|id| one(id)).collect();
    let all = all.join(",");
    Ok(if is_anthropic {
        format!(r#"{{"data":[{all}],"has_more":false,"first_id":"mock-large","last_id":"mock-embedding"}}"#)
    } else {
        format!(r#"{{"object":"list","data":[{all}]}}"#)
    })
}
