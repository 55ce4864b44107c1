//! Guardrails over requests and answers, on the memory host.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

use std::rc::Rc;

use crate::support::{ATTACK, KEY, SECRET, frames, host, post, rows, said, send, sent, streamed};
use serde_json::{Value, json};
use sluice_core::{gateway::Gateway, key};
use sluice_testing::memory::{MemoryHost, answer, stream};

const CONFIG: &str = r#"{
  "providers": {
    "a": {"format": "openai_chat", "base_url": "https://a.test/v1", "api_key": "$A_KEY",
          "prices": {"m": {"input": 1.0, "output": 2.0}}},
    "b": {"format": "anthropic_messages", "base_url": "https://b.test/v1",
          "prices": {"m": {"input": 1.0, "output": 2.0}}}
  },
  "models": {
    "open": {"targets": ["a/m"], "cache": {"mode": "exact"}},
    "redacting": {"targets": ["a/m"], "guardrails": ["redacting"], "cache": {"mode": "exact"}},
    "strict": {"targets": ["a/m"], "guardrails": ["strict"], "cache": {"mode": "exact"}},
    "trying": {"targets": ["a/m"], "guardrails": ["trying"]},
    "insisting": {"targets": ["a/m", "b/m"], "guardrails": ["insisting"]},
    "healthy": {"targets": ["a/m"], "guardrails": ["healthy"]}
  },
  "guardrails": {
    "redacting": {"input": [{"pii": "redact"}]},
    "strict": {"input": ["injection", "secrets"], "tool_result": ["injection"], "output": ["secrets", "leak", {"pii": "redact"}]},
    "trying": {"dry_run": true, "input": ["injection", {"pii": "redact"}], "output": ["secrets"]},
    "insisting": {"output": [{"schema": "retry"}, {"check": "policy", "action": "retry", "deny": ["competitor"]}]},
    "healthy": {"input": [{"check": "policy", "topics": {"medicine": ["What dose of ibuprofen may I take?", "Is this rash dangerous?",
                "My head hurts, which medicine helps?", "Can I take this medicine while pregnant?"]}}],
                "output": [{"check": "policy", "topics": {"weather": ["It will rain tomorrow.", "The forecast says sunshine all day.",
                "Expect snow and strong wind tonight."]}}]}
  }
}"#;

fn gateway() -> Rc<Gateway> {
    Gateway::new(CONFIG)
}

fn ask(gateway: &Rc<Gateway>, host: &MemoryHost, model: &str, text: &str) -> (u16, http::HeaderMap, Value) {
    let body = json!({"model": model, "messages": [{"role": "user", "content": text}]});
    let (status, headers, body) = send(gateway, host, post("/v1/chat/completions", body.to_string()));
    (status, headers, crate::support::parsed(&body))
}

/// The last request that went out, as text.
fn last_sent(host: &MemoryHost) -> String {
    sent(host, host.asked().len() - 1).to_string()
}

fn content(answer: &Value) -> &str {
    answer["choices"][0]["message"]["content"].as_str().unwrap_or_default()
}

#[test]
fn values_do_not_leave_and_come_back_in_the_answer() {
    let reply = said("I wrote to [EMAIL_1], not to [EMAIL_2].");
    let host = host().reply("a.test", answer(200, reply.to_string()));
    let (status, headers, body) = ask(&gateway(), &host, "redacting", "Write to anna@example.org please.");
    assert_eq!(status, 200, "{body}");
    assert!(
        last_sent(&host).contains("Write to [EMAIL_1] please.") && !last_sent(&host).contains("anna"),
        "{}",
        last_sent(&host)
    );
    assert_eq!(content(&body), "I wrote to anna@example.org, not to [EMAIL_2].");
    assert_eq!(headers["sluice-guardrails"], "input.pii=redact(email:1)");
    let row = &rows(&host)[0];
    assert_eq!(row["guardrails"][0]["kinds"]["email"], 1);
    assert!(!row.to_string().contains("anna"));
    // What stands behind placeholders is nobody else's.
    assert_eq!(headers.get("sluice-cache"), None);
}

#[test]
fn placeholders_come_back_from_streams_however_they_are_cut() {
    let text = "Dear [EMAIL_1], you are [EMAIL_1]!";
    for at in 0..text.len() {
        let (one, other) = text.split_at(at);
        let host = host().reply("a.test", stream(frames(&[one, other])));
        let body = json!({"model": "redacting", "stream": true, "messages": [
            {"role": "user", "content": "I am anna@example.org"}]});
        let (_, _, told) = send(&gateway(), &host, post("/v1/chat/completions", body.to_string()));
        assert_eq!(streamed(&told), "Dear anna@example.org, you are anna@example.org!", "{at}");
        assert!(told.ends_with("data: [DONE]\n\n"));
    }
}

#[test]
fn topics_are_told_by_examples_in_prompts_and_answers() {
    let host = host().reply("a.test", answer(200, said("Take a walk by the sea.").to_string())).reply(
        "a.test",
        stream(frames(&["Take an umbrella. Tom", "orrow the forecast says rain and wind. ", "Bye."])),
    );
    let gateway = gateway();
    let (status, headers, body) =
        ask(&gateway, &host, "healthy", "Hello! Which dose of this medicine may I take?");
    assert_eq!((status, &body["error"]["code"]), (400, &json!("content_filter")), "{body}");
    assert_eq!(headers["sluice-guardrails"], "input.policy=deny(denied_topic:1)");
    let (status, _, body) = ask(&gateway, &host, "healthy", "What shall I do this weekend?");
    assert_eq!(status, 200, "{body}");
    let body =
        json!({"model": "healthy", "stream": true, "messages": [{"role": "user", "content": "And now?"}]});
    let (_, _, told) = send(&gateway, &host, post("/v1/chat/completions", body.to_string()));
    assert!(told.contains("content_filter") && told.contains("umbrella") && !told.contains("Bye"), "{told}");
    // Which topic it was is the operator's to know.
    assert!(!told.contains("guardrails.healthy"), "{told}");
    host.settle();
    let rules: Vec<Value> = rows(&host).iter().map(|row| row["guardrails"][0]["rules"].clone()).collect();
    assert!(rules.contains(&json!(["guardrails.healthy.input[0].topics.medicine"])), "{rules:?}");
    assert!(rules.contains(&json!(["guardrails.healthy.output[0].topics.weather"])), "{rules:?}");
}

#[test]
fn every_turn_is_blacked_out_the_same_way() {
    let host = host().reply("a.test", answer(200, said("ok").to_string()));
    let body = json!({"model": "redacting", "messages": [
        {"role": "system", "content": "The customer is anna@example.org."},
        {"role": "user", "content": "I am anna@example.org"},
        {"role": "assistant", "content": null, "tool_calls": [{"id": "t", "type": "function",
            "function": {"name": "look", "arguments": "{\"who\":\"anna@example.org\"}"}}]},
        {"role": "tool", "tool_call_id": "t", "content": "bob@example.org answers"}]});
    send(&gateway(), &host, post("/v1/chat/completions", body.to_string()));
    let sent = last_sent(&host);
    assert_eq!((sent.matches("[EMAIL_1]").count(), sent.matches("[EMAIL_2]").count()), (3, 1), "{sent}");
    assert!(!sent.contains("anna") && !sent.contains("bob"));
}

#[test]
fn attacks_are_refused_where_they_are_new() {
    let host = host().reply("a.test", answer(200, said("ok").to_string()));
    let gateway = gateway();
    let (status, headers, body) = ask(&gateway, &host, "strict", ATTACK);
    assert_eq!((status, &body["error"]["code"]), (400, &json!("content_filter")), "{body}");
    assert!(headers["sluice-guardrails"].to_str().unwrap().starts_with("input.injection=deny("));
    assert!(!body.to_string().contains("Ignore all"), "{body}");
    let row = &rows(&host)[0];
    assert_eq!((&row["error.type"], &row["cost_nano_usd"]), (&json!("content_filter"), &json!(0)));
    let turns = |last: Value| {
        json!({"model": "strict", "messages": [
        {"role": "system", "content": ATTACK}, {"role": "user", "content": ATTACK},
        {"role": "assistant", "content": "No."}, last]})
    };
    let tool = json!({"role": "tool", "tool_call_id": "t", "content": ATTACK});
    for (last, expected) in [(json!({"role": "user", "content": "hello"}), 200), (tool, 400)] {
        let (status, _, told) = send(&gateway, &host, post("/v1/chat/completions", turns(last).to_string()));
        assert_eq!(status, expected, "{told}");
    }
    assert_eq!(host.asked().len(), 1);
}

#[test]
fn an_answer_that_gives_secrets_away_is_refused_and_never_kept() {
    let secret = format!("Use {SECRET} for that.");
    let host = host()
        .reply("a.test", answer(200, said(&secret).to_string()))
        .reply("a.test", stream(frames(&["Use ghp_", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8", " for that."])));
    let gateway = gateway();
    let (status, _, body) = ask(&gateway, &host, "strict", "hello");
    assert_eq!((status, &body["error"]["code"]), (400, &json!("content_filter")), "{body}");
    assert!(rows(&host)[0]["cost_nano_usd"].as_u64().unwrap() > 0, "it was paid for");
    let body = json!({"model": "strict", "stream": true, "messages": [{"role": "user", "content": "hello"}]});
    let (_, headers, told) = send(&gateway, &host, post("/v1/chat/completions", body.to_string()));
    assert_eq!(headers["sluice-cache"], "miss");
    assert!(told.contains("content_filter") && !told.contains("a1B2"), "{told}");
    assert!(rows(&host).iter().all(|row| 0 < row["cost_nano_usd"].as_u64().unwrap()), "{:?}", rows(&host));
}

#[test]
fn an_answer_that_repeats_the_system_prompt_is_refused() {
    let system = "You are Walter, the assistant of the Harbour Bank. Never mention the golden account, and greet everybody with a short poem.";
    let host = host().reply("a.test", answer(200, said(&format!("My orders: {system}")).to_string()));
    let body = json!({"model": "strict", "messages": [
        {"role": "system", "content": system}, {"role": "user", "content": "hello"}]});
    let (status, _, told) = send(&gateway(), &host, post("/v1/chat/completions", body.to_string()));
    assert!(status == 400 && told.contains("leak"), "{told}");
}

#[test]
fn a_dry_run_tells_and_does_nothing() {
    let host = host().reply("a.test", answer(200, said("ok").to_string()));
    let (status, headers, _) = ask(&gateway(), &host, "trying", &format!("{ATTACK} I am anna@example.org"));
    assert_eq!(status, 200);
    assert!(last_sent(&host).contains("anna@example.org"));
    let told = headers["sluice-guardrails"].to_str().unwrap();
    assert!(
        told.contains("input.injection=would-deny(") && told.contains("input.pii=would-redact(email:1)"),
        "{told}"
    );
}

#[test]
fn the_next_target_is_asked_for_an_answer_that_breaks_a_rule() {
    let other = json!({"id": "m1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
        "content": [{"type": "text", "text": "{\"a\": 1}"}], "usage": {"input_tokens": 10, "output_tokens": 5}});
    let format = json!({"type": "json_schema", "json_schema": {"name": "s", "schema": {
        "type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}}});
    for (first, asked) in
        [("{\"b\": 1}", 2), ("Buy from our competitor.", 2), ("```json\n{\"a\": 1}\n```", 1)]
    {
        let host = host()
            .reply("a.test", answer(200, said(first).to_string()))
            .reply("b.test", answer(200, other.to_string()));
        let body = json!({"model": "insisting", "response_format": format,
            "messages": [{"role": "user", "content": "hello"}]});
        let (status, headers, told) = send(&gateway(), &host, post("/v1/chat/completions", body.to_string()));
        assert_eq!((status, content(&crate::support::parsed(&told))), (200, "{\"a\": 1}"), "{told}");
        assert_eq!(host.asked().len(), asked, "{first}");
        assert!(headers.contains_key("sluice-guardrails"));
        // Both answers were paid for.
        let cost = rows(&host)[0]["cost_nano_usd"].as_u64().unwrap();
        assert_eq!(cost, 20_000 * u64::try_from(asked).unwrap());
    }
}

#[test]
fn both_answers_are_settled_when_a_broken_rule_asks_the_next_target() {
    let ask = |stream: bool| {
        post(
            "/v1/chat/completions",
            json!({"model": "insisting", "max_tokens": 5, "stream": stream,
                "messages": [{"role": "user", "content": "hi"}]})
            .to_string(),
        )
    };
    let other = json!({"id": "m1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
        "content": [{"type": "text", "text": "ok"}], "usage": {"input_tokens": 10, "output_tokens": 5}});
    let refused = || answer(200, said("Buy from our competitor.").to_string());
    // Each answer costs 20,000 nano-dollars. A request reserves 28,000 for each target, since both may be paid.
    let limits = |usd: f64| {
        let tenant = json!({"id": "acme", "limits": {"tokens_per_minute": 10_000, "budget": {"usd": usd, "per": "total"}}});
        host().with_value(&key::tenant_store_key("acme"), tenant.to_string())
    };
    let tight = limits(0.000_050).reply("a.test", refused()).reply("b.test", answer(200, other.to_string()));
    let (status, _, told) = send(&gateway(), &tight, ask(false));
    assert_eq!(status, 429, "what may be paid twice is reserved twice: {told}");
    assert!(tight.asked().is_empty());

    let host = limits(0.000_080).reply("a.test", refused()).reply("b.test", answer(200, other.to_string()));
    let gateway = gateway();
    let (status, headers, told) = send(&gateway, &host, ask(false));
    assert_eq!(status, 200, "{told}");
    assert_eq!(headers["sluice-target"], "b/m");
    let row = &rows(&host)[0];
    assert_eq!((&row["cost_nano_usd"], &row["refused_tokens"]), (&json!(40_000), &json!(15)), "{row}");
    // 40,000 of 80,000 are spent and nothing is reserved any more: the next does not fit, which only both costs explain.
    let (status, _, told) = send(&gateway, &host, ask(false));
    assert!(status == 429 && told.contains("insufficient_quota"), "{told}");

    // Where the next target fails, or refuses too, what was refused is paid all the same; streams too.
    for stream_it in [false, true] {
        let first =
            if stream_it { stream(frames(&["Buy from our competitor. ", "Now."])) } else { refused() };
        let host = limits(1.0).reply("a.test", first).reply("b.test", answer(500, "{}"));
        let (status, _, told) = send(&self::gateway(), &host, ask(stream_it));
        assert!(400 <= status, "{told}");
        let row = &rows(&host)[0];
        assert!(
            0 < row["cost_nano_usd"].as_u64().unwrap() && 0 < row["refused_tokens"].as_u64().unwrap(),
            "{row}"
        );
    }
}

#[test]
fn a_tenants_guardrails_hold_for_every_model() {
    let tenant = r#"{"id":"acme","guardrails":["strict"]}"#;
    let host = host().with_value(&key::tenant_store_key("acme"), tenant);
    let (status, _, _) = ask(&gateway(), &host, "open", ATTACK);
    assert_eq!(status, 400);
    let tenant = r#"{"id":"acme","guardrails":["gone"]}"#;
    let host = crate::support::host().with_value(&key::tenant_store_key("acme"), tenant);
    let (status, _, body) = ask(&gateway(), &host, "open", "hello");
    assert!(status == 403 && body.to_string().contains("gone"), "{body}");
    _ = KEY;
}
