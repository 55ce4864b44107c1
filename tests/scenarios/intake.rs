//! What callers send that is no good: clear errors, and nothing reaches a provider.

use std::time::Duration;

use serde_json::json;
use sluice_tests::gateway::Gateway;
use sluice_tests::on_every_host;
use sluice_tests::protocol::{PROTOCOLS, Protocol, WITH_MESSAGES};
use sluice_tests::seed::{self, TENANT};

fn a_body_that_is_not_json_is_400(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        for body in
            ["", "{", "[]", "null", "{\"model\":", "\u{feff}{}", "{\"model\":\"chat-openai\"} trailing"]
        {
            let request =
                gateway.request("POST", &protocol.path("chat-openai", false)).key(&seed::key(TENANT));
            let answer = request.header("content-type", "application/json").bytes(body).send();
            assert_eq!(answer.status, 400, "{protocol} {body:?}: {}", answer.text());
            let error = answer.json();
            let told = &error["error"][if protocol == Protocol::Gemini { "status" } else { "type" }];
            let expected =
                if protocol == Protocol::Gemini { "INVALID_ARGUMENT" } else { "invalid_request_error" };
            assert_eq!(told, expected, "{protocol} {body:?}: {error}");
        }
        let request = gateway.request("POST", &protocol.path("chat-openai", false)).key(&seed::key(TENANT));
        request.bytes([0xff, 0xfe, b'{', b'}']).send().expect(400);
    }
}

fn members_that_are_wrong_are_named(gateway: &Gateway) {
    for protocol in WITH_MESSAGES {
        let good = protocol.ask("chat-openai", "hi", false);
        for (member, value) in [
            ("model", json!(null)),
            ("model", json!(7)),
            ("messages", json!(null)),
            ("messages", json!("hi")),
            ("messages", json!([{ "role": "wizard", "content": "hi" }])),
            ("messages", json!([{ "role": "user", "content": 7 }])),
            ("stream", json!("yes")),
        ] {
            let mut body = good.clone();
            body[member] = value.clone();
            let answer = gateway.post(&protocol.path("chat-openai", false), &body).send();
            assert_eq!(answer.status, 400, "{protocol} {member}={value}: {}", answer.text());
            assert!(answer.text().contains(member), "{protocol} {member}={value}: {}", answer.text());
        }
    }
}

fn a_body_that_is_too_large_is_413(gateway: &Gateway) {
    let text = "x".repeat(1_100_000);
    for protocol in PROTOCOLS {
        let answer = gateway.ask(protocol, "chat-openai", &text).expect(413);
        let code = protocol.error(&answer.json());
        let expected = if protocol == Protocol::Gemini { "INVALID_ARGUMENT" } else { "request_too_large" };
        assert_eq!(code, expected, "{protocol}");

        // The length is not told in advance.
        let body = protocol.ask("chat-openai", &text, false).to_string();
        let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        let request = gateway.request("POST", &protocol.path("chat-openai", false)).key(&seed::key(TENANT));
        request.header("transfer-encoding", "chunked").bytes(chunked).send().expect(413);
    }
    // Just below the limit is fine.
    gateway.ask(PROTOCOLS[0], "chat-openai", &"x".repeat(900_000)).expect(200);
}

fn a_slow_body_is_waited_for_but_not_for_ever(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        let body = protocol.ask("chat-openai", "hello", false);
        let request = gateway.post(&protocol.path("chat-openai", false), &body);
        let answer = request.clone().slowly(20, Duration::from_millis(50)).send().expect(200);
        assert_eq!(protocol.text(&answer.json()), "You said: hello é漢🦀.");

        let answer = request.slowly(8, Duration::from_millis(900)).send();
        assert_eq!(answer.status, 408, "{protocol}: {}", answer.text());
    }
}

fn a_compressed_body_is_refused_clearly(gateway: &Gateway) {
    let body = PROTOCOLS[0].ask("chat-openai", "hello", false);
    let answer =
        gateway.post("/v1/chat/completions", &body).header("content-encoding", "gzip").send().expect(400);
    assert!(answer.text().contains("gzip"), "{}", answer.text());
}

fn an_unknown_route_is_404(gateway: &Gateway) {
    for path in
        ["/", "/v1", "/v1/nothing", "/v1/chat/completions/extra", "/v2/chat/completions", "/admin/v1/nothing"]
    {
        let answer = gateway.get(path).expect(404);
        assert!(answer.json()["error"]["message"].is_string(), "{path}: {}", answer.text());
        assert!(answer.header("sluice-request-id").is_some());
    }
}

fn a_wrong_method_is_405_and_names_the_right_one(gateway: &Gateway) {
    for (method, path, allowed) in [
        ("GET", "/v1/chat/completions", "POST"),
        ("DELETE", "/v1/messages", "POST"),
        ("PUT", "/v1/embeddings", "POST"),
        ("POST", "/v1/models", "GET"),
        ("POST", "/admin/v1/costs", "GET"),
    ] {
        let answer = gateway.request(method, path).key(&seed::key(TENANT)).send().expect(405);
        assert!(answer.expect_header("allow").contains(allowed), "{method} {path}");
        assert!(answer.json()["error"]["message"].is_string());
    }
}

fn the_gateway_survives_all_of_it(gateway: &Gateway) {
    for _ in 0..3 {
        let request = gateway.request("POST", "/v1/chat/completions").key(&seed::key(TENANT));
        request.bytes("{").send().expect(400);
    }
    gateway.ask(PROTOCOLS[0], "chat-openai", "hi").expect(200);
}

on_every_host!(
    a_body_that_is_not_json_is_400,
    members_that_are_wrong_are_named,
    a_body_that_is_too_large_is_413,
    a_slow_body_is_waited_for_but_not_for_ever,
    a_compressed_body_is_refused_clearly,
    an_unknown_route_is_404,
    a_wrong_method_is_405_and_names_the_right_one,
    the_gateway_survives_all_of_it,
);
