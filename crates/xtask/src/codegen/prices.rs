//! The price list: `models.jsonl` to packed tables of models, prices and tiers.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::Path,
};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::catalogue::Provider;

/// The list as it came.
pub struct List {
    version: String,
    models: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    provider: String,
    model: String,
    cost: Option<Cost>,
    #[serde(default)]
    limit: Limit,
    modalities: Option<Modalities>,
    tool_call: Option<bool>,
    structured_output: Option<bool>,
    reasoning: Option<bool>,
}

/// US dollars per million tokens.
#[derive(Clone, Default, Deserialize)]
struct Cost {
    input: Option<f64>,
    output: Option<f64>,
    #[serde(alias = "cached_input")]
    cache_read: Option<f64>,
    #[serde(alias = "cached_write")]
    cache_write: Option<f64>,
    reasoning: Option<f64>,
    input_audio: Option<f64>,
    output_audio: Option<f64>,
    #[serde(default)]
    tiers: Vec<Tier>,
}

/// What a request costs whose input is larger than a size.
#[derive(Clone, Deserialize)]
struct Tier {
    tier: Above,
    #[serde(flatten)]
    cost: BTreeMap<String, f64>,
}

#[derive(Clone, Deserialize)]
struct Above {
    size: u32,
}

#[derive(Default, Deserialize)]
struct Limit {
    #[serde(default)]
    context: u32,
    #[serde(default)]
    output: u32,
}

#[derive(Deserialize)]
struct Modalities {
    input: Option<Vec<String>>,
}

/// Reads the list and the version of it that its README names.
pub fn read(folder: &Path) -> Result<List> {
    let text = fs::read_to_string(folder.join("models.jsonl"))?;
    let mut lines: Vec<Map<String, Value>> = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        lines.push(serde_json::from_str(line).with_context(|| format!("models.jsonl:{}", number + 1))?);
    }
    let by_name: BTreeMap<String, Map<String, Value>> = lines
        .iter()
        .map(|line| (format!("{}/{}", text_of(line, "provider"), text_of(line, "model")), line.clone()))
        .collect();
    let mut models = Vec::new();
    for mut line in lines {
        if let Some(Value::String(other)) = line.remove("extends") {
            let base =
                by_name.get(&other).with_context(|| format!("extends {other}, which is not listed"))?;
            for (key, value) in base {
                line.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        let name = text_of(&line, "model").to_owned();
        models.push(serde_json::from_value(Value::Object(line)).with_context(|| name)?);
    }
    Ok(List { version: version(&fs::read_to_string(folder.join("README.md"))?)?, models })
}

fn text_of<'a>(line: &'a Map<String, Value>, key: &str) -> &'a str {
    line.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// From "… the models.dev project, …, snapshot f3fc692 of 2026-07-02.".
fn version(readme: &str) -> Result<String> {
    let mut words = readme.split_whitespace().skip_while(|&word| word != "snapshot").skip(1);
    match (words.next(), words.next(), words.next()) {
        (Some(commit), Some("of"), Some(date)) => {
            Ok(format!("models.dev {commit} {}", date.trim_end_matches(['.', ','])))
        }
        _ => bail!("README.md: no `snapshot COMMIT of DATE`"),
    }
}

/// The source of the tables, and a line about them.
pub struct Table {
    pub source: String,
    pub summary: String,
}

/// Micro-dollars per million tokens: input, output, cache read, cache write, reasoning, audio in, audio out.
type Packed = [u32; 7];
const ABSENT: u32 = u32::MAX;

/// The tables for `providers`, models sorted for binary search.
pub fn table(list: &List, providers: &[Provider]) -> Result<Table> {
    let mut groups: Vec<(&str, Vec<&Model>)> = Vec::new();
    let mut tiers: BTreeSet<(u32, Packed)> = BTreeSet::new();
    for provider in providers {
        let mut models: Vec<_> = list.models.iter().filter(|m| m.provider == provider.listed_as()).collect();
        models.sort_by(|a, b| a.model.cmp(&b.model));
        for pair in models.windows(2) {
            ensure!(pair[0].model != pair[1].model, "{} is listed twice", pair[0].model);
        }
        for model in &models {
            tiers.extend(tier(model)?);
        }
        if models.is_empty() && provider.may_be_unlisted() {
            continue;
        }
        ensure!(!models.is_empty(), "{}: no models under the name `{}`", provider.name, provider.listed_as());
        groups.push((&provider.name, models));
    }
    let mut out = format!(
        "//! Made by `cargo xtask codegen` from the models.dev list (MIT licence); do not edit.\n\n\
         use super::{{Entry, NO, NO_PRICE, NO_TIER, Tier, model}};\n\n\
         /// Which list this is.\npub const VERSION: &str = {:?};\n\n\
         pub(super) static TIERS: &[Tier] = &[\n",
        list.version
    );
    for (above, price) in &tiers {
        let _ = writeln!(out, "Tier {{ above: {}, price: {} }},", digits(*above), written(price));
    }
    out.push_str(
        "];\n\n#[rustfmt::skip] // a model a line\npub(super) static MODELS: &[(&str, &[Entry])] = &[\n",
    );
    for (provider, models) in &groups {
        let _ = writeln!(out, "    ({provider:?}, &[");
        for model in models {
            let price = packed(model)?.map_or("NO_PRICE".to_owned(), |price| written(&price));
            let tier = tier(model)?.and_then(|tier| tiers.iter().position(|other| *other == tier));
            let tier = tier.map_or("NO_TIER".to_owned(), |at| at.to_string());
            let (context, output) = (digits(model.limit.context), digits(model.limit.output));
            let flags = flags(model);
            let _ = writeln!(
                out,
                "        model({:?}, {context}, {output}, {price}, {flags:#05x}, {tier}),",
                model.model
            );
        }
        out.push_str("    ]),\n");
    }
    out.push_str("];\n");
    let models: usize = groups.iter().map(|(_, models)| models.len()).sum();
    let names: usize = groups.iter().flat_map(|(_, models)| models).map(|model| model.model.len()).sum();
    // What wasm32 lays out: 48 bytes a model and its name, 32 a tier, 16 a provider.
    let bytes = 48 * models + names + 32 * tiers.len() + 16 * groups.len();
    let summary = format!("{models} models of {} providers: {bytes} bytes before compression", groups.len());
    Ok(Table { source: out, summary })
}

/// `[2_500_000, 10_000_000, 1_250_000, NO, NO, NO, NO]`.
fn written(price: &Packed) -> String {
    let numbers: Vec<_> =
        price.iter().map(|&n| if n == ABSENT { "NO".to_owned() } else { digits(n) }).collect();
    format!("[{}]", numbers.join(", "))
}

/// The model's price; none if input or output is not listed.
fn packed(model: &Model) -> Result<Option<Packed>> {
    let Some(cost) = &model.cost else { return Ok(None) };
    pack(cost).with_context(|| model.model.clone())
}

fn pack(cost: &Cost) -> Result<Option<Packed>> {
    let (Some(_), Some(_)) = (cost.input, cost.output) else { return Ok(None) };
    let members = [
        cost.input,
        cost.output,
        cost.cache_read,
        cost.cache_write,
        cost.reasoning,
        cost.input_audio,
        cost.output_audio,
    ];
    let mut price = [ABSENT; 7];
    for (place, dollars) in price.iter_mut().zip(members) {
        let Some(dollars) = dollars else { continue };
        let micro = dollars * 1e6;
        ensure!((micro - micro.round()).abs() < 1e-4, "${dollars} has more than six decimals");
        ensure!((0.0..f64::from(ABSENT)).contains(&micro), "${dollars} is out of bounds");
        *place = micro.round() as u32;
    }
    Ok(Some(price))
}

/// The price above a size of input; what it does not name costs what it always does.
fn tier(model: &Model) -> Result<Option<(u32, Packed)>> {
    let Some(cost) = &model.cost else { return Ok(None) };
    ensure!(cost.tiers.len() <= 1, "{}: more than one tier is not supported", model.model);
    let Some(tier) = cost.tiers.first() else { return Ok(None) };
    let given = |name: &str, usual: Option<f64>| tier.cost.get(name).copied().or(usual);
    let above = Cost {
        input: given("input", cost.input),
        output: given("output", cost.output),
        cache_read: given("cache_read", cost.cache_read),
        cache_write: given("cache_write", cost.cache_write),
        reasoning: given("reasoning", cost.reasoning),
        input_audio: given("input_audio", cost.input_audio),
        output_audio: given("output_audio", cost.output_audio),
        tiers: Vec::new(),
    };
    Ok(pack(&above).with_context(|| model.model.clone())?.map(|price| (tier.tier.size, price)))
}

/// The bits of `flag` in `crates/providers/src/prices.rs`.
fn flags(model: &Model) -> u16 {
    let told = |told: Option<bool>, yes: u16, known: u16| match told {
        None => 0,
        Some(false) => known,
        Some(true) => known | yes,
    };
    let input = model.modalities.as_ref().and_then(|modalities| modalities.input.as_ref());
    let reads = |kind: &str| input.map(|input| input.iter().any(|name| name == kind));
    told(model.tool_call, 1, 2)
        | told(model.structured_output, 4, 8)
        | told(model.reasoning, 16, 32)
        | told(reads("image"), 64, 512)
        | told(reads("pdf"), 128, 512)
        | told(reads("audio"), 256, 512)
}

/// `1_048_576`.
fn digits(number: u32) -> String {
    let text = number.to_string();
    let mut out = String::new();
    for (at, digit) in text.chars().enumerate() {
        if at != 0 && (text.len() - at).is_multiple_of(3) {
            out.push('_');
        }
        out.push(digit);
    }
    out
}
