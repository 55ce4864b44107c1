//! Documents that were given up.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::{Value, json};

use crate::remote::{Remote, query, table};

/// Lists them all, a page at a time.
pub fn list(remote: &Remote) -> Result<ExitCode> {
    let mut all: Vec<Value> = Vec::new();
    loop {
        let after = all.last().and_then(|letter| letter["id"].as_str()).map(str::to_owned);
        let page =
            remote.ask("GET", &format!("ingest/dead{}", query(&[("after", after.as_deref())])), None)?;
        let letters = page["data"].as_array().cloned().unwrap_or_default();
        let more = page["has_more"] == true && !letters.is_empty();
        all.extend(letters);
        if !more {
            break;
        }
    }
    remote.tell(&json!({"object": "list", "data": all}), |list| match all.is_empty() {
        true => vec!["no document was given up".to_owned()],
        false => {
            table(list, &["id", "message.tenant", "message.store", "message.file", "attempts", "reason"], 6)
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Brings them on their way again: those with these ids, else all. The gateway takes a number at a time.
pub fn replay(remote: &Remote, ids: &[String]) -> Result<ExitCode> {
    let asked = if ids.is_empty() { json!({}) } else { json!({"ids": ids}) };
    let mut replayed: Vec<Value> = Vec::new();
    loop {
        let told = remote.ask("POST", "ingest/replay", Some(&asked))?;
        let some = told["replayed"].as_array().cloned().unwrap_or_default();
        let more = told["more"] == true && !some.is_empty();
        replayed.extend(some);
        if !more {
            break;
        }
    }
    let unknown: Vec<&String> =
        ids.iter().filter(|id| !replayed.iter().any(|own| own == id.as_str())).collect();
    remote.tell(&json!({"object": "ingest.replay", "replayed": replayed, "unknown": unknown}), |_| {
        let count = replayed.len();
        let documents =
            if count == 1 { "1 document is".to_owned() } else { format!("{count} documents are") };
        let mut lines = vec![format!("{documents} on the way again")];
        lines.extend(unknown.iter().map(|id| format!("no document {id} was given up")));
        lines
    })?;
    Ok(if unknown.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
