//! `Queue`: Cloudflare Queues, binding `INGEST`. Bodies are text.

use std::time::Duration;

use sluice_core::port::{Queue, QueueError};
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
pub fn seconds(span: Duration) -> u32 {
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
