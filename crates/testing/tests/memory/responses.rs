//! Conversations that the gateway keeps, on the memory host.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

use std::{rc::Rc, time::Duration};

use crate::support::{KEY, WHOLE, gateway, host, post};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use sluice_core::{gateway::Gateway, key, port::Clock};
use sluice_testing::memory::{Leaving, MemoryHost, answer, stream};

fn ask(gateway: &Rc<Gateway>, host: &MemoryHost, body: &Value) -> (u16, Value) {
    let (status, _, body) = crate::support::send(gateway, host, post("/v1/responses", body.to_string()));
    (status, crate::support::parsed(&body))
}

fn fetch(gateway: &Rc<Gateway>, host: &MemoryHost, method: Method, path: &str, key: &str) -> (u16, Value) {
    let request = http::Request::builder().method(method).uri(path);
    let request = request.header("authorization", format!("Bearer {key}")).body(Bytes::new()).unwrap();
    let (status, _, body) = crate::support::send(gateway, host, request);
    (status, crate::support::parsed(&body))
}

/// What the provider was asked last.
fn asked(host: &MemoryHost) -> Value {
    serde_json::from_slice(host.asked().last().unwrap().body()).unwrap()
}

#[test]
fn a_conversation_goes_on_wherever_it_is_answered() {
    let host = host().reply("a.test", answer(200, WHOLE)).reply("a.test", answer(200, WHOLE));
    let (status, first) = ask(&gateway(), &host, &json!({"model": "one", "input": "hi"}));
    assert_eq!((status, &first["status"]), (200, &json!("completed")), "{first}");
    // Another isolate answers the next turn: all it has is the store.
    let body = json!({"model": "one", "input": "and?", "previous_response_id": first["id"]});
    let (status, second) = ask(&gateway(), &host, &body);
    assert_eq!(status, 200, "{second}");
    let told: Vec<_> = asked(&host)["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| (message["role"].clone(), message["content"].clone()))
        .collect();
    assert_eq!(
        told,
        [(json!("user"), json!("hi")), (json!("assistant"), json!("Hello.")), (json!("user"), json!("and?"))]
    );
}

#[test]
fn a_streamed_answer_is_kept_like_a_whole_one() {
    let events = r#"data: {"id":"c9","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"Hello."},"finish_reason":null}]}

data: {"id":"c9","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

data: [DONE]

"#;
    let steps = [sluice_testing::memory::Step::Send(Bytes::from_static(events.as_bytes()))];
    let host = host().reply("a.test", stream(steps)).reply("a.test", answer(200, WHOLE));
    let gateway = gateway();
    let body = json!({"model": "one", "input": "hi", "stream": true});
    let (_, _, told) = crate::support::send(&gateway, &host, post("/v1/responses", body.to_string()));
    let last = told.lines().rfind(|line| line.starts_with("data: ")).unwrap();
    let id = crate::support::parsed(last.strip_prefix("data: ").unwrap())["response"]["id"].clone();
    let body = json!({"model": "one", "input": "and?", "previous_response_id": id});
    assert_eq!(ask(&gateway, &host, &body).0, 200);
    assert_eq!(asked(&host)["messages"][1]["content"], "Hello.");
}

#[test]
fn items_that_are_only_named_are_put_in() {
    let host = host().reply("a.test", answer(200, WHOLE)).reply("a.test", answer(200, WHOLE));
    let gateway = gateway();
    let (_, first) = ask(&gateway, &host, &json!({"model": "one", "input": "hi"}));
    let item = &first["output"][0]["id"];
    let input = json!([{"role": "user", "content": "hi"}, {"type": "item_reference", "id": item}, {"role": "user", "content": "and?"}]);
    let (status, told) = ask(&gateway, &host, &json!({"model": "one", "input": input, "store": false}));
    assert_eq!(status, 200, "{told}");
    assert_eq!(asked(&host)["messages"][1]["content"], "Hello.");
    let input = json!([{"type": "item_reference", "id": "msg_nobody_0"}]);
    let (status, told) = ask(&gateway, &host, &json!({"model": "one", "input": input}));
    assert_eq!((status, &told["error"]["param"]), (400, &json!("input[0].id")), "{told}");
}

#[test]
fn an_answer_is_shown_listed_and_deleted() {
    let host = host().reply("a.test", answer(200, WHOLE));
    let gateway = gateway();
    let (_, first) = ask(&gateway, &host, &json!({"model": "one", "input": "hi"}));
    let path = format!("/v1/responses/{}", first["id"].as_str().unwrap());
    assert_eq!(fetch(&gateway, &host, Method::GET, &path, KEY), (200, first));
    let (status, items) = fetch(&gateway, &host, Method::GET, &format!("{path}/input_items"), KEY);
    assert_eq!((status, &items["data"][0]["content"][0]["text"]), (200, &json!("hi")));
    assert_eq!(fetch(&gateway, &host, Method::DELETE, &path, KEY).1["deleted"], true);
    for isolate in [gateway, crate::support::gateway()] {
        assert_eq!(fetch(&isolate, &host, Method::GET, &path, KEY).0, 404);
        assert_eq!(fetch(&isolate, &host, Method::DELETE, &path, KEY).0, 404);
    }
}

#[test]
fn items_that_are_only_named_have_limits() {
    let host = host();
    let input: Vec<Value> =
        (0..201).map(|at| json!({"type": "item_reference", "id": format!("msg_{at}_0")})).collect();
    let (status, told) = ask(&gateway(), &host, &json!({"model": "one", "input": input}));
    assert_eq!((status, &told["error"]["param"]), (400, &json!("input")), "{told}");
}

#[test]
fn what_a_pages_visitor_is_told_stays_with_its_key() {
    let page = r#"{"id":"key_2","tenant":"acme","kind":"publishable","origins":["https://a.test"]}"#;
    let host = host()
        .with_value(&key::store_key(&key::digest("pk-sluice-page")), page)
        .reply("a.test", answer(200, WHOLE));
    let gateway = gateway();
    let (_, first) = ask(&gateway, &host, &json!({"model": "one", "input": "hi"}));
    let path = format!("/v1/responses/{}", first["id"].as_str().unwrap());
    let request = http::Request::get(&path)
        .header("authorization", "Bearer pk-sluice-page")
        .header("origin", "https://a.test");
    let (status, _, told) = crate::support::send(&gateway, &host, request.body(Bytes::new()).unwrap());
    assert_eq!(status, 404, "{told}");
    assert_eq!(fetch(&gateway, &host, Method::GET, &path, KEY).0, 200);
}

#[test]
fn what_a_caller_has_is_stored_already() {
    let events = "data: {\"id\":\"c9\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello.\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let steps = [sluice_testing::memory::Step::Send(Bytes::from(events))];
    let host = host().reply("a.test", answer(200, WHOLE)).reply("a.test", stream(steps));
    for (streamed, stored) in [(false, 1), (true, 2)] {
        let body = json!({"model": "one", "input": "hi", "stream": streamed}).to_string();
        let call = crate::support::call(&host, post("/v1/responses", body), &Leaving::default());
        // Work for later is not run: a deletion must not come before what it deletes.
        let reply = host.run(gateway().handle(&host, call));
        host.run(crate::support::read(reply));
        assert_eq!(host.values("response/acme/").len(), stored);
    }
}

#[test]
fn an_answer_belongs_to_its_tenant_and_ends_after_thirty_days() {
    let other = "sk-sluice-other";
    let host = host()
        .with_value(&key::store_key(&key::digest(other)), r#"{"id":"key_2","tenant":"other"}"#)
        .with_value(&key::tenant_store_key("other"), r#"{"id":"other"}"#)
        .reply("a.test", answer(200, WHOLE));
    let gateway = gateway();
    let (_, first) = ask(&gateway, &host, &json!({"model": "one", "input": "hi"}));
    let path = format!("/v1/responses/{}", first["id"].as_str().unwrap());
    assert_eq!(fetch(&gateway, &host, Method::GET, &path, other).0, 404);
    assert_eq!(fetch(&gateway, &host, Method::DELETE, &path, other).0, 404);
    assert_eq!(fetch(&gateway, &host, Method::GET, &path, KEY).0, 200);
    host.run(Clock::sleep(&host, Duration::from_secs(31 * 86_400)));
    assert_eq!(fetch(&gateway, &host, Method::GET, &path, KEY).0, 404);
}

#[test]
fn nothing_is_kept_that_was_not_to_be() {
    let host = host().reply("a.test", answer(200, WHOLE)).reply("a.test", answer(500, "{}"));
    let gateway = gateway();
    ask(&gateway, &host, &json!({"model": "one", "input": "hi", "store": false}));
    ask(&gateway, &host, &json!({"model": "two", "input": "hi"}));
    assert!(host.values("response").is_empty());
    let body = json!({"model": "one", "input": "and?", "previous_response_id": "resp_../../key"});
    let (status, told) = ask(&gateway, &host, &body);
    assert_eq!((status, &told["error"]["param"]), (404, &json!("previous_response_id")), "{told}");
}
