//! The life of a request, on the memory host.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may fail"
)]

use std::{rc::Rc, time::Duration};

use crate::support::{KEY, NOON, WHOLE, call, chat, gateway, host, parsed, post, rows, send};
use bytes::Bytes;
use futures::StreamExt;
use sluice_core::{
    gateway::{Call, Gateway, ReplyBody},
    key,
};
use sluice_testing::memory::{Leaving, MemoryHost, Script, Scripted, Step, answer, stream};

fn chunk(text: &str) -> Step {
    Step::Send(Bytes::from(format!(
        "data: {{\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m-2026\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":null}}]}}\n\n"
    )))
}

fn ending() -> [Step; 2] {
    let finish = r#"data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-2026","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    let usage = r#"data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-2026","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12}}"#;
    [
        Step::Send(Bytes::from(format!("{finish}\n\n{usage}\n\n"))),
        Step::Send(Bytes::from_static(b"data: [DONE]\n\n")),
    ]
}

fn good_stream() -> Script {
    let [finish, done] = ending();
    stream([chunk("Hel"), chunk("lo"), finish, done])
}

#[test]
fn an_answer_of_the_same_format_passes_as_it_came_and_is_charged() {
    let host = host().reply("a.test", answer(200, WHOLE));
    let (status, headers, body) = send(&gateway(), &host, chat("one", false));
    assert_eq!((status, body.as_str()), (200, WHOLE));
    assert_eq!(headers["sluice-target"], "a/m");
    assert_eq!(headers["sluice-attempts"], "1");
    // 10 at $1 and 5 at $2 a million
    assert_eq!(headers["sluice-cost-usd"], "0.000020000");
    assert_eq!(headers["sluice-request-id"], headers["x-request-id"]);
    let asked = &host.asked()[0];
    assert_eq!(asked.uri(), "https://a.test/v1/chat/completions");
    assert_eq!(asked.headers()["authorization"], "Bearer sk-upstream");
    assert_eq!(parsed(std::str::from_utf8(asked.body()).unwrap())["model"], "m");
    let rows = rows(&host);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["cost_nano_usd"], 20_000);
    assert_eq!(rows[0]["gen_ai.response.model"], "m-2026");
    assert_eq!(rows[0]["key"], "key_1");
    assert!(!rows[0].to_string().contains("hi there"));
}

#[test]
fn nobody_gets_in_without_a_key() {
    let gateway = gateway();
    for (name, value, status) in
        [("x-none", "", 401), ("authorization", "Bearer sk-sluice-wrong", 401), ("x-api-key", KEY, 200)]
    {
        let host = host().reply("a.test", answer(200, WHOLE));
        let mut request = chat("one", false);
        request.headers_mut().remove("authorization");
        request.headers_mut().insert(name, value.parse().unwrap());
        let (got, _, body) = send(&gateway, &host, request);
        assert_eq!(got, status, "{body}");
        if status == 401 {
            assert_eq!(parsed(&body)["error"]["code"], "invalid_api_key");
            assert!(rows(&host).is_empty() && host.asked().is_empty());
        }
    }
    let mut request = post("/v1/messages", "{}");
    request.headers_mut().remove("authorization");
    let (status, _, body) = send(&gateway, &host(), request);
    assert_eq!((status, &parsed(&body)["error"]["type"]), (401, &"authentication_error".into()));
    assert_eq!(parsed(&body)["type"], "error");
}

#[test]
fn a_key_is_believed_for_half_a_minute_and_a_silent_store_is_a_503() {
    let host = host().reply("a.test", answer(200, WHOLE)).reply("a.test", answer(200, WHOLE));
    let gateway = gateway();
    assert_eq!(send(&gateway, &host, chat("one", false)).0, 200);
    host.store_down(true);
    assert_eq!(send(&gateway, &host, chat("one", false)).0, 200);
    host.run(sluice_core::port::Clock::sleep(&host, Duration::from_secs(31)));
    let (status, headers, body) = send(&gateway, &host, chat("one", false));
    assert_eq!((status, &parsed(&body)["error"]["code"]), (503, &"store_unavailable".into()));
    assert_eq!(headers["x-should-retry"], "true");
}

#[test]
fn a_store_that_stays_away_leaves_the_row_in_the_operators_log() {
    let host = host().reply("a.test", answer(200, WHOLE));
    let gateway = gateway();
    let request = call(&host, chat("one", false), &Leaving::default());
    // Away from the moment the answer is there.
    let reply = host.run(gateway.handle(&host, request));
    host.store_down(true);
    assert_eq!(reply.status, 200);
    host.settle();
    let logged = host.logged();
    assert!(
        logged.iter().any(|line| line.starts_with("cost log:") && line.contains("\"cost_nano_usd\":20000")),
        "{logged:?}"
    );
}

#[test]
fn the_second_target_answers_when_the_first_is_rate_limited() {
    let host = host()
        .reply("a.test", answer(429, r#"{"error":{"message":"slow down"}}"#).header("retry-after", "7"))
        .reply("b.test", answer(200, WHOLE));
    let (status, headers, _) = send(&gateway(), &host, chat("two", false));
    assert_eq!(status, 200);
    assert_eq!(host.asked_hosts(), ["a.test", "b.test"]);
    assert_eq!(headers["sluice-attempts"], "2");
    assert_eq!(rows(&host)[0]["attempts"][0], parsed(r#"{"target":"a/m","error":"rate_limit_exceeded"}"#));
    assert!(!host.asked()[1].headers().contains_key("authorization"), "a's credential must not reach b");
}

#[test]
fn the_same_target_is_tried_again_after_a_pause() {
    let host = host().reply("a.test", answer(503, "oops")).reply("a.test", answer(200, WHOLE));
    let (status, headers, _) = send(&gateway(), &host, chat("one", false));
    assert_eq!((status, &headers["sluice-attempts"]), (200, &"2".parse().unwrap()));
}

#[test]
fn when_all_fail_the_answer_tells_the_last_failure_and_all_attempts() {
    let host = host()
        .reply("a.test", answer(500, "no"))
        .reply("b.test", answer(429, r#"{"error":{"message":"slow down"}}"#).header("retry-after", "3"));
    let (status, headers, body) = send(&gateway(), &host, chat("two", false));
    assert_eq!(status, 429);
    assert_eq!(headers["retry-after"], "3");
    let error = &parsed(&body)["error"];
    assert_eq!(error["code"], "rate_limit_exceeded");
    let attempts = &error["sluice"]["attempts"];
    assert_eq!(attempts[0], parsed(r#"{"target":"a/m","error":"upstream_unavailable"}"#));
    assert_eq!(attempts[1]["target"], "b/m");
    assert_eq!(rows(&host)[0]["error.type"], "rate_limit_exceeded");
    assert_eq!(rows(&host)[0]["status"], 429);
}

#[test]
fn a_callers_fault_is_not_tried_elsewhere() {
    let host = host().reply(
        "a.test",
        answer(400, r#"{"error":{"message":"temperature is too hot","param":"temperature"}}"#),
    );
    let (status, _, body) = send(&gateway(), &host, chat("two", false));
    assert_eq!((status, host.asked_hosts().len()), (400, 1));
    assert!(body.contains("temperature is too hot"));
}

#[test]
fn a_missing_credential_is_ours_and_not_the_callers_401() {
    let host = MemoryHost::at(NOON)
        .with_value(&key::store_key(&key::digest(KEY)), r#"{"id":"key_1","tenant":"acme"}"#)
        .with_value(&key::tenant_store_key("acme"), r#"{"id":"acme"}"#);
    let (status, headers, body) = send(&gateway(), &host, chat("one", false));
    assert_eq!((status, &parsed(&body)["error"]["code"]), (502, &"upstream_credentials".into()));
    assert_eq!(headers["x-should-retry"], "false");
    assert!(body.contains("A_KEY"));
}

#[test]
fn two_hundred_with_an_error_or_half_an_answer_falls_over() {
    for bad in [r#"{"error":{"message":"overloaded"}}"#, &WHOLE[..100], "", "<html>"] {
        let host = host().reply("a.test", answer(200, bad.to_owned())).reply("b.test", answer(200, WHOLE));
        let (status, _, body) = send(&gateway(), &host, chat("two", false));
        assert_eq!(
            (status, host.asked_hosts()),
            (200, vec!["a.test".to_owned(), "b.test".to_owned()]),
            "{bad}: {body}"
        );
    }
}

#[test]
fn a_stream_passes_and_the_usage_frame_we_asked_for_is_left_out() {
    let host = host().reply("a.test", good_stream());
    let (status, headers, body) = send(&gateway(), &host, chat("one", true));
    assert_eq!(status, 200);
    assert_eq!(headers["content-type"], "text/event-stream; charset=utf-8");
    assert_eq!(headers["x-accel-buffering"], "no");
    assert!(body.contains("Hel") && body.ends_with("data: [DONE]\n\n"), "{body}");
    assert!(!body.contains("usage"), "{body}");
    let sent = parsed(std::str::from_utf8(host.asked()[0].body()).unwrap());
    assert_eq!(sent["stream_options"]["include_usage"], true);
    let row = &rows(&host)[0];
    assert_eq!(
        (&row["cost_nano_usd"], &row["stream"], &row["partial"]),
        (&14_000.into(), &true.into(), &false.into())
    );
}

#[test]
fn a_caller_who_asks_for_usage_gets_it_with_our_note() {
    let host = host().reply("a.test", good_stream());
    let body = r#"{"model":"one","messages":[{"role":"user","content":"hi"}],"stream":true,"stream_options":{"include_usage":true}}"#;
    let (_, _, body) = send(&gateway(), &host, post("/v1/chat/completions", body));
    let frame = body.lines().find(|line| line.contains("\"usage\":{")).unwrap();
    let frame = parsed(frame.strip_prefix("data: ").unwrap());
    assert_eq!(frame["usage"]["total_tokens"], 12);
    assert_eq!(frame["sluice"]["cost_usd"], "0.000014000");
    assert_eq!(frame["sluice"]["target"], "a/m");
}

#[test]
fn before_the_first_output_a_stream_may_fail_over() {
    let role = Step::Send(Bytes::from_static(
        b"data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n",
    ));
    let error =
        Step::Send(Bytes::from_static(b"data: {\"error\":{\"message\":\"overloaded\",\"code\":503}}\n\n"));
    let faults: [(&str, Vec<Step>); 5] = [
        ("error frame first", vec![error.clone()]),
        ("error frame after the role", vec![role.clone(), error]),
        ("cut", vec![role.clone(), Step::Wait(Duration::from_millis(1)), Step::Break]),
        ("end without a marker", vec![role.clone()]),
        ("silence", vec![role, Step::Hang]),
    ];
    for (name, steps) in faults {
        let host = host().reply("a.test", stream(steps)).reply("b.test", good_stream());
        let (status, headers, body) = send(&gateway(), &host, chat("two", true));
        assert_eq!((status, &headers["sluice-target"]), (200, &"b/m".parse().unwrap()), "{name}: {body}");
        assert_eq!(body.matches("Hel").count(), 1, "{name}: {body}");
        assert_eq!(rows(&host).len(), 1, "{name}");
    }
}

#[test]
fn silence_before_the_headers_ends_by_the_first_token_timeout() {
    let host =
        host().reply("a.test", good_stream().after(Duration::from_secs(30))).reply("b.test", good_stream());
    let (_, headers, _) = send(&gateway(), &host, chat("two", true));
    assert_eq!(headers["sluice-target"], "b/m");
    assert_eq!(rows(&host)[0]["attempts"][0]["error"], "first_token_timeout");
    assert_eq!(rows(&host)[0]["duration_ms"], 2_000);
}

#[test]
fn after_the_first_output_a_failure_is_an_error_frame_and_nothing_is_tried_again() {
    for steps in [
        vec![chunk("Hel"), Step::Wait(Duration::from_millis(1)), Step::Break],
        vec![chunk("Hel")],
        vec![chunk("Hel"), Step::Send(Bytes::from_static(b"data: {\"error\":{\"message\":\"died\"}}\n\n"))],
        vec![chunk("Hel"), Step::Hang],
    ] {
        let host = host().reply("a.test", stream(steps)).reply("b.test", good_stream());
        let (status, _, body) = send(&gateway(), &host, chat("two", true));
        assert_eq!((status, host.asked_hosts().len()), (200, 1));
        let last = body.trim_end().lines().last().unwrap();
        let error = parsed(last.strip_prefix("data: ").unwrap());
        assert!(error["error"]["code"].is_string(), "{body}");
        assert!(!body.contains("[DONE]"), "{body}");
        let row = &rows(&host)[0];
        assert_eq!((&row["partial"], &row["usage"]["source"]), (&true.into(), &"partial".into()));
    }
}

#[test]
fn a_silent_provider_is_bridged_by_signs_of_life() {
    let [finish, done] = ending();
    let steps = [chunk("Hel"), Step::Wait(Duration::from_secs(12)), chunk("lo"), finish, done];
    let host = host().reply("a.test", stream(steps));
    let (_, _, body) = send(&gateway(), &host, chat("one", true));
    assert_eq!(body.matches(": keep-alive").count(), 2, "{body}");
}

#[test]
fn a_caller_who_leaves_a_stream_cancels_it_and_pays_for_what_came() {
    for polled in [true, false] {
        let host = host().reply("a.test", stream([chunk("Hello, my friend"), Step::Hang]));
        let (gateway, leaving) = (gateway(), Leaving::default());
        let reply = host.run(gateway.handle(&host, call(&host, chat("one", true), &leaving)));
        let ReplyBody::Stream(mut pieces) = reply.body else { panic!("a stream was asked for") };
        assert!(host.run(pieces.next()).is_some());
        if polled {
            leaving.leave();
            assert!(host.run(pieces.next()).is_none());
        } else {
            leaving.leave();
        }
        host.settle();
        assert_eq!(host.cancelled(), 1, "polled: {polled}");
        let row = &rows(&host)[0];
        assert_eq!((&row["partial"], &row["status"]), (&true.into(), &499.into()));
        assert_eq!(row["usage"]["source"], "partial");
        assert!(
            row["usage"]["output_text"].as_u64().unwrap() > 0 && row["cost_nano_usd"].as_u64().unwrap() > 0
        );
    }
}

#[test]
fn a_host_that_drops_the_stream_settles_as_well() {
    let host = host().reply("a.test", stream([chunk("Hello"), Step::Hang]));
    let reply = host.run(gateway().handle(&host, call(&host, chat("one", true), &Leaving::default())));
    drop(reply);
    host.settle();
    assert_eq!((host.cancelled(), rows(&host).len()), (1, 1));
    assert_eq!(rows(&host)[0]["partial"], true);
}

#[test]
fn a_caller_who_leaves_before_the_answer_cancels_the_attempt() {
    let host = host().reply("a.test", answer(200, WHOLE).after(Duration::from_secs(50)));
    let (gateway, leaving) = (gateway(), Leaving::default());
    let watcher = leaving.clone();
    let sleeper = host.clone();
    let left = async move {
        sluice_core::port::Clock::sleep(&sleeper, Duration::from_secs(1)).await;
        watcher.leave();
    };
    let handle = gateway.handle(&host, call(&host, chat("one", false), &leaving));
    host.run(futures::future::join(handle, left));
    host.settle();
    let row = &rows(&host)[0];
    assert_eq!(
        (&row["duration_ms"], &row["partial"], &row["status"]),
        (&1_000.into(), &true.into(), &499.into())
    );
}

#[test]
fn the_last_resort_answers_and_says_what_it_is() {
    let host = host().reply("a.test", answer(500, "no"));
    let body = r#"{"model":"last","messages":[{"role":"system","content":"Paris is the capital of France. Bread is baked at night."},{"role":"user","content":"What is the capital of France?"}]}"#;
    let (status, headers, answer) = send(&gateway(), &host, post("/v1/chat/completions", body));
    assert_eq!((status, &headers["sluice-target"]), (200, &"builtin/extractive".parse().unwrap()));
    assert!(
        answer.contains("Paris is the capital of France") && answer.contains("no model is connected"),
        "{answer}"
    );
    assert_eq!(rows(&host)[0]["cost_nano_usd"], 0);
}

#[test]
fn an_unknown_price_is_null_and_never_zero() {
    let message = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":2}}"#;
    let host = host().reply("c.test", answer(200, message));
    let (status, headers, body) = send(&gateway(), &host, chat("c/unheard-of", false));
    assert_eq!(status, 200, "{body}");
    assert!(!headers.contains_key("sluice-cost-usd"));
    assert!(rows(&host)[0]["cost_nano_usd"].is_null());
    assert_eq!(parsed(&body)["choices"][0]["message"]["content"], "Hi");
}

#[test]
fn a_tenants_data_goes_only_where_the_tenant_allows() {
    let host = host()
        .with_value(
            &key::tenant_store_key("acme"),
            r#"{"id":"acme","providers":["b"],"models":["two","a/*"]}"#,
        )
        .reply("a.test", answer(200, WHOLE))
        .reply("b.test", answer(200, WHOLE));
    let gateway = gateway();
    assert_eq!(send(&gateway, &host, chat("two", false)).0, 200);
    assert_eq!(host.asked_hosts(), ["b.test"]);
    assert_eq!(send(&gateway, &host, chat("a/m", false)).0, 403);
    let (status, _, body) = send(&gateway, &host, chat("one", false));
    assert_eq!((status, &parsed(&body)["error"]["param"]), (403, &"model".into()));
    assert_eq!(host.asked_hosts().len(), 1);
}

#[test]
fn wrong_requests_get_clear_errors() {
    let gateway = gateway();
    let get = |path: &str| http::Request::get(path).body(Bytes::new()).unwrap();
    let (status, _, body) = send(&gateway, &host(), get("/v2/nothing"));
    assert_eq!((status, &parsed(&body)["error"]["code"]), (404, &"not_found".into()));
    let (status, headers, _) = send(&gateway, &host(), get("/v1/chat/completions"));
    assert_eq!((status, &headers["allow"]), (405, &"POST".parse().unwrap()));
    for (body, status) in [
        ("{", 400),
        ("[]", 400),
        (r#"{"model":"one"}"#, 400),
        (r#"{"model":"none","messages":[{"role":"user","content":"x"}]}"#, 404),
    ] {
        let (got, _, answer) = send(&gateway, &host(), post("/v1/chat/completions", body));
        assert_eq!(got, status, "{body}: {answer}");
        assert!(parsed(&answer)["error"]["message"].as_str().unwrap().len() > 10);
    }
    let mut tagged = chat("one", false);
    tagged.headers_mut().insert("sluice-tags", "novalue".parse().unwrap());
    assert_eq!(send(&gateway, &host(), tagged).0, 400);
}

#[test]
fn bodies_have_limits_of_size_and_time() {
    let gateway = Gateway::new(r#"{"limits":{"max_body":"1KB","body_timeout":"3s"}}"#);
    let (status, _, body) = send(&gateway, &host(), post("/v1/chat/completions", "x".repeat(2_000)));
    assert_eq!((status, &parsed(&body)["error"]["code"]), (413, &"request_too_large".into()));
    let host = host();
    let (head, _) = chat("one", false).into_parts();
    let body = Scripted::new(&host, [Step::Send(Bytes::from_static(b"{")), Step::Hang]);
    let reply = host.run(gateway.handle(&host, Call { head, body, gone: Leaving::default().gone() }));
    assert_eq!(reply.status, 408);
}

#[test]
fn costs_are_summed_for_the_operator_only() {
    let host = host().reply("a.test", answer(200, WHOLE)).reply("a.test", answer(200, WHOLE));
    let gateway = gateway();
    for _ in 0..2 {
        assert_eq!(send(&gateway, &host, chat("one", false)).0, 200);
    }
    let costs = |key: &str| {
        http::Request::get("/admin/v1/costs?tenant=acme&from=2026-11-20&to=2026-11-22")
            .header("authorization", format!("Bearer {key}"))
            .body(Bytes::new())
            .unwrap()
    };
    assert_eq!(send(&gateway, &host, costs(KEY)).0, 401);
    let (status, headers, body) = send(&gateway, &host, costs("root"));
    assert_eq!(status, 200, "{body}");
    assert!(!headers.contains_key("access-control-allow-origin"));
    let body = parsed(&body);
    assert_eq!((&body["sum"]["requests"], &body["cost_usd"]), (&2.into(), &"0.000040000".into()));
    assert_eq!((&body["days"][0]["date"], body["days"].as_array().unwrap().len()), (&"2026-11-21".into(), 1));
}

#[test]
fn browsers_get_permission() {
    let gateway = gateway();
    let preflight = http::Request::options("/v1/chat/completions")
        .header("origin", "https://app.test")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization, x-stainless-os")
        .body(Bytes::new())
        .unwrap();
    let (status, headers, _) = send(&gateway, &host(), preflight);
    assert_eq!(status, 204);
    assert_eq!(headers["access-control-allow-origin"], "*");
    assert_eq!(headers["access-control-allow-headers"], "authorization, x-stainless-os");
    assert_eq!(headers["access-control-allow-methods"], "POST");
    let mut request = chat("one", false);
    request.headers_mut().remove("authorization");
    request.headers_mut().insert("origin", "https://app.test".parse().unwrap());
    let (status, headers, _) = send(&gateway, &host(), request);
    assert_eq!(
        (status, &headers["access-control-allow-origin"]),
        (401, &"*".parse().unwrap()),
        "errors are readable too"
    );
}

#[test]
fn a_new_version_of_the_configuration_takes_over_and_a_broken_one_does_not() {
    let host = host();
    let gateway = gateway();
    let names = |host: &MemoryHost, gateway: &Rc<Gateway>| {
        let request = http::Request::get("/v1/models").header("x-api-key", KEY).body(Bytes::new()).unwrap();
        let (_, _, body) = send(gateway, host, request);
        let data = parsed(&body)["data"].as_array().unwrap().clone();
        data.iter().map(|model| model["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let later = |host: &MemoryHost| host.run(sluice_core::port::Clock::sleep(host, Duration::from_secs(31)));
    assert!(names(&host, &gateway).contains(&"one".to_owned()));
    let host = host
        .with_value("config/version/v2", r#"{"models":{"fresh":{"targets":["builtin/extractive"]}}}"#)
        .with_value("config/active", "v2");
    later(&host);
    names(&host, &gateway);
    let fresh = names(&host, &gateway);
    assert!(fresh.contains(&"fresh".to_owned()) && !fresh.contains(&"one".to_owned()), "{fresh:?}");
    let host = host.with_value("config/version/v3", "{\"models\": 7}").with_value("config/active", "v3");
    later(&host);
    names(&host, &gateway);
    assert_eq!(names(&host, &gateway), fresh);
    assert!(host.logged().iter().any(|line| line.contains("version v3 is not used")));
}

#[test]
fn an_instance_that_begins_while_the_store_is_silent_does_not_go_by_what_is_embedded() {
    let host = host()
        .with_value("config/version/v2", r#"{"models":{"fresh":{"targets":["builtin/extractive"]}}}"#)
        .with_value("config/active", "v2");
    host.store_down(true);
    let gateway = gateway();
    let (status, _, body) = send(&gateway, &host, chat("one", false));
    assert_eq!((status, &parsed(&body)["error"]["code"]), (503, &"store_unavailable".into()));
    let alive = || http::Request::get("/healthz").body(Bytes::new()).unwrap();
    assert_eq!(send(&gateway, &host, alive()).0, 200);
    host.store_down(false);
    assert_eq!(send(&gateway, &host, chat("one", false)).0, 404, "`one` is of the embedded configuration");
    assert_eq!(send(&gateway, &host, chat("fresh", false)).0, 200);
    // A version that other places can see already and this one cannot.
    let host = crate::support::host().with_value("config/active", "v9");
    assert_eq!(send(&crate::support::gateway(), &host, chat("one", false)).0, 503);
}

/// Providers that no caller speaks like.
const OTHERS: &str = r#"{
  "providers": {
    "o": {"format": "ollama_chat", "base_url": "http://127.0.0.1:11434"},
    "w": {"format": "workers_ai", "base_url": "https://w.test/ai"}
  },
  "models": {
    "lines": {"targets": ["o/qwen3:8b"]},
    "run": {"targets": ["w/@cf/meta/llama"]}
  }
}"#;

#[test]
fn a_stream_of_lines_becomes_events_and_one_that_is_cut_an_error() {
    let line = |content: &str, end: &str| {
        Bytes::from(format!(
            "{{\"model\":\"qwen3:8b\",\"created_at\":\"2026-01-01T00:00:00Z\",\"message\":{{\"role\":\"assistant\",\"content\":\"{content}\"}},\"done\":{end}}}\n"
        ))
    };
    let (first, last) = (line("Hel", "false"), line("lo", "true,\"prompt_eval_count\":3,\"eval_count\":2"));
    let cut = first.len() - 9;
    let steps = [Step::Send(first.slice(..cut)), Step::Send(first.slice(cut..)), Step::Send(last)];
    let host = host().reply("127.0.0.1", stream(steps)).reply("127.0.0.1", stream([Step::Send(first)]));
    let gateway = Gateway::new(OTHERS);
    let (status, _, body) = send(&gateway, &host, chat("lines", true));
    assert_eq!(status, 200, "{body}");
    assert!(body.contains(r#""content":"Hel""#) && body.contains(r#""content":"lo""#), "{body}");
    assert!(body.contains(r#""finish_reason":"stop""#) && body.ends_with("data: [DONE]\n\n"), "{body}");
    assert_eq!(host.asked()[0].uri(), "http://127.0.0.1:11434/api/chat");
    let (_, _, body) = send(&gateway, &host, chat("lines", true));
    assert!(body.contains("stream_truncated") && !body.contains("[DONE]"), "{body}");
}

#[test]
fn an_answer_in_a_wrapper_is_unwrapped() {
    let body = r#"{"result":{"response":"Hi.","usage":{"prompt_tokens":2,"completion_tokens":2,"total_tokens":4}},"success":true,"errors":[],"messages":[]}"#;
    let host = host().reply("w.test", answer(200, body));
    let (status, _, body) = send(&Gateway::new(OTHERS), &host, chat("run", false));
    assert_eq!((status, parsed(&body)["choices"][0]["message"]["content"].as_str()), (200, Some("Hi.")));
    let asked = &host.asked()[0];
    assert_eq!(asked.uri(), "https://w.test/ai/run/@cf/meta/llama");
    assert_eq!(parsed(std::str::from_utf8(asked.body()).unwrap()).get("model"), None);
}

#[test]
fn a_gemini_stream_that_is_not_asked_for_as_events_is_a_list() {
    let body = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#;
    let host = host().reply("a.test", good_stream()).reply("a.test", good_stream());
    let gateway = gateway();
    let path = "/v1beta/models/one:streamGenerateContent";
    let (status, headers, told) = send(&gateway, &host, post(path, body));
    assert_eq!((status, &headers["content-type"]), (200, &"application/json".parse().unwrap()), "{told}");
    let text = |pieces: &[serde_json::Value]| -> String {
        pieces
            .iter()
            .filter_map(|piece| piece["candidates"][0]["content"]["parts"][0]["text"].as_str())
            .collect()
    };
    let pieces = parsed(&told);
    assert_eq!(text(pieces.as_array().unwrap()), "Hello");
    let (_, headers, told) = send(&gateway, &host, post(&format!("{path}?alt=sse"), body));
    assert!(headers["content-type"].to_str().unwrap().starts_with("text/event-stream"));
    let events: Vec<_> = told.lines().filter_map(|line| line.strip_prefix("data: ")).map(parsed).collect();
    assert_eq!(text(&events), "Hello");
}
