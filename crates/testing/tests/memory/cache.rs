//! Answers given again, on the memory host.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

use std::{rc::Rc, time::Duration};

use crate::support::{EVENTS, KEY, WHOLE, asking, host, parsed, post, rows, send, told};
use bytes::Bytes;
use serde_json::{Value, json};
use sluice_core::{gateway::Gateway, key, port::Clock as _};
use sluice_testing::memory::{Leaving, Step, answer, stream};

const CONFIG: &str = r#"{
  "providers": {
    "a": {"format": "openai_chat", "base_url": "https://a.test/v1", "api_key": "$A_KEY",
          "prices": {"m": {"input": 1.0, "output": 2.0}}}
  },
  "models": {
    "kept": {"targets": ["a/m"], "cache": {"mode": "exact", "ttl": "60s"}},
    "stale": {"targets": ["a/m"], "cache": {"mode": "exact", "ttl": "60s", "stale": "1h"}},
    "own": {"targets": ["a/m"], "cache": {"mode": "exact", "scope": "user"}},
    "plain": {"targets": ["a/m"]}
  }
}"#;

fn gateway() -> Rc<Gateway> {
    Gateway::new(CONFIG)
}

fn chat(model: &str, more: &Value) -> http::Request<Bytes> {
    asking(model, "hi", more)
}

fn with(mut request: http::Request<Bytes>, name: &'static str, value: &str) -> http::Request<Bytes> {
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

#[test]
fn the_same_is_answered_once_in_every_protocol_and_form() {
    let host = host().reply("a.test", answer(200, WHOLE));
    let gateway = gateway();
    let (status, headers, body) = send(&gateway, &host, chat("kept", &json!({})));
    assert_eq!((status, told(&headers)), (200, "miss"), "{body}");

    let (_, headers, body) = send(&gateway, &host, chat("kept", &json!({"user": "u1"})));
    assert_eq!(told(&headers), "hit; age=0");
    assert_eq!(headers["sluice-target"], "a/m");
    assert_eq!(headers["sluice-attempts"], "0");
    assert_eq!(headers["sluice-cost-usd"], "0.000000000");
    let body = parsed(&body);
    assert_eq!(body["choices"][0]["message"]["content"], "Hello.");
    assert_eq!(
        (&body["usage"]["prompt_tokens"], &body["usage"]["completion_tokens"]),
        (&json!(10), &json!(5))
    );

    // Another isolate, which has only the store, streams it.
    let asked = chat("kept", &json!({"stream": true, "stream_options": {"include_usage": true}}));
    let (_, headers, body) = send(&self::gateway(), &host, asked);
    assert_eq!(told(&headers), "hit; age=0");
    assert!(body.contains(r#""content":"Hello.""#) && body.ends_with("data: [DONE]\n\n"), "{body}");
    assert!(body.contains(r#""cache":"hit; age=0""#), "{body}");

    let messages = json!({"model": "kept", "input": "hi"});
    let (_, headers, body) = send(&gateway, &host, post("/v1/responses", messages.to_string()));
    assert_eq!(told(&headers), "hit; age=0", "{body}");
    assert_eq!(parsed(&body)["output"][0]["content"][0]["text"], "Hello.");

    assert_eq!(host.asked().len(), 1);
    let rows = rows(&host);
    let costs: Vec<_> = rows.iter().map(|row| row["cost_nano_usd"].as_u64().unwrap()).collect();
    assert_eq!(costs.iter().filter(|cost| **cost == 0).count(), 3);
    let saved = costs.iter().find(|cost| **cost != 0).unwrap();
    for row in rows.iter().filter(|row| row["cache"]["status"] == "hit") {
        assert_eq!(row["cache"]["saved_nano_usd"], *saved);
        assert_eq!(row["usage"]["output_text"].as_u64().unwrap_or(0), 0);
    }
}

#[test]
fn a_stream_is_kept_when_it_is_whole() {
    let whole = || stream([Step::Send(Bytes::from_static(EVENTS.as_bytes()))]);
    let half = EVENTS.split_inclusive("\n\n").next().unwrap();
    let cut = stream([Step::Send(Bytes::from(half.to_owned()))]);
    let host = host().reply("a.test", cut).reply("a.test", whole());
    let gateway = gateway();
    let asked = || chat("kept", &json!({"stream": true}));
    for (cache, fails) in [("miss", true), ("miss", false), ("hit; age=0", false)] {
        let (_, headers, body) = send(&gateway, &host, asked());
        assert_eq!((told(&headers), body.contains("error")), (cache, fails), "{body}");
    }
    let (_, headers, body) = send(&gateway, &host, chat("kept", &json!({})));
    assert_eq!(told(&headers), "hit; age=0");
    assert_eq!(parsed(&body)["choices"][0]["message"]["content"], "Hello.");
}

#[test]
fn an_answer_ends_and_headers_are_obeyed() {
    let mut host = host();
    for _ in 0..6 {
        host = host.reply("a.test", answer(200, WHOLE));
    }
    let gateway = gateway();
    let ask = |name: &'static str, value: &str| {
        let (status, headers, body) = send(&gateway, &host, with(chat("kept", &json!({})), name, value));
        (status, told(&headers).to_owned(), body)
    };
    let (status, _, body) = ask("sluice-cache", "only-if-cached");
    assert_eq!((status, &parsed(&body)["error"]["code"]), (404, &json!("cache_miss")), "{body}");
    assert_eq!(ask("sluice-cache", "no-store").1, "");
    assert_eq!(ask("x-none", "-").1, "miss");
    assert_eq!(ask("sluice-cache", "only-if-cached").1, "hit; age=0");
    assert_eq!(ask("sluice-cache", "refresh").1, "refresh");
    host.run(host.sleep(Duration::from_secs(59)));
    assert_eq!(ask("x-none", "-").1, "hit; age=59");
    host.run(host.sleep(Duration::from_secs(2)));
    assert_eq!(ask("sluice-cache-ttl", "120").1, "miss");
    host.run(host.sleep(Duration::from_secs(110)));
    assert_eq!(ask("x-none", "-").1, "hit; age=110");
    let (status, _, body) = ask("sluice-cache", "always");
    assert!(status == 400 && body.contains("only-if-cached"), "{body}");
    assert_eq!(host.asked().len(), 4);
}

#[test]
fn a_stale_answer_is_given_while_a_fresh_one_is_fetched() {
    let other = WHOLE.replace("Hello.", "Hello again.");
    let host = host().reply("a.test", answer(200, WHOLE)).reply("a.test", answer(200, other));
    let gateway = gateway();
    send(&gateway, &host, chat("stale", &json!({})));
    host.run(host.sleep(Duration::from_secs(61)));
    let (_, headers, body) = send(&gateway, &host, chat("stale", &json!({})));
    assert_eq!(told(&headers), "stale; age=61");
    assert!(body.contains("Hello."));
    let (_, headers, body) = send(&gateway, &host, chat("stale", &json!({})));
    assert_eq!(told(&headers), "hit; age=0");
    assert!(body.contains("Hello again."));
    let statuses: Vec<_> = rows(&host).iter().map(|row| row["cache"]["status"].clone()).collect();
    assert!(statuses.contains(&json!("refresh")), "{statuses:?}");
}

#[test]
fn nobody_gets_what_is_anothers() {
    let mut host = host()
        .with_value(&key::store_key(&key::digest("sk-sluice-other")), r#"{"id":"key_1","tenant":"other"}"#)
        .with_value(&key::tenant_store_key("other"), r#"{"id":"other"}"#);
    for _ in 0..6 {
        host = host.reply("a.test", answer(200, WHOLE));
    }
    let gateway = gateway();
    let ask = |model: &str, key: &str, more: &Value| {
        let request = with(chat(model, more), "authorization", &format!("Bearer {key}"));
        let (_, headers, _) = send(&gateway, &host, request);
        told(&headers).to_owned()
    };
    assert_eq!(ask("kept", KEY, &json!({})), "miss");
    assert_eq!(ask("kept", "sk-sluice-other", &json!({})), "miss");
    // A user's answers are the user's; without a name nothing is kept.
    assert_eq!(ask("own", KEY, &json!({"user": "ann"})), "miss");
    assert_eq!(ask("own", KEY, &json!({"user": "bob"})), "miss");
    assert_eq!(ask("own", KEY, &json!({"user": "ann"})), "hit; age=0");
    assert_eq!(ask("own", KEY, &json!({})), "");
    assert_eq!(ask("plain", KEY, &json!({})), "");
}

#[test]
fn the_same_at_once_is_asked_once() {
    let slow = [Step::Wait(Duration::from_secs(2)), Step::Send(Bytes::from_static(WHOLE.as_bytes()))];
    let host = host().reply("a.test", stream(slow));
    let gateway = gateway();
    let ask = async || {
        let call = crate::support::call(&host, chat("kept", &json!({})), &Leaving::default());
        let reply = gateway.handle(&host, call).await;
        (told(&reply.headers).to_owned(), crate::support::read(reply).await)
    };
    let ((first, one), (second, other)) = host.run(futures::future::join(ask(), ask()));
    assert_eq!((first.as_str(), second.as_str()), ("miss", "hit; age=0"));
    assert!(one.contains("Hello.") && other.contains("Hello."));
    assert_eq!(host.asked().len(), 1);
}

#[test]
fn a_stale_answer_is_made_fresh_once() {
    let slow = [Step::Wait(Duration::from_secs(2)), Step::Send(Bytes::from_static(WHOLE.as_bytes()))];
    let host = host().reply("a.test", answer(200, WHOLE)).reply("a.test", stream(slow));
    let gateway = gateway();
    send(&gateway, &host, chat("stale", &json!({})));
    host.run(host.sleep(Duration::from_secs(61)));
    let ask = async || {
        let call = crate::support::call(&host, chat("stale", &json!({})), &Leaving::default());
        gateway.handle(&host, call).await.status.as_u16()
    };
    assert_eq!(host.run(futures::future::join3(ask(), ask(), ask())), (200, 200, 200));
    host.settle();
    assert_eq!(host.asked().len(), 2);
}

#[test]
fn what_a_kept_answer_does_not_hold_is_not_cached() {
    let mut host = host();
    for _ in 0..3 {
        host = host.reply("a.test", answer(200, WHOLE));
    }
    for more in [
        json!({"logprobs": true}),
        json!({"web_search_options": {}}),
        json!({"modalities": ["text", "audio"]}),
    ] {
        let (_, headers, _) = send(&gateway(), &host, chat("kept", &more));
        assert_eq!(told(&headers), "", "{more}");
    }
}

#[test]
fn a_failed_answer_leaves_nothing_and_nobody_waiting() {
    let host = host().reply("a.test", answer(400, "{}")).reply("a.test", answer(200, WHOLE));
    let gateway = gateway();
    let ask = async || {
        let call = crate::support::call(&host, chat("kept", &json!({})), &Leaving::default());
        gateway.handle(&host, call).await.status.as_u16()
    };
    assert_eq!(host.run(futures::future::join(ask(), ask())), (400, 200));
}

#[test]
fn without_a_store_answers_flow() {
    let host = host().reply("a.test", answer(200, WHOLE)).reply("a.test", answer(200, WHOLE));
    let gateway = gateway();
    // The key is believed from here on.
    send(&gateway, &host, chat("plain", &json!({})));
    host.store_down(true);
    let (status, headers, _) = send(&gateway, &host, chat("kept", &json!({})));
    assert_eq!((status, told(&headers)), (200, "miss"));
    let (_, headers, _) = send(&gateway, &host, chat("kept", &json!({})));
    assert!(told(&headers).starts_with("hit"));
}

#[test]
fn an_operator_purges_by_model_tag_and_time() {
    let mut host = host();
    for _ in 0..9 {
        host = host.reply("a.test", answer(200, WHOLE));
    }
    let gateway = gateway();
    let ask = |model: &str, tags: &str| {
        let request = with(chat(model, &json!({"seed": tags.len()})), "sluice-tags", tags);
        told(&send(&gateway, &host, request).1).to_owned()
    };
    let purge = |query: &str| {
        let uri = format!("/admin/v1/tenants/acme/cache{query}");
        let request =
            http::Request::delete(uri).header("authorization", "Bearer root").body(Bytes::new()).unwrap();
        parsed(&send(&gateway, &host, request).2)["deleted"].clone()
    };
    let fill = || {
        for (model, tags) in [("kept", "team=a"), ("kept", "team=bb"), ("stale", "team=a")] {
            ask(model, tags);
        }
    };
    fill();
    assert_eq!(purge("?model=stale"), 1);
    assert_eq!((ask("stale", "team=a"), ask("kept", "team=a")), ("miss".into(), "hit; age=0".into()));
    assert_eq!(purge("?tag=team%3Dbb"), 1);
    assert_eq!((ask("kept", "team=bb"), ask("kept", "team=a")), ("miss".into(), "hit; age=0".into()));
    assert_eq!(purge(&format!("?before={}", crate::support::NOON.0)), 0);
    assert_eq!(purge(&format!("?before={}", host.now().0)), 3);
    fill();
    assert_eq!(purge(""), 3);
    assert_eq!(host.values("cache/").len(), 0);
}

#[test]
fn parts_of_a_cache_share_nothing_and_go_alone() {
    let mut host = host();
    for (key, cache) in [
        ("web", r#"{"namespace":"web","mode":"exact"}"#),
        ("off", r#"{"mode":"off"}"#),
        ("narrow", r#"{"scope":"key"}"#),
    ] {
        let record = format!(r#"{{"id":"key_{key}","tenant":"acme","cache":{cache}}}"#);
        host = host.with_value(&key::store_key(&key::digest(&format!("sk-sluice-{key}"))), record);
    }
    for _ in 0..9 {
        host = host.reply("a.test", answer(200, WHOLE));
    }
    let gateway = gateway();
    let ask = |key: &str, model: &str, namespace: Option<&str>, mode: &str| {
        let request = with(chat(model, &json!({})), "authorization", &format!("Bearer {key}"));
        let request = if mode.is_empty() { request } else { with(request, "sluice-cache", mode) };
        let request = namespace
            .into_iter()
            .fold(request, |request, name| with(request, "sluice-cache-namespace", name));
        told(&send(&gateway, &host, request).1).to_owned()
    };
    // A request names a part; a key's own part wins, and another key may use it by name.
    assert_eq!(ask(KEY, "kept", None, ""), "miss");
    assert_eq!(ask(KEY, "kept", Some("web"), ""), "miss");
    assert_eq!(ask("sk-sluice-web", "kept", Some("app"), ""), "hit; age=0");
    assert_eq!(ask(KEY, "kept", Some("app"), ""), "miss");
    // A key's mode stands for the model's, and `off` is the last word.
    assert_eq!(ask("sk-sluice-web", "plain", None, ""), "miss");
    assert_eq!(ask("sk-sluice-off", "kept", None, ""), "");
    assert_eq!(ask("sk-sluice-off", "kept", None, "exact"), "");
    assert_eq!(ask("sk-sluice-narrow", "kept", None, ""), "miss");
    let (status, _, body) =
        send(&gateway, &host, with(chat("kept", &json!({})), "sluice-cache-namespace", "a/b"));
    assert!(status == 400 && body.contains("sluice-cache-namespace"), "{body}");

    let uri = "/admin/v1/tenants/acme/cache?namespace=web";
    let purge = http::Request::delete(uri).header("authorization", "Bearer root").body(Bytes::new()).unwrap();
    assert_eq!(parsed(&send(&gateway, &host, purge).2)["deleted"], 2);
    assert_eq!(ask(KEY, "kept", Some("app"), ""), "hit; age=0");
    assert_eq!(ask(KEY, "kept", Some("web"), ""), "miss");
}
