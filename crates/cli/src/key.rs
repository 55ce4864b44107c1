//! `sluice key`: virtual keys.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use sluice_core::key::{self, KeyRecord, SECRET_PREFIX};
use sluice_types::time::Timestamp;

use crate::remote::{Remote, encoded, table};

/// What to do with keys.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Make a new key: the key itself, shown this once, and the record to put into the store
    Mint {
        /// The tenant it belongs to
        #[arg(long)]
        tenant: String,
        /// A name for people
        #[arg(long)]
        name: Option<String>,
    },
    /// Give a tenant of a running gateway a key, which is shown this once
    Create {
        /// The tenant's id
        tenant: String,
        /// For web pages: works on `--origin` for `--models` only
        #[arg(long, requires = "origin", requires = "models")]
        publishable: bool,
        #[command(flatten)]
        about: About,
    },
    /// Change what is given, and leave the rest
    Update {
        /// The tenant's id
        tenant: String,
        /// The key's id
        key: String,
        #[command(flatten)]
        about: About,
        /// Switch it off, or on again
        #[arg(long)]
        disabled: Option<bool>,
    },
    /// List a tenant's keys
    List {
        /// The tenant's id
        tenant: String,
    },
    /// Give a key another plain form; the one before works on for a while
    Rotate {
        /// The tenant's id
        tenant: String,
        /// The key's id
        key: String,
        /// How many seconds the old one works on
        #[arg(long, default_value_t = 86_400)]
        overlap_seconds: u64,
    },
    /// Switch a key off
    Revoke {
        /// The tenant's id
        tenant: String,
        /// The key's id
        key: String,
    },
    /// Delete a key
    Delete {
        /// The tenant's id
        tenant: String,
        /// The key's id
        key: String,
    },
}

/// What a key is and may do.
#[derive(clap::Args)]
pub struct About {
    /// A name for people
    #[arg(long)]
    name: Option<String>,
    /// A website that a publishable key works on, such as https://app.example.com; may be given more than once
    #[arg(long)]
    origin: Vec<String>,
    /// The models it may name, parted by commas: names, or provider/*
    #[arg(long, value_delimiter = ',')]
    models: Option<Vec<String>>,
    /// The providers its requests may go to, parted by commas
    #[arg(long, value_delimiter = ',')]
    providers: Option<Vec<String>>,
    /// Requests each visitor may make in a minute with a publishable key
    #[arg(long)]
    visitor_requests: Option<u64>,
    /// A tag on each of its requests, as NAME=VALUE; may be given more than once
    #[arg(long, value_parser = pair)]
    tag: Vec<(String, String)>,
    /// Guardrails for all of its requests, parted by commas
    #[arg(long, value_delimiter = ',')]
    guardrails: Option<Vec<String>>,
    /// What it may do with files and vector stores
    #[arg(long, value_parser = ["none", "search", "read", "write"])]
    knowledge: Option<String>,
    /// Whether answers to its requests are cached, instead of what the model says; after `off` no request may ask for more
    #[arg(long, value_parser = ["off", "exact", "semantic"])]
    cache_mode: Option<String>,
    /// Who shares answers to its requests, where that is fewer than the model lets
    #[arg(long, value_parser = ["tenant", "key", "user"])]
    cache_scope: Option<String>,
    /// The part of the tenant's cache that its requests use
    #[arg(long)]
    cache_namespace: Option<String>,
    /// The day, in UTC, at whose beginning it ends, such as 2027-01-31
    #[arg(long, value_parser = day)]
    expires: Option<Timestamp>,
    /// Limits and budgets of its own, as JSON
    #[arg(long)]
    limits: Option<String>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn day(text: &str) -> Result<Timestamp, String> {
    Timestamp::from_date(text).ok_or_else(|| "must be a day in UTC such as 2027-01-31".to_owned())
}

impl About {
    fn body(&self) -> Result<Map<String, Value>> {
        let some = |list: &[String]| (!list.is_empty()).then(|| json!(list));
        let tags: Map<String, Value> =
            self.tag.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
        let cache =
            [("mode", &self.cache_mode), ("scope", &self.cache_scope), ("namespace", &self.cache_namespace)];
        let cache: Map<String, Value> = cache
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?.into())))
            .collect();
        let limits = self.limits.as_deref().map(serde_json::from_str::<Value>).transpose();
        let members = [
            ("name", self.name.clone().map(Value::from)),
            ("origins", some(&self.origin)),
            ("models", self.models.clone().map(Value::from)),
            ("providers", self.providers.clone().map(Value::from)),
            ("visitor_requests_per_minute", self.visitor_requests.map(Value::from)),
            ("tags", (!tags.is_empty()).then_some(Value::Object(tags))),
            ("guardrails", self.guardrails.clone().map(Value::from)),
            ("knowledge", self.knowledge.clone().map(Value::from)),
            ("cache", (!cache.is_empty()).then_some(Value::Object(cache))),
            ("expires_at", self.expires.map(|end| json!(end))),
            ("limits", limits.map_err(|error| anyhow::anyhow!("--limits is not JSON: {error}"))?),
        ];
        Ok(members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
    }
}

/// Runs a command.
///
/// # Errors
///
/// If the tenant's name cannot be one, or the machine gives no random bytes.
pub fn run(remote: &Remote, command: &Command) -> Result<ExitCode> {
    let at = |tenant: &str, key: &str| format!("tenants/{}/keys/{}", encoded(tenant), encoded(key));
    let shown = |answer: &Value| {
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        vec![
            format!("key  {}", text("key")),
            format!("id   {}", text("id")),
            "It is shown this once.".to_owned(),
        ]
    };
    match command {
        Command::Mint { tenant, name } => return mint(tenant, name.as_ref(), remote.json),
        Command::Create { tenant, publishable, about } => {
            let mut body = about.body()?;
            body.insert("kind".to_owned(), if *publishable { "publishable" } else { "secret" }.into());
            let path = format!("tenants/{}/keys", encoded(tenant));
            remote.tell(&remote.ask("POST", &path, Some(&body.into()))?, shown)?;
        }
        Command::Update { tenant, key, about, disabled } => {
            let mut body = about.body()?;
            if let Some(disabled) = disabled {
                body.insert("disabled".to_owned(), (*disabled).into());
            }
            ensure!(!body.is_empty(), "nothing to change: see `sluice key update --help`");
            let changed = remote.ask("PATCH", &at(tenant, key), Some(&body.into()))?;
            remote.tell(&changed, |record| vec![serde_json::to_string_pretty(record).unwrap_or_default()])?;
        }
        Command::List { tenant } => {
            let list = remote.ask("GET", &format!("tenants/{}/keys", encoded(tenant)), None)?;
            remote.tell(&list, |list| {
                table(list, &["id", "name", "kind", "disabled", "models", "origins", "expires_at"], 7)
            })?;
        }
        Command::Rotate { tenant, key, overlap_seconds } => {
            let body = json!({"overlap_seconds": overlap_seconds});
            remote.tell(&remote.ask("POST", &format!("{}/rotate", at(tenant, key)), Some(&body))?, shown)?;
        }
        Command::Revoke { tenant, key } => {
            let answer = remote.ask("POST", &format!("{}/revoke", at(tenant, key)), None)?;
            remote.tell(&answer, |_| vec![format!("{key} is off: at once here, within 30 s everywhere")])?;
        }
        Command::Delete { tenant, key } => {
            let answer = remote.ask("DELETE", &at(tenant, key), None)?;
            remote.tell(&answer, |_| vec![format!("deleted {key}")])?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn mint(tenant: &str, name: Option<&String>, json: bool) -> Result<ExitCode> {
    ensure!(key::is_name(tenant), "a tenant's name has {}", key::NAME);
    let (mut secret, mut id) = ([0; 32], [0; 9]);
    getrandom::fill(&mut secret)
        .and_then(|()| getrandom::fill(&mut id))
        .map_err(|e| anyhow::anyhow!("{e}"))?;
    let plain = format!("{SECRET_PREFIX}{}", URL_SAFE_NO_PAD.encode(secret));
    let digest = key::digest(&plain);
    let record = KeyRecord {
        id: format!("key_{}", key::hex(&id)),
        tenant: tenant.to_owned(),
        name: name.cloned(),
        ..KeyRecord::default()
    };
    let store_key = key::store_key(&digest);
    if json {
        let all = serde_json::json!({
            "key": plain, "sha256": key::hex(&digest), "store_key": store_key, "record": record,
        });
        crate::say(&serde_json::to_string_pretty(&all)?);
    } else {
        crate::say(&format!("key       {plain}"));
        crate::say(&format!("sha256    {}", key::hex(&digest)));
        crate::say(&format!("store     {store_key}"));
        crate::say(&format!("record    {}", serde_json::to_string(&record)?));
        eprintln!("The key is shown this once: only its digest is stored.");
    }
    Ok(ExitCode::SUCCESS)
}
