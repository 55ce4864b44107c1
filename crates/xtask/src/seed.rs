//! What a local run starts with: the dev tenant and its key, a configuration, and the credentials of this machine.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::process::{command, root};

/// The dev tenant's key. Only seeds hold its digest, so no deployed gateway takes it.
pub const DEV_KEY: &str = "sk-sluice-dev";
/// The admin key of local runs; a deployment's is a secret of its own.
pub const ADMIN_KEY: &str = "sluice-admin-dev";

const TENANT: &str = "dev";

/// Entries of the store and variables that a server has from its start.
pub struct Seed {
    kv: BTreeMap<String, String>,
    variables: BTreeMap<String, String>,
}

impl Seed {
    /// The dev tenant, and every credential that is set here; with `config`, that configuration, else one of the
    /// providers whose credentials are set.
    ///
    /// # Errors
    ///
    /// If the configuration is wrong, or a file cannot be read.
    pub fn dev(config: Option<&Path>) -> Result<Self> {
        let mut seed = Self { kv: BTreeMap::new(), variables: credentials(config)? };
        seed.variables.insert("SLUICE_ADMIN_KEY".to_owned(), ADMIN_KEY.to_owned());
        seed.put(format!("tenant/{TENANT}"), &json!({"id": TENANT, "name": "Local development"}));
        seed.put(
            format!("key/{}", sha256_hex(DEV_KEY)),
            &json!({"id": "key_dev", "tenant": TENANT, "name": "Local development"}),
        );
        let compiled = match config {
            Some(file) => Some(compile(file)?),
            None => with_credentials(&seed.variables)?,
        };
        if let Some(compiled) = compiled {
            let version = format!("dev-{}", sha256_hex(&compiled).get(..12).unwrap_or("0"));
            seed.kv.insert(format!("config/version/{version}"), compiled);
            seed.kv.insert("config/active".to_owned(), version);
        }
        Ok(seed)
    }

    /// The store's entries.
    pub fn kv(&self) -> impl Iterator<Item = (&str, &str)> {
        self.kv.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The variables, by their upper-case names.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Writes it where only this user reads it, as the servers take it; returns the file.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write(&self, file: &Path) -> Result<PathBuf> {
        use std::io::Write;
        use std::os::unix::fs::OpenOptionsExt;
        let text = json!({"kv": self.kv, "variables": self.variables}).to_string();
        let _ = fs::remove_file(file);
        let opened = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
        opened
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file.to_owned())
    }

    fn put(&mut self, key: String, value: &serde_json::Value) {
        self.kv.insert(key, value.to_string());
    }
}

/// Every provider of the catalogue whose credential is among `variables`, so that its models can be named as
/// `provider/model` without a configuration; `None` if there is none.
fn with_credentials(variables: &BTreeMap<String, String>) -> Result<Option<String>> {
    let catalogue = root().join("crates/providers/catalog");
    let mut providers = serde_json::Map::new();
    for entry in fs::read_dir(&catalogue).with_context(|| format!("cannot read {}", catalogue.display()))? {
        let file = entry?.path();
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let provider: toml::Table =
            text.parse().with_context(|| format!("{} is not TOML", file.display()))?;
        let auth = provider.get("auth").and_then(|auth| auth.as_table());
        let variable = auth.and_then(|auth| auth.get("bearer").or(auth.get("secret")));
        let is_set = variable.and_then(|name| name.as_str()).is_some_and(|name| variables.contains_key(name));
        if let Some(name) = provider.get("name").and_then(|name| name.as_str()).filter(|_| is_set) {
            providers.insert(name.to_owned(), json!({}));
        }
    }
    Ok((!providers.is_empty()).then(|| json!({ "providers": providers }).to_string()))
}

/// Checks a configuration and turns it into what the gateway reads, with the `sluice` command.
///
/// # Errors
///
/// If it is wrong: the command has named what is.
pub fn compile(file: &Path) -> Result<String> {
    let file = std::path::absolute(file)?;
    // Not quiet: the first time, the command is compiled, which takes minutes.
    let mut sluice = command("cargo");
    sluice.args(["run", "--package", "sluice-cli", "--", "config", "compile"]).arg(&file);
    let output =
        sluice.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("{} is not a configuration to serve: mend what is named above", file.display());
    }
    String::from_utf8(output.stdout).context("sluice config compile printed no text")
}

/// What the environment sets of the variables that `spin.toml` declares and `config` mentions as `$NAME`; then all of
/// `.dev.vars`, which wins.
fn credentials(config: Option<&Path>) -> Result<BTreeMap<String, String>> {
    let mut names = declared()?;
    if let Some(file) = config {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        names.extend(mentioned(&text));
    }
    let mut found: BTreeMap<String, String> = names
        .into_iter()
        .filter_map(|name| std::env::var(&name).ok().map(|value| (name, value)))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let file = root().join(".dev.vars");
    if file.exists() {
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        found.extend(dotenv(&text)?);
    }
    Ok(found)
}

/// The variables of `spin.toml`, in upper case.
fn declared() -> Result<Vec<String>> {
    let manifest = fs::read_to_string(root().join("spin.toml")).context("cannot read spin.toml")?;
    let manifest: toml::Table = manifest.parse().context("spin.toml is not TOML")?;
    let variables = manifest
        .get("variables")
        .and_then(|table| table.as_table())
        .context("spin.toml has no [variables]")?;
    Ok(variables.keys().map(|name| name.to_ascii_uppercase()).collect())
}

/// The names after a `$`.
fn mentioned(text: &str) -> impl Iterator<Item = String> {
    let is_of_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    text.split('$')
        .skip(1)
        .map(move |rest| rest.chars().take_while(|c| is_of_name(*c)).collect())
        .filter(|name: &String| !name.is_empty())
}

fn dotenv(text: &str) -> Result<BTreeMap<String, String>> {
    let lines = text.lines().enumerate().map(|(number, line)| (number + 1, line.trim()));
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| {
            let line = line.strip_prefix("export ").unwrap_or(line);
            let (name, value) = line
                .split_once('=')
                .with_context(|| format!(".dev.vars, line {number}: write NAME=value"))?;
            Ok((name.trim().to_owned(), unquoted(value.trim()).to_owned()))
        })
        .collect()
}

fn unquoted(value: &str) -> &str {
    let within = |quote| value.strip_prefix(quote).and_then(|rest: &str| rest.strip_suffix(quote));
    within('"').or_else(|| within('\'')).unwrap_or(value)
}

/// The SHA-256 digest of `text`, in hexadecimal.
pub fn sha256_hex(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dev_vars_are_read_with_and_without_quotes() {
        let read = dotenv("# keys\nexport A=1\nB = \"x=y\"\n\nC='z'\nD=\n").unwrap();
        let read: Vec<_> = read.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(read, [("A", "1"), ("B", "x=y"), ("C", "z"), ("D", "")]);
    }

    #[test]
    fn variables_of_a_configuration_are_found() {
        let names: Vec<_> = mentioned("api_key: $HOUSE_KEY\nprice: 1$ {k: $A_1}").collect();
        assert_eq!(names, ["HOUSE_KEY", "A_1"]);
    }

    #[test]
    fn spin_shows_the_gateway_every_credential_of_the_catalogue() {
        let declared = declared().unwrap();
        let manifest = fs::read_to_string(root().join("spin.toml")).unwrap();
        let files = fs::read_dir(root().join("crates/providers/catalog")).unwrap();
        let texts: Vec<_> = files.flatten().map(|file| fs::read_to_string(file.path()).unwrap()).collect();
        let needed: Vec<_> = texts
            .iter()
            .flat_map(|text| text.split('"'))
            .filter(|word| {
                word.contains('_')
                    && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
            })
            .collect();
        assert!(!needed.is_empty());
        for name in needed {
            let lower = name.to_ascii_lowercase();
            assert!(declared.iter().any(|other| other == name), "spin.toml: [variables] lacks {lower}");
            assert!(
                manifest.contains(&format!("{lower} = \"{{{{ {lower} }}}}\"")),
                "spin.toml: the component lacks {lower}"
            );
        }
    }

    #[test]
    fn a_line_that_is_no_assignment_is_named() {
        assert!(dotenv("A=1\nnonsense").unwrap_err().to_string().contains("line 2"));
    }
}
