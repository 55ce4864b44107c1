//! Where requests go, and why: explanations, breakers, races, splits, mirrors, the operator's view of targets.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_tests::gateway::{Gateway, Host};
use sluice_tests::http::Answer;
use sluice_tests::on_every_host;
use sluice_tests::protocol::{PROTOCOLS, Protocol};
use sluice_tests::seed::ADMIN_KEY;

fn explained(gateway: &Gateway, protocol: Protocol, model: &str, text: &str) -> Answer {
    let body = protocol.ask(model, text, false);
    gateway.post(&protocol.path(model, false), &body).header("sluice-explain", "1").send()
}

fn an_answer_tells_why_it_went_where_it_went(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        let answer = explained(gateway, protocol, "by-cost", "hello").expect(200);
        let told: Value = serde_json::from_str(answer.expect_header("sluice-explain")).expect("JSON");
        assert_eq!((&told["model"], &told["strategy"]), (&"by-cost".into(), &"least_cost".into()), "{told}");
        let names: Vec<_> =
            told["candidates"].as_array().unwrap().iter().map(|one| one["target"].clone()).collect();
        assert_eq!(names, ["priced/m", "priced/unpriced"], "{told}");
        assert_eq!(told["candidates"][0]["state"], "closed", "{told}");
        assert!(told["reason"].as_str().is_some_and(|reason| reason.contains("cheapest")), "{told}");
        assert_eq!(answer.expect_header("sluice-target"), "priced/m");
    }
}

fn simple_prompts_go_to_the_first_and_hard_ones_to_the_last(gateway: &Gateway) {
    let hard = "Prove that the algorithm terminates, derive its complexity, and discuss the trade-offs of each design: \
                consistency, latency, cost. Justify every step and compare it with an alternative.";
    for (text, target) in [("What is the capital of France?", "primary/m"), (hard, "secondary/m")] {
        let answer = explained(gateway, Protocol::Chat, "by-hardness", text).expect(200);
        assert_eq!(
            answer.expect_header("sluice-target"),
            target,
            "{}",
            answer.expect_header("sluice-explain")
        );
    }
}

fn a_user_stays_in_an_arm(gateway: &Gateway) {
    let target = |user: &str| {
        let body = Protocol::Chat.ask("arms", "hello", false);
        let request = gateway.post("/v1/chat/completions", &body).header("sluice-user", user);
        request.send().expect(200).expect_header("sluice-target").to_owned()
    };
    let users: Vec<String> = (0..12).map(|number| format!("user-{number}")).collect();
    let first: Vec<String> = users.iter().map(|user| target(user)).collect();
    let second: Vec<String> = users.iter().map(|user| target(user)).collect();
    assert_eq!(first, second);
    assert!(
        first.iter().any(|one| one == "primary/m") && first.iter().any(|one| one == "secondary/m"),
        "{first:?}"
    );
}

fn a_race_ends_with_the_quicker(gateway: &Gateway) {
    for stream in [false, true] {
        let id = gateway.unique("race");
        let text = format!("[[tokens 3]] [[id {id}]] [[fault@primary delay=8000]]");
        let body = Protocol::Chat.ask("raced", &text, stream);
        let answer = gateway.post("/v1/chat/completions", &body).open().rest().expect(200);
        assert_eq!(answer.expect_header("sluice-target"), "secondary/m");
        assert_eq!(answer.expect_header("sluice-attempts"), "2");
        assert!(answer.took < Duration::from_secs(4), "{:?}", answer.took);
        let log = gateway.mock().settled_log(&id);
        let outcome = |name: &str| {
            log.iter().find(|entry| entry["ids"][0] == name).map(|entry| entry["outcome"].clone())
        };
        assert_eq!(outcome("primary"), Some("hung_up".into()), "the loser is not cancelled: {log:?}");
    }
}

fn a_copy_goes_to_the_mirror(gateway: &Gateway) {
    let id = gateway.unique("mirror");
    let answer = gateway.ask(Protocol::Messages, "copied", &format!("hello [[id {id}]]")).expect(200);
    assert_eq!(answer.expect_header("sluice-target"), "primary/m");
    let deadline = Instant::now() + Duration::from_secs(5);
    while gateway.mock().log(&id).len() < 2 && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    let mut asked = gateway.mock().asked(&id);
    asked.sort();
    assert_eq!(asked, ["primary", "secondary"]);
}

fn a_failing_target_is_left_alone(gateway: &Gateway) {
    let ask = |text: &str| {
        let id = gateway.unique("shaky");
        gateway.ask(Protocol::Chat, "guarded", &format!("hello [[id {id}]] {text}")).expect(200);
        gateway.mock().asked(&id)
    };
    for _ in 0..2 {
        assert_eq!(ask("[[fault@shaky status=503]]"), ["shaky", "secondary"]);
    }
    // An isolate remembers. Where a request may have an instance of its own, there may be nobody to.
    let next = ask("");
    assert!(next == ["secondary"] || gateway.host == Host::Spin && next == ["shaky"], "{next:?}");
    thread::sleep(Duration::from_millis(1_600));
    assert_eq!(ask(""), ["shaky"]);
}

fn instances_share_a_breaker_that_is_to_be_shared(gateway: &Gateway) {
    let ask = |text: &str| {
        let id = gateway.unique("shared");
        gateway.ask(Protocol::Chat, "guarded-by-all", &format!("hello [[id {id}]] {text}")).expect(200);
        // What is told to the others is told after the answer.
        thread::sleep(Duration::from_millis(800));
        gateway.mock().asked(&id)
    };
    for _ in 0..2 {
        assert_eq!(ask("[[fault@flaky status=503]]"), ["flaky", "secondary"]);
    }
    // On Spin each request may have an instance of its own: it asks before it does anything.
    assert_eq!(ask(""), ["secondary"]);
    thread::sleep(Duration::from_millis(2_600));
    assert_eq!(ask("[[fault@flaky status=503]]"), ["flaky", "secondary"], "a probe");
    assert_eq!(ask(""), ["secondary"], "it rests twice as long");
    thread::sleep(Duration::from_millis(5_100));
    for _ in 0..3 {
        assert_eq!(ask(""), ["flaky"]);
    }
}

fn an_operator_drains_and_restores_a_target(gateway: &Gateway) {
    let set = |state: &str| {
        let path = "/admin/v1/targets/drainable%2Fm";
        gateway.request("POST", path).key(ADMIN_KEY).json(&json!({ "state": state })).send().expect(200)
    };
    // Other isolates learn of it within a minute; which of them answers is the host's to say.
    let expect = |target: &str| {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut in_a_row = 0;
        while in_a_row < 3 {
            let answer = gateway.ask(Protocol::Chat, "drained", "hello").expect(200);
            in_a_row = if answer.expect_header("sluice-target") == target { in_a_row + 1 } else { 0 };
            assert!(Instant::now() < deadline, "still not {target}");
            thread::sleep(Duration::from_millis(50));
        }
    };
    expect("drainable/m");
    assert_eq!(set("drained").json()["state"], "drained");
    expect("secondary/m");
    let list = gateway.request("GET", "/admin/v1/targets").key(ADMIN_KEY).send().expect(200).json();
    let one =
        list["data"].as_array().unwrap().iter().find(|one| one["id"] == "drainable/m").cloned().unwrap();
    assert_eq!(one["models"], json!(["drained"]), "{one}");
    set("active");
    expect("drainable/m");
    let path = "/admin/v1/targets";
    gateway.get(path).expect(401);
}

on_every_host!(
    an_answer_tells_why_it_went_where_it_went,
    simple_prompts_go_to_the_first_and_hard_ones_to_the_last,
    a_user_stays_in_an_arm,
    a_race_ends_with_the_quicker,
    a_copy_goes_to_the_mirror,
    a_failing_target_is_left_alone,
    instances_share_a_breaker_that_is_to_be_shared,
    an_operator_drains_and_restores_a_target,
);
