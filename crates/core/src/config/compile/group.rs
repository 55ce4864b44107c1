//! `models.*.targets`: a tree whose leaves lead somewhere.

use std::{collections::HashMap, rc::Rc};

use sluice_providers::{catalog, prices};
use sluice_types::money::Price;

use super::{Notes, unknown_provider};
use crate::{
    config::{
        Group, Member, Provider, RetryPolicy, Strategy, Target, To, Upstream,
        document::{self, Affinity, Document, OneOrMore, Rule},
        number::Share,
        path::{Path, Problem},
        suggest,
        text::{Reference, TargetName},
    },
    routing::{
        breaker::Policy,
        semantic::{self, Routes},
    },
};

/// The most targets a model may have, those of nested models included.
const MOST: usize = 64;

/// A tree in the making.
pub struct Tree<'a, 'n> {
    document: &'a Document,
    providers: &'a HashMap<String, Rc<Provider>>,
    notes: &'n mut Notes,
    /// The models that led here.
    way: Vec<&'a str>,
    /// The leaves.
    pub targets: Vec<Target>,
}

/// What a target has of the model it stands in.
struct Inherited {
    price: Option<Price>,
    retry: RetryPolicy,
    breaker: Option<Policy>,
}

impl<'a, 'n> Tree<'a, 'n> {
    /// A tree without leaves.
    pub fn new(
        document: &'a Document,
        providers: &'a HashMap<String, Rc<Provider>>,
        notes: &'n mut Notes,
    ) -> Self {
        Self { document, providers, notes, way: Vec::new(), targets: Vec::new() }
    }

    /// The targets of the model `name`; `None` if something is wrong with them.
    pub fn group(&mut self, name: &'a str, written: &'a document::Model, at: &Path) -> Option<Group> {
        check(written, at, self.notes);
        if let Some(circle) = circle(name, self.document) {
            self.notes.problem(at.key("targets"), format!("the model leads back to itself: {circle}"));
            return None;
        }
        let group = self.inner(name, written, at);
        if MOST < self.targets.len() {
            let message = format!("more than {MOST} targets, those of nested models included");
            self.notes.problem(at.key("targets"), message);
            return None;
        }
        group
    }

    /// The one place that `name` leads to.
    pub fn mirror(&mut self, name: &'a TargetName, at: &Path) -> Option<Group> {
        let plain = document::Target::from(name.clone());
        let inherited = Inherited { price: None, retry: RetryPolicy::default(), breaker: None };
        let to = self.member(name, &plain, &inherited, at)?;
        let mut group = Group::single(&name.to_string(), &name.to_string());
        group.members.iter_mut().for_each(|member| member.to = to.clone());
        Some(group)
    }

    fn inner(&mut self, name: &'a str, written: &'a document::Model, at: &Path) -> Option<Group> {
        self.way.push(name);
        let breaker = written.breaker.unwrap_or_default();
        let inherited = Inherited {
            price: written.prices.as_ref().map(Price::from),
            retry: RetryPolicy::from(&written.retry),
            breaker: breaker.enabled.then(|| Policy::from(&breaker)),
        };
        let mut members = Vec::new();
        let count = written.targets.len();
        for (index, target) in written.targets.iter().enumerate() {
            let at = at.key("targets").index(index);
            let Some(to) = self.member(&target.0.model, target, &inherited, &at) else { continue };
            let name = target.0.model.to_string();
            members.push(Member {
                to,
                weight: target.0.weight,
                quality: target.0.quality,
                when: target.0.when.clone(),
                max_complexity: up_to(target, index, count),
                arm: target.0.arm.clone().unwrap_or_else(|| name.clone()),
                name,
            });
        }
        self.way.pop();
        let whole = members.len() == count && !members.is_empty();
        whole.then(|| Group { name: name.to_owned(), strategy: strategy(written), members })
    }

    fn member(
        &mut self,
        name: &'a TargetName,
        written: &document::Target,
        inherited: &Inherited,
        at: &Path,
    ) -> Option<To> {
        match name {
            TargetName::Provider(reference) => {
                let target = self.leaf(reference, written, inherited, at)?;
                self.targets.push(target);
                Some(To::Target(self.targets.len() - 1))
            }
            TargetName::Model(name) => {
                let Some((name, nested)) = self.document.models.get_key_value(name) else {
                    let hint = suggest::hint(name, self.document.models.keys().map(String::as_str));
                    let message =
                        format!("no model `{name}` under `models`, and not provider/model either{hint}");
                    let because = Path::default().key("models").key(name);
                    self.notes.problems.push(Problem::new(at.clone(), message).because(because));
                    return None;
                };
                if self.way.contains(&name.as_str()) || MOST < self.targets.len() {
                    return None;
                }
                // What is wrong with it is told where it stands.
                let mut aside = Notes::default();
                let mut tree = Tree {
                    document: self.document,
                    providers: self.providers,
                    notes: &mut aside,
                    way: std::mem::take(&mut self.way),
                    targets: std::mem::take(&mut self.targets),
                };
                let there = Path::default().key("models").key(name);
                let group = tree.inner(name, nested, &there);
                (self.way, self.targets) = (tree.way, tree.targets);
                group.map(To::Group)
            }
        }
    }

    fn leaf(
        &mut self,
        reference: &Reference,
        written: &document::Target,
        inherited: &Inherited,
        at: &Path,
    ) -> Option<Target> {
        let Reference { provider: name, model } = reference;
        let Some(provider) = self.providers.get(name) else {
            let message = match self.document.providers.contains_key(name) {
                // Told where the provider stands; to be left out if that is told too.
                true => format!("provider `{name}` is not usable"),
                false => unknown_provider(name, self.document),
            };
            let because = Path::default().key("providers").key(name);
            self.notes.problems.push(Problem::new(at.clone(), message).because(because));
            return None;
        };
        let Some(mut target) = Target::plain(Rc::clone(provider), model) else {
            let known = catalog::BUILTIN_MODELS;
            let hint = suggest::hint(model, known.iter().copied());
            let message = format!("`{name}` has no model `{model}`, only {}{hint}", known.join(", "));
            self.notes.problem(at.clone(), message);
            return None;
        };
        let period = |written: Option<crate::config::text::Period>| written.map(|period| period.0);
        target.timeout = period(written.0.timeout).unwrap_or(target.timeout);
        target.headers_timeout = period(written.0.headers_timeout);
        target.first_token_timeout = period(written.0.first_token_timeout);
        target.idle_timeout = period(written.0.idle_timeout);
        target.retry = inherited.retry.clone();
        target.breaker = inherited.breaker;
        if !matches!(provider.upstream, Upstream::Builtin) {
            target.price = inherited.price.or(target.price);
            warn_of_unlisted(&target, at, self.notes);
        }
        Some(target)
    }
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

/// The hardest prompt that the target at `index` of `count` is for: even steps, unless it says otherwise.
fn up_to(target: &document::Target, index: usize, count: usize) -> Share {
    let step = Share::new((index + 1) as f64 / count.max(1) as f64);
    target.0.max_complexity.or(step).unwrap_or(Share::percent(100))
}

fn strategy(written: &document::Model) -> Strategy {
    let floor = written.min_quality.unwrap_or(Share::percent(0));
    let affinity = |usual: &[Affinity]| match &written.affinity {
        Some(affinity) => affinity.to_vec(),
        None => usual.to_vec(),
    };
    match written.strategy {
        None if written.targets.len() == 1 => Strategy::Single,
        None | Some(document::Strategy::Fallback) => Strategy::Fallback,
        Some(document::Strategy::Single) => Strategy::Single,
        Some(document::Strategy::LoadBalance) => {
            Strategy::LoadBalance(affinity(&[Affinity::Session, Affinity::User, Affinity::Prompt]))
        }
        Some(document::Strategy::LeastCost) => Strategy::LeastCost(floor),
        Some(document::Strategy::LeastLatency) => Strategy::LeastLatency,
        Some(document::Strategy::Score) => Strategy::Score(written.score, floor),
        Some(document::Strategy::Conditional) => Strategy::Conditional,
        Some(document::Strategy::Semantic) => {
            Strategy::Semantic(Routes::new(written.targets.iter().map(|target| target.0.examples.as_slice())))
        }
        Some(document::Strategy::Complexity) => Strategy::Complexity,
        Some(document::Strategy::Split) => Strategy::Split(affinity(&[Affinity::User, Affinity::Session])),
    }
}

/// The models that lead from `name` back to it, if any do.
fn circle(name: &str, document: &Document) -> Option<String> {
    fn search<'a>(
        at: &'a str,
        goal: &str,
        document: &'a Document,
        seen: &mut Vec<&'a str>,
    ) -> Option<String> {
        let model = document.models.get(at)?;
        for target in &model.targets {
            let TargetName::Model(next) = &target.0.model else { continue };
            if next == goal {
                return Some(next.clone());
            }
            if seen.contains(&next.as_str()) {
                continue;
            }
            seen.push(next);
            if let Some(rest) = search(next, goal, document, seen) {
                return Some(format!("{next} → {rest}"));
            }
        }
        None
    }
    search(name, name, document, &mut Vec::new()).map(|rest| format!("{name} → {rest}"))
}

fn check(written: &document::Model, at: &Path, notes: &mut Notes) {
    check_strategy(written, at, notes);
    let at = at.key("targets");
    if written.targets.is_empty() {
        notes.problem(at.clone(), "must have at least one target, such as builtin/extractive");
    }
    let chosen = strategy(written);
    let mut before = Share::percent(0);
    for (index, target) in written.targets.iter().enumerate() {
        let at = at.index(index);
        let same = |other: &document::Target| other.0.model == target.0.model;
        if let Some(first) = written.targets.iter().take(index).position(same) {
            notes.problem(at.clone(), format!("`{}` is already targets[{first}]", target.0.model));
        }
        check_times(target, &at, notes);
        if let Some(rule) = &target.0.when {
            check_rule(rule, &at.key("when"), notes);
        }
        for (member, given, strategy) in [
            ("when", target.0.when.is_some(), "conditional"),
            ("max_complexity", target.0.max_complexity.is_some(), "complexity"),
            ("examples", !target.0.examples.is_empty(), "semantic"),
            ("arm", target.0.arm.is_some(), "split"),
        ] {
            if given && chosen.name() != strategy {
                notes.problem(at.key(member), format!("means something under strategy `{strategy}` only"));
            }
        }
        let hardest = up_to(target, index, written.targets.len());
        if chosen == Strategy::Complexity && hardest < before {
            let message = format!("{} is below the target's before it, {}", hardest.get(), before.get());
            notes.problem(at.key("max_complexity"), message);
        }
        before = hardest;
    }
    if chosen == Strategy::Complexity && before.get() < 1.0 && !written.targets.is_empty() {
        let last = at.index(written.targets.len() - 1);
        notes.problem(last.key("max_complexity"), "the last target is for all prompts: leave it out");
    }
    if matches!(chosen, Strategy::Semantic(_)) {
        check_examples(written, &at, notes);
    }
    if chosen == Strategy::Conditional && written.targets.last().is_some_and(|target| target.0.when.is_some())
    {
        let last = at.index(written.targets.len() - 1);
        notes.warn(last.key("when"), "a request for which no rule holds is refused");
    }
}

/// Each target but the last, which is the default, needs examples with words that the model knows.
fn check_examples(written: &document::Model, at: &Path, notes: &mut Notes) {
    let targets = &written.targets;
    for (index, target) in targets.iter().enumerate() {
        let (at, examples) = (at.index(index).key("examples"), &target.0.examples);
        if examples.is_empty() && index + 1 < targets.len() {
            notes.problem(at.clone(), "missing; only the last target, the default, may have none");
        }
        for (place, example) in examples.iter().enumerate() {
            if !semantic::is_usable(example) {
                notes.problem(at.index(place), semantic::UNKNOWN);
            }
        }
    }
    let routes = targets.iter().filter(|target| !target.0.examples.is_empty()).count();
    let examples: usize = targets.iter().map(|target| target.0.examples.len()).sum();
    if routes < 2 {
        notes.problem(
            at.clone(),
            "strategy `semantic` needs two targets with examples, beside a default without",
        );
    }
    if semantic::MOST < routes * examples {
        let most = semantic::MOST / routes.max(1);
        notes.problem(
            at.clone(),
            format!("{examples} examples are too many for {routes} targets: at most {most}"),
        );
    }
}

fn check_times(target: &document::Target, at: &Path, notes: &mut Notes) {
    let document::Spelled { timeout, headers_timeout, first_token_timeout, idle_timeout, .. } = &target.0;
    let times = [
        ("timeout", *timeout),
        ("headers_timeout", *headers_timeout),
        ("first_token_timeout", *first_token_timeout),
        ("idle_timeout", *idle_timeout),
    ];
    let whole = timeout.unwrap_or(document::Target::TIMEOUT);
    for (name, given) in times {
        let Some(given) = given else { continue };
        if let TargetName::Model(model) = &target.0.model {
            notes.problem(at.key(name), format!("set it at the targets of `models.{model}`"));
        } else if given.0.is_zero() {
            notes.problem(at.key(name), "must be longer than nothing");
        } else if whole < given {
            notes.problem(at.key(name), format!("{given} is longer than `timeout`, which is {whole}"));
        }
    }
    if let (Some(headers), Some(first)) = (headers_timeout, first_token_timeout)
        && first < headers
    {
        let message = format!("{headers} is longer than `first_token_timeout`, which is {first}");
        notes.problem(at.key("headers_timeout"), message);
    }
}

fn check_strategy(written: &document::Model, at: &Path, notes: &mut Notes) {
    let chosen = strategy(written);
    let count = written.targets.len();
    let named = written.strategy.is_some();
    if chosen == Strategy::Single && 1 < count {
        let message = format!("strategy `single` takes one target, not {count}; use `fallback`");
        notes.problem(at.key("targets"), message);
    }
    let weighted = matches!(chosen, Strategy::LoadBalance(_) | Strategy::Split(_));
    if weighted && 0 < count && written.targets.iter().all(|target| target.0.weight.get() == 0.0) {
        notes.problem(at.key("targets"), "at least one target must have a weight above 0");
    }
    let judged = matches!(chosen, Strategy::LeastCost(_) | Strategy::Score(..));
    let scored = matches!(chosen, Strategy::Score(..));
    for (member, given, fits, where_) in [
        ("affinity", written.affinity.is_some(), weighted, "`load_balance` and `split`"),
        ("min_quality", written.min_quality.is_some(), judged, "`least_cost` and `score`"),
        ("score", written.score != document::Score::default(), scored, "`score`"),
    ] {
        if given && !fits {
            let why = if named { "" } else { "; name a `strategy`" };
            notes.problem(at.key(member), format!("means something under {where_} only{why}"));
        }
    }
    let document::Score { cost, latency, quality, errors } = written.score;
    if [cost, latency, quality, errors].iter().all(|weight| weight.get() == 0.0) {
        notes.problem(at.key("score"), "at least one must be above 0");
    }
    if written
        .affinity
        .as_ref()
        .is_some_and(|affinity| matches!(affinity, OneOrMore::More(list) if list.is_empty()))
    {
        notes.problem(at.key("affinity"), "must name something; `none` for none");
    }
    if judged && written.min_quality.is_some() {
        for (index, target) in written.targets.iter().enumerate() {
            if target.0.quality.is_none() {
                let at = at.key("targets").index(index);
                notes.problem(at.key("quality"), "missing; needed because the model has `min_quality`");
            }
        }
    }
}

fn check_rule(rule: &Rule, at: &Path, notes: &mut Notes) {
    if *rule == Rule::default() {
        notes.problem(at.clone(), "says nothing: leave it out for a target that is for all requests");
    }
    if let (Some(least), Some(most)) = (rule.min_prompt_tokens, rule.max_prompt_tokens)
        && most < least
    {
        notes.problem(at.key("max_prompt_tokens"), format!("{most} is below `min_prompt_tokens`, {least}"));
    }
    if let (Some(least), Some(most)) = (rule.min_complexity, rule.max_complexity)
        && most < least
    {
        let message = format!("{} is below `min_complexity`, {}", most.get(), least.get());
        notes.problem(at.key("max_complexity"), message);
    }
    for (name, rules) in [("all", &rule.all), ("any", &rule.any)] {
        for (index, inner) in rules.iter().enumerate() {
            check_rule(inner, &at.key(name).index(index), notes);
        }
    }
    if let Some(inner) = &rule.not {
        check_rule(inner, &at.key("not"), notes);
    }
}
