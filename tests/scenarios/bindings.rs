//! Models that the host reaches by a binding of its own: Workers AI, whose real binding runs in workerd with the mock provider
//! behind it (`tools/workers_ai.mjs`).

use serde_json::json;
use sluice_tests::gateway::{Gateway, Host};
use sluice_tests::mock::Mock;
use sluice_tests::on_every_host;
use sluice_tests::protocol::{PROTOCOLS, Protocol};
use sluice_tests::seed;

/// One test, as it has a gateway of its own.
#[test]
fn workers_ai_answers_by_its_binding() {
    if !Host::Cloudflare.is_wanted() {
        return;
    }
    let mut seed = seed::seed();
    let behind = Mock::shared().base_url("id=workers-ai-bound", "/client/v4/accounts/a/ai");
    seed["workers_ai"] = json!({ "url": behind, "key": seed::PROVIDER_KEY });
    let gateway = Gateway::start(Host::Cloudflare, &seed);

    for protocol in PROTOCOLS {
        let answer = gateway.ask(protocol, "chat-bound", "hello").expect(200);
        assert!(protocol.text(&answer.json()).starts_with("You said: hello"), "{}", answer.text());
        assert_ne!(protocol.usage(&answer.json()), (0, 0));
        let streamed = gateway.stream(protocol, "chat-bound", "hello").expect(200);
        protocol.expect_whole_stream(&streamed);
        assert!(protocol.stream_text(&streamed.events()).starts_with("You said: hello"));
    }

    for (fault, status, code) in [
        ("status=429", 429, "rate_limit_exceeded"),
        ("status=500", 503, "upstream_unavailable"),
        ("reset", 502, "upstream_network"),
    ] {
        let text = format!("hello [[fault {fault}]]");
        let answer = gateway.ask(Protocol::Chat, "chat-bound", &text).expect(status);
        assert_eq!(Protocol::Chat.error(&answer.json()), code, "{fault}: {}", answer.text());
    }

    let body = json!({ "model": "embed-bound", "input": ["hello", "there"] });
    let answer = gateway.post("/v1/embeddings", &body).send().expect(200).json();
    assert_eq!(answer["data"][1]["embedding"].as_array().map(Vec::len), Some(64), "{answer}");
}

/// What no host of ours has in other scenarios.
fn a_binding_that_is_not_there_is_told(gateway: &Gateway) {
    let answer = gateway.ask(Protocol::Chat, "chat-bound", "hello").expect(502);
    let error = answer.json();
    assert_eq!(Protocol::Chat.error(&error), "upstream_network");
    let told = error["error"]["message"].as_str().unwrap_or_default();
    assert!(told.contains("binding"), "{error}");
}

on_every_host!(a_binding_that_is_not_there_is_told);
