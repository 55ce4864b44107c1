//! Disguises: of the attacks that are caught plainly, how many still are.

use std::collections::BTreeMap;

use anyhow::Result;
use sluice_guardrails::canonical::canonicalise;
use sluice_guardrails::injection::{Detector, OperatingPoint, Trust};

use crate::data::{self, Row};
use crate::table;

/// The study's figures, canonicalised.
const BASELINES: [(&str, &str); 14] = [
    ("homoglyph 50%", "1.00"),
    ("zero-width", "1.00"),
    ("soft hyphen", "1.00"),
    ("fullwidth", "1.00"),
    ("tag chars", "1.00"),
    ("spaced letters", ".88"),
    ("dotted letters", "1.00"),
    ("base64", ".96"),
    ("hex", ".96"),
    ("rot13", ".90"),
    ("reversed", ".90"),
    ("leet", ".91"),
    ("diacritics", ".97"),
    ("typos 8%", ".84"),
];

/// Prints a row per disguise; each text is judged by the model that was not trained on the half its plain form is in.
///
/// # Errors
///
/// If the data is not there.
pub fn report(folds: &[Detector]) -> Result<()> {
    let rows = data::read::<Row>("obfuscated")?;
    let groups: BTreeMap<(u8, u32), usize> = rows
        .iter()
        .filter(|row| row.how == "plain")
        .map(|row| ((row.label, row.base), crate::folds::half(&row.text)))
        .collect();
    let rows: Vec<(Row, bool)> = rows
        .into_iter()
        .map(|row| {
            let detector = &folds
                [groups.get(&(row.label, row.base)).copied().unwrap_or(crate::folds::SHARED_GRAMMAR[0])];
            let report = detector.inspect(&canonicalise(&row.text), Trust::User);
            let caught = detector.threshold(Trust::User, OperatingPoint::Balanced) <= report.score;
            (row, caught)
        })
        .collect();
    let plain: BTreeMap<(u8, u32), bool> = rows
        .iter()
        .filter(|(row, _)| row.how == "plain")
        .map(|(row, caught)| ((row.label, row.base), *caught))
        .collect();
    let mut hows: Vec<&str> = Vec::new();
    for (row, _) in &rows {
        if !hows.contains(&row.how.as_str()) {
            hows.push(&row.how);
        }
    }
    table::heading("Disguised attacks: share of the plainly caught that are still caught");
    table::head(&["disguise", "caught", "study", "harmless flagged in it"]);
    for how in hows {
        let of = |label| rows.iter().filter(move |(row, _)| row.how == how && row.label == label);
        let bases: Vec<bool> = of(1)
            .filter(|(row, _)| plain.get(&(row.label, row.base)) == Some(&true))
            .map(|(_, caught)| *caught)
            .collect();
        let caught = bases.iter().filter(|caught| **caught).count();
        let study = BASELINES.iter().find(|(name, _)| *name == how).map_or("-", |(_, figure)| figure);
        table::row(&[
            how.to_owned(),
            table::share(caught, bases.len()),
            study.to_owned(),
            table::share(of(0).filter(|(_, caught)| *caught).count(), of(0).count()),
        ]);
    }
    Ok(())
}
