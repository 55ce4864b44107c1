//! Answers given again, whole and streamed, in every protocol.

use std::{thread, time::Duration};

use serde_json::Value;
use sluice_tests::gateway::Gateway;
use sluice_tests::http::Answer;
use sluice_tests::on_every_host;
use sluice_tests::protocol::{PROTOCOLS, Protocol};
use sluice_tests::seed::{self, ADMIN_KEY};

fn cached(gateway: &Gateway, protocol: Protocol, text: &str, stream: bool) -> Answer {
    let body = protocol.ask("kept", text, stream);
    gateway.post(&protocol.path("kept", stream), &body).send().expect(200)
}

fn status(answer: &Answer) -> &str {
    answer.expect_header("sluice-cache").split(';').next().unwrap_or_default()
}

/// Whether it comes to be so, looking up to `times`, `pause` apart.
fn in_time(times: u32, pause: Duration, is_so: impl Fn() -> bool) -> bool {
    (0..times).any(|_| {
        let so = is_so();
        thread::sleep(if so { Duration::ZERO } else { pause });
        so
    })
}

fn the_same_is_asked_once(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        let id = gateway.unique("kept");
        let text = format!("cached words [[id {id}]] {protocol:?}");
        let first = cached(gateway, protocol, &text, false);
        assert_eq!(status(&first), "miss");
        let second = cached(gateway, protocol, &text, false);
        assert_eq!(status(&second), "hit", "{protocol:?}");
        assert_eq!(second.expect_header("sluice-cost-usd"), "0.000000000");
        assert_eq!(protocol.text(&first.json()), protocol.text(&second.json()));
        assert_eq!(protocol.usage(&first.json()), protocol.usage(&second.json()));
        let streamed = cached(gateway, protocol, &text, true);
        assert_eq!(status(&streamed), "hit", "{protocol:?}");
        assert!(streamed.text().contains("cached"), "{}", streamed.text());
        assert_eq!(gateway.mock().settled_log(&id).len(), 1, "{protocol:?}");
    }
}

fn a_stream_is_kept_once_it_is_whole(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        let id = gateway.unique("kept-stream");
        let text = format!("streamed words [[id {id}]] {protocol:?}");
        assert_eq!(status(&cached(gateway, protocol, &text, true)), "miss");
        // It is put into the store after its end.
        let is_kept = || {
            let request = gateway.post(&protocol.path("kept", false), &protocol.ask("kept", &text, false));
            request.header("sluice-cache", "only-if-cached").send().status == 200
        };
        assert!(in_time(50, Duration::from_millis(100), is_kept), "{protocol:?}");
        let whole = cached(gateway, protocol, &text, false);
        assert_eq!(status(&whole), "hit", "{protocol:?}");
        assert!(protocol.text(&whole.json()).contains("streamed words"), "{}", whole.text());
        let cut = format!("[[tokens 9]] [[fault cut=3]] [[id {id}-cut]] {protocol:?}");
        for _ in 0..2 {
            assert_eq!(status(&cached(gateway, protocol, &cut, true)), "miss", "{protocol:?}");
        }
    }
}

fn a_tenant_finds_nothing_of_anothers(gateway: &Gateway) {
    let body = Protocol::Chat.ask("kept", &format!("hello {}", gateway.unique("tenants")), false);
    let ask = |tenant: &str| {
        let request = gateway.request("POST", "/v1/chat/completions").key(&seed::key(tenant)).json(&body);
        status(&request.send().expect(200)).to_owned()
    };
    assert_eq!(
        (ask("keeper").as_str(), ask("stranger").as_str(), ask("keeper").as_str()),
        ("miss", "miss", "hit")
    );
}

fn what_is_purged_is_gone(gateway: &Gateway) {
    let body = Protocol::Chat.ask("kept", &format!("hello {}", gateway.unique("purge")), false);
    let ask = || {
        let request = gateway.request("POST", "/v1/chat/completions").key(&seed::key("purged")).json(&body);
        status(&request.send().expect(200)).to_owned()
    };
    assert_eq!((ask().as_str(), ask().as_str()), ("miss", "hit"));
    let purge = gateway.request("DELETE", "/admin/v1/tenants/purged/cache?model=kept").key(ADMIN_KEY);
    let told: Value = purge.send().expect(200).json();
    assert!(told["deleted"].as_u64().is_some_and(|deleted| 0 < deleted), "{told}");
    // Another instance may believe its memory for half a minute.
    let is_gone = || {
        let request = gateway.request("POST", "/v1/chat/completions").key(&seed::key("purged")).json(&body);
        request.header("sluice-cache", "only-if-cached").send().status == 404
    };
    assert!(in_time(80, Duration::from_millis(500), is_gone));
}

fn headers_decide(gateway: &Gateway) {
    let body = Protocol::Chat.ask("kept", &format!("hello {}", gateway.unique("headers")), false);
    let ask = |cache: &str| gateway.post("/v1/chat/completions", &body).header("sluice-cache", cache).send();
    assert_eq!(ask("only-if-cached").expect(404).json()["error"]["code"], "cache_miss");
    assert_eq!(ask("no-store").expect(200).header("sluice-cache"), None);
    assert_eq!(status(&ask("refresh").expect(200)), "refresh");
    assert_eq!(status(&ask("only-if-cached").expect(200)), "hit");
    assert!(ask("always").expect(400).text().contains("only-if-cached"));
}

fn the_same_at_once_is_answered_for_all(gateway: &Gateway) {
    let id = gateway.unique("herd");
    let text = format!("one for all [[fault delay=500]] [[id {id}]]");
    thread::scope(|scope| {
        let asked: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| Protocol::Chat.text(&cached(gateway, Protocol::Chat, &text, false).json()))
            })
            .collect();
        for answer in asked {
            assert!(answer.join().expect("an answer").contains("one for all"));
        }
    });
    // Spin may answer in several instances, which share nothing but the store.
    assert!(gateway.mock().settled_log(&id).len() <= 8);
}

on_every_host!(
    the_same_is_asked_once,
    a_stream_is_kept_once_it_is_whole,
    a_tenant_finds_nothing_of_anothers,
    what_is_purged_is_gone,
    headers_decide,
    the_same_at_once_is_answered_for_all,
);
