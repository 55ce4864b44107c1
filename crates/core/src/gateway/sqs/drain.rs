//! Working on what a queue of Amazon SQS has, and on its dead letters.

use std::{cell::RefCell, time::Duration};

use futures::{future::select, pin_mut};
use sluice_types::time::Timestamp;

use super::{Queue, SqsError, delete, forget, hide, put, receive, send, take};
use crate::{
    port::{Clock, Http, Log, Secrets},
    sqs::{self, Call, Message},
};

/// How many messages a drain takes at a time: they wait for each other, and cost an extension while they do.
const TAKEN: usize = 5;

/// What became of a message that was worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is done with.
    Done,
    /// It is to come out again after a while.
    Again(Duration),
    /// It is given up, for this reason.
    Dead(String),
}

/// What a drain did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Messages that were done with.
    pub done: u32,
    /// Messages that will come out again.
    pub again: u32,
    /// Messages that were given up.
    pub dead: u32,
    /// Whether its time was over before the queue was empty.
    pub more: bool,
}

/// Works on messages one after the other until none comes within `wait`, or `until` has come. While one is worked on, it and
/// those that wait behind it are kept hidden, `hidden` at a time: who dies has its messages come out again within that.
///
/// # Errors
///
/// [`SqsError`] if no message can be taken out. What was worked on before stays done.
pub async fn drain<H: Http + Clock + Secrets + Log>(
    host: &H,
    queue: &Queue,
    wait: Duration,
    hidden: Duration,
    until: Timestamp,
    work: impl AsyncFn(&Message) -> Verdict,
) -> Result<Drained, SqsError> {
    let mut drained = Drained::default();
    while host.now() < until {
        let messages = receive(host, queue, TAKEN, wait, hidden).await?;
        if messages.is_empty() {
            return Ok(drained);
        }
        let left = RefCell::new(messages.iter().map(|message| message.receipt.clone()).collect::<Vec<_>>());
        let all = async {
            for message in &messages {
                if until <= host.now() {
                    break;
                }
                let verdict = work(message).await;
                left.borrow_mut().retain(|receipt| *receipt != message.receipt);
                settle(host, queue, message, verdict, &mut drained).await;
            }
        };
        let keep = keep_hidden(host, queue, &left, hidden);
        pin_mut!(all, keep);
        select(all, keep).await;
        let left = left.borrow().clone();
        if !left.is_empty() {
            tell(host, hide(host, queue, &left, Duration::ZERO).await);
        }
    }
    drained.more = true;
    Ok(drained)
}

/// Takes all dead letters that are there now, in the order they come: those that SQS moved there after too many tries are sent
/// to the queue again, those that were given up by us, whose reason is kept elsewhere, are forgotten. Tells how many were sent.
///
/// # Errors
///
/// [`SqsError`] if it does not work: what was sent again may still be there.
pub async fn redrive<H: Http + Clock + Secrets>(host: &H, queue: &Queue) -> Result<u32, SqsError> {
    let Some(url) = &queue.dead_letter_url else { return Ok(0) };
    let mut sent = 0;
    loop {
        let call = Call::Receive { most: sqs::BATCH, wait: Duration::ZERO, hidden: Duration::from_secs(60) };
        let messages = take(host, queue, url, call).await?;
        if messages.is_empty() {
            return Ok(sent);
        }
        let again: Vec<String> = messages
            .iter()
            .filter(|message| message.reason.is_none())
            .map(|message| message.text.clone())
            .collect();
        send(host, queue, &again, Duration::ZERO).await?;
        sent += u32::try_from(again.len()).unwrap_or(u32::MAX);
        let receipts: Vec<String> = messages.into_iter().map(|message| message.receipt).collect();
        forget(host, queue, url, &receipts).await?;
    }
}

/// Keeps what is left hidden, for as long as this is polled.
async fn keep_hidden<H: Http + Clock + Secrets + Log>(
    host: &H,
    queue: &Queue,
    left: &RefCell<Vec<String>>,
    hidden: Duration,
) {
    loop {
        host.sleep(hidden / 3).await;
        let receipts = left.borrow().clone();
        tell(host, hide(host, queue, &receipts, hidden).await);
    }
}

async fn settle<H: Http + Clock + Secrets + Log>(
    host: &H,
    queue: &Queue,
    message: &Message,
    verdict: Verdict,
    drained: &mut Drained,
) {
    let receipt = std::slice::from_ref(&message.receipt);
    let outcome = match verdict {
        Verdict::Done => {
            drained.done += 1;
            delete(host, queue, receipt).await
        }
        Verdict::Again(wait) => {
            drained.again += 1;
            hide(host, queue, receipt, wait).await
        }
        Verdict::Dead(reason) => {
            drained.dead += 1;
            bury(host, queue, message, &reason).await
        }
    };
    tell(host, outcome);
}

/// Moves a message to the dead letters, with its reason. First it is there, then it is no longer here.
async fn bury<H: Http + Clock + Secrets>(
    host: &H,
    queue: &Queue,
    message: &Message,
    reason: &str,
) -> Result<(), SqsError> {
    if let Some(url) = &queue.dead_letter_url {
        let text = std::slice::from_ref(&message.text);
        put(host, queue, url, text, Duration::ZERO, Some(reason)).await?;
    }
    delete(host, queue, std::slice::from_ref(&message.receipt)).await
}

/// A message whose fate SQS did not learn comes out again, which changes nothing but costs time.
fn tell(host: &impl Log, outcome: Result<(), SqsError>) {
    if let Err(error) = outcome {
        host.log(&format!("ingest: {error}"));
    }
}
