//! A batch of Cloudflare Queues, as its consumer has it.

use sluice_core::gateway::queue::Verdict;
use wasm_bindgen::JsValue;

use crate::{js, queue::seconds};

/// A message of a batch.
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
