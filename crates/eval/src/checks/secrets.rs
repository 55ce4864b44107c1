//! Secrets: own shapes and look-alikes; the general benign texts.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::Value;
use sluice_guardrails::secrets;

use super::table::{Table, number, share, text};
use crate::data;

/// Measures.
///
/// # Errors
///
/// The data are missing.
pub fn section(errors: bool) -> Result<Table> {
    let mut table = Table::new("Secrets");
    let (mut there, mut found, mut alike, mut alarms) = (0, 0, 0, 0);
    let mut missed: BTreeMap<String, usize> = BTreeMap::new();
    for row in data::read::<Value>("secrets")? {
        let parts = ["before", "prefix", "rest", "after"].map(|member| text(&row, member));
        let (whole, start) = (parts.concat(), parts[0].len());
        let end = whole.len() - parts[3].len();
        let hit = secrets::find(&whole).iter().any(|found| found.span.start < end && start < found.span.end);
        if number(&row, "label") == 1 {
            there += 1;
            found += usize::from(hit);
            if !hit {
                *missed.entry(text(&row, "kind").to_owned()).or_default() += 1;
                if errors {
                    println!("missed secret {whole:?}");
                }
            }
        } else {
            alike += 1;
            alarms += usize::from(hit);
            if errors && hit {
                println!("false secret: {}", text(&row, "kind"));
            }
        }
    }
    if errors {
        println!("missed secrets: {missed:?}");
    }
    table.row("recall, own shapes", "≥ 0.98", share(found, there));
    table.row("false alarms on look-alikes", "0", share(alarms, alike));
    let benign = data::read::<Value>("benign")?;
    let mut hits = 0;
    for row in &benign {
        let found = secrets::find(text(row, "text"));
        hits += found.len();
        if errors {
            found.iter().for_each(|found| {
                println!("benign {} {:?}", found.kind, text(row, "text").get(found.span.clone()));
            });
        }
    }
    table.row("hits in the general benign texts", "0", format!("{hits} in {} texts", benign.len()));
    Ok(table)
}
