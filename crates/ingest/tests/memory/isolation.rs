//! Two tenants who use everything: what is stored of each lies under its name, no route leads one to the other's, and who
//! is deleted leaves nothing.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails panics")]

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};
use sluice_core::{gateway::OPENAPI, port::Clock};
use sluice_testing::memory::{MemoryHost, answer};

use crate::support::{NOON, World};

const CONFIG: &str = r#"{
  "providers": {"a": {"format": "openai_chat", "base_url": "https://a.test/v1", "prices": {"m": {"input": 1.0, "output": 2.0}}}},
  "models": {"kept": {"targets": ["a/m"], "cache": {"mode": "semantic", "ttl": "1h"}}, "plain": {"targets": ["a/m"]}}
}"#;

const HANDBOOK: &str = "# Leave\n\nEverybody has thirty days of holiday a year.\n";

/// A tenant, and the ids of what it has.
struct Tenant {
    id: &'static str,
    /// Its plain key, and that key's id.
    key: String,
    key_id: String,
    response: String,
    file: String,
    store: String,
    batch: String,
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

fn world() -> World {
    let said = |id: &str| {
        json!({"id": id, "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0,
            "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}})
    };
    let host = MemoryHost::at(NOON).with_secret("SLUICE_ADMIN_KEY", "root");
    let host = (0..8).fold(host, |host, number| {
        host.reply("a.test", answer(200, said(&format!("chatcmpl-{number}")).to_string()))
    });
    World::with(CONFIG, host)
}

/// A tenant that has something of everything.
fn tenant(world: &World, name: &'static str) -> Tenant {
    let limits = json!({"requests_per_minute": 99, "budget": {"usd": 1, "per": "day"}});
    let made = json!({"id": name, "limits": limits}).to_string();
    world.ask("root", "POST", "/admin/v1/tenants", &made).expect(201);
    let keys = format!("/admin/v1/tenants/{name}/keys");
    let made = world.ask("root", "POST", &keys, "").expect(201).json();
    let key = made["key"].as_str().unwrap().to_owned();
    let ask = |path: &str, body: Value| world.ask(&key, "POST", path, &body.to_string()).expect(200);
    let question = json!([{"role": "user", "content": "How many days of holiday do I have?"}]);
    let first = ask("/v1/chat/completions", json!({"model": "kept", "messages": question}));
    assert_eq!(first.headers["sluice-cache"], "miss", "{name}");
    let response = id(&ask("/v1/responses", json!({"model": "plain", "input": name, "store": true})).json());
    let file = world.upload_as(&key, "handbook.md", HANDBOOK.as_bytes());
    let store = world.store_as(&key, &json!({"name": name}).to_string());
    let batches = format!("/v1/vector_stores/{store}/file_batches");
    let batch = id(&ask(&batches, json!({"file_ids": [file]})).json());
    world.drain_all();
    assert!(!world.search(&key, &store, "holiday").is_empty());
    Tenant { id: name, key, key_id: id(&made), response, file, store, batch }
}

/// The objects that were called, and of which there is something left.
fn owners(world: &World) -> BTreeSet<String> {
    let all: BTreeSet<String> = world.host.counted().into_iter().collect();
    all.into_iter()
        .filter(|owner| !world.host.cells(owner).is_empty() || !world.host.pages(owner).is_empty())
        .collect()
}

/// All keys there are, of the store, of raw documents and of counter objects.
fn stored(world: &World) -> Vec<String> {
    let kv = world.host.entries().into_iter().map(|(key, _)| key);
    kv.chain(world.host.raw_keys()).chain(owners(world)).collect()
}

#[test]
fn everything_that_is_stored_is_one_tenants_and_goes_with_it() {
    let world = world();
    let tenants = [tenant(&world, "first-tenant"), tenant(&world, "second-tenant")];
    assert_eq!(world.ask("root", "POST", "/admin/v1/rollup", "").expect(200).json()["failed"], json!([]));
    world.host.run(world.host.sleep(Duration::from_secs(5)));

    let shared = ["~audit", "~queue"];
    let mut kinds = BTreeSet::new();
    for key in stored(&world).iter().filter(|key| !shared.contains(&key.as_str())) {
        // A key's record lies under its digest, which no caller chooses; all else under its tenant's name.
        if key.starts_with("key/") {
            continue;
        }
        let mut parts = key.split('/');
        let (kind, owner) = match (parts.next(), parts.next()) {
            (Some(kind), Some(owner)) => (kind, owner),
            (Some(owner), None) => ("counters", owner),
            _ => panic!("{key}"),
        };
        assert!(tenants.iter().any(|tenant| tenant.id == owner), "whose is {key}?");
        kinds.insert(kind.to_owned());
    }
    let expected = [
        "cache", "cost", "counters", "file", "keys", "response", "tenant", "usage", "~cache", "~index",
        "~library",
    ];
    let missing: Vec<_> = expected.iter().filter(|kind| !kinds.contains(**kind)).collect();
    assert!(missing.is_empty(), "{missing:?} of {kinds:?}");
    for (key, value) in world.host.entries() {
        let named: Vec<_> =
            tenants.iter().filter(|tenant| (key.clone() + &value).contains(tenant.id)).collect();
        assert_eq!(named.len(), 1, "{key}: {value}");
    }

    let [first, second] = tenants;
    let path = format!("/admin/v1/tenants/{}", first.id);
    while world.ask("root", "DELETE", &path, "").expect(200).json()["more"] == true {}
    let (objects, left): (Vec<String>, Vec<String>) =
        stored(&world).into_iter().filter(|key| key.contains(first.id)).partition(|key| key.starts_with('~'));
    assert_eq!(left, Vec::<String>::new());
    // Objects keep numbers and ids of what is gone, so that a late note brings nothing back.
    for owner in objects {
        assert!(world.host.pages(&owner).is_empty(), "{owner}");
        let kept =
            |cell: &String| ["c/meta", "i/meta"].contains(&cell.as_str()) || cell.starts_with("f/file-");
        assert!(world.host.cells(&owner).iter().all(kept), "{owner}: {:?}", world.host.cells(&owner));
    }
    for (key, value) in world.host.entries() {
        assert!(!value.contains(first.id), "{key}: {value}");
    }
    world.ask(&first.key, "GET", "/v1/models", "").expect(401);
    // The other has all of its own.
    assert!(!world.search(&second.key, &second.store, "holiday").is_empty());
    world.ask(&second.key, "GET", &format!("/v1/responses/{}", second.response), "").expect(200);
}

#[test]
fn no_route_leads_to_anothers() {
    let world = world();
    let (owner, stranger) = (tenant(&world, "first-tenant"), tenant(&world, "second-tenant"));
    let before = stored(&world);
    let described: Value = serde_json::from_str(OPENAPI).unwrap();
    let mut asked = 0;
    for (template, item) in described["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().filter(|name| *name != "parameters") {
            let path = template
                .replace("{tenant}", owner.id)
                .replace("{key}", &owner.key_id)
                .replace("{store}", &owner.store)
                .replace("{file}", &owner.file)
                .replace("{batch}", &owner.batch)
                .replace("{target}", "a/m")
                .replace("{id}", &owner.response)
                .replace("{model}", "kept");
            let body = if path.ends_with("/search") {
                json!({"query": "holiday"})
            } else if path.ends_with("/files") {
                json!({"file_id": owner.file})
            } else if path.ends_with("/file_batches") {
                json!({"file_ids": [owner.file]})
            } else if method == "post" && path.contains("/files/") {
                json!({"attributes": {"a": "b"}})
            } else if template.starts_with("/admin/") {
                json!({"id": "intruder"})
            } else {
                json!({"name": "theirs"})
            };
            let status = |key: &str| {
                let body =
                    if method == "post" || method == "patch" { body.to_string() } else { String::new() };
                world.ask(key, &method.to_uppercase(), &path, &body).status
            };
            let theirs = ["{store}", "{file}", "{batch}", "{id}"].iter().any(|name| template.contains(name));
            if template.starts_with("/admin/") {
                assert_eq!(status(&stranger.key), 401, "{method} {path}");
            } else if theirs {
                assert_eq!(status(&stranger.key), 404, "{method} {path}");
                // It is the key that makes the difference.
                if method == "get" {
                    assert_eq!(status(&owner.key), 200, "{method} {path}");
                }
            } else {
                continue;
            }
            asked += 1;
        }
    }
    assert!(40 < asked, "{asked}");

    // Where ids stand in bodies, and where there are none.
    let refused = |path: &str, body: Value| {
        let status = world.ask(&stranger.key, "POST", path, &body.to_string()).status;
        assert!([400, 404].contains(&status), "{status} for {path} {body}");
    };
    refused(&format!("/v1/vector_stores/{}/files", stranger.store), json!({"file_id": owner.file}));
    refused(
        "/v1/responses",
        json!({"model": "plain", "input": "go on", "previous_response_id": owner.response}),
    );
    let tool = json!({"type": "file_search", "vector_store_ids": [owner.store]});
    refused("/v1/responses", json!({"model": "plain", "input": "holiday?", "tools": [tool]}));
    for (path, theirs) in [("/v1/files", &owner.file), ("/v1/vector_stores", &owner.store)] {
        let listed = world.ask(&stranger.key, "GET", path, "").expect(200).json().to_string();
        assert!(!listed.contains(theirs.as_str()), "{listed}");
    }
    let after = stored(&world);
    let gone: Vec<_> = before.iter().filter(|key| !after.contains(key)).collect();
    assert!(gone.is_empty(), "{gone:?}");
    assert!(after.iter().all(|key| !key.contains("intruder")));
}
