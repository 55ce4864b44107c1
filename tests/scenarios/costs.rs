//! The cost log, as the admin route sums it.

use std::thread;

use serde_json::Value;
use sluice_tests::gateway::Gateway;
use sluice_tests::on_every_host;
use sluice_tests::protocol::{PROTOCOLS, Protocol};
use sluice_tests::seed::{self, ADMIN_KEY};

/// Billionths of a dollar for one token, by the prices in `tests/src/seed.rs`.
const INPUT: u64 = 3_000;
const CACHE_READ: u64 = 300;
const OUTPUT: u64 = 15_000;

fn ask(gateway: &Gateway, tenant: &str, protocol: Protocol, body: &Value) -> sluice_tests::http::Answer {
    gateway
        .request("POST", &protocol.path(body["model"].as_str().unwrap_or("m"), false))
        .key(&seed::key(tenant))
        .json(body)
        .send()
}

/// What the mock's OpenAI side charges for an answer with this `usage`.
fn price(usage: &Value) -> u64 {
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let (prompt, output) = (number(&usage["prompt_tokens"]), number(&usage["completion_tokens"]));
    let cached = number(&usage["prompt_tokens_details"]["cached_tokens"]);
    (prompt - cached) * INPUT + cached * CACHE_READ + output * OUTPUT
}

fn whole_answers_add_up(gateway: &Gateway) {
    let mut expected = 0;
    let mut output = 0;
    for number in 0..4 {
        let body = Protocol::Chat.ask("chat-openai", &format!("number {number}"), false);
        let answer = ask(gateway, "whole", Protocol::Chat, &body).expect(200).json();
        expected += price(&answer["usage"]);
        output += answer["usage"]["completion_tokens"].as_u64().unwrap();
    }
    let sum = gateway.costs("whole", 4);
    assert_eq!(sum["cost_nano_usd"], expected, "{sum}");
    assert_eq!(sum["output_tokens"], output, "{sum}");
    assert_eq!(
        (&sum["errors"], &sum["unpriced"], &sum["estimated"]),
        (&0.into(), &0.into(), &0.into()),
        "{sum}"
    );
}

fn streams_at_once_add_up(gateway: &Gateway) {
    let expected: u64 = thread::scope(|scope| {
        let ask = |number: usize| {
            let body =
                Protocol::Chat.ask("chat-openai", &format!("number {number} [[fault between=5]]"), true);
            let answer = ask(gateway, "streamed", Protocol::Chat, &body).expect(200);
            let events = answer.events();
            price(&events[events.len() - 2].json()["usage"])
        };
        let callers: Vec<_> = (0..8).map(|number| scope.spawn(move || ask(number))).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).sum()
    });
    let sum = gateway.costs("streamed", 8);
    assert_eq!(sum["cost_nano_usd"], expected, "{sum}");
}

fn failures_are_counted(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        let body = protocol.ask("chat-openai", "[[fault status=500]]", false);
        let request = gateway.request("POST", &protocol.path("chat-openai", false));
        request.key(&seed::key("failed")).json(&body).send().expect(503);
    }
    let unpriced = Protocol::Chat.ask("unpriced", "hi", false);
    ask(gateway, "failed", Protocol::Chat, &unpriced).expect(200);
    let sum = gateway.costs("failed", 5);
    assert_eq!((&sum["errors"], &sum["unpriced"]), (&4.into(), &1.into()), "{sum}");
}

fn a_request_that_fell_over_is_one_record(gateway: &Gateway) {
    let body = Protocol::Chat.ask("fallback", "hi [[fault@primary status=503]]", false);
    let answer = ask(gateway, "fell-over", Protocol::Chat, &body).expect(200).json();
    let sum = gateway.costs("fell-over", 1);
    assert_eq!(sum["cost_nano_usd"], price(&answer["usage"]), "{sum}");
    assert_eq!(sum["errors"], 0, "{sum}");
}

fn embeddings_are_counted(gateway: &Gateway) {
    let body = serde_json::json!({ "model": "embed", "input": "hello there" });
    let request = gateway.request("POST", "/v1/embeddings").key(&seed::key("embedder")).json(&body);
    let answer = request.send().expect(200).json();
    let sum = gateway.costs("embedder", 1);
    assert_eq!(sum["input_tokens"], answer["usage"]["prompt_tokens"], "{sum}");
    assert_eq!(sum["cost_nano_usd"], answer["usage"]["prompt_tokens"].as_u64().unwrap() * 20, "{sum}");
}

fn what_a_provider_does_not_count_is_estimated(gateway: &Gateway) {
    for stream in [false, true] {
        let body = Protocol::Chat.ask("chat-openai", "[[tokens 40]] [[fault usage=none]]", stream);
        ask(gateway, "uncounted", Protocol::Chat, &body).expect(200);
    }
    let sum = gateway.costs("uncounted", 2);
    assert_eq!(sum["estimated"], 2, "{sum}");
    assert!(
        40 < sum["output_tokens"].as_u64().unwrap() && 0 < sum["cost_nano_usd"].as_u64().unwrap(),
        "{sum}"
    );
}

fn tenants_are_kept_apart(gateway: &Gateway) {
    let path = "/admin/v1/costs?tenant=other";
    let costs = gateway.request("GET", path).key(ADMIN_KEY).send().expect(200).json();
    assert_eq!(costs["sum"]["requests"], 0, "{costs}");
}

fn days_are_asked_for(gateway: &Gateway) {
    let get = |query: &str| gateway.request("GET", &format!("/admin/v1/costs?{query}")).key(ADMIN_KEY).send();
    let costs = get("tenant=whole&from=2020-01-01&to=2020-01-31").expect(200).json();
    assert_eq!(costs["sum"]["requests"], 0);
    for wrong in
        ["", "tenant=a%2Fb", "tenant=whole&from=yesterday", "tenant=whole&from=2026-01-02&to=2026-01-01"]
    {
        get(wrong).expect(400);
    }
}

fn an_answer_tells_its_cost(gateway: &Gateway) {
    let answer = gateway.ask(Protocol::Chat, "chat-openai", "hi").expect(200);
    let cost: f64 = answer.expect_header("sluice-cost-usd").parse().unwrap();
    let expected = price(&answer.json()["usage"]) as f64 / 1e9;
    assert!((cost - expected).abs() < 1e-9, "{cost}, not {expected}");
}

on_every_host!(
    whole_answers_add_up,
    streams_at_once_add_up,
    failures_are_counted,
    a_request_that_fell_over_is_one_record,
    embeddings_are_counted,
    what_a_provider_does_not_count_is_estimated,
    tenants_are_kept_apart,
    days_are_asked_for,
    an_answer_tells_its_cost,
);
