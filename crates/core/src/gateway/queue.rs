//! The queue of documents, and the gateway's own one: an object of [`Counters`], for hosts without a queue.
//!
//! ```text
//! q/{due}/{number}    a message that comes out at `due`; taking it hides it until later
//! q-next              the number of the next message
//! d/{id}              a dead letter, whatever queue its message came by
//! ```

use std::time::Duration;

use http::{HeaderMap, Request, header};
use serde::{Deserialize, Serialize};
use sluice_providers::auth::Aws;
use sluice_types::{
    error::{ErrorKind, Failure},
    time::Timestamp,
};

pub use super::sqs::Verdict;
use super::{admit::ADMIN_KEY, object, sqs};
use crate::{
    config::{Config, document, text::Credential},
    key,
    knowledge::message::{Dead, Message},
    port::{Cells, Counters, CountersError, Host, QueueError},
};

/// The owner of the gateway's own queue and of dead letters.
pub const OWNER: &str = "~queue";

/// The secret that lets schedulers empty the queue, beside the admin key.
pub const DRAIN_KEY: &str = "SLUICE_DRAIN_KEY";

/// The variable that says where `ingest` is unless the configuration does; on Spin, its name within the application.
pub const ADDRESS: &str = "SLUICE_INGEST_URL";

/// Where `ingest` is told that something waits.
pub const DRAIN: &str = "/internal/ingest/drain";

/// How long SQS waits for a message, and for how long one is hidden that was taken out.
const SQS_WAIT: Duration = Duration::from_secs(2);
const SQS_HIDDEN: Duration = Duration::from_secs(60);

/// The most messages that are taken at once, and dead letters told at once.
const MOST: u32 = 100;

/// The most dead letters that are kept: the oldest go first.
const DEAD: u32 = 10_000;

/// What is asked of the object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Put messages in that come out after a while.
    Put {
        /// The messages.
        messages: Vec<String>,
        /// The while, in milliseconds.
        delay: u64,
    },
    /// Take messages out that are due. Who says nothing more of one within `hidden` milliseconds has it come out again.
    Take {
        /// How many at most.
        most: u32,
        /// For how long they are hidden.
        hidden: u64,
    },
    /// These are done with, by their receipts.
    Done(Vec<String>),
    /// This one is to come out again after `delay` milliseconds.
    Back {
        /// Its receipt.
        receipt: String,
        /// The while.
        delay: u64,
    },
    /// This one is being worked on and stays hidden for `hidden` milliseconds from now on.
    Keep {
        /// Its receipt.
        receipt: String,
        /// The while.
        hidden: u64,
    },
    /// A message is given up.
    Bury(Dead),
    /// Dead letters after one, in the order of their ids.
    Dead {
        /// The id that the one before has.
        after: String,
        /// How many at most.
        most: u32,
    },
    /// A dead letter is to be forgotten, unless it was given up again meanwhile.
    Forget {
        /// Its id.
        id: String,
        /// When it was given up.
        died_at: u64,
    },
    /// How many messages are due at once, to a hundred.
    Waiting,
}

/// What the object answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is done.
    Done,
    /// To [`Call::Take`].
    Taken(Vec<Taken>),
    /// To [`Call::Keep`]: its new receipt; `None` if another has taken it.
    Kept(Option<String>),
    /// To [`Call::Dead`].
    Dead(Vec<Dead>),
    /// To [`Call::Waiting`].
    Waiting(u32),
}

/// A message that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// What it is called in [`Call::Done`], [`Call::Back`] and [`Call::Keep`]: another each time it comes out or is kept.
    pub receipt: String,
    /// The message.
    pub message: String,
    /// How often it has come out, this time included.
    pub attempts: u32,
}

/// A message in its cell.
#[derive(Serialize, Deserialize)]
struct Waiting {
    message: String,
    #[serde(default)]
    attempts: u32,
}

fn wrong(error: serde_json::Error) -> CountersError {
    CountersError(format!("a queue's cell cannot be read: {error}"))
}

fn cell_key(due: u64, number: &str) -> String {
    format!("q/{due:013}/{number}")
}

/// Answers `call` over the object's cells.
pub(super) async fn answer(cells: &impl Cells, now: Timestamp, call: Call) -> Result<Answer, CountersError> {
    let due_until = cell_key(now.0.saturating_add(1), "");
    Ok(match call {
        Call::Put { messages, delay } => {
            let next = cells.read(&["q-next".to_owned()]).await?;
            let mut next: u64 = next.first().and_then(|(_, text)| text.parse().ok()).unwrap_or(0);
            let mut changes = Vec::with_capacity(messages.len() + 1);
            for message in messages {
                let cell = serde_json::to_string(&Waiting { message, attempts: 0 }).map_err(wrong)?;
                let key = cell_key(now.0.saturating_add(delay), &format!("{next:016}"));
                changes.push((key, Some(cell)));
                next = next.saturating_add(1);
            }
            changes.push(("q-next".to_owned(), Some(next.to_string())));
            cells.write(&changes).await?;
            Answer::Done
        }
        Call::Take { most, hidden } => {
            let mut taken = Vec::new();
            let mut changes = Vec::new();
            for (key, cell) in cells.range("q/", &due_until, most.min(MOST)).await? {
                let mut waiting: Waiting = serde_json::from_str(&cell).map_err(wrong)?;
                waiting.attempts = waiting.attempts.saturating_add(1);
                let number = key.rsplit('/').next().unwrap_or_default();
                let receipt = cell_key(now.0.saturating_add(hidden.max(1)), number);
                changes.push((key, None));
                changes.push((receipt.clone(), Some(serde_json::to_string(&waiting).map_err(wrong)?)));
                taken.push(Taken { receipt, message: waiting.message, attempts: waiting.attempts });
            }
            cells.write(&changes).await?;
            Answer::Taken(taken)
        }
        Call::Done(receipts) => {
            let gone: Vec<_> = receipts
                .into_iter()
                .filter(|receipt| receipt.starts_with("q/"))
                .map(|receipt| (receipt, None))
                .collect();
            cells.write(&gone).await?;
            Answer::Done
        }
        Call::Back { receipt, delay } => {
            postpone(cells, receipt, now.0.saturating_add(delay)).await?;
            Answer::Done
        }
        Call::Keep { receipt, hidden } => {
            Answer::Kept(postpone(cells, receipt, now.0.saturating_add(hidden.max(1))).await?)
        }
        Call::Bury(dead) => {
            let mut changes = Vec::new();
            let all = cells.range("d/", "d0", DEAD).await?;
            let key = format!("d/{}", dead.id);
            if DEAD as usize <= all.len() && all.iter().all(|(known, _)| *known != key) {
                changes.extend(oldest(all).map(|oldest| (oldest, None)));
            }
            changes.push((key, Some(serde_json::to_string(&dead).map_err(wrong)?)));
            cells.write(&changes).await?;
            Answer::Done
        }
        Call::Dead { after, most } => {
            let found = cells.range(&format!("d/{after}\u{1}"), "d0", most.min(MOST)).await?;
            let dead = found.iter().map(|(_, cell)| serde_json::from_str(cell)).collect::<Result<_, _>>();
            Answer::Dead(dead.map_err(wrong)?)
        }
        Call::Forget { id, died_at } => {
            let found = cells.read(&[format!("d/{id}")]).await?.pop();
            if let Some((key, _)) = found.filter(|(_, cell)| died(cell) == died_at) {
                cells.write(&[(key, None)]).await?;
            }
            Answer::Done
        }
        Call::Waiting => {
            let found = cells.range("q/", &due_until, MOST).await?;
            Answer::Waiting(u32::try_from(found.len()).unwrap_or(MOST))
        }
    })
}

/// When a dead letter was given up; one that cannot be read counts as older than all others.
fn died(cell: &str) -> u64 {
    serde_json::from_str(cell).map_or(0, |dead: Dead| dead.died_at)
}

/// Which dead letter is the oldest.
fn oldest(letters: Vec<(String, String)>) -> Option<String> {
    letters.into_iter().min_by_key(|(_, cell)| died(cell)).map(|(key, _)| key)
}

/// Has a message come out at `due`; its new receipt. `None` to who comes too late: another has taken it.
async fn postpone(cells: &impl Cells, receipt: String, due: u64) -> Result<Option<String>, CountersError> {
    let found = cells.read(&[receipt]).await?.pop().filter(|(key, _)| key.starts_with("q/"));
    let Some((key, cell)) = found else { return Ok(None) };
    let again = cell_key(due, key.rsplit('/').next().unwrap_or_default());
    if again != key {
        cells.write(&[(again.clone(), Some(cell)), (key, None)]).await?;
    }
    Ok(Some(again))
}

/// Asks the gateway's own queue.
///
/// # Errors
///
/// [`CountersError`] if its object does not answer.
pub async fn ask(host: &impl Counters, call: Call) -> Result<Answer, CountersError> {
    match object::ask(host, OWNER, &object::Call::Queue(call)).await? {
        object::Answer::Queue(answer) => Ok(answer),
        _ => Err(CountersError("the queue's object answers something else".to_owned())),
    }
}

/// Puts notes into the queue that the configuration names; they come out after `delay` (at most 15 minutes).
///
/// # Errors
///
/// [`QueueError`] if it does not answer: some of the notes may be in it.
pub async fn send<H: Host>(
    host: &H,
    config: &Config,
    messages: &[Message],
    delay: Duration,
) -> Result<(), QueueError> {
    if messages.is_empty() {
        return Ok(());
    }
    let texts: Vec<String> = messages.iter().map(Message::text).collect();
    match &config.queue {
        document::Queue::Host => host.enqueue(&texts, delay).await,
        document::Queue::Auto => match host.enqueue(&texts, delay).await {
            Err(QueueError::Absent) => embedded(host, config, texts, delay).await,
            outcome => outcome,
        },
        document::Queue::Embedded => embedded(host, config, texts, delay).await,
        document::Queue::Sqs(written) => {
            let sent = sqs::send(host, &amazon(written), &texts, delay).await;
            sent.map_err(|error| QueueError::Failed(error.to_string()))?;
            if delay.is_zero() {
                notify_later(host, config);
            }
            Ok(())
        }
    }
}

/// The queue of Amazon SQS that the configuration names.
fn amazon(written: &document::Sqs) -> sqs::Queue {
    let usual = Aws::usual("sqs");
    let or = |given: &Option<Credential>, usual| given.as_ref().map_or(usual, |given| given.0.clone());
    sqs::Queue {
        url: written.url.as_str().to_owned(),
        dead_letter_url: written.dead_letter_url.as_ref().map(|url| url.as_str().to_owned()),
        aws: Aws {
            service: usual.service,
            region: written.region.as_str().to_owned().into(),
            access_key_id: or(&written.access_key_id, usual.access_key_id),
            secret_access_key: or(&written.secret_access_key, usual.secret_access_key),
            session_token: or(&written.session_token, usual.session_token),
        },
    }
}

/// Works on what Amazon SQS has, until nothing comes or `until`; does nothing where the configuration names no such queue.
///
/// # Errors
///
/// [`QueueError`] if it does not answer.
pub async fn drain_sqs<H: Host>(
    host: &H,
    config: &Config,
    until: Timestamp,
    work: impl AsyncFn(&str, u32) -> Verdict,
) -> Result<sqs::Drained, QueueError> {
    let document::Queue::Sqs(written) = &config.queue else { return Ok(sqs::Drained::default()) };
    let queue = amazon(written);
    let work = async |message: &crate::sqs::Message| work(&message.text, message.attempts).await;
    let drained = sqs::drain(host, &queue, SQS_WAIT, SQS_HIDDEN, until, work).await;
    drained.map_err(|error| QueueError::Failed(error.to_string()))
}

/// Brings back what Amazon SQS itself moved to its dead letters, after whoever worked on it died each time, and forgets those
/// there that are kept as the gateway's own dead letters too; tells how many came back.
///
/// # Errors
///
/// [`QueueError`] if it does not answer: some may have come back.
pub async fn redrive<H: Host>(host: &H, config: &Config) -> Result<u32, QueueError> {
    let document::Queue::Sqs(written) = &config.queue else { return Ok(0) };
    let redriven = sqs::redrive(host, &amazon(written)).await;
    redriven.map_err(|error| QueueError::Failed(error.to_string()))
}

/// Lets only the operator and schedulers pass.
///
/// # Errors
///
/// Who else asks.
pub async fn may_drain<H: Host>(host: &H, headers: &HeaderMap) -> Result<(), Failure> {
    let Some(shown) = key::presented(headers) else {
        let message =
            format!("no key: send `Authorization: Bearer` and the secret {DRAIN_KEY} or the admin key");
        return Err(Failure::new(ErrorKind::Unauthenticated, message));
    };
    for name in [DRAIN_KEY, ADMIN_KEY] {
        if let Some(secret) = host.secret(name).await
            && key::same(shown, secret.expose())
        {
            return Ok(());
        }
    }
    Err(Failure::new(ErrorKind::Unauthenticated, "this key does not empty queues"))
}

async fn embedded<H: Host>(
    host: &H,
    config: &Config,
    messages: Vec<String>,
    delay: Duration,
) -> Result<(), QueueError> {
    let delay = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
    let call = Call::Put { messages, delay };
    ask(host, call).await.map_err(|error| QueueError::Failed(error.0))?;
    if delay == 0 {
        notify_later(host, config);
    }
    Ok(())
}

/// Tells `ingest`, after the answer, that something waits.
pub fn notify_later<H: Host>(host: &H, config: &Config) {
    let named = config.ingest.notify.as_ref().map(|address| address.as_str().to_owned());
    let caller = host.clone();
    let host = host.clone();
    caller.later(Box::pin(async move {
        let address = match named {
            Some(address) => Some(address),
            None => host.secret(ADDRESS).await.map(|address| address.expose().to_owned()),
        };
        if let Some(address) = address {
            notify(&host, &format!("{}{DRAIN}", address.trim_end_matches('/'))).await;
        }
    }));
}

/// Tells `ingest` that something waits. If it does not hear, the next scheduler's call finds it.
async fn notify<H: Host>(host: &H, address: &str) {
    let secret = match host.secret(DRAIN_KEY).await {
        Some(secret) => Some(secret),
        None => host.secret(ADMIN_KEY).await,
    };
    let Some(secret) = secret else {
        host.log(&format!("ingest: to be told of documents it needs the secret {DRAIN_KEY} or {ADMIN_KEY}"));
        return;
    };
    let request = Request::post(address)
        .header(header::AUTHORIZATION, format!("Bearer {}", secret.expose()))
        .body(bytes::Bytes::new());
    let Ok(request) = request else { return };
    if let Err(error) = host.send(request).await {
        host.log(&format!("ingest.notify: {error}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_dead_letter_goes_whatever_its_id() {
        let letter = |id: &str, died_at: u64| {
            let [message, reason] = ["", ""].map(str::to_owned);
            let dead = Dead { id: id.to_owned(), message, reason, attempts: 5, died_at };
            (format!("d/{id}"), serde_json::to_string(&dead).unwrap_or_default())
        };
        let letters = vec![letter("a", 3), letter("b", 1), letter("c", 2)];
        assert_eq!(oldest(letters), Some("d/b".to_owned()));
        assert_eq!(oldest(Vec::new()), None);
    }
}
