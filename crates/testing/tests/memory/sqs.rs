//! The queue on Amazon SQS: against a scripted one, and against the one that `SLUICE_SQS_URL` and
//! `SLUICE_SQS_DEAD_URL` name, which `cargo xtask test terraform` makes in moto (redrive after 3 tries).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "tests fail by panicking"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "it speaks to a real server: it has a clock and an environment"
)]

use std::{
    cell::RefCell,
    sync::Mutex,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use http::{Request, Response};
use sluice_core::{
    gateway::sqs::{self, Drained, Queue, SqsError, Verdict},
    port::{Body, Clock, Http, Log, NetworkError, Secrets},
};
use sluice_providers::auth::Aws;
use sluice_testing::memory::{MemoryHost, answer};
use sluice_types::{secret::Secret, time::Timestamp};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const NOW: Timestamp = Timestamp(1_795_219_200_000);

fn queue(url: &str, dead_letter_url: Option<String>) -> Queue {
    let aws = Aws { region: "eu-central-1".into(), ..Aws::usual("sqs") };
    Queue { url: url.to_owned(), dead_letter_url, aws }
}

fn scripted() -> Queue {
    queue("https://sqs.test/1/q", Some("https://sqs.test/1/q-dead".to_owned()))
}

fn host() -> MemoryHost {
    MemoryHost::at(NOW)
        .with_secret("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .with_secret("AWS_SECRET_ACCESS_KEY", "hush")
}

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("message {number}")).collect()
}

#[test]
fn calls_are_signed_and_cut_into_tens() {
    let host = host().reply("sqs.test", answer(200, "{}")).reply("sqs.test", answer(200, "{}"));
    host.run(sqs::send(&host, &scripted(), &texts(13), Duration::ZERO)).unwrap();
    let asked = host.asked();
    let sizes: Vec<usize> = asked
        .iter()
        .map(|request| {
            assert_eq!(request.uri(), "https://sqs.test/");
            assert_eq!(request.headers()["x-amz-target"], "AmazonSQS.SendMessageBatch");
            let signature = request.headers()["authorization"].to_str().unwrap();
            assert!(signature.contains("/eu-central-1/sqs/aws4_request"), "{signature}");
            assert!(
                signature.contains("SignedHeaders=content-type;host;x-amz-date;x-amz-target,"),
                "{signature}"
            );
            let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
            assert_eq!(body["QueueUrl"], "https://sqs.test/1/q");
            body["Entries"].as_array().unwrap().len()
        })
        .collect();
    assert_eq!(sizes, [10, 3]);
}

#[test]
fn what_sqs_did_not_take_is_sent_again_and_nothing_else() {
    let failed = r#"{"Failed":[{"Id":"1","SenderFault":false,"Code":"InternalError"}]}"#;
    let host = host().reply("sqs.test", answer(200, failed)).reply("sqs.test", answer(200, "{}"));
    host.run(sqs::send(&host, &scripted(), &texts(3), Duration::ZERO)).unwrap();
    let second: serde_json::Value = serde_json::from_slice(host.asked()[1].body()).unwrap();
    assert_eq!(second["Entries"].as_array().unwrap().len(), 1);
    assert_eq!(second["Entries"][0]["MessageBody"], "message 1");
}

#[test]
fn a_refusal_ends_it_and_says_what_to_do() {
    let refusal = r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no"}"#;
    let there = host().reply("sqs.test", answer(400, refusal));
    let error = there.run(sqs::send(&there, &scripted(), &texts(1), Duration::ZERO)).unwrap_err();
    assert!(error.to_string().contains("queue.sqs.url"), "{error}");
    assert_eq!(there.asked().len(), 1);
    let bare = MemoryHost::at(NOW);
    let error = bare.run(sqs::send(&bare, &scripted(), &texts(1), Duration::ZERO)).unwrap_err();
    assert_eq!(error, SqsError::Credential("AWS_ACCESS_KEY_ID".to_owned()));
}

#[test]
fn an_outage_is_waited_for_some_times() {
    let busy = || answer(503, "busy");
    let host =
        host().reply("sqs.test", busy()).reply("sqs.test", busy()).reply("sqs.test", answer(200, "{}"));
    host.run(sqs::send(&host, &scripted(), &texts(1), Duration::ZERO)).unwrap();
    assert_eq!(host.asked().len(), 3);
    assert_eq!(host.now().since(NOW), Duration::from_millis(1_000));
}

#[test]
fn a_silent_sqs_is_given_up() {
    let host = host().reply("sqs.test", answer(200, "{}").after(Duration::from_secs(3_600)));
    let wait = Duration::from_secs(20);
    let error = host.run(sqs::receive(&host, &scripted(), 10, wait, Duration::from_secs(30))).unwrap_err();
    assert!(matches!(error, SqsError::Network(_)), "{error}");
    assert_eq!(host.now().since(NOW), Duration::from_secs(40));
}

#[test]
fn what_is_worked_on_and_what_waits_behind_it_stay_hidden() {
    let two = r#"{"Messages":[{"Body":"a","ReceiptHandle":"ra"},{"Body":"b","ReceiptHandle":"rb"}]}"#;
    let mut host = host().reply("sqs.test", answer(200, two));
    for _ in 0..8 {
        host = host.reply("sqs.test", answer(200, "{}"));
    }
    let work = async |message: &sluice_core::sqs::Message| {
        host.sleep(Duration::from_secs(if message.text == "a" { 70 } else { 25 })).await;
        Verdict::Done
    };
    let until = NOW.plus(Duration::from_secs(600));
    let hidden = Duration::from_secs(90);
    let drained = host.run(sqs::drain(&host, &scripted(), Duration::ZERO, hidden, until, work)).unwrap();
    assert_eq!(drained, Drained { done: 2, ..Drained::default() });
    let asked: Vec<(String, Vec<String>)> = host
        .asked()
        .iter()
        .map(|request| {
            let target = request.headers()["x-amz-target"].to_str().unwrap().replace("AmazonSQS.", "");
            let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
            let receipts = body["Entries"].as_array().into_iter().flatten();
            (target, receipts.map(|entry| entry["ReceiptHandle"].as_str().unwrap().to_owned()).collect())
        })
        .collect();
    let call = |target: &str, receipts: &[&str]| {
        (target.to_owned(), receipts.iter().map(|receipt| (*receipt).to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(
        asked,
        [
            call("ReceiveMessage", &[]),
            call("ChangeMessageVisibilityBatch", &["ra", "rb"]), // after 30 s
            call("ChangeMessageVisibilityBatch", &["ra", "rb"]), // after 60 s
            call("DeleteMessageBatch", &["ra"]),                 // after 70 s
            call("ChangeMessageVisibilityBatch", &["rb"]),       // after 90 s
            call("DeleteMessageBatch", &["rb"]),                 // after 95 s
            call("ReceiveMessage", &[]),
        ]
    );
}

#[test]
fn when_time_is_up_what_was_not_begun_is_given_back() {
    let two = r#"{"Messages":[{"Body":"a","ReceiptHandle":"ra"},{"Body":"b","ReceiptHandle":"rb"}]}"#;
    let host = host()
        .reply("sqs.test", answer(200, two))
        .reply("sqs.test", answer(200, "{}"))
        .reply("sqs.test", answer(200, "{}"));
    let work = async |_: &sluice_core::sqs::Message| {
        host.sleep(Duration::from_secs(20)).await;
        Verdict::Done
    };
    let until = NOW.plus(Duration::from_secs(10));
    let drained = host
        .run(sqs::drain(&host, &scripted(), Duration::ZERO, Duration::from_secs(90), until, work))
        .unwrap();
    assert_eq!(drained.done, 1);
    let last: serde_json::Value = serde_json::from_slice(host.asked()[2].body()).unwrap();
    assert_eq!(
        last["Entries"][0],
        serde_json::json!({"Id": "0", "ReceiptHandle": "rb", "VisibilityTimeout": 0})
    );
}

// ---- against a server ----

/// A host with real time and plain HTTP to this machine.
#[derive(Clone, Default)]
struct Native {
    logged: std::rc::Rc<RefCell<Vec<String>>>,
}

struct Whole(Option<Bytes>);

impl Body for Whole {
    async fn chunk(&mut self) -> Result<Option<Bytes>, NetworkError> {
        Ok(self.0.take().filter(|bytes| !bytes.is_empty()))
    }
}

impl Http for Native {
    type Body = Whole;

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Whole>, NetworkError> {
        exchange(request).await.map_err(|error| NetworkError(error.to_string()))
    }
}

/// One request on a connection of its own.
async fn exchange(request: Request<Bytes>) -> std::io::Result<Response<Whole>> {
    let authority = request.uri().authority().unwrap().to_string();
    let mut head = format!("{} {} HTTP/1.1\r\nhost: {authority}\r\n", request.method(), request.uri().path());
    for (name, value) in request.headers() {
        head += &format!("{name}: {}\r\n", value.to_str().unwrap());
    }
    head += &format!("content-length: {}\r\nconnection: close\r\n\r\n", request.body().len());
    let mut stream = TcpStream::connect(&authority).await?;
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(request.body()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let text = String::from_utf8(answer).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "{head}");
    let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
    Ok(Response::builder().status(status).body(Whole(Some(Bytes::copy_from_slice(body.as_bytes())))).unwrap())
}

impl Clock for Native {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Timestamp(u64::try_from(since.as_millis()).unwrap())
    }

    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

impl Secrets for Native {
    async fn secret(&self, name: &str) -> Option<Secret> {
        matches!(name, "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY").then(|| Secret::new("test"))
    }
}

impl Log for Native {
    fn log(&self, line: &str) {
        self.logged.borrow_mut().push(line.to_owned());
    }
}

/// Runs a test on the server's queue, one after the other, both queues empty before. Says so and passes where there is none.
fn on_a_server(test: impl AsyncFnOnce(&Native, &Queue)) {
    static ONE: Mutex<()> = Mutex::new(());
    let (Ok(url), Ok(dead)) = (std::env::var("SLUICE_SQS_URL"), std::env::var("SLUICE_SQS_DEAD_URL")) else {
        println!("skipped: SLUICE_SQS_URL names no queue; `cargo xtask test terraform` makes one");
        return;
    };
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (host, queue) = (Native::default(), queue(&url, Some(dead.clone())));
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        for url in [&url, &dead] {
            purge(url).await;
        }
        test(&host, &queue).await;
    });
}

/// Empties a queue.
async fn purge(url: &str) {
    let address = url.rsplitn(3, '/').nth(2).unwrap();
    let request = Request::post(format!("{address}/"))
        .header("x-amz-target", "AmazonSQS.PurgeQueue")
        .header("content-type", "application/x-amz-json-1.0")
        .header("authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/sqs/aws4_request, SignedHeaders=host, Signature=0")
        .body(Bytes::from(serde_json::json!({ "QueueUrl": url }).to_string()))
        .unwrap();
    assert_eq!(exchange(request).await.unwrap().status(), 200);
}

const SHORT: Duration = Duration::from_secs(1);

async fn soon(host: &Native) -> Timestamp {
    host.now().plus(Duration::from_secs(60))
}

#[test]
fn what_is_sent_comes_out_and_is_gone_once_it_is_done() {
    on_a_server(async |host, queue| {
        sqs::send(host, queue, &texts(23), Duration::ZERO).await.unwrap();
        assert_eq!(sqs::count(host, queue).await.unwrap().waiting, 23);
        let seen = RefCell::new(Vec::new());
        let work = async |message: &sluice_core::sqs::Message| {
            assert_eq!((message.attempts, &message.reason), (1, &None));
            seen.borrow_mut().push(message.text.clone());
            Verdict::Done
        };
        let hidden = Duration::from_secs(30);
        let drained = sqs::drain(host, queue, Duration::ZERO, hidden, soon(host).await, work).await.unwrap();
        assert_eq!(drained, Drained { done: 23, ..Drained::default() });
        let mut seen = seen.into_inner();
        seen.sort_by_key(|text| text[8..].parse::<u32>().unwrap());
        assert_eq!(seen, texts(23));
        assert_eq!(sqs::count(host, queue).await.unwrap(), sluice_core::sqs::Counted::default());
        assert_eq!(host.logged.borrow().as_slice(), [] as [String; 0]);
    });
}

#[test]
fn who_dies_has_its_message_come_out_again() {
    on_a_server(async |host, queue| {
        sqs::send(host, queue, &texts(1), Duration::ZERO).await.unwrap();
        let first = sqs::receive(host, queue, 10, Duration::ZERO, SHORT).await.unwrap();
        assert_eq!((first.len(), first[0].attempts), (1, 1));
        assert_eq!(sqs::receive(host, queue, 10, Duration::ZERO, SHORT).await.unwrap(), []);
        let second = sqs::receive(host, queue, 10, Duration::from_secs(5), SHORT).await.unwrap();
        assert_eq!((second.len(), second[0].attempts, &second[0].text), (1, 2, &first[0].text));
        sqs::delete(host, queue, &[second[0].receipt.clone()]).await.unwrap();
    });
}

#[test]
fn a_delayed_message_waits() {
    on_a_server(async |host, queue| {
        sqs::send(host, queue, &texts(1), Duration::from_secs(2)).await.unwrap();
        assert_eq!(sqs::receive(host, queue, 10, Duration::ZERO, SHORT).await.unwrap(), []);
        let came = sqs::receive(host, queue, 10, Duration::from_secs(6), SHORT).await.unwrap();
        assert_eq!(came.len(), 1);
    });
}

#[test]
fn long_work_is_not_handed_out_a_second_time() {
    on_a_server(async |host, queue| {
        sqs::send(host, queue, &texts(2), Duration::ZERO).await.unwrap();
        let began = Instant::now();
        let work = async |_: &sluice_core::sqs::Message| {
            // Longer than a message is hidden at a time, and another who looks meanwhile.
            tokio::time::sleep(Duration::from_millis(4_500)).await;
            assert_eq!(sqs::receive(host, queue, 10, Duration::ZERO, SHORT).await.unwrap(), []);
            Verdict::Done
        };
        let hidden = Duration::from_secs(3);
        let drained = sqs::drain(host, queue, Duration::ZERO, hidden, soon(host).await, work).await.unwrap();
        assert_eq!(drained.done, 2);
        assert!(Duration::from_secs(9) <= began.elapsed());
    });
}

#[test]
fn what_fails_too_often_is_a_dead_letter_and_can_be_redriven() {
    on_a_server(async |host, queue| {
        sqs::send(host, queue, &texts(1), Duration::ZERO).await.unwrap();
        let attempts = RefCell::new(Vec::new());
        let fails = async |message: &sluice_core::sqs::Message| {
            attempts.borrow_mut().push(message.attempts);
            Verdict::Again(Duration::ZERO)
        };
        let hidden = Duration::from_secs(30);
        let drained = sqs::drain(host, queue, Duration::ZERO, hidden, soon(host).await, fails).await.unwrap();
        assert_eq!((attempts.into_inner(), drained.again), (vec![1, 2, 3], 3));
        let dead = Queue { url: queue.dead_letter_url.clone().unwrap(), ..queue.clone() };
        assert_eq!(sqs::count(host, &dead).await.unwrap().waiting, 1);

        assert_eq!(sqs::redrive(host, queue).await.unwrap(), 1);
        assert_eq!(sqs::count(host, &dead).await.unwrap(), sluice_core::sqs::Counted::default());
        let done = async |message: &sluice_core::sqs::Message| {
            assert_eq!(message.text, "message 0");
            Verdict::Done
        };
        let drained = sqs::drain(host, queue, Duration::ZERO, hidden, soon(host).await, done).await.unwrap();
        assert_eq!(drained.done, 1);
    });
}

#[test]
fn what_is_given_up_tells_why_in_the_dead_letters() {
    on_a_server(async |host, queue| {
        sqs::send(host, queue, &texts(1), Duration::ZERO).await.unwrap();
        let work = async |_: &sluice_core::sqs::Message| Verdict::Dead("the PDF has no pages".to_owned());
        let hidden = Duration::from_secs(30);
        let drained = sqs::drain(host, queue, Duration::ZERO, hidden, soon(host).await, work).await.unwrap();
        assert_eq!(drained.dead, 1);
        assert_eq!(sqs::count(host, queue).await.unwrap(), sluice_core::sqs::Counted::default());
        let dead = Queue { url: queue.dead_letter_url.clone().unwrap(), ..queue.clone() };
        let letters = sqs::receive(host, &dead, 10, Duration::ZERO, Duration::ZERO).await.unwrap();
        assert_eq!(letters.len(), 1);
        assert_eq!(
            (letters[0].text.as_str(), letters[0].reason.as_deref()),
            ("message 0", Some("the PDF has no pages"))
        );
        // Its reason is kept elsewhere and it is sent again from there.
        assert_eq!(sqs::redrive(host, queue).await.unwrap(), 0);
        assert_eq!(sqs::count(host, &dead).await.unwrap(), sluice_core::sqs::Counted::default());
    });
}

#[test]
fn a_queue_that_is_not_there_is_named_as_that() {
    on_a_server(async |host, queue| {
        let absent = Queue { url: format!("{}-absent", queue.url), ..queue.clone() };
        let error = sqs::send(host, &absent, &texts(1), Duration::ZERO).await.unwrap_err();
        assert!(error.to_string().contains("queue.sqs.url of sluice.yaml"), "{error}");
    });
}
