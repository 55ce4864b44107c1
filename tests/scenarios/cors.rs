//! Browsers of other origins.

use sluice_tests::gateway::Gateway;
use sluice_tests::on_every_host;
use sluice_tests::protocol::Protocol;

const ORIGIN: &str = "http://app.test";

fn a_preflight_is_answered_without_a_key(gateway: &Gateway) {
    for path in ["/v1/chat/completions", "/v1/messages", "/v1/embeddings", "/v1/models"] {
        let asked = "authorization,content-type,x-stainless-lang,x-api-key,anthropic-version";
        let answer = gateway
            .request("OPTIONS", path)
            .header("origin", ORIGIN)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", asked)
            .send();
        assert!(answer.status == 204 || answer.status == 200, "{path}: {}", answer.status);
        assert_eq!(answer.expect_header("access-control-allow-origin"), ORIGIN);
        assert!(!answer.expect_header("access-control-allow-methods").is_empty());
        let allowed = answer.expect_header("access-control-allow-headers").to_lowercase();
        for name in asked.split(',') {
            assert!(allowed.contains(name), "{path}: {name} is not among {allowed}");
        }
        assert_eq!(answer.expect_header("access-control-max-age"), "3600");
        assert!(answer.header("access-control-allow-credentials").is_none());
    }
}

fn the_answer_itself_may_be_read(gateway: &Gateway) {
    let body = Protocol::Chat.ask("chat-openai", "hi", true);
    let answer = gateway.post("/v1/chat/completions", &body).header("origin", ORIGIN).send().expect(200);
    assert_eq!(answer.expect_header("access-control-allow-origin"), ORIGIN);
    assert!(answer.expect_header("access-control-expose-headers").contains("sluice-request-id"));
    assert!(answer.expect_header("vary").to_lowercase().contains("origin"));
    Protocol::Chat.expect_whole_stream(&answer);
}

fn errors_may_be_read_too(gateway: &Gateway) {
    let body = Protocol::Chat.ask("no-such-model", "hi", false);
    let answer = gateway.post("/v1/chat/completions", &body).header("origin", ORIGIN).send().expect(404);
    assert_eq!(answer.expect_header("access-control-allow-origin"), ORIGIN);
    let answer = gateway
        .request("POST", "/v1/chat/completions")
        .json(&body)
        .header("origin", ORIGIN)
        .send()
        .expect(401);
    assert_eq!(answer.expect_header("access-control-allow-origin"), ORIGIN);
}

fn other_origins_may_not(gateway: &Gateway) {
    for origin in ["http://evil.test", "http://app.test.evil", "null", "https://app.test"] {
        let preflight = gateway.request("OPTIONS", "/v1/chat/completions").header("origin", origin);
        let answer = preflight.header("access-control-request-method", "POST").send();
        assert!(answer.header("access-control-allow-origin").is_none(), "{origin}");
    }
}

fn the_admin_routes_are_not_for_other_origins(gateway: &Gateway) {
    let preflight = gateway.request("OPTIONS", "/admin/v1/costs").header("origin", ORIGIN);
    let answer = preflight.header("access-control-request-method", "GET").send();
    assert!(answer.header("access-control-allow-origin").is_none());
}

on_every_host!(
    a_preflight_is_answered_without_a_key,
    the_answer_itself_may_be_read,
    errors_may_be_read_too,
    other_origins_may_not,
    the_admin_routes_are_not_for_other_origins,
);
