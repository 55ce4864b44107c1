//! Providers that take too long.

use std::time::Duration;

use sluice_tests::gateway::Gateway;
use sluice_tests::on_every_host;
use sluice_tests::protocol::{PROTOCOLS, Protocol};

/// More than any of these scenarios may take.
const LONG: Duration = Duration::from_secs(4);

fn a_slow_target_is_given_up(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        for fault in ["delay=8000", "stall=1"] {
            let id = gateway.unique("slow");
            let text = format!("hello [[id {id}]] [[fault@primary {fault}]]");
            let answer = gateway.ask(protocol, "impatient", &text).expect(200);
            assert_eq!(answer.expect_header("sluice-target"), "secondary/m", "{protocol} {fault}");
            assert!(answer.took < LONG, "{protocol} {fault}: {:?}", answer.took);
            let log = gateway.mock().settled_log(&id);
            assert_eq!(log[0]["outcome"], "hung_up", "{protocol} {fault}: the call is not cancelled");
        }
    }
}

fn the_last_target_to_be_slow_is_a_504(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        let answer = gateway.ask(protocol, "impatient-alone", "hello [[fault delay=8000]]").expect(504);
        let code = protocol.error(&answer.json());
        assert!(
            ["upstream_timeout", "timeout_error", "DEADLINE_EXCEEDED"].contains(&code.as_str()),
            "{code}"
        );
        assert!(answer.took < LONG);
    }
}

fn a_stream_that_does_not_begin_is_given_up(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        for model in ["eager", "eager-anthropic"] {
            for fault in ["delay=8000", "first=8000", "stall=0", "stall=head"] {
                let id = gateway.unique("late");
                let text = format!("hello [[id {id}]] [[fault@primary {fault}]]");
                let answer = gateway.stream(protocol, model, &text).expect(200);
                protocol.expect_whole_stream(&answer);
                assert_eq!(
                    answer.expect_header("sluice-target"),
                    "secondary/m",
                    "{protocol} {model} {fault}"
                );
                assert!(answer.took < LONG, "{protocol} {model} {fault}: {:?}", answer.took);
                let log = gateway.mock().settled_log(&id);
                assert_eq!(
                    log[0]["outcome"], "hung_up",
                    "{protocol} {model} {fault}: the call is not cancelled"
                );
            }
        }
    }
}

fn a_stream_that_begins_in_time_may_be_slow(gateway: &Gateway) {
    let answer =
        gateway.stream(Protocol::Chat, "eager", "[[tokens 4]] [[fault@primary between=300]]").expect(200);
    Protocol::Chat.expect_whole_stream(&answer);
    assert_eq!(answer.expect_header("sluice-target"), "primary/m");
}

fn a_stream_that_stops_within_is_ended_by_the_timeout(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        let answer =
            gateway.stream(protocol, "impatient-alone", "[[tokens 4]] [[fault stall=2]]").expect(200);
        protocol.expect_stream_error(&answer);
        assert_eq!(protocol.stream_text(&answer.events()), "w0 w1 ");
        assert!(answer.took < LONG);
    }
}

on_every_host!(
    a_slow_target_is_given_up,
    the_last_target_to_be_slow_is_a_504,
    a_stream_that_does_not_begin_is_given_up,
    a_stream_that_begins_in_time_may_be_slow,
    a_stream_that_stops_within_is_ended_by_the_timeout,
);
