//! What is left over, looked at again now and then.

use std::time::Duration;

use sluice_types::{error::Failure, time::Timestamp};

use super::{clear, down, queue_down, unexpected};
use crate::{
    config::Config,
    gateway::{
        library::{self, Answer, Call},
        queue,
    },
    knowledge::message::{Job, Message},
    port::Host,
};

/// What has not moved for so long has lost its note.
const STALLED: u64 = 600_000;

/// Writes notes for all of a tenant's that nobody seems to work on: what is left of deleted and expired things, files that
/// have not moved for ten minutes, stores that are being embedded anew. Tells how many.
///
/// # Errors
///
/// If the library or the queue does not answer.
pub async fn sweep<H: Host>(host: &H, config: &Config, tenant: &str) -> Result<usize, Failure> {
    let since = Timestamp(host.now().0.saturating_sub(STALLED));
    let found = library::ask(host, tenant, Call::Sweep { since }).await.map_err(down)?;
    let Answer::Found(left, stalled, renewing) = found else { return Err(unexpected()) };
    let mut notes: Vec<Message> = left.iter().map(|left| clear::note(tenant, left)).collect();
    notes.extend(stalled.iter().map(|member| Message::new(Job::Index, tenant, &member.store, &member.file)));
    notes.extend(renewing.iter().map(|store| Message::new(Job::Reembed, tenant, store, "")));
    queue::send(host, config, &notes, Duration::ZERO).await.map_err(queue_down)?;
    Ok(notes.len())
}
