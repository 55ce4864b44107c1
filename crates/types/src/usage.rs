//! Tokens counted.

use serde::{Deserialize, Serialize};

/// Tokens of one answer, each counted in exactly one member.
///
/// # Units
///
/// Tokens, as the provider counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Text read at full price.
    pub input_uncached: u64,
    /// Read from the provider's prompt cache.
    pub cache_read: u64,
    /// Written to the provider's prompt cache for five minutes (or a time not told).
    pub cache_write_5m: u64,
    /// Written to the provider's prompt cache for an hour.
    pub cache_write_1h: u64,
    /// Sound read.
    pub audio_in: u64,
    /// Pictures read, where the provider counts them apart.
    #[serde(skip_serializing_if = "is_zero")]
    pub image_in: u64,
    /// Text written, without reasoning.
    pub output_text: u64,
    /// Thoughts written.
    pub reasoning: u64,
    /// Sound written.
    pub audio_out: u64,
    /// Pictures written, where the provider counts them apart.
    #[serde(skip_serializing_if = "is_zero")]
    pub image_out: u64,
    /// No tokens: searches the provider bills one by one, of the web or of a rerank.
    #[serde(skip_serializing_if = "is_zero")]
    pub searches: u64,
    /// Who counted.
    pub source: Source,
}

impl Usage {
    /// All tokens read.
    pub fn input(&self) -> u64 {
        [self.input_uncached, self.cache_read, self.cache_write(), self.audio_in, self.image_in]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    /// Tokens written to the provider's prompt cache, for any time.
    pub fn cache_write(&self) -> u64 {
        self.cache_write_5m.saturating_add(self.cache_write_1h)
    }

    /// All tokens written.
    pub fn output(&self) -> u64 {
        [self.output_text, self.reasoning, self.audio_out, self.image_out]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    /// All tokens.
    pub fn total(&self) -> u64 {
        self.input().saturating_add(self.output())
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Who counted the tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The provider.
    #[default]
    Provider,
    /// We did, by length: the provider told nothing.
    Estimated,
    /// The answer broke off: what the provider had told until then, the rest by length.
    Partial,
}
