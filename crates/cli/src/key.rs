//! `sluice key`: virtual keys.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sluice_core::key::{self, KeyRecord, SECRET_PREFIX};

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
        /// A name for people
        #[arg(long)]
        name: Option<String>,
        /// For web pages: works on `--origin` for `--models` only
        #[arg(long, requires = "origin", requires = "models")]
        publishable: bool,
        /// A website it works on, such as https://app.example.com; may be given more than once
        #[arg(long)]
        origin: Vec<String>,
        /// The models it may name, parted by commas
        #[arg(long, value_delimiter = ',')]
        models: Option<Vec<String>>,
        /// Requests each visitor may make in a minute
        #[arg(long, requires = "publishable")]
        visitor_requests: Option<u64>,
        /// Limits and budgets of its own, as JSON
        #[arg(long)]
        limits: Option<String>,
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
        Command::Create { tenant, name, publishable, origin, models, visitor_requests, limits } => {
            let limits = limits.as_deref().map(serde_json::from_str::<Value>).transpose();
            let mut body = json!({
                "kind": if *publishable { "publishable" } else { "secret" },
                "name": name,
                "models": models,
                "visitor_requests_per_minute": visitor_requests,
                "limits": limits.map_err(|error| anyhow::anyhow!("--limits is not JSON: {error}"))?,
            });
            if !origin.is_empty() {
                body["origins"] = origin.clone().into();
            }
            let path = format!("tenants/{}/keys", encoded(tenant));
            remote.tell(&remote.ask("POST", &path, Some(&body))?, shown)?;
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
    ensure!(key::is_tenant_id(tenant), "a tenant's name has 1 to 64 letters, digits, `-`, `_` or `.`");
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
