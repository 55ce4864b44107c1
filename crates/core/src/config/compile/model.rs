//! `models`: numbers that go together, and what holds for a whole model. Its targets are `group`'s.

use std::{collections::HashMap, rc::Rc};

use sluice_providers::{catalog, operation::Operation};
use sluice_types::error;

use super::{Notes, group::Tree};
use crate::{
    cache::LONGEST,
    config::{
        Hedge, Mirror, Model, Provider, RetryOn, RetryPolicy, Target, Upstream,
        document::{self, Document, RetryClass},
        number::Share,
        path::{Path, Problem},
        suggest,
    },
    grounded::wish,
    guardrail::{Guardrail, Plans},
    routing::{breaker::Policy, window},
};

/// One model; `None` if something is wrong with it.
pub fn compile(
    name: &str,
    written: &document::Model,
    document: &Document,
    providers: &HashMap<String, Rc<Provider>>,
    guardrails: &HashMap<String, Rc<Guardrail>>,
    at: &Path,
    notes: &mut Notes,
) -> Option<Model> {
    check_retry(&written.retry, &at.key("retry"), notes);
    check_breaker(written.breaker.as_ref(), &at.key("breaker"), notes);
    check_guardrails(written, document, at, notes);
    if written.deadline.is_some_and(|deadline| deadline.0.is_zero()) {
        notes.problem(at.key("deadline"), "must be longer than nothing");
    }
    let mirror = written.mirror.as_ref().map(|mirror| compile_mirror(mirror, document, providers, at, notes));
    let mut tree = Tree::new(document, providers, notes);
    let group = tree.group(name, written, at);
    let mut targets = tree.targets;
    let group = group?;
    check_operations(&targets, at, notes);
    let several = 1 < targets.len();
    for target in &mut targets {
        target.breaker = target.breaker.filter(|_| several || written.breaker.is_some());
    }
    let hedge = written.hedge.map(|hedge| Hedge { after: hedge.after.map(|after| after.0) });
    if hedge.is_some() && !several {
        notes.problem(at.key("hedge"), "needs a second target to race against");
    }
    let mirror = match mirror {
        None => None,
        Some(mirror) => Some(mirror?),
    };
    let (name, deadline) = (name.to_owned(), written.deadline.map(|deadline| deadline.0));
    if LONGEST < written.cache.ttl.0 {
        notes.problem(at.key("cache").key("ttl"), "must be at most 30 days");
    }
    let guardrails: Vec<_> =
        written.guardrails.iter().filter_map(|name| guardrails.get(name).cloned()).collect();
    let all: Vec<_> = guardrails.iter().map(Rc::as_ref).collect();
    let guard = Rc::new(Plans::of(&all));
    let (strict, cache) = (written.strict, written.cache.into());
    let knowledge =
        written.knowledge.as_ref().map(|written| compile_knowledge(written, &at.key("knowledge"), notes));
    Some(Model { name, group, targets, strict, deadline, hedge, mirror, cache, guard, guardrails, knowledge })
}

fn compile_knowledge(written: &document::Knowledge, at: &Path, notes: &mut Notes) -> wish::Own {
    let names = written.stores.iter().all(|name| !name.trim().is_empty());
    if !names || !(1..=wish::MAX_STORES).contains(&written.stores.len()) {
        let most = wish::MAX_STORES;
        notes.problem(at.key("stores"), format!("must be 1 to {most} ids or names of vector stores"));
    }
    let max_results = written.max_results.unwrap_or(wish::RESULTS_USUALLY);
    if !(1..=wish::MAX_RESULTS).contains(&max_results) {
        notes.problem(at.key("max_results"), format!("must be from 1 to {}", wish::MAX_RESULTS));
    }
    wish::Own {
        stores: written.stores.clone(),
        max_results,
        threshold: written.score_threshold.map_or(0.0, Share::get),
        on_error: written.on_error,
    }
}

/// Where copies go: a model with the one target.
fn compile_mirror(
    written: &document::Mirror,
    document: &Document,
    providers: &HashMap<String, Rc<Provider>>,
    at: &Path,
    notes: &mut Notes,
) -> Option<Mirror> {
    let at = at.key("mirror");
    if 100 < written.percent {
        notes.problem(at.key("percent"), "must be at most 100");
    }
    let mut tree = Tree::new(document, providers, notes);
    let group = tree.mirror(&written.target, &at.key("target"))?;
    let targets = tree.targets;
    let name = written.target.to_string();
    Some(Mirror { model: Rc::new(Model::of(name, group, targets)), percent: written.percent })
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
    let numbers =
        [("failures", breaker.failures), ("min_requests", breaker.min_requests), ("probes", breaker.probes)];
    for (name, number) in numbers {
        if number == 0 {
            notes.problem(at.key(name), "must be at least 1");
        }
    }
    for (name, period) in [("window", breaker.window), ("open", breaker.open)] {
        if period.0.is_zero() {
            notes.problem(at.key(name), "must be longer than nothing");
        }
    }
    if window::LONGEST < breaker.window.0.as_secs() {
        notes.problem(at.key("window"), format!("must be at most {}s", window::LONGEST));
    }
    if breaker.error_rate.get() == 0.0 {
        notes.problem(at.key("error_rate"), "must be above 0, or any success would open it");
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
        Upstream::Builtin if target.model == catalog::STATIC => vec![Operation::Embeddings.name()],
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

impl From<&document::Breaker> for Policy {
    fn from(breaker: &document::Breaker) -> Self {
        Self {
            failures: breaker.failures,
            error_rate: breaker.error_rate.get(),
            min_requests: breaker.min_requests,
            window: breaker.window.0,
            open: breaker.open.0,
            probes: breaker.probes,
            shared: breaker.shared,
        }
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
            budget: retry.budget.get(),
            content_filter: retry.content_filter,
        }
    }
}
