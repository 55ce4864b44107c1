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
    /// Words it has others for: by member, ours to theirs.
    #[serde(default)]
    words: BTreeMap<String, BTreeMap<String, String>>,
    #[serde(default = "max_tokens")]
    max_tokens: String,
    #[serde(default = "yes")]
    stream_usage: bool,
    #[serde(default)]
    model_in_path: bool,
    #[serde(default)]
    json_schema: JsonSchema,
    #[serde(default)]
    replay_thoughts: bool,
    tool_id_length: Option<u8>,
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

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum JsonSchema {
    #[default]
    Native,
    Tool,
    Words,
}

fn max_tokens() -> String {
    "max_tokens".to_owned()
}

fn yes() -> bool {
    true
}

impl Provider {
    /// Whether it is a server that operators run themselves, for which there are no prices.
    pub fn is_own_server(&self) -> bool {
        self.base_url.starts_with("http://")
    }

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
    let near = url.starts_with("http://127.0.0.1:");
    ensure!(
        (near || url.starts_with("https://")) && !url.ends_with('/'),
        "base_url: https, or http on this machine, without a slash at its end"
    );
    let settings = url.split('{').skip(1);
    for setting in settings {
        let name = setting.split_once('}').map(|(name, _)| name);
        let letters = |b: u8| b.is_ascii_lowercase() || b == b'_';
        ensure!(
            name.is_some_and(|name| !name.is_empty() && name.bytes().all(letters)),
            "base_url: a setting in braces is small letters"
        );
    }
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
         use super::Provider;\nuse crate::{auth::{Auth, SecretRef}, format::{Chat, JsonSchema}};\n\n\
         pub(super) static PROVIDERS: &[Provider] = &[\n",
    );
    for provider in providers {
        let Provider {
            name,
            base_url,
            rename,
            drop,
            words,
            max_tokens,
            stream_usage,
            model_in_path,
            json_schema,
            replay_thoughts,
            tool_id_length,
            ..
        } = provider;
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
        let words = words
            .iter()
            .flat_map(|(member, words)| words.iter().map(move |(ours, theirs)| (member, ours, theirs)));
        let words: Vec<_> = words.collect();
        let _ = writeln!(
            out,
            "Provider {{ name: {name:?}, base_url: {base_url:?}, auth: {auth}, chat: {chat}, \
             embeddings: {embeddings}, headers: &{headers:?}, rename: &{rename:?}, drop: &{drop:?}, \
             words: &{words:?}, max_tokens: {max_tokens:?}, stream_usage: {stream_usage:?}, \
             model_in_path: {model_in_path:?}, json_schema: JsonSchema::{json_schema:?}, \
             replay_thoughts: {replay_thoughts:?}, tool_id_length: {tool_id_length:?} }},"
        );
    }
    out.push_str("];\n");
    out
}
