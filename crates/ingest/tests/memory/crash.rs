//! The host dies at each of its calls in turn, before or after it happens, and what was under way comes out again: in the
//! end all is as if nothing had been.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails panics")]

use crate::support::{CONFIG, KEY, World, vectors};
use serde_json::{Value, json};
use sluice_testing::memory::{Fails, MemoryHost, answer};

/// Some pages of chunks.
fn text() -> String {
    (0..900).map(|number| format!("Paragraph {number} is about subject{number}.\n\n")).collect()
}

/// A store with a file on its way in.
fn attached(host: MemoryHost) -> (World, String, String) {
    let world = World::with(CONFIG, host);
    let file = world.upload("text.txt", text().as_bytes());
    let store = world.store_as(KEY, "{}");
    let body = json!({"file_id": file, "chunking_strategy": {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 10}}});
    world.post(&format!("/v1/vector_stores/{store}/files"), &body.to_string());
    (world, store, file)
}

/// All that can be seen of a store, its names and times aside.
fn seen(world: &World, store: &str, file: &str) -> Value {
    let mut shown = world.get(&format!("/v1/vector_stores/{store}"));
    for name in ["id", "created_at", "last_active_at"] {
        shown[name] = Value::Null;
    }
    let member = world.ask(KEY, "GET", &format!("/v1/vector_stores/{store}/files/{file}"), "").json();
    let found: Vec<Value> = ["subject1", "subject451", "what is paragraph 899 about?"]
        .iter()
        .map(|query| {
            let texts: Vec<Value> =
                world.search(KEY, store, query).into_iter().map(|found| found["content"].clone()).collect();
            json!(texts)
        })
        .collect();
    let raw = world.host.raw_keys().len();
    let left: Vec<String> =
        world.host.cells("~library/acme").into_iter().filter(|key| key.starts_with("x/")).collect();
    let dead = world.ask("root", "GET", "/admin/v1/ingest/dead", "").json();
    json!({
        "store": shown, "status": member["status"], "usage": member["usage_bytes"], "sluice": member["sluice"],
        "found": found, "raw": raw, "left": left, "dead": dead["data"],
    })
}

/// Has the host die at each call of `work` in turn; what is seen afterwards is always the same.
fn survives(begin: impl Fn() -> (World, String, String), work: impl Fn(&World, &str, &str)) {
    let (world, store, file) = begin();
    work(&world, &store, &file);
    world.drain_all();
    let expected = seen(&world, &store, &file);
    let mut tried = 0;
    for how in [Fails::Before, Fails::After] {
        for number in 0.. {
            let (world, store, file) = begin();
            world.host.dies_at(number, how);
            work(&world, &store, &file);
            let calls = world.host.revive();
            // Whoever called and heard nothing calls again.
            work(&world, &store, &file);
            world.drain_all();
            let seen = seen(&world, &store, &file);
            for (name, value) in expected.as_object().unwrap() {
                assert_eq!(&seen[name], value, "{name}: died at call {number}, {how:?}");
            }
            tried += 1;
            if calls <= number {
                break;
            }
        }
    }
    assert!(8 < tried, "only {tried}");
}

#[test]
fn a_file_on_its_way_in() {
    survives(
        || attached(crate::support::host()),
        |world, _, _| {
            _ = world.try_drain();
        },
    );
}

#[test]
fn a_file_that_is_deleted() {
    survives(
        || {
            let all = attached(crate::support::host());
            all.0.drain();
            all
        },
        |world, _, file| {
            world.ask(KEY, "DELETE", &format!("/v1/files/{file}"), "");
            _ = world.try_drain();
        },
    );
}

#[test]
fn a_store_that_is_embedded_anew() {
    survives(
        || {
            let mut host = crate::support::host();
            for _ in 0..60 {
                // Each text that is embedded goes alone: the first one, a segment's, a query.
                host = host.reply("a.test", answer(200, vectors(1, 4, "e")));
            }
            let world = World::with(CONFIG, host);
            let files: Vec<String> = (0..3)
                .map(|number| world.upload("short.txt", format!("This is about subject{number}.").as_bytes()))
                .collect();
            let store = world.store_as(KEY, &json!({"file_ids": files}).to_string());
            world.drain();
            (world, store, files[0].clone())
        },
        |world, store, _| {
            world.ask(
                KEY,
                "POST",
                &format!("/v1/vector_stores/{store}"),
                r#"{"sluice":{"embedding_model":"a/e"}}"#,
            );
            _ = world.try_drain();
        },
    );
}

#[test]
fn duplicates_and_late_notes_change_nothing() {
    let (world, store, file) = attached(crate::support::host());
    let note = |job: &str, file: &str| {
        format!(r#"{{"v":1,"tenant":"acme","store":"{store}","file":"{file}","job":"{job}"}}"#)
    };
    let deliver = |text: &str| {
        let verdict = world.host.run(sluice_ingest::deliver(&world.gateway, &world.host, text, 1));
        world.host.settle();
        verdict
    };
    // Before anything is deleted, a note to clear away does nothing.
    assert_eq!(deliver(&note("remove", &file)), sluice_ingest::Verdict::Done);
    assert_eq!(deliver(&note("remove", "")), sluice_ingest::Verdict::Done);
    world.drain_all();
    let expected = seen(&world, &store, &file);
    for job in ["index", "index", "remove", "sweep", "reembed", "index"] {
        assert_eq!(deliver(&note(job, &file)), sluice_ingest::Verdict::Done, "{job}");
        assert_eq!(seen(&world, &store, &file), expected, "{job}");
    }
    // Two at the same time, and one after it was deleted.
    let (world, store, file) = attached(crate::support::host());
    let text = format!(r#"{{"v":1,"tenant":"acme","store":"{store}","file":"{file}","job":"index"}}"#);
    let both = futures::future::join_all(
        (0..3).map(|_| sluice_ingest::deliver(&world.gateway, &world.host, &text, 1)),
    );
    assert_eq!(world.host.run(both), vec![sluice_ingest::Verdict::Done; 3]);
    world.host.settle();
    world.drain_all();
    assert_eq!(seen(&world, &store, &file), expected);
    world.delete(&format!("/v1/vector_stores/{store}/files/{file}"));
    assert_eq!(
        world.host.run(sluice_ingest::deliver(&world.gateway, &world.host, &text, 1)),
        sluice_ingest::Verdict::Done
    );
    world.host.settle();
    assert!(world.search(KEY, &store, "subject451").is_empty());
    // Put there again at once, it is in again, whatever of the removal comes later.
    world.post(&format!("/v1/vector_stores/{store}/files"), &json!({"file_id": file}).to_string());
    world.drain_all();
    assert_eq!(world.search(KEY, &store, "subject451")[0]["file_id"], json!(file));
}
