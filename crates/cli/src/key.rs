//! `sluice key`: virtual keys.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sluice_core::key::{self, KeyRecord, SECRET_PREFIX};

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
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

/// Runs a command.
///
/// # Errors
///
/// If the tenant's name cannot be one, or the machine gives no random bytes.
pub fn run(command: &Command) -> Result<ExitCode> {
    let Command::Mint { tenant, name, json } = command;
    ensure!(key::is_tenant_id(tenant), "a tenant's name has 1 to 64 letters, digits, `-`, `_` or `.`");
    let (mut secret, mut id) = ([0; 32], [0; 9]);
    getrandom::fill(&mut secret)
        .and_then(|()| getrandom::fill(&mut id))
        .map_err(|e| anyhow::anyhow!("{e}"))?;
    let plain = format!("{SECRET_PREFIX}{}", URL_SAFE_NO_PAD.encode(secret));
    let digest = key::digest(&plain);
    let record = KeyRecord {
        id: format!("key_{}", key::hex(&id)),
        tenant: tenant.clone(),
        name: name.clone(),
        ..KeyRecord::default()
    };
    let store_key = key::store_key(&digest);
    if *json {
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
