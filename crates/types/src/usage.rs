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
    /// Text written, without reasoning.
    pub output_text: u64,
    /// Thoughts written.
    pub reasoning: u64,
    /// Sound written.
    pub audio_out: u64,
    /// Who counted.
    pub source: Source,
}

impl Usage {
    /// All tokens read.
    pub fn input(&self) -> u64 {
        [self.input_uncached, self.cache_read, self.cache_write(), self.audio_in]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    /// Tokens written to the provider's prompt cache, for any time.
    pub fn cache_write(&self) -> u64 {
        self.cache_write_5m.saturating_add(self.cache_write_1h)
    }

    /// All tokens written.
    pub fn output(&self) -> u64 {
        self.output_text.saturating_add(self.reasoning).saturating_add(self.audio_out)
    }

    /// All tokens.
    pub fn total(&self) -> u64 {
        self.input().saturating_add(self.output())
    }
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
