//! `POST /v2/embed`: vectors as numbers, the same as OpenAI's embeddings of the same texts.

use axum::http::HeaderMap;
use serde_json::Value;

use super::read::{authenticate, model};
use crate::mock::check::{self, Checked, ensure, refuse};
use crate::mock::embeddings::{DIMENSIONS, vector};

const TYPES: [&str; 5] = ["search_document", "search_query", "classification", "clustering", "image"];

/// The answer to a request, and its last text, for directives.
pub fn embed(headers: &HeaderMap, body: &[u8]) -> Checked<(String, String)> {
    authenticate(headers)?;
    let object = check::object(body)?;
    let known = ["model", "texts", "input_type", "embedding_types", "output_dimension", "truncate"];
    check::known_members(&object, &known, "")?;
    model(&object)?;
    let kind = object.get("input_type").and_then(Value::as_str);
    ensure(kind.is_some_and(|kind| TYPES.contains(&kind)), "input_type", || {
        "invalid request: valid input_type must be provided with the provided model".into()
    })?;
    let floats = object.get("embedding_types").is_none_or(|types| *types == serde_json::json!(["float"]));
    ensure(floats, "embedding_types", || "mock: embedding_types must be [\"float\"]".into())?;
    let dimensions = match object.get("output_dimension") {
        None => DIMENSIONS,
        Some(wanted) => match wanted.as_u64() {
            Some(wanted @ (256 | 512 | 1024 | 1536)) => wanted as usize,
            _ => {
                return refuse(
                    "output_dimension",
                    "invalid request: output_dimension must be 256, 512, 1024 or 1536",
                );
            }
        },
    };
    let texts = object.get("texts").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    ensure((1..=96).contains(&texts.len()), "texts", || {
        "invalid request: total number of texts must be at least 1 and at most 96".into()
    })?;
    let (mut vectors, mut last, mut tokens) = (Vec::new(), "", 0);
    for (index, text) in texts.iter().enumerate() {
        let Some(text) = text.as_str() else {
            return refuse("texts", format!("invalid request: texts[{index}] must be a string"));
        };
        vectors.push(vector(text.as_bytes(), dimensions));
        tokens += 1 + text.chars().count().div_ceil(4);
        last = text;
    }
    let answer = serde_json::json!({
        "id": "mock", "embeddings": {"float": vectors}, "texts": texts,
        "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": tokens}},
        "response_type": "embeddings_by_type",
    });
    Ok((answer.to_string(), last.into()))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header};
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_texts_are_must_be_told() {
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static("Bearer up"))]);
        let body = json!({ "model": "m", "texts": ["a", "b"], "input_type": "search_query", "output_dimension": 256 });
        let (answer, last) = embed(&headers, body.to_string().as_bytes()).unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!((answer["embeddings"]["float"][1].as_array().unwrap().len(), last.as_str()), (256, "b"));
        for wrong in [
            json!({ "model": "m", "texts": ["a"] }),
            json!({ "model": "m", "texts": [], "input_type": "clustering" }),
        ] {
            assert!(embed(&headers, wrong.to_string().as_bytes()).is_err());
        }
    }
}
