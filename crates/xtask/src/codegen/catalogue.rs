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
    /// Where an operation is asked, below the base URL, if not at its usual path.
    #[serde(default)]
    paths: BTreeMap<String, String>,
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

/// `"none"`, `{ bearer = "VARIABLE" }`, `{ header = "x-api-key", secret = "VARIABLE" }`, `{ sigv4 = "SERVICE" }` or
/// `{ google = "VARIABLE" }`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Auth {
    None(None),
    Bearer { bearer: String },
    Header { header: String, secret: String },
    Aws { sigv4: String },
    Google { google: String },
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum None {
    None,
}

/// What it speaks: `chat` in one of the formats of `sluice_providers::format::Chat`, embeddings in the format that goes with it, every other
/// operation in the one format it has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Formats {
    chat: Option<ChatFormats>,
    #[serde(default)]
    embeddings: Option<Embeddings>,
    #[serde(default)]
    rerank: Option<Rerank>,
    #[serde(default)]
    moderations: Option<Moderations>,
    #[serde(default)]
    images: Option<Images>,
    #[serde(default)]
    speech: Option<Speech>,
    #[serde(default)]
    transcriptions: Option<Transcriptions>,
}

/// One format, or several, the usual one first.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum ChatFormats {
    One(ChatFormat),
    Several(Vec<ChatFormat>),
}

#[derive(Clone, Copy, Debug, Deserialize)]
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

/// Formats of which there is but one: named all the same, so that a file reads as what it is.
macro_rules! only {
    ($($operation:ident: $format:ident;)*) => {$(
        #[derive(Clone, Copy, Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum $operation {
            $format,
        }
    )*};
}

only! {
    Rerank: CohereRerank;
    Moderations: OpenaiModerations;
    Images: OpenaiImages;
    Speech: OpenaiSpeech;
    Transcriptions: OpenaiTranscriptions;
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
enum Embeddings {
    #[serde(rename = "openai_embeddings")]
    Openai,
    #[serde(rename = "cohere_embed")]
    Cohere,
    #[serde(rename = "gemini_embed")]
    Gemini,
    #[serde(rename = "workers_ai_embed")]
    WorkersAi,
}

impl Embeddings {
    /// The format of embeddings of a provider whose usual format of chat is `chat`, as
    /// `sluice_providers::format::embeddings::Format::of` has it.
    fn of(chat: Option<&ChatFormat>) -> Self {
        match chat {
            Some(ChatFormat::CohereChat) => Self::Cohere,
            Some(ChatFormat::Gemini) => Self::Gemini,
            Some(ChatFormat::WorkersAi) => Self::WorkersAi,
            _ => Self::Openai,
        }
    }

    /// Where it is asked, unless the file says otherwise.
    fn path(self) -> &'static str {
        match self {
            Self::Openai => "/embeddings",
            Self::Cohere => "/embed",
            Self::Gemini => "/models/{model}:batchEmbedContents",
            Self::WorkersAi => "/run/{model/}",
        }
    }
}

impl Formats {
    fn chat(&self) -> Vec<ChatFormat> {
        match &self.chat {
            None => Vec::new(),
            Some(ChatFormats::One(format)) => vec![*format],
            Some(ChatFormats::Several(formats)) => formats.clone(),
        }
    }

    /// Operations beside chat: name in the catalogue, name in Rust, usual path.
    fn operations(&self) -> Vec<(&'static str, &'static str, &'static str)> {
        [
            (
                self.embeddings.is_some(),
                "embeddings",
                "Embeddings",
                self.embeddings.map_or("", Embeddings::path),
            ),
            (self.rerank.is_some(), "rerank", "Rerank", "/rerank"),
            (self.moderations.is_some(), "moderations", "Moderations", "/moderations"),
            (self.images.is_some(), "images", "Images", "/images/generations"),
            (self.speech.is_some(), "speech", "Speech", "/audio/speech"),
            (self.transcriptions.is_some(), "transcriptions", "Transcriptions", "/audio/transcriptions"),
        ]
        .into_iter()
        .filter_map(|(offered, name, variant, path)| offered.then_some((name, variant, path)))
        .collect()
    }
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
    /// Whether the price list may lack it: a server that operators run themselves, or one without chat.
    pub fn may_be_unlisted(&self) -> bool {
        self.base_url.starts_with("http://") || self.formats.chat.is_none()
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
    let operations = formats.operations();
    ensure!(formats.chat.is_some() || !operations.is_empty(), "formats: chat, another operation or both");
    if let Some(embeddings) = formats.embeddings {
        ensure!(
            embeddings == Embeddings::of(formats.chat().first()),
            "formats: embeddings go by the usual format of chat: `cohere_embed` with `cohere_chat`, `gemini_embed` with `gemini`"
        );
    }
    for (name, path) in &provider.paths {
        ensure!(operations.iter().any(|(known, ..)| known == name), "paths: no format of `{name}` is given");
        ensure!(path.starts_with('/'), "paths: `{path}` must begin with a slash");
    }
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
         use super::Provider;\nuse crate::{auth::{Auth, Aws, SecretRef}, format::{Chat, JsonSchema}, operation::Operation};\n\n\
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
            Auth::Aws { sigv4 } => format!("Auth::Aws(Aws::usual({sigv4:?}))"),
            Auth::Google { google } => format!("Auth::Google(SecretRef::named({google:?}))"),
            Auth::Header { header, secret } => {
                let header = header.to_ascii_lowercase();
                format!("Auth::Header(Cow::Borrowed({header:?}), SecretRef::named({secret:?}))")
            }
        };
        let chat: Vec<_> = provider.formats.chat().iter().map(|format| format!("Chat::{format:?}")).collect();
        let chat = chat.join(", ");
        let operations: Vec<String> = provider
            .formats
            .operations()
            .into_iter()
            .map(|(name, variant, path)| {
                let path = provider.paths.get(name).map_or(path, String::as_str);
                format!("(Operation::{variant}, {path:?})")
            })
            .collect();
        let operations = operations.join(", ");
        let headers: Vec<_> = provider.headers.iter().map(|(k, v)| (k.to_ascii_lowercase(), v)).collect();
        let rename: Vec<_> = rename.iter().collect();
        let words = words
            .iter()
            .flat_map(|(member, words)| words.iter().map(move |(ours, theirs)| (member, ours, theirs)));
        let words: Vec<_> = words.collect();
        let _ = writeln!(
            out,
            "Provider {{ name: {name:?}, base_url: {base_url:?}, auth: {auth}, chat: &[{chat}], \
             operations: &[{operations}], headers: &{headers:?}, rename: &{rename:?}, drop: &{drop:?}, \
             words: &{words:?}, max_tokens: {max_tokens:?}, stream_usage: {stream_usage:?}, \
             model_in_path: {model_in_path:?}, json_schema: JsonSchema::{json_schema:?}, \
             replay_thoughts: {replay_thoughts:?}, tool_id_length: {tool_id_length:?} }},"
        );
    }
    out.push_str("];\n");
    out
}
