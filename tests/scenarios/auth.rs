//! Who may call.

use serde_json::json;
use sluice_tests::gateway::Gateway;
use sluice_tests::on_every_host;
use sluice_tests::protocol::{PROTOCOLS, Protocol};
use sluice_tests::seed::{self, ADMIN_KEY, TENANT};

fn keys_that_do_not_stand_are_refused_in_the_callers_protocol(gateway: &Gateway) {
    let wrong = ["sk-sluice-guessed", "disabled", "expired", "orphan"];
    for protocol in PROTOCOLS {
        let body = protocol.ask("chat-openai", "hi", false);
        let bare = gateway.request("POST", &protocol.path("chat-openai", false)).json(&body);
        let mut requests = vec![bare.clone()];
        requests.extend(wrong.map(|name| bare.clone().key(&seed::key(name))));
        requests.extend([bare.clone().key(ADMIN_KEY), bare.clone().key(seed::PROVIDER_KEY)]);
        for request in requests {
            let answer = request.send().expect(401);
            let expected = match protocol {
                Protocol::Chat | Protocol::Responses => {
                    ["invalid_api_key", "authentication_error"].as_slice()
                }
                Protocol::Messages => ["authentication_error"].as_slice(),
                Protocol::Gemini => ["UNAUTHENTICATED"].as_slice(),
            };
            let code = protocol.error(&answer.json());
            assert!(expected.contains(&code.as_str()), "{protocol}: {code}");
            assert!(!answer.text().contains("guessed"), "the key is repeated: {}", answer.text());
            assert!(answer.header("sluice-request-id").is_some());
        }
    }
}

fn a_key_may_come_in_any_of_three_headers(gateway: &Gateway) {
    let body = Protocol::Chat.ask("chat-openai", "hi", false);
    let request = gateway.request("POST", "/v1/chat/completions").json(&body);
    let key = seed::key(TENANT);
    request.clone().header("authorization", &format!("Bearer {key}")).send().expect(200);
    request.clone().header("x-api-key", &key).send().expect(200);
    request.header("x-goog-api-key", &key).send().expect(200);
}

fn the_admin_routes_want_the_admin_key(gateway: &Gateway) {
    let request = gateway.request("GET", "/admin/v1/costs?tenant=test");
    request.clone().send().expect(401);
    request.clone().key(&seed::key(TENANT)).send().expect(401);
    request.key(ADMIN_KEY).send().expect(200);
}

fn a_tenant_keeps_to_its_providers(gateway: &Gateway) {
    let ask = |model: &str| {
        let body = Protocol::Chat.ask(model, "hi", false);
        gateway.request("POST", "/v1/chat/completions").key(&seed::key("choosy")).json(&body).send()
    };
    let answer = ask("fallback").expect(200);
    assert_eq!(answer.expect_header("sluice-target"), "secondary/m");
    assert_eq!(answer.expect_header("sluice-attempts"), "1");
    ask("chat-openai").expect(403);
}

fn health_needs_no_key(gateway: &Gateway) {
    gateway.request("GET", "/healthz").send().expect(200);
    gateway.request("GET", "/readyz").send().expect(200);
}

fn a_request_without_a_body_is_still_told_about_the_key(gateway: &Gateway) {
    let answer = gateway.request("POST", "/v1/chat/completions").send().expect(401);
    assert_eq!(answer.json()["error"]["param"], json!(null));
}

on_every_host!(
    keys_that_do_not_stand_are_refused_in_the_callers_protocol,
    a_key_may_come_in_any_of_three_headers,
    the_admin_routes_want_the_admin_key,
    a_tenant_keeps_to_its_providers,
    health_needs_no_key,
    a_request_without_a_body_is_still_told_about_the_key,
);
