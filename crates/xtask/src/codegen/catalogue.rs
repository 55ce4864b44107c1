//! The catalogue: `crates/providers/catalog/*.toml` to a table of providers.

use std::{collections::BTreeMap, fmt::Write, fs, path::Path};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

/// One file of the catalogue.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// The name in the configuration; the file is called the same.
    pub name: String,
    /// Its name in the price list, if that is another.
    listed_as: Option<String>,
    base_url: String,
    auth: Auth,
    formats: Formats,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    rename: BTreeMap<String, String>,
    #[serde(default)]
    drop: Vec<String>,
    #[serde(default = "max_tokens")]
    max_tokens: String,
    #[serde(default = "yes")]
    stream_usage: bool,
    #[serde(default)]
    model_in_path: bool,
}

/// `"none"`, `{ bearer = "VARIABLE" }` or `{ header = "x-api-key", secret = "VARIABLE" }`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Auth {
    None(None),
    Bearer { bearer: String },
    Header { header: String, secret: String },
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum None {
    None,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Formats {
    chat: Option<ChatFormat>,
    embeddings: Option<Embeddings>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ChatFormat {
    OpenaiChat,
    OpenaiResponses,
    AnthropicMessages,
    Gemini,
    CohereChat,
    BedrockConverse,
    OllamaChat,
    WorkersAi,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Embeddings {
    OpenaiEmbeddings,
}

fn max_tokens() -> String {
    "max_tokens".to_owned()
}

fn yes() -> bool {
    true
}

impl Provider {
    /// Its name in the price list.
    pub fn listed_as(&self) -> &str {
        self.listed_as.as_deref().unwrap_or(&self.name)
    }
}

/// All providers, by name.
pub fn read(root: &Path) -> Result<Vec<Provider>> {
    let mut providers = Vec::new();
    for entry in fs::read_dir(root.join("crates/providers/catalog"))? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path)?;
        let provider: Provider = toml::from_str(&text).with_context(|| format!("catalog/{file}"))?;
        check(&provider).with_context(|| format!("catalog/{file}"))?;
        ensure!(
            path.file_stem().is_some_and(|stem| stem == provider.name.as_str()),
            "catalog/{file}: not its name"
        );
        providers.push(provider);
    }
    if providers.is_empty() {
        bail!("crates/providers/catalog has no .toml file");
    }
    providers.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(providers)
}

fn check(provider: &Provider) -> Result<()> {
    let url = &provider.base_url;
    ensure!(
        url.starts_with("https://") && !url.ends_with('/'),
        "base_url: https, without a slash at its end"
    );
    let formats = &provider.formats;
    ensure!(formats.chat.is_some() || formats.embeddings.is_some(), "formats: chat, embeddings or both");
    let variable =
        |name: &str| name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    if let Auth::Bearer { bearer: secret } | Auth::Header { secret, .. } = &provider.auth {
        ensure!(
            !secret.is_empty() && variable(secret),
            "auth: the name of a variable, without a dollar sign"
        );
    }
    Ok(())
}

/// The source of the table.
pub fn table(providers: &[Provider]) -> String {
    let mut out = String::from(
        "//! Made by `cargo xtask codegen` from `crates/providers/catalog/*.toml`; do not edit.\n\n\
         use std::borrow::Cow;\n\n\
         use super::Provider;\nuse crate::{auth::{Auth, SecretRef}, format::Chat};\n\n\
         pub(super) static PROVIDERS: &[Provider] = &[\n",
    );
    for provider in providers {
        let Provider { name, base_url, rename, drop, max_tokens, stream_usage, model_in_path, .. } = provider;
        let auth = match &provider.auth {
            Auth::None(None::None) => "Auth::None".to_owned(),
            Auth::Bearer { bearer } => format!("Auth::Bearer(SecretRef::named({bearer:?}))"),
            Auth::Header { header, secret } => {
                let header = header.to_ascii_lowercase();
                format!("Auth::Header(Cow::Borrowed({header:?}), SecretRef::named({secret:?}))")
            }
        };
        let chat = match provider.formats.chat {
            None => "None",
            Some(ChatFormat::OpenaiChat) => "Some(Chat::OpenaiChat)",
            Some(ChatFormat::OpenaiResponses) => "Some(Chat::OpenaiResponses)",
            Some(ChatFormat::AnthropicMessages) => "Some(Chat::AnthropicMessages)",
            Some(ChatFormat::Gemini) => "Some(Chat::Gemini)",
            Some(ChatFormat::CohereChat) => "Some(Chat::CohereChat)",
            Some(ChatFormat::BedrockConverse) => "Some(Chat::BedrockConverse)",
            Some(ChatFormat::OllamaChat) => "Some(Chat::OllamaChat)",
            Some(ChatFormat::WorkersAi) => "Some(Chat::WorkersAi)",
        };
        let embeddings = provider.formats.embeddings.is_some();
        let headers: Vec<_> = provider.headers.iter().map(|(k, v)| (k.to_ascii_lowercase(), v)).collect();
        let rename: Vec<_> = rename.iter().collect();
        let _ = writeln!(
            out,
            "Provider {{ name: {name:?}, base_url: {base_url:?}, auth: {auth}, chat: {chat}, \
             embeddings: {embeddings}, headers: &{headers:?}, rename: &{rename:?}, drop: &{drop:?}, \
             max_tokens: {max_tokens:?}, stream_usage: {stream_usage:?}, model_in_path: {model_in_path:?} }},"
        );
    }
    out.push_str("];\n");
    out
}
