//! `providers`: the catalogue's entries and those that are spelled out.

use std::collections::HashMap;

use sluice_providers::{
    auth::Auth,
    catalog,
    format::{Chat, Dialect, JsonSchema},
};
use sluice_types::money::Price;

use super::Notes;
use crate::config::{
    HttpProvider, Provider, Upstream,
    document::{self, ChatFormat, EmbeddingsFormat},
    path::Path,
    suggest,
};

/// Headers that are ours or the connection's to set.
const RESERVED: &[&str] = &[
    "accept",
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// One provider; `None` if something is wrong with it or this version cannot call it.
pub fn compile(name: &str, written: &document::Provider, at: &Path, notes: &mut Notes) -> Option<Provider> {
    let before = notes.problems.len();
    check_name(name, at, notes);
    check_headers(written, at, notes);
    let planned = catalog::PLANNED.contains(&name);
    if !planned {
        refuse_signing(written, at, notes);
    }
    let http = match catalog::find(name) {
        Some(known) => from_catalogue(known, written, at, notes),
        None if planned || name == catalog::BUILTIN => None,
        None => spelled_out(name, written, at, notes),
    }?;
    let prices: HashMap<_, _> =
        written.prices.iter().map(|(model, prices)| (model.clone(), Price::from(prices))).collect();
    let fine = notes.problems.len() == before;
    fine.then(|| Provider { name: name.to_owned(), upstream: Upstream::Http(Box::new(http)), prices })
}

fn from_catalogue(
    known: &'static catalog::Provider,
    written: &document::Provider,
    at: &Path,
    notes: &mut Notes,
) -> Option<HttpProvider> {
    let name = known.name;
    for (member, given) in [
        ("format", written.format.is_some()),
        ("embeddings", written.embeddings.is_some()),
        ("dialect", written.dialect.is_some()),
    ] {
        if given {
            let message =
                format!("the catalogue says this of `{name}`; use another name to spell a provider out");
            notes.problem(at.key(member), message);
        }
    }
    let base_url = written.base_url.as_ref().map_or(known.base_url, |url| url.as_str());
    let auth = match &written.api_key {
        Some(credential) => known.auth.with_secret(credential.0.clone()),
        None => known.auth.clone(),
    };
    Some(HttpProvider {
        base_url: base_url.to_owned(),
        auth,
        headers: headers(known.headers, written),
        chat: known.chat,
        embeddings: known.embeddings,
        dialect: known.dialect(),
    })
}

fn spelled_out(
    name: &str,
    written: &document::Provider,
    at: &Path,
    notes: &mut Notes,
) -> Option<HttpProvider> {
    let unlisted = format!("`{name}` is not in the catalogue (`sluice providers` lists it)");
    let speaks = written.format.is_some() || written.embeddings == Some(EmbeddingsFormat::OpenaiEmbeddings);
    match (speaks, written.base_url.is_some()) {
        (true, true) => {}
        (true, false) => {
            let example = "such as https://llm.example.com/v1";
            notes.problem(at.key("base_url"), format!("missing ({example}); needed because {unlisted}"));
        }
        (false, true) => {
            let formats = "openai_chat or anthropic_messages";
            notes.problem(at.key("format"), format!("missing ({formats}); needed because {unlisted}"));
        }
        (false, false) => {
            let hint = suggest::hint(name, catalog::all().iter().map(|provider| provider.name));
            notes.problem(at.clone(), format!("{unlisted} and says neither `format` nor `base_url`{hint}"));
        }
    }
    let chat = written.format.map(|format| match format {
        ChatFormat::OpenaiChat => Chat::OpenaiChat,
        ChatFormat::OpenaiResponses => Chat::OpenaiResponses,
        ChatFormat::AnthropicMessages => Chat::AnthropicMessages,
        ChatFormat::Gemini => Chat::Gemini,
        ChatFormat::CohereChat => Chat::CohereChat,
        ChatFormat::BedrockConverse => Chat::BedrockConverse,
        ChatFormat::OllamaChat => Chat::OllamaChat,
        ChatFormat::WorkersAi => Chat::WorkersAi,
    });
    let embeddings = match written.embeddings {
        Some(EmbeddingsFormat::OpenaiEmbeddings) => true,
        Some(EmbeddingsFormat::None) => false,
        None => matches!(chat, Some(Chat::OpenaiChat | Chat::OpenaiResponses)),
    };
    // A server that speaks another's format wants its credential the way the format's own provider does.
    let model =
        catalog::all().iter().find(|known| known.chat == chat && chat == Some(Chat::AnthropicMessages));
    let auth = match &written.api_key {
        None => Auth::None,
        Some(credential) => {
            model.map_or(Auth::None, |known| known.auth.clone()).with_secret(credential.0.clone())
        }
    };
    let dialect = written.dialect.clone().map_or_else(Dialect::default, Dialect::from);
    Some(HttpProvider {
        base_url: written.base_url.as_ref()?.as_str().to_owned(),
        auth,
        headers: headers(model.map_or(&[], |known| known.headers), written),
        chat,
        embeddings,
        dialect,
    })
}

/// The format's headers, and the operator's, which win.
fn headers(known: &[(&str, &str)], written: &document::Provider) -> Vec<(String, String)> {
    let own = |name: &str| written.headers.keys().any(|given| given.eq_ignore_ascii_case(name));
    let kept = known.iter().filter(|(name, _)| !own(name));
    kept.map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .chain(written.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())))
        .collect()
}

fn check_name(name: &str, at: &Path, notes: &mut Notes) {
    if name == catalog::BUILTIN {
        notes.problem(at.clone(), "`builtin` is compiled in and has no settings");
        return;
    }
    let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
    if name.is_empty() || 64 < name.len() || !name.bytes().all(letters) {
        let message = "a provider's name must have 1 to 64 small letters, digits, `-`, `_` or `.`";
        notes.problem(at.clone(), message);
    }
}

fn check_headers(written: &document::Provider, at: &Path, notes: &mut Notes) {
    for (name, value) in &written.headers {
        let at = at.key("headers").key(name);
        if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            notes.problem(at, "not the name of a header");
        } else if RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
            notes.problem(at, "this header is set by the gateway; a key belongs in `api_key`");
        } else if http::HeaderValue::from_str(value).is_err() {
            notes.problem(at, "not the value of a header: only printable characters may stand in it");
        } else if value.starts_with('$') {
            notes.problem(at, "`$NAME` is not resolved in headers; a key belongs in `api_key`");
        }
    }
}

/// Members that only a provider whose requests are signed has.
fn refuse_signing(written: &document::Provider, at: &Path, notes: &mut Notes) {
    for (member, given) in [
        ("region", written.region.is_some()),
        ("access_key_id", written.access_key_id.is_some()),
        ("secret_access_key", written.secret_access_key.is_some()),
        ("session_token", written.session_token.is_some()),
    ] {
        if given {
            notes.problem(at.key(member), format!("only {} takes this", catalog::PLANNED.join(", ")));
        }
    }
}

impl From<document::Dialect> for Dialect {
    fn from(written: document::Dialect) -> Self {
        let words = written.words.into_iter().flat_map(|(member, words)| {
            words.into_iter().map(move |(ours, theirs)| (member.clone(), ours, theirs))
        });
        Self {
            rename: written.rename.into_iter().collect(),
            drop: written.drop,
            words: words.collect(),
            max_tokens: written.max_tokens,
            stream_usage: written.stream_usage,
            model_in_path: written.model_in_path,
            json_schema: match written.json_schema {
                document::JsonSchema::Native => JsonSchema::Native,
                document::JsonSchema::Tool => JsonSchema::Tool,
                document::JsonSchema::Words => JsonSchema::Words,
            },
            replay_thoughts: written.replay_thoughts,
            tool_id_length: written.tool_id_length,
        }
    }
}

impl From<&document::Prices> for Price {
    fn from(prices: &document::Prices) -> Self {
        let nano = crate::config::number::Dollars::nano;
        Self {
            input: nano(prices.input),
            output: nano(prices.output),
            cache_read: prices.cache_read.map(nano),
            cache_write: prices.cache_write.map(nano),
            reasoning: prices.reasoning.map(nano),
            audio_in: prices.audio_in.map(nano),
            audio_out: prices.audio_out.map(nano),
        }
    }
}
