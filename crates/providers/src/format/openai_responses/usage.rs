//! Tokens counted: each once, and back. Cached tokens are part of the input here, reasoning is part of the output.

use serde::Deserialize;
use sluice_types::usage::{Source, Usage};

use crate::format::{json::ObjectWriter, openai_chat::Number};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Wire {
    input_tokens: Number,
    output_tokens: Number,
    input_tokens_details: Option<InputDetails>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct InputDetails {
    cached_tokens: Number,
    cache_write_tokens: Number,
    audio_tokens: Number,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct OutputDetails {
    reasoning_tokens: Number,
    audio_tokens: Number,
}

/// Reads a `usage` member. Counts that are all zero tell nothing.
pub(super) fn read(json: &str) -> Option<Usage> {
    let wire: Wire = serde_json::from_str(json).ok()?;
    let count = |number: &Number| number.count().unwrap_or_default();
    let (read, written) =
        (wire.input_tokens_details.unwrap_or_default(), wire.output_tokens_details.unwrap_or_default());
    let (cache_read, cache_write) = (count(&read.cached_tokens), count(&read.cache_write_tokens));
    let (audio_in, audio_out) = (count(&read.audio_tokens), count(&written.audio_tokens));
    let reasoning = count(&written.reasoning_tokens);
    let usage = Usage {
        input_uncached: count(&wire.input_tokens)
            .saturating_sub(cache_read)
            .saturating_sub(cache_write)
            .saturating_sub(audio_in),
        cache_read,
        cache_write_5m: cache_write,
        audio_in,
        output_text: count(&wire.output_tokens).saturating_sub(reasoning).saturating_sub(audio_out),
        reasoning,
        audio_out,
        source: Source::Provider,
        ..Usage::default()
    };
    (0 < usage.total()).then_some(usage)
}

/// Writes the value of a `usage` member.
pub(super) fn write(usage: &Usage, out: &mut Vec<u8>) {
    let mut object = ObjectWriter::open(out);
    object.set("input_tokens", &usage.input());
    let mut details = ObjectWriter::open(object.member("input_tokens_details"));
    details.set("cached_tokens", &usage.cache_read);
    details.set("cache_write_tokens", &usage.cache_write());
    if 0 < usage.audio_in {
        details.set("audio_tokens", &usage.audio_in);
    }
    details.close();
    object.set("output_tokens", &usage.output());
    let mut details = ObjectWriter::open(object.member("output_tokens_details"));
    details.set("reasoning_tokens", &usage.reasoning);
    if 0 < usage.audio_out {
        details.set("audio_tokens", &usage.audio_out);
    }
    details.close();
    object.set("total_tokens", &usage.total());
    object.close();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_is_counted_once() {
        let json = r#"{"input_tokens":120,"input_tokens_details":{"cached_tokens":64,"cache_write_tokens":6},"output_tokens":30,"output_tokens_details":{"reasoning_tokens":18},"total_tokens":150}"#;
        let usage = read(json).unwrap();
        let expected = Usage {
            input_uncached: 50,
            cache_read: 64,
            cache_write_5m: 6,
            output_text: 12,
            reasoning: 18,
            ..Usage::default()
        };
        assert_eq!(usage, expected);
        let mut out = Vec::new();
        write(&usage, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), json);
    }

    #[test]
    fn what_is_missing_or_odd_counts_as_none() {
        assert_eq!(read(r#"{"input_tokens":0,"output_tokens":0}"#), None);
        assert_eq!(read("[]"), None);
        let read = read(r#"{"input_tokens":7,"input_tokens_details":null,"output_tokens":"x"}"#).unwrap();
        assert_eq!((read.input(), read.output()), (7, 0));
    }
}
