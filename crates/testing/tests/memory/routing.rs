//! Which target answers, on the memory host: breakers, races, keys, deadlines, explanations, the operator's view.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

use std::{rc::Rc, time::Duration};

use crate::support::{WHOLE, call, chat, host, parsed, post, rows, send};
use bytes::Bytes;
use sluice_core::{gateway::Gateway, port::Clock};
use sluice_testing::memory::{Fails, Leaving, MemoryHost, Script, Step, answer, stream};

const CONFIG: &str = r#"{
  "providers": {
    "a": {"format": "openai_chat", "base_url": "https://a.test/v1", "prices": {"m": {"input": 1.0, "output": 2.0}}},
    "b": {"format": "openai_chat", "base_url": "https://b.test/v1", "prices": {"m": {"input": 3.0, "output": 6.0}}},
    "c": {"format": "openai_chat", "base_url": "https://c.test/v1"},
    "keys": {"format": "openai_chat", "base_url": "https://keys.test/v1", "api_keys": ["$K1", "$K2", "$K3"]}
  },
  "models": {
    "two": {"targets": ["a/m", "b/m"], "retry": {"attempts": 1},
            "breaker": {"failures": 2, "open": "20s"}},
    "alone": {"targets": ["a/m"], "retry": {"attempts": 1}, "breaker": {"failures": 2, "open": "20s"}},
    "common": {"targets": ["a/m", "b/m"], "retry": {"attempts": 1},
               "breaker": {"failures": 2, "open": "20s", "shared": true}},
    "hurried": {"targets": ["a/m", "b/m"], "retry": {"attempts": 3, "backoff": "3s..4s"}, "deadline": "5s",
                "breaker": {"enabled": false}},
    "raced": {"targets": ["a/m", "b/m", "c/m"], "retry": {"attempts": 1}, "hedge": {"after": "500ms"}},
    "keyed": {"targets": ["keys/m", "b/m"], "retry": {"attempts": 1}},
    "cheap": {"strategy": "least_cost", "targets": ["b/m", "a/m"], "retry": {"attempts": 1}},
    "nested": {"targets": ["c/m", "cheap"], "retry": {"attempts": 1}},
    "arms": {"strategy": "split", "targets": [{"model": "a/m", "arm": "old"}, {"model": "b/m", "arm": "new"}]},
    "eu": {"strategy": "conditional", "targets": [{"model": "a/m", "when": {"region": "eu"}}]},
    "copied": {"targets": ["a/m"], "mirror": {"target": "b/m"}},
    "probed": {"targets": [{"model": "a/m", "first_token_timeout": "60s"}, "b/m"], "retry": {"attempts": 1},
               "breaker": {"failures": 1, "open": "20s"}},
    "scored": {"strategy": "score", "score": {"cost": 1, "latency": 0, "quality": 0, "errors": 0},
               "targets": [{"model": "a/m", "quality": 0.2}, {"model": "b/m", "quality": 0.9}]},
    "patient": {"targets": [{"model": "a/m", "timeout": "60s", "first_token_timeout": "10s", "headers_timeout": "2s",
                             "idle_timeout": "3s"}, "b/m"], "retry": {"attempts": 1}}
  }
}"#;

fn gateway() -> Rc<Gateway> {
    Gateway::new(CONFIG)
}

fn down() -> Script {
    answer(503, r#"{"error":{"message":"down"}}"#)
}

fn good() -> Script {
    answer(200, WHOLE)
}

fn chunk(text: &str) -> Step {
    Step::Send(Bytes::from(format!(
        "data: {{\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":null}}]}}\n\n"
    )))
}

fn end() -> Step {
    Step::Send(Bytes::from_static(
        b"data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":2,\"total_tokens\":12}}\n\ndata: [DONE]\n\n",
    ))
}

fn good_stream() -> Script {
    stream([chunk("Hel"), chunk("lo"), end()])
}

fn pass(host: &MemoryHost, seconds: u64) {
    host.run(Clock::sleep(host, Duration::from_secs(seconds)));
}

fn with(mut request: http::Request<Bytes>, name: &'static str, value: &str) -> http::Request<Bytes> {
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

fn target(headers: &http::HeaderMap) -> &str {
    headers["sluice-target"].to_str().unwrap()
}

#[test]
fn a_failing_target_is_left_alone_and_tried_again_by_one_request() {
    let host = host().reply("a.test", down()).reply("a.test", down());
    let host = (0..4).fold(host, |host, _| host.reply("b.test", good()));
    let gateway = gateway();
    for _ in 0..4 {
        let (status, headers, _) = send(&gateway, &host, chat("two", false));
        assert_eq!((status, target(&headers)), (200, "b/m"));
    }
    // Two failures opened it: the last two requests did not ask it.
    assert_eq!(host.asked_hosts(), ["a.test", "b.test", "a.test", "b.test", "b.test", "b.test"]);
    pass(&host, 20);
    let host = host.reply("a.test", good());
    let (_, headers, _) = send(&gateway, &host, chat("two", false));
    assert_eq!((target(&headers), &headers["sluice-attempts"]), ("a/m", &"1".parse().unwrap()));
}

#[test]
fn when_all_targets_rest_the_caller_is_told_when_to_come_back() {
    let host = host().reply("a.test", down()).reply("a.test", down());
    let gateway = gateway();
    assert_eq!(send(&gateway, &host, chat("alone", false)).0, 503);
    assert_eq!(send(&gateway, &host, chat("alone", false)).0, 503);
    pass(&host, 5);
    let (status, headers, body) = send(&gateway, &host, chat("alone", false));
    assert_eq!((status, headers["retry-after"].to_str().unwrap()), (503, "15"));
    assert!(parsed(&body)["error"]["message"].as_str().unwrap().contains("a/m open"), "{body}");
    assert_eq!(host.asked().len(), 2);
    assert_eq!(rows(&host).len(), 3);
}

#[test]
fn retry_after_opens_a_breaker_for_so_long() {
    let limited = answer(429, r#"{"error":{"message":"slow down"}}"#).header("retry-after", "7");
    let host = host().reply("a.test", limited).reply("b.test", good()).reply("b.test", good());
    let gateway = gateway();
    send(&gateway, &host, chat("two", false));
    pass(&host, 6);
    send(&gateway, &host, chat("two", false));
    assert_eq!(host.asked_hosts(), ["a.test", "b.test", "b.test"]);
    pass(&host, 1);
    let host = host.reply("a.test", good());
    assert_eq!(target(&send(&gateway, &host, chat("two", false)).1), "a/m");
}

#[test]
fn instances_that_share_a_breaker_learn_from_one_anothers_failures_and_send_one_probe() {
    let host = (0..20).fold(host(), |host, _| host.reply("b.test", good()));
    let instances: Vec<_> = (0..4).map(|_| gateway()).collect();
    let to_a = |host: &MemoryHost| host.asked_hosts().iter().filter(|name| *name == "a.test").count();
    // Two failures, each seen by another instance, open it for all.
    let host = host.reply("a.test", down()).reply("a.test", down());
    for instance in &instances[..2] {
        assert_eq!(target(&send(instance, &host, chat("common", false)).1), "b/m");
    }
    assert_eq!(to_a(&host), 2);
    // The second heard so in answer to what it told, and one that has just begun asks before it does anything.
    for instance in &instances[1..3] {
        send(instance, &host, chat("common", false));
    }
    assert_eq!(to_a(&host), 2);
    // The first hears of it when it fails there once more, or looks after some seconds.
    let host = host.reply("a.test", down());
    for _ in 0..2 {
        send(&instances[0], &host, chat("common", false));
    }
    assert_eq!(to_a(&host), 3);
    // When its time is over, one probe goes out, from whichever instance asks first.
    pass(&host, 21);
    let host = host.reply("a.test", down().after(Duration::from_secs(2)));
    let all = instances[..3]
        .iter()
        .map(|instance| instance.handle(&host, call(&host, chat("common", false), &Leaving::default())));
    host.run(futures::future::join_all(all));
    host.settle();
    assert_eq!(to_a(&host), 4);
    // It failed, so it rests twice as long; then a good one lets all instances in again.
    pass(&host, 30);
    send(&instances[0], &host, chat("common", false));
    assert_eq!(to_a(&host), 4);
    pass(&host, 12);
    let host = (0..5).fold(host, |host, _| host.reply("a.test", good()));
    for instance in &instances {
        assert_eq!(target(&send(instance, &host, chat("common", false)).1), "a/m");
    }
    assert_eq!(to_a(&host), 8);
}

#[test]
fn a_probe_whose_caller_leaves_gives_its_place_back() {
    let host = host().reply("a.test", down()).reply("a.test", down());
    let host = (0..9).fold(host, |host, _| host.reply("b.test", good()));
    let (one, two) = (gateway(), gateway());
    send(&one, &host, chat("common", false));
    send(&one, &host, chat("common", false));
    pass(&host, 21);
    let host = host.reply("a.test", good().after(Duration::from_secs(50))).reply("a.test", good());
    let leaving = Leaving::default();
    let (watcher, sleeper) = (leaving.clone(), host.clone());
    let left = async move {
        sleeper.sleep(Duration::from_secs(1)).await;
        watcher.leave();
    };
    let handle = one.handle(&host, call(&host, chat("common", false), &leaving));
    host.run(futures::future::join(handle, left));
    host.settle();
    assert_eq!(target(&send(&two, &host, chat("common", false)).1), "a/m");
}

#[test]
fn that_a_shared_breakers_probe_was_lost_is_told_to_the_others() {
    let host = (0..20).fold(host(), |host, _| host.reply("a.test", good().after(Duration::from_millis(300))));
    let host = (0..4).fold(host, |host, _| host.reply("b.test", good()));
    let host = host.reply("a.test", down()).reply("a.test", down());
    let (one, two) = (gateway(), gateway());
    (0..22).for_each(|_| _ = send(&one, &host, chat("common", false)));
    pass(&host, 21);
    let host = host.reply("a.test", good().after(Duration::from_secs(50)));
    let to_a = |host: &MemoryHost| host.asked_hosts().iter().filter(|name| *name == "a.test").count();
    for instance in [&one, &two] {
        assert_eq!(target(&send(instance, &host, chat("common", false)).1), "b/m");
        assert_eq!(to_a(&host), 23);
    }
}

#[test]
fn a_shared_breaker_that_does_not_answer_leaves_each_instance_its_own() {
    let host = host().reply("a.test", down()).reply("a.test", down());
    let host = (0..9).fold(host, |host, _| host.reply("b.test", good()));
    let gateway = gateway();
    host.counters_fail((0..30).map(|_| Fails::Before));
    send(&gateway, &host, chat("common", false));
    send(&gateway, &host, chat("common", false));
    send(&gateway, &host, chat("common", false));
    assert_eq!(host.asked_hosts(), ["a.test", "b.test", "a.test", "b.test", "b.test"]);
    pass(&host, 21);
    let host = host.reply("a.test", good());
    assert_eq!(target(&send(&gateway, &host, chat("common", false)).1), "a/m");
}

#[test]
fn all_attempts_share_the_deadline() {
    let slow = || down().after(Duration::from_secs(2));
    let host = host()
        .reply("a.test", slow())
        .reply("a.test", slow())
        .reply("b.test", good().after(Duration::from_secs(60)));
    let begun = host.now();
    let (status, _, body) = send(&gateway(), &host, chat("hurried", false));
    assert_eq!((status, &parsed(&body)["error"]["code"]), (504, &"upstream_timeout".into()), "{body}");
    assert!(host.now().since(begun) <= Duration::from_millis(5_200), "{:?}", host.now().since(begun));
}

#[test]
fn the_first_of_two_to_answer_wins_and_the_other_is_cancelled_and_paid() {
    for streamed in [false, true] {
        let quick = || if streamed { good_stream() } else { good() };
        // The second one wins.
        let slow = quick().after(Duration::from_secs(30));
        let host = host().reply("a.test", slow).reply("b.test", quick().after(Duration::from_millis(100)));
        let begun = host.now();
        let (status, headers, _) = send(&gateway(), &host, chat("raced", streamed));
        assert_eq!(
            (status, target(&headers), headers["sluice-attempts"].to_str().unwrap()),
            (200, "b/m", "2")
        );
        assert!(host.now().since(begun) < Duration::from_secs(3));
        let row = &rows(&host)[0];
        assert_eq!((&row["target"], &row["raced"]["target"]), (&"b/m".into(), &"a/m".into()), "{row}");
        let lost = row["raced"]["cost_nano_usd"].as_u64().unwrap();
        let own = if streamed { 10 * 3_000 + 2 * 6_000 } else { 10 * 3_000 + 5 * 6_000 };
        assert!(0 < lost && row["cost_nano_usd"] == own + lost, "{row}");
        // The first one wins after all.
        let host = crate::support::host()
            .reply("a.test", quick().after(Duration::from_millis(600)))
            .reply("b.test", quick().after(Duration::from_secs(30)));
        let (_, headers, _) = send(&gateway(), &host, chat("raced", streamed));
        assert_eq!(target(&headers), "a/m");
        assert_eq!(host.asked_hosts(), ["a.test", "b.test"]);
        assert_eq!(rows(&host)[0]["raced"]["target"], "b/m");
        // Quick enough: there is no race.
        let host = crate::support::host().reply("a.test", quick().after(Duration::from_millis(400)));
        send(&gateway(), &host, chat("raced", streamed));
        assert_eq!(host.asked_hosts(), ["a.test"]);
        assert_eq!(rows(&host)[0]["raced"], serde_json::Value::Null);
    }
}

#[test]
fn when_both_of_a_race_fail_the_next_target_is_asked() {
    for (first, second) in [(600, 900), (1_900, 100)] {
        let host = host()
            .reply("a.test", down().after(Duration::from_millis(first)))
            .reply("b.test", down().after(Duration::from_millis(second)))
            .reply("c.test", good());
        let (status, headers, _) = send(&gateway(), &host, chat("raced", false));
        assert_eq!(
            (status, target(&headers), headers["sluice-attempts"].to_str().unwrap()),
            (200, "c/m", "3")
        );
        assert_eq!(rows(&host)[0]["attempts"].as_array().unwrap().len(), 2);
    }
}

#[test]
fn a_refused_key_rests_and_a_limited_one_makes_room() {
    let host = host().with_secret("K1", "one").with_secret("K3", "three");
    let refused = answer(401, r#"{"error":{"message":"no"}}"#);
    let limited = answer(429, r#"{"error":{"message":"slow down"}}"#);
    let host = host.reply("keys.test", refused).reply("keys.test", good()).reply("keys.test", limited);
    let gateway = gateway();
    let shown = |host: &MemoryHost| {
        let of = |request: &http::Request<Bytes>| request.headers().get("authorization").cloned();
        host.asked().iter().filter_map(of).map(|key| key.to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // The first is refused, the second is not set, the third is taken, and stays.
    let (status, headers, _) = send(&gateway, &host, chat("keyed", false));
    assert_eq!((status, target(&headers)), (200, "keys/m"));
    assert_eq!(shown(&host), ["Bearer one", "Bearer three"]);
    // It reaches its limit: no key is left, so the next target answers.
    let host = host.reply("b.test", good());
    let (status, headers, _) = send(&gateway, &host, chat("keyed", false));
    assert_eq!((status, target(&headers)), (200, "b/m"));
    assert_eq!(shown(&host), ["Bearer one", "Bearer three", "Bearer three"]);
    // Ten seconds later it is back, and after five minutes the first one too.
    pass(&host, 301);
    let host = host.reply("keys.test", good());
    assert_eq!(send(&gateway, &host, chat("keyed", false)).0, 200);
    assert_eq!(shown(&host).last().unwrap(), "Bearer one");
}

#[test]
fn a_limited_key_says_nothing_about_its_target_while_there_is_another() {
    let host = host().with_secret("K1", "one").with_secret("K2", "two").with_secret("K3", "three");
    let limited =
        |seconds| answer(429, r#"{"error":{"message":"slow down"}}"#).header("retry-after", seconds);
    let gateway = gateway();
    let ask = |host: &MemoryHost| {
        let (status, headers, _) = send(&gateway, host, chat("keyed", false));
        assert_eq!(status, 200);
        let shown = host.asked().last().unwrap().headers().get("authorization").cloned();
        (target(&headers).to_owned(), shown.map(|key| key.to_str().unwrap().to_owned()))
    };
    let host = host.reply("keys.test", limited("60")).reply("keys.test", good());
    assert_eq!(ask(&host), ("keys/m".to_owned(), Some("Bearer two".to_owned())));
    // Now all of them are limited: the target rests until the first is back.
    let host = host.reply("keys.test", limited("20")).reply("keys.test", limited("40"));
    let host = host.reply("b.test", good()).reply("b.test", good());
    assert_eq!(ask(&host), ("b/m".to_owned(), None));
    assert_eq!(host.asked().len(), 5);
    pass(&host, 19);
    assert_eq!(ask(&host).0, "b/m");
    assert_eq!(host.asked().len(), 6);
    pass(&host, 1);
    let host = host.reply("keys.test", good());
    assert_eq!(ask(&host), ("keys/m".to_owned(), Some("Bearer two".to_owned())));
}

#[test]
fn whoever_tries_whether_a_target_is_back_does_not_wait_for_it() {
    for streamed in [false, true] {
        let quick = || if streamed { good_stream() } else { good() };
        let gateway = gateway();
        let ask = |host: &MemoryHost| {
            let begun = host.now();
            let (status, headers, _) = send(&gateway, host, chat("probed", streamed));
            assert_eq!(status, 200);
            (target(&headers).to_owned(), host.now().since(begun) < Duration::from_secs(1))
        };
        let usual = || quick().after(Duration::from_millis(300));
        let host = (0..20).fold(host(), |host, _| host.reply("a.test", usual()));
        (0..20).for_each(|_| _ = ask(&host));
        let host = host.reply("a.test", down()).reply("b.test", quick());
        assert_eq!(ask(&host).0, "b/m");
        pass(&host, 20);
        // It takes the request and says nothing: the next target joins after the usual time, and wins.
        let host = host.reply("a.test", quick().after(Duration::from_secs(50))).reply("b.test", quick());
        assert_eq!(ask(&host), ("b/m".to_owned(), true));
        let row = rows(&host).pop().unwrap();
        assert!(row["raced"]["target"] == "a/m" && row["raced"]["cost_nano_usd"].as_u64() > Some(0), "{row}");
        // So it is not back: it rests for twice as long.
        pass(&host, 39);
        let host = host.reply("b.test", quick());
        assert_eq!(ask(&host).0, "b/m");
        pass(&host, 1);
        let host = host.reply("a.test", quick().after(Duration::from_millis(200)));
        assert_eq!(ask(&host), ("a/m".to_owned(), true));
        assert_eq!(host.asked_hosts().iter().filter(|name| *name == "b.test").count(), 3);
    }
}

#[test]
fn a_tenant_may_weigh_for_itself_what_a_score_is_made_of() {
    let own = r#"{"id":"acme","score":{"cost":0,"latency":0,"quality":1,"errors":0}}"#;
    let with_own = host().with_value(&sluice_core::key::tenant_store_key("acme"), own);
    for (host, expected) in [(host(), "a/m"), (with_own, "b/m")] {
        let host = host.reply("a.test", good()).reply("b.test", good());
        assert_eq!(target(&send(&gateway(), &host, chat("scored", false)).1), expected);
    }
}

#[test]
fn an_operator_sees_why_it_went_there() {
    let host = host().reply("c.test", down()).reply("a.test", good());
    let (_, headers, _) = send(&gateway(), &host, with(chat("nested", false), "sluice-explain", "1"));
    let told = parsed(headers["sluice-explain"].to_str().unwrap());
    assert_eq!((&told["model"], &told["strategy"]), (&"nested".into(), &"fallback".into()));
    let inner = &told["nested"][0];
    assert_eq!((&inner["model"], &inner["strategy"]), (&"cheap".into(), &"least_cost".into()));
    assert_eq!(
        (&inner["candidates"][0]["target"], &inner["candidates"][0]["state"]),
        (&"a/m".into(), &"closed".into())
    );
    assert!(
        inner["candidates"][0]["cost_usd"].as_str().unwrap()
            < inner["candidates"][1]["cost_usd"].as_str().unwrap()
    );
    assert_eq!(told["attempts"], serde_json::json!([{"target": "c/m", "error": "upstream_unavailable"}]));
    let row = &rows(&host)[0];
    assert_eq!((target(&headers), &row["attempts"]), ("a/m", &told["attempts"]));
    assert_eq!(
        (&row["route"]["nested"], &row["route"]["candidates"]),
        (&told["nested"], &told["candidates"])
    );
    // Nobody asked: nothing is told.
    let host = crate::support::host().reply("c.test", good());
    let (_, headers, _) = send(&gateway(), &host, chat("nested", false));
    assert!(!headers.contains_key("sluice-explain") && rows(&host)[0]["route"].is_null());
}

#[test]
fn a_user_stays_in_an_arm_and_the_row_tells_which() {
    let gateway = gateway();
    for user in ["ann", "bob", "eve", "joe"] {
        let host = (0..3).fold(host(), |host, _| host.reply("a.test", good()).reply("b.test", good()));
        for _ in 0..3 {
            send(&gateway, &host, with(chat("arms", false), "sluice-user", user));
        }
        let rows = rows(&host);
        let arm = if rows[0]["target"] == "a/m" { "old" } else { "new" };
        assert!(rows.iter().all(|row| row["arm"] == arm && row["target"] == rows[0]["target"]), "{user}");
    }
}

#[test]
fn a_request_that_no_rule_is_for_is_refused() {
    let host = host().reply("a.test", good());
    let (status, _, body) = send(&gateway(), &host, chat("eu", false));
    assert_eq!((status, &parsed(&body)["error"]["code"]), (400, &"unsupported".into()));
    assert_eq!(send(&gateway(), &host, with(chat("eu", false), "sluice-region", "EU")).0, 200);
}

#[test]
fn a_copy_goes_to_the_mirror_and_is_in_no_sum() {
    for streamed in [false, true] {
        let (one, other) = if streamed { (good_stream(), good_stream()) } else { (good(), good()) };
        let host = host().reply("a.test", one).reply("b.test", other.after(Duration::from_secs(5)));
        let begun = host.now();
        let request = call(&host, chat("copied", streamed), &Leaving::default());
        let gateway = gateway();
        let reply = host.run(gateway.handle(&host, request));
        assert_eq!((reply.status.as_u16(), target(&reply.headers)), (200, "a/m"));
        host.run(crate::support::read(reply));
        assert!(host.now().since(begun) < Duration::from_secs(1), "the answer waits for its copy");
        host.settle();
        let rows = rows(&host);
        let shadow = rows.iter().find(|row| !row["shadow_of"].is_null()).unwrap();
        let own = rows.iter().find(|row| row["shadow_of"].is_null()).unwrap();
        assert_eq!((&shadow["shadow_of"], &shadow["target"]), (&own["id"], &"b/m".into()));
        assert_eq!((rows.len(), &shadow["usage"]["input_uncached"]), (2, &10.into()), "{rows:?}");
        let mut request = http::Request::get("/admin/v1/costs?tenant=acme").body(Bytes::new()).unwrap();
        request.headers_mut().insert("authorization", "Bearer root".parse().unwrap());
        let (_, _, costs) = send(&gateway, &host, request);
        assert_eq!(
            (&parsed(&costs)["sum"]["requests"], &parsed(&costs)["sum"]["cost_nano_usd"]),
            (&1.into(), &own["cost_nano_usd"])
        );
    }
}

#[test]
fn a_stream_is_watched_until_its_headers_and_between_its_tokens() {
    // No headers in time: the next target answers.
    let host =
        host().reply("a.test", good_stream().after(Duration::from_secs(5))).reply("b.test", good_stream());
    let begun = host.now();
    let (_, headers, _) = send(&gateway(), &host, chat("patient", true));
    assert_eq!(target(&headers), "b/m");
    assert!(host.now().since(begun) < Duration::from_secs(3));
    // A provider's signs of life are no tokens.
    let ping = || [Step::Wait(Duration::from_secs(1)), Step::Send(Bytes::from_static(b": ping\n\n"))];
    let steps: Vec<Step> = [chunk("Hel")].into_iter().chain((0..30).flat_map(|_| ping())).collect();
    let host = crate::support::host().reply("a.test", stream(steps));
    let begun = host.now();
    let (status, _, body) = send(&gateway(), &host, chat("patient", true));
    assert!(status == 200 && body.contains("sent no token for 3000 ms"), "{body}");
    assert!(host.now().since(begun) < Duration::from_secs(5), "{:?}", host.now().since(begun));
    assert_eq!((&rows(&host)[0]["error.type"], host.cancelled()), (&"upstream_timeout".into(), 1));
    // Slow but alive.
    let slow = [
        chunk("Hel"),
        Step::Wait(Duration::from_millis(2_500)),
        chunk("lo"),
        Step::Wait(Duration::from_millis(2_500)),
        end(),
    ];
    let host = crate::support::host().reply("a.test", stream(slow));
    let (_, _, body) = send(&gateway(), &host, chat("patient", true));
    assert!(body.contains("[DONE]"), "{body}");
}

#[test]
fn a_drained_target_is_not_asked_here_at_once_and_elsewhere_within_a_minute() {
    let admin = |request| with(request, "authorization", "Bearer root");
    let host = (0..6).fold(host(), |host, _| host.reply("a.test", good()).reply("b.test", good()));
    let (here, there) = (gateway(), gateway());
    assert_eq!(target(&send(&there, &host, chat("two", false)).1), "a/m");
    let drain = admin(post("/admin/v1/targets/a/m", r#"{"state":"drained"}"#));
    let (status, _, body) = send(&here, &host, drain);
    assert_eq!((status, &parsed(&body)["state"]), (200, &"drained".into()));
    assert_eq!(target(&send(&here, &host, chat("two", false)).1), "b/m");
    pass(&host, 31);
    // This request has it looked up, the next one knows.
    send(&there, &host, chat("two", false));
    assert_eq!(target(&send(&there, &host, chat("two", false)).1), "b/m");
    let list = admin(http::Request::get("/admin/v1/targets").body(Bytes::new()).unwrap());
    let (_, _, body) = send(&here, &host, list);
    let list = parsed(&body);
    let a = list["data"].as_array().unwrap().iter().find(|target| target["id"] == "a/m").unwrap();
    assert_eq!((&a["state"], &a["breaker"]), (&"drained".into(), &"closed".into()));
    send(&here, &host, admin(post("/admin/v1/targets/a%2Fm", r#"{"state":"active"}"#)));
    assert_eq!(target(&send(&here, &host, chat("two", false)).1), "a/m");
    for (request, expected) in [
        (post("/admin/v1/targets/a/m", r#"{"state":"drained"}"#), 401),
        (admin(post("/admin/v1/targets/nobody/m", r#"{"state":"drained"}"#)), 404),
        (admin(post("/admin/v1/targets/a/m", r#"{"state":"off"}"#)), 400),
    ] {
        assert_eq!(send(&here, &host, request).0, expected);
    }
}

#[test]
fn retries_end_where_the_budget_does() {
    let config = CONFIG.replace(r#""alone": {"targets": ["a/m"], "retry": {"attempts": 1}, "breaker": {"failures": 2, "open": "20s"}}"#,
        r#""alone": {"targets": ["a/m"], "retry": {"attempts": 2, "backoff": "1ms..1ms", "budget": 0.1}}"#);
    let gateway = Gateway::new(Box::leak(config.into_boxed_str()));
    let host = (0..200).fold(host(), |host, _| host.reply("a.test", down()));
    for _ in 0..60 {
        assert_eq!(send(&gateway, &host, chat("alone", false)).0, 503);
    }
    // Sixty first tries, ten retries that are free, six that were earned, and few that time brought back.
    let asked = host.asked().len();
    assert!((74..82).contains(&asked), "{asked}");
}
