//! Tokens counted, in the words of this format: `input_tokens` leaves out what the prompt cache read or wrote.

use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_types::{
    json::Members,
    usage::{Source, Usage},
};

use crate::format::json::ObjectWriter;

/// The `usage` member. A count that is absent or `null` is not known (yet); streams tell some at their start and
/// some at their end, and each count told later replaces the one before.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Counts {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_creation: Option<CacheCreation>,
    output_tokens_details: Option<OutputDetails>,
    server_tool_use: Option<ServerTools>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct CacheCreation {
    ephemeral_5m_input_tokens: Option<u64>,
    ephemeral_1h_input_tokens: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    thinking_tokens: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct ServerTools {
    web_search_requests: Option<u64>,
}

impl Counts {
    /// Takes over every count that `later` tells.
    pub(super) fn update(&mut self, later: Self) {
        self.input_tokens = later.input_tokens.or(self.input_tokens);
        self.output_tokens = later.output_tokens.or(self.output_tokens);
        self.cache_read_input_tokens = later.cache_read_input_tokens.or(self.cache_read_input_tokens);
        self.cache_creation_input_tokens =
            later.cache_creation_input_tokens.or(self.cache_creation_input_tokens);
        self.cache_creation = later.cache_creation.or(self.cache_creation);
        self.output_tokens_details = later.output_tokens_details.or(self.output_tokens_details);
        self.server_tool_use = later.server_tool_use.or(self.server_tool_use);
    }

    /// The counts in our words.
    pub(super) fn usage(self) -> Usage {
        let details = self.cache_creation.unwrap_or_default();
        let one_hour = details.ephemeral_1h_input_tokens.unwrap_or(0);
        let five_minutes = details.ephemeral_5m_input_tokens.unwrap_or(0);
        // The sum may be told without its parts: what no part accounts for counts as the cheaper, usual kind.
        let unexplained = self
            .cache_creation_input_tokens
            .unwrap_or(0)
            .saturating_sub(one_hour.saturating_add(five_minutes));
        let output = self.output_tokens.unwrap_or(0);
        let thinking =
            self.output_tokens_details.and_then(|details| details.thinking_tokens).unwrap_or(0).min(output);
        Usage {
            input_uncached: self.input_tokens.unwrap_or(0),
            cache_read: self.cache_read_input_tokens.unwrap_or(0),
            cache_write_5m: five_minutes.saturating_add(unexplained),
            cache_write_1h: one_hour,
            output_text: output.saturating_sub(thinking),
            reasoning: thinking,
            searches: self.server_tool_use.and_then(|tools| tools.web_search_requests).unwrap_or(0),
            source: Source::Provider,
            ..Usage::default()
        }
    }
}

/// Reads the `usage` member and what it tells beside counts. What is broken is as good as absent: an answer is not
/// lost for its bill.
pub(super) fn read(raw: &RawValue) -> (Counts, Members<'_>) {
    let counts = serde_json::from_str(raw.get()).unwrap_or_default();
    let mut rest: Members<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
    rest.0.retain(|(name, _)| !KNOWN.contains(&&**name));
    (counts, rest)
}

const KNOWN: [&str; 6] = [
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "cache_creation",
    "output_tokens_details",
];

/// Writes `usage` as the value of a member, and after it the `rest` that this format told beside counts. Every count
/// that the official clients declare is there, known or 0.
pub(super) fn write(out: &mut Vec<u8>, usage: &Usage, rest: &Members<'_>) {
    let mut object = ObjectWriter::open(out);
    let plain = [usage.input_uncached, usage.audio_in, usage.image_in];
    object.set("input_tokens", &plain.into_iter().fold(0, u64::saturating_add));
    object.set("cache_creation_input_tokens", &usage.cache_write());
    object.set("cache_read_input_tokens", &usage.cache_read);
    if 0 < usage.cache_write() {
        let mut parts = ObjectWriter::open(object.member("cache_creation"));
        parts.set("ephemeral_5m_input_tokens", &usage.cache_write_5m);
        parts.set("ephemeral_1h_input_tokens", &usage.cache_write_1h);
        parts.close();
    }
    object.set("output_tokens", &usage.output());
    if 0 < usage.reasoning {
        let mut details = ObjectWriter::open(object.member("output_tokens_details"));
        details.set("thinking_tokens", &usage.reasoning);
        details.close();
    }
    for (name, raw) in &rest.0 {
        object.raw(name, raw.text());
    }
    object.close();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(json: &str) -> Usage {
        serde_json::from_str::<Counts>(json).unwrap().usage()
    }

    #[test]
    fn cached_tokens_stand_beside_the_input() {
        let counted = usage(
            r#"{"input_tokens":40,"cache_creation_input_tokens":30,"cache_read_input_tokens":900,"output_tokens":7,
                "cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20}}"#,
        );
        assert_eq!((counted.input_uncached, counted.cache_read), (40, 900));
        assert_eq!((counted.cache_write_5m, counted.cache_write_1h), (10, 20));
        assert_eq!(counted.input(), 970);
    }

    #[test]
    fn a_cache_write_without_its_time_is_the_short_one() {
        assert_eq!(usage(r#"{"cache_creation_input_tokens":30}"#).cache_write_5m, 30);
    }

    #[test]
    fn searches_are_counted_beside_tokens() {
        let counted = usage(r#"{"output_tokens":50,"server_tool_use":{"web_search_requests":2}}"#);
        assert_eq!((counted.searches, counted.total()), (2, 50));
    }

    #[test]
    fn thinking_is_part_of_the_output() {
        let counted = usage(r#"{"output_tokens":50,"output_tokens_details":{"thinking_tokens":30}}"#);
        assert_eq!((counted.output_text, counted.reasoning), (20, 30));
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let told = Usage {
            input_uncached: 1,
            cache_read: 2,
            cache_write_5m: 3,
            cache_write_1h: 4,
            output_text: 5,
            reasoning: 6,
            ..Usage::default()
        };
        let mut out = Vec::new();
        write(&mut out, &told, &Members::default());
        assert_eq!(usage(std::str::from_utf8(&out).unwrap()), told);
    }

    #[test]
    fn a_later_null_does_not_erase_a_count() {
        let mut counts: Counts = serde_json::from_str(r#"{"input_tokens":40,"output_tokens":1}"#).unwrap();
        counts.update(serde_json::from_str(r#"{"input_tokens":null,"output_tokens":57}"#).unwrap());
        let counted = counts.usage();
        assert_eq!((counted.input_uncached, counted.output_text), (40, 57));
    }
}
