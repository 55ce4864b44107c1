//! Streams against whole texts, characters held back, and the way back from placeholders.

use std::sync::Arc;

use anyhow::Result;
use serde_json::Value;
use sluice_guardrails::{
    exfiltration::Hosts,
    pii::{Kinds, Settings},
    redact::Vault,
    stream::{Action, Filter, Placeholders, Plan, Released, apply},
};

use super::table::{Table, share, text};
use crate::data;

/// Measures.
///
/// # Errors
///
/// The data are missing.
pub fn section(errors: bool) -> Result<Table> {
    // Texts of one unbroken token, all of them held until they end, are counted by themselves.
    let (mut texts, mut tokens): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for name in ["pii_sentences", "pii_checksums"] {
        texts.extend(data::read::<Value>(name)?.iter().step_by(3).map(|row| text(row, "text").to_owned()));
    }
    for row in data::read::<Value>("secrets")?.iter().step_by(3) {
        tokens.push(["before", "prefix", "rest", "after"].map(|member| text(row, member)).concat());
    }
    texts.extend(
        data::read::<Value>("exfil_own")?.iter().step_by(3).map(|row| text(row, "answer").to_owned()),
    );
    texts.extend(data::read::<Value>("benign")?.iter().step_by(9).map(|row| text(row, "text").to_owned()));
    let output = Arc::new(Plan {
        pii: Some((Settings { kinds: Kinds::default(), ..Settings::default() }, Action::Redact)),
        secrets: Some(Action::Redact),
        links: Some((Hosts::new(["cdn.allowed.example"]), Action::Redact)),
        placeholders: Placeholders::Escape,
        ..Plan::default()
    });
    let back = Arc::new(Plan { placeholders: Placeholders::Restore { in_urls: true }, ..Plan::default() });
    let mut table = Table::new("Streams");
    let (mut same, mut total, mut round) = (0, 0, 0);
    let mut seed = 7_u64;
    let groups = [
        ("prose, sentences with personal data, markup", "≤ 8 / 64", texts),
        ("secrets and what looks like them", "", tokens),
    ];
    let mut held_rows = Vec::new();
    for (name, goal, texts) in groups {
        let mut held: Vec<usize> = Vec::new();
        for text in &texts {
            let mut vault = Vault::new();
            let whole = apply(&output, text, &mut vault);
            for cutting in [1, 4, 17] {
                let mut other = Vault::new();
                let streamed = pieces(&output, text, cutting, &mut seed, &mut other, &mut |filter| {
                    held.push(filter.held());
                });
                total += 1;
                same += usize::from(streamed == whole);
                if errors && streamed != whole {
                    println!("stream differs: {text:?}");
                }
                let restored = pieces(&back, &streamed.text, cutting, &mut seed, &mut other, &mut |_| {});
                round += usize::from(restored.text == *text);
            }
        }
        held.sort_unstable();
        let mean = held.iter().sum::<usize>() as f64 / held.len().max(1) as f64;
        let high = held.get(held.len() * 99 / 100).copied().unwrap_or(0);
        let most = held.last().copied().unwrap_or(0);
        held_rows.push((
            format!("characters held, mean / p99 (most): {name}"),
            goal,
            format!("{mean:.1} / {high} ({most})"),
        ));
    }
    table.row(
        "same findings and text as whole, pieces of 1, 1–7 and 1–33 characters",
        "1.000",
        share(same, total),
    );
    table.row("redacted and restored byte for byte, both streamed", "1.000", share(round, total));
    for (name, goal, got) in held_rows {
        table.row(name, goal, got);
    }
    Ok(table)
}

/// Passes a text in pieces of `most` characters on average.
fn pieces(
    plan: &Arc<Plan>,
    text: &str,
    most: usize,
    seed: &mut u64,
    vault: &mut Vault,
    after: &mut dyn FnMut(&Filter),
) -> Released {
    let mut filter = Filter::new(Arc::clone(plan));
    let mut all = Released::default();
    let mut rest = text;
    while !rest.is_empty() {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let size = 1 + (*seed >> 33) as usize % (2 * most - 1);
        let cut = rest.char_indices().nth(size).map_or(rest.len(), |(at, _)| at);
        let (piece, behind) = rest.split_at(cut);
        let released = filter.push(piece, vault);
        all.text.push_str(&released.text);
        all.found.extend(released.found);
        all.denied |= released.denied;
        after(&filter);
        rest = behind;
    }
    let released = filter.finish(vault);
    all.text.push_str(&released.text);
    all.found.extend(released.found);
    all.denied |= released.denied;
    all
}
