//! `sluice providers` and `sluice models`: what is compiled in.

use std::process::ExitCode;

use anyhow::{Result, bail};
use serde_json::{Value, json};
use sluice_core::config::suggest;
use sluice_providers::{
    auth::Auth,
    catalog,
    prices::{self, Entry},
};

use crate::table;

/// Options of `sluice providers`.
#[derive(clap::Args)]
pub struct ProviderArguments {
    /// Print a JSON list
    #[arg(long)]
    json: bool,
}

/// Options of `sluice models`.
#[derive(clap::Args)]
pub struct ModelArguments {
    /// Only this provider's
    #[arg(long)]
    provider: Option<String>,
    /// Print a JSON list
    #[arg(long)]
    json: bool,
}

/// Prints the catalogue.
///
/// # Errors
///
/// None in practice.
pub fn providers(arguments: &ProviderArguments) -> Result<ExitCode> {
    if arguments.json {
        let list: Vec<Value> = catalog::all().iter().map(provider_json).collect();
        crate::say(&serde_json::to_string_pretty(&list)?);
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows: Vec<Vec<String>> = catalog::all()
        .iter()
        .map(|provider| {
            let secret = provider.auth.secret().map(ToString::to_string).unwrap_or_default();
            let models = prices::of(provider.name).len().to_string();
            vec![provider.name.to_owned(), operations(provider), secret, provider.base_url.to_owned(), models]
        })
        .collect();
    let models = catalog::BUILTIN_MODELS.len().to_string();
    rows.push(vec![
        catalog::BUILTIN.to_owned(),
        "chat".to_owned(),
        String::new(),
        "(compiled in)".to_owned(),
        models,
    ]);
    print(&["PROVIDER", "SPEAKS", "CREDENTIAL", "BASE URL", "MODELS"], &rows, 4);
    Ok(ExitCode::SUCCESS)
}

/// Prints the price list.
///
/// # Errors
///
/// If there is no such provider.
pub fn models(arguments: &ModelArguments) -> Result<ExitCode> {
    if let Some(name) = arguments.provider.as_deref().filter(|name| catalog::find(name).is_none()) {
        let hint = suggest::hint(name, catalog::all().iter().map(|provider| provider.name));
        bail!("no provider `{name}` in the catalogue (`sluice providers` lists it){hint}");
    }
    let wanted = |name: &str| arguments.provider.as_deref().is_none_or(|only| only == name);
    let chosen = catalog::all().iter().map(|provider| provider.name).filter(|name| wanted(name));
    let entries: Vec<(&str, &Entry)> =
        chosen.flat_map(|name| prices::of(name).iter().map(move |entry| (name, entry))).collect();
    if arguments.json {
        let list: Vec<Value> = entries.iter().map(|(provider, entry)| model_json(provider, entry)).collect();
        crate::say(&serde_json::to_string_pretty(&list)?);
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|(provider, entry)| {
            let price = entry.price();
            let tokens = |tokens: Option<u32>| tokens.map_or("?".to_owned(), |tokens| tokens.to_string());
            vec![
                format!("{provider}/{}", entry.model()),
                abilities(entry),
                price.map_or("?".to_owned(), |price| dollars(price.input)),
                price.map_or("?".to_owned(), |price| dollars(price.output)),
                tokens(entry.context_tokens()),
                tokens(entry.output_tokens()),
            ]
        })
        .collect();
    print(&["MODEL", "CAN", "$/M IN", "$/M OUT", "CONTEXT", "ANSWER"], &rows, 2);
    crate::say(&format!("{} models; prices: {}; ? is not told", rows.len(), prices::VERSION));
    Ok(ExitCode::SUCCESS)
}

fn print(head: &[&str], rows: &[Vec<String>], numbers: usize) {
    for line in table::lines(head, rows, numbers) {
        crate::say(&line);
    }
}

fn operations(provider: &catalog::Provider) -> String {
    let chat = provider.chat.iter().map(|format| format.name());
    let others = provider.operations.iter().map(|(operation, _)| operation.name());
    chat.chain(others).collect::<Vec<_>>().join(", ")
}

fn provider_json(provider: &catalog::Provider) -> Value {
    let header = match &provider.auth {
        Auth::None => None,
        Auth::Bearer(_) | Auth::Aws(_) | Auth::Google(_) => Some("authorization"),
        Auth::Header(name, _) => Some(&**name),
    };
    json!({
        "name": provider.name,
        "base_url": provider.base_url,
        "credential": provider.auth.secret().map(|secret| secret.name()),
        "credential_header": header,
        "chat": provider.chat.iter().map(|format| format.name()).collect::<Vec<_>>(),
        "operations": provider.operations.iter().map(|(operation, _)| operation.name()).collect::<Vec<_>>(),
        "models": prices::of(provider.name).len(),
    })
}

fn model_json(provider: &str, entry: &Entry) -> Value {
    let usd = |nano: u64| nano as f64 / 1e9;
    let price = entry.price().map(|price| {
        json!({
            "input": usd(price.input),
            "output": usd(price.output),
            "cache_read": price.cache_read.map(usd),
            "cache_write": price.cache_write.map(usd),
            "reasoning": price.reasoning.map(usd),
            "audio_in": price.audio_in.map(usd),
            "audio_out": price.audio_out.map(usd),
        })
    });
    json!({
        "provider": provider,
        "model": entry.model(),
        "usd_per_million_tokens": price,
        "context_tokens": entry.context_tokens(),
        "output_tokens": entry.output_tokens(),
        "tools": entry.tools(),
        "structured_output": entry.structured_output(),
        "reasoning": entry.reasoning(),
        "images": entry.images(),
        "pdf": entry.pdf(),
        "audio": entry.audio(),
    })
}

fn abilities(entry: &Entry) -> String {
    let all = [
        ("tools", entry.tools()),
        ("schema", entry.structured_output()),
        ("reasoning", entry.reasoning()),
        ("images", entry.images()),
        ("pdf", entry.pdf()),
        ("audio", entry.audio()),
    ];
    all.iter().filter(|(_, told)| *told == Some(true)).map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
}

/// Nano-dollars as dollars without needless zeros.
fn dollars(nano: u64) -> String {
    let text = format!("{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000);
    let short = text.trim_end_matches('0');
    let digits = short.len().max(text.len() - 7);
    text.get(..digits).unwrap_or(&text).to_owned()
}
