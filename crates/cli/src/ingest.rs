//! `sluice ingest`: documents into a vector store.

mod dead;
mod upload;
mod watch;

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

use anyhow::{Result, bail, ensure};
use serde_json::{Map, Value, json};

use crate::remote::{Remote, encoded, query};

/// What to put in, and where.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Documents, or folders of them
    files: Vec<PathBuf>,
    /// The vector store: its id, or its name; one of that name is made where there is none
    #[arg(long, default_value = "default")]
    store: String,
    /// Stay until the documents are in, and show how far they are
    #[arg(long)]
    watch: bool,
    /// Something to say of the documents, as NAME=VALUE: searches can filter by it
    #[arg(long = "attribute", value_name = "NAME=VALUE", value_parser = attribute)]
    attributes: Vec<(String, Value)>,
    /// The most tokens of a chunk, 100 to 4096; the gateway knows a good number
    #[arg(long, value_name = "TOKENS", value_parser = clap::value_parser!(u32).range(100..=4096))]
    chunk_size: Option<u32>,
    /// How many tokens of a chunk the next one repeats, at most half
    #[arg(long, value_name = "TOKENS", requires = "chunk_size")]
    chunk_overlap: Option<u32>,
}

/// What to do with documents that were given up.
#[derive(clap::Subcommand)]
enum Command {
    /// List the documents that were given up, and why
    List,
    /// Bring documents that were given up on their way again: all, or those named
    Replay {
        /// Their ids, as `sluice ingest list` shows them
        ids: Vec<String>,
    },
}

/// A value as JSON has it, where it is a number, `true` or `false`; else a text.
fn attribute(text: &str) -> Result<(String, Value)> {
    let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.is_empty()) else {
        bail!("must be NAME=VALUE");
    };
    let plain =
        serde_json::from_str::<Value>(value).ok().filter(|value| value.is_number() || value.is_boolean());
    Ok((name.to_owned(), plain.unwrap_or_else(|| value.into())))
}

/// A document on its way.
struct Sent {
    name: String,
    file: String,
}

/// Runs the command.
///
/// # Errors
///
/// What the gateway says is wrong, or that it does not answer, or that a file cannot be read.
pub fn run(remote: &Remote, arguments: &Arguments) -> Result<ExitCode> {
    match &arguments.command {
        Some(Command::List) => return dead::list(remote),
        Some(Command::Replay { ids }) => return dead::replay(remote, ids),
        None => {}
    }
    let files = upload::files(&arguments.files)?;
    ensure!(!files.is_empty(), "there are no documents there: name a file, or a folder with files in it");
    let store = store(remote, &arguments.store)?;
    let bars = watch::Bars::new(files.len());
    let mut sent = Vec::new();
    let mut failed = Vec::new();
    for file in &files {
        let name = upload::name(file);
        let bar = bars.add(&name);
        match put(remote, arguments, &store, file, &bar) {
            Ok(id) => {
                bar.sent(&id);
                sent.push((Sent { name, file: id }, bar));
            }
            Err(error) => {
                bar.failed(&format!("{error:#}"));
                failed.push(json!({"filename": name, "status": "failed", "last_error": {"message": format!("{error:#}")}}));
            }
        }
    }
    let mut members: Vec<Value> = match arguments.watch {
        true => watch::follow(remote, &store, sent)?,
        false => sent.iter().map(|(sent, _)| json!({"id": sent.file, "filename": sent.name})).collect(),
    };
    members.append(&mut failed);
    let fine =
        members.iter().all(|member| !matches!(member["status"].as_str(), Some("failed" | "cancelled")));
    remote.tell(&json!({"vector_store": store, "data": members}), |told| summary(told, arguments.watch))?;
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn summary(told: &Value, watched: bool) -> Vec<String> {
    let members: Vec<&Value> = told["data"].as_array().into_iter().flatten().collect();
    let count = |status: &str| members.iter().filter(|member| member["status"] == status).count();
    let store = told["vector_store"].as_str().unwrap_or_default();
    let (done, failed) = (count("completed"), count("failed") + count("cancelled"));
    let documents =
        |count: usize| if count == 1 { "1 document".to_owned() } else { format!("{count} documents") };
    if watched {
        let failed = if failed == 0 { String::new() } else { format!(", {failed} failed") };
        return vec![format!("{} in {store}{failed}", documents(done))];
    }
    let failed_too = if failed == 0 { String::new() } else { format!("; {failed} failed") };
    vec![format!("{} on the way into {store}{failed_too}", documents(members.len() - failed))]
}

/// Uploads a document and puts it into the store; its id.
fn put(
    remote: &Remote,
    arguments: &Arguments,
    store: &str,
    path: &std::path::Path,
    bar: &watch::Bar,
) -> Result<String> {
    let size = std::fs::metadata(path).map_or(0, |about| about.len());
    let body = upload::body(path, bar.uploading(size))?;
    let file = remote.call_with("POST", "/v1/files", body)?;
    let Some(id) = file["id"].as_str() else { bail!("the gateway told no id of the upload") };
    let mut member = Map::new();
    member.insert("file_id".to_owned(), id.into());
    let attributes: BTreeMap<&String, &Value> =
        arguments.attributes.iter().map(|(name, value)| (name, value)).collect();
    if !attributes.is_empty() {
        member.insert("attributes".to_owned(), json!(attributes));
    }
    if let Some(size) = arguments.chunk_size {
        let overlap = arguments.chunk_overlap.unwrap_or(size / 4);
        let sizes = json!({"max_chunk_size_tokens": size, "chunk_overlap_tokens": overlap});
        member.insert("chunking_strategy".to_owned(), json!({"type": "static", "static": sizes}));
    }
    remote.call("POST", &format!("/v1/vector_stores/{store}/files"), Some(&member.into()))?;
    Ok(id.to_owned())
}

/// The id of a vector store that is named by its id or its name. Of several with one name the newest is meant, as the gateway
/// does; where there is none, one is made.
fn store(remote: &Remote, named: &str) -> Result<String> {
    let id = |store: &Value| store["id"].as_str().map(str::to_owned);
    if named.starts_with("vs_") {
        let found = remote.call("GET", &format!("/v1/vector_stores/{}", encoded(named)), None)?;
        return id(&found).ok_or_else(|| anyhow::anyhow!("the gateway told no id of {named}"));
    }
    let mut after: Option<String> = None;
    loop {
        let asked = query(&[("limit", Some("100")), ("after", after.as_deref())]);
        let page = remote.call("GET", &format!("/v1/vector_stores{asked}"), None)?;
        let stores = page["data"].as_array().map(Vec::as_slice).unwrap_or_default();
        if let Some(found) = stores.iter().find(|store| store["name"] == named).and_then(id) {
            return Ok(found);
        }
        after = stores.last().and_then(id).filter(|_| page["has_more"] == true);
        if after.is_none() {
            break;
        }
    }
    let made = remote.call("POST", "/v1/vector_stores", Some(&json!({"name": named})))?;
    id(&made).ok_or_else(|| anyhow::anyhow!("the gateway told no id of the new store"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_numbers_flags_or_texts() {
        assert_eq!(attribute("year=2026").unwrap(), ("year".to_owned(), json!(2026)));
        assert_eq!(attribute("public=true").unwrap(), ("public".to_owned(), json!(true)));
        assert_eq!(attribute("team=search=eu").unwrap(), ("team".to_owned(), json!("search=eu")));
        assert_eq!(attribute("list=[1]").unwrap(), ("list".to_owned(), json!("[1]")));
        assert!(attribute("nothing").is_err() && attribute("=x").is_err());
    }
}
