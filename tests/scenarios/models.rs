//! `GET /v1/models` and `/v1/models/{id}`.

use sluice_tests::gateway::Gateway;
use sluice_tests::on_every_host;
use sluice_tests::protocol::Protocol;
use sluice_tests::seed::{self, TENANT};

fn models_are_listed_in_the_callers_shape(gateway: &Gateway) {
    let list = gateway.get("/v1/models").expect(200).json();
    assert_eq!(list["object"], "list");
    let names: Vec<_> =
        list["data"].as_array().unwrap().iter().filter_map(|model| model["id"].as_str()).collect();
    for name in ["chat-openai", "chat-anthropic", "fallback", "embed", "builtin/extractive"] {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    assert!(list["data"].as_array().unwrap().iter().all(|model| model["object"] == "model"));

    let request = gateway.request("GET", "/v1/models").header("x-api-key", &seed::key(TENANT));
    let list = request.header("anthropic-version", "2023-06-01").send().expect(200).json();
    assert_eq!(list["has_more"], false);
    assert!(list["data"][0]["display_name"].is_string());
}

fn one_model_is_told_about(gateway: &Gateway) {
    assert_eq!(gateway.get("/v1/models/chat-openai").expect(200).json()["id"], "chat-openai");
    assert_eq!(gateway.get("/v1/models/builtin/extractive").expect(200).json()["id"], "builtin/extractive");
    assert_eq!(gateway.get("/v1/models/builtin%2Fextractive").expect(200).json()["id"], "builtin/extractive");
    let answer = gateway.get("/v1/models/no-such-model").expect(404);
    assert_eq!(Protocol::Chat.error(&answer.json()), "model_not_found");
}

on_every_host!(models_are_listed_in_the_callers_shape, one_model_is_told_about);
