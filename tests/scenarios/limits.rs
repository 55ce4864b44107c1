//! Rate limits, over HTTP.

use std::thread;

use serde_json::json;
use sluice_tests::gateway::Gateway;
use sluice_tests::http::Answer;
use sluice_tests::on_every_host;
use sluice_tests::protocol::Protocol;
use sluice_tests::seed;

fn ask(gateway: &Gateway, tenant: &str, text: &str) -> Answer {
    let body = Protocol::Chat.ask("chat-openai", text, false);
    gateway.request("POST", "/v1/chat/completions").key(&seed::key(tenant)).json(&body).send()
}

fn a_limit_lets_in_exactly_as_many_at_once(gateway: &Gateway) {
    let statuses: Vec<u16> = thread::scope(|scope| {
        let callers: Vec<_> =
            (0..24).map(|_| scope.spawn(|| ask(gateway, "five-a-minute", "hi").status)).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 5, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 19, "{statuses:?}");

    let refused = ask(gateway, "five-a-minute", "hi").expect(429);
    assert_eq!(refused.json()["error"]["code"], "rate_limit_exceeded");
    assert_eq!(refused.expect_header("x-should-retry"), "true");
    assert_eq!(refused.expect_header("x-ratelimit-limit-requests"), "5");
    assert_eq!(refused.expect_header("x-ratelimit-remaining-requests"), "0");
    let wait: u64 = refused.expect_header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");

    // Only those that were let in were sent, and are in the cost log.
    gateway.costs("five-a-minute", 5);
}

fn a_tenant_at_its_limit_leaves_others_alone(gateway: &Gateway) {
    let statuses: Vec<u16> = thread::scope(|scope| {
        let busy: Vec<_> =
            (0..16).map(|_| scope.spawn(|| ask(gateway, "one-a-minute", "hi").status)).collect();
        let calm: Vec<_> = (0..8).map(|_| scope.spawn(|| ask(gateway, seed::TENANT, "hi").status)).collect();
        drop(busy.into_iter().map(|caller| caller.join().unwrap()).collect::<Vec<_>>());
        calm.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
}

fn requests_under_way_are_counted_and_come_back(gateway: &Gateway) {
    let slow = "slow [[fault delay=1500]]";
    let statuses: Vec<u16> = thread::scope(|scope| {
        let callers: Vec<_> =
            (0..6).map(|_| scope.spawn(|| ask(gateway, "two-at-once", slow).status)).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 2, "{statuses:?}");
    gateway.costs("two-at-once", 2);
    ask(gateway, "two-at-once", "hi").expect(200);
}

fn messages_callers_are_told_in_their_words(gateway: &Gateway) {
    let body =
        json!({"model": "chat-anthropic", "max_tokens": 20, "messages": [{"role": "user", "content": "hi"}]});
    let request = gateway.request("POST", "/v1/messages").key(&seed::key("roomy")).json(&body);
    let answer = request.send().expect(200);
    assert_eq!(answer.expect_header("anthropic-ratelimit-requests-limit"), "1000");
    assert!(answer.expect_header("anthropic-ratelimit-tokens-reset").ends_with('Z'));
}

on_every_host!(
    a_limit_lets_in_exactly_as_many_at_once,
    a_tenant_at_its_limit_leaves_others_alone,
    requests_under_way_are_counted_and_come_back,
    messages_callers_are_told_in_their_words,
);
