//! The operator's API on the host in memory: tenants, keys, usage, audit.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests fail by panicking")]

use std::{rc::Rc, time::Duration};

use crate::support::{WHOLE, chat, gateway, host, send};
use serde_json::{Value, json};
use sluice_core::{
    gateway::{Gateway, VISITOR, object},
    port::{Clock, Kv},
};
use sluice_testing::memory::{MemoryHost, answer};

fn admin(gateway: &Rc<Gateway>, host: &MemoryHost, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = http::Request::builder()
        .method(method)
        .uri(format!("/admin/v1/{path}"))
        .header("authorization", "Bearer root")
        .body(body.into())
        .unwrap();
    let (status, _, body) = send(gateway, host, request);
    (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
}

fn ask(
    gateway: &Rc<Gateway>,
    host: &MemoryHost,
    key: &str,
    model: &str,
    headers: &[(&'static str, &str)],
) -> u16 {
    let mut request = chat(model, false);
    request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    send(gateway, host, request).0
}

fn answers(count: usize) -> MemoryHost {
    (0..count).fold(host(), |host, _| host.reply("a.test", answer(200, WHOLE)))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn a_tenant_comes_on_in_two_calls_and_goes_with_its_data() {
    let (gateway, host) = (gateway(), answers(3));
    let made = admin(
        &gateway,
        &host,
        "POST",
        "tenants",
        &json!({"id": "new", "limits": {"requests_per_minute": 9}}),
    );
    assert_eq!((made.0, &made.1["id"]), (201, &json!("new")));
    assert_eq!(admin(&gateway, &host, "POST", "tenants", &json!({"id": "new"})).0, 400);
    let (status, key) = admin(&gateway, &host, "POST", "tenants/new/keys", &json!({"name": "server"}));
    assert_eq!(status, 201);
    let plain = text(&key["key"]).to_owned();
    assert!(plain.starts_with("sk-sluice-") && plain.len() == 10 + 64);
    assert_eq!(ask(&gateway, &host, &plain, "one", &[]), 200);
    // The plain key is in no value of the store.
    assert!(host.values("").iter().all(|value| !value.contains(&plain)));

    let (_, tenants) = admin(&gateway, &host, "GET", "tenants", &Value::Null);
    let ids: Vec<&str> = tenants["data"].as_array().unwrap().iter().map(|one| text(&one["id"])).collect();
    assert_eq!(ids, ["acme", "new"]);
    let (_, keys) = admin(&gateway, &host, "GET", "tenants/new/keys", &Value::Null);
    assert_eq!((&keys["data"][0]["id"], &keys["data"][0]["key"]), (&key["id"], &Value::Null));

    let (status, gone) = admin(&gateway, &host, "DELETE", "tenants/new", &Value::Null);
    assert_eq!((status, &gone["deleted"]), (200, &json!(true)));
    assert_eq!(ask(&gateway, &host, &plain, "one", &[]), 401);
    for prefix in ["tenant/new", "keys/new/", "cost/new/", "usage/new/"] {
        assert!(host.values(prefix).is_empty(), "{prefix}");
    }
    assert_eq!(admin(&gateway, &host, "GET", "tenants/new", &Value::Null).0, 404);
    assert_eq!(host.values("tenant/acme").len(), 1);
}

#[test]
fn a_rotated_key_works_beside_the_new_one_for_a_while() {
    let (gateway, host) = (gateway(), answers(9));
    let (_, first) = admin(&gateway, &host, "POST", "tenants/acme/keys", &json!({}));
    let path = format!("tenants/acme/keys/{}", text(&first["id"]));
    let (status, second) =
        admin(&gateway, &host, "POST", &format!("{path}/rotate"), &json!({"overlap_seconds": 60}));
    assert_eq!((status, &second["id"]), (200, &first["id"]));
    let (old, new) = (text(&first["key"]), text(&second["key"]));
    assert_ne!(old, new);
    assert_eq!((ask(&gateway, &host, old, "one", &[]), ask(&gateway, &host, new, "one", &[])), (200, 200));
    host.run(host.sleep(Duration::from_secs(61)));
    assert_eq!((ask(&gateway, &host, old, "one", &[]), ask(&gateway, &host, new, "one", &[])), (401, 200));
    assert_eq!(admin(&gateway, &host, "POST", &format!("{path}/revoke"), &Value::Null).0, 200);
    assert_eq!(ask(&gateway, &host, new, "one", &[]), 401);
    assert_eq!(admin(&gateway, &host, "POST", "tenants/acme/keys/key_no/revoke", &Value::Null).0, 404);
}

#[test]
fn an_isolate_that_did_not_make_the_change_sees_it_within_half_a_minute() {
    let (here, there, host) = (gateway(), gateway(), answers(9));
    let (_, key) = admin(&here, &host, "POST", "tenants/acme/keys", &json!({}));
    let plain = text(&key["key"]);
    assert_eq!(ask(&there, &host, plain, "one", &[]), 200);
    let path = format!("tenants/acme/keys/{}", text(&key["id"]));
    admin(&here, &host, "POST", &format!("{path}/revoke"), &Value::Null);
    assert_eq!(ask(&here, &host, plain, "one", &[]), 401);
    host.run(host.sleep(Duration::from_secs(30)));
    assert_eq!(ask(&there, &host, plain, "one", &[]), 401);
}

#[test]
fn a_publishable_key_works_on_its_websites_for_its_models_at_a_rate_per_visitor() {
    let (gateway, host) = (gateway(), answers(9));
    let asked = json!({"kind": "publishable", "origins": ["https://app.example"], "models": ["one"],
        "visitor_requests_per_minute": 2});
    let (_, key) = admin(&gateway, &host, "POST", "tenants/acme/keys", &asked);
    let plain = text(&key["key"]);
    assert!(plain.starts_with("pk-sluice-"));
    let from = |origin: &'static str, visitor: &'static str| [("origin", origin), (VISITOR, visitor)];
    assert_eq!(ask(&gateway, &host, plain, "one", &[]), 403);
    assert_eq!(ask(&gateway, &host, plain, "one", &from("https://evil.example", "1.2.3.4")), 403);
    assert_eq!(ask(&gateway, &host, plain, "two", &from("https://app.example", "1.2.3.4")), 403);
    let statuses = ["1.2.3.4", "1.2.3.4", "1.2.3.4", "5.6.7.8"]
        .map(|visitor| ask(&gateway, &host, plain, "one", &from("https://app.example", visitor)));
    assert_eq!(statuses, [200, 200, 429, 200]);
}

#[test]
fn an_end_users_token_works_for_that_user_until_it_ends() {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use hmac::{Hmac, Mac as _};

    let secret = "a shared secret of at least 32 bytes";
    let (gateway, host) = (gateway(), answers(9).with_secret("ACME_JWT", secret));
    let keys = json!({"token_keys": [{"kid": "k1", "alg": "HS256", "secret": "$ACME_JWT"}]});
    assert_eq!(admin(&gateway, &host, "PATCH", "tenants/acme", &keys).0, 200);
    let sign = |claims: Value, secret: &str| {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(json!({"alg": "HS256", "typ": "JWT", "kid": "k1"})), part(claims));
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    };
    let end = crate::support::NOON.0 / 1_000 + 300;
    let claims =
        json!({"iss": "acme", "sub": "ann", "exp": end, "models": ["one"], "requests_per_minute": 2});
    let token = sign(claims.clone(), secret);
    // Whoever it says it is: the token says who.
    assert_eq!(ask(&gateway, &host, &token, "one", &[("sluice-user", "bob")]), 200);
    assert_eq!(crate::support::rows(&host)[0]["user"], "ann");
    assert_eq!(ask(&gateway, &host, &token, "two", &[]), 403);
    // Another token of the same user has the same limits.
    let mut again = claims.clone();
    again["iat"] = json!(1);
    assert_eq!(ask(&gateway, &host, &sign(again, secret), "one", &[]), 200);
    assert_eq!(ask(&gateway, &host, &token, "one", &[]), 429);
    assert_eq!(
        ask(&gateway, &host, &sign(claims.clone(), "another secret of more than 32 bytes"), "one", &[]),
        401
    );
    let mut elsewhere = claims;
    elsewhere["iss"] = json!("other");
    assert_eq!(ask(&gateway, &host, &sign(elsewhere, secret), "one", &[]), 401);
    host.run(host.sleep(Duration::from_secs(301)));
    assert_eq!(ask(&gateway, &host, &token, "one", &[]), 401);
}

#[test]
fn a_token_key_taken_away_signs_no_more_within_half_a_minute() {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use hmac::{Hmac, Mac as _};

    let secret = "a shared secret of at least 32 bytes";
    let (here, there, host) = (gateway(), gateway(), answers(9).with_secret("ACME_JWT", secret));
    let keys = json!({"token_keys": [{"kid": "k1", "alg": "HS256", "secret": "$ACME_JWT"}]});
    assert_eq!(admin(&here, &host, "PATCH", "tenants/acme", &keys).0, 200);
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({"iss": "acme", "sub": "ann", "exp": crate::support::NOON.0 / 1_000 + 300});
    let text = format!("{}.{}", part(json!({"alg": "HS256", "kid": "k1"})), part(claims));
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    let token = format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()));
    assert_eq!([ask(&here, &host, &token, "one", &[]), ask(&there, &host, &token, "one", &[])], [200, 200]);
    let none = json!({"token_keys": null});
    assert_eq!(admin(&here, &host, "PATCH", "tenants/acme", &none).0, 200);
    assert_eq!(ask(&here, &host, &token, "one", &[]), 401);
    host.run(host.sleep(Duration::from_secs(30)));
    assert_eq!(ask(&there, &host, &token, "one", &[]), 401);
}

#[test]
fn keys_and_regions_narrow_what_a_tenant_may() {
    let (gateway, host) = (gateway(), answers(9));
    let (_, key) =
        admin(&gateway, &host, "POST", "tenants/acme/keys", &json!({"models": ["two"], "providers": ["b"]}));
    let plain = text(&key["key"]);
    assert_eq!(ask(&gateway, &host, plain, "one", &[]), 403);
    assert_eq!(ask(&gateway, &host, plain, "two", &[]), 502);
    assert_eq!(host.asked_hosts(), ["b.test"]);
    admin(&gateway, &host, "PATCH", "tenants/acme", &json!({"regions": ["eu"]}));
    assert_eq!(ask(&gateway, &host, plain, "two", &[]), 403);
    assert_eq!(host.asked_hosts(), ["b.test"]);
}

#[test]
fn usage_is_split_and_a_roll_up_gives_the_same_numbers() {
    let (gateway, host) = (gateway(), answers(9));
    admin(&gateway, &host, "PATCH", "tenants/acme", &json!({"limits": {"requests_per_minute": 100}}));
    for (team, model) in [("a", "one"), ("a", "two"), ("b", "one")] {
        let tags = format!("team={team}");
        assert_eq!(ask(&gateway, &host, crate::support::KEY, model, &[("sluice-tags", &tags)]), 200);
    }
    let (status, usage) = admin(&gateway, &host, "GET", "usage?tenant=acme&by=model,tag:team", &Value::Null);
    assert_eq!(status, 200);
    assert_eq!(usage["sum"]["cost_nano_usd"], 60_000);
    assert_eq!(usage["data"].as_array().unwrap().len(), 3);
    assert_eq!(usage["data"][0]["tag:team"], "a");
    let (_, csv) = admin(&gateway, &host, "GET", "usage?by=tenant,day&format=csv", &Value::Null);
    assert!(
        text(&csv)
            .contains("\r\nacme,2026-11-21,3,0,0,0,30,15,0,0,0.000060000,0,0,0.000000000,0,0.000000000\r\n"),
        "{csv}"
    );

    // What is minutes old may not be seen everywhere yet.
    let (_, rolled) = admin(&gateway, &host, "POST", "rollup", &Value::Null);
    assert_eq!((&rolled["dates"], &rolled["tenants"]), (&json!(["2026-11-20", "2026-11-21"]), &json!([])));
    host.run(host.sleep(Duration::from_secs(600)));
    for _ in 0..2 {
        let (_, rolled) = admin(&gateway, &host, "POST", "rollup?date=2026-11-21", &Value::Null);
        let acme = json!([{"tenant": "acme", "date": "2026-11-21", "requests": 3}]);
        assert_eq!((&rolled["tenants"], &rolled["failed"]), (&acme, &json!([])));
        assert_eq!(host.values("usage/acme/2026-11-21").len(), 1);
    }
    let before = host.values("usage/acme/");
    admin(&gateway, &host, "POST", "rollup?date=2026-11-21", &Value::Null);
    assert_eq!(host.values("usage/acme/"), before);
    // Two days later the roll-up is what is asked.
    host.run(host.sleep(Duration::from_secs(2 * 86_400)));
    let (_, later) = admin(
        &gateway,
        &host,
        "GET",
        "usage?tenant=acme&from=2026-11-21&to=2026-11-21&by=model,tag:team",
        &Value::Null,
    );
    assert_eq!((&later["data"], &later["sum"]), (&usage["data"], &usage["sum"]));
    for wrong in [
        "usage?by=moon",
        "usage?tenant=a%2Fb",
        "usage?format=xml",
        "usage?from=x",
        "usage?x=1",
        "rollup?date=x",
    ] {
        let method = if wrong.starts_with("rollup") { "POST" } else { "GET" };
        assert_eq!(admin(&gateway, &host, method, wrong, &Value::Null).0, 400, "{wrong}");
    }
}

#[test]
fn a_roll_up_reads_what_is_new_and_begins_anew_where_a_row_came_late() {
    const TODAY: &str = "usage?tenant=acme";
    let (gateway, host) = (gateway(), answers(9));
    let row = |number: u32| {
        format!(
            r#"{{"id":"{number}","key":"k","gen_ai.request.model":"m{number}","usage":{{"output_text":4}},"cost_nano_usd":9}}"#
        )
    };
    let store = |millisecond: u64, value: String| {
        let key =
            format!("cost/acme/2026-11-21/{:013}-{millisecond:016x}", crate::support::NOON.0 + millisecond);
        host.run(Kv::put(&host, &key, value.into(), None)).unwrap();
        key
    };
    let requests =
        |path: &str| admin(&gateway, &host, "GET", path, &Value::Null).1["sum"]["requests"].clone();
    let wait = |minutes: u64| host.run(host.sleep(Duration::from_secs(60 * minutes)));
    let hour = || host.run(gateway.hourly(&host));
    let rolled = || {
        host.values("usage/acme/2026-11-21").first().map(|text| crate::support::parsed(text)["keys"].clone())
    };

    let first = store(0, row(1));
    store(1_000, row(2));
    assert_eq!((requests(TODAY), rolled()), (json!(2), None));
    wait(10);
    hour();
    assert_eq!((requests(TODAY), rolled()), (json!(2), Some(json!(2))));
    // What is in the roll-up is not read again: nobody sees that it is broken.
    store(0, "broken".to_owned());
    store(700_000, row(3));
    assert_eq!(requests(TODAY), 3);
    wait(10);
    hour();
    assert_eq!((requests(TODAY), rolled()), (json!(3), Some(json!(3))));
    // One that comes in before the last has all of them read.
    store(0, row(1));
    store(500, row(4));
    assert_eq!(requests(TODAY), 4);
    hour();
    assert_eq!((requests(TODAY), rolled()), (json!(4), Some(json!(4))));
    // A day that is over and at rest is asked of its roll-up alone, and looked through again by name.
    wait(16 * 60);
    hour();
    host.run(Kv::delete(&host, &first)).unwrap();
    let day = "usage?tenant=acme&from=2026-11-21&to=2026-11-21";
    assert_eq!(requests(day), 4);
    hour();
    assert_eq!(requests(day), 4);
    admin(&gateway, &host, "POST", "rollup?date=2026-11-21", &Value::Null);
    assert_eq!(requests(day), 3);
}

#[test]
fn every_change_is_in_the_audit_log_and_nothing_in_it_is_secret() {
    let (gateway, host) = (gateway(), answers(1));
    admin(&gateway, &host, "POST", "tenants", &json!({"id": "t"}));
    let (_, key) = admin(&gateway, &host, "POST", "tenants/t/keys", &json!({}));
    let path = format!("tenants/t/keys/{}", text(&key["id"]));
    let (_, rotated) = admin(&gateway, &host, "POST", &format!("{path}/rotate"), &Value::Null);
    let renamed = http::Request::patch("/admin/v1/tenants/t").header("authorization", "Bearer root");
    let renamed = renamed.header("sluice-actor", "ann@desk").header(VISITOR, "203.0.113.9");
    assert_eq!(send(&gateway, &host, renamed.body(r#"{"name":"T"}"#.into()).unwrap()).0, 200);
    admin(&gateway, &host, "DELETE", "tenants/t", &Value::Null);
    let (_, log) = admin(&gateway, &host, "GET", "audit", &Value::Null);
    let entries: Vec<object::Entry> = serde_json::from_value(log["data"].clone()).unwrap();
    let actions: Vec<String> = entries
        .iter()
        .map(|entry| crate::support::parsed(&entry.text)["action"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(actions, ["tenant.create", "key.create", "key.rotate", "tenant.update", "tenant.delete"]);
    let who = |at: usize| {
        let change = crate::support::parsed(&entries[at].text);
        [change["actor"].clone(), change["address"].clone()]
    };
    assert_eq!(who(2), [json!("admin key"), Value::Null]);
    assert_eq!(who(3), [json!("ann@desk"), json!("203.0.113.9")]);
    let mut before = object::GENESIS.to_owned();
    for entry in &entries {
        assert_eq!(entry.hash, object::chained(&before, &entry.text));
        before.clone_from(&entry.hash);
        assert!(!entry.text.contains(text(&key["key"])) && !entry.text.contains(text(&rotated["key"])));
    }
    let (_, rest) = admin(&gateway, &host, "GET", "audit?after=3&limit=1", &Value::Null);
    assert_eq!(rest["data"][0]["number"], 4);
    // A change that cannot be written down is not made.
    host.counters_fail([sluice_testing::memory::Fails::Before]);
    assert_eq!(admin(&gateway, &host, "POST", "tenants", &json!({"id": "unseen"})).0, 503);
    assert!(host.values("tenant/unseen").is_empty());
}

#[test]
fn budgets_tell_how_they_stand() {
    let (gateway, host) = (gateway(), answers(2));
    let limits =
        json!({"limits": {"budget": {"usd": 1, "per": "month"}, "rates": [{"requests": 5, "of": "user"}]}});
    admin(&gateway, &host, "PATCH", "tenants/acme", &limits);
    assert_eq!(ask(&gateway, &host, crate::support::KEY, "one", &[("sluice-user", "ann")]), 200);
    let (_, standing) = admin(&gateway, &host, "GET", "tenants/acme/budgets?user=ann", &Value::Null);
    let data = standing["data"].as_array().unwrap();
    assert_eq!(
        (&data[0]["what"], &data[0]["used"]),
        (&json!("5 requests per minute for each end user"), &json!(1))
    );
    assert_eq!((&data[1]["used"], &data[1]["reserved"]), (&json!(20_000), &json!(0)));
}

#[test]
fn only_the_admin_key_opens_it() {
    let (gateway, host) = (gateway(), answers(1));
    for key in [crate::support::KEY, "rootx", ""] {
        for (method, path) in [
            ("GET", "tenants"),
            ("POST", "tenants"),
            ("DELETE", "tenants/acme"),
            ("GET", "tenants/acme/keys"),
            ("POST", "tenants/acme/keys/key_1/rotate"),
            ("GET", "usage"),
            ("GET", "audit"),
            ("POST", "rollup"),
            ("GET", "costs?tenant=acme"),
            ("GET", "tenants/acme/budgets"),
        ] {
            let request = http::Request::builder()
                .method(method)
                .uri(format!("/admin/v1/{path}"))
                .header("authorization", format!("Bearer {key}"))
                .body(bytes::Bytes::from_static(b"{\"id\":\"x\"}"))
                .unwrap();
            assert_eq!(send(&gateway, &host, request).0, 401, "{method} {path} with {key}");
        }
    }
    assert!(host.values("tenant/x").is_empty());
    let described = http::Request::get("/openapi.json").body(bytes::Bytes::new()).unwrap();
    let (status, _, body) = send(&gateway, &host, described);
    assert_eq!((status, &crate::support::parsed(&body)["openapi"]), (200, &json!("3.1.0")));
}
