//! `sluice audit`: who changed what, and whether the log is whole.

use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::Value;
use sluice_core::gateway::object::{Entry, GENESIS, chained};

use crate::remote::{Remote, table};

/// What to do with the audit log.
#[derive(clap::Subcommand)]
pub enum Command {
    /// List changes, the oldest first
    List {
        /// Only entries after this number
        #[arg(long, default_value_t = 0)]
        after: u64,
        /// How many at most
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Check that no entry was changed, left out or put in
    Verify {
        /// The hash of an entry noted earlier: the log must hold it
        #[arg(long)]
        contains: Option<String>,
    },
}

/// Runs a command.
///
/// # Errors
///
/// What the gateway says is wrong, or that it does not answer.
pub fn run(remote: &Remote, command: &Command) -> Result<ExitCode> {
    match command {
        Command::List { after, limit } => {
            let mut log = remote.ask("GET", &format!("audit?after={after}&limit={limit}"), None)?;
            if let Some(entries) = log["data"].as_array_mut() {
                for entry in entries {
                    let text = entry["text"].as_str().unwrap_or_default();
                    entry["change"] = serde_json::from_str(text).unwrap_or_default();
                }
            }
            remote.tell(&log, |log| {
                table(
                    log,
                    &[
                        "number",
                        "change.time",
                        "change.actor",
                        "change.address",
                        "change.action",
                        "change.about",
                    ],
                    6,
                )
            })?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Verify { contains } => {
            let (mut entries, mut after) = (Vec::new(), 0);
            loop {
                let mut page = remote.ask("GET", &format!("audit?after={after}&limit=1000"), None)?;
                let page: Vec<Entry> =
                    serde_json::from_value(page["data"].take()).context("the answer holds no entries")?;
                let Some(last) = page.last() else { break };
                after = last.number;
                entries.extend(page);
            }
            let fault = fault(&entries, contains.as_deref());
            let head = entries.last().map_or(GENESIS, |entry| entry.hash.as_str());
            let told = serde_json::json!({"entries": entries.len(), "head": head, "whole": fault.is_none(), "fault": fault});
            remote.tell(&told, |told| match &fault {
                None => vec![
                    format!("whole: {} entries, each chained to the one before", entries.len()),
                    format!("head {head}"),
                    "Note the head somewhere else: `--contains` then shows that nothing up to it was rewritten.".to_owned(),
                ],
                Some(_) => vec![format!("BROKEN: {}", told["fault"].as_str().unwrap_or_default())],
            })?;
            Ok(if fault.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

/// What is wrong with a log; `None` if nothing is.
fn fault(entries: &[Entry], contains: Option<&str>) -> Option<String> {
    let mut before = GENESIS;
    for (entry, number) in entries.iter().zip(1..) {
        if entry.number != number {
            return Some(format!("entry {number} is missing: {} comes next", entry.number));
        }
        if entry.hash != chained(before, &entry.text) {
            return Some(format!(
                "entry {number} was changed, or one before it: its hash is not that of its text"
            ));
        }
        if serde_json::from_str::<Value>(&entry.text).is_err() {
            return Some(format!("entry {number} is not JSON"));
        }
        before = &entry.hash;
    }
    match contains {
        Some(hash) if hash != GENESIS && !entries.iter().any(|entry| entry.hash == hash) => {
            Some(format!("no entry has the hash {hash}: the log was rewritten or cut"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> Vec<Entry> {
        let mut before = GENESIS.to_owned();
        (1..=4)
            .map(|number| {
                let text = format!("{{\"action\":{number}}}");
                before = chained(&before, &text);
                Entry { number, text, hash: before.clone() }
            })
            .collect()
    }

    #[test]
    fn every_kind_of_tampering_is_found() {
        let whole = log();
        assert_eq!(fault(&whole, Some(&whole[1].hash)), None);
        assert_eq!(fault(&[], None), None);
        let mut changed = log();
        changed[1].text = "{}".to_owned();
        assert!(fault(&changed, None).unwrap().starts_with("entry 2 was changed"));
        let mut rehashed = changed;
        rehashed[1].hash = chained(&rehashed[0].hash, "{}");
        assert!(fault(&rehashed, None).unwrap().starts_with("entry 3 was changed"));
        let mut short = log();
        short.remove(2);
        assert!(fault(&short, None).unwrap().starts_with("entry 3 is missing"));
        assert!(fault(&whole[..2], Some(&whole[3].hash)).unwrap().contains("rewritten or cut"));
    }
}
