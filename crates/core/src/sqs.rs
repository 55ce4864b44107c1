//! Amazon SQS as values: what is asked of it (its JSON protocol), and what it answers. [`crate::gateway::sqs`] sends.
//!
//! ```text
//! waiting ──receive──▶ hidden for its visibility timeout ──delete──▶ gone
//!    ▲                   │   ▲                    │
//!    └──timeout, retry───┘   └──extend (worked on)│
//!                                                 └──received more often than allowed──▶ dead letters (SQS's redrive)
//! ```
//!
//! A message is handed out at least once, in any order. Its receipt is good until it is handed out again.

use std::{fmt, ops::Range, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sluice_types::json::from_bytes;

/// The most messages of one call.
pub const BATCH: usize = 10;

/// The most bytes of one call's messages: 256 KB less room for what goes with them.
const BATCH_BYTES: usize = 240 << 10;

/// The longest delay of a new message.
const LONGEST_DELAY: Duration = Duration::from_secs(900);

/// The longest time a message may be hidden.
const LONGEST_HIDDEN: Duration = Duration::from_secs(12 * 3600);

/// The name under which a dead letter tells why it is one.
pub const REASON: &str = "reason";

/// What is asked of SQS.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Call<'a> {
    /// Put messages in, at most [`BATCH`]; they come out after the delay. The reason makes them dead letters.
    Send {
        /// The texts.
        messages: &'a [String],
        /// How long they wait at least.
        delay: Duration,
        /// Why they are given up.
        reason: Option<&'a str>,
    },
    /// Take messages out, at most [`BATCH`], hidden from others for a while.
    Receive {
        /// How many.
        most: usize,
        /// How long to wait for the first, 20 seconds at most.
        wait: Duration,
        /// How long they are hidden.
        hidden: Duration,
    },
    /// Forget messages by their receipts, at most [`BATCH`].
    Delete(&'a [String]),
    /// Hide messages from now on for so long; not at all gives them back.
    Hide {
        /// Their receipts, at most [`BATCH`].
        receipts: &'a [String],
        /// How long.
        hidden: Duration,
    },
    /// How many messages there are.
    Count,
}

impl Call<'_> {
    /// The value of `x-amz-target`.
    pub fn target(&self) -> &'static str {
        match self {
            Self::Send { .. } => "AmazonSQS.SendMessageBatch",
            Self::Receive { .. } => "AmazonSQS.ReceiveMessage",
            Self::Delete(_) => "AmazonSQS.DeleteMessageBatch",
            Self::Hide { .. } => "AmazonSQS.ChangeMessageVisibilityBatch",
            Self::Count => "AmazonSQS.GetQueueAttributes",
        }
    }

    /// The body, for the queue whose URL is `queue`.
    pub fn body(&self, queue: &str) -> Vec<u8> {
        let mut body = match self {
            Self::Send { messages, delay, reason } => {
                let entries = messages.iter().enumerate().map(|(number, text)| {
                    let mut entry = json!({
                        "Id": number.to_string(),
                        "MessageBody": text,
                        "DelaySeconds": (*delay).min(LONGEST_DELAY).as_secs(),
                    });
                    if let (Some(reason), Value::Object(entry)) = (reason, &mut entry) {
                        let reason = json!({"DataType": "String", "StringValue": clean(reason)});
                        entry.insert("MessageAttributes".to_owned(), json!({ REASON: reason }));
                    }
                    entry
                });
                json!({ "Entries": entries.collect::<Vec<_>>() })
            }
            Self::Receive { most, wait, hidden } => json!({
                "MaxNumberOfMessages": (*most).clamp(1, BATCH),
                "WaitTimeSeconds": wait.as_secs().min(20),
                "VisibilityTimeout": (*hidden).min(LONGEST_HIDDEN).as_secs(),
                // The newer name and the older one, which stand-ins of SQS know.
                "MessageSystemAttributeNames": ["ApproximateReceiveCount"],
                "AttributeNames": ["ApproximateReceiveCount"],
                "MessageAttributeNames": [REASON],
            }),
            Self::Delete(receipts) => json!({ "Entries": entries(receipts, &json!({})) }),
            Self::Hide { receipts, hidden } => {
                let more = json!({ "VisibilityTimeout": (*hidden).min(LONGEST_HIDDEN).as_secs() });
                json!({ "Entries": entries(receipts, &more) })
            }
            Self::Count => json!({
                "AttributeNames": [WAITING, HIDDEN, DELAYED],
            }),
        };
        if let Value::Object(members) = &mut body {
            members.insert("QueueUrl".to_owned(), queue.into());
        }
        body.to_string().into_bytes()
    }
}

const WAITING: &str = "ApproximateNumberOfMessages";
const HIDDEN: &str = "ApproximateNumberOfMessagesNotVisible";
const DELAYED: &str = "ApproximateNumberOfMessagesDelayed";

/// An entry for each receipt, numbered, with `more` members.
fn entries(receipts: &[String], more: &Value) -> Vec<Value> {
    let entry = |(number, receipt): (usize, &String)| {
        let mut entry = more.clone();
        if let Value::Object(members) = &mut entry {
            members.insert("Id".to_owned(), number.to_string().into());
            members.insert("ReceiptHandle".to_owned(), receipt.as_str().into());
        }
        entry
    };
    receipts.iter().enumerate().map(entry).collect()
}

/// `text` without characters that SQS refuses, and never empty, which it refuses too.
fn clean(text: &str) -> String {
    let allowed =
        |c: &char| matches!(c, '\t' | '\n' | '\r') || (' '..='\u{fffd}').contains(c) || '\u{ffff}' < *c;
    let text: String = text.chars().filter(allowed).take(1_000).collect();
    if text.is_empty() { "unknown".to_owned() } else { text }
}

/// Where requests about the queue at `url` go: its address without the path.
pub fn endpoint(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split('/').next().filter(|host| !host.is_empty())?;
    matches!(scheme, "http" | "https").then(|| format!("{scheme}://{host}/"))
}

/// Cuts messages into calls' worth: at most [`BATCH`] and 240 KB each, one message at least.
pub fn batches(messages: &[String]) -> Vec<Range<usize>> {
    let mut batches: Vec<Range<usize>> = Vec::new();
    let mut bytes = 0;
    for (at, message) in messages.iter().enumerate() {
        match batches.last_mut() {
            Some(last) if last.len() < BATCH && bytes + message.len() <= BATCH_BYTES => {
                last.end = at + 1;
                bytes += message.len();
            }
            _ => {
                batches.push(at..at + 1);
                bytes = message.len();
            }
        }
    }
    batches
}

/// A message that was taken out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its text.
    pub text: String,
    /// What deletes, extends or gives it back.
    pub receipt: String,
    /// How often it was taken out, this time included.
    pub attempts: u32,
    /// Why it is a dead letter, if it is one that we made.
    pub reason: Option<String>,
}

/// How many messages there are, about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// To be taken out.
    pub waiting: u64,
    /// Taken out by somebody.
    pub hidden: u64,
    /// Put in with a delay.
    pub delayed: u64,
}

/// What became of a call about several messages: the places of those that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The place in the call.
    pub at: usize,
    /// Whether trying again is of no use.
    pub ours: bool,
    /// What SQS says.
    pub why: String,
}

/// SQS refused a call, or answered what cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its name, such as `QueueDoesNotExist`, or empty.
    pub name: String,
    /// What it says.
    pub message: String,
    /// Whether the same may be answered later.
    pub later: bool,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hint = match self.name.as_str() {
            "QueueDoesNotExist" | "AWS.SimpleQueueService.NonExistentQueue" => {
                "; queue.sqs.url of sluice.yaml has to be a queue of queue.sqs.region"
            }
            "AccessDeniedException" | "AccessDenied" => {
                "; the policies `producer` and `consumer` of infra/modules/sqs say what is needed"
            }
            "InvalidClientTokenId" | "SignatureDoesNotMatch" | "UnrecognizedClientException" => {
                "; see $AWS_ACCESS_KEY_ID and $AWS_SECRET_ACCESS_KEY, and queue.sqs.region"
            }
            _ => "",
        };
        write!(f, "SQS says {}: {}{hint}", self.name, self.message)
    }
}

impl std::error::Error for Refused {}

/// Reads the answer to [`Call::Receive`].
///
/// # Errors
///
/// [`Refused`] if it is none.
pub fn read_messages(status: u16, body: &[u8]) -> Result<Vec<Message>, Refused> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        #[serde(default)]
        messages: Option<Vec<Wire>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Wire {
        body: String,
        receipt_handle: String,
        #[serde(default)]
        attributes: Attributes,
        #[serde(default)]
        message_attributes: Option<Value>,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Attributes {
        approximate_receive_count: Option<String>,
    }
    let answer: Answer = read(status, body)?;
    let message = |wire: Wire| {
        let reason =
            wire.message_attributes.as_ref().and_then(|all| all.get(REASON)?.get("StringValue")?.as_str());
        Message {
            reason: reason.map(str::to_owned),
            text: wire.body,
            receipt: wire.receipt_handle,
            attempts: wire
                .attributes
                .approximate_receive_count
                .and_then(|text| text.parse().ok())
                .unwrap_or(1),
        }
    };
    Ok(answer.messages.unwrap_or_default().into_iter().map(message).collect())
}

/// Reads the answer to a call about several messages; those that are not told of worked.
///
/// # Errors
///
/// [`Refused`] if it is none.
pub fn read_failed(status: u16, body: &[u8]) -> Result<Vec<Failed>, Refused> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        #[serde(default)]
        failed: Option<Vec<Wire>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Wire {
        id: String,
        #[serde(default)]
        sender_fault: bool,
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: Option<String>,
    }
    let answer: Answer = read(status, body)?;
    let failed = |wire: Wire| {
        let why = format!("{} {}", wire.code, wire.message.unwrap_or_default());
        Some(Failed { at: wire.id.parse().ok()?, ours: wire.sender_fault, why: why.trim().to_owned() })
    };
    Ok(answer.failed.unwrap_or_default().into_iter().filter_map(failed).collect())
}

/// Reads the answer to [`Call::Count`].
///
/// # Errors
///
/// [`Refused`] if it is none.
pub fn read_counted(status: u16, body: &[u8]) -> Result<Counted, Refused> {
    let answer: Value = read(status, body)?;
    let number = |name: &str| {
        let value = answer.get("Attributes").and_then(|all| all.get(name)?.as_str());
        value.and_then(|text| text.parse().ok()).unwrap_or_default()
    };
    Ok(Counted { waiting: number(WAITING), hidden: number(HIDDEN), delayed: number(DELAYED) })
}

fn read<T: for<'a> Deserialize<'a>>(status: u16, body: &[u8]) -> Result<T, Refused> {
    if status != 200 {
        return Err(read_refusal(status, body));
    }
    from_bytes(body).map_err(|error| Refused {
        name: "nothing that can be read".to_owned(),
        message: error.to_string(),
        later: true,
    })
}

fn read_refusal(status: u16, body: &[u8]) -> Refused {
    let said: Value = from_bytes(body).unwrap_or_default();
    let text = |name: &str| said.get(name).and_then(Value::as_str).unwrap_or_default();
    // Such as `com.amazonaws.sqs#QueueDoesNotExist`.
    let name = text("__type").rsplit(['#', ':']).next().unwrap_or_default().to_owned();
    let message = [text("message"), text("Message")].into_iter().find(|text| !text.is_empty());
    let throttled =
        ["RequestThrottled", "ThrottlingException", "OverLimit", "KmsThrottled"].contains(&name.as_str());
    Refused {
        later: throttled || status == 429 || 500 <= status,
        message: message.map_or_else(|| format!("status {status}"), str::to_owned),
        name,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const QUEUE: &str = "https://sqs.eu-central-1.amazonaws.com/123456789012/sluice-ingest";

    fn body(call: &Call<'_>) -> Value {
        serde_json::from_slice(&call.body(QUEUE)).unwrap()
    }

    #[test]
    fn calls_are_written_as_sqs_wants_them() {
        let receipts = ["r1".to_owned(), "r2".to_owned()];
        let sent = ["a".to_owned()];
        let cases = [
            (
                Call::Send { messages: &sent, delay: Duration::from_secs(7_000), reason: None },
                "AmazonSQS.SendMessageBatch",
                json!({"QueueUrl": QUEUE, "Entries": [{"Id": "0", "MessageBody": "a", "DelaySeconds": 900}]}),
            ),
            (
                Call::Send { messages: &sent, delay: Duration::ZERO, reason: Some("no\u{0}t a PDF") },
                "AmazonSQS.SendMessageBatch",
                json!({"QueueUrl": QUEUE, "Entries": [{"Id": "0", "MessageBody": "a", "DelaySeconds": 0,
                    "MessageAttributes": {"reason": {"DataType": "String", "StringValue": "not a PDF"}}}]}),
            ),
            (
                Call::Receive { most: 50, wait: Duration::from_secs(60), hidden: Duration::from_secs(90) },
                "AmazonSQS.ReceiveMessage",
                json!({"QueueUrl": QUEUE, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 20, "VisibilityTimeout": 90,
                    "MessageSystemAttributeNames": ["ApproximateReceiveCount"],
                    "AttributeNames": ["ApproximateReceiveCount"], "MessageAttributeNames": ["reason"]}),
            ),
            (
                Call::Delete(&receipts),
                "AmazonSQS.DeleteMessageBatch",
                json!({"QueueUrl": QUEUE, "Entries": [{"Id": "0", "ReceiptHandle": "r1"}, {"Id": "1", "ReceiptHandle": "r2"}]}),
            ),
            (
                Call::Hide { receipts: &receipts[..1], hidden: Duration::from_secs(1 << 20) },
                "AmazonSQS.ChangeMessageVisibilityBatch",
                json!({"QueueUrl": QUEUE, "Entries": [{"Id": "0", "ReceiptHandle": "r1", "VisibilityTimeout": 43_200}]}),
            ),
        ];
        for (call, target, wanted) in cases {
            assert_eq!((call.target(), body(&call)), (target, wanted));
        }
    }

    #[test]
    fn requests_go_to_the_queues_host() {
        assert_eq!(endpoint(QUEUE).as_deref(), Some("https://sqs.eu-central-1.amazonaws.com/"));
        assert_eq!(endpoint("http://127.0.0.1:5555/1/q").as_deref(), Some("http://127.0.0.1:5555/"));
        for wrong in ["", "sqs.test/1/q", "ftp://sqs.test/1/q", "https:///1/q"] {
            assert_eq!(endpoint(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn messages_are_read_with_what_is_known_of_them() {
        let answer = br#"{"Messages":[{"MessageId":"1","Body":"a","ReceiptHandle":"r","MD5OfBody":"x",
            "Attributes":{"ApproximateReceiveCount":"3"},
            "MessageAttributes":{"reason":{"DataType":"String","StringValue":"not a PDF"}}},
            {"Body":"b","ReceiptHandle":"s"}]}"#;
        let first =
            Message { text: "a".into(), receipt: "r".into(), attempts: 3, reason: Some("not a PDF".into()) };
        let second = Message { text: "b".into(), receipt: "s".into(), attempts: 1, reason: None };
        assert_eq!(read_messages(200, answer), Ok(vec![first, second]));
        for empty in ["{}", r#"{"Messages":null}"#, r#"{"Messages":[]}"#] {
            assert_eq!(read_messages(200, empty.as_bytes()), Ok(vec![]));
        }
        assert!(read_messages(200, b"<html>").unwrap_err().later);
    }

    #[test]
    fn what_failed_is_told_by_its_place() {
        let answer =
            br#"{"Successful":[{"Id":"0"}],"Failed":[{"Id":"1","SenderFault":false,"Code":"InternalError"},
            {"Id":"2","SenderFault":true,"Code":"ReceiptHandleIsInvalid","Message":"gone"}]}"#;
        let failed = |at, ours, why: &str| Failed { at, ours, why: why.to_owned() };
        let wanted = vec![failed(1, false, "InternalError"), failed(2, true, "ReceiptHandleIsInvalid gone")];
        assert_eq!(read_failed(200, answer), Ok(wanted));
        assert_eq!(read_failed(200, b"{}"), Ok(vec![]));
    }

    #[test]
    fn refusals_say_what_to_do_and_whether_to_wait() {
        let refused = |status, body: &str| read_failed(status, body.as_bytes()).unwrap_err();
        let gone =
            refused(400, r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no such queue"}"#);
        assert!(!gone.later && gone.to_string().contains("queue.sqs.url"), "{gone}");
        let denied = refused(403, r#"{"__type":"AccessDeniedException","Message":"no"}"#);
        assert!(!denied.later && denied.to_string().contains("infra/modules/sqs"), "{denied}");
        assert!(refused(400, r#"{"__type":"com.amazonaws.sqs#RequestThrottled"}"#).later);
        assert!(refused(503, "busy").later);
        assert!(!refused(400, "{}").later);
    }

    #[test]
    fn counts_are_texts() {
        let answer = br#"{"Attributes":{"ApproximateNumberOfMessages":"4","ApproximateNumberOfMessagesNotVisible":"1"}}"#;
        assert_eq!(read_counted(200, answer), Ok(Counted { waiting: 4, hidden: 1, delayed: 0 }));
    }

    proptest! {
        #[test]
        fn batches_hold_all_messages_in_order_within_limits(sizes in prop::collection::vec(0_usize..70_000, 0..64)) {
            let messages: Vec<String> = sizes.iter().map(|size| "x".repeat(*size)).collect();
            let batches = batches(&messages);
            let all: Vec<usize> = batches.iter().flat_map(Clone::clone).collect();
            prop_assert_eq!(all, (0..messages.len()).collect::<Vec<_>>());
            for batch in batches {
                prop_assert!((1..=BATCH).contains(&batch.len()));
                prop_assert!(messages[batch].iter().map(String::len).sum::<usize>() <= BATCH_BYTES);
            }
        }

        #[test]
        fn reasons_are_fit_to_send(text in ".*") {
            let clean = clean(&text);
            prop_assert!(!clean.is_empty() && clean.chars().count() <= 1_000);
            prop_assert!(clean.chars().all(|c| c == '\t' || c == '\n' || c == '\r' || ' ' <= c));
            let refused = ['\u{fffe}', '\u{ffff}'];
            prop_assert!(!clean.contains(refused));
        }
    }
}
