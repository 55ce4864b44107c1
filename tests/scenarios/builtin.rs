//! The provider that is compiled in.

use sluice_tests::gateway::Gateway;
use sluice_tests::on_every_host;
use sluice_tests::protocol::{PROTOCOLS, Protocol};

const TEXT: &str = "The library opens at nine in the morning. The museum is closed on Mondays. Bread is sold at the \
                    market.\nWhen does the library open?";

fn it_answers_from_the_text(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        let answer = gateway.ask(protocol, "builtin/extractive", TEXT).expect(200);
        let whole = protocol.text(&answer.json());
        assert!(whole.contains("nine in the morning"), "{whole}");
        assert_eq!(answer.expect_header("sluice-target"), "builtin/extractive");

        let answer = gateway.stream(protocol, "builtin/extractive", TEXT).expect(200);
        protocol.expect_whole_stream(&answer);
        assert_eq!(protocol.stream_text(&answer.events()), whole, "streamed and whole say the same");
    }
}

fn it_says_when_there_is_nothing_to_answer_from(gateway: &Gateway) {
    let answer = gateway.ask(Protocol::Chat, "builtin/extractive", "Who won in 1974?").expect(200);
    let text = Protocol::Chat.text(&answer.json()).to_lowercase();
    assert!(text.contains("no model"), "it does not say that no model is connected: {text}");
}

fn it_is_a_last_resort(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        let text = format!("[[fault status=503]] {TEXT}");
        let answer = gateway.ask(protocol, "last-resort", &text).expect(200);
        assert_eq!(answer.expect_header("sluice-target"), "builtin/extractive");
        assert_eq!(answer.expect_header("sluice-attempts"), "2");
        let answer = gateway.stream(protocol, "last-resort", &text).expect(200);
        protocol.expect_whole_stream(&answer);
    }
}

on_every_host!(it_answers_from_the_text, it_says_when_there_is_nothing_to_answer_from, it_is_a_last_resort);
