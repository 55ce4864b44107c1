//! Personal data: own numbers with check digits and their near misses; sentences of presidio-research.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::Value;
use sluice_guardrails::pii::{self, Kind, Kinds, Settings};

use super::table::{Table, number, share, text};
use crate::data;

/// Our kind for a label of the data, of the kinds with a form.
fn kind(label: &str) -> Option<Kind> {
    Some(match label {
        "EMAIL_ADDRESS" => Kind::Email,
        "DOMAIN_NAME" => Kind::Url,
        "PHONE_NUMBER" => Kind::Phone,
        "CREDIT_CARD" => Kind::CreditCard,
        "IBAN_CODE" => Kind::Iban,
        "IP_ADDRESS" => Kind::IpAddress,
        "MAC_ADDRESS" => Kind::MacAddress,
        "US_SSN" => Kind::UsSsn,
        "UK_NHS" => Kind::UkNhs,
        "ES_NIF" => Kind::EsNif,
        "PL_PESEL" => Kind::PlPesel,
        "BR_CPF" => Kind::BrCpf,
        "IN_AADHAAR" => Kind::InAadhaar,
        "CRYPTO_ETH" => Kind::Ethereum,
        _ => return None,
    })
}

/// Measures.
///
/// # Errors
///
/// The data are missing.
pub fn section(errors: bool) -> Result<Table> {
    let mut table = Table::new("Personal data");
    let every = Settings { kinds: Kinds::default().with(Kind::Url), ..Settings::default() };
    checksums(&every, errors, &mut table)?;
    sentences(&every, errors, &mut table)?;
    let mut alarms = 0;
    let benign = data::read::<Value>("benign")?;
    let without_links = Settings::default();
    for row in &benign {
        let found = pii::find(&without_links, text(row, "text"));
        alarms += usize::from(!found.is_empty());
        if errors && text(row, "src") != "swe_issues" {
            found.iter().for_each(|found| {
                println!("benign {} {:?}", found.kind, text(row, "text").get(found.span.clone()));
            });
        }
    }
    table.row(
        "general benign texts with some finding (a few hold real addresses)",
        "",
        share(alarms, benign.len()),
    );
    Ok(table)
}

fn checksums(settings: &Settings, errors: bool, table: &mut Table) -> Result<()> {
    let (mut valid, mut accepted, mut broken, mut wrong) = (0, 0, 0, 0);
    for row in data::read::<Value>("pii_checksums")? {
        let sentence = text(&row, "text");
        let bytes = |at: usize| sentence.char_indices().nth(at).map_or(sentence.len(), |(byte, _)| byte);
        let (start, end) = (bytes(number(&row, "start")), bytes(number(&row, "end")));
        let found = pii::find(settings, sentence);
        if number(&row, "valid") == 1 {
            let name = kind(text(&row, "entity")).map_or("", Kind::name);
            let hit = found.iter().any(|found| found.span == (start..end) && found.kind == name);
            valid += 1;
            accepted += usize::from(hit);
            if errors && !hit {
                println!("missed {name} {sentence:?} {found:?}");
            }
        } else {
            let hit = found.iter().any(|found| found.span.start < end && start < found.span.end);
            broken += 1;
            wrong += usize::from(hit);
            if errors && hit {
                println!("near miss {} {sentence:?} {found:?}", text(&row, "entity"));
            }
        }
    }
    table.row("valid numbers accepted, 13 types", "≥ 0.99", share(accepted, valid));
    table.row("near misses accepted", "≤ 0.005", share(wrong, broken));
    Ok(())
}

fn sentences(settings: &Settings, errors: bool, table: &mut Table) -> Result<()> {
    // Per kind: right, found, there.
    let mut counts: BTreeMap<Kind, [usize; 3]> = BTreeMap::new();
    for row in data::read::<Value>("pii_sentences")? {
        let sentence = text(&row, "text");
        let bytes = |at: usize| sentence.char_indices().nth(at).map_or(sentence.len(), |(byte, _)| byte);
        let spans = row["spans"].as_array().into_iter().flatten().filter_map(|span| {
            let at = |index: usize| span[index].as_u64().map(|at| bytes(at as usize));
            Some((at(0)?, at(1)?, kind(span[2].as_str()?)?))
        });
        let spans: Vec<(usize, usize, Kind)> = spans.collect();
        let found: Vec<(usize, usize, Kind)> = pii::find(settings, sentence)
            .into_iter()
            .filter_map(|found| Some((found.span.start, found.span.end, Kind::from_name(found.kind)?)))
            .collect();
        let overlap =
            |a: &(usize, usize, Kind), b: &(usize, usize, Kind)| a.2 == b.2 && a.0 < b.1 && b.0 < a.1;
        for span in &spans {
            let right = found.iter().any(|found| overlap(found, span));
            let count = counts.entry(span.2).or_default();
            count[0] += usize::from(right);
            count[2] += 1;
            if errors && !right {
                println!("missed {} {:?} in {sentence:?}", span.2.name(), sentence.get(span.0..span.1));
            }
        }
        for found in &found {
            let count = counts.entry(found.2).or_default();
            count[1] += 1;
            if errors && !spans.iter().any(|span| overlap(span, found)) {
                println!("false {} {:?} in {sentence:?}", found.2.name(), sentence.get(found.0..found.1));
            }
        }
    }
    let labelled =
        ["EMAIL_ADDRESS", "DOMAIN_NAME", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "IP_ADDRESS", "US_SSN"];
    let labelled: Vec<Kind> = labelled.into_iter().filter_map(kind).collect();
    let mut all = [0; 3];
    for (kind, count) in counts.iter().filter(|(kind, _)| labelled.contains(kind)) {
        all.iter_mut().zip(count).for_each(|(sum, count)| *sum += count);
        let goal = if *kind == Kind::Phone { "≥ 0.90 / 0.90" } else { "" };
        let (recall, precision) = (count[0] as f64 / count[2] as f64, count[0] as f64 / count[1] as f64);
        table.row(
            format!("{} recall / precision", kind.name()),
            goal,
            format!("{recall:.3} / {precision:.3} ({})", count[2]),
        );
    }
    let f1 = 2.0 * all[0] as f64 / (all[1] + all[2]) as f64;
    table.row("structured, F1 (presidio-research sentences)", "≥ 0.97", format!("{f1:.3}"));
    Ok(())
}
