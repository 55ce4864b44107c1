//! Documents that were given up, and bringing them on their way again.

use std::time::Duration;

use serde_json::{Map, Value, json};
use sluice_types::error::Failure;

use super::{down, queue_down, told, unexpected};
use crate::{
    admin,
    config::Config,
    gateway::{
        Reply, library,
        queue::{self, Answer, Call},
    },
    knowledge::message::{Dead, Job, Message},
    port::Host,
};

/// The most dead letters of one request.
const MOST: u32 = 100;

/// Lists dead letters.
pub(in crate::gateway) async fn dead<H: Host>(host: &H, query: &str) -> Result<Reply<H::Body>, Failure> {
    let found = admin::query(query, &["after", "limit"])?;
    let after = found.get("after").and_then(Value::as_str).unwrap_or_default();
    let most = match found.get("limit").and_then(Value::as_str) {
        None => MOST,
        Some(text) => {
            let wrong = || Failure::invalid("limit", format!("must be a number from 1 to {MOST}"));
            text.parse().ok().filter(|most| (1..=MOST).contains(most)).ok_or_else(wrong)?
        }
    };
    let dead = letters(host, after, most).await?;
    let more = dead.len() == most as usize;
    let data: Vec<Value> = dead.iter().map(shown).collect();
    Ok(told(&json!({"object": "list", "data": data, "has_more": more})))
}

async fn letters<H: Host>(host: &H, after: &str, most: u32) -> Result<Vec<Dead>, Failure> {
    match queue::ask(host, Call::Dead { after: after.to_owned(), most }).await.map_err(down)? {
        Answer::Dead(dead) => Ok(dead),
        _ => Err(unexpected()),
    }
}

fn shown(dead: &Dead) -> Value {
    let message: Value = serde_json::from_str(&dead.message).unwrap_or_else(|_| dead.message.as_str().into());
    json!({
        "id": dead.id,
        "object": "dead_letter",
        "message": message,
        "reason": dead.reason,
        "attempts": dead.attempts,
        "died_at": dead.died_at,
    })
}

/// Brings the documents of dead letters on their way again: those with the `ids`, else all, a hundred at a time.
pub(in crate::gateway) async fn replay<H: Host>(
    host: &H,
    config: &Config,
    asked: &Map<String, Value>,
) -> Result<Reply<H::Body>, Failure> {
    let ids = match asked.get("ids") {
        None | Some(Value::Null) => None,
        Some(ids) => {
            let wrong = || Failure::invalid("ids", "must be a list of dead letters' ids");
            let ids = ids.as_array().ok_or_else(wrong)?.iter().map(|id| id.as_str().map(str::to_owned));
            Some(ids.collect::<Option<Vec<_>>>().ok_or_else(wrong)?)
        }
    };
    let (mut replayed, mut after) = (Vec::new(), String::new());
    let more = loop {
        let dead = letters(host, &after, MOST).await?;
        let Some(last) = dead.last() else { break false };
        after.clone_from(&last.id);
        let wanted: Vec<&Dead> =
            dead.iter().filter(|dead| ids.as_ref().is_none_or(|ids| ids.contains(&dead.id))).collect();
        for dead in &wanted {
            revive(host, config, dead).await?;
            replayed.push(dead.id.clone());
        }
        if ids.is_none() {
            break dead.len() == MOST as usize;
        }
    };
    let all = ids.is_none() && !more;
    let redriven = if all { queue::redrive(host, config).await.map_err(queue_down)? } else { 0 };
    Ok(told(&json!({"object": "ingest.replay", "replayed": replayed, "redriven": redriven, "more": more})))
}

/// The document first, the note then, the dead letter last: whoever is stopped between does it again. The document may be
/// given up again before that: then the letter is a new one, and stays.
async fn revive<H: Host>(host: &H, config: &Config, dead: &Dead) -> Result<(), Failure> {
    if let Some(message) = Message::read(&dead.message) {
        if message.job == Job::Index {
            let (store, file) = (message.store.clone(), message.file.clone());
            let call = library::Call::Retry { store, file };
            library::ask(host, &message.tenant, call).await.map_err(down)?;
        }
        queue::send(host, config, &[message], Duration::ZERO).await.map_err(queue_down)?;
    }
    let forget = Call::Forget { id: dead.id.clone(), died_at: dead.died_at };
    queue::ask(host, forget).await.map_err(down).map(drop)
}
