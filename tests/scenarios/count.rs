//! `POST /v1/messages/count_tokens`.

use serde_json::{Value, json};
use sluice_tests::gateway::Gateway;
use sluice_tests::on_every_host;

fn count(gateway: &Gateway, model: &str, text: &str) -> Value {
    let body =
        json!({ "model": model, "messages": [{ "role": "user", "content": text }], "system": "Be brief." });
    gateway.post("/v1/messages/count_tokens", &body).send().expect(200).json()
}

fn a_provider_that_counts_is_asked(gateway: &Gateway) {
    let id = gateway.unique("count");
    let counted = count(gateway, "chat-anthropic", &format!("hello [[id {id}]]"));
    assert!(0 < counted["input_tokens"].as_u64().unwrap(), "{counted}");
    let log = gateway.mock().log(&id);
    assert!(log[0]["path"].as_str().unwrap().ends_with("/v1/messages/count_tokens"), "{log:?}");
}

fn other_models_are_estimated(gateway: &Gateway) {
    for model in ["chat-openai", "builtin/extractive"] {
        let short = count(gateway, model, "hello")["input_tokens"].as_u64().unwrap();
        let long = count(gateway, model, &"hello there ".repeat(100))["input_tokens"].as_u64().unwrap();
        assert!(0 < short && short < 40, "{model}: {short}");
        assert!(120 < long && long < 800, "{model}: {long}");
    }
}

fn a_bad_request_is_told_so(gateway: &Gateway) {
    let answer =
        gateway.post("/v1/messages/count_tokens", &json!({ "model": "chat-openai" })).send().expect(400);
    assert_eq!(answer.json()["error"]["type"], "invalid_request_error");
}

on_every_host!(a_provider_that_counts_is_asked, other_models_are_estimated, a_bad_request_is_told_so);
