//! Emptying a queue that nobody's events empty: the gateway's own, or Amazon SQS.

use std::{rc::Rc, time::Duration};

use futures::{
    future::{Either, select},
    pin_mut,
};
use serde::Serialize;
use sluice_core::{
    config::{Config, document},
    gateway::{
        Gateway,
        queue::{self, Answer, Call, Taken, Verdict},
    },
    port::{Host, QueueError},
};
use sluice_types::time::Timestamp;

use crate::deliver;

/// For how long a note is hidden at a time while it is worked on: who dies has it come out again within that.
const HIDDEN: Duration = Duration::from_secs(30);

/// What a drain did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Drained {
    /// Notes that were done with.
    pub done: u32,
    /// Notes that will come out again.
    pub again: u32,
    /// Notes that were given up.
    pub dead: u32,
    /// Whether its time was over before the queue was empty.
    pub more: bool,
}

impl Drained {
    fn count(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Done => self.done += 1,
            Verdict::Again(_) => self.again += 1,
            Verdict::Dead(_) => self.dead += 1,
        }
    }
}

/// Works on notes until none is due, or `until` has come.
///
/// # Errors
///
/// [`QueueError`] if the queue does not answer: nothing is lost.
pub async fn drain<H: Host>(
    gateway: &Rc<Gateway>,
    host: &H,
    config: &Config,
    until: Timestamp,
) -> Result<Drained, QueueError> {
    let drained = match &config.queue {
        document::Queue::Auto | document::Queue::Embedded => embedded(gateway, host, until).await,
        // Its events come by themselves; what the gateway's own queue has from another time is worked on all the same.
        document::Queue::Host => embedded(gateway, host, until).await,
        document::Queue::Sqs(_) => {
            let work = async |text: &str, attempts: u32| deliver(gateway, host, text, attempts).await;
            let drained = queue::drain_sqs(host, config, until, work).await?;
            Ok(Drained { done: drained.done, again: drained.again, dead: drained.dead, more: drained.more })
        }
    }?;
    if drained.more {
        // Who called may not call again soon.
        queue::notify_later(host, config);
    }
    Ok(drained)
}

/// Works on the notes of the gateway's own queue, and waits for those that come out again before `until`.
async fn embedded<H: Host>(gateway: &Rc<Gateway>, host: &H, until: Timestamp) -> Result<Drained, QueueError> {
    let failed = |error: sluice_core::port::CountersError| QueueError::Failed(error.0);
    let mut drained = Drained::default();
    let mut next: Option<Timestamp> = None;
    while host.now() < until {
        let call = Call::Take { most: 1, hidden: milliseconds(HIDDEN) };
        let Answer::Taken(taken) = queue::ask(host, call).await.map_err(failed)? else {
            return Err(QueueError::Failed("it answers something else".to_owned()));
        };
        let Some(note) = taken.into_iter().next() else {
            let Some(next) = next.take().filter(|next| *next < until) else { return Ok(drained) };
            host.sleep(next.since(host.now()).max(Duration::from_millis(1))).await;
            continue;
        };
        let (verdict, receipt) = hidden(gateway, host, &note).await;
        drained.count(&verdict);
        let call = match verdict {
            Verdict::Done | Verdict::Dead(_) => Call::Done(vec![receipt]),
            Verdict::Again(wait) => {
                let due = host.now().plus(wait);
                next = Some(next.map_or(due, |next| next.min(due)));
                Call::Back { receipt, delay: milliseconds(wait) }
            }
        };
        queue::ask(host, call).await.map_err(failed)?;
    }
    drained.more = true;
    Ok(drained)
}

/// Works on a note and keeps it hidden meanwhile; tells what became of it, and its last receipt.
async fn hidden<H: Host>(gateway: &Rc<Gateway>, host: &H, note: &Taken) -> (Verdict, String) {
    let mut receipt = note.receipt.clone();
    let work = deliver(gateway, host, &note.message, note.attempts);
    pin_mut!(work);
    loop {
        let tick = host.sleep(HIDDEN / 3);
        pin_mut!(tick);
        if let Either::Left((verdict, _)) = select(work.as_mut(), tick).await {
            return (verdict, receipt);
        }
        let keep = queue::ask(host, Call::Keep { receipt: receipt.clone(), hidden: milliseconds(HIDDEN) });
        pin_mut!(keep);
        let (kept, verdict) = match select(work.as_mut(), keep.as_mut()).await {
            // A receipt on its way is waited for: the old one is good no more.
            Either::Left((verdict, keep)) => (keep.await, Some(verdict)),
            Either::Right((kept, _)) => (kept, None),
        };
        match kept {
            Ok(Answer::Kept(Some(new))) => receipt = new,
            Ok(_) => {} // Another has it by now: to work on it twice does no harm.
            Err(error) => host.log(&format!("ingest: the queue does not answer: {error}")),
        }
        if let Some(verdict) = verdict {
            return (verdict, receipt);
        }
    }
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
