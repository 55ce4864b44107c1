//! The way of documents into knowledge: by Cloudflare Queues (as workerd simulates them) and by the gateway's own queue on
//! Spin; failures between steps, dead letters, and whoever works on a document being killed.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_tests::documents::Documents;
use sluice_tests::gateway::{Gateway, Host};
use sluice_tests::{on_every_host, seed};

const MODEL: &str = "builtin/static";

const TEXT: &str =
    "# Sluices\n\nA sluice is a gate that holds water back.\n\n# Names\n\nIt was named after a mill.\n";

fn a_document_goes_in_by_the_queue_and_is_found(gateway: &Gateway) {
    let documents = Documents::of(gateway, seed::TENANT);
    let (store, file) = (documents.store(MODEL), documents.upload("sluices.md", TEXT.as_bytes()));
    documents.attach(&store, &file);
    let member = documents.settled(&store, &file, || {});
    assert_eq!(member["status"], "completed", "{member}");
    let found = documents.search(&store, "What holds water back?");
    assert!(found.first().is_some_and(|text| text.contains("holds water back")), "{found:?}");
}

fn a_step_that_fails_is_done_again(gateway: &Gateway) {
    let documents = Documents::of(gateway, seed::TENANT);
    let name = gateway.unique("embedding-fails");
    // Read and cut by then; the provider fails twice, so the message comes a third time.
    let text = format!("A lock is a chamber between two gates. [[fault status=500,times=2]] [[id {name}]]");
    let (store, file) = (documents.store("embed"), documents.upload("locks.txt", text.as_bytes()));
    documents.attach(&store, &file);
    let member = documents.settled(&store, &file, || {});
    assert_eq!(member["status"], "completed", "{member}");
    let asked: Vec<Value> = gateway.mock().log(&name).iter().map(|call| call["status"].clone()).collect();
    assert_eq!(asked, [500, 500, 200]);
}

fn admin(gateway: &Gateway, method: &str, path: &str, body: Option<&Value>) -> Value {
    let request = gateway.request(method, path).key(seed::ADMIN_KEY);
    body.map_or_else(
        || request.send(),
        |body| gateway.request(method, path).key(seed::ADMIN_KEY).json(body).send(),
    )
    .expect(200)
    .json()
}

/// The dead letter about a file.
fn letter(gateway: &Gateway, file: &str) -> Option<Value> {
    let dead = admin(gateway, "GET", "/admin/v1/ingest/dead", None);
    dead["data"].as_array().into_iter().flatten().find(|letter| letter["message"]["file"] == file).cloned()
}

fn what_cannot_be_read_is_a_dead_letter_that_says_why_and_can_be_replayed(gateway: &Gateway) {
    let documents = Documents::of(gateway, seed::TENANT);
    let (store, file) = (documents.store(MODEL), documents.upload("broken.pdf", b"%PDF-1.7\nnothing of it"));
    documents.attach(&store, &file);
    let member = documents.settled(&store, &file, || {});
    assert_eq!(
        (&member["status"], &member["last_error"]["code"]),
        (&json!("failed"), &json!("invalid_file"))
    );
    let reason = member["last_error"]["message"].as_str().unwrap_or_default().to_owned();
    let first = letter(gateway, &file).unwrap_or_else(|| panic!("no dead letter of {file}"));
    assert_eq!(first["reason"], reason.as_str(), "{first}");

    let replayed = admin(gateway, "POST", "/admin/v1/ingest/replay", Some(&json!({ "ids": [first["id"]] })));
    assert_eq!(replayed["replayed"], json!([first["id"]]));
    // It is no better, so it dies again: of one document there is one dead letter. Had an instance died with the message in
    // hand, it would come again after 30 s, and so might the next.
    let deadline = Instant::now() + Duration::from_secs(75);
    let second = loop {
        if let Some(second) = letter(gateway, &file) {
            break second;
        }
        assert!(Instant::now() < deadline, "it did not come back");
        thread::sleep(Duration::from_millis(200));
    };
    assert_eq!((&second["id"], &second["reason"]), (&first["id"], &first["reason"]));
    assert!(first["died_at"].as_u64() < second["died_at"].as_u64(), "{first} {second}");
}

fn nobody_else_empties_the_queue(gateway: &Gateway) {
    let path = "/internal/ingest/drain";
    for request in [gateway.ingest("POST", path), gateway.ingest("POST", path).key(&seed::key(seed::TENANT))]
    {
        request.send().expect(401);
    }
    gateway.ingest("GET", path).key(seed::ADMIN_KEY).send().expect(405);
    let drained = gateway.ingest("POST", path).key(seed::ADMIN_KEY).send().expect(200).json();
    assert!(drained["done"].is_u64() && drained["more"].is_boolean(), "{drained}");
}

on_every_host!(
    a_document_goes_in_by_the_queue_and_is_found,
    a_step_that_fails_is_done_again,
    what_cannot_be_read_is_a_dead_letter_that_says_why_and_can_be_replayed,
    nobody_else_empties_the_queue,
);

/// A folder that goes when this value does.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Everything is killed while one document has not been looked at and another is being embedded; what starts again over the
/// same state finds both in the queue. The queue is the gateway's own on both hosts: workerd keeps none of its own over a
/// restart.
fn killed_between_steps(host: Host) {
    if !host.is_wanted() {
        println!("skipped: SLUICE_HOSTS does not name {host}");
        return;
    }
    let folder = Folder(std::env::temp_dir().join(format!("sluice-killed-{host}-{}", std::process::id())));
    let mut seed = seed::seed();
    let config = seed["kv"]["config/version/test"].as_str().map(str::to_owned).unwrap_or_default();
    let mut config: Value = serde_json::from_str(&config).expect("the configuration is JSON");
    config["queue"] = json!("embedded");
    seed["kv"]["config/version/test"] = config.to_string().into();

    let gateway = Gateway::start_in(host, &seed, Some(&folder.0));
    let mock = gateway.mock();
    let documents = Documents::of(&gateway, seed::TENANT);
    let name = gateway.unique("killed");
    let slow = format!("A weir lets water over. [[fault delay=60000,times=1]] [[id {name}]]");
    let store = documents.store("embed");
    let embedded = documents.upload("weirs.txt", slow.as_bytes());
    documents.attach(&store, &embedded);
    // On Cloudflare nobody calls `ingest` after an upload unless it is told where that is.
    let request = gateway.ingest("POST", "/internal/ingest/drain").key(seed::ADMIN_KEY);
    thread::spawn(move || request.abandon(Duration::from_secs(20)));
    let deadline = Instant::now() + Duration::from_secs(20);
    while mock.log(&name).is_empty() {
        assert!(Instant::now() < deadline, "nobody embeds it");
        thread::sleep(Duration::from_millis(50));
    }
    let waiting = documents.upload("sluices.md", TEXT.as_bytes());
    documents.attach(&store, &waiting);
    gateway.kill();

    let gateway = Gateway::start_in(host, &seed, Some(&folder.0));
    let documents = Documents::of(&gateway, seed::TENANT);
    let drain =
        || drop(gateway.ingest("POST", "/internal/ingest/drain").key(seed::ADMIN_KEY).send().expect(200));
    for file in [&waiting, &embedded] {
        let member = documents.settled(&store, file, drain);
        assert_eq!(member["status"], "completed", "{member}");
    }
    assert_eq!(mock.log(&name).len(), 2, "it was embedded once more");
    assert!(documents.search(&store, "What lets water over?").iter().any(|text| text.contains("weir")));
    assert!(documents.search(&store, "gate that holds water back").iter().any(|text| text.contains("gate")));
}

#[test]
fn a_killed_worker_loses_nothing() {
    killed_between_steps(Host::Cloudflare);
}

#[test]
fn a_killed_component_loses_nothing() {
    killed_between_steps(Host::Spin);
}
