//! `providers`: the catalogue's entries and those that are spelled out.

use std::collections::HashMap;

use sluice_providers::{
    auth::{Auth, SecretRef},
    catalog,
    format::{Chat, Dialect, embeddings},
    operation::Operation,
};
use sluice_types::money::Price;

use super::{Notes, settings};
use crate::config::{
    HttpProvider, Provider, Upstream,
    document::{self, OneOrMore},
    path::Path,
    percent, suggest,
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

/// One provider; `None` if something is wrong with it.
pub fn compile(name: &str, written: &document::Provider, at: &Path, notes: &mut Notes) -> Option<Provider> {
    let before = notes.problems.len();
    check_name(name, at, notes);
    check_headers(written, at, notes);
    check_keys(written, at, notes);
    let written = &with_first_key(written);
    let http = match catalog::find(name) {
        Some(known) => from_catalogue(known, written, at, notes),
        None if name == catalog::BUILTIN => None,
        None => spelled_out(name, written, at, notes),
    }?;
    let prices: HashMap<_, _> =
        written.prices.iter().map(|(model, prices)| (model.clone(), Price::from(prices))).collect();
    let fine = notes.problems.len() == before;
    let data_region = written.data_region.as_ref().map(|region| region.as_str().to_owned());
    fine.then(|| Provider {
        name: name.to_owned(),
        upstream: Upstream::Http(Box::new(http)),
        data_region,
        prices,
    })
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
        ("operations", written.operations.is_some()),
        ("dialect", written.dialect.is_some()),
    ] {
        if given {
            let message =
                format!("the catalogue says this of `{name}`; use another name to spell a provider out");
            notes.problem(at.key(member), message);
        }
    }
    let address = settings::base_url(known, written, at, notes);
    let binding = settings::binding(known.chat, written, at, notes);
    let auth = match binding {
        Some(_) => Auth::None,
        None => settings::auth(known, written, at, notes),
    };
    Some(HttpProvider {
        base_url: binding.unwrap_or(address),
        query: query(written),
        auth,
        more_keys: more_keys(written),
        headers: headers(known.headers, written),
        chat: known.chat.to_vec(),
        operations: known.operations.iter().map(|&(operation, path)| (operation, path.to_owned())).collect(),
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
    settings::refuse(written, at, notes);
    let speaks = written.format.is_some() || written.operations.as_ref().is_some_and(|list| !list.is_empty());
    match (speaks, written.base_url.is_some() || written.binding.is_some()) {
        (true, true) => {}
        (true, false) => {
            let example = "such as https://llm.example.com/v1";
            notes.problem(at.key("base_url"), format!("missing ({example}); needed because {unlisted}"));
        }
        (false, true) => {
            let formats = Chat::ALL.map(Chat::name).join(", ");
            notes.problem(at.key("format"), format!("missing ({formats}); needed because {unlisted}"));
        }
        (false, false) => {
            let hint = suggest::hint(name, catalog::all().iter().map(|provider| provider.name));
            notes.problem(at.clone(), format!("{unlisted} and says neither `format` nor `base_url`{hint}"));
        }
    }
    let chat = written.format.as_ref().map(OneOrMore::to_vec).unwrap_or_default();
    let binding = settings::binding(&chat, written, at, notes);
    let openai = [Chat::OpenaiChat, Chat::OpenaiResponses];
    let operations = match &written.operations {
        Some(operations) => operations.clone(),
        None if chat.first().is_some_and(|format| openai.contains(format)) => Operation::ALL.to_vec(),
        None => Vec::new(),
    };
    // A server that speaks another's format wants its credential the way the format's own provider does.
    let own = matches!(chat.first(), Some(Chat::AnthropicMessages | Chat::Gemini));
    let model = catalog::all()
        .iter()
        .find(|known| own && known.chat.first() == chat.first() && matches!(known.auth, Auth::Header(..)));
    let auth = match &written.api_key {
        None => Auth::None,
        Some(credential) => {
            model.map_or(Auth::None, |known| known.auth.clone()).with_secret(credential.0.clone())
        }
    };
    let dialect = written.dialect.clone().map_or_else(Dialect::default, Dialect::from);
    Some(HttpProvider {
        base_url: binding.or_else(|| Some(written.base_url.as_ref()?.as_str().to_owned()))?,
        auth,
        more_keys: more_keys(written),
        query: query(written),
        headers: headers(model.map_or(&[], |known| known.headers), written),
        operations: operations
            .into_iter()
            .map(|it| (it, path(it, chat.first().copied()).to_owned()))
            .collect(),
        chat,
        dialect,
    })
}

/// Where a provider that spells out no path is asked for `operation`: embeddings go with its usual format of chat.
fn path(operation: Operation, chat: Option<Chat>) -> &'static str {
    match operation {
        Operation::Embeddings => embeddings::Format::of(chat).path(),
        other => other.path(),
    }
}

/// Of several keys the first stands where the only one would.
fn with_first_key(written: &document::Provider) -> document::Provider {
    let api_key = written.api_key.clone().or_else(|| written.api_keys.first().cloned());
    document::Provider { api_key, ..written.clone() }
}

fn more_keys(written: &document::Provider) -> Vec<SecretRef> {
    written.api_keys.iter().skip(1).map(|key| key.0.clone()).collect()
}

fn check_keys(written: &document::Provider, at: &Path, notes: &mut Notes) {
    let at = at.key("api_keys");
    if written.api_key.is_some() && !written.api_keys.is_empty() {
        notes.problem(at.clone(), "stands beside `api_key`: put all of them here");
    }
    for (index, key) in written.api_keys.iter().enumerate() {
        if written.api_keys.iter().take(index).any(|other| other == key) {
            notes.problem(at.index(index), "the same key stands here twice");
        }
    }
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

/// The parameters of every address, ready to follow a path.
fn query(written: &document::Provider) -> String {
    let encode = |text: &str| percent::encode(text);
    let pairs = written.query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join("&")
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
            json_schema: written.json_schema,
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
            image_in: prices.image_in.map(nano),
            image_out: prices.image_out.map(nano),
            request: prices.request.map(nano).unwrap_or_default(),
            search: prices.search.map(nano).unwrap_or_default(),
        }
    }
}
