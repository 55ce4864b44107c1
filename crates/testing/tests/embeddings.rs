//! Embeddings in formats that are not the caller's, on the memory host.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

mod support;

use serde_json::json;
use sluice_core::gateway::Gateway;
use sluice_testing::memory::answer;
use support::{host, post, send};

const CONFIG: &str = r#"{
  "providers": {"cohere": {"api_key": "$A_KEY"}, "gemini": {"api_key": "$A_KEY"}},
  "models": {"c": {"targets": ["cohere/embed-v4.0"]}, "g": {"targets": ["gemini/gemini-embedding-001"]}}
}"#;

#[test]
fn cohere_and_gemini_are_asked_in_their_own_words() {
    let cohere = r#"{"embeddings":{"float":[[1.0,-2.5]]},"meta":{"billed_units":{"input_tokens":3}}}"#;
    let gemini = r#"{"embeddings":[{"values":[1.0,-2.5]}]}"#;
    for (model, at, told, path) in [
        ("c", "api.cohere.com", cohere, "/v2/embed"),
        (
            "g",
            "generativelanguage.googleapis.com",
            gemini,
            "/v1beta/models/gemini-embedding-001:batchEmbedContents",
        ),
    ] {
        let host = host().reply(at, answer(200, told));
        let body = format!(r#"{{"model":"{model}","input":"hi","encoding_format":"base64"}}"#);
        let (status, _, body) = send(&Gateway::new(CONFIG), &host, post("/v1/embeddings", body));
        assert_eq!(status, 200, "{body}");
        assert_eq!(support::json(&body)["data"][0]["embedding"], json!("AACAPwAAIMA="));
        assert_eq!(host.asked()[0].uri().path(), path);
    }
}
