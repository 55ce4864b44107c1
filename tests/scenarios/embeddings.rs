//! `POST /v1/embeddings`.

use serde_json::{Value, json};
use sluice_tests::gateway::Gateway;
use sluice_tests::on_every_host;
use sluice_tests::protocol::Protocol;

fn embed(gateway: &Gateway, model: &str, rest: &Value) -> Value {
    let mut body = rest.clone();
    body["model"] = model.into();
    gateway.post("/v1/embeddings", &body).send().expect(200).json()
}

fn numbers(answer: &Value, at: usize) -> Vec<f64> {
    let vector = answer["data"][at]["embedding"].as_array().unwrap_or_else(|| panic!("no numbers: {answer}"));
    vector.iter().filter_map(Value::as_f64).collect()
}

fn every_kind_of_input_is_taken(gateway: &Gateway) {
    let one = embed(gateway, "embed", &json!({ "input": "hello" }));
    assert_eq!(one["object"], "list");
    assert_eq!(numbers(&one, 0).len(), 64);
    let list = embed(gateway, "embed", &json!({ "input": ["hello", "there"] }));
    assert_eq!(numbers(&list, 0), numbers(&one, 0));
    assert_eq!(list["data"][1]["index"], 1);
    let tokens = embed(gateway, "embed", &json!({ "input": [1, 2, 3] }));
    assert_eq!(tokens["data"].as_array().unwrap().len(), 1);
    let lists = embed(gateway, "embed", &json!({ "input": [[1, 2, 3], [4]] }));
    assert_eq!(numbers(&lists, 0), numbers(&tokens, 0));
    assert_eq!(lists["data"].as_array().unwrap().len(), 2);
}

fn dimensions_and_encodings_are_honoured(gateway: &Gateway) {
    let small = embed(gateway, "embed", &json!({ "input": "hello", "dimensions": 8 }));
    assert_eq!(numbers(&small, 0).len(), 8);
    for fault in ["", " [[fault floats]]"] {
        // Base64 is honoured for a provider that only knows numbers, too: SDKs ask for it by default.
        let input = format!("hello{fault}");
        let packed =
            embed(gateway, "embed", &json!({ "input": input, "dimensions": 8, "encoding_format": "base64" }));
        let text = packed["data"][0]["embedding"].as_str().unwrap_or_else(|| panic!("not base64: {packed}"));
        assert_eq!(text.len(), 44, "8 numbers of 4 bytes: {text}");
    }
}

fn a_failing_provider_is_replaced(gateway: &Gateway) {
    for fault in ["status=503", "status=429", "reset", "body=malformed", "error200"] {
        let input = format!("hello [[fault@primary {fault}]]");
        let request = gateway.post("/v1/embeddings", &json!({ "model": "embed-fallback", "input": input }));
        let answer = request.send();
        assert_eq!(answer.status, 200, "{fault}: {}", answer.text());
        assert_eq!(answer.expect_header("sluice-target"), "secondary/mock-embedding");
    }
}

fn wrong_requests_are_told_so(gateway: &Gateway) {
    for body in
        [json!({ "model": "embed" }), json!({ "input": "x" }), json!({ "model": "embed", "input": 7 })]
    {
        let answer = gateway.post("/v1/embeddings", &body).send().expect(400);
        assert_eq!(answer.json()["error"]["type"], "invalid_request_error");
    }
    let answer =
        gateway.post("/v1/embeddings", &json!({ "model": "no-such", "input": "x" })).send().expect(404);
    assert_eq!(Protocol::Chat.error(&answer.json()), "model_not_found");
}

on_every_host!(
    every_kind_of_input_is_taken,
    dimensions_and_encodings_are_honoured,
    a_failing_provider_is_replaced,
    wrong_requests_are_told_so,
);
