//! `sluice cache`: answers that are given again.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use crate::remote::{Remote, query};

/// What to do.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Delete a tenant's cached answers: all, or those that fit every option given
    Purge {
        /// The tenant
        tenant: String,
        /// Of one model
        #[arg(long)]
        model: Option<String>,
        /// In one namespace
        #[arg(long)]
        namespace: Option<String>,
        /// Of requests with a tag, as NAME=VALUE
        #[arg(long)]
        tag: Option<String>,
        /// Made before a time, in milliseconds since 1970
        #[arg(long)]
        before: Option<String>,
    },
}

/// Does it.
///
/// # Errors
///
/// What the gateway says is wrong, or that it does not answer.
pub fn run(remote: &Remote, command: &Command) -> Result<ExitCode> {
    let Command::Purge { tenant, model, namespace, tag, before } = command;
    let (mut deleted, mut after) = (0, None::<String>);
    loop {
        let pairs = [
            ("model", model.as_deref()),
            ("namespace", namespace.as_deref()),
            ("tag", tag.as_deref()),
            ("before", before.as_deref()),
            ("after", after.as_deref()),
        ];
        let told = remote.ask("DELETE", &format!("tenants/{tenant}/cache{}", query(&pairs)), None)?;
        deleted += told["deleted"].as_u64().unwrap_or(0);
        after = told["next"].as_str().map(str::to_owned);
        if after.is_none() {
            break;
        }
    }
    remote.tell(&json!({"deleted": deleted}), |told| vec![format!("{} deleted", told["deleted"])])?;
    Ok(ExitCode::SUCCESS)
}
