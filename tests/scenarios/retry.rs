//! Trying again at the same target.

use std::time::Duration;

use sluice_tests::gateway::Gateway;
use sluice_tests::on_every_host;
use sluice_tests::protocol::{PROTOCOLS, Protocol};

fn a_target_is_tried_as_often_as_configured(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        let id = gateway.unique("three");
        let text = format!("[[fault id={id},status=503]]");
        let answer = gateway.ask(protocol, "persistent", &text).expect(503);
        assert_eq!(answer.expect_header("sluice-attempts"), "3");
        assert_eq!(gateway.mock().log(&id).len(), 3);
    }
}

fn a_passing_fault_is_not_seen(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        for fault in ["status=503", "status=429", "reset", "error200", "body=malformed"] {
            let id = gateway.unique("passing");
            let text = format!("hello [[fault id={id},times=2,{fault}]]");
            let answer = gateway.ask(protocol, "persistent", &text);
            assert_eq!(answer.status, 200, "{protocol} {fault}: {}", answer.text());
            assert_eq!(answer.expect_header("sluice-attempts"), "3", "{protocol} {fault}");
            assert_eq!(gateway.mock().log(&id).len(), 3, "{protocol} {fault}");
        }
    }
}

fn tries_at_one_target_come_before_the_next(gateway: &Gateway) {
    let id = gateway.unique("order");
    let text = format!("hello [[id {id}]] [[fault@primary status=503]]");
    gateway.ask(Protocol::Chat, "persistent-fallback", &text).expect(200);
    assert_eq!(gateway.mock().asked(&id), ["primary", "primary", "secondary"]);
}

fn a_busy_target_is_left_at_once_while_there_is_another(gateway: &Gateway) {
    let id = gateway.unique("busy");
    let text = format!("hello [[id {id}]] [[fault@primary status=429,retry-after=1]]");
    let answer = gateway.ask(Protocol::Chat, "persistent-fallback", &text).expect(200);
    assert_eq!(gateway.mock().asked(&id), ["primary", "secondary"]);
    assert!(answer.took < Duration::from_millis(900), "{:?}", answer.took);
}

fn retry_after_is_honoured_within_the_backoffs_bound(gateway: &Gateway) {
    let id = gateway.unique("after");
    let text = format!("hello [[fault id={id},times=1,status=429,retry-after=1]]");
    let answer = gateway.ask(Protocol::Chat, "persistent", &text).expect(200);
    assert!(Duration::from_millis(950) <= answer.took, "{:?}", answer.took);

    let id = gateway.unique("too-long");
    let text = format!("hello [[fault id={id},status=429,retry-after=60]]");
    let answer = gateway.ask(Protocol::Chat, "persistent", &text).expect(429);
    assert!(answer.took < Duration::from_secs(2), "{:?}", answer.took);
    assert_eq!(gateway.mock().log(&id).len(), 1, "a wait longer than the bound is not begun");
    assert_eq!(answer.expect_header("retry-after"), "60");
}

on_every_host!(
    a_target_is_tried_as_often_as_configured,
    a_passing_fault_is_not_seen,
    tries_at_one_target_come_before_the_next,
    a_busy_target_is_left_at_once_while_there_is_another,
    retry_after_is_honoured_within_the_backoffs_bound,
);
