//! `models`: targets that lead somewhere, and numbers that go together.

use std::{collections::HashMap, rc::Rc};

use sluice_providers::{catalog, prices};
use sluice_types::{error, money::Price};

use super::{Notes, unknown_provider};
use crate::config::{
    Model, Provider, RetryOn, RetryPolicy, Strategy, Target, Upstream,
    document::{self, Document, RetryClass},
    path::{Path, Problem},
    suggest,
};

/// One model; `None` if something is wrong with it.
pub fn compile(
    name: &str,
    written: &document::Model,
    document: &Document,
    providers: &HashMap<String, Rc<Provider>>,
    at: &Path,
    notes: &mut Notes,
) -> Option<Model> {
    check_targets(written, at, notes);
    check_retry(&written.retry, &at.key("retry"), notes);
    check_breaker(written.breaker.as_ref(), &at.key("breaker"), notes);
    check_guardrails(written, document, at, notes);
    let own_price = written.prices.as_ref().map(Price::from);
    let mut targets = Vec::new();
    for (index, target) in written.targets.iter().enumerate() {
        let at = at.key("targets").index(index);
        targets.extend(compile_target(target, own_price, document, providers, &at, notes));
    }
    if targets.len() < written.targets.len() || targets.is_empty() {
        return None;
    }
    check_operations(&targets, at, notes);
    let strategy = match written.strategy {
        None if targets.len() == 1 => Strategy::Single,
        Some(document::Strategy::Single) => Strategy::Single,
        Some(_) | None => Strategy::Fallback,
    };
    let retry = RetryPolicy::from(&written.retry);
    Some(Model { name: name.to_owned(), strategy, targets, retry, strict: written.strict })
}

fn compile_target(
    written: &document::Target,
    own_price: Option<Price>,
    document: &Document,
    providers: &HashMap<String, Rc<Provider>>,
    at: &Path,
    notes: &mut Notes,
) -> Option<Target> {
    let name = &written.model.provider;
    let model = &written.model.model;
    let Some(provider) = providers.get(name) else {
        let message = match document.providers.contains_key(name) {
            // Told where the provider stands; to be left out if that is told too.
            true => format!("provider `{name}` is not usable"),
            false => unknown_provider(name, document),
        };
        let because = Path::default().key("providers").key(name);
        notes.problems.push(Problem::new(at.clone(), message).because(because));
        return None;
    };
    let Some(mut target) = Target::plain(Rc::clone(provider), model) else {
        let known = catalog::BUILTIN_MODELS;
        let hint = suggest::hint(model, known.iter().copied());
        let message = format!("`{name}` has no model `{model}`, only {}{hint}", known.join(", "));
        notes.problem(at.clone(), message);
        return None;
    };
    target.weight = written.weight;
    target.timeout = written.timeout.0;
    target.first_token_timeout = written.first_token_timeout.map(|period| period.0);
    if !matches!(provider.upstream, Upstream::Builtin) {
        target.price = own_price.or(target.price);
        warn_of_unlisted(&target, at, notes);
    }
    Some(target)
}

/// A model the list lacks may be new, or a slip of the fingers.
fn warn_of_unlisted(target: &Target, at: &Path, notes: &mut Notes) {
    let listed = prices::of(&target.provider.name);
    if target.price.is_some() || target.entry.is_some() || listed.is_empty() {
        return;
    }
    let hint = suggest::hint(&target.model, listed.iter().map(prices::Entry::model));
    let message = format!(
        "`{}` is not in the price list ({}): its cost will be unknown unless `prices` tells it{hint}",
        target.id,
        prices::VERSION
    );
    notes.warn(at.clone(), message);
}

fn check_targets(written: &document::Model, at: &Path, notes: &mut Notes) {
    let at = at.key("targets");
    if written.targets.is_empty() {
        notes.problem(at.clone(), "must have at least one target, such as builtin/extractive");
    }
    if written.strategy == Some(document::Strategy::Single) && 1 < written.targets.len() {
        let message =
            format!("strategy `single` takes one target, not {}; use `fallback`", written.targets.len());
        notes.problem(at.clone(), message);
    }
    for (index, target) in written.targets.iter().enumerate() {
        let at = at.index(index);
        if let Some(first) = written.targets.iter().take(index).position(|other| other.model == target.model)
        {
            notes.problem(at.clone(), format!("`{}` is already targets[{first}]", target.model));
        }
        if target.timeout.0.is_zero() {
            notes.problem(at.key("timeout"), "must be longer than nothing");
        }
        let Some(first_token) = target.first_token_timeout else { continue };
        if first_token.0.is_zero() {
            notes.problem(at.key("first_token_timeout"), "must be longer than nothing");
        } else if target.timeout < first_token {
            let message = format!("{first_token} is longer than `timeout`, which is {}", target.timeout);
            notes.problem(at.key("first_token_timeout"), message);
        }
    }
    let balanced = written.strategy == Some(document::Strategy::LoadBalance);
    if balanced
        && !written.targets.is_empty()
        && written.targets.iter().all(|target| target.weight.get() == 0.0)
    {
        notes.problem(at, "at least one target must have a weight above 0");
    }
}

fn check_retry(retry: &document::Retry, at: &Path, notes: &mut Notes) {
    if !(1..=10).contains(&retry.attempts) {
        notes.problem(at.key("attempts"), "must be from 1 to 10; 1 means no second try");
    }
    if retry.backoff.max < retry.backoff.min {
        let (min, max) = (retry.backoff.min, retry.backoff.max);
        notes.problem(
            at.key("backoff"),
            format!("the shortest wait ({min}) is longer than the longest ({max})"),
        );
    }
}

fn check_breaker(breaker: Option<&document::Breaker>, at: &Path, notes: &mut Notes) {
    let Some(breaker) = breaker else { return };
    for (name, number) in [("failures", breaker.failures), ("probes", breaker.probes)] {
        if number == 0 {
            notes.problem(at.key(name), "must be at least 1");
        }
    }
    for (name, period) in [("window", breaker.window), ("open", breaker.open)] {
        if period.0.is_zero() {
            notes.problem(at.key(name), "must be longer than nothing");
        }
    }
}

fn check_guardrails(written: &document::Model, document: &Document, at: &Path, notes: &mut Notes) {
    for (index, name) in written.guardrails.iter().enumerate() {
        if !document.guardrails.contains_key(name) {
            let hint = suggest::hint(name, document.guardrails.keys().map(String::as_str));
            let message = format!("no guardrail `{name}` under `guardrails`{hint}");
            let because = Path::default().key("guardrails").key(name);
            notes.problems.push(Problem::new(at.key("guardrails").index(index), message).because(because));
        }
    }
}

/// All targets must have an operation in common, or there is no request they can all answer.
fn check_operations(targets: &[Target], at: &Path, notes: &mut Notes) {
    let offers = |target: &Target| match &target.provider.upstream {
        Upstream::Builtin => vec!["chat"],
        Upstream::Http(http) => {
            let others = http.operations.iter().map(|(operation, _)| operation.name());
            http.chat.first().map(|_| "chat").into_iter().chain(others).collect()
        }
    };
    let mut common = targets.first().map(offers).unwrap_or_default();
    common.retain(|operation| targets.iter().all(|target| offers(target).contains(operation)));
    if common.is_empty() {
        let list: Vec<String> = targets
            .iter()
            .map(|target| match offers(target).as_slice() {
                [] => format!("`{}` does nothing", target.id),
                offers => format!("`{}` does {}", target.id, offers.join(", ")),
            })
            .collect();
        notes
            .problem(at.key("targets"), format!("no operation that all targets can do: {}", list.join("; ")));
    }
}

impl From<&document::Retry> for RetryPolicy {
    fn from(retry: &document::Retry) -> Self {
        let class = |class: &RetryClass| match class {
            RetryClass::RateLimited => error::RetryClass::RateLimited,
            RetryClass::Unavailable => error::RetryClass::Unavailable,
            RetryClass::Timeout => error::RetryClass::Timeout,
            RetryClass::Network => error::RetryClass::Network,
        };
        Self {
            attempts: retry.attempts,
            on: retry.on.iter().map(class).collect::<RetryOn>(),
            backoff: (retry.backoff.min.0, retry.backoff.max.0),
        }
    }
}
