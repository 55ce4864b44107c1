//! What goes wrong before the first output: another target answers, and nobody notices.

use std::time::Duration;

use sluice_tests::gateway::Gateway;
use sluice_tests::on_every_host;
use sluice_tests::protocol::{PROTOCOLS, Protocol};
use sluice_tests::seed::FALLBACK_MODELS;

/// Faults of a provider that are no fault of the request.
const FAULTS: &[&str] = &[
    "status=429",
    "status=500",
    "status=503",
    "status=529",
    "status=408",
    "status=401",
    "status=403",
    "status=404",
    "error200",
    "body=malformed",
    "body=empty",
    "body=html",
    "reset",
    "status=500,body=html",
    "status=502,body=empty",
    "status=429,body=malformed",
];

/// Faults of a stream before its first token.
const STREAM_FAULTS: &[&str] = &[
    "error=0",
    "error=head",
    "cut=0",
    "cut=head",
    "end=0",
    "end=head",
    "garbage=0",
    "garbage=head",
    "body=truncated",
];

/// Faults of a whole answer's body.
const WHOLE_FAULTS: &[&str] = &["cut=1", "end=1", "body=truncated"];

fn a_whole_answer_comes_from_the_next_target(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        for model in FALLBACK_MODELS {
            for fault in FAULTS.iter().chain(WHOLE_FAULTS) {
                let id = gateway.unique("fall");
                let text = format!("hello [[id {id}]] [[fault@primary {fault}]]");
                let answer = gateway.ask(protocol, model, &text);
                let about = format!("{protocol} {model} {fault}: {}", answer.text());
                assert_eq!(answer.status, 200, "{about}");
                assert_eq!(protocol.text(&answer.json()), "You said: hello é漢🦀.", "{about}");
                assert_eq!(answer.header("sluice-attempts"), Some("2"), "{about}");
                assert!(answer.expect_header("sluice-target").starts_with("secondary"), "{about}");
                assert_eq!(gateway.mock().asked(&id), ["primary", "secondary"], "{about}");
            }
        }
    }
}

fn a_stream_comes_from_the_next_target(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        for model in FALLBACK_MODELS {
            for fault in FAULTS.iter().chain(STREAM_FAULTS) {
                let id = gateway.unique("fall");
                let text = format!("hello [[id {id}]] [[fault@primary {fault}]]");
                let answer = gateway.stream(protocol, model, &text);
                let about = format!("{protocol} {model} {fault}: {}", answer.text());
                assert_eq!(answer.status, 200, "{about}");
                protocol.expect_whole_stream(&answer);
                assert_eq!(protocol.stream_text(&answer.events()), "You said: hello é漢🦀.", "{about}");
                assert_eq!(answer.header("sluice-attempts"), Some("2"), "{about}");
                assert_eq!(gateway.mock().asked(&id), ["primary", "secondary"], "{about}");
            }
        }
    }
}

fn the_callers_own_fault_does_not_fall_over(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        let id = gateway.unique("own-fault");
        let text = format!("hello [[id {id}]] [[fault@primary status=400]]");
        gateway.ask(protocol, "fallback", &text).expect(400);
        assert_eq!(gateway.mock().asked(&id), ["primary"]);
    }
}

fn a_provider_that_is_not_there_is_passed_over(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        let answer = gateway.ask(protocol, "unreachable", "hello").expect(200);
        assert_eq!(answer.expect_header("sluice-target"), "secondary/m");
        let answer = gateway.stream(protocol, "unreachable", "hello").expect(200);
        protocol.expect_whole_stream(&answer);
        let answer = gateway.ask(protocol, "unreachable-alone", "hello").expect(502);
        assert_eq!(answer.expect_header("x-should-retry"), "false");
    }
}

fn a_missing_credential_is_the_gateways_fault(gateway: &Gateway) {
    let answer = gateway.ask(Protocol::Chat, "keyless", "hello").expect(200);
    assert_eq!(answer.expect_header("sluice-target"), "secondary/m");
    let answer = gateway.ask(Protocol::Chat, "keyless-alone", "hello").expect(502);
    assert_eq!(Protocol::Chat.error(&answer.json()), "upstream_credentials");
}

fn when_all_fail_the_caller_learns_how(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        for stream in [false, true] {
            let cases = [
                ("status=503", 503),
                ("status=429", 429),
                ("status=401", 502),
                ("body=malformed", 502),
                ("reset", 502),
            ];
            for (fault, status) in cases {
                let body = protocol.ask("fallback", &format!("[[fault {fault}]]"), stream);
                let answer = gateway.post(&protocol.path("fallback", stream), &body).send();
                assert_eq!(answer.status, status, "{protocol} {fault}: {}", answer.text());
                let error = answer.json();
                protocol.error(&error);
                assert_eq!(answer.header("sluice-attempts"), Some("2"), "{protocol} {fault}");
                assert!(error.to_string().contains("primary/m"), "the attempts are not told: {error}");
            }
        }
    }
}

fn a_providers_own_pings_are_no_output(gateway: &Gateway) {
    let id = gateway.unique("pings");
    let text = format!("hello [[id {id}]] [[fault@primary first=5000,ping=100]]");
    for model in ["eager", "eager-anthropic"] {
        let answer = gateway.stream(Protocol::Messages, model, &text).expect(200);
        Protocol::Messages.expect_whole_stream(&answer);
        assert_eq!(answer.expect_header("sluice-target"), "secondary/m");
        assert!(answer.took < Duration::from_secs(4), "{model}: {:?}", answer.took);
    }
}

on_every_host!(
    a_whole_answer_comes_from_the_next_target,
    a_stream_comes_from_the_next_target,
    the_callers_own_fault_does_not_fall_over,
    a_provider_that_is_not_there_is_passed_over,
    a_missing_credential_is_the_gateways_fault,
    when_all_fail_the_caller_learns_how,
    a_providers_own_pings_are_no_output,
);
