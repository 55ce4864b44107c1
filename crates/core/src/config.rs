//! The configuration of a running gateway.
//!
//! ```text
//! sluice.yaml ──(the command `sluice`)──► JSON ──serde──► Document ──compile──► Config
//!                                            shape: types      meaning: names, sums
//! ```
//!
//! A [`document::Document`] is the file as it is written; a [`Config`] is what the gateway works with, in which every
//! name leads somewhere and nothing is left to validate. YAML stays outside: the bundles read JSON only.

mod compile;
mod digest;
pub mod document;
pub mod group;
pub mod not_yet;
pub mod number;
pub mod path;
pub mod percent;
pub mod suggest;
pub mod text;

use std::{collections::HashMap, rc::Rc, time::Duration};

use sluice_providers::{
    auth::{Auth, SecretRef},
    catalog,
    format::{Chat, Dialect, Protocol},
    operation::Operation,
    prices,
};
use sluice_types::{
    error::{ErrorKind, Failure, RetryClass},
    json::from_bytes,
    money::Price,
    usage::Usage,
};

use document::Document;
pub use group::{Group, Member, Strategy, To};
pub use path::{Problem, Warning};

use crate::{
    cache,
    grounded::wish,
    guardrail::{Guardrail, Plans},
    routing::breaker::Policy,
};

/// The configuration that is compiled into the bundle, as JSON: `sluice.yaml` as it was when the bundle was built.
pub const EMBEDDED: &str = include_str!(concat!(env!("OUT_DIR"), "/config.json"));

/// What the gateway works with. Made once per version of the document and shared by all requests of an isolate.
#[derive(Debug)]
pub struct Config {
    /// A digest of the document: two files that say the same compile to the same.
    pub version: String,
    /// Limits on what callers send.
    pub limits: Limits,
    /// Which websites may call from a browser.
    pub cors: Cors,
    /// What a tenant may use whose record says nothing else.
    pub quotas: document::Quotas,
    /// Limits on what callers upload.
    pub files: Files,
    /// The queue that documents go in by.
    pub queue: document::Queue,
    /// How documents go in.
    pub ingest: document::Ingest,
    /// The model that embeds documents where nothing else is said, by its name.
    pub embeddings: String,
    /// Where vectors are kept.
    pub vectors: document::Vectors,
    /// By name.
    pub guardrails: HashMap<String, Rc<Guardrail>>,
    providers: HashMap<String, Rc<Provider>>,
    /// By name: the aliases of the document, and the built-in models.
    models: HashMap<String, Rc<Model>>,
    /// The same, in the order they are listed to callers.
    listed: Vec<Rc<Model>>,
}

impl Config {
    /// Reads a document from JSON.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with what the document says; or the first thing wrong with its shape, since nothing
    /// behind that can be trusted. `sluice config check` tells all of both.
    pub fn from_json(json: &[u8]) -> Result<Self, Vec<Problem>> {
        let document: Document =
            from_bytes(json).map_err(|error| vec![Problem::new(path::Path::default(), error.to_string())])?;
        compile::compile(&document, digest::of_json(json)).map(|(config, _)| config)
    }

    /// Makes sense of a document.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with what it says.
    pub fn compile(document: &Document) -> Result<(Self, Vec<Warning>), Vec<Problem>> {
        compile::compile(document, digest::of_document(document))
    }

    /// The model a caller asks for by `name`: an alias of the document, else `provider/model` where the provider is
    /// configured or built in. Whether the tenant may use it is not asked here.
    pub fn model(&self, name: &str) -> Option<Rc<Model>> {
        if let Some(model) = self.models.get(name) {
            return Some(Rc::clone(model));
        }
        let reference: text::Reference = name.parse().ok()?;
        let provider = self.providers.get(&reference.provider)?;
        let target = Target::plain(Rc::clone(provider), &reference.model)?;
        Some(Rc::new(Model::plain(name, target)))
    }

    /// The models to list to callers: the aliases by name, then the built-in ones.
    pub fn models(&self) -> impl Iterator<Item = &Rc<Model>> {
        self.listed.iter()
    }

    /// The provider called `name`, where it is configured or built in.
    pub fn provider(&self, name: &str) -> Option<&Rc<Provider>> {
        self.providers.get(name)
    }
}

impl Default for Config {
    /// The configuration of an empty file.
    fn default() -> Self {
        compile::empty()
    }
}

/// A name callers send, and what answers to it.
#[derive(Clone, Debug)]
pub struct Model {
    /// The name.
    pub name: String,
    /// How targets are picked.
    pub group: Group,
    /// Where requests may go, those of nested models in their places; never empty.
    pub targets: Vec<Target>,
    /// Whether a request is refused when a target cannot express all of it.
    pub strict: bool,
    /// How long all attempts together may take until an answer has come or begun.
    pub deadline: Option<Duration>,
    /// Whether a target that is slow to begin is raced against the next one.
    pub hedge: Option<Hedge>,
    /// Where copies of requests go after their answer.
    pub mirror: Option<Mirror>,
    /// Whether and how answers are given again.
    pub cache: cache::Policy,
    /// What is looked for in its requests and answers.
    pub guard: Rc<Plans>,
    /// The guardrails that ask for it.
    pub guardrails: Vec<Rc<Guardrail>>,
    /// The stores that its answers rest on.
    pub knowledge: Option<wish::Own>,
}

impl Model {
    /// A model with nothing said about it but its one target.
    fn plain(name: &str, target: Target) -> Self {
        let group = Group::single(name, &target.id);
        Self::of(name.to_owned(), group, vec![target])
    }

    /// A model with nothing said about it but where its requests go.
    fn of(name: String, group: Group, targets: Vec<Target>) -> Self {
        Self {
            name,
            group,
            targets,
            strict: false,
            deadline: None,
            hedge: None,
            mirror: None,
            cache: document::Cache::default().into(),
            guard: Rc::default(),
            guardrails: Vec::new(),
            knowledge: None,
        }
    }
}

/// Whether a target that is slow to begin is raced against the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hedge {
    /// After how long; `None` for what 95 % of its last streams took to begin.
    pub after: Option<Duration>,
}

/// Where copies of requests go after their answer.
#[derive(Clone, Debug)]
pub struct Mirror {
    /// The model that gets them.
    pub model: Rc<Model>,
    /// How many of a hundred requests are copied.
    pub percent: u8,
}

/// One place a request can go.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// `provider/model`, for headers, records and metrics.
    pub id: String,
    /// Where it runs.
    pub provider: Rc<Provider>,
    /// The model, as the provider names it.
    pub model: String,
    /// How long one try may take, from the request to the last byte.
    pub timeout: Duration,
    /// How long a streamed try may take until its first token.
    pub first_token_timeout: Option<Duration>,
    /// How long a streamed try may take until the provider's headers.
    pub headers_timeout: Option<Duration>,
    /// How long a stream may stay silent between two tokens.
    pub idle_timeout: Option<Duration>,
    /// What is tried again here.
    pub retry: RetryPolicy,
    /// When it is left alone for a while; `None` for never.
    pub breaker: Option<Policy>,
    /// What it costs, for an input that is not extraordinarily large (see [`Target::price_for`]); `None` if nobody
    /// knows.
    pub price: Option<Price>,
    /// Its limits and capabilities, where the list has it.
    pub entry: Option<&'static prices::Entry>,
}

impl Target {
    /// A target with nothing said about it but where it is; `None` if a built-in provider has no such model.
    fn plain(provider: Rc<Provider>, model: &str) -> Option<Self> {
        let known = catalog::BUILTIN_MODELS.contains(&model);
        if matches!(provider.upstream, Upstream::Builtin) && !known {
            return None;
        }
        let entry = prices::lookup(&provider.name, model);
        Some(Self {
            id: format!("{}/{model}", provider.name),
            price: provider.price(model).or_else(|| entry.and_then(prices::Entry::price)),
            provider,
            model: model.to_owned(),
            timeout: document::Target::TIMEOUT.0,
            first_token_timeout: None,
            headers_timeout: None,
            idle_timeout: None,
            retry: RetryPolicy::default(),
            breaker: None,
            entry,
        })
    }

    /// What a request that used so much is priced at: some lists ask more for all of a request whose input is large.
    /// An operator's own price holds for any size.
    pub fn price_for(&self, usage: &Usage) -> Option<Price> {
        match self.entry {
            Some(entry) if self.price == entry.price() => entry.price_for(usage),
            _ => self.price,
        }
    }

    /// How many keys its provider has beside the first.
    pub fn more_keys(&self) -> usize {
        match &self.provider.upstream {
            Upstream::Http(http) => http.more_keys.len(),
            Upstream::Builtin => 0,
        }
    }

    /// How many tokens fit into a request and its answer; `None` if nobody knows.
    pub fn context_window(&self) -> Option<u32> {
        self.entry.and_then(prices::Entry::context_tokens)
    }
}

/// What is tried again at the same target, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Tries per target, the first included; at least 1.
    pub attempts: u32,
    /// Which failures are worth another try.
    pub on: RetryOn,
    /// The shortest and the longest wait between tries.
    pub backoff: (Duration, Duration),
    /// Second tries that may be made for each first one.
    pub budget: f64,
    /// Whether a prompt that a provider's filter refuses is shown to the next.
    pub content_filter: bool,
}

impl RetryPolicy {
    /// Whether a failure of this kind is worth another try at the same target.
    pub fn covers(&self, kind: ErrorKind) -> bool {
        kind.retry_class().is_some_and(|class| self.on.contains(class))
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::from(&document::Retry::default())
    }
}

/// A set of failure classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetryOn(u8);

impl RetryOn {
    /// Whether `class` is in the set.
    pub fn contains(self, class: RetryClass) -> bool {
        self.0 & Self::bit(class) != 0
    }

    fn bit(class: RetryClass) -> u8 {
        match class {
            RetryClass::RateLimited => 1,
            RetryClass::Unavailable => 2,
            RetryClass::Timeout => 4,
            RetryClass::Network => 8,
        }
    }
}

impl FromIterator<RetryClass> for RetryOn {
    fn from_iter<I: IntoIterator<Item = RetryClass>>(classes: I) -> Self {
        Self(classes.into_iter().fold(0, |set, class| set | Self::bit(class)))
    }
}

/// Where models run.
#[derive(Clone, Debug, PartialEq)]
pub struct Provider {
    /// The name in the configuration.
    pub name: String,
    /// How it is reached.
    pub upstream: Upstream,
    /// Where it keeps what is sent to it, as the operator says.
    pub data_region: Option<String>,
    /// Prices of the operator's own, by model.
    prices: HashMap<String, Price>,
}

impl Provider {
    /// What the operator says `model` costs; what is built in costs nothing.
    fn price(&self, model: &str) -> Option<Price> {
        match self.upstream {
            Upstream::Builtin => Some(Price::default()),
            Upstream::Http(_) => self.prices.get(model).copied(),
        }
    }
}

/// How a provider is reached.
#[derive(Clone, Debug, PartialEq)]
pub enum Upstream {
    /// It is compiled in.
    Builtin,
    /// By HTTP.
    Http(Box<HttpProvider>),
}

/// A provider that is reached by HTTP.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpProvider {
    /// Where it is, without a slash at its end; `{model}` in it stands for a request's model. A binding of the host's is
    /// [`binding://NAME`](Self::BINDING).
    pub base_url: String,
    /// Parameters of every address, percent-encoded; may be empty.
    pub query: String,
    /// How it wants its credential.
    pub auth: Auth,
    /// More credentials of the same kind, for when that of `auth` is refused or has reached its limit.
    pub more_keys: Vec<SecretRef>,
    /// Headers sent with every request, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The formats of chat it speaks, the usual one first.
    pub chat: Vec<Chat>,
    /// What else it offers, and where below its address.
    pub operations: Vec<(Operation, String)>,
    /// How its dialect differs from the format's own.
    pub dialect: Dialect,
}

impl HttpProvider {
    /// The scheme of addresses that lead to a binding of the host's.
    pub const BINDING: &str = "binding";

    /// The format in which it is asked for a caller of `protocol`: the caller's own if it speaks that; `None` if it does
    /// no chat.
    pub fn chat_for(&self, protocol: Protocol) -> Option<Chat> {
        let own = self.chat.iter().find(|format| **format == protocol.format());
        own.or(self.chat.first()).copied()
    }

    /// Where below its address `operation` is asked; `None` if it does not offer it.
    pub fn offers(&self, operation: Operation) -> Option<&str> {
        self.operations.iter().find(|(offered, _)| *offered == operation).map(|(_, path)| path.as_str())
    }

    /// The whole address of `path` for `model`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidRequest`] if the model's name goes into the base URL and would lead elsewhere.
    pub fn address(&self, path: &str, model: &str) -> Result<String, Failure> {
        let mut url = match self.base_url.contains("{model}") {
            true if model.is_empty() || model.split('/').any(|segment| matches!(segment, "." | "..")) => {
                let message =
                    format!("`{model}` is not the name of a model: it would change the provider's address");
                return Err(Failure {
                    param: Some("model".to_owned()),
                    ..Failure::new(ErrorKind::InvalidRequest, message)
                });
            }
            true => self.base_url.replace("{model}", &percent::encode(model)),
            false => self.base_url.clone(),
        };
        url.push_str(path);
        if !self.query.is_empty() {
            url.push(if path.contains('?') { '&' } else { '?' });
            url.push_str(&self.query);
        }
        Ok(url)
    }
}

/// Limits on what callers send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest body, in bytes.
    pub max_body: u64,
    /// How long a body may take to come in.
    pub body_timeout: Duration,
}

/// Limits on what callers upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Files {
    /// The largest file, in bytes.
    pub max_bytes: u64,
    /// How long an upload may take to come in.
    pub timeout: Duration,
}

/// Which websites may call from a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    /// The websites as browsers name them; `*` for any.
    pub origins: Vec<String>,
    /// How long a browser may keep the answer to its preflight request.
    pub max_age: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(json: &str) -> Config {
        Config::from_json(json.as_bytes()).unwrap()
    }

    fn problems(json: &str) -> Vec<String> {
        Config::from_json(json.as_bytes()).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_empty_document_serves_the_built_in_models_only() {
        let config = config("{}");
        let names: Vec<_> = config.models().map(|model| model.name.as_str()).collect();
        assert_eq!(names, ["builtin/extractive", "builtin/moderation", "builtin/static"]);
        let model = config.model("builtin/extractive").unwrap();
        assert_eq!(model.targets[0].price, Some(Price::default()));
        assert!(config.model("builtin/other").is_none());
        assert!(config.model("openai/gpt-4o-mini").is_none());
        assert_eq!(config.limits, Limits { max_body: 20_000_000, body_timeout: Duration::from_secs(30) });
        assert_eq!(config.cors.origins, ["*"]);
        assert_eq!(config.version, Config::default().version);
    }

    #[test]
    fn a_configured_provider_serves_any_model_by_its_own_name() {
        let config = config(
            r#"{"providers": {"openai": {}, "house": {"format": "openai_chat",
            "base_url": "http://127.0.0.1:9100/v1/", "prices": {"m": {"input": 0.15, "output": 1}}}}}"#,
        );
        let model = config.model("openai/gpt-4o-mini-2024-07-18").unwrap();
        assert_eq!((&model.group.strategy, model.targets.len()), (&Strategy::Single, 1));
        assert_eq!(model.targets[0].id, "openai/gpt-4o-mini-2024-07-18");
        assert_eq!(model.targets[0].context_window(), Some(128_000));
        let house = config.model("house/m").unwrap();
        assert_eq!(house.targets[0].price.unwrap().input, 150_000_000);
        let Upstream::Http(http) = &house.targets[0].provider.upstream else { panic!("by HTTP") };
        assert_eq!((http.base_url.as_str(), &http.auth), ("http://127.0.0.1:9100/v1", &Auth::None));
        assert!(
            http.offers(Operation::Speech).is_some()
                && config.model("house/other").unwrap().targets[0].price.is_none()
        );
        assert!(["house", "house/", "/m", "house/a b", ""].iter().all(|name| config.model(name).is_none()));
    }

    #[test]
    fn a_server_that_speaks_messages_is_told_who_asks_as_messages_does() {
        let config = config(
            r#"{"providers": {"own": {"format": "anthropic_messages", "api_key": "$OWN",
            "base_url": "https://own.example.com/v1", "headers": {"X-Team": "search"}}}}"#,
        );
        let Upstream::Http(http) = &config.provider("own").unwrap().upstream else { panic!("by HTTP") };
        assert!(
            matches!(&http.auth, Auth::Header(name, secret) if name == "x-api-key" && secret.name() == "OWN")
        );
        let names: Vec<_> = http.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["anthropic-version", "x-team"]);
        assert!(http.operations.is_empty());
    }

    #[test]
    fn a_binding_has_neither_address_nor_key() {
        let config = config(
            r#"{"providers": {"workers_ai": {"binding": "AI"},
            "own": {"format": "cohere_chat", "base_url": "https://own.example.com/v2", "operations": ["embeddings"]}}}"#,
        );
        let Upstream::Http(http) = &config.provider("workers_ai").unwrap().upstream else {
            panic!("by HTTP")
        };
        assert_eq!((http.base_url.as_str(), &http.auth), ("binding://AI", &Auth::None));
        assert_eq!(
            http.address("/run/@cf/m", "m").unwrap().parse::<http::Uri>().unwrap().path(),
            "/run/@cf/m"
        );
        // Embeddings go with the format of chat, for who spells it out as for the catalogue.
        let Upstream::Http(http) = &config.provider("own").unwrap().upstream else { panic!("by HTTP") };
        assert_eq!(http.offers(Operation::Embeddings), Some("/embed"));
    }

    #[test]
    fn a_target_may_name_a_catalogue_provider_that_is_not_listed() {
        let config = config(r#"{"models": {"a": {"targets": ["anthropic/claude-haiku-4-5"]}}}"#);
        let target = &config.model("a").unwrap().targets[0];
        let Upstream::Http(http) = &target.provider.upstream else { panic!("by HTTP") };
        assert_eq!(http.auth.secret().unwrap().name(), "ANTHROPIC_API_KEY");
        assert!(
            config.model("anthropic/claude-haiku-4-5").is_none() && config.provider("anthropic").is_none()
        );
    }

    #[test]
    fn retries_cover_the_classes_named() {
        let config = config(
            r#"{"models": {"a": {"targets": ["builtin/extractive"],
            "retry": {"attempts": 3, "on": ["timeout"]}}}}"#,
        );
        let model = config.model("a").unwrap();
        let retry = &model.targets[0].retry;
        assert_eq!((retry.attempts, retry.backoff.1), (3, Duration::from_secs(5)));
        assert!(retry.covers(ErrorKind::FirstTokenTimeout) && !retry.covers(ErrorKind::UpstreamNetwork));
        assert!(RetryPolicy::default().covers(ErrorKind::UpstreamNetwork));
        assert!(!RetryPolicy::default().covers(ErrorKind::InvalidRequest));
    }

    #[test]
    fn the_version_changes_with_the_meaning_and_not_with_the_spelling() {
        let compiled = |json: &str| {
            let document: Document = serde_json::from_str(json).unwrap();
            let (config, _) = Config::compile(&document).unwrap();
            let canonical = serde_json::to_vec_pretty(&document).unwrap();
            assert_eq!(Config::from_json(&canonical).unwrap().version, config.version);
            config.version
        };
        let plain = compiled(r#"{"models": {"a": {"targets": ["builtin/extractive"]}}}"#);
        let spelled = r#"{"limits": {"max_body": "20000KB"}, "models": {"a": {"strict": false,
            "targets": [{"model": "builtin/extractive", "timeout": "600s", "weight": 1}]}}}"#;
        assert_eq!(plain, compiled(spelled));
        assert_eq!(plain.len(), 32);
        assert_ne!(
            plain,
            compiled(r#"{"models": {"a": {"targets": ["builtin/extractive"], "strict": true}}}"#)
        );
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let problems = problems(
            r#"{"providers": {"opnai": {}}, "models": {
            "a": {"targets": []}, "b": {"strategy": "single", "targets": ["grog/x", "grok/x"]},
            "c": {"targets": ["builtin/extractve"], "retry": {"attempts": 0, "backoff": "5s..1s"}}}}"#,
        );
        let starts = [
            "providers.opnai: `opnai` is not in the catalogue (`sluice providers` lists it) and says neither",
            "models.a.targets: must have at least one target",
            "models.b.targets: strategy `single` takes one target, not 2",
            "models.b.targets[0]: no provider `grog` under",
            "models.b.targets[1]: no provider `grok` under `providers` or in the catalogue; did you mean `groq`?",
            "models.c.retry.attempts: must be from 1 to 10",
            "models.c.retry.backoff: the shortest wait (5s) is longer than the longest (1s)",
            "models.c.targets[0]: `builtin` has no model `extractve`, only extractive, moderation, static; did you mean",
        ];
        for (problem, start) in problems.iter().zip(starts) {
            assert!(problem.starts_with(start), "{problem}\n{start}");
        }
        assert_eq!(problems.len(), starts.len(), "{problems:#?}");
    }

    #[test]
    fn a_wrong_shape_is_told_without_the_value_of_a_key() {
        let found = problems(r#"{"providers": {"openai": {"api_key": "sk-live-123"}}}"#);
        assert!(found[0].contains("$OPENAI_API_KEY") && !found[0].contains("sk-live"), "{found:?}");
        assert!(problems(r#"{"provider": {}}"#)[0].contains("unknown field `provider`"));
        assert!(!problems("[").is_empty() && !problems("").is_empty());
    }
}
