//! The tools of the scenarios themselves, on the mock provider alone: if these fail, do not look at the gateway.

use std::time::Duration;

use sluice_tests::http::{Answer, Request};
use sluice_tests::mock::Mock;
use sluice_tests::protocol::{Protocol, WITH_MESSAGES};

fn ask(protocol: Protocol, text: &str, stream: bool) -> Request {
    let address = Mock::shared().url().trim_start_matches("http://");
    let request = Request::new(address, "POST", &protocol.path("m", stream)).key("sk-upstream");
    request.header("anthropic-version", "2023-06-01").json(&protocol.ask("m", text, stream))
}

/// Without the header that only one of the two providers takes.
fn send(protocol: Protocol, text: &str, stream: bool) -> Answer {
    let address = Mock::shared().url().trim_start_matches("http://");
    let request = Request::new(address, "POST", &protocol.path("m", stream)).key("sk-upstream");
    let request = match protocol {
        Protocol::Chat | Protocol::Responses | Protocol::Gemini => request,
        Protocol::Messages => request.header("anthropic-version", "2023-06-01"),
    };
    request.json(&protocol.ask("m", text, stream)).send()
}

#[test]
fn whole_answers_and_streams_are_read() {
    for protocol in WITH_MESSAGES {
        let whole = send(protocol, "hi", false).expect(200);
        assert_eq!(protocol.text(&whole.json()), "You said: hi é漢🦀.");
        let stream = send(protocol, "hi", true).expect(200);
        protocol.expect_whole_stream(&stream);
        assert_eq!(protocol.stream_text(&stream.events()), "You said: hi é漢🦀.");
    }
}

#[test]
fn a_cut_is_seen_and_an_end_is_not() {
    for protocol in WITH_MESSAGES {
        let cut = send(protocol, "[[tokens 9]] [[fault cut=3]]", true);
        assert!(cut.broken);
        assert_eq!(protocol.stream_text(&cut.events()), "w0 w1 w2 ");
        let end = send(protocol, "[[tokens 9]] [[fault end=3]]", true);
        assert!(!end.broken);
        protocol.expect_stream_error(&send(protocol, "[[tokens 9]] [[fault error=3]]", true));
        assert!(send(protocol, "hi [[fault cut=1]]", false).broken);
    }
}

#[test]
fn pieces_have_times() {
    for protocol in WITH_MESSAGES {
        let answer = send(protocol, "[[tokens 5]] [[fault first=200,between=50]]", true);
        let token = answer.pieces.iter().find(|(_, piece)| String::from_utf8_lossy(piece).contains("w0"));
        let (first, last) = (token.expect("a token").0, answer.pieces.last().expect("pieces").0);
        assert!(
            Duration::from_millis(200) <= first && Duration::from_millis(180) < last - first,
            "{first:?} {last:?}"
        );
    }
}

#[test]
fn a_socket_may_be_closed_without_a_word() {
    assert!(ask(Protocol::Messages, "[[fault reset]]", false).try_open().is_err());
}

#[test]
fn leaving_is_seen_by_the_mock() {
    let mut live =
        ask(Protocol::Messages, "[[tokens 500]] [[id harness-left]] [[fault between=10]]", true).open();
    live.wait_for("w3");
    live.hang_up();
    let log = Mock::shared().settled_log("harness-left");
    assert_eq!(log[0]["outcome"], "hung_up", "{log:?}");
    assert!(log[0]["chunks"].as_u64().unwrap_or_default() < 200, "{log:?}");
    ask(Protocol::Messages, "[[id harness-early]] [[fault delay=9000]]", false)
        .abandon(Duration::from_millis(100));
    assert_eq!(Mock::shared().settled_log("harness-early")[0]["outcome"], "hung_up");
}

#[test]
fn faults_pass_after_their_times() {
    let status =
        || send(Protocol::Chat, "[[fault id=harness-times,times=2,status=503,retry-after=1]]", false).status;
    assert_eq!([status(), status(), status()], [503, 503, 200]);
    assert_eq!(Mock::shared().log("harness-times").len(), 3);
}

#[test]
fn a_requests_name_is_one_to_count_by_and_there_is_no_count_without() {
    let status = |text: &str| send(Protocol::Chat, text, false).status;
    for name in ["harness-first", "harness-second"] {
        let text = format!("[[fault times=1,status=503]] [[id {name}]]");
        assert_eq!([status(&text), status(&text)], [503, 200], "{name}");
    }
    assert_eq!(status("[[fault times=1,status=503]]"), 400);
}

#[test]
fn bodies_may_be_sent_slowly() {
    let request = ask(Protocol::Messages, "hi", false).slowly(10, Duration::from_millis(5));
    assert_eq!(request.send().expect(200).json()["type"], "message");
}
