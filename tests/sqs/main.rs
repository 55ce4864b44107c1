//! Documents by Amazon SQS, end to end on both hosts: the queue that `SLUICE_SQS_URL` and `SLUICE_SQS_DEAD_URL` name, which
//! `cargo xtask test terraform` makes in moto with infra/examples/spin-sqs. Without one the tests say so and pass.

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_tests::documents::Documents;
use sluice_tests::gateway::{Gateway, Host};
use sluice_tests::http::Request;
use sluice_tests::seed;

const TEXT: &str = "A fish ladder lets salmon climb past a weir.";

/// The queue and its dead letters.
struct Queues {
    url: String,
    dead: String,
}

impl Queues {
    fn find() -> Option<Self> {
        Some(Self {
            url: std::env::var("SLUICE_SQS_URL").ok()?,
            dead: std::env::var("SLUICE_SQS_DEAD_URL").ok()?,
        })
    }

    /// Asks the server itself, past the gateway.
    fn ask(&self, action: &str, url: &str, more: &Value) -> Value {
        let address = url.trim_start_matches("http://").split('/').next().expect("an address");
        let mut body = more.clone();
        body["QueueUrl"] = url.into();
        let answer = Request::new(address, "POST", "/")
            .bytes(body.to_string())
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", &format!("AmazonSQS.{action}"))
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/sqs/aws4_request",
            )
            .send()
            .expect(200);
        if answer.text().is_empty() { json!({}) } else { answer.json() }
    }

    fn count(&self, url: &str) -> Value {
        let all = json!({ "AttributeNames": ["All"] });
        let attributes = self.ask("GetQueueAttributes", url, &all)["Attributes"].clone();
        json!([
            attributes["ApproximateNumberOfMessages"],
            attributes["ApproximateNumberOfMessagesNotVisible"]
        ])
    }
}

/// The seed of a gateway whose documents go by the queue.
fn seed_of(queues: &Queues) -> Value {
    let mut seed = seed::seed();
    let config = seed["kv"]["config/version/test"].as_str().map(str::to_owned).unwrap_or_default();
    let mut config: Value = serde_json::from_str(&config).expect("the configuration is JSON");
    config["queue"] = json!({
        "sqs": { "url": queues.url, "dead_letter_url": queues.dead, "region": "eu-central-1" },
    });
    seed["kv"]["config/version/test"] = config.to_string().into();
    seed["variables"]["AWS_ACCESS_KEY_ID"] = "test".into();
    seed["variables"]["AWS_SECRET_ACCESS_KEY"] = "test".into();
    // No call after an upload: what happens when is the tests' to say.
    seed["variables"]["SLUICE_INGEST_URL"] = "".into();
    seed
}

/// Runs a scenario on the queue, one after the other, both queues empty before.
fn run(host: Host, scenario: impl Fn(&Gateway, &Queues)) {
    static ONE: Mutex<()> = Mutex::new(());
    let Some(queues) = Queues::find().filter(|_| host.is_wanted()) else {
        println!(
            "skipped: SLUICE_SQS_URL names no queue (cargo xtask test terraform makes one), or SLUICE_HOSTS not {host}"
        );
        return;
    };
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for url in [&queues.url, &queues.dead] {
        queues.ask("PurgeQueue", url, &json!({}));
    }
    scenario(&Gateway::start(host, &seed_of(&queues)), &queues);
}

fn drain(gateway: &Gateway) -> Value {
    gateway.ingest("POST", "/internal/ingest/drain").key(seed::ADMIN_KEY).send().expect(200).json()
}

fn admin(gateway: &Gateway, method: &str, path: &str) -> Value {
    gateway.request(method, path).key(seed::ADMIN_KEY).json(&json!({})).send().expect(200).json()
}

/// A document in a store, on its way.
fn on_its_way(documents: Documents<'_>, name: &str, bytes: &[u8]) -> (String, String) {
    let (store, file) = (documents.store("builtin/static"), documents.upload(name, bytes));
    documents.attach(&store, &file);
    (store, file)
}

fn a_document_goes_in_and_is_found(gateway: &Gateway, queues: &Queues) {
    let documents = Documents::of(gateway, seed::TENANT);
    let (store, file) = on_its_way(documents, "ladders.txt", TEXT.as_bytes());
    assert_eq!(documents.member(&store, &file)["status"], "in_progress", "nobody was called");
    let member = documents.settled(&store, &file, || drop(drain(gateway)));
    assert_eq!(member["status"], "completed", "{member}");
    assert!(documents.search(&store, "What do salmon climb?").iter().any(|text| text.contains("salmon")));
    // The note that would clear up a broken upload is delayed, and neither waiting nor hidden.
    assert_eq!(queues.count(&queues.url), json!(["0", "0"]));
    assert_eq!(queues.count(&queues.dead), json!(["0", "0"]));
}

fn what_cannot_be_read_lies_with_its_reason_among_the_dead_letters(gateway: &Gateway, queues: &Queues) {
    let documents = Documents::of(gateway, seed::TENANT);
    let (store, file) = on_its_way(documents, "broken.pdf", b"%PDF-1.7\nnothing of it");
    let member = documents.settled(&store, &file, || drop(drain(gateway)));
    assert_eq!(member["status"], "failed", "{member}");
    assert_eq!(queues.count(&queues.dead), json!(["1", "0"]));
    let look = json!({ "VisibilityTimeout": 0, "MessageAttributeNames": ["All"] });
    let letter = queues.ask("ReceiveMessage", &queues.dead, &look);
    let reason = &letter["Messages"][0]["MessageAttributes"]["reason"]["StringValue"];
    assert_eq!(reason, &member["last_error"]["message"]);

    let replayed = admin(gateway, "POST", "/admin/v1/ingest/replay");
    assert_eq!((replayed["replayed"].as_array().map(Vec::len), &replayed["redriven"]), (Some(1), &json!(0)));
    assert_eq!(queues.count(&queues.dead), json!(["0", "0"]));
    drain(gateway);
    assert_eq!(queues.count(&queues.dead), json!(["1", "0"]), "it is no better");
}

fn what_died_with_its_workers_is_redriven(gateway: &Gateway, queues: &Queues) {
    let documents = Documents::of(gateway, seed::TENANT);
    let (store, file) = on_its_way(documents, "ladders.txt", TEXT.as_bytes());
    // Three who take it and die at once; the fourth is told nothing, and SQS has moved it by then.
    for _ in 0..4 {
        queues.ask("ReceiveMessage", &queues.url, &json!({ "VisibilityTimeout": 0 }));
    }
    assert_eq!(queues.count(&queues.dead), json!(["1", "0"]));
    drain(gateway);
    assert_eq!(documents.member(&store, &file)["status"], "in_progress");
    let replayed = admin(gateway, "POST", "/admin/v1/ingest/replay");
    assert_eq!(replayed["redriven"], 1, "{replayed}");
    let member = documents.settled(&store, &file, || drop(drain(gateway)));
    assert_eq!(member["status"], "completed", "{member}");
}

mod cloudflare {
    use super::*;

    #[test]
    fn a_document_goes_in_and_is_found() {
        run(Host::Cloudflare, super::a_document_goes_in_and_is_found);
    }

    #[test]
    fn what_cannot_be_read_lies_with_its_reason_among_the_dead_letters() {
        run(Host::Cloudflare, super::what_cannot_be_read_lies_with_its_reason_among_the_dead_letters);
    }

    #[test]
    fn what_died_with_its_workers_is_redriven() {
        run(Host::Cloudflare, super::what_died_with_its_workers_is_redriven);
    }
}

mod spin {
    use super::*;

    #[test]
    fn a_document_goes_in_and_is_found() {
        run(Host::Spin, super::a_document_goes_in_and_is_found);
    }

    #[test]
    fn what_cannot_be_read_lies_with_its_reason_among_the_dead_letters() {
        run(Host::Spin, super::what_cannot_be_read_lies_with_its_reason_among_the_dead_letters);
    }

    #[test]
    fn what_died_with_its_workers_is_redriven() {
        run(Host::Spin, super::what_died_with_its_workers_is_redriven);
    }

    /// The component is killed while a document is embedded; who drains after that has it again once SQS no longer hides it.
    #[test]
    fn a_killed_component_loses_nothing() {
        let folder = std::env::temp_dir().join(format!("sluice-sqs-killed-{}", std::process::id()));
        run(Host::Spin, |_, queues| {
            let seed = seed_of(queues);
            let gateway = Gateway::start_in(Host::Spin, &seed, Some(&folder));
            let mock = gateway.mock();
            let documents = Documents::of(&gateway, seed::TENANT);
            let name = gateway.unique("killed");
            let text = format!("A weir lets water over. [[fault delay=60000,times=1]] [[id {name}]]");
            let (store, file) = (documents.store("embed"), documents.upload("weirs.txt", text.as_bytes()));
            documents.attach(&store, &file);
            let request = gateway.ingest("POST", "/internal/ingest/drain").key(seed::ADMIN_KEY);
            thread::spawn(move || request.abandon(Duration::from_secs(20)));
            let deadline = Instant::now() + Duration::from_secs(20);
            while mock.log(&name).is_empty() {
                assert!(Instant::now() < deadline, "nobody embeds it");
                thread::sleep(Duration::from_millis(50));
            }
            gateway.kill();
            let gateway = Gateway::start_in(Host::Spin, &seed, Some(&folder));
            let documents = Documents::of(&gateway, seed::TENANT);
            let member = documents.settled(&store, &file, || drop(drain(&gateway)));
            assert_eq!(member["status"], "completed", "{member}");
            assert_eq!(mock.log(&name).len(), 2);
        });
        let _ = std::fs::remove_dir_all(&folder);
    }
}
