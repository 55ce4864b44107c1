//! Money as whole numbers.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::usage::Usage;

/// Money, in billionths of a US dollar.
///
/// # Units
///
/// `NanoUsd(1_000_000_000)` is one dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NanoUsd(pub u64);

impl fmt::Display for NanoUsd {
    /// Dollars with nine decimals, such as `0.000012500`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}

/// List prices of one model.
///
/// # Units
///
/// Nano-dollars per million tokens, so that every list price is a whole number: $2.50 per million is
/// `2_500_000_000`. `None` means the list has no such price: `cache_read`, `cache_write`, `reasoning`, the prices of sound
/// and of pictures then fall back on the price of plain input or output. `request` and `search` are nano-dollars each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Price {
    /// Plain input.
    pub input: u64,
    /// Plain output.
    pub output: u64,
    /// Input read from the prompt cache.
    pub cache_read: Option<u64>,
    /// Input written to the prompt cache for five minutes; an hour's costs 1.6 times as much (Anthropic's list:
    /// 1.25 and 2 times plain input).
    pub cache_write: Option<u64>,
    /// Reasoning.
    pub reasoning: Option<u64>,
    /// Sound read.
    pub audio_in: Option<u64>,
    /// Sound written.
    pub audio_out: Option<u64>,
    /// Pictures read.
    pub image_in: Option<u64>,
    /// Pictures written.
    pub image_out: Option<u64>,
    /// Each request, whatever it uses.
    pub request: u64,
    /// Each search of the web, or of a rerank.
    pub search: u64,
}

impl Price {
    /// What a request that used `usage` costs: the sum over kinds of tokens times price, rounded up once to a whole
    /// nano-dollar, and the fees.
    pub fn cost(&self, usage: &Usage) -> NanoUsd {
        let cache_write = self.cache_write.unwrap_or(self.input);
        let hour = self.cache_write.map_or(self.input, |price| price.saturating_mul(8).div_ceil(5));
        let sum = [
            (usage.input_uncached, self.input),
            (usage.cache_read, self.cache_read.unwrap_or(self.input)),
            (usage.cache_write_5m, cache_write),
            (usage.cache_write_1h, hour),
            (usage.audio_in, self.audio_in.unwrap_or(self.input)),
            (usage.output_text, self.output),
            (usage.reasoning, self.reasoning.unwrap_or(self.output)),
            (usage.audio_out, self.audio_out.unwrap_or(self.output)),
            (usage.image_in, self.image_in.unwrap_or(self.input)),
            (usage.image_out, self.image_out.unwrap_or(self.output)),
        ]
        .into_iter()
        .map(|(tokens, price)| u128::from(tokens) * u128::from(price))
        .fold(0, u128::saturating_add);
        let fees = u128::from(usage.searches) * u128::from(self.search) + u128::from(self.request);
        NanoUsd(u64::try_from(sum.div_ceil(1_000_000).saturating_add(fees)).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_add_up_exactly_and_cached_tokens_are_charged_once() {
        let price = Price {
            input: 3_000_000_000,
            output: 15_000_000_000,
            cache_read: Some(300_000_000),
            cache_write: Some(3_750_000_000),
            ..Price::default()
        };
        let usage = Usage {
            input_uncached: 40,
            cache_read: 900,
            cache_write_5m: 10,
            cache_write_1h: 10,
            output_text: 30,
            reasoning: 27,
            ..Usage::default()
        };
        // 40·3000 + 900·300 + 10·3750 + 10·6000 + 57·15000 nano-dollars
        assert_eq!(price.cost(&usage), NanoUsd(120_000 + 270_000 + 37_500 + 60_000 + 855_000));
        assert_eq!(price.cost(&usage).to_string(), "0.001342500");
    }

    #[test]
    fn pictures_have_prices_of_their_own_and_fees_are_added_whole() {
        let price = Price {
            input: 5_000_000_000,
            output: 10_000_000_000,
            image_in: Some(10_000_000_000),
            image_out: Some(40_000_000_000),
            request: 5_000_000,
            search: 10_000_000,
            ..Price::default()
        };
        let usage =
            Usage { input_uncached: 10, image_in: 3, image_out: 100, searches: 2, ..Usage::default() };
        // 10·5000 + 3·10000 + 100·40000 nano-dollars, half a cent, and twice a cent
        assert_eq!(price.cost(&usage), NanoUsd(50_000 + 30_000 + 4_000_000 + 5_000_000 + 20_000_000));
        assert_eq!((usage.input(), usage.output(), usage.total()), (13, 100, 113));
    }

    #[test]
    fn a_fraction_of_a_nano_dollar_rounds_up_once() {
        let price = Price { input: 37_500_000, output: 100_000, ..Price::default() };
        let usage = Usage { input_uncached: 1, output_text: 1, ..Usage::default() };
        assert_eq!(price.cost(&usage), NanoUsd(38));
        assert_eq!(Price::default().cost(&Usage { input_uncached: u64::MAX, ..usage }), NanoUsd(0));
    }
}
