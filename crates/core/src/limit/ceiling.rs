//! The most that a request may use, for budgets to reserve.
//!
//! No tokeniser makes more tokens of a text than it has bytes, so bytes bound what is read; the caller's output limit
//! bounds what is written. Where the caller gives none, [`OUTPUT_UNTOLD`] is reserved: docs/costs.md tells the slack.

use sluice_providers::tokens;
use sluice_types::{
    chat::{OutputFormat, Part, Request, Tool},
    money::Price,
    usage::{Source, Usage},
};

use crate::config::Target;

/// What an answer is taken to have at most where neither the caller nor the list of models says.
const OUTPUT_UNTOLD: u64 = 4_096;

/// What stands around a turn or a tool, in tokens, in any provider's template.
const FRAME: u64 = 16;

/// A price for models whose price nobody knows: that of the dearest everyday models.
pub const UNPRICED: Price = Price {
    input: 15_000_000_000,
    output: 75_000_000_000,
    cache_read: None,
    cache_write: None,
    reasoning: None,
    audio_in: None,
    audio_out: None,
};

/// The most tokens a request may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Most {
    /// Read.
    pub input: u64,
    /// Written, as the caller limits it; `None` if it does not.
    pub output: Option<u64>,
    /// How many answers are asked for.
    pub answers: u64,
}

impl Most {
    /// The most a chat request may use.
    pub fn of_chat(request: &Request<'_>) -> Self {
        Self {
            input: text_bytes(request).max(tokens::request(request)),
            output: request.max_output_tokens.map(u64::from),
            answers: request.choices.unwrap_or(1).max(1).into(),
        }
    }

    /// What is written at most by `target`.
    fn written(&self, target: &Target) -> u64 {
        let listed = target
            .entry
            .and_then(sluice_providers::prices::Entry::output_tokens)
            .map_or(OUTPUT_UNTOLD, u64::from);
        self.output.unwrap_or(listed.min(OUTPUT_UNTOLD)).saturating_mul(self.answers)
    }
}

/// What a request costs at most, in nano-dollars, at whichever of `targets` it ends up.
pub fn ceiling<'a>(most: &Most, targets: impl Iterator<Item = &'a Target>) -> u64 {
    targets
        .map(|target| {
            let output = most.written(target);
            let usage = |input, cache| Usage {
                input_uncached: input,
                cache_write_5m: cache,
                output_text: output,
                source: Source::Estimated,
                ..Usage::default()
            };
            let plain = usage(most.input, 0);
            let price = target.price_for(&plain).unwrap_or(UNPRICED);
            // Writing to a prompt cache may cost more than reading plainly, and thinking more than writing.
            let thought = Usage { output_text: 0, reasoning: output, ..usage(0, most.input) };
            price.cost(&plain).0.max(price.cost(&thought).0)
        })
        .max()
        .unwrap_or(0)
}

/// What bounds the tokens of a chat request's texts; pictures, documents and sound are counted as they are estimated.
pub fn text_bytes(request: &Request<'_>) -> u64 {
    let turns = request.turns.iter().map(|turn| FRAME.saturating_add(parts(&turn.parts)));
    let tools = request.tools.iter().map(tool);
    let output = match &request.output {
        OutputFormat::Schema { schema, .. } => bytes(schema.text()),
        OutputFormat::Text | OutputFormat::Json => 0,
    };
    turns.chain(tools).fold(output, u64::saturating_add)
}

fn parts(all: &[Part<'_>]) -> u64 {
    all.iter().map(part).fold(0, u64::saturating_add)
}

fn part(part: &Part<'_>) -> u64 {
    match part {
        Part::Text { text, .. } | Part::Refusal { text } | Part::Reasoning { text, .. } => bytes(text),
        Part::ToolCall { name, arguments, .. } => {
            FRAME.saturating_add(bytes(name)).saturating_add(bytes(arguments))
        }
        Part::ToolResult { parts: result, .. } => FRAME.saturating_add(parts(result)),
        Part::RedactedReasoning { data } => bytes(data),
        Part::Other { raw, .. } => bytes(raw.text()),
        Part::Image { .. } | Part::Document { .. } | Part::Audio { .. } => {
            // Twice the estimate: providers count large pictures higher than flat.
            tokens::part(part).saturating_mul(2)
        }
    }
}

fn tool(tool: &Tool<'_>) -> u64 {
    match tool {
        Tool::Function { name, description, parameters, .. } => [
            bytes(name),
            description.as_deref().map_or(0, bytes),
            parameters.as_ref().map_or(0, |schema| bytes(schema.text())),
        ]
        .into_iter()
        .fold(FRAME, u64::saturating_add),
        Tool::Other { raw, .. } => FRAME.saturating_add(bytes(raw.text())),
    }
}

fn bytes(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn config() -> Config {
        let json = br#"{"providers": {"house": {"format": "openai_chat", "base_url": "http://127.0.0.1/v1",
            "prices": {"cheap": {"input": 1, "output": 2}, "dear": {"input": 3, "output": 15, "cache_write": 3.75}}}},
            "models": {"both": {"targets": ["house/cheap", "house/dear"]}, "free": {"targets": ["builtin/extractive"]},
            "unknown": {"targets": ["house/x"]}}}"#;
        Config::from_json(json).unwrap()
    }

    fn cost(config: &Config, model: &str, output: Option<u64>) -> u64 {
        let most = Most { input: 1_000, output, answers: 2 };
        ceiling(&most, config.model(model).unwrap().targets.iter())
    }

    #[test]
    fn the_dearest_way_is_reserved() {
        let config = config();
        // 1,000 written to the cache at $3.75, and twice 100 at $15 a million
        assert_eq!(cost(&config, "both", Some(100)), 3_750_000 + 3_000_000);
        assert_eq!(cost(&config, "both", None), 3_750_000 + 2 * 4_096 * 15_000);
        assert_eq!(cost(&config, "free", None), 0);
        assert_eq!(cost(&config, "unknown", Some(1)), 15_000_000 + 150_000);
    }

    #[test]
    fn bytes_bound_what_estimates_guess() {
        let request = Request {
            turns: vec![sluice_types::chat::Turn {
                role: sluice_types::chat::Role::User,
                name: None,
                parts: vec![Part::Text { text: "x".repeat(600).into(), cache: None }],
                extra: Default::default(),
            }],
            ..Request::default()
        };
        assert_eq!(Most::of_chat(&request).input, 616);
        assert!(tokens::request(&request) < 200);
    }
}
