//! Emptying a queue that nobody's events empty: the gateway's own, or Amazon SQS.

use std::{rc::Rc, time::Duration};

use serde::Serialize;
use sluice_core::{
    config::{Config, document},
    gateway::{
        Gateway,
        queue::{self, Answer, Call, Verdict},
    },
    port::{Host, QueueError},
};
use sluice_types::time::Timestamp;

use crate::deliver;

/// How many notes are taken together: they wait for each other.
const TAKEN: u32 = 4;

/// For how long they are hidden: longer than they can take.
const HIDDEN: u64 = 300_000;

/// What a drain did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Drained {
    /// Notes that were done with.
    pub done: u32,
    /// Notes that will come out again.
    pub again: u32,
    /// Notes that were given up.
    pub dead: u32,
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
    match &config.queue {
        document::Queue::Auto | document::Queue::Embedded => embedded(gateway, host, until).await,
        // Its events come by themselves; what the gateway's own queue has from another time is worked on all the same.
        document::Queue::Host => embedded(gateway, host, until).await,
        document::Queue::Sqs(_) => {
            let work = async |text: &str, attempts: u32| deliver(gateway, host, text, attempts).await;
            let drained = queue::drain_sqs(host, config, until, work).await?;
            Ok(Drained { done: drained.done, again: drained.again, dead: drained.dead })
        }
    }
}

async fn embedded<H: Host>(gateway: &Rc<Gateway>, host: &H, until: Timestamp) -> Result<Drained, QueueError> {
    let failed = |error: sluice_core::port::CountersError| QueueError::Failed(error.0);
    let mut drained = Drained::default();
    while host.now() < until {
        let call = Call::Take { most: TAKEN, hidden: HIDDEN };
        let Answer::Taken(taken) = queue::ask(host, call).await.map_err(failed)? else {
            return Err(QueueError::Failed("it answers something else".to_owned()));
        };
        if taken.is_empty() {
            break;
        }
        for note in taken {
            let verdict = if until <= host.now() {
                Verdict::Again(Duration::ZERO)
            } else {
                deliver(gateway, host, &note.message, note.attempts).await
            };
            drained.count(&verdict);
            let call = match verdict {
                Verdict::Done | Verdict::Dead(_) => Call::Done(vec![note.receipt]),
                Verdict::Again(wait) => {
                    let delay = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                    Call::Back { receipt: note.receipt, delay }
                }
            };
            queue::ask(host, call).await.map_err(failed)?;
        }
    }
    Ok(drained)
}
