//! Embeddings in formats that are not the caller's, on the memory host.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

use crate::support::{host, post, send};
use serde_json::json;
use sluice_core::gateway::Gateway;
use sluice_testing::memory::answer;

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
        assert_eq!(crate::support::parsed(&body)["data"][0]["embedding"], json!("AACAPwAAIMA="));
        assert_eq!(host.asked()[0].uri().path(), path);
    }
}

#[test]
fn the_bundles_own_model_answers_in_every_form_for_nothing() {
    let host = host();
    let gateway = Gateway::new(CONFIG);
    let ask = |more: serde_json::Value| {
        let mut body = json!({"model": "builtin/static", "input": "How do I reset my password?"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, headers, body) = send(&gateway, &host, post("/v1/embeddings", body.to_string()));
        (status, headers, crate::support::parsed(&body))
    };
    let vector = |value: &serde_json::Value| -> Vec<f32> {
        value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
    };
    let (status, headers, whole) = ask(json!({}));
    assert_eq!(
        (status, &whole["model"], &whole["usage"]["prompt_tokens"]),
        (200, &json!("static"), &json!(7))
    );
    assert_eq!(headers["sluice-cost-usd"], "0.000000000");
    assert_eq!(headers["sluice-target"], "builtin/static");
    let one = vector(&whole["data"][0]["embedding"]);
    assert!(one.len() == 256 && (one.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-4);

    let (_, _, list) =
        ask(json!({"input": ["How can I reset my password?", "Bananas are yellow"], "dimensions": 64}));
    let (near, far) = (vector(&list["data"][0]["embedding"]), vector(&list["data"][1]["embedding"]));
    assert_eq!((near.len(), &list["data"][1]["index"]), (64, &json!(1)));
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let (_, _, short) = ask(json!({"dimensions": 64}));
    let asked = vector(&short["data"][0]["embedding"]);
    assert!(dot(&asked, &near) > 0.9 && dot(&asked, &far) < 0.5);

    let (_, _, packed) = ask(json!({"encoding_format": "base64"}));
    let bytes = base64::Engine::decode(
        &base64::engine::general_purpose::STANDARD,
        packed["data"][0]["embedding"].as_str().unwrap(),
    );
    let numbers: Vec<f32> =
        bytes.unwrap().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    assert_eq!(numbers, one);

    for (more, status, says) in
        [(json!({"dimensions": 257}), 400, "at most 256"), (json!({"input": [1, 2]}), 400, "takes texts")]
    {
        let (got, _, body) = ask(more);
        let message = body["error"]["message"].as_str().unwrap();
        assert!(got == status && message.contains(says), "{got} {message}");
    }
    let (status, _, body) = send(&gateway, &host, crate::support::chat("builtin/static", false));
    assert!(status == 400 && body.contains("and no chat"), "{status} {body}");
    let (status, _, _) = send(
        &gateway,
        &host,
        post("/v1/rerank", r#"{"model":"builtin/static","query":"a","documents":["b"]}"#),
    );
    assert_eq!(status, 400);
}
