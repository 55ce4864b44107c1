//! The most that a request may use, for budgets to reserve.
//!
//! No tokeniser makes more tokens of a text than it has bytes, so bytes bound what is read; the caller's output limit
//! bounds what is written. Where the caller gives none, [`OUTPUT_UNTOLD`] is reserved: docs/costs.md tells the slack.

use sluice_providers::{prices::Entry, tokens};
use sluice_types::{
    chat::{OutputFormat, Part, Request, Tool},
    json::Raw,
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
    image_in: None,
    image_out: None,
    request: 0,
    search: 0,
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
    /// Whether something is to be kept in a provider's prompt cache for an hour.
    pub hour: bool,
    /// Whether there are pictures.
    pub pictures: bool,
    /// Whether there is sound.
    pub sound: bool,
}

impl Most {
    /// The most a chat request may use whose prompt has `estimate` tokens by our own count.
    pub fn of_chat(request: &Request<'_>, estimate: u64) -> Self {
        Self {
            input: text_bytes(request).max(estimate),
            output: request.max_output_tokens.map(u64::from),
            answers: request.choices.unwrap_or(1).max(1).into(),
            hour: request.turns.iter().any(|turn| turn.parts.iter().any(|part| asks_an_hour(cache_of(part))))
                || request.tools.iter().any(|tool| match tool {
                    Tool::Function { cache, .. } => asks_an_hour(cache.as_ref()),
                    Tool::Other { raw, .. } => asks_an_hour(Some(raw)),
                }),
            pictures: has(request, |part| matches!(part, Part::Image { .. } | Part::Document { .. })),
            sound: has(request, |part| matches!(part, Part::Audio { .. })),
        }
    }

    /// What is written at most by `target`.
    fn written(&self, target: &Target) -> u64 {
        let listed = target.entry.and_then(Entry::output_tokens).map_or(OUTPUT_UNTOLD, u64::from);
        self.output.unwrap_or(listed.min(OUTPUT_UNTOLD)).saturating_mul(self.answers)
    }
}

/// Whether a part of the request, or of a tool's result in it, is such.
fn has(request: &Request<'_>, such: fn(&Part<'_>) -> bool) -> bool {
    fn any(parts: &[Part<'_>], such: fn(&Part<'_>) -> bool) -> bool {
        let within = |part: &Part<'_>| match part {
            Part::ToolResult { parts, .. } => any(parts, such),
            _ => false,
        };
        parts.iter().any(|part| such(part) || within(part))
    }
    request.turns.iter().any(|turn| any(&turn.parts, such))
}

/// The mark that asks for a place in a provider's prompt cache; what is unknown here may be one.
fn cache_of<'p, 'a>(part: &'p Part<'a>) -> Option<&'p Raw<'a>> {
    match part {
        Part::Text { cache, .. }
        | Part::Image { cache, .. }
        | Part::Document { cache, .. }
        | Part::ToolCall { cache, .. }
        | Part::ToolResult { cache, .. } => cache.as_ref(),
        Part::Other { raw, .. } => Some(raw),
        Part::Audio { .. }
        | Part::Reasoning { .. }
        | Part::RedactedReasoning { .. }
        | Part::Refusal { .. } => None,
    }
}

fn asks_an_hour(mark: Option<&Raw<'_>>) -> bool {
    mark.is_some_and(|mark| mark.text().contains("\"1h\""))
}

/// What a request costs at most, in nano-dollars, at whichever of `targets` it ends up.
pub fn ceiling<'a>(most: &Most, targets: impl Iterator<Item = &'a Target>) -> u64 {
    targets
        .map(|target| {
            let output = most.written(target);
            let plain = Usage {
                input_uncached: most.input,
                output_text: output,
                source: Source::Estimated,
                ..Usage::default()
            };
            let price = target.price_for(&plain).unwrap_or(UNPRICED);
            dearest(&price, most).cost(&plain).0
        })
        .max()
        .unwrap_or(0)
}

/// `price` with its dearest kind of token for every token: nobody knows before how many will be of which kind.
fn dearest(price: &Price, most: &Most) -> Price {
    // An hour in the cache costs 1.6 times what five minutes do, and is had by asking only.
    let cache =
        price.cache_write.map(|five| if most.hour { five.saturating_mul(8).div_ceil(5) } else { five });
    let seen = [price.image_in.filter(|_| most.pictures), price.audio_in.filter(|_| most.sound), cache];
    let written = [price.reasoning, price.audio_out, price.image_out];
    let top = |usual: u64, others: [Option<u64>; 3]| others.into_iter().flatten().fold(usual, u64::max);
    Price { input: top(price.input, seen), output: top(price.output, written), ..*price }
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
        let most = Most { input: 1_000, output, answers: 2, ..Most::default() };
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
    fn sound_pictures_and_an_hour_in_the_cache_are_reserved_where_they_are_asked_for() {
        let json = br#"{"providers": {"house": {"format": "openai_chat", "base_url": "http://127.0.0.1/v1", "prices":
            {"m": {"input": 3, "output": 15, "cache_write": 4, "audio_in": 40, "audio_out": 80, "image_in": 5, "request": 0.01}}}},
            "models": {"all": {"targets": ["house/m"]}}}"#;
        let config = Config::from_json(json).unwrap();
        let model = config.model("all").unwrap();
        let cost = |most: Most| {
            ceiling(&Most { input: 1_000, output: Some(100), answers: 1, ..most }, model.targets.iter())
        };
        // Whatever is asked, the answer may be spoken: 100 at $80; and a cent.
        let always = 8_000_000 + 10_000_000;
        assert_eq!(cost(Most::default()), 4_000_000 + always);
        assert_eq!(cost(Most { pictures: true, ..Most::default() }), 5_000_000 + always);
        assert_eq!(cost(Most { hour: true, ..Most::default() }), 6_400_000 + always);
        assert_eq!(cost(Most { sound: true, ..Most::default() }), 40_000_000 + always);
    }

    #[test]
    fn what_a_request_asks_for_is_found_wherever_it_stands() {
        let read = |json: &str| {
            let body = json.as_bytes();
            let request = sluice_providers::format::Protocol::AnthropicMessages.read_request(body).unwrap();
            let most = Most::of_chat(&request, tokens::request(&request));
            (most.hour, most.pictures, most.sound)
        };
        let ask = |part: &str| {
            let head = r#"{"model":"m","max_tokens":5,"messages":[{"role":"user","content":["#;
            read(&format!("{head}{part}]}}]}}"))
        };
        assert_eq!(ask(r#"{"type":"text","text":"1h"}"#), (false, false, false));
        let cached = r#"{"type":"text","text":"x","cache_control":{"type":"ephemeral","ttl":"1h"}}"#;
        assert_eq!(ask(cached), (true, false, false));
        let picture = r#"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}}"#;
        assert_eq!(ask(picture), (false, true, false));
        let result = format!(r#"{{"type":"tool_result","tool_use_id":"t","content":[{picture}]}}"#);
        assert!(ask(&result).1);
    }

    #[test]
    fn bytes_bound_what_estimates_guess() {
        let request = Request {
            turns: vec![sluice_types::chat::Turn {
                role: sluice_types::chat::Role::User,
                name: None,
                parts: vec![Part::text("x".repeat(600))],
                extra: Default::default(),
            }],
            ..Request::default()
        };
        assert_eq!(Most::of_chat(&request, tokens::request(&request)).input, 616);
        assert!(tokens::request(&request) < 200);
    }
}
