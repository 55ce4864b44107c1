//! Questions that mean the same, routes by examples, and the embeddings in the bundle.

use std::{thread, time::Duration};

use serde_json::{Value, json};
use sluice_tests::gateway::{Gateway, Host};
use sluice_tests::http::Answer;
use sluice_tests::on_every_host;
use sluice_tests::protocol::Protocol;
use sluice_tests::seed::{self, ADMIN_KEY};

const ASKED: &str = "How do I reset my password?";
const AGAIN: &str = "How can I reset my password?";

/// Asks within a conversation of the test's own.
fn ask(gateway: &Gateway, system: &str, text: &str, more: &Value, cache: &str) -> Answer {
    ask_as("meant", gateway, system, text, more, cache)
}

fn ask_as(tenant: &str, gateway: &Gateway, system: &str, text: &str, more: &Value, cache: &str) -> Answer {
    let mut body = json!({
        "model": "meant",
        "messages": [{ "role": "system", "content": system }, { "role": "user", "content": text }],
    });
    if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
        body.extend(more.clone());
    }
    let request = gateway.request("POST", "/v1/chat/completions").key(&seed::key(tenant)).json(&body);
    request.header("sluice-cache", cache).send()
}

/// What the cache says of a question that only a kept answer may answer, once the write after an answer is through.
fn found(gateway: &Gateway, system: &str, text: &str, more: &Value) -> Option<Answer> {
    (0..20).find_map(|_| {
        let answer = ask(gateway, system, text, more, "semantic, only-if-cached");
        if answer.status == 200 {
            return Some(answer);
        }
        thread::sleep(Duration::from_millis(100));
        None
    })
}

fn other_words_find_the_answer(gateway: &Gateway) {
    let system = gateway.unique("meant");
    let first = ask(gateway, &system, ASKED, &json!({}), "semantic").expect(200);
    assert_eq!(first.expect_header("sluice-cache"), "miss");
    let again = found(gateway, &system, AGAIN, &json!({})).expect("a hit");
    let told = again.expect_header("sluice-cache");
    assert!(told.starts_with("hit; similarity=0.9"), "{told}");
    assert_eq!(again.expect_header("sluice-cost-usd"), "0.000000000");
    let said = |answer: &Answer| Protocol::Chat.text(&answer.json());
    assert_eq!(said(&again), said(&first));
    let streamed = found(gateway, &system, AGAIN, &json!({ "stream": true })).expect("a hit");
    assert!(streamed.text().ends_with("data: [DONE]\n\n"), "{}", streamed.text());
}

fn what_differs_is_another_question(gateway: &Gateway) {
    let system = gateway.unique("meant");
    for text in ["How many days are there in 3 weeks?", "What is the capital of France?"] {
        ask(gateway, &system, text, &json!({}), "semantic").expect(200);
        assert!(found(gateway, &system, text, &json!({})).is_some(), "{text}");
    }
    for text in ["How many days are there in 5 weeks?", "What is the capital of Spain?"] {
        ask(gateway, &system, text, &json!({}), "semantic, only-if-cached").expect(404);
    }
    let other = gateway.unique("meant");
    ask(gateway, &other, "What is the capital of France?", &json!({}), "semantic, only-if-cached")
        .expect(404);
    let hot = json!({ "temperature": 0.3 });
    ask(gateway, &system, "What is the capital of France?", &hot, "semantic, only-if-cached").expect(404);
}

fn what_is_purged_leads_nowhere(gateway: &Gateway) {
    // A tenant of its own: a purge is of all that a tenant has of a model.
    let system = gateway.unique("meant");
    let ask =
        |text: &str, cache: &str| ask_as("purged-by-meaning", gateway, &system, text, &json!({}), cache);
    ask(ASKED, "semantic").expect(200);
    let found = (0..20).any(|_| {
        thread::sleep(Duration::from_millis(100));
        ask(AGAIN, "semantic, only-if-cached").status == 200
    });
    assert!(found);
    let path = "/admin/v1/tenants/purged-by-meaning/cache?model=meant";
    gateway.request("DELETE", path).key(ADMIN_KEY).send().expect(200);
    // Another instance may believe its memory for half a minute.
    let gone = (0..80).any(|_| {
        let gone = ask(AGAIN, "semantic, only-if-cached").status == 404;
        thread::sleep(Duration::from_millis(if gone { 0 } else { 500 }));
        gone
    });
    assert!(gone);
}

/// Vectors in the host's own service: on Cloudflare the real binding of Vectorize, with a back end that shows what was
/// written after a second. Two gateways, since who asked knows its own question at once.
#[test]
fn vectorize_finds_what_another_isolate_asked() {
    if !Host::Cloudflare.is_wanted() {
        return;
    }
    let mut seed = seed::seed();
    seed["vectorize"] = json!({ "dimensions": 256, "delay": 1_000 });
    let version = &mut seed["kv"]["config/version/test"];
    let mut config: Value =
        version.as_str().map_or(Value::Null, |text| serde_json::from_str(text).expect("JSON"));
    config["vectors"] = json!("host");
    *version = json!(config.to_string());
    let gateway = Gateway::start(Host::Cloudflare, &seed);
    let system = gateway.unique("meant");
    ask(&gateway, &system, ASKED, &json!({}), "semantic").expect(200);
    // The operator's purge of another model has the isolate forget what it remembers.
    let path = format!("/admin/v1/tenants/{}/cache?model=nothing", "meant");
    gateway.request("DELETE", &path).key(ADMIN_KEY).send().expect(200);
    let again = found(&gateway, &system, AGAIN, &json!({})).expect("a hit, from the index");
    assert!(again.expect_header("sluice-cache").starts_with("hit; similarity=0.9"));
    ask(&gateway, &system, "What is the capital of Spain?", &json!({}), "semantic, only-if-cached")
        .expect(404);
}

fn prompts_go_where_their_like_went(gateway: &Gateway) {
    for (text, target) in [
        ("Fix the function in my Python class", "openai-mock/code"),
        ("A flight to Rome and a hotel, please", "openai-mock/travel"),
        ("Who painted the Mona Lisa?", "openai-mock/rest"),
    ] {
        let body = json!({ "model": "by-example", "messages": [{ "role": "user", "content": text }] });
        let answer =
            gateway.post("/v1/chat/completions", &body).header("sluice-explain", "1").send().expect(200);
        assert_eq!(answer.expect_header("sluice-target"), target, "{text}");
        let told: Value = serde_json::from_str(answer.expect_header("sluice-explain")).expect("JSON");
        assert_eq!(told["strategy"], "semantic");
        assert!(
            told["candidates"].as_array().is_some_and(|all| all.iter().any(|c| c["score"].is_number())),
            "{told}"
        );
    }
}

fn the_bundle_embeds(gateway: &Gateway) {
    let embed = |more: &Value| -> Value {
        let mut body = json!({ "model": "builtin/static", "input": [ASKED, AGAIN] });
        if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
            body.extend(more.clone());
        }
        gateway.post("/v1/embeddings", &body).send().expect(200).json()
    };
    let whole = embed(&json!({}));
    let vector = |at: usize| -> Vec<f64> {
        whole["data"][at]["embedding"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
    };
    let (one, other) = (vector(0), vector(1));
    assert_eq!(one.len(), 256);
    assert!(one.iter().zip(&other).map(|(a, b)| a * b).sum::<f64>() > 0.9);
    assert!(whole["usage"]["prompt_tokens"].as_u64().is_some_and(|tokens| 10 < tokens), "{whole}");
    assert!(
        embed(&json!({ "encoding_format": "base64", "dimensions": 64 }))["data"][0]["embedding"].is_string()
    );
}

on_every_host!(
    other_words_find_the_answer,
    what_differs_is_another_question,
    what_is_purged_leads_nowhere,
    prompts_go_where_their_like_went,
    the_bundle_embeds,
);
