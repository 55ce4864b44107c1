//! `cargo xtask configure DIR`: what Terraform made, into the hosts' manifests. Comments and everything else in them stay.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, Value, value};

use crate::build::CONFIGURATION;
use crate::process::root;
use crate::terraform;

/// The manifests of the two Workers.
const GATEWAY: &str = "wrangler.toml";
const INGEST: &str = "wrangler.ingest.toml";

/// The bindings' names, as crates/cloudflare knows them.
const QUEUE: &str = "INGEST";
const BUCKET: &str = "DOCUMENTS";

/// Arguments of `cargo xtask configure`.
#[derive(clap::Args)]
pub struct Arguments {
    /// The folder of the Terraform root, such as infra/examples/cloudflare
    #[arg(value_name = "DIR", required_unless_present = "from")]
    folder: Option<PathBuf>,
    /// Terraform's outputs as `terraform output -json` prints them, for where Terraform runs elsewhere
    #[arg(long, value_name = "FILE", conflicts_with = "folder")]
    from: Option<PathBuf>,
}

/// The output `sluice` of the roots in `infra/examples`.
#[derive(Debug, Deserialize)]
#[serde(tag = "platform", rename_all = "snake_case")]
enum Outputs {
    Cloudflare(Cloudflare),
    Sqs { queue: Sqs },
}

#[derive(Debug, Deserialize)]
struct Cloudflare {
    name: String,
    queue: Queue,
    /// Ids by binding.
    kv_namespaces: BTreeMap<String, String>,
    bucket: Bucket,
    secrets: Secrets,
}

#[derive(Debug, Deserialize)]
struct Queue {
    name: String,
    dead_letter: String,
    consumer: Consumer,
}

#[derive(Debug, Deserialize)]
struct Consumer {
    batch_size: i64,
    max_wait_time_ms: i64,
    max_retries: i64,
    retry_delay: i64,
    max_concurrency: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct Bucket {
    name: String,
    jurisdiction: String,
}

#[derive(Debug, Deserialize)]
struct Secrets {
    store_id: Option<String>,
    /// Names in the store by binding.
    names: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct Sqs {
    url: String,
    dead_letter_url: String,
    region: String,
}

/// Runs `cargo xtask configure`.
///
/// # Errors
///
/// If Terraform tells no outputs, or a manifest cannot be read or written.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let told = match (&arguments.from, &arguments.folder) {
        (Some(file), _) => {
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?
        }
        (None, Some(folder)) => ask_terraform(folder)?,
        (None, None) => bail!("name the folder of the Terraform root, such as infra/examples/cloudflare"),
    };
    match read(&told)? {
        Outputs::Cloudflare(outputs) => {
            for (file, of) in [(GATEWAY, Worker::Gateway), (INGEST, Worker::Ingest)] {
                let path = root().join(file);
                let old = fs::read_to_string(&path).with_context(|| format!("cannot read {file}"))?;
                let new = manifest(&old, &outputs, of).with_context(|| format!("in {file}"))?;
                write(&path, file, &old, &new)?;
            }
            println!("next: npx wrangler@4.86 deploy && npx wrangler@4.86 deploy -c {INGEST}");
        }
        Outputs::Sqs { queue } => {
            let path = root().join(CONFIGURATION);
            let old = fs::read_to_string(&path).unwrap_or_default();
            let Some(new) = configuration(&old, &queue) else {
                bail!("{CONFIGURATION} has a queue: already; make it\n\n{}", section(&queue));
            };
            write(&path, CONFIGURATION, &old, &new)?;
            println!(
                "next: cargo xtask build --host spin, then spin up or spin deploy with the variables aws_access_key_id, \
                 aws_secret_access_key and sluice_drain_key"
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn ask_terraform(folder: &Path) -> Result<String> {
    let output = Command::new("terraform")
        .arg(format!("-chdir={}", folder.display()))
        .args(["output", "-json"])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| terraform::INSTALL.to_owned())?;
    if !output.status.success() {
        bail!("terraform told no outputs of {}: run terraform apply there first", folder.display());
    }
    String::from_utf8(output.stdout).context("terraform's outputs are not text")
}

/// Reads all outputs of a root, or its output `sluice` alone.
fn read(told: &str) -> Result<Outputs> {
    let told: serde_json::Value = serde_json::from_str(told).context("Terraform's outputs are not JSON")?;
    let all = told.pointer("/sluice/value").cloned();
    let sluice = all.unwrap_or(told);
    if sluice.get("platform").is_none() {
        bail!("there is no output `sluice`: run terraform apply first, and see infra/examples/*/outputs.tf");
    }
    serde_json::from_value(sluice).context("the output `sluice` is not as infra/examples/*/outputs.tf says")
}

fn write(path: &Path, name: &str, old: &str, new: &str) -> Result<()> {
    if old == new {
        println!("{name} is as Terraform says");
        return Ok(());
    }
    fs::write(path, new).with_context(|| format!("cannot write {name}"))?;
    println!("{name} changed");
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Worker {
    Gateway,
    Ingest,
}

/// The manifest `text` of a Worker, with what Terraform made.
fn manifest(text: &str, outputs: &Cloudflare, of: Worker) -> Result<String> {
    let mut manifest: DocumentMut = text.parse().context("it is not TOML")?;
    let name = match of {
        Worker::Gateway => outputs.name.clone(),
        Worker::Ingest => format!("{}-ingest", outputs.name),
    };
    put(manifest.as_table_mut(), "name", name);
    for (binding, id) in &outputs.kv_namespaces {
        put(bound(list(&mut manifest, &["kv_namespaces"])?, "binding", binding), "id", id.as_str());
    }
    let bucket = bound(list(&mut manifest, &["r2_buckets"])?, "binding", BUCKET);
    put(bucket, "bucket_name", outputs.bucket.name.as_str());
    match outputs.bucket.jurisdiction.as_str() {
        "default" => _ = bucket.remove("jurisdiction"),
        jurisdiction => put(bucket, "jurisdiction", jurisdiction),
    }
    let producer = bound(list(&mut manifest, &["queues", "producers"])?, "binding", QUEUE);
    put(producer, "queue", outputs.queue.name.as_str());
    if of == Worker::Ingest {
        let objects = list(&mut manifest, &["durable_objects", "bindings"])?;
        objects.iter_mut().for_each(|object| put(object, "script_name", outputs.name.as_str()));
        consumers(list(&mut manifest, &["queues", "consumers"])?, &outputs.queue);
        let variables = manifest.as_table_mut().entry("vars").or_insert_with(toml_edit::table);
        let variables = variables.as_table_mut().context("vars is no table")?;
        put(variables, "DEAD_LETTERS", outputs.queue.dead_letter.as_str());
    }
    if let Some(store) = &outputs.secrets.store_id {
        for (binding, name) in &outputs.secrets.names {
            let secret = bound(list(&mut manifest, &["secrets_store_secrets"])?, "binding", binding);
            put(secret, "store_id", store.as_str());
            put(secret, "secret_name", name.as_str());
        }
    }
    Ok(manifest.to_string())
}

/// The consumers of the queue, as Terraform's variables want it, and of its dead letters.
fn consumers(tables: &mut ArrayOfTables, queue: &Queue) {
    while tables.len() < 2 {
        tables.push(Table::new());
    }
    let mut tables = tables.iter_mut();
    if let Some(table) = tables.next() {
        let wanted = &queue.consumer;
        put(table, "queue", queue.name.as_str());
        put(table, "max_batch_size", wanted.batch_size);
        // Whole seconds here.
        put(table, "max_batch_timeout", (wanted.max_wait_time_ms + 999) / 1000);
        put(table, "max_retries", wanted.max_retries);
        put(table, "retry_delay", wanted.retry_delay);
        put(table, "dead_letter_queue", queue.dead_letter.as_str());
        match wanted.max_concurrency {
            Some(most) => put(table, "max_concurrency", most),
            None => _ = table.remove("max_concurrency"),
        }
    }
    if let Some(table) = tables.next() {
        put(table, "queue", queue.dead_letter.as_str());
    }
}

/// Sets a member; what stands beside it stays.
fn put(table: &mut Table, name: &str, wanted: impl Into<Value>) {
    let mut wanted: Value = wanted.into();
    match table.get_mut(name) {
        Some(item) => {
            if let Some(old) = item.as_value() {
                *wanted.decor_mut() = old.decor().clone();
            }
            *item = Item::Value(wanted);
        }
        None => _ = table.insert(name, value(wanted)),
    }
}

/// The list of tables `[[a.b]]`, made if it is not there.
fn list<'a>(manifest: &'a mut DocumentMut, path: &[&str]) -> Result<&'a mut ArrayOfTables> {
    let (last, parents) = path.split_last().context("no name")?;
    let mut table = manifest.as_table_mut();
    for name in parents {
        let item = table.entry(name).or_insert_with(|| {
            let mut parent = Table::new();
            parent.set_implicit(true);
            Item::Table(parent)
        });
        table = item.as_table_mut().with_context(|| format!("{name} is no table"))?;
    }
    let item = table.entry(last).or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    item.as_array_of_tables_mut().with_context(|| format!("write [[{}]]", path.join(".")))
}

/// The table of a list whose `key` is `name`, made if it is not there.
fn bound<'a>(tables: &'a mut ArrayOfTables, key: &str, name: &str) -> &'a mut Table {
    let is_it = |table: &Table| table.get(key).and_then(Item::as_str) == Some(name);
    let found = tables.iter().position(is_it);
    let at = found.unwrap_or_else(|| {
        let mut table = Table::new();
        table.insert(key, value(name));
        tables.push(table);
        tables.len() - 1
    });
    tables.get_mut(at).expect("the table was just found")
}

/// The section of sluice.yaml that names a queue of SQS.
fn section(queue: &Sqs) -> String {
    let Sqs { url, dead_letter_url, region } = queue;
    format!("queue:\n  sqs:\n    url: {url}\n    dead_letter_url: {dead_letter_url}\n    region: {region}\n")
}

/// sluice.yaml with the queue; `None` if it names another already.
fn configuration(text: &str, queue: &Sqs) -> Option<String> {
    let section = section(queue);
    if text.contains(&section) {
        return Some(text.to_owned());
    }
    if text.lines().any(|line| line.starts_with("queue:")) {
        return None;
    }
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    Some(format!("{text}{end}{section}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &str = r#"{"sluice": {"sensitive": false, "type": "object", "value": {
        "platform": "cloudflare", "name": "acme",
        "queue": {"name": "acme-ingest", "dead_letter": "acme-ingest-dead",
            "consumer": {"batch_size": 3, "max_wait_time_ms": 1500, "max_retries": 2, "retry_delay": 30, "max_concurrency": null}},
        "kv_namespaces": {"KV": "0f2a"},
        "bucket": {"name": "acme-documents", "jurisdiction": "eu"},
        "secrets": {"store_id": "5e", "names": {"OPENAI_API_KEY": "acme-openai-api-key"}}}}}"#;

    fn outputs() -> Cloudflare {
        match read(TOLD).unwrap() {
            Outputs::Cloudflare(outputs) => outputs,
            Outputs::Sqs { .. } => panic!("not Cloudflare"),
        }
    }

    fn committed(name: &str) -> String {
        fs::read_to_string(root().join(name)).unwrap()
    }

    fn at<'a>(manifest: &'a toml::Value, path: &str) -> &'a toml::Value {
        path.split('.').fold(manifest, |value, name| match name.parse::<usize>() {
            Ok(at) => &value[at],
            Err(_) => &value[name],
        })
    }

    #[test]
    fn both_manifests_get_what_terraform_made() {
        for (file, of) in [(GATEWAY, Worker::Gateway), (INGEST, Worker::Ingest)] {
            let new = manifest(&committed(file), &outputs(), of).unwrap();
            let read: toml::Value = toml::from_str(&new).unwrap();
            let suffix = if of == Worker::Ingest { "-ingest" } else { "" };
            for (path, wanted) in [
                ("name", format!("acme{suffix}")),
                ("kv_namespaces.0.id", "0f2a".to_owned()),
                ("r2_buckets.0.bucket_name", "acme-documents".to_owned()),
                ("r2_buckets.0.jurisdiction", "eu".to_owned()),
                ("queues.producers.0.queue", "acme-ingest".to_owned()),
                ("secrets_store_secrets.0.binding", "OPENAI_API_KEY".to_owned()),
                ("secrets_store_secrets.0.store_id", "5e".to_owned()),
                ("secrets_store_secrets.0.secret_name", "acme-openai-api-key".to_owned()),
            ] {
                assert_eq!(at(&read, path).as_str(), Some(wanted.as_str()), "{file}: {path}");
            }
            if of == Worker::Ingest {
                assert_eq!(at(&read, "durable_objects.bindings.0.script_name").as_str(), Some("acme"));
                let consumer = at(&read, "queues.consumers.0");
                let number = |name: &str| consumer[name].as_integer();
                assert_eq!(
                    ["max_batch_size", "max_batch_timeout", "max_retries", "retry_delay"].map(number),
                    [Some(3), Some(2), Some(2), Some(30)]
                );
                assert_eq!(consumer["dead_letter_queue"].as_str(), Some("acme-ingest-dead"));
                assert_eq!(at(&read, "queues.consumers.1.queue").as_str(), Some("acme-ingest-dead"));
                assert_eq!(at(&read, "vars.DEAD_LETTERS").as_str(), Some("acme-ingest-dead"));
            }
            assert_eq!(manifest(&new, &outputs(), of).unwrap(), new, "{file} a second time");
        }
    }

    #[test]
    fn comments_and_all_else_stay() {
        let old = committed(GATEWAY);
        let new = manifest(&old, &outputs(), Worker::Gateway).unwrap();
        let comments = |text: &str| {
            text.lines().filter(|line| line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(comments(&new), comments(&old));
        let (old, new): (toml::Table, toml::Table) = (old.parse().unwrap(), new.parse().unwrap());
        for name in
            ["main", "compatibility_date", "migrations", "triggers", "durable_objects", "rules", "build"]
        {
            assert_eq!(new.get(name), old.get(name), "{name}");
        }
    }

    #[test]
    fn the_modules_defaults_are_what_is_committed() {
        let name = |text: &str| text.replace("acme", "sluice");
        let told = name(TOLD)
            .replace(
                r#""batch_size": 3, "max_wait_time_ms": 1500, "max_retries": 2, "retry_delay": 30"#,
                r#""batch_size": 5, "max_wait_time_ms": 1000, "max_retries": 4, "retry_delay": 10"#,
            )
            .replace(r#""eu""#, r#""default""#)
            .replace(r#"{"OPENAI_API_KEY": "sluice-openai-api-key"}"#, "{}")
            .replace(r#"{"KV": "0f2a"}"#, "{}");
        let Outputs::Cloudflare(outputs) = read(&told).unwrap() else { panic!("not Cloudflare") };
        for (file, of) in [(GATEWAY, Worker::Gateway), (INGEST, Worker::Ingest)] {
            assert_eq!(manifest(&committed(file), &outputs, of).unwrap(), committed(file), "{file}");
        }
    }

    #[test]
    fn a_queue_of_sqs_goes_into_the_configuration_once() {
        let told = r#"{"platform": "sqs", "name": "sluice", "queue": {"url": "https://sqs.test/1/q",
            "dead_letter_url": "https://sqs.test/1/q-dead", "region": "eu-central-1"}}"#;
        let Outputs::Sqs { queue } = read(told).unwrap() else { panic!("not SQS") };
        let first = configuration("models: {}", &queue).unwrap();
        assert!(first.starts_with("models: {}\nqueue:\n  sqs:\n    url: https://sqs.test/1/q\n"), "{first}");
        assert_eq!(configuration(&first, &queue).as_deref(), Some(first.as_str()));
        assert_eq!(configuration("queue: embedded\n", &queue), None);
    }

    #[test]
    fn without_outputs_it_says_what_to_do() {
        for told in ["{}", r#"{"other": {"value": 1}}"#] {
            assert!(read(told).unwrap_err().to_string().contains("terraform apply"));
        }
    }
}
