//! Limits and budgets as callers meet them, on the host in memory.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests fail by panicking")]

use std::time::Duration;

use crate::support::{CONFIG, KEY, NOON, WHOLE, call, chat, gateway, host, post, read, rows, send};
use bytes::Bytes;
use futures::future::join_all;
use serde_json::{Value, json};
use sluice_core::{gateway::Gateway, key, port::Clock};
use sluice_testing::memory::{Fails, Leaving, MemoryHost, Step, answer, stream};

/// A host whose tenant has these limits, and a provider that answers so often.
fn limited(limits: &Value, answers: usize) -> MemoryHost {
    let record = json!({"id": "acme", "limits": limits}).to_string();
    let mut host = host().with_value(&key::tenant_store_key("acme"), record);
    for _ in 0..answers {
        host = host.reply("a.test", answer(200, WHOLE));
    }
    host
}

fn code(body: &str) -> String {
    crate::support::parsed(body)["error"]["code"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_tenant_without_limits_asks_no_object() {
    let host = limited(&json!({}), 1);
    assert_eq!(send(&gateway(), &host, chat("one", false)).0, 200);
    assert!(host.counted().is_empty());
    assert_eq!(rows(&host).len(), 1);
}

#[test]
fn one_call_reserves_everything_and_one_settles_with_the_row() {
    let limits = json!({"requests_per_minute": 60, "tokens_per_minute": 10_000, "concurrent_requests": 5,
        "budget": {"usd": 1, "per": "month"}, "budgets": [{"requests": 100, "per": "day", "of": "key"}]});
    let host = limited(&limits, 1);
    let (status, headers, _) = send(&gateway(), &host, chat("one", false));
    assert_eq!(status, 200);
    assert_eq!(headers["x-ratelimit-limit-requests"], "60");
    assert_eq!(headers["x-ratelimit-remaining-requests"], "59");
    assert_eq!(headers["x-ratelimit-reset-requests"], "1m0s");
    assert_eq!(headers["x-ratelimit-limit-tokens"], "10000");
    // Reserve, settle, and then the row's way out: take, written, take.
    assert_eq!(host.counted(), ["acme"; 5]);
    let rows = rows(&host);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["cost_nano_usd"], 20_000);
}

#[test]
fn a_rate_refuses_with_the_second_when_it_will_not() {
    let host = limited(&json!({"requests_per_minute": 2}), 3);
    let gateway = gateway();
    assert_eq!(send(&gateway, &host, chat("one", false)).0, 200);
    host.run(host.sleep(Duration::from_secs(20)));
    assert_eq!(send(&gateway, &host, chat("one", false)).0, 200);
    let (status, headers, body) = send(&gateway, &host, chat("one", false));
    assert_eq!((status, code(&body).as_str()), (429, "rate_limit_exceeded"), "{body}");
    assert_eq!(headers["x-should-retry"], "true");
    assert_eq!(headers["x-ratelimit-remaining-requests"], "0");
    let wait: u64 = headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((38..=40).contains(&wait), "{wait}");
    host.run(host.sleep(Duration::from_secs(wait - 1)));
    assert_eq!(send(&gateway, &host, chat("one", false)).0, 429);
    host.run(host.sleep(Duration::from_secs(1)));
    assert_eq!(send(&gateway, &host, chat("one", false)).0, 200);
    assert_eq!(rows(&host).len(), 3);
}

#[test]
fn tokens_reserve_an_estimate_and_count_what_was_used() {
    // The prompt is small, the answer has 15 tokens in all.
    let host = limited(&json!({"tokens_per_minute": 100}), 10);
    let gateway = gateway();
    let remaining =
        |headers: &http::HeaderMap| headers["x-ratelimit-remaining-tokens"].to_str().unwrap().to_owned();
    let request = || {
        post(
            "/v1/chat/completions",
            r#"{"model":"one","max_tokens":30,"messages":[{"role":"user","content":"hi"}]}"#,
        )
    };
    let (_, first, _) = send(&gateway, &host, request());
    let reserved = 100 - remaining(&first).parse::<u64>().unwrap();
    assert!((31..50).contains(&reserved), "{reserved}");
    let (_, second, _) = send(&gateway, &host, request());
    assert_eq!(remaining(&second), (100 - 15 - reserved).to_string());
}

#[test]
fn a_spent_budget_is_refused_for_good_and_told_apart_from_a_reserved_one() {
    // An answer costs 20,000 nano-dollars; 45,000 allow two whole ones.
    let host = limited(&json!({"budget": {"usd": 0.000_045, "per": "total"}}), 5);
    let gateway = gateway();
    let request = || {
        post(
            "/v1/chat/completions",
            r#"{"model":"one","max_tokens":1,"messages":[{"role":"user","content":"hi"}]}"#,
        )
    };
    let (status, headers, _) = send(&gateway, &host, request());
    assert_eq!(status, 200);
    assert!(!headers.contains_key("sluice-budget-warning"));
    let (status, headers, _) = send(&gateway, &host, request());
    assert_eq!(status, 200);
    assert!(headers["sluice-budget-warning"].to_str().unwrap().contains("$0.000045 in all for this tenant"));
    let (status, headers, body) = send(&gateway, &host, request());
    assert_eq!((status, code(&body).as_str()), (429, "insufficient_quota"), "{body}");
    assert_eq!(headers["x-should-retry"], "false");
    assert_eq!(crate::support::parsed(&body)["error"]["type"], "insufficient_quota");
    assert_eq!(host.asked().len(), 2);
}

#[test]
fn a_thousand_at_once_do_not_overspend() {
    // Each reserves 16 + 2 bytes at $1 and 5 tokens at $2 a million: 28,000 nano-dollars; each costs 20,000.
    let host = limited(&json!({"budget": {"usd": 0.001, "per": "day"}}), 1_000);
    let gateway = gateway();
    let requests = (0..1_000).map(|_| {
        let request = post(
            "/v1/chat/completions",
            r#"{"model":"one","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}"#,
        );
        async {
            let reply = gateway.handle(&host, call(&host, request, &Leaving::default())).await;
            let status = reply.status.as_u16();
            read(reply).await;
            status
        }
    });
    let statuses = host.run(join_all(requests));
    host.settle();
    let answered = statuses.iter().filter(|status| **status == 200).count();
    assert!(statuses.iter().all(|status| [200, 429].contains(status)));
    let rows = rows(&host);
    assert_eq!(rows.len(), answered);
    let spent: u64 = rows.iter().map(|row| row["cost_nano_usd"].as_u64().unwrap()).sum();
    assert!(spent <= 1_000_000, "{spent}");
    assert!((35..=50).contains(&answered), "{answered}");
    // What was reserved has come back, but for what was spent: one at a time, the rest can be used.
    let left = (1_000_000 - spent) / 28_000;
    for _ in 0..left {
        let request = post(
            "/v1/chat/completions",
            r#"{"model":"one","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}"#,
        );
        assert_eq!(send(&gateway, &host, request).0, 200);
    }
}

#[test]
fn concurrency_is_counted_and_returns() {
    let host = limited(&json!({"concurrent_requests": 2}), 0);
    let slow = |host: MemoryHost| host.reply("a.test", answer(200, WHOLE).after(Duration::from_secs(5)));
    let host = slow(slow(slow(slow(host))));
    let gateway = gateway();
    let ask = async || {
        gateway.handle(&host, call(&host, chat("one", false), &Leaving::default())).await.status.as_u16()
    };
    let mut statuses = host.run(join_all((0..4).map(|_| ask())));
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 429, 429]);
    host.settle();
    assert_eq!(host.run(ask()), 200);
}

#[test]
fn a_silent_object_is_a_503_and_a_lost_answer_counts_once() {
    let gateway = gateway();
    let host = limited(&json!({"requests_per_minute": 60}), 3);
    host.counters_fail([Fails::Before, Fails::Before]);
    let (status, _, body) = send(&gateway, &host, chat("one", false));
    assert_eq!((status, code(&body).as_str()), (503, "store_unavailable"));
    assert!(host.asked().is_empty());
    host.counters_fail([Fails::After]);
    let (_, headers, _) = send(&gateway, &host, chat("one", false));
    assert_eq!(headers["x-ratelimit-remaining-requests"], "59");
}

#[test]
fn a_settlement_is_sent_again_until_it_is_taken_and_its_row_is_written_once() {
    let host = limited(&json!({"budget": {"usd": 1, "per": "day"}}), 1);
    let gateway = gateway();
    let reply = host.run(gateway.handle(&host, call(&host, chat("one", false), &Leaving::default())));
    assert_eq!(reply.status, 200);
    host.counters_fail([Fails::After, Fails::Before]);
    host.settle();
    assert_eq!(rows(&host).len(), 1, "{:?}", host.logged());
}

#[test]
fn a_caller_who_leaves_is_charged_and_gives_back_the_rest() {
    let chunk = r#"data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"Hello there"},"finish_reason":null}]}"#;
    let steps = [Step::Send(Bytes::from(format!("{chunk}\n\n"))), Step::Hang];
    let host = limited(&json!({"concurrent_requests": 1, "budget": {"usd": 1, "per": "day"}}), 0)
        .reply("a.test", stream(steps))
        .reply("a.test", answer(200, WHOLE));
    let gateway = gateway();
    let leaving = Leaving::default();
    let reply = host.run(gateway.handle(&host, call(&host, chat("one", true), &leaving)));
    assert_eq!(reply.status, 200);
    leaving.leave();
    host.settle();
    drop(reply);
    let rows = rows(&host);
    assert_eq!((rows.len(), &rows[0]["partial"]), (1, &json!(true)));
    assert_eq!(send(&gateway, &host, chat("one", false)).0, 200);
}

#[test]
fn an_unknown_price_is_reserved_and_charged_by_a_ceiling() {
    let config = CONFIG.replace(r#""one": {"targets": ["a/m"]"#, r#""one": {"targets": ["a/unlisted"]"#);
    let gateway = Gateway::new(config.leak());
    let host = limited(&json!({"budget": {"usd": 0.001, "per": "day"}}), 3);
    let request = |most: u32| {
        let body =
            format!(r#"{{"model":"one","max_tokens":{most},"messages":[{{"role":"user","content":"hi"}}]}}"#);
        post("/v1/chat/completions", body)
    };
    // 18 at $15 and 20 at $75 a million do not fit into a thousandth of a dollar.
    assert_eq!(send(&gateway, &host, request(20)).0, 429);
    // 10 read and 5 written are charged at that price, and the record tells none.
    assert_eq!(send(&gateway, &host, request(5)).0, 200);
    assert_eq!(rows(&host)[0]["cost_nano_usd"], Value::Null);
    assert_eq!(send(&gateway, &host, request(5)).0, 429);
}

#[test]
fn a_budget_nearly_used_moves_to_a_cheaper_model() {
    let budget = json!({"usd": 1, "per": "day", "warn_at": 0, "move_to": "last"});
    let host = limited(&json!({"budget": budget}), 0).reply("a.test", answer(500, "{}"));
    let (status, headers, _) = send(&gateway(), &host, chat("one", false));
    // `last` falls over to what is built in.
    assert_eq!((status, &headers["sluice-target"]), (200, &"builtin/extractive".parse().unwrap()));
}

#[test]
fn users_keys_and_tags_have_budgets_of_their_own() {
    let limits = json!({"budgets": [{"requests": 1, "per": "day", "of": "user"}, {"requests": 2, "per": "day", "tag": "team=a"}]});
    let host = limited(&limits, 10);
    let gateway = gateway();
    let ask = |user: &str, tags: &str| {
        let mut request = chat("one", false);
        request.headers_mut().insert("sluice-user", user.parse().unwrap());
        request.headers_mut().insert("sluice-tags", tags.parse().unwrap());
        send(&gateway, &host, request).0
    };
    assert_eq!(ask("ann", "team=a"), 200);
    assert_eq!(ask("ann", "team=b"), 429);
    assert_eq!(ask("bob", "team=a"), 200);
    assert_eq!(ask("cat", "team=a"), 429);
    assert_eq!(ask("cat", "team=b"), 200);
    assert_eq!(NOON.date(), "2026-11-21");
    assert!(KEY.starts_with("sk-"));
}

#[test]
fn requests_that_no_model_answers_count_as_requests() {
    let limits = json!({"requests_per_minute": 3, "concurrent_requests": 1, "budget": {"requests": 1, "per": "day"},
        "rates": [{"requests": 1, "of": "model"}]});
    let host = limited(&limits, 2);
    let gateway = gateway();
    let ask = |path: &str| {
        let request = http::Request::get(path).header("authorization", format!("Bearer {KEY}"));
        send(&gateway, &host, request.body(Bytes::new()).unwrap())
    };
    assert_eq!([ask("/v1/files").0, ask("/v1/responses/resp_1").0], [200, 404]);
    assert_eq!(send(&gateway, &host, chat("one", false)).0, 200);
    let (status, headers, body) = ask("/v1/vector_stores");
    assert_eq!((status, code(&body).as_str()), (429, "rate_limit_exceeded"), "{body}");
    assert_eq!(headers["x-ratelimit-remaining-requests"], "0");
    assert_eq!(ask("/v1/models").0, 200);
    // SDKs poll these twice a second until a file is ready.
    for path in [
        "/v1/files/file-1",
        "/v1/vector_stores/vs_1",
        "/v1/vector_stores/vs_1/files/file-1",
        "/v1/vector_stores/vs_1/file_batches/vsfb_1",
    ] {
        assert_eq!(ask(path).0, 404, "{path}");
    }
    let unknown = http::Request::get("/v1/files/file-1").header("authorization", "Bearer sk-sluice-x");
    assert_eq!(send(&gateway, &host, unknown.body(Bytes::new()).unwrap()).0, 401);
    assert_eq!(ask("/v1/files/file-1/content").0, 429);
    host.run(host.sleep(Duration::from_secs(61)));
    assert_eq!(ask("/v1/vector_stores").0, 200);
}

#[test]
fn meters_of_users_who_came_once_are_forgotten() {
    let limits = json!({"rates": [{"requests": 9, "of": "user"}], "budget": {"usd": 1, "per": "month"}});
    let host = limited(&limits, 9);
    let gateway = gateway();
    for user in ["ann", "bob", "cat"] {
        let mut request = chat("one", false);
        request.headers_mut().insert("sluice-user", user.parse().unwrap());
        assert_eq!(send(&gateway, &host, request).0, 200);
    }
    let meters = || host.cells("acme").into_iter().filter(|key| key.starts_with("m/")).collect::<Vec<_>>();
    assert_eq!(meters().len(), 4);
    // To the hour after midnight, when there is sweeping.
    host.run(host.sleep(Duration::from_secs(12 * 3_600)));
    host.run(gateway.hourly(&host));
    assert_eq!(meters(), ["m/t|usd/month"]);
}

#[test]
fn a_budget_that_moves_requests_reserves_for_the_dearer_model() {
    let config = CONFIG.replace(r#""last": {"#, r#""dear": {"targets": ["a/dear"]}, "last": {"#);
    let config = config.replacen(
        r#""prices": {"m": {"input": 1.0, "output": 2.0}}"#,
        r#""prices": {"m": {"input": 1.0, "output": 2.0}, "dear": {"input": 1.0, "output": 900.0}}"#,
        1,
    );
    let config: &'static str = config.leak();
    let budget =
        |move_to: &str| json!({"budget": {"usd": 0.001, "per": "day", "warn_at": 0, "move_to": move_to}});
    let request = || {
        post(
            "/v1/chat/completions",
            r#"{"model":"one","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}"#,
        )
    };
    let host = limited(&budget("dear"), 1);
    // Five at $900 a million do not fit into a thousandth of a dollar.
    assert_eq!(send(&Gateway::new(config), &host, request()).0, 429);
    let host = limited(&budget("two"), 1);
    assert_eq!(send(&Gateway::new(config), &host, request()).0, 200);
}

#[test]
fn passages_and_hooks_are_reserved_before_they_come() {
    let config = CONFIG.replace(
        r#""last": {"#,
        r#""knowing": {"targets": ["a/m"], "knowledge": {"stores": ["handbook"]}},
           "judged": {"targets": ["a/m"], "guardrails": ["paid"]}, "last": {"#,
    );
    let guardrails = r#"{"guardrails": {"paid": {"input": [{"check": "hook", "action": "deny",
        "hook": {"url": "https://h.test/check", "name": "h", "usd_per_call": 0.03}}]}},"#;
    let gateway = Gateway::new(config.replacen('{', guardrails, 1).leak());
    let host = limited(&json!({"budget": {"usd": 0.02, "per": "day"}}), 1);
    let ask = |model: &str| {
        let body =
            format!(r#"{{"model":"{model}","max_tokens":5,"messages":[{{"role":"user","content":"hi"}}]}}"#);
        send(&gateway, &host, post("/v1/chat/completions", body)).0
    };
    // Passages may fill a window of 16,000 tokens, which is counted twice: at $1 a million more than two cents.
    assert_eq!(ask("knowing"), 429);
    assert_eq!(ask("judged"), 429);
    assert_eq!(host.asked_hosts(), [""; 0]);
    assert_eq!(ask("one"), 200);
}

#[test]
fn the_request_that_takes_a_budget_past_its_mark_is_told_in_the_log() {
    let host = limited(&json!({"budget": {"requests": 4, "per": "day", "warn_at": 0.5}}), 4);
    let gateway = gateway();
    let told = || host.logged().iter().filter(|line| line.starts_with("budget of acme: ")).count();
    let counts = [(); 4].map(|()| {
        assert_eq!(send(&gateway, &host, chat("one", false)).0, 200);
        told()
    });
    assert_eq!(counts, [0, 1, 1, 1], "{:?}", host.logged());
}

#[test]
fn defaults_hold_for_a_tenant_whose_record_says_nothing() {
    let config = format!(
        r#"{{"tenants":{{"defaults":{{"requests_per_minute":1}}}},{}"#,
        CONFIG.trim_start_matches(['{', '\n', ' '])
    );
    let gateway = Gateway::new(config.leak());
    let host = host().reply("a.test", answer(200, WHOLE)).reply("a.test", answer(200, WHOLE));
    assert_eq!(send(&gateway, &host, chat("one", false)).0, 200);
    assert_eq!(send(&gateway, &host, chat("one", false)).0, 429);
}

#[test]
fn what_an_instance_had_reserved_when_it_died_returns_by_itself() {
    let host = limited(&json!({"concurrent_requests": 1, "budget": {"usd": 0.01, "per": "day"}}), 0)
        .reply("a.test", stream([Step::Hang]))
        .reply("a.test", answer(200, WHOLE));
    let gateway = gateway();
    {
        let dying = Box::pin(gateway.handle(&host, call(&host, chat("one", false), &Leaving::default())));
        let second = Box::pin(host.sleep(Duration::from_secs(1)));
        let ended = host.run(futures::future::select(dying, second));
        assert!(matches!(ended, futures::future::Either::Right(_)));
    }
    assert_eq!(send(&gateway, &host, chat("one", false)).0, 429);
    host.run(host.sleep(Duration::from_secs(3_600)));
    assert_eq!(send(&gateway, &host, chat("one", false)).0, 200);
}

#[test]
fn a_mirrored_copy_is_in_the_log_and_in_nobodys_budget() {
    let config = CONFIG.replace(
        r#""one": {"targets": ["a/m"]"#,
        r#""one": {"mirror": {"target": "b/m"}, "targets": ["a/m"]"#,
    );
    let gateway = Gateway::new(config.leak());
    let host = limited(&json!({"budget": {"usd": 1, "per": "day"}, "requests_per_minute": 1}), 1)
        .reply("b.test", answer(200, WHOLE));
    assert_eq!(send(&gateway, &host, chat("one", false)).0, 200);
    assert_eq!(rows(&host).len(), 2);
    let told = |path: &str| {
        let request = http::Request::get(path).header("authorization", "Bearer root").body(Bytes::new());
        crate::support::parsed(&send(&gateway, &host, request.unwrap()).2)
    };
    let standing = told("/admin/v1/tenants/acme/budgets");
    let used: Vec<_> = standing["data"].as_array().unwrap().iter().map(|one| &one["used"]).collect();
    assert_eq!(used, [&json!(1), &json!(20_000)], "{standing}");
    let sum = &told("/admin/v1/usage?tenant=acme")["sum"];
    assert_eq!((&sum["requests"], &sum["cost_nano_usd"]), (&json!(1), &json!(20_000)), "{sum}");
    assert_eq!((&sum["shadows"], &sum["shadow_cost_nano_usd"]), (&json!(1), &json!(20_000)), "{sum}");
}
