//! Tokens counted: what providers tell, each token once, and back.

use serde::Deserialize;
use sluice_types::{
    json::Members,
    usage::{Source, Usage},
};

use super::wire::Number;
use crate::format::json::ObjectWriter;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Wire {
    prompt_tokens: Number,
    completion_tokens: Number,
    total_tokens: Number,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
    /// DeepSeek.
    prompt_cache_hit_tokens: Number,
    /// DeepSeek.
    prompt_cache_miss_tokens: Number,
    /// Moonshot and others.
    cached_tokens: Number,
    /// Perplexity and others.
    reasoning_tokens: Number,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PromptDetails {
    cached_tokens: Number,
    cache_write_tokens: Number,
    audio_tokens: Number,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct CompletionDetails {
    reasoning_tokens: Number,
    audio_tokens: Number,
}

/// Reads a `usage` member. Counts that are all zero tell nothing.
pub(in crate::format) fn read(json: &str) -> Option<Usage> {
    let wire: Wire = serde_json::from_str(json).ok()?;
    let count = |number: &Number| number.count().unwrap_or_default();
    let (prompt_details, completion_details) =
        (wire.prompt_tokens_details.unwrap_or_default(), wire.completion_tokens_details.unwrap_or_default());
    let first =
        |numbers: [&Number; 2]| numbers.into_iter().map(count).find(|number| 0 < *number).unwrap_or_default();

    let hit = count(&wire.prompt_cache_hit_tokens);
    let prompt = match count(&wire.prompt_tokens) {
        0 => hit.saturating_add(count(&wire.prompt_cache_miss_tokens)),
        prompt => prompt,
    };
    let cache_read = first([&prompt_details.cached_tokens, &wire.cached_tokens]).max(hit);
    let cache_write = count(&prompt_details.cache_write_tokens);
    let audio_in = count(&prompt_details.audio_tokens);

    let completion = count(&wire.completion_tokens);
    let reasoning = first([&completion_details.reasoning_tokens, &wire.reasoning_tokens]);
    let audio_out = count(&completion_details.audio_tokens);
    // Some count reasoning beside the completion, which only their total tells.
    let sum = prompt.saturating_add(completion).saturating_add(reasoning);
    let beside = 0 < reasoning && (completion < reasoning || count(&wire.total_tokens) == sum);
    let text = if beside { completion } else { completion.saturating_sub(reasoning) };

    let usage = Usage {
        input_uncached: prompt
            .saturating_sub(cache_read)
            .saturating_sub(cache_write)
            .saturating_sub(audio_in),
        cache_read,
        cache_write_5m: cache_write,
        audio_in,
        output_text: text.saturating_sub(audio_out),
        reasoning,
        audio_out,
        source: Source::Provider,
        ..Usage::default()
    };
    (0 < usage.total()).then_some(usage)
}

/// The members of `usage` that are not read, such as what the answer cost.
pub(super) fn unread(json: &str) -> Members<'_> {
    let mut members: Members<'_> = serde_json::from_str(json).unwrap_or_default();
    members.0.retain(|(name, value)| {
        !value.is_null()
            && !matches!(
                &**name,
                "prompt_tokens"
                    | "completion_tokens"
                    | "total_tokens"
                    | "prompt_tokens_details"
                    | "completion_tokens_details"
            )
    });
    members
}

/// Writes the value of a `usage` member; `rest` are members of it that mean nothing here.
pub(super) fn write(usage: &Usage, rest: &Members<'_>, out: &mut Vec<u8>) {
    let mut object = ObjectWriter::open(out);
    object.set("prompt_tokens", &usage.input());
    object.set("completion_tokens", &usage.output());
    object.set("total_tokens", &usage.total());
    let mut details = ObjectWriter::open(object.member("prompt_tokens_details"));
    details.set("cached_tokens", &usage.cache_read);
    details.set("cache_write_tokens", &usage.cache_write());
    details.set("audio_tokens", &usage.audio_in);
    details.close();
    let mut details = ObjectWriter::open(object.member("completion_tokens_details"));
    details.set("reasoning_tokens", &usage.reasoning);
    details.set("audio_tokens", &usage.audio_out);
    details.close();
    for (name, value) in &rest.0 {
        object.set(name, value);
    }
    object.close();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_is_counted_once() {
        for (json, input, output, usage) in [
            (
                r#"{"prompt_tokens":120,"completion_tokens":30,"total_tokens":150,"prompt_tokens_details":{"cached_tokens":64,"cache_write_tokens":6,"audio_tokens":null},"completion_tokens_details":{"reasoning_tokens":18}}"#,
                120,
                30,
                Usage {
                    input_uncached: 50,
                    cache_read: 64,
                    cache_write_5m: 6,
                    output_text: 12,
                    reasoning: 18,
                    ..Usage::default()
                },
            ),
            (
                r#"{"prompt_tokens":100,"prompt_cache_hit_tokens":80,"prompt_cache_miss_tokens":20,"completion_tokens":5,"total_tokens":105}"#,
                100,
                5,
                Usage { input_uncached: 20, cache_read: 80, output_text: 5, ..Usage::default() },
            ),
            (
                r#"{"prompt_tokens":10,"completion_tokens":20,"total_tokens":130,"completion_tokens_details":{"reasoning_tokens":100}}"#,
                10,
                120,
                Usage { input_uncached: 10, output_text: 20, reasoning: 100, ..Usage::default() },
            ),
            (
                r#"{"prompt_tokens":10.0,"completion_tokens":20,"cached_tokens":4,"prompt_tokens_details":null}"#,
                10,
                20,
                Usage { input_uncached: 6, cache_read: 4, output_text: 20, ..Usage::default() },
            ),
        ] {
            let read = read(json).unwrap();
            assert_eq!(read, usage, "{json}");
            assert_eq!((read.input(), read.output()), (input, output), "{json}");
            let mut out = Vec::new();
            write(&read, &Members::default(), &mut out);
            assert_eq!(super::read(std::str::from_utf8(&out).unwrap()), Some(read), "{json}");
        }
    }

    #[test]
    fn zeros_tell_nothing() {
        assert_eq!(read(r#"{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}"#), None);
        assert_eq!(read("{}"), None);
        assert_eq!(read(r#""x""#), None);
    }
}
