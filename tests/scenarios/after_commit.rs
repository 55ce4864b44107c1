//! What goes wrong after the first output: the caller is told, and nothing is tried again.

use sluice_tests::gateway::Gateway;
use sluice_tests::on_every_host;
use sluice_tests::protocol::PROTOCOLS;
use sluice_tests::seed::FALLBACK_MODELS;

/// Paced, since what comes in one burst with the first token is a failure before anything was handed on, and falls over: a busy
/// machine may keep a Worker from reading for a tenth of a second.
const FAULTS: &[&str] = &[
    "cut=3,between=80",
    "end=3,between=80",
    "end=999,between=80",
    "error=3,between=80",
    "garbage=3,between=80",
];

fn a_broken_stream_ends_with_an_error_frame(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        for model in FALLBACK_MODELS {
            for fault in FAULTS {
                let id = gateway.unique("broken");
                let text = format!("[[tokens 8]] [[id {id}]] [[fault@primary {fault}]]");
                let answer = gateway.stream(protocol, model, &text);
                let about = format!("{protocol} {model} {fault}: {}", answer.text());
                assert_eq!(answer.status, 200, "{about}");
                assert!(!answer.broken, "{about}");
                protocol.expect_stream_error(&answer);
                let text = protocol.stream_text(&answer.events());
                assert!(text.starts_with("w0 w1 w2 "), "what came before is there: {about}");
                assert_eq!(gateway.mock().asked(&id), ["primary"], "{about}");
                assert_eq!(answer.header("sluice-attempts"), Some("1"), "{about}");
            }
        }
    }
}

fn a_stream_without_its_end_is_told_from_a_whole_one(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        let answer = gateway.stream(protocol, "chat-openai", "[[tokens 4]] [[fault end=999]]");
        let text = answer.text();
        for end in ["[DONE]", "message_stop", "response.completed", "finishReason"] {
            assert!(!text.contains(end), "{protocol}: {text}");
        }
    }
}

on_every_host!(a_broken_stream_ends_with_an_error_frame, a_stream_without_its_end_is_told_from_a_whole_one);
