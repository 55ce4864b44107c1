//! From the document to what the gateway works with. Every problem is collected; none stops the search for more.

mod group;
mod model;
mod provider;
mod settings;

use std::{collections::HashMap, rc::Rc};

use sluice_providers::catalog;

use crate::guardrail::plan;

use super::{
    Config, Cors, Files, Limits, Model, Provider, Target, Upstream, digest,
    document::{self, Document},
    not_yet,
    path::{Path, Problem, Warning},
    suggest,
    text::TargetName,
};

/// What is collected on the way.
#[derive(Default)]
struct Notes {
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
}

impl Notes {
    fn problem(&mut self, path: Path, message: impl Into<String>) {
        self.problems.push(Problem::new(path, message));
    }

    fn warn(&mut self, path: Path, message: impl Into<String>) {
        self.warnings.push(Warning::new(path, message));
    }
}

/// The compiled form of `document` and what its author may want to know, or all that is wrong with it.
pub fn compile(document: &Document, version: String) -> Result<(Config, Vec<Warning>), Vec<Problem>> {
    let mut notes = Notes { warnings: not_yet::warnings(document), ..Notes::default() };
    let providers = providers(document, &mut notes);
    let mut known = providers.clone();
    known.extend(unlisted(document, &mut notes));
    let root = Path::default();
    let guardrails: HashMap<_, _> = document
        .guardrails
        .iter()
        .map(|(name, written)| {
            let at = root.key("guardrails").key(name);
            (name.clone(), Rc::new(plan::compile(name, written, &at, &mut notes.problems)))
        })
        .collect();
    let mut aliases = Vec::new();
    for (name, model) in &document.models {
        let at = root.key("models").key(name);
        check_name(name, &at, &mut notes);
        aliases
            .extend(model::compile(name, model, document, &known, &guardrails, &at, &mut notes).map(Rc::new));
    }
    check_policies(document, &mut notes);
    if !notes.problems.is_empty() {
        return Err(notes.problems);
    }
    Ok((Config { guardrails, ..assemble(document, version, providers, aliases) }, notes.warnings))
}

/// The compiled form of an empty document, in which nothing can be wrong.
pub fn empty() -> Config {
    let document = Document::default();
    let providers = providers(&document, &mut Notes::default());
    assemble(&document, digest::of_json(b"{}"), providers, Vec::new())
}

fn providers(document: &Document, notes: &mut Notes) -> HashMap<String, Rc<Provider>> {
    let builtin = Provider {
        name: catalog::BUILTIN.to_owned(),
        upstream: Upstream::Builtin,
        data_region: None,
        prices: HashMap::new(),
    };
    let mut providers = HashMap::from([(builtin.name.clone(), Rc::new(builtin))]);
    for (name, written) in &document.providers {
        let at = Path::default().key("providers").key(name);
        if let Some(provider) = provider::compile(name, written, &at, notes) {
            providers.insert(name.clone(), Rc::new(provider));
        }
    }
    providers
}

/// The catalogue's providers that targets name and `providers` does not: as if they stood there with `{}`, except that
/// callers cannot name their models themselves.
fn unlisted(document: &Document, notes: &mut Notes) -> HashMap<String, Rc<Provider>> {
    let targets = document.models.values().flat_map(|model| {
        let mirror = model.mirror.as_ref().map(|mirror| &mirror.target);
        model.targets.iter().map(|target| &target.0.model).chain(mirror)
    });
    let names = targets
        .filter_map(|name| match name {
            TargetName::Provider(reference) => Some(&reference.provider),
            TargetName::Model(_) => None,
        })
        .filter(|name| !document.providers.contains_key(*name));
    let mut found = HashMap::new();
    for name in names.filter(|name| catalog::find(name).is_some()) {
        let at = Path::default().key("providers").key(name);
        let provider = provider::compile(name, &document::Provider::default(), &at, notes);
        found.extend(provider.map(|provider| (name.clone(), Rc::new(provider))));
    }
    found
}

fn assemble(
    document: &Document,
    version: String,
    providers: HashMap<String, Rc<Provider>>,
    aliases: Vec<Rc<Model>>,
) -> Config {
    let builtin = providers.get(catalog::BUILTIN).into_iter().flat_map(|provider| {
        catalog::BUILTIN_MODELS.iter().filter_map(|&model| {
            let target = Target::plain(Rc::clone(provider), model)?;
            let name = target.id.clone();
            Some(Rc::new(Model::plain(&name, target)))
        })
    });
    let mut listed = aliases;
    let mut models: HashMap<_, _> =
        listed.iter().map(|model| (model.name.clone(), Rc::clone(model))).collect();
    for model in builtin {
        // An alias of the same name wins.
        models.entry(model.name.clone()).or_insert_with(|| {
            listed.push(Rc::clone(&model));
            model
        });
    }
    let document::Limits { max_body, body_timeout } = document.limits;
    let cors = &document.cors;
    Config {
        version,
        limits: Limits { max_body: max_body.0, body_timeout: body_timeout.0 },
        cors: Cors {
            origins: cors.origins.iter().map(|origin| origin.as_str().to_owned()).collect(),
            max_age: cors.max_age.0,
        },
        quotas: document.tenants.defaults.clone(),
        files: Files { max_bytes: document.files.max_bytes.0, timeout: document.files.timeout.0 },
        queue: document.queue.clone(),
        ingest: document.ingest.clone(),
        embeddings: document
            .embeddings
            .default
            .as_ref()
            .map_or_else(|| format!("{}/{}", catalog::BUILTIN, catalog::STATIC), ToString::to_string),
        vectors: document.vectors.clone(),
        guardrails: HashMap::new(),
        providers,
        models,
        listed,
    }
}

fn check_name(name: &str, at: &Path, notes: &mut Notes) {
    let visible = !name.contains(|c: char| c.is_whitespace() || c.is_control());
    if name.is_empty() || 128 < name.len() || !visible {
        notes.problem(
            at.clone(),
            "a model's name must have 1 to 128 bytes and neither spaces nor control characters",
        );
    }
}

/// The largest file anybody may allow, in bytes: as OpenAI.
const MAX_FILE: u64 = 512_000_000;

fn check_policies(document: &Document, notes: &mut Notes) {
    let root = Path::default();
    let defaults = root.key("tenants").key("defaults");
    notes.problems.extend(document.tenants.defaults.problems(&defaults));
    if document.limits.max_body.0 == 0 {
        notes.problem(root.key("limits").key("max_body"), "must be at least 1B");
    }
    if document.limits.body_timeout.0.is_zero() {
        notes.problem(root.key("limits").key("body_timeout"), "must be longer than nothing");
    }
    let files = root.key("files");
    if document.files.max_bytes.0 == 0 || MAX_FILE < document.files.max_bytes.0 {
        notes.problem(files.key("max_bytes"), "must be 1B to 512MB");
    }
    if document.files.timeout.0.is_zero() {
        notes.problem(files.key("timeout"), "must be longer than nothing");
    }
    if !(1..=100).contains(&document.ingest.max_attempts) {
        notes.problem(root.key("ingest").key("max_attempts"), "must be 1 to 100");
    }
    if let document::Vectors::Qdrant(qdrant) = &document.vectors {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if qdrant.collection.is_empty() || !qdrant.collection.bytes().all(plain) {
            let at = root.key("vectors").key("qdrant").key("collection");
            notes.problem(at, "must be letters, digits, `-` and `_`");
        }
    }
    if let Some(reference) = &document.embeddings.default {
        let known =
            reference.provider == catalog::BUILTIN || document.providers.contains_key(&reference.provider);
        if !known {
            let at = root.key("embeddings").key("default");
            notes.problem(at, unknown_provider(&reference.provider, document));
        }
    }
}

/// What to say of a provider that nobody knows.
fn unknown_provider(name: &str, document: &Document) -> String {
    let configured = document.providers.keys().map(String::as_str).chain([catalog::BUILTIN]);
    let known = configured.chain(catalog::all().iter().map(|provider| provider.name));
    let hint = suggest::hint(name, known);
    format!("no provider `{name}` under `providers` or in the catalogue{hint}")
}
