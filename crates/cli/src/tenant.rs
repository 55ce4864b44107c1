//! `sluice tenant` and `sluice budget`: who may use a gateway, and how much.

use std::process::ExitCode;

use anyhow::{Result, bail, ensure};
use serde_json::{Map, Value, json};
use sluice_types::money::NanoUsd;

use crate::remote::{Remote, encoded, query, table};

/// What to do with tenants.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Make a tenant
    Create {
        /// Its id: letters, digits, `-`, `_`, `.`
        id: String,
        #[command(flatten)]
        about: About,
    },
    /// List all tenants
    List,
    /// Show a tenant's record
    Show {
        /// Its id
        id: String,
    },
    /// Change what is given, and leave the rest
    Update {
        /// Its id
        id: String,
        #[command(flatten)]
        about: About,
        /// Switch it off, or on again
        #[arg(long)]
        disabled: Option<bool>,
    },
    /// Have a key sign this tenant's end users' tokens, in the place of the one of that name if there is one
    SetTokenKey {
        /// The tenant's id
        id: String,
        /// The key's name, which tokens carry as `kid`
        kid: String,
        /// EdDSA: the 32 bytes of the public key in base64url, as `x` of a JSON Web Key has them
        #[arg(long, conflicts_with = "secret", required_unless_present = "secret")]
        public_key: Option<String>,
        /// HS256: the name of the host's secret that holds the shared one, such as ACME_JWT
        #[arg(long)]
        secret: Option<String>,
        /// What holders of its tokens may do with files and vector stores; nothing if left out
        #[arg(long, value_parser = ["none", "search", "read", "write"])]
        knowledge: Option<String>,
    },
    /// Let no token pass that this key signed
    RemoveTokenKey {
        /// The tenant's id
        id: String,
        /// The key's name
        kid: String,
    },
    /// Delete a tenant, its keys, costs and everything else it owns
    Delete {
        /// Its id
        id: String,
        /// Yes, all of it
        #[arg(long)]
        yes: bool,
    },
}

/// What a tenant is and may do.
#[derive(clap::Args)]
pub struct About {
    /// A name for people
    #[arg(long)]
    name: Option<String>,
    /// The models it may name, parted by commas: names, or provider/*
    #[arg(long, value_delimiter = ',')]
    models: Option<Vec<String>>,
    /// The providers its data may go to, parted by commas
    #[arg(long, value_delimiter = ',')]
    providers: Option<Vec<String>>,
    /// The regions its data may go to, parted by commas
    #[arg(long, value_delimiter = ',')]
    regions: Option<Vec<String>>,
    /// Guardrails for all of its requests, parted by commas
    #[arg(long, value_delimiter = ',')]
    guardrails: Option<Vec<String>>,
    /// Limits and budgets as JSON, such as '{"requests_per_minute":60,"budget":{"usd":50,"per":"month"}}'
    #[arg(long)]
    limits: Option<String>,
}

impl About {
    fn body(&self) -> Result<Map<String, Value>> {
        let mut body = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(name.to_owned(), value);
            }
        };
        put("name", self.name.clone().map(Value::from));
        put("models", self.models.clone().map(Value::from));
        put("providers", self.providers.clone().map(Value::from));
        put("regions", self.regions.clone().map(Value::from));
        put("guardrails", self.guardrails.clone().map(Value::from));
        let limits = self.limits.as_deref().map(serde_json::from_str::<Value>).transpose();
        put("limits", limits.map_err(|error| anyhow::anyhow!("--limits is not JSON: {error}"))?);
        Ok(body)
    }
}

/// Runs a command.
///
/// # Errors
///
/// What the gateway says is wrong, or that it does not answer.
pub fn run(remote: &Remote, command: &Command) -> Result<ExitCode> {
    let record = |record: &Value| vec![serde_json::to_string_pretty(record).unwrap_or_default()];
    match command {
        Command::Create { id, about } => {
            let mut body = about.body()?;
            body.insert("id".to_owned(), id.clone().into());
            let made = remote.ask("POST", "tenants", Some(&body.into()))?;
            remote.tell(&made, |_| vec![format!("made {id}; now give it a key: sluice key create {id}")])?;
        }
        Command::List => {
            let list = remote.ask("GET", "tenants", None)?;
            remote.tell(&list, |list| table(list, &["id", "name", "disabled", "models", "providers"], 5))?;
        }
        Command::Show { id } => {
            remote.tell(&remote.ask("GET", &format!("tenants/{}", encoded(id)), None)?, record)?;
        }
        Command::Update { id, about, disabled } => {
            let mut body = about.body()?;
            if let Some(disabled) = disabled {
                body.insert("disabled".to_owned(), (*disabled).into());
            }
            ensure!(!body.is_empty(), "nothing to change: see `sluice tenant update --help`");
            remote.tell(
                &remote.ask("PATCH", &format!("tenants/{}", encoded(id)), Some(&body.into()))?,
                record,
            )?;
        }
        Command::SetTokenKey { id, kid, public_key, secret, knowledge } => {
            let mut key = match (public_key, secret) {
                (Some(public_key), _) => json!({"kid": kid, "alg": "EdDSA", "public_key": public_key}),
                (None, Some(secret)) => {
                    let name = secret.trim_start_matches('$');
                    json!({"kid": kid, "alg": "HS256", "secret": format!("${name}")})
                }
                (None, None) => bail!("give --public-key (EdDSA) or --secret (HS256)"),
            };
            if let Some(knowledge) = knowledge {
                key["knowledge"] = knowledge.as_str().into();
            }
            token_keys(remote, id, kid, Some(key))?;
        }
        Command::RemoveTokenKey { id, kid } => token_keys(remote, id, kid, None)?,
        Command::Delete { id, yes } => {
            ensure!(yes, "this deletes {id} with its keys, costs and data for good: say --yes");
            loop {
                let gone = remote.ask("DELETE", &format!("tenants/{}", encoded(id)), None)?;
                if gone["more"] != true {
                    remote.tell(&gone, |_| vec![format!("deleted {id}")])?;
                    break;
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Puts `key` in the place of the tenant's token key `kid`, or takes that away.
fn token_keys(remote: &Remote, id: &str, kid: &str, key: Option<Value>) -> Result<()> {
    let path = format!("tenants/{}", encoded(id));
    let record = remote.ask("GET", &path, None)?;
    let mut keys = record["token_keys"].as_array().cloned().unwrap_or_default();
    let before = keys.len();
    keys.retain(|key| key["kid"] != kid);
    let known = keys.len() < before;
    ensure!(known || key.is_some(), "{id} has no token key `{kid}`: see `sluice tenant show {id}`");
    let said = if key.is_some() { "signs" } else { "no longer signs" };
    keys.extend(key);
    let changed = remote.ask("PATCH", &path, Some(&json!({"token_keys": keys})))?;
    remote.tell(&changed, |_| vec![format!("{kid} {said} end users' tokens of {id}")])
}

/// What to do with budgets.
#[derive(clap::Subcommand)]
pub enum Budget {
    /// How a tenant's limits and budgets stand
    Show {
        /// The tenant's id
        tenant: String,
        /// Of this key
        #[arg(long)]
        key: Option<String>,
        /// Of this end user
        #[arg(long)]
        user: Option<String>,
        /// Of this tag, as name=value
        #[arg(long)]
        tag: Option<String>,
    },
    /// Give a tenant a budget, in the place of the one it has
    Set {
        /// The tenant's id
        tenant: String,
        /// US dollars
        #[arg(long, required_unless_present_any = ["tokens", "requests"], conflicts_with_all = ["tokens", "requests"])]
        usd: Option<f64>,
        /// Tokens
        #[arg(long, conflicts_with = "requests")]
        tokens: Option<u64>,
        /// Requests
        #[arg(long)]
        requests: Option<u64>,
        /// The period
        #[arg(long, default_value = "month", value_parser = ["day", "week", "month", "total"])]
        per: String,
        /// Only warn when it is spent
        #[arg(long)]
        soft: bool,
        /// The share of it from which on answers carry a warning; 0.8 if left out
        #[arg(long)]
        warn_at: Option<f64>,
        /// The model that answers from there on
        #[arg(long)]
        move_to: Option<String>,
    },
}

/// Runs a command of budgets.
///
/// # Errors
///
/// What the gateway says is wrong, or that it does not answer.
pub fn budget(remote: &Remote, command: &Budget) -> Result<ExitCode> {
    match command {
        Budget::Show { tenant, key, user, tag } => {
            let asked = query(&[("key", key.as_deref()), ("user", user.as_deref()), ("tag", tag.as_deref())]);
            let standing = remote.ask("GET", &format!("tenants/{}/budgets{asked}", encoded(tenant)), None)?;
            remote.tell(&standing, |list| {
                table(&in_dollars(list), &["what", "unit", "limit", "used", "reserved", "remaining"], 2)
            })?;
        }
        Budget::Set { tenant, usd, tokens, requests, per, soft, warn_at, move_to } => {
            let path = format!("tenants/{}", encoded(tenant));
            let mut limits = remote.ask("GET", &path, None)?["limits"].take();
            if !limits.is_object() {
                limits = json!({});
            }
            let mut budget = json!({"per": per, "hard": !soft});
            let members = [
                ("usd", usd.map(Value::from)),
                ("tokens", tokens.map(Value::from)),
                ("requests", requests.map(Value::from)),
                ("warn_at", warn_at.map(Value::from)),
                ("move_to", move_to.clone().map(Value::from)),
            ];
            for (name, value) in members {
                if let Some(value) = value {
                    budget[name] = value;
                }
            }
            limits["budget"] = budget;
            let changed = remote.ask("PATCH", &path, Some(&json!({"limits": limits})))?;
            let what = match (usd, tokens, requests) {
                (Some(usd), ..) => format!("spend ${usd}"),
                (_, Some(tokens), _) => format!("use {tokens} tokens"),
                (.., requests) => format!("make {} requests", requests.unwrap_or_default()),
            };
            let per = if per == "total" { "in all".to_owned() } else { format!("per {per}") };
            remote.tell(&changed, |_| vec![format!("{tenant} may {what} {per}")])?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A standing with its money in dollars, as people read it.
fn in_dollars(standing: &Value) -> Value {
    let mut standing = standing.clone();
    for row in standing["data"].as_array_mut().into_iter().flatten() {
        if row["unit"] != "nano_usd" {
            continue;
        }
        row["unit"] = json!("usd");
        for member in ["limit", "used", "reserved", "remaining"] {
            if let Some(nano) = row[member].as_u64() {
                row[member] = json!(NanoUsd(nano).to_string());
            }
        }
    }
    standing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_dollars() {
        let standing = json!({"data": [
            {"unit": "nano_usd", "limit": 50_000_000_000_u64, "used": 1_500_u64, "remaining": null},
            {"unit": "requests", "limit": 600},
        ]});
        let expected = json!({"data": [
            {"unit": "usd", "limit": "50.000000000", "used": "0.000001500", "remaining": null},
            {"unit": "requests", "limit": 600},
        ]});
        assert_eq!(in_dollars(&standing), expected);
    }
}
