//! Makes `docs/providers.md`: what is shown to work with each provider, every mark with the case behind it.
//!
//! Nothing in the table is written by hand. A feature counts where a case of `tests/cases` holds it: a request that the
//! provider's own dialect writes without leaving the feature out, an answer or a stream that the format's reader finds it
//! in. `BLESS=1 cargo test -p sluice-providers --test matrix` writes the page anew, to be read in the diff.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/evidence.rs"]
mod evidence;

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use evidence::{Case, Feature, answers, errors, requests, streams};
use sluice_providers::{
    auth::Auth,
    catalog::{self, Provider},
    format::{Chat, JsonSchema},
    operation::Operation,
};

/// The page.
const PAGE: &str = "docs/providers.md";

#[test]
fn the_table_of_providers_is_fresh() {
    let (path, page) = (root().join(PAGE), page());
    if fs::read_to_string(&path).is_ok_and(|now| now == page) {
        return;
    }
    assert!(
        std::env::var_os("BLESS").is_some(),
        "{PAGE} is stale: run `BLESS=1 cargo test -p sluice-providers --test matrix`"
    );
    fs::write(&path, page).unwrap();
}

#[test]
fn a_feature_that_the_dialect_refuses_is_not_claimed() {
    let perplexity = catalog::find("perplexity").unwrap();
    assert!(cell(perplexity, Feature::Chat).is_some());
    assert!(perplexity.drop.contains(&"tools") && cell(perplexity, Feature::Tools).is_none());
    let voyage = catalog::find("voyage").unwrap();
    assert!(Feature::ALL.into_iter().all(|feature| cell(voyage, feature).is_none()));
}

/// The case behind a feature of `provider`: one of its own before one of its format's. A feature of requests and answers
/// needs both; the answer is shown.
fn cell(provider: &Provider, feature: Feature) -> Option<Case> {
    let said = |format: Chat| -> Vec<Case> {
        let cases = match feature {
            Feature::Images | Feature::StructuredOutput => requests(provider, format),
            Feature::Stream => streams(format),
            Feature::Errors => errors(format),
            Feature::Chat => answers(format),
            _ => answers(format).into_iter().chain(streams(format)).collect(),
        };
        cases.into_iter().filter(|case| case.shows(feature)).collect()
    };
    let asked = |format: Chat| {
        let needs_request = matches!(feature, Feature::Tools | Feature::ParallelTools);
        !needs_request || requests(provider, format).iter().any(|case| case.shows(feature))
    };
    let cases = provider.chat.iter().filter(|format| asked(**format)).flat_map(|format| said(*format));
    let usable = cases.filter(|case| case.of.is_none_or(|of| of == provider.name));
    let rank = |case: &Case| {
        let own = case.of.is_some() || at_home(provider, case);
        (!own, case.name != feature.case(), case.name.len(), case.path.clone())
    };
    usable.min_by_key(rank)
}

/// Whether the format of `case` is the provider's own make, so that the format's cases are its own.
fn at_home(provider: &Provider, case: &Case) -> bool {
    let maker = match case.format {
        Chat::OpenaiChat | Chat::OpenaiResponses => "openai",
        Chat::AnthropicMessages => "anthropic",
        Chat::Gemini => "gemini",
        Chat::CohereChat => "cohere",
        Chat::BedrockConverse => "bedrock",
        Chat::OllamaChat => "ollama",
        Chat::WorkersAi => "workers_ai",
    };
    provider.name == maker
}

fn page() -> String {
    let mut page = String::from(HEAD);
    page.push_str("\n## Where they are and what they speak\n\n| provider | formats of chat | credential | address |\n|---|---|---|---|\n");
    for provider in catalog::all() {
        let formats: Vec<_> = provider.chat.iter().map(|format| format!("`{}`", format.name())).collect();
        let formats = if formats.is_empty() { NONE.to_owned() } else { formats.join(", ") };
        let Provider { name, base_url, .. } = provider;
        let _ = writeln!(page, "| {name} | {formats} | {} | `{base_url}` |", credential(&provider.auth));
    }

    page.push_str("\n## Chat\n\n| provider |");
    Feature::ALL.iter().for_each(|feature| page.extend([" ", feature.title(), " |"]));
    page.push_str("\n|---|");
    Feature::ALL.iter().for_each(|_| page.push_str(":-:|"));
    for provider in catalog::all().iter().filter(|provider| !provider.chat.is_empty()) {
        let _ = write!(page, "\n| {} |", provider.name);
        for feature in Feature::ALL {
            let _ = write!(page, " {} |", mark(provider, feature));
        }
    }

    page.push_str("\n\n## Beside chat\n\n| provider |");
    Operation::ALL.iter().for_each(|operation| page.extend([" ", operation.name(), " |"]));
    page.push_str("\n|---|");
    Operation::ALL.iter().for_each(|_| page.push_str("---|"));
    for provider in catalog::all().iter().filter(|provider| !provider.operations.is_empty()) {
        let _ = write!(page, "\n| {} |", provider.name);
        for operation in Operation::ALL {
            let offered = provider.operations.iter().find(|(offered, _)| *offered == operation);
            let _ = match offered {
                Some((_, path)) => write!(page, " `{path}` |"),
                None => write!(page, " {NONE} |"),
            };
        }
    }
    page.push('\n');
    page
}

fn mark(provider: &Provider, feature: Feature) -> String {
    let Some(case) = cell(provider, feature) else { return NONE.to_owned() };
    let own = case.of.is_some() || at_home(provider, &case);
    let way = match (feature, provider.json_schema) {
        (Feature::StructuredOutput, JsonSchema::Tool) => " by a tool",
        (Feature::StructuredOutput, JsonSchema::Words) => " by words",
        _ => "",
    };
    format!("[{}](../tests/cases/{}){way}", if own { OWN } else { FORMATS }, case.path)
}

fn credential(auth: &Auth) -> String {
    match auth {
        Auth::None => "none".to_owned(),
        Auth::Bearer(secret) => format!("`authorization: Bearer`, `{secret}`"),
        Auth::Header(header, secret) => format!("`{header}`, `{secret}`"),
        Auth::Aws(aws) => {
            format!("SigV4, `{}` and `{}`; or a bearer key", aws.access_key_id, aws.secret_access_key)
        }
        Auth::Google(secret) => format!("service account, `{secret}`"),
    }
}

/// A feature that a case of the provider's own shows, one that a case of its format shows, and one that none does.
const OWN: &str = "●";
const FORMATS: &str = "○";
const NONE: &str = "·";

const HEAD: &str = "\
# Providers

Made by `BLESS=1 cargo test -p sluice-providers --test matrix` from the catalogue (`crates/providers/catalog`) and the cases
(`tests/cases`); a test fails where it is stale. The tables say what Sluice translates, not what each model can do:
`sluice models` lists that.

● links to a case in the provider's own words, ○ to one of the format it speaks, written in the provider's dialect where it
is a request. · means that no case shows it. The case stands beside what every caller's protocol makes of it. Requests come in all
four protocols: OpenAI Chat Completions and Responses, Anthropic Messages, Gemini.
";

/// The workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The folder of cases.
pub fn cases() -> PathBuf {
    root().join("tests/cases")
}
