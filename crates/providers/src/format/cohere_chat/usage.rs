//! Tokens counted. `tokens` are told: what was read and written. `billed_units`, which leave out what the provider adds to a
//! prompt, count only where they are all there is.

use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_types::usage::{Source, Usage};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wire {
    tokens: Option<Counts>,
    billed_units: Option<Counts>,
    cached_tokens: Option<f64>,
}

/// Whole numbers, written as `71.0` by some.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Counts {
    input_tokens: Option<f64>,
    output_tokens: Option<f64>,
}

impl Counts {
    fn tell(&self) -> bool {
        self.input_tokens.is_some() || self.output_tokens.is_some()
    }
}

/// Reads a `usage` member. What is broken is as good as absent: an answer is not lost for its bill.
pub(super) fn read(raw: &RawValue) -> Option<Usage> {
    let wire: Wire = serde_json::from_str(raw.get()).ok()?;
    let counts = wire.tokens.filter(Counts::tell).or(wire.billed_units.filter(Counts::tell))?;
    // Casts keep within bounds: what is negative is 0.
    let count = |number: Option<f64>| number.unwrap_or(0.0) as u64;
    let input = count(counts.input_tokens);
    let cached = count(wire.cached_tokens).min(input);
    Some(Usage {
        input_uncached: input - cached,
        cache_read: cached,
        output_text: count(counts.output_tokens),
        source: Source::Provider,
        ..Usage::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(json: &str) -> Option<(u64, u64, u64)> {
        let usage = read(serde_json::from_str::<&RawValue>(json).unwrap())?;
        Some((usage.input_uncached, usage.cache_read, usage.output()))
    }

    #[test]
    fn tokens_count_before_billed_units() {
        let both = r#"{"billed_units":{"input_tokens":5,"output_tokens":2},"tokens":{"input_tokens":71.0,"output_tokens":12},"cached_tokens":64}"#;
        assert_eq!(usage(both), Some((7, 64, 12)));
        let billed = r#"{"billed_units":{"input_tokens":5,"output_tokens":2},"tokens":{}}"#;
        assert_eq!(usage(billed), Some((5, 0, 2)));
        assert_eq!(usage(r#"{"billed_units":{"search_units":1}}"#), None);
        assert_eq!(usage(r#"{"tokens":{"input_tokens":-4,"output_tokens":1e300}}"#), Some((0, 0, u64::MAX)));
        assert_eq!(usage(r#"{"tokens":"many"}"#), None);
    }
}
