//! `Queue`: none here; the gateway's own is used.

use std::time::Duration;

use sluice_core::port::{Queue, QueueError};

use crate::Spin;

impl Queue for Spin {
    async fn enqueue(&self, _messages: &[String], _delay: Duration) -> Result<(), QueueError> {
        Err(QueueError::Absent)
    }
}
