//! From an upload to a search, and away again.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails panics")]

use crate::support::{KEY, OTHER, World, form, vectors};
use serde_json::json;
use sluice_testing::memory::answer;

const HANDBOOK: &str = "# Travel\n\nA trip by train is booked by the office.\n\n# Leave\n\nEverybody has thirty days of \
                        holiday a year, and ten more for a wedding.\n\n# Kitchen\n\nThe coffee machine is cleaned on Fridays.\n";

#[test]
fn a_document_goes_in_and_is_found_and_goes_away() {
    let world = World::new();
    let file = world.upload("handbook.md", HANDBOOK.as_bytes());
    let shown = world.get(&format!("/v1/files/{file}"));
    assert_eq!(shown["bytes"], HANDBOOK.len());
    assert_eq!((&shown["filename"], &shown["purpose"]), (&json!("handbook.md"), &json!("assistants")));
    let content = world.ask(KEY, "GET", &format!("/v1/files/{file}/content"), "").expect(200);
    assert_eq!(content.body, HANDBOOK.as_bytes());

    let store = world.store_as(KEY, r#"{"name":"handbook","metadata":{"a":"b"}}"#);
    let body = json!({"file_id": file, "attributes": {"year": 2024}}).to_string();
    let member = world.post(&format!("/v1/vector_stores/{store}/files"), &body);
    assert_eq!((&member["status"], &member["object"]), (&json!("in_progress"), &json!("vector_store.file")));
    let shown = world.get(&format!("/v1/vector_stores/{store}"));
    assert_eq!((&shown["status"], &shown["file_counts"]["in_progress"]), (&json!("in_progress"), &json!(1)));
    assert!(world.search(KEY, &store, "holiday").is_empty());

    let drained = world.drain();
    assert_eq!((drained.done, drained.again, drained.dead), (1, 0, 0));
    let member = world.get(&format!("/v1/vector_stores/{store}/files/{file}"));
    assert_eq!((&member["status"], &member["last_error"]), (&json!("completed"), &json!(null)), "{member}");
    assert_eq!(member["sluice"]["percent"], 100);
    let shown = world.get(&format!("/v1/vector_stores/{store}"));
    assert_eq!((&shown["status"], &shown["file_counts"]["completed"]), (&json!("completed"), &json!(1)));
    assert!(0 < shown["usage_bytes"].as_u64().unwrap());
    let found = world.search(KEY, &store, "How many days of holiday do I have?");
    assert_eq!((&found[0]["file_id"], &found[0]["filename"]), (&json!(file), &json!("handbook.md")));
    assert!(found[0]["content"][0]["text"].as_str().unwrap().contains("thirty days"));
    assert_eq!(found[0]["attributes"]["year"], 2024.0);
    let text = world.get(&format!("/v1/vector_stores/{store}/files/{file}/content"));
    assert!(text["data"][0]["text"].as_str().unwrap().contains("train"));
    // The chunks' own pages were for the way in only.
    assert!(
        world.host.raw_keys().iter().all(|key| key.starts_with("file/acme/")),
        "{:?}",
        world.host.raw_keys()
    );

    let gone = world.delete(&format!("/v1/files/{file}"));
    assert_eq!(gone, json!({"id": file, "object": "file", "deleted": true}));
    assert!(world.search(KEY, &store, "holiday").is_empty());
    world.ask(KEY, "GET", &format!("/v1/vector_stores/{store}/files/{file}"), "").expect(404);
    assert_eq!(world.get(&format!("/v1/vector_stores/{store}/files"))["data"], json!([]));
    assert_eq!(world.get(&format!("/v1/vector_stores/{store}"))["file_counts"]["total"], 0);
    assert_eq!(world.get(&format!("/v1/vector_stores/{store}"))["usage_bytes"], 0);
    world.drain_all();
    assert_eq!(world.host.raw_keys(), Vec::<String>::new());
    assert_eq!(leftovers(&world, "acme"), Vec::<String>::new());
}

/// What the library remembers as not cleared away.
fn leftovers(world: &World, tenant: &str) -> Vec<String> {
    let cells = world.host.cells(&format!("~library/{tenant}"));
    cells.into_iter().filter(|key| key.starts_with("x/")).collect()
}

#[test]
fn two_tenants_with_the_same_file_do_not_see_each_other() {
    let world = World::new();
    let mut all = Vec::new();
    for key in [KEY, OTHER] {
        let file = world.upload_as(key, "handbook.md", HANDBOOK.as_bytes());
        let store = world.store_as(key, &json!({"file_ids": [file]}).to_string());
        all.push((key, file, store));
    }
    world.drain();
    for (at, (key, file, store)) in all.iter().enumerate() {
        let (_, other_file, other_store) = &all[1 - at];
        assert_eq!(world.search(key, store, "coffee")[0]["file_id"], json!(file));
        for (method, path) in [
            ("GET", format!("/v1/files/{other_file}")),
            ("GET", format!("/v1/files/{other_file}/content")),
            ("DELETE", format!("/v1/files/{other_file}")),
            ("GET", format!("/v1/vector_stores/{other_store}")),
            ("POST", format!("/v1/vector_stores/{other_store}")),
            ("DELETE", format!("/v1/vector_stores/{other_store}")),
            ("GET", format!("/v1/vector_stores/{other_store}/files")),
            ("GET", format!("/v1/vector_stores/{other_store}/files/{other_file}")),
            ("GET", format!("/v1/vector_stores/{other_store}/files/{other_file}/content")),
            ("DELETE", format!("/v1/vector_stores/{other_store}/files/{other_file}")),
            ("DELETE", format!("/v1/vector_stores/{store}/files/{other_file}")),
        ] {
            assert_eq!(world.ask(key, method, &path, "").status, 404, "{method} {path}");
        }
        let body = r#"{"query":"coffee"}"#;
        world.ask(key, "POST", &format!("/v1/vector_stores/{other_store}/search"), body).expect(404);
        let body = json!({"file_id": other_file}).to_string();
        world.ask(key, "POST", &format!("/v1/vector_stores/{store}/files"), &body).expect(404);
        let listed = world.ask(key, "GET", "/v1/files", "").expect(200).json();
        assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    }
    // What one deletes, the other keeps.
    world.delete(&format!("/v1/files/{}", all[0].1));
    world.drain_all();
    assert_eq!(world.search(OTHER, &all[1].2, "coffee")[0]["file_id"], json!(all[1].1));
    assert!(world.host.raw_keys().iter().all(|key| key.starts_with("file/globex/")));
}

#[test]
fn what_cannot_be_read_fails_with_its_reason_and_is_replayed() {
    let world = World::new();
    let store = world.store_as(KEY, "{}");
    let cases: [(&str, &[u8], &str); 4] = [
        ("empty.txt", b"", "invalid_file"),
        ("broken.pdf", b"%PDF-1.7\n1 0 obj\n<<", "invalid_file"),
        ("picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", "unsupported_file"),
        ("good.txt", b"All is well.", ""),
    ];
    let mut files = Vec::new();
    for (name, bytes, code) in cases {
        files.push((world.upload(name, bytes), code));
    }
    let ids: Vec<&String> = files.iter().map(|(file, _)| file).collect();
    let batch =
        world.post(&format!("/v1/vector_stores/{store}/file_batches"), &json!({"file_ids": ids}).to_string());
    assert_eq!(batch["object"], "vector_store.files_batch");
    let drained = world.drain_all();
    // Beside them, a note for each upload that might not have come to its end.
    assert_eq!((drained.done, drained.dead), (5, 3));
    for (file, code) in &files {
        let member = world.get(&format!("/v1/vector_stores/{store}/files/{file}"));
        let status = if code.is_empty() { "completed" } else { "failed" };
        assert_eq!(member["status"], status, "{member}");
        assert_eq!(member["last_error"]["code"].as_str().unwrap_or(""), *code);
        assert_eq!(member["last_error"]["message"].is_string(), !code.is_empty());
    }
    let batch =
        world.get(&format!("/v1/vector_stores/{store}/file_batches/{}", batch["id"].as_str().unwrap()));
    assert_eq!((&batch["status"], &batch["file_counts"]["failed"]), (&json!("completed"), &json!(3)));
    let failed = world.get(&format!("/v1/vector_stores/{store}/files?filter=failed"));
    assert_eq!(failed["data"].as_array().unwrap().len(), 3);

    world.ask(KEY, "GET", "/admin/v1/ingest/dead", "").expect(401);
    let dead = world.ask("root", "GET", "/admin/v1/ingest/dead", "").expect(200).json();
    assert_eq!(dead["data"].as_array().unwrap().len(), 3);
    assert!(dead["data"][0]["reason"].as_str().unwrap().len() > 10);
    let one = json!({"ids": [dead["data"][0]["id"]]}).to_string();
    let replayed = world.ask("root", "POST", "/admin/v1/ingest/replay", &one).expect(200).json();
    assert_eq!(replayed["replayed"].as_array().unwrap().len(), 1);
    let file = dead["data"][0]["message"]["file"].as_str().unwrap();
    let member = world.get(&format!("/v1/vector_stores/{store}/files/{file}"));
    assert_eq!((&member["status"], &member["last_error"]), (&json!("in_progress"), &json!(null)));
    assert_eq!(world.drain_all().dead, 1);
    let replayed = world.ask("root", "POST", "/admin/v1/ingest/replay", "").expect(200).json();
    assert_eq!(replayed["replayed"].as_array().unwrap().len(), 3);
    assert_eq!(world.drain_all().dead, 3);
    assert_eq!(world.get(&format!("/v1/vector_stores/{store}"))["file_counts"]["failed"], 3);
}

#[test]
fn a_large_document_takes_many_notes_and_shows_how_far_it_is() {
    let world = World::new();
    let text: String = (0..30_000)
        .map(|number| format!("Paragraph {number} is about subject{} and no other.\n\n", number % 977))
        .collect();
    let file = world.upload("large.txt", text.as_bytes());
    let store = world.store_as(KEY, &json!({"file_ids": [file], "chunking_strategy": {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 0}}}).to_string());
    let drained = world.drain_all();
    assert!(1 < drained.done && drained.dead == 0, "{drained:?}");
    let member = world.get(&format!("/v1/vector_stores/{store}/files/{file}"));
    assert_eq!(member["status"], "completed", "{member}");
    assert!(2_048 < member["sluice"]["chunks"].as_u64().unwrap(), "{member}");
    let found = world.search(KEY, &store, "subject976");
    assert!(found[0]["content"][0]["text"].as_str().unwrap().contains("subject976"));
}

#[test]
fn fifty_megabytes_come_in_page_by_page_and_more_is_refused() {
    let world = World::new();
    let bytes = vec![b'x'; 50_000_000];
    let file = world.upload("large.bin", &bytes);
    assert_eq!(world.host.raw_keys().len(), 50);
    assert_eq!(world.ask(KEY, "GET", &format!("/v1/files/{file}/content"), "").expect(200).body, bytes);
    let more = vec![b'x'; 60_000_001];
    let refused = world.try_upload(KEY, form("a", &more, "")).expect(413).json();
    assert!(refused["error"]["message"].as_str().unwrap().contains("60000000"));
    assert_eq!(world.host.raw_keys().len(), 50, "nothing stays of what was refused");
}

#[test]
fn a_form_that_is_wrong_says_why_and_leaves_nothing() {
    let world = World::new();
    let refused = |form: bytes::Bytes, wrong: &str| {
        let answer = world.try_upload(KEY, form);
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(answer.status == 400 && text.contains(wrong), "{wrong}: {text}");
        assert_eq!(world.host.raw_keys(), Vec::<String>::new());
    };
    refused("--b--\r\n".into(), "`file`");
    refused(
        "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nx\r\n--b--\r\n".into(),
        "`purpose`",
    );
    refused(
        "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nx".into(),
        "closing boundary",
    );
    refused("{}".into(), "boundary");
    let more = "--b\r\nContent-Disposition: form-data; name=\"expires_after[anchor]\"\r\n\r\ncreated_at\r\n\
                --b\r\nContent-Disposition: form-data; name=\"expires_after[seconds]\"\r\n\r\n5\r\n";
    refused(form("a", b"x", more), "expires_after[seconds]");
}

#[test]
fn an_upload_that_dies_is_swept_up() {
    let world = World::new();
    let bytes = vec![b'x'; 3_500_000];
    // The note, three pages; then the host is dead, and cannot even take back what it wrote.
    world.host.dies_at(3, sluice_testing::memory::Fails::Before);
    world.try_upload(KEY, form("a", &bytes, "")).expect(503);
    world.host.revive();
    assert_eq!(world.host.raw_keys().len(), 2);
    world.drain_all();
    assert_eq!(world.host.raw_keys(), Vec::<String>::new());
    assert_eq!(world.get("/v1/files")["data"], json!([]));
}

#[test]
fn a_store_is_deleted_with_all_that_is_in_it() {
    let world = World::new();
    let file = world.upload("handbook.md", HANDBOOK.as_bytes());
    let store = world.store_as(KEY, &json!({"file_ids": [file]}).to_string());
    world.drain();
    assert!(!world.search(KEY, &store, "coffee").is_empty());
    assert_eq!(world.delete(&format!("/v1/vector_stores/{store}"))["object"], "vector_store.deleted");
    world.ask(KEY, "POST", &format!("/v1/vector_stores/{store}/search"), r#"{"query":"x"}"#).expect(404);
    assert_eq!(world.get("/v1/vector_stores")["data"], json!([]));
    world.drain_all();
    assert_eq!(leftovers(&world, "acme"), Vec::<String>::new());
    let cells = world.host.cells("~library/acme");
    assert!(cells.iter().all(|key| !key.contains(&store)), "{cells:?}");
    // The file stays.
    assert_eq!(world.get(&format!("/v1/files/{file}"))["id"], json!(file));
}

#[test]
fn a_tenant_is_deleted_with_files_and_stores() {
    let world = World::new();
    let file = world.upload("handbook.md", HANDBOOK.as_bytes());
    world.store_as(KEY, &json!({"file_ids": [file]}).to_string());
    world.drain();
    let kept = world.upload_as(OTHER, "handbook.md", HANDBOOK.as_bytes());
    let gone = world.ask("root", "DELETE", "/admin/v1/tenants/acme", "").expect(200).json();
    assert_eq!(gone["deleted"], true, "{gone}");
    assert!(world.host.raw_keys().iter().all(|key| key.contains(&kept)));
    assert_eq!(world.host.cells("~library/acme"), Vec::<String>::new());
}

#[test]
fn a_provider_embeds_and_its_cost_is_written_down() {
    let host = crate::support::host()
        .reply("a.test", answer(503, r#"{"error":{"message":"busy"}}"#))
        .reply("a.test", answer(503, r#"{"error":{"message":"busy"}}"#))
        .reply("a.test", answer(503, r#"{"error":{"message":"busy"}}"#))
        .reply("a.test", answer(200, vectors(1, 8, "e")))
        .reply("a.test", answer(200, vectors(1, 8, "e")));
    let world = World::with(crate::support::CONFIG, host);
    let file = world.upload("handbook.md", HANDBOOK.as_bytes());
    let store =
        world.store_as(KEY, &json!({"sluice": {"embedding_model": "a/e"}, "file_ids": [file]}).to_string());
    world.drain_all();
    let member = world.get(&format!("/v1/vector_stores/{store}/files/{file}"));
    assert_eq!(member["status"], "completed", "{member}");
    assert!(!world.search(KEY, &store, "coffee").is_empty());
    let rows: Vec<serde_json::Value> = world
        .host
        .values("cost/acme/2026-11-21/")
        .iter()
        .flat_map(|value| value.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>())
        .collect();
    let done: Vec<&serde_json::Value> = rows.iter().filter(|row| row["status"] == 200).collect();
    assert_eq!(done.len(), 2, "{rows:?}");
    for row in done {
        assert_eq!(
            (&row["gen_ai.operation.name"], &row["cost_nano_usd"]),
            (&json!("embeddings"), &json!(1_000)),
            "{row}"
        );
    }
}

#[test]
fn a_store_is_embedded_anew_and_switched_at_once() {
    let world = World::new();
    let file = world.upload("handbook.md", HANDBOOK.as_bytes());
    let store = world.store_as(KEY, &json!({"file_ids": [file]}).to_string());
    world.drain();
    let path = format!("/v1/vector_stores/{store}");
    world.ask(KEY, "POST", &path, r#"{"sluice":{"embedding_model":"a/none/x"}}"#).expect(200);
    // That model does not answer: the store stays as it is, searched by the one it has.
    world.drain();
    let shown = world.get(&path);
    assert_eq!(shown["sluice"]["embedding_model"], "builtin/static");
    assert!(shown["sluice"]["reembedding"]["problem"].is_string(), "{shown}");
    assert!(!world.search(KEY, &store, "coffee").is_empty());
    for _ in 0..3 {
        let _ = world.host.clone().reply("a.test", answer(200, vectors(1, 8, "e")));
    }
    world.post(&path, r#"{"sluice":{"embedding_model":"a/e"}}"#);
    world.drain_all();
    let shown = world.get(&path);
    assert_eq!(shown["sluice"], json!({"embedding_model": "a/e", "reembedding": null}), "{shown}");
    assert!(!world.search(KEY, &store, "coffee").is_empty());
}
