//! `sluice ingest` against a gateway that plays its part of the conversation.

#![allow(clippy::disallowed_methods, reason = "a test of a native tool: it has an environment and threads")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod gateway;

use std::{fs, path::PathBuf};

use gateway::{Gateway, sluice};
use serde_json::{Value, json};

/// A folder of documents of this test's own.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("deeper")).unwrap();
    fs::write(folder.join("a.md"), "# One\n\nfirst").unwrap();
    fs::write(folder.join("deeper/b.txt"), "second").unwrap();
    fs::write(folder.join(".hidden"), "not this").unwrap();
    folder
}

fn member(file: &str, status: &str) -> Value {
    let stage = json!({"stage": "embed", "percent": 40, "chunks": 5, "chunks_done": 2});
    let error = if status == "failed" {
        json!({"code": "invalid_file", "message": "the PDF is damaged"})
    } else {
        Value::Null
    };
    json!({"id": file, "object": "vector_store.file", "status": status, "last_error": error, "sluice": stage})
}

#[test]
fn documents_are_uploaded_put_into_a_store_that_is_made_and_watched() {
    let gateway = Gateway::start(Box::new(|asked, before| match asked.line.as_str() {
        "GET /v1/vector_stores?limit=100" => {
            (200, json!({"data": [{"id": "vs_other", "name": "other"}], "has_more": true}))
        }
        "GET /v1/vector_stores?limit=100&after=vs_other" => (200, json!({"data": [], "has_more": false})),
        "POST /v1/vector_stores" => (200, json!({"id": "vs_new", "name": "handbook"})),
        "POST /v1/files" => (200, json!({"id": format!("file-{before}")})),
        "POST /v1/vector_stores/vs_new/files" => (200, member("file-x", "in_progress")),
        "GET /v1/vector_stores/vs_new/files/file-0" if before < 2 => (200, member("file-0", "in_progress")),
        "GET /v1/vector_stores/vs_new/files/file-0" => (200, member("file-0", "completed")),
        "GET /v1/vector_stores/vs_new/files/file-1" => (200, member("file-1", "completed")),
        other => (404, json!({"error": {"message": format!("nothing at {other}")}})),
    }));
    let folder = folder("watched");
    let arguments = [
        "ingest",
        folder.to_str().unwrap(),
        "--store",
        "handbook",
        "--watch",
        "--attribute",
        "year=2026",
        "--chunk-size",
        "200",
    ];
    let output = sluice(&gateway, &arguments);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    assert_eq!(out.trim(), "2 documents in vs_new");
    assert!(err.contains("a.md: uploaded as file-0") && err.contains("b.txt: done, 5 chunks"), "{err}");
    assert!(!err.contains("hidden"));
    let upload = gateway.body("POST /v1/files");
    assert!(upload.contains("filename=\"a.md\"") && upload.contains("# One\n\nfirst\r\n--"), "{upload}");
    let put: Value = serde_json::from_str(&gateway.body("POST /v1/vector_stores/vs_new/files")).unwrap();
    assert_eq!(
        put,
        json!({"file_id": "file-0", "attributes": {"year": 2026},
            "chunking_strategy": {"type": "static", "static": {"max_chunk_size_tokens": 200, "chunk_overlap_tokens": 50}}})
    );
    let polls = gateway.lines().iter().filter(|line| line.ends_with("file-0")).count();
    assert_eq!(polls, 3);
    // A gateway on this machine is opened by the key that `cargo xtask dev` seeds.
    assert!(gateway.asked.lock().unwrap().iter().all(|asked| asked.key == "Bearer sk-sluice-dev"));
}

#[test]
fn a_document_that_fails_fails_the_command_and_no_other() {
    let gateway = Gateway::start(Box::new(|asked, before| match asked.line.as_str() {
        "GET /v1/vector_stores/vs_1" => (200, json!({"id": "vs_1"})),
        "POST /v1/files" if before == 0 => {
            (413, json!({"error": {"message": "the file is larger than 1 MB"}}))
        }
        "POST /v1/files" => (200, json!({"id": "file-1"})),
        "POST /v1/vector_stores/vs_1/files" => (200, member("file-1", "in_progress")),
        "GET /v1/vector_stores/vs_1/files/file-1" => (200, member("file-1", "failed")),
        other => (404, json!({"error": {"message": format!("nothing at {other}")}})),
    }));
    let folder = folder("failing");
    let output = sluice(&gateway, &["ingest", folder.to_str().unwrap(), "--store", "vs_1", "--watch"]);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success());
    assert_eq!(out.trim(), "0 documents in vs_1, 2 failed");
    assert!(err.contains("a.md: failed: the file is larger than 1 MB"), "{err}");
    assert!(err.contains("b.txt: failed: the PDF is damaged"), "{err}");
}

#[test]
fn without_watching_the_command_ends_when_all_is_uploaded() {
    let gateway = Gateway::start(Box::new(|asked, _| match asked.line.as_str() {
        "GET /v1/vector_stores?limit=100" => {
            (200, json!({"data": [{"id": "vs_d", "name": "default"}], "has_more": false}))
        }
        "POST /v1/files" => (200, json!({"id": "file-0"})),
        "POST /v1/vector_stores/vs_d/files" => (200, member("file-0", "in_progress")),
        other => (404, json!({"error": {"message": format!("nothing at {other}")}})),
    }));
    let file = folder("unwatched").join("a.md");
    let output = sluice(&gateway, &["ingest", file.to_str().unwrap(), "--json"]);
    assert!(output.status.success());
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told, json!({"vector_store": "vs_d", "data": [{"id": "file-0", "filename": "a.md"}]}));
    assert_eq!(gateway.lines().len(), 3);
    let missing = sluice(&gateway, &["ingest", "/no/such/file"]);
    assert!(
        !missing.status.success()
            && String::from_utf8_lossy(&missing.stderr).contains("/no/such/file cannot be read")
    );
}

#[test]
fn documents_that_were_given_up_are_listed_and_come_back() {
    let letter = |id: &str| {
        json!({"id": id, "object": "dead_letter", "reason": "the embeddings model does not answer", "attempts": 5,
            "message": {"v": 1, "tenant": "acme", "store": "vs_1", "file": format!("file-{id}"), "job": "index"}})
    };
    let gateway = Gateway::start(Box::new(move |asked, before| match asked.line.as_str() {
        "GET /admin/v1/ingest/dead" => (200, json!({"data": [letter("1")], "has_more": true})),
        "GET /admin/v1/ingest/dead?after=1" => (200, json!({"data": [letter("2")], "has_more": false})),
        "POST /admin/v1/ingest/replay" if asked.body == "{}" => {
            (200, json!({"replayed": [if before == 0 { "1" } else { "2" }], "more": before == 0}))
        }
        "POST /admin/v1/ingest/replay" => (200, json!({"replayed": ["2"], "more": false})),
        other => (404, json!({"error": {"message": format!("nothing at {other}")}})),
    }));
    let listed = sluice(&gateway, &["ingest", "list"]);
    let out = String::from_utf8_lossy(&listed.stdout);
    assert!(listed.status.success());
    for part in ["acme", "file-1", "file-2", "the embeddings model does not answer"] {
        assert!(out.contains(part), "{out}");
    }
    let all = sluice(&gateway, &["ingest", "replay"]);
    assert_eq!(String::from_utf8_lossy(&all.stdout).trim(), "2 documents are on the way again");
    let some = sluice(&gateway, &["ingest", "replay", "2", "9"]);
    assert!(!some.status.success());
    assert_eq!(
        String::from_utf8_lossy(&some.stdout).trim(),
        "1 document is on the way again\nno document 9 was given up"
    );
    assert!(gateway.asked.lock().unwrap().iter().all(|asked| asked.key == "Bearer the-admin-key"));
}
