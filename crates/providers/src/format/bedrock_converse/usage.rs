//! Tokens counted: `inputTokens` leaves out what the prompt cache read or wrote.

use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_types::{
    json::Str,
    usage::{Source, Usage},
};

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Counts<'a> {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_write_input_tokens: Option<u64>,
    #[serde(borrow)]
    cache_details: Option<Vec<CacheDetail<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CacheDetail<'a> {
    #[serde(borrow)]
    ttl: Option<Str<'a>>,
    input_tokens: Option<u64>,
}

/// Reads a `usage` member. What is broken is as good as absent: an answer is not lost for its bill.
pub(super) fn read(raw: &RawValue) -> Option<Usage> {
    let counts: Counts<'_> = serde_json::from_str(raw.get()).ok()?;
    let written = counts.cache_write_input_tokens.unwrap_or(0);
    let one_hour = counts.cache_details.unwrap_or_default().into_iter();
    let one_hour = one_hour
        .filter(|detail| detail.ttl.as_deref() == Some("1h"))
        .fold(0_u64, |sum, detail| sum.saturating_add(detail.input_tokens.unwrap_or(0)))
        .min(written);
    Some(Usage {
        input_uncached: counts.input_tokens.unwrap_or(0),
        cache_read: counts.cache_read_input_tokens.unwrap_or(0),
        cache_write_5m: written - one_hour,
        cache_write_1h: one_hour,
        output_text: counts.output_tokens.unwrap_or(0),
        source: Source::Provider,
        ..Usage::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(json: &str) -> Option<Usage> {
        read(serde_json::from_str::<&RawValue>(json).unwrap())
    }

    #[test]
    fn cached_tokens_stand_beside_the_input() {
        let counted = usage(
            r#"{"inputTokens":40,"outputTokens":12,"totalTokens":1082,"cacheReadInputTokens":900,"cacheWriteInputTokens":130,
                "cacheDetails":[{"ttl":"1h","inputTokens":100},{"ttl":"5m","inputTokens":30}]}"#,
        )
        .unwrap();
        assert_eq!((counted.input_uncached, counted.cache_read), (40, 900));
        assert_eq!((counted.cache_write_5m, counted.cache_write_1h), (30, 100));
        assert_eq!((counted.input(), counted.output()), (1070, 12));
    }

    #[test]
    fn what_is_broken_is_not_told() {
        assert_eq!(usage(r#"{"inputTokens":-1}"#), None);
        assert_eq!(usage("{}"), Some(Usage::default()));
    }
}
