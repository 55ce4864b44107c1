//! `sluice price`: what a number of tokens costs at list price.

use std::process::ExitCode;

use anyhow::{Result, bail};
use sluice_core::config::{suggest, text::Reference};
use sluice_providers::{catalog, prices};
use sluice_types::{money::NanoUsd, usage::Usage};

/// A model and tokens.
#[derive(clap::Args)]
pub struct Arguments {
    /// Provider and model, such as openai/gpt-4o-mini
    model: Reference,
    /// Tokens read at full price
    #[arg(long, default_value_t = 0, value_name = "N")]
    input: u64,
    /// Tokens of text written
    #[arg(long, default_value_t = 0, value_name = "N")]
    output: u64,
    /// Tokens read from the provider's prompt cache
    #[arg(long, default_value_t = 0, value_name = "N")]
    cache_read: u64,
    /// Tokens written to the provider's prompt cache for five minutes
    #[arg(long, default_value_t = 0, value_name = "N")]
    cache_write: u64,
    /// Tokens written to the provider's prompt cache for an hour
    #[arg(long, default_value_t = 0, value_name = "N")]
    cache_write_1h: u64,
    /// Tokens of thoughts
    #[arg(long, default_value_t = 0, value_name = "N")]
    reasoning: u64,
    /// Tokens of sound read
    #[arg(long, default_value_t = 0, value_name = "N")]
    audio_in: u64,
    /// Tokens of sound written
    #[arg(long, default_value_t = 0, value_name = "N")]
    audio_out: u64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Prints the cost.
///
/// # Errors
///
/// If the list has no price for the model.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let Reference { provider, model } = &arguments.model;
    let Some(entry) = prices::lookup(provider, model) else {
        if catalog::find(provider).is_none() {
            let hint = suggest::hint(provider, catalog::all().iter().map(|provider| provider.name));
            bail!("no provider `{provider}` in the catalogue (`sluice providers` lists it){hint}");
        }
        let hint = suggest::hint(model, prices::of(provider).iter().map(prices::Entry::model));
        bail!("no model `{model}` of {provider} in the list of {}{hint}", prices::VERSION);
    };
    let usage = Usage {
        input_uncached: arguments.input,
        cache_read: arguments.cache_read,
        cache_write_5m: arguments.cache_write,
        cache_write_1h: arguments.cache_write_1h,
        audio_in: arguments.audio_in,
        output_text: arguments.output,
        reasoning: arguments.reasoning,
        audio_out: arguments.audio_out,
        ..Usage::default()
    };
    let Some(price) = entry.price_for(&usage) else {
        bail!("the list of {} knows {provider}/{} and has no price for it", prices::VERSION, entry.model());
    };
    let NanoUsd(nano) = price.cost(&usage);
    if arguments.json {
        let answer = serde_json::json!({
            "model": format!("{provider}/{}", entry.model()),
            "cost_usd": NanoUsd(nano).to_string(),
            "cost_nano_usd": nano,
            "prices": prices::VERSION,
        });
        crate::say(&serde_json::to_string_pretty(&answer)?);
    } else {
        crate::say(&format!("${} for {provider}/{} ({})", NanoUsd(nano), entry.model(), prices::VERSION));
    }
    Ok(ExitCode::SUCCESS)
}
