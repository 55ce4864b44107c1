//! Guardrails somewhere else, on the memory host: before the provider, beside it, and about whole answers.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

use std::{rc::Rc, time::Duration};

use crate::support::{NOON, frames, host, post, rows, said, send, sent, streamed};
use serde_json::{Value, json};
use sluice_core::{gateway::Gateway, guardrail::hook};
use sluice_testing::memory::{MemoryHost, Script, answer, stream};
use sluice_types::secret::Secret;

const PATH: &str = "/v1/chat/completions";

/// A gateway whose model `m` has the given checks of `input` and `output`.
fn gateway(input: &Value, output: &Value) -> Rc<Gateway> {
    let config = json!({
        "providers": {
            "a": {"format": "openai_chat", "base_url": "https://a.test/v1", "prices": {"m": {"input": 1.0, "output": 2.0}}},
            "b": {"format": "openai_chat", "base_url": "https://b.test/v1", "prices": {"m": {"input": 1.0, "output": 2.0}}},
        },
        "models": {"m": {"targets": ["a/m", "b/m"], "guardrails": ["g"], "retry": {"attempts": 1}, "cache": {"mode": "exact"}}},
        "guardrails": {"g": {"input": input, "output": output}},
    });
    Gateway::new(config.to_string().leak())
}

/// A check that asks `h.test`, with more said about it.
fn check(action: &str, more: Value) -> Value {
    let mut hook = json!({"url": "https://h.test/check", "name": "h", "timeout": "300ms"});
    hook.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!([{"check": "hook", "action": action, "hook": hook}])
}

fn ask(gateway: &Rc<Gateway>, host: &MemoryHost, text: &str, stream: bool) -> (u16, http::HeaderMap, String) {
    let body = json!({"model": "m", "stream": stream, "messages": [{"role": "user", "content": text}]});
    let told = send(gateway, host, post(PATH, body.to_string()));
    host.settle();
    told
}

fn verdict(value: Value) -> Script {
    answer(200, value.to_string())
}

fn deny() -> Script {
    verdict(json!({"verdict": "deny", "reason": "Self harm"}))
}

fn allow() -> Script {
    verdict(json!({"verdict": "allow"}))
}

fn hello() -> Script {
    answer(200, said("hello").to_string())
}

#[test]
fn a_webhook_is_told_what_is_new_and_signed() {
    let gateway = gateway(&check("deny", json!({"secret": "$HOOK", "api_key": "$TOKEN"})), &json!([]));
    let host = host().with_secret("HOOK", "s3cret").with_secret("TOKEN", "t0ken").reply("h.test", allow());
    let host = host.reply("a.test", hello());
    let body = json!({"model": "m", "messages": [
        {"role": "system", "content": "be kind"}, {"role": "user", "content": "old"},
        {"role": "assistant", "content": "yes"}, {"role": "user", "content": "new"}]});
    let (status, ..) = send(&gateway, &host, post(PATH, body.to_string()));
    assert_eq!(status, 200);
    let asked = host.asked();
    let to_hook = asked.iter().find(|request| request.uri().host() == Some("h.test")).unwrap();
    let told = crate::support::parsed(std::str::from_utf8(to_hook.body()).unwrap());
    assert_eq!(told["texts"], json!([{"role": "user", "text": "new"}]));
    assert_eq!((&told["version"], &told["stage"], &told["model"]), (&json!(1), &json!("input"), &json!("m")));
    assert_eq!(to_hook.headers()["authorization"], "Bearer t0ken");
    let signature = hook::signature(&Secret::new("s3cret".to_owned()), NOON, to_hook.body());
    assert_eq!(to_hook.headers()["sluice-signature"], signature);
    host.settle();
    let row = &rows(&host)[0];
    assert_eq!(
        (&row["hooks"][0]["hook"], &row["hooks"][0]["verdict"]),
        (&json!("h"), &json!("allow")),
        "{row}"
    );
}

#[test]
fn a_request_is_refused_while_the_provider_is_still_at_work() {
    let gateway = gateway(&check("deny", json!({"usd_per_call": 0.001})), &json!([]));
    for stream_it in [false, true] {
        let slow = if stream_it { stream(frames(&["hello"])) } else { hello() };
        let host = host()
            .reply("h.test", deny().after(Duration::from_millis(20)))
            .reply("a.test", slow.after(Duration::from_secs(5)));
        let (status, headers, told) = ask(&gateway, &host, "hi", stream_it);
        assert_eq!(status, 400, "{told}");
        assert!(told.contains("hook (self_harm)") && !told.contains("hello"), "{told}");
        assert_eq!(headers["sluice-guardrails"], "input.hook=deny(self_harm:1)");
        let row = &rows(&host)[0];
        assert_eq!(row["duration_ms"], 20, "the call is given up");
        assert_eq!(
            (&row["hooks"][0]["verdict"], &row["hooks"][0]["duration_ms"]),
            (&json!("deny"), &json!(20))
        );
        // The hook's own price, and the prompt, which may be charged for.
        assert!(1_000_000 < row["cost_nano_usd"].as_u64().unwrap(), "{row}");
    }
}

#[test]
fn no_byte_of_an_answer_goes_out_before_the_verdict() {
    for stream_it in [false, true] {
        let quick = || if stream_it { stream(frames(&["hel", "lo"])) } else { hello() };
        let host = host().reply("a.test", quick()).reply("h.test", deny().after(Duration::from_millis(200)));
        let (status, _, told) = ask(&gateway(&check("deny", json!({})), &json!([])), &host, "hi", stream_it);
        assert!(status == 400 && !told.contains("hel"), "{told}");
        let row = &rows(&host)[0];
        assert!(0 < row["cost_nano_usd"].as_u64().unwrap(), "what came is paid for: {row}");
        let host = crate::support::host()
            .reply("a.test", quick())
            .reply("h.test", allow().after(Duration::from_millis(200)));
        let (status, _, told) = ask(&gateway(&check("deny", json!({})), &json!([])), &host, "hi", stream_it);
        assert_eq!(status, 200, "{told}");
        if stream_it {
            assert_eq!(streamed(&told), "hello");
        }
    }
}

#[test]
fn what_no_verdict_means_is_told_in_the_configuration() {
    let failures: [fn() -> Script; 5] = [
        || allow().after(Duration::from_secs(2)),
        || answer(500, "{}"),
        || answer(302, "").header("location", "https://elsewhere.test/"),
        || answer(200, "fine"),
        || verdict(json!({"verdict": "redact", "texts": []})),
    ];
    for failure in failures {
        for (more, action, expected) in
            [(json!({}), "deny", 400), (json!({"on_error": "open"}), "deny", 200), (json!({}), "flag", 200)]
        {
            let gateway = gateway(&check(action, more.clone()), &json!([]));
            let host = host().reply("h.test", failure()).reply("a.test", hello());
            let (status, headers, told) = ask(&gateway, &host, "hi", false);
            assert_eq!(status, expected, "{more} {told}");
            assert!(headers["sluice-guardrails"].to_str().unwrap().contains("(unavailable:1)"));
            assert_eq!(rows(&host)[0]["hooks"][0]["verdict"], "unavailable");
            assert!(!host.asked_hosts().contains(&"elsewhere.test".to_owned()));
        }
    }
}

#[test]
fn a_hook_asked_first_keeps_the_request_here_and_may_change_it() {
    let gateway = gateway(&check("deny", json!({"before": true})), &json!([]));
    let host = host().reply("h.test", deny());
    assert_eq!(ask(&gateway, &host, "hi", false).0, 400);
    assert_eq!(host.asked_hosts(), ["h.test"]);
    let changed = verdict(json!({"verdict": "redact", "texts": ["My name is [NAME]."]}));
    let host = crate::support::host().reply("h.test", changed).reply("a.test", hello());
    let (status, headers, _) = ask(&gateway, &host, "My name is Anna.", false);
    assert_eq!(
        (status, &headers["sluice-guardrails"]),
        (200, &"input.hook=mask(redacted:1)".parse().unwrap())
    );
    assert_eq!(sent(&host, 1)["messages"][0]["content"], "My name is [NAME].");
}

#[test]
fn what_cannot_be_changed_any_more_is_refused() {
    let gateway = gateway(&check("deny", json!({})), &json!([]));
    let changed = verdict(json!({"verdict": "redact", "texts": ["x"]}));
    let host = host().reply("h.test", changed).reply("a.test", hello());
    assert_eq!(ask(&gateway, &host, "hi", false).0, 400);
}

#[test]
fn answers_are_judged_whole_streams_too() {
    let gateway = gateway(&json!([]), &check("deny", json!({})));
    for stream_it in [false, true] {
        let host = host().reply("a.test", hello()).reply("h.test", deny());
        let (status, _, told) = ask(&gateway, &host, "hi", stream_it);
        assert!(status == 400 && told.contains("hook (self_harm)"), "{told}");
        let host = crate::support::host()
            .reply("a.test", hello())
            .reply("h.test", verdict(json!({"verdict": "redact", "texts": ["good day"]})));
        let (status, _, told) = ask(&gateway, &host, "hi", stream_it);
        assert_eq!(status, 200, "{told}");
        assert!(told.contains("good day") && !told.contains("hello"), "{told}");
        // The provider was asked for a whole answer; the caller has its stream all the same.
        assert_ne!(sent(&host, 0)["stream"], true);
        assert_eq!(told.ends_with("data: [DONE]\n\n"), stream_it);
        assert_eq!(sent(&host, 1)["texts"], json!([{"role": "assistant", "text": "hello"}]));
    }
}

#[test]
fn streams_may_be_left_alone() {
    let gateway = gateway(&json!([]), &check("deny", json!({"streams": "skip"})));
    let host = host().reply("a.test", stream(frames(&["hel", "lo"])));
    let (status, _, told) = ask(&gateway, &host, "hi", true);
    assert_eq!((status, streamed(&told).as_str()), (200, "hello"));
    assert_eq!(host.asked_hosts(), ["a.test"]);
    let host = crate::support::host().reply("a.test", hello()).reply("h.test", deny());
    assert_eq!(ask(&gateway, &host, "hi", false).0, 400);
}

#[test]
fn the_next_target_is_asked_for_an_answer_that_a_hook_refuses() {
    let gateway = gateway(&json!([]), &check("retry", json!({})));
    let other = || answer(200, said("good day").to_string());
    let host = host().reply("a.test", hello()).reply("h.test", deny());
    let host = host.reply("b.test", other()).reply("h.test", allow());
    let (status, headers, told) = ask(&gateway, &host, "hi", false);
    assert!(status == 200 && told.contains("good day"), "{told}");
    assert_eq!(headers["sluice-target"], "b/m");
    let row = &rows(&host)[0];
    assert_eq!((row["hooks"].as_array().unwrap().len(), &row["cost_nano_usd"]), (2, &json!(40_000)), "{row}");
}

#[test]
fn a_kept_answer_is_given_only_to_requests_that_pass() {
    let gateway = gateway(&check("deny", json!({})), &json!([]));
    let host = host().reply("h.test", allow()).reply("h.test", deny()).reply("a.test", hello());
    assert_eq!(ask(&gateway, &host, "hi", false).0, 200);
    let (status, _, told) = ask(&gateway, &host, "hi", false);
    assert_eq!(status, 400, "{told}");
    assert_eq!(host.asked_hosts().iter().filter(|asked| *asked == "a.test").count(), 1);
}

#[test]
fn openais_moderations_are_a_hook() {
    let more = json!({"format": "openai_moderation", "model": "omni-moderation-latest", "threshold": 0.5});
    let gateway = gateway(&check("deny", more), &json!([]));
    let result = |score: f64| {
        verdict(
            json!({"results": [{"flagged": true, "categories": {"hate": true}, "category_scores": {"hate": score}}]}),
        )
    };
    for (score, expected) in [(0.7, 400), (0.2, 200)] {
        let host = host().reply("h.test", result(score)).reply("a.test", hello());
        let (status, _, told) = ask(&gateway, &host, "hi", false);
        assert_eq!(status, expected, "{told}");
        let asked = host.asked_hosts().iter().position(|asked| asked == "h.test").unwrap();
        assert_eq!(sent(&host, asked), json!({"model": "omni-moderation-latest", "input": ["hi"]}));
    }
}

#[test]
fn a_dry_run_only_notes_what_a_hook_says() {
    let config = json!({
        "providers": {"a": {"format": "openai_chat", "base_url": "https://a.test/v1"}},
        "models": {"m": {"targets": ["a/m"], "guardrails": ["g"]}},
        "guardrails": {"g": {"dry_run": true, "input": check("deny", json!({}))}},
    });
    let host = host().reply("h.test", deny()).reply("a.test", hello());
    let (status, headers, _) = ask(&Gateway::new(config.to_string().leak()), &host, "hi", false);
    assert_eq!(
        (status, &headers["sluice-guardrails"]),
        (200, &"input.hook=would-deny(self_harm:1)".parse().unwrap())
    );
}
