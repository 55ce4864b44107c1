//! `Queue`: Cloudflare Queues, binding `INGEST`. Bodies are text. And what a batch of it is to its consumer.

use std::time::Duration;

use sluice_core::{
    gateway::queue::Verdict,
    port::{Queue, QueueError},
};
use wasm_bindgen::JsValue;

use crate::{Worker, js};

/// The binding's name in wrangler.toml.
const BINDING: &str = "INGEST";

/// What one call takes: the platform allows 100 messages and 256 KB, with some bytes beside each.
const BATCH: usize = 100;
const BATCH_BYTES: usize = 200_000;

/// The longest delay there is: 12 hours.
const LONGEST: Duration = Duration::from_secs(43_200);

/// Seconds as the platform wants them.
fn seconds(span: Duration) -> u32 {
    u32::try_from(span.min(LONGEST).as_millis().div_ceil(1000)).unwrap_or(0)
}

fn failed(error: &JsValue) -> QueueError {
    QueueError::Failed(js::text_of(error))
}

impl Queue for Worker {
    async fn enqueue(&self, messages: &[String], delay: Duration) -> Result<(), QueueError> {
        let Some(queue) = js::binding(&self.env, BINDING) else { return Err(QueueError::Absent) };
        let mut rest = messages;
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = |message: &&String| {
                bytes += message.len();
                bytes <= BATCH_BYTES
            };
            let count = rest.iter().take(BATCH).take_while(fits).count().max(1);
            let (batch, after) = rest.split_at(count.min(rest.len()));
            let sent = js::send_batch(&queue, batch, seconds(delay)).map_err(|error| failed(&error))?;
            sent.await.map_err(|error| failed(&error))?;
            rest = after;
        }
        Ok(())
    }
}

/// A message of a batch, for the consumer.
pub struct Message {
    batch: JsValue,
    at: u32,
    /// Its text.
    pub text: String,
    /// How often it came, this time included.
    pub attempts: u32,
}

impl Message {
    /// The messages of a batch.
    pub fn all(batch: &JsValue) -> Vec<Self> {
        let one = |at| Self {
            batch: batch.clone(),
            at,
            text: js::message_text(batch, at),
            attempts: js::message_attempts(batch, at),
        };
        (0..js::batch_length(batch)).map(one).collect()
    }

    /// Tells the platform what became of it. A message that was given up is kept among the gateway's dead letters, with its
    /// reason; the platform's own dead letters are those that nobody could say anything about.
    pub fn settle(&self, verdict: &Verdict) {
        match verdict {
            Verdict::Done | Verdict::Dead(_) => js::acknowledge(&self.batch, self.at),
            Verdict::Again(wait) => js::retry(&self.batch, self.at, seconds(*wait)),
        }
    }
}
