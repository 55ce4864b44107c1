//! Callers who leave.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use sluice_tests::gateway::Gateway;
use sluice_tests::on_every_host;
use sluice_tests::protocol::{PROTOCOLS, Protocol};
use sluice_tests::seed;

/// Waits until the provider's call of `id` is over; how long that took.
fn cancelled(gateway: &Gateway, id: &str) -> (Value, Duration) {
    let started = Instant::now();
    let log = gateway.mock().settled_log(id);
    (log[0].clone(), started.elapsed())
}

fn leaving_a_stream_cancels_the_providers_call(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        for model in ["chat-openai", "chat-anthropic"] {
            let id = gateway.unique("left");
            let text = format!("[[tokens 400]] [[id {id}]] [[fault between=20]]");
            let mut live = gateway.open(protocol, model, &text);
            assert_eq!(live.status, 200);
            live.wait_for("w3");
            live.hang_up();
            let (entry, took) = cancelled(gateway, &id);
            assert_eq!(entry["outcome"], "hung_up", "{protocol} {model}: {entry}");
            assert!(took < Duration::from_secs(2), "{protocol} {model}: cancelled after {took:?}");
        }
    }
}

fn leaving_a_silent_stream_cancels_the_providers_call(gateway: &Gateway) {
    let id = gateway.unique("silent");
    let mut live =
        gateway.open(Protocol::Chat, "chat-openai", &format!("[[tokens 9]] [[id {id}]] [[fault stall=2]]"));
    live.wait_for("w1");
    live.hang_up();
    let started = Instant::now();
    while gateway.mock().log(&id)[0]["outcome"] != "hung_up" {
        // A host may learn of it only when the next heartbeat cannot be written.
        assert!(started.elapsed() < Duration::from_secs(12), "the provider's call is still open");
        thread::sleep(Duration::from_millis(50));
    }
}

fn what_was_used_is_written_down(gateway: &Gateway) {
    let key = seed::key("left-late");
    let body = Protocol::Chat.ask("chat-openai", "[[tokens 400]] [[fault between=20]]", true);
    let mut live = gateway.request("POST", "/v1/chat/completions").key(&key).json(&body).open();
    live.wait_for("w5");
    live.hang_up();
    let sum = gateway.costs("left-late", 1);
    assert_eq!(sum["estimated"], 1, "marked as partial: {sum}");
    assert!(0 < sum["output_tokens"].as_u64().unwrap(), "{sum}");
    assert!(0 < sum["input_tokens"].as_u64().unwrap(), "{sum}");
}

/// Neither host tells before the first byte of an answer that the caller has gone (workerd 1.20260426 and 1.20261117 fire no
/// `abort` on the request's signal, Spin has no such sign), so the call runs to its end. Its cost must not be lost.
fn leaving_before_the_answer_is_written_down(gateway: &Gateway) {
    let key = seed::key("left-early");
    let body = Protocol::Messages.ask("chat-openai", "hi [[fault delay=1500]]", false);
    gateway.request("POST", "/v1/messages").key(&key).json(&body).abandon(Duration::from_millis(500));
    let sum = gateway.costs("left-early", 1);
    assert!(0 < sum["input_tokens"].as_u64().unwrap(), "{sum}");
}

fn others_are_not_disturbed(gateway: &Gateway) {
    let mut leaver = gateway.open(Protocol::Chat, "chat-openai", "[[tokens 400]] [[fault between=20]]");
    let mut stayer = gateway.open(Protocol::Chat, "chat-openai", "[[tokens 20]] [[fault between=20]]");
    leaver.wait_for("w2");
    stayer.wait_for("w2");
    leaver.hang_up();
    let answer = stayer.rest();
    Protocol::Chat.expect_whole_stream(&answer);
}

on_every_host!(
    leaving_a_stream_cancels_the_providers_call,
    leaving_a_silent_stream_cancels_the_providers_call,
    what_was_used_is_written_down,
    leaving_before_the_answer_is_written_down,
    others_are_not_disturbed,
);
