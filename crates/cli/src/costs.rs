//! `sluice costs`: what requests used and cost.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::Value;

use crate::remote::{Remote, query, table};

/// What to ask.
#[derive(clap::Args)]
pub struct Arguments {
    /// One tenant; all if left out
    #[arg(long)]
    tenant: Option<String>,
    /// The first day in UTC, such as 2026-11-01; today if left out
    #[arg(long)]
    from: Option<String>,
    /// The last day; today if left out
    #[arg(long)]
    to: Option<String>,
    /// What to split by, parted by commas: tenant, day, model, provider, key, user, tag:NAME
    #[arg(long, default_value = "tenant")]
    by: String,
    /// Print CSV
    #[arg(long)]
    csv: bool,
}

/// Prints what is asked for.
///
/// # Errors
///
/// What the gateway says is wrong, or that it does not answer.
pub fn run(remote: &Remote, arguments: &Arguments) -> Result<ExitCode> {
    let Arguments { tenant, from, to, by, csv } = arguments;
    let pairs = [
        ("tenant", tenant.as_deref()),
        ("from", from.as_deref()),
        ("to", to.as_deref()),
        ("by", Some(by.as_str())),
    ];
    if *csv {
        let text = remote.text("GET", &format!("usage{}&format=csv", query(&pairs)), None)?;
        crate::say(text.trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let usage = remote.ask("GET", &format!("usage{}", query(&pairs)), None)?;
    remote.tell(&usage, |usage| {
        let split: Vec<&str> = by.split(',').map(str::trim).collect();
        let numbers = [
            "sum.requests",
            "sum.errors",
            "sum.unpriced",
            "sum.input_tokens",
            "sum.output_tokens",
            "cost_usd",
        ];
        let members: Vec<&str> = split.iter().copied().chain(numbers).collect();
        let mut lines = table(usage, &members, split.len());
        lines.push(format!("total ${}", usage["cost_usd"].as_str().unwrap_or("0")));
        lines.extend(usage["guardrails"].as_array().into_iter().flatten().map(done));
        lines
    })?;
    Ok(ExitCode::SUCCESS)
}

/// In how many requests a check of guardrails did something: `input.pii=redact in 12 requests`.
fn done(told: &Value) -> String {
    let text = |member: &str| told[member].as_str().unwrap_or_default();
    let would = if told["dry_run"] == true { "would-" } else { "" };
    format!("{}.{}={would}{} in {} requests", text("stage"), text("check"), text("action"), told["requests"])
}
