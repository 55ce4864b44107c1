//! The matrix of faults: what a provider does wrong, whole answers and streams; what the caller sees, how many calls go
//! out, and that the cost log is right.

use std::time::Duration;

use sluice_tests::gateway::Gateway;
use sluice_tests::http::Answer;
use sluice_tests::on_every_host;
use sluice_tests::protocol::{PROTOCOLS, Protocol};
use sluice_tests::seed;

/// What comes of a fault of the first target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comes {
    /// Its answer, none the worse.
    ItsAnswer,
    /// The second target's answer; and where there is none, one of these statuses.
    TheNext(&'static [u16]),
    /// The beginning of its answer, and an error.
    ABrokenStream,
}

use Comes::{ABrokenStream, ItsAnswer, TheNext};

/// The fault, what comes of it in a whole answer, and in a stream.
const MATRIX: &[(&str, Comes, Comes)] = &[
    ("status=429,retry-after=1", TheNext(&[429]), TheNext(&[429])),
    ("status=500", TheNext(&[503]), TheNext(&[503])),
    ("error200", TheNext(&[502, 503]), TheNext(&[502, 503])),
    // Before the headers, before the first token, within.
    ("delay=8000", TheNext(&[504]), TheNext(&[504])),
    // A whole answer has no first token to wait for.
    ("first=8000", ItsAnswer, TheNext(&[504])),
    ("stall=2", TheNext(&[504]), ABrokenStream),
    ("body=truncated", TheNext(&[502]), TheNext(&[502])),
    ("reset", TheNext(&[502]), TheNext(&[502])),
    ("cut=2,between=20", TheNext(&[502]), ABrokenStream),
    ("error=2,between=20", TheNext(&[502, 503]), ABrokenStream),
    ("garbage=2,between=20", TheNext(&[502]), ABrokenStream),
    ("trickle=64,2", ItsAnswer, ItsAnswer),
    ("body=html", TheNext(&[502]), TheNext(&[502])),
    // The body is right, only its name is wrong.
    ("ctype=html", ItsAnswer, ItsAnswer),
    ("ctype=none", ItsAnswer, ItsAnswer),
];

/// Billionths of a dollar, by the prices in `tests/src/seed.rs`.
fn price(usage: &serde_json::Value) -> u64 {
    let number = |value: &serde_json::Value| value.as_u64().unwrap_or_default();
    let cached = number(&usage["prompt_tokens_details"]["cached_tokens"]);
    (number(&usage["prompt_tokens"]) - cached) * 3_000
        + cached * 300
        + number(&usage["completion_tokens"]) * 15_000
}

/// The usage that a whole answer tells, or the last frame but one of a stream.
fn usage(answer: &Answer, stream: bool) -> serde_json::Value {
    if !stream {
        return answer.json()["usage"].clone();
    }
    let events = answer.events();
    events[events.len() - 2].json()["usage"].clone()
}

fn ask(gateway: &Gateway, tenant: &str, protocol: Protocol, model: &str, text: &str, stream: bool) -> Answer {
    let request = gateway.request("POST", &protocol.path(model, stream)).key(&seed::key(tenant));
    request.json(&protocol.ask(model, text, stream)).open().rest()
}

/// Whether the answer is whole, and says what it should.
fn expect_whole(protocol: Protocol, answer: &Answer, stream: bool, about: &str) {
    assert_eq!(answer.status, 200, "{about}: {}", answer.text());
    let text = if stream {
        protocol.expect_whole_stream(answer);
        protocol.stream_text(&answer.events())
    } else {
        protocol.text(&answer.json())
    };
    assert_eq!(text, "w0 w1 w2 w3 ", "{about}");
}

fn matrix(gateway: &Gateway, stream: bool) {
    for (fault, whole, streamed) in MATRIX {
        let comes = if stream { streamed } else { whole };
        for protocol in PROTOCOLS {
            let about = format!("{protocol} {fault}, stream: {stream}");
            let id = gateway.unique("matrix");
            let text = format!("[[tokens 4]] [[id {id}]] [[fault@primary {fault}]]");
            let answer = ask(gateway, seed::TENANT, protocol, "matrix", &text, stream);
            let (target, calls): (_, &[&str]) = match comes {
                ItsAnswer | ABrokenStream => ("primary/m", &["primary"]),
                TheNext(_) => ("secondary/m", &["primary", "secondary"]),
            };
            match comes {
                ItsAnswer | TheNext(_) => expect_whole(protocol, &answer, stream, &about),
                ABrokenStream => {
                    assert!(!answer.broken, "{about}");
                    protocol.expect_stream_error(&answer);
                    assert_eq!(protocol.stream_text(&answer.events()), "w0 w1 ", "{about}");
                }
            }
            assert_eq!(answer.expect_header("sluice-target"), target, "{about}");
            assert_eq!(answer.expect_header("sluice-attempts"), calls.len().to_string(), "{about}");
            assert_eq!(gateway.mock().asked(&id), calls, "{about}");
            assert!(answer.took < Duration::from_secs(6), "{about}: {:?}", answer.took);
        }
    }
}

fn whole_answers(gateway: &Gateway) {
    matrix(gateway, false);
}

fn streams(gateway: &Gateway) {
    matrix(gateway, true);
}

fn where_nobody_else_is_left_the_caller_is_told(gateway: &Gateway) {
    let mut requests = 0;
    for (fault, whole, streamed) in MATRIX {
        for (protocol, stream) in [(Protocol::Chat, false), (Protocol::Messages, true)] {
            let TheNext(statuses) = (if stream { streamed } else { whole }) else { continue };
            let about = format!("{protocol} {fault}, stream: {stream}");
            let id = gateway.unique("matrix-alone");
            let text = format!("[[tokens 4]] [[id {id}]] [[fault@primary {fault}]]");
            let answer = ask(gateway, "matrix-failed", protocol, "matrix-alone", &text, stream);
            requests += 1;
            assert!(statuses.contains(&answer.status), "{about}: {} {}", answer.status, answer.text());
            protocol.error(&answer.json());
            assert_eq!(gateway.mock().asked(&id), ["primary"], "{about}");
            assert_eq!(answer.header("retry-after").is_some(), fault.contains("retry-after"), "{about}");
            let again = if answer.status == 429 { "true" } else { "false" };
            assert_eq!(answer.expect_header("x-should-retry"), again, "{about}");
        }
    }
    let alone = ask(gateway, "matrix-failed", Protocol::Chat, "unreachable-alone", "hello", false);
    assert_eq!(alone.status, 502);
    requests += 1;
    let sum = gateway.costs("matrix-failed", requests);
    assert_eq!((&sum["errors"], &sum["cost_nano_usd"]), (&requests.into(), &0.into()), "{sum}");
}

fn a_refused_connection_falls_over_for_both(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        for stream in [false, true] {
            let id = gateway.unique("refused");
            let text = format!("[[tokens 4]] [[id {id}]]");
            let answer = ask(gateway, seed::TENANT, protocol, "unreachable", &text, stream);
            expect_whole(protocol, &answer, stream, &format!("{protocol} {stream}"));
            assert_eq!(gateway.mock().asked(&id), ["secondary"]);
            let alone = ask(gateway, seed::TENANT, protocol, "unreachable-alone", &text, stream);
            assert_eq!(alone.status, 502, "{protocol} {stream}");
        }
    }
}

fn each_is_one_row_of_the_right_cost(gateway: &Gateway) {
    for (stream, tenant) in [(false, "matrix-whole"), (true, "matrix-streamed")] {
        let (mut requests, mut cost, mut broken) = (0, 0, 0);
        for (fault, whole, streamed) in MATRIX {
            let comes = if stream { streamed } else { whole };
            let text = format!("[[tokens 4]] [[fault@primary {fault}]]");
            let answer = ask(gateway, tenant, Protocol::Chat, "matrix", &text, stream);
            requests += 1;
            if *comes == ABrokenStream {
                broken += 1;
            } else {
                cost += price(&usage(&answer, stream));
            }
        }
        let answer = ask(gateway, tenant, Protocol::Chat, "unreachable", "[[tokens 4]]", stream);
        requests += 1;
        cost += price(&usage(&answer, stream));
        let sum = gateway.costs(tenant, requests);
        assert_eq!(sum["errors"], broken, "{sum}");
        assert_eq!(sum["estimated"], broken, "what broke off is estimated: {sum}");
        let charged = sum["cost_nano_usd"].as_u64().unwrap();
        // Each that broke off had a prompt and two of four tokens.
        assert!(
            (cost + broken * 1_000..=cost + broken * 200_000).contains(&charged),
            "{charged} for {cost}: {sum}"
        );
    }
}

on_every_host!(
    whole_answers,
    streams,
    where_nobody_else_is_left_the_caller_is_told,
    a_refused_connection_falls_over_for_both,
    each_is_one_row_of_the_right_cost,
);
