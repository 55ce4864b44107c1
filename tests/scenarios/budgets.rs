//! Budgets, over HTTP: a thousand callers, hang-ups and failures spend no more than there is.

use std::sync::Mutex;
use std::thread;

use serde_json::json;
use sluice_tests::gateway::Gateway;
use sluice_tests::http::Answer;
use sluice_tests::on_every_host;
use sluice_tests::seed::{self, ADMIN_KEY};

fn ask(gateway: &Gateway, tenant: &str, text: &str, most: u32) -> Answer {
    let body =
        json!({"model": "chat-openai", "max_tokens": most, "messages": [{"role": "user", "content": text}]});
    gateway.request("POST", "/v1/chat/completions").key(&seed::key(tenant)).json(&body).send()
}

/// Of a tenant's budget: used and reserved, in nano-dollars.
fn standing(gateway: &Gateway, tenant: &str) -> (u64, u64) {
    let path = format!("/admin/v1/tenants/{tenant}/budgets");
    let standing = gateway.request("GET", &path).key(ADMIN_KEY).send().expect(200).json();
    let first = &standing["data"][0];
    (first["used"].as_u64().unwrap(), first["reserved"].as_u64().unwrap())
}

fn a_thousand_callers_do_not_overspend(gateway: &Gateway) {
    // A cent: each request reserves about 0.8 thousandths of it and more.
    let answered = Mutex::new(0_u64);
    thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let answer = ask(gateway, "one-cent", "hi [[tokens 12]]", 20);
                    match answer.status {
                        200 => *answered.lock().unwrap() += 1,
                        429 => {}
                        other => panic!("{other}: {}", answer.json()),
                    }
                }
            });
        }
    });
    let answered = *answered.lock().unwrap();
    let sum = gateway.costs("one-cent", answered);
    let spent = sum["cost_nano_usd"].as_u64().unwrap();
    assert!(spent <= 10_000_000, "{spent} of 10,000,000 nano-dollars spent");
    // Little of it is left: what a request reserves does not fit any more.
    assert!(9_000_000 <= spent, "only {spent} spent, {answered} answered");
    assert_eq!(standing(gateway, "one-cent"), (spent, 0));

    let refused = ask(gateway, "one-cent", "hi", 100).expect(429);
    assert_eq!(refused.json()["error"]["code"], "insufficient_quota");
    assert_eq!(refused.expect_header("x-should-retry"), "false");
}

fn failures_and_hang_ups_give_back_what_they_reserved(gateway: &Gateway) {
    ask(gateway, "a-dollar", "[[fault status=500]]", 50).expect(503);
    let body = json!({"model": "chat-openai", "stream": true, "max_tokens": 50,
        "messages": [{"role": "user", "content": "[[tokens 40]] [[fault between=50]]"}]});
    let request = gateway.request("POST", "/v1/chat/completions").key(&seed::key("a-dollar")).json(&body);
    let mut live = request.open();
    live.next_piece();
    drop(live);
    ask(gateway, "a-dollar", "hi", 50).expect(200);
    let sum = gateway.costs("a-dollar", 3);
    let spent = sum["cost_nano_usd"].as_u64().unwrap();
    assert_eq!(standing(gateway, "a-dollar"), (spent, 0));
    assert!(0 < spent && sum["errors"] == 1, "{sum}");
}

fn a_budget_nearly_spent_warns_and_a_soft_one_lets_pass(gateway: &Gateway) {
    let answer = ask(gateway, "warned", "hi", 5).expect(200);
    assert!(answer.expect_header("sluice-budget-warning").contains("per day for this tenant"));
}

on_every_host!(
    a_thousand_callers_do_not_overspend,
    failures_and_hang_ups_give_back_what_they_reserved,
    a_budget_nearly_spent_warns_and_a_soft_one_lets_pass,
);
