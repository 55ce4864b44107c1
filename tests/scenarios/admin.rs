//! The operator's API, over HTTP.

use std::thread;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sluice_tests::gateway::Gateway;
use sluice_tests::http::Answer;
use sluice_tests::on_every_host;
use sluice_tests::protocol::Protocol;
use sluice_tests::seed::{self, ADMIN_KEY};

fn admin(gateway: &Gateway, method: &str, path: &str, body: Option<&Value>) -> Answer {
    let request = gateway.request(method, &format!("/admin/v1/{path}")).key(ADMIN_KEY);
    match body {
        Some(body) => request.json(body).send(),
        None => request.send(),
    }
}

fn ask(gateway: &Gateway, key: &str) -> u16 {
    let body = Protocol::Chat.ask("chat-openai", "hi", false);
    gateway.request("POST", "/v1/chat/completions").key(key).json(&body).send().status
}

fn a_tenant_comes_on_works_and_goes(gateway: &Gateway) {
    let id = gateway.unique("made");
    let limits = json!({"requests_per_minute": 100, "budget": {"usd": 1, "per": "month"}});
    admin(gateway, "POST", "tenants", Some(&json!({"id": id, "limits": limits}))).expect(201);
    let key = admin(gateway, "POST", &format!("tenants/{id}/keys"), Some(&json!({"name": "server"})))
        .expect(201)
        .json();
    let plain = key["key"].as_str().unwrap();
    assert_eq!(ask(gateway, plain), 200);
    let sum = gateway.costs(&id, 1);
    assert!(0 < sum["cost_nano_usd"].as_u64().unwrap());

    let usage = admin(gateway, "GET", &format!("usage?tenant={id}&by=model,key"), None).expect(200).json();
    assert_eq!((&usage["data"][0]["key"], &usage["sum"]["requests"]), (&key["id"], &json!(1)));
    let csv = admin(gateway, "GET", &format!("usage?tenant={id}&by=tenant&format=csv"), None).expect(200);
    assert!(csv.text().contains(&format!("\r\n{id},1,0,")), "{}", csv.text());

    let keys = format!("tenants/{id}/keys/{}", key["id"].as_str().unwrap());
    let other = admin(gateway, "POST", &format!("{keys}/rotate"), Some(&json!({"overlap_seconds": 600})))
        .expect(200)
        .json();
    assert_eq!((ask(gateway, plain), ask(gateway, other["key"].as_str().unwrap())), (200, 200));

    let gone = admin(gateway, "DELETE", &format!("tenants/{id}"), None).expect(200).json();
    assert_eq!(gone["deleted"], true, "{gone}");
    admin(gateway, "GET", &format!("tenants/{id}"), None).expect(404);
}

fn roll_ups_give_the_same_numbers_twice(gateway: &Gateway) {
    let (day, tenant) = seed::ROLLED;
    let path = format!("usage?tenant={tenant}&from={day}&to={day}&by=model");
    let usage = || admin(gateway, "GET", &path, None).expect(200).json();
    let rows = usage();
    assert_eq!((rows["data"].as_array().unwrap().len(), &rows["sum"]["requests"]), (2, &json!(3)), "{rows}");
    for _ in 0..2 {
        let rolled = admin(gateway, "POST", &format!("rollup?date={day}"), None).expect(200).json();
        assert_eq!(rolled["tenants"], json!([{"tenant": tenant, "date": day, "requests": 3}]), "{rolled}");
        assert_eq!((&rolled["failed"], usage()), (&json!([]), rows.clone()));
    }
}

fn the_audit_log_is_one_chain_whoever_changes_at_once(gateway: &Gateway) {
    let id = gateway.unique("audited");
    admin(gateway, "POST", "tenants", Some(&json!({"id": id}))).expect(201);
    thread::scope(|scope| {
        for number in 0..8 {
            let path = format!("tenants/{id}");
            scope.spawn(move || {
                admin(gateway, "PATCH", &path, Some(&json!({"name": format!("A{number}")}))).expect(200)
            });
        }
    });
    let (mut before, mut after, mut mine) = ("0".repeat(64), 0, 0);
    loop {
        let page = admin(gateway, "GET", &format!("audit?after={after}&limit=1000"), None).expect(200).json();
        let entries = page["data"].as_array().unwrap();
        for entry in entries {
            let text = entry["text"].as_str().unwrap();
            after += 1;
            assert_eq!(entry["number"], after);
            let hash = Sha256::digest(format!("{before}\n{text}"));
            before = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(entry["hash"], before.as_str(), "entry {after}");
            assert!(!text.contains("sk-sluice-"));
            mine += u32::from(text.contains(&id));
        }
        if entries.is_empty() {
            break;
        }
    }
    assert_eq!(mine, 9);
}

fn wrong_bodies_are_told_what_to_fix(gateway: &Gateway) {
    for (body, param) in [
        (json!({"id": "a/b"}), "id"),
        (json!({"id": "x", "limits": {"budget": {"per": "day"}}}), "limits.budget"),
        (json!({"id": "x", "colour": "red"}), "colour"),
    ] {
        let answer = admin(gateway, "POST", "tenants", Some(&body)).expect(400).json();
        assert_eq!(answer["error"]["param"], param, "{answer}");
    }
    admin(gateway, "POST", "tenants", None).expect(400);
    admin(gateway, "PUT", "tenants", None).expect(405);
    let described = gateway.request("GET", "/openapi.json").send().expect(200).json();
    assert!(described["paths"]["/admin/v1/tenants"].is_object());
}

on_every_host!(
    a_tenant_comes_on_works_and_goes,
    roll_ups_give_the_same_numbers_twice,
    the_audit_log_is_one_chain_whoever_changes_at_once,
    wrong_bodies_are_told_what_to_fix,
);
