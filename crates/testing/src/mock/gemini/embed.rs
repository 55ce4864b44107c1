//! `POST /v1beta/models/{model}:batchEmbedContents`: the same vectors as OpenAI's embeddings of the same texts.

use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::{authenticate, known};
use crate::mock::check::{self, Checked, Refusal, ensure, refuse};
use crate::mock::embeddings::{DIMENSIONS, vector};

/// The answer to a request at `path` and its last text, for directives; `None` if the path is another.
pub fn embed(path: &str, headers: &HeaderMap, body: &[u8]) -> Option<Checked<(String, String)>> {
    let model = path.strip_prefix("/v1beta/models/")?.strip_suffix(":batchEmbedContents")?;
    Some(answer(model, headers, body))
}

fn answer(model: &str, headers: &HeaderMap, body: &[u8]) -> Checked<(String, String)> {
    authenticate(headers, false)?;
    if model.starts_with("missing") {
        let message = format!("models/{model} is not found for API version v1beta.");
        return Err(Refusal { status: 404, message, param: None, code: None });
    }
    let object = check::object(body)?;
    known(&object, &["requests"], "")?;
    let requests = object.get("requests").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    ensure((1..=100).contains(&requests.len()), "requests", || {
        "* BatchEmbedContentsRequest.requests: at least one and at most 100 requests can be in one batch"
            .into()
    })?;
    let (mut embeddings, mut last) = (Vec::new(), String::new());
    for (index, request) in requests.iter().enumerate() {
        let Some(members) = request.as_object() else {
            return refuse("requests", "Invalid JSON payload received.");
        };
        known(members, &["model", "content", "taskType", "title", "outputDimensionality"], "requests[]")?;
        ensure(request["model"] == format!("models/{model}"), "model", || {
            format!("* BatchEmbedContentsRequest.requests[{index}].model: must be the model of the address")
        })?;
        let Some(text) = request.pointer("/content/parts/0/text").and_then(Value::as_str) else {
            return refuse(
                "content",
                format!("* BatchEmbedContentsRequest.requests[{index}].content: missing"),
            );
        };
        let dimensions = request.get("outputDimensionality").map_or(Some(DIMENSIONS as u64), Value::as_u64);
        let Some(dimensions @ 1..=3072) = dimensions else {
            return refuse("outputDimensionality", "outputDimensionality must be from 1 to 3072");
        };
        embeddings.push(json!({ "values": vector(text.as_bytes(), dimensions as usize) }));
        last = text.into();
    }
    Ok((json!({ "embeddings": embeddings }).to_string(), last))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn each_text_is_a_request_of_the_same_model() {
        let mut headers = HeaderMap::new();
        headers.insert("x-goog-api-key", HeaderValue::from_static("up"));
        let ask = |model: &str| {
            let body = json!({ "requests": [
                { "model": model, "content": { "parts": [{ "text": "a" }] }, "outputDimensionality": 3 },
                { "model": model, "content": { "parts": [{ "text": "b" }] }, "outputDimensionality": 3 },
            ] });
            embed("/v1beta/models/m:batchEmbedContents", &headers, body.to_string().as_bytes()).unwrap()
        };
        let (answer, last) = ask("models/m").unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!((answer["embeddings"][1]["values"].as_array().unwrap().len(), last.as_str()), (3, "b"));
        assert!(ask("m").is_err());
        assert!(embed("/v1beta/models/m:generateContent", &headers, b"{}").is_none());
    }
}
