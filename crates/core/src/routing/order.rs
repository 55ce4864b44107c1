//! In which order a model's targets are asked: what strategies decide.
//!
//! Nested models are ordered first; their parent sees each as its first target. Targets that cannot be asked (drained,
//! forbidden to the tenant, breaker open) are left out at the leaves, so every strategy leaves them the same way.

use sluice_types::{money::NanoUsd, time::Timestamp, usage::Usage};

use super::{
    breaker::{Policy, Shown},
    dice::Dice,
    explain::{Candidate, Explanation},
    facts::Facts,
    health::Health,
    rendezvous, rule,
    semantic::Routes,
};
use crate::config::{Group, Member, Strategy, Target, To, document::Affinity, group::Score};

/// From this share of failures on a target comes after all that have fewer, whatever else speaks for it.
const ILL: f64 = 0.2;

/// From this many times the latency of the quickest on, and at least [`SLOW_MS`] more, a target loses its affinity.
const SLOW: f64 = 5.0;

/// See [`SLOW`].
const SLOW_MS: f64 = 2_000.0;

/// A target as it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// Whether it may be asked.
    pub standing: Standing,
    /// How long an answer like the one asked for is expected to take, in milliseconds, and with how many others it is
    /// shared; `None` if nothing is known.
    pub latency: Option<f64>,
    /// Attempts under way.
    pub running: u32,
    /// The share of failures lately; `None` where nothing is known.
    pub error_rate: Option<f64>,
}

/// Whether a target may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may.
    Up,
    /// It may, after all others: streams wait for it in vain.
    Silent,
    /// Its breaker is half-open and has room for another probe.
    Probing,
    /// Its breaker is open until then, or half-open with all the probes under way.
    Resting(Option<Timestamp>),
    /// The operator has drained it.
    Drained,
    /// The tenant's data may not go there.
    Forbidden,
}

impl Standing {
    /// By its health; without a breaker it always may.
    pub fn of(health: &Health, breaker: Option<&Policy>, now: Timestamp) -> Self {
        let Some(policy) = breaker else { return Self::Up };
        match health.shown(now) {
            Shown::Closed if health.is_silent(now) => Self::Silent,
            Shown::Closed => Self::Up,
            Shown::HalfOpen if health.breaker.admits(policy, now) => Self::Probing,
            Shown::HalfOpen => Self::Resting(None),
            Shown::Open(until) => Self::Resting(Some(until)),
        }
    }

    /// Whether it may be asked.
    pub fn is_usable(self) -> bool {
        matches!(self, Self::Up | Self::Silent | Self::Probing)
    }

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Up => "closed",
            Self::Silent => "silent",
            Self::Probing | Self::Resting(None) => "half_open",
            Self::Resting(Some(_)) => "open",
            Self::Drained => "drained",
            Self::Forbidden => "forbidden",
        }
    }
}

/// What is decided over.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The model's targets.
    pub targets: &'a [Target],
    /// How each of them stands.
    pub views: &'a [View],
    /// The request.
    pub facts: &'a Facts<'a>,
    /// The tenant's own weights for `score`.
    pub weights: Option<&'a Score>,
    /// The time.
    pub now: Timestamp,
    /// Whether to explain.
    pub explain: bool,
}

/// What was decided.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// The targets to ask, in this order, by their places; empty if none can be asked.
    pub order: Vec<usize>,
    /// The arm of a split.
    pub arm: Option<String>,
    /// On what grounds, if that was asked.
    pub explanation: Option<Box<Explanation>>,
    /// Whether no rule of a `conditional` holds.
    pub no_rule: bool,
}

/// The order in which `group`'s targets are asked.
pub fn order(group: &Group, scene: &Scene<'_>, dice: &mut Dice) -> Decision {
    let mut ranked: Vec<Ranked<'_>> = Vec::with_capacity(group.members.len());
    for member in &group.members {
        ranked.push(Ranked::new(member, scene, dice));
    }
    let reason = strategy(group, scene, &mut ranked, dice);
    let no_rule = matches!(group.strategy, Strategy::Conditional)
        && ranked.iter().all(|ranked| ranked.left_out == Some(NO_RULE));
    let arm = match &group.strategy {
        Strategy::Split(_) => ranked.first().map(|first| first.member.arm.clone()),
        _ => None,
    };
    // Those left out go to the end, the others keep their order, but for those that seem to have fallen silent. Arms of a
    // split do not change for a guess.
    let waits = !matches!(group.strategy, Strategy::Split(_));
    ranked.sort_by_key(|ranked| (ranked.left_out.is_some(), waits && ranked.is_silent()));
    let kept = ranked.iter().filter(|ranked| ranked.left_out.is_none());
    let order: Vec<usize> = kept.flat_map(|ranked| ranked.order.iter().copied()).collect();
    let inner = ranked.iter().find(|ranked| ranked.left_out.is_none()).and_then(|first| first.arm.clone());
    let explanation = scene.explain.then(|| {
        Box::new(Explanation {
            model: group.name.clone(),
            strategy: group.strategy.name(),
            reason: if order.is_empty() { "no target can be asked".to_owned() } else { reason.tell() },
            arm: arm.clone(),
            candidates: ranked.iter().map(|ranked| ranked.candidate(scene)).collect(),
            nested: ranked
                .iter_mut()
                .filter_map(|ranked| ranked.explanation.take())
                .map(|inner| *inner)
                .collect(),
        })
    });
    Decision { order, arm: arm.or(inner), explanation, no_rule }
}

/// Why a member is left out.
const NO_RULE: &str = "its rule does not hold";
const BELOW_FLOOR: &str = "its quality is below the floor";
const CANNOT: &str = "it cannot be asked now";

/// A member on its way to its place.
struct Ranked<'a> {
    member: &'a Member,
    /// Its targets in order.
    order: Vec<usize>,
    /// The first of these as it stands; where there is none, the first there would be.
    view: Option<View>,
    left_out: Option<&'static str>,
    score: Option<f64>,
    arm: Option<String>,
    explanation: Option<Box<Explanation>>,
}

/// What decided, for people.
enum Reason {
    Said(&'static str),
    Sticky(Affinity),
    LetGo(Affinity),
    Hardness(f64),
}

impl Reason {
    fn tell(&self) -> String {
        let word = |affinity: &Affinity| match affinity {
            Affinity::Session => "session",
            Affinity::User => "user",
            Affinity::Prompt => "prompt's beginning",
            Affinity::None => "nothing",
        };
        match self {
            Self::Said(said) => (*said).to_owned(),
            Self::Sticky(affinity) => format!("where its {} belongs by weight", word(affinity)),
            Self::LetGo(affinity) => {
                format!("where its {} belongs is failing or slow: the next by weight", word(affinity))
            }
            Self::Hardness(complexity) => {
                format!("the prompt's complexity is {complexity:.2}: the first that is up to it")
            }
        }
    }
}

impl<'a> Ranked<'a> {
    fn new(member: &'a Member, scene: &Scene<'_>, dice: &mut Dice) -> Self {
        let at = |place: usize| scene.views.get(place).copied();
        match &member.to {
            To::Target(place) => {
                let view = at(*place);
                let usable = view.is_some_and(|view| view.standing.is_usable());
                let order = if usable { vec![*place] } else { Vec::new() };
                let left_out = (!usable).then_some(CANNOT);
                Self { member, order, view, left_out, score: None, arm: None, explanation: None }
            }
            To::Group(group) => {
                let Decision { order, arm, explanation, .. } = order(group, scene, dice);
                let view = order.first().copied().or_else(|| first(group)).and_then(at);
                let left_out = order.is_empty().then_some(CANNOT);
                Self { member, order, view, left_out, score: None, arm, explanation }
            }
        }
    }

    fn target<'s>(&self, scene: &Scene<'s>) -> Option<&'s Target> {
        scene.targets.get(*self.order.first()?)
    }

    /// What the request is expected to cost there; `None` if the price is unknown.
    fn cost(&self, scene: &Scene<'_>) -> Option<NanoUsd> {
        let usage = Usage {
            input_uncached: scene.facts.input_tokens(),
            output_text: scene.facts.output_tokens(),
            ..Usage::default()
        };
        self.target(scene)?.price_for(&usage).map(|price| price.cost(&usage))
    }

    /// How long it is expected to take with one more to answer.
    fn latency(&self) -> f64 {
        let Some(view) = self.view else { return f64::MAX };
        let load = f64::from(view.running) + 1.0;
        match view.latency {
            Some(ms) => ms * load,
            // Nobody has asked it yet, or one is on its way to find out.
            None if view.running == 0 => 0.0,
            None => SLOW_MS * load,
        }
    }

    fn is_ill(&self) -> bool {
        self.is_silent() || self.view.and_then(|view| view.error_rate).is_some_and(|rate| ILL <= rate)
    }

    fn is_silent(&self) -> bool {
        self.view.is_some_and(|view| view.standing == Standing::Silent)
    }

    fn candidate(&self, scene: &Scene<'_>) -> Candidate {
        let view = self.view;
        Candidate {
            target: self.member.name.clone(),
            state: view.map_or("none", |view| view.standing.name()),
            left_out: self.left_out,
            score: self.score.filter(|score| score.is_finite()).map(rounded),
            cost_usd: self.cost(scene).map(|cost| cost.to_string()),
            latency_ms: view.and_then(|view| view.latency).map(|ms| ms as u64),
            error_rate: view.and_then(|view| view.error_rate).map(rounded),
        }
    }
}

fn rounded(number: f64) -> f64 {
    (number * 10_000.0).round() / 10_000.0
}

/// The first target of a group, as it is written.
fn first(group: &Group) -> Option<usize> {
    match &group.members.first()?.to {
        To::Target(place) => Some(*place),
        To::Group(inner) => first(inner),
    }
}

/// Puts the best first, and marks those that are out of the question.
fn strategy(group: &Group, scene: &Scene<'_>, ranked: &mut Vec<Ranked<'_>>, dice: &mut Dice) -> Reason {
    match &group.strategy {
        Strategy::Single => Reason::Said("the only target"),
        Strategy::Fallback => Reason::Said("the first in order that can be asked"),
        Strategy::Semantic(routes) => semantic(routes, scene, ranked),
        Strategy::LoadBalance(affinity) => balance(affinity, scene, ranked, dice),
        Strategy::Split(affinity) => split(affinity, scene, ranked, dice),
        Strategy::LeastCost(floor) => {
            below(floor.get(), ranked);
            by(ranked, |ranked| ranked.cost(scene).map_or(f64::MAX, |cost| cost.0 as f64));
            ill_last(ranked);
            Reason::Said(
                "the cheapest for this request that is good enough; score is its cost in nano-dollars",
            )
        }
        Strategy::LeastLatency => least_latency(ranked, dice),
        Strategy::Score(weights, floor) => {
            below(floor.get(), ranked);
            score(scene.weights.unwrap_or(weights), scene, ranked);
            Reason::Said("the lowest weighted sum of cost, latency, want of quality and errors")
        }
        Strategy::Conditional => {
            for ranked in ranked.iter_mut() {
                let holds =
                    ranked.member.when.as_ref().is_none_or(|rule| rule::holds(rule, scene.facts, scene.now));
                if !holds {
                    ranked.left_out = Some(NO_RULE);
                }
            }
            Reason::Said("the first whose rule holds")
        }
        Strategy::Complexity => {
            let hardness = scene.facts.complexity();
            let up_to_it = |ranked: &Ranked<'_>| hardness <= ranked.member.max_complexity.get();
            let first = ranked.iter().position(up_to_it).unwrap_or(ranked.len().saturating_sub(1));
            for ranked in ranked.iter_mut() {
                ranked.score = Some(ranked.member.max_complexity.get());
            }
            // Stronger ones stand in first, then weaker ones, the strongest of these first.
            ranked.rotate_left(first);
            let weaker = ranked.len() - first;
            if let Some(weaker) = ranked.get_mut(weaker..) {
                weaker.reverse();
            }
            Reason::Hardness(hardness)
        }
    }
}

/// The target whose examples the prompt is like, then the default, the last one; the others as written.
fn semantic(routes: &Routes, scene: &Scene<'_>, ranked: &mut [Ranked<'_>]) -> Reason {
    let told = scene.facts.vector().and_then(|vector| routes.tell(&vector));
    let default = |ranked: &mut [Ranked<'_>]| ranked.rotate_right(1.min(ranked.len()));
    let Some(told) = told else {
        default(ranked);
        return Reason::Said("nothing can be told of the prompt's meaning: the default");
    };
    for (member, score) in &told.scores {
        if let Some(ranked) = ranked.get_mut(*member) {
            ranked.score = Some(f64::from(*score));
        }
    }
    default(ranked);
    let Some(member) = told.to else {
        return Reason::Said(
            "no target's examples are like the prompt: the default; score is how likely each is",
        );
    };
    // The default stands before all others now; where it is the one itself it is there already.
    if let Some(before) = ranked.get_mut(..=(member + 1) % ranked.len().max(1)) {
        before.rotate_right(1);
    }
    Reason::Said("the target whose examples the prompt is like; score is how likely each is")
}

/// Sorts by what `key` gives, the least first; equals keep their order.
fn by<'a>(ranked: &mut [Ranked<'a>], key: impl Fn(&Ranked<'a>) -> f64) {
    for ranked in ranked.iter_mut() {
        ranked.score = Some(key(ranked));
    }
    ranked.sort_by(|a, b| a.score.unwrap_or(f64::MAX).total_cmp(&b.score.unwrap_or(f64::MAX)));
}

fn ill_last(ranked: &mut [Ranked<'_>]) {
    ranked.sort_by_key(Ranked::is_ill);
}

fn below(floor: f64, ranked: &mut [Ranked<'_>]) {
    for ranked in ranked.iter_mut() {
        if 0.0 < floor && ranked.member.quality.is_none_or(|quality| quality.get() < floor) {
            ranked.left_out = Some(BELOW_FLOOR);
        }
    }
}

/// By weight: what belongs together goes to one place, the rest is drawn.
fn by_weight(
    affinity: &[Affinity],
    scene: &Scene<'_>,
    ranked: &mut [Ranked<'_>],
    dice: &mut Dice,
) -> Option<Affinity> {
    let sticky = scene.facts.affinity(affinity);
    for ranked in ranked.iter_mut() {
        let weight = ranked.member.weight.get();
        ranked.score = Some(match sticky {
            Some((_, key)) => rendezvous::preference(key, &ranked.member.name, weight),
            None => rendezvous::weighted(dice.draw(), weight),
        });
    }
    ranked.sort_by(|a, b| b.score.unwrap_or(0.0).total_cmp(&a.score.unwrap_or(0.0)));
    sticky.map(|(kind, _)| kind)
}

fn balance(affinity: &[Affinity], scene: &Scene<'_>, ranked: &mut [Ranked<'_>], dice: &mut Dice) -> Reason {
    let sticky = by_weight(affinity, scene, ranked, dice);
    let home = ranked.first().map(|first| first.member.name.as_str());
    let usable = ranked.iter().filter(|ranked| ranked.left_out.is_none());
    let quickest = usable.filter_map(|ranked| ranked.view?.latency).fold(f64::MAX, f64::min);
    let slow = |ranked: &Ranked<'_>| {
        let latency = ranked.view.and_then(|view| view.latency);
        latency.is_some_and(|ms| quickest * SLOW < ms && quickest + SLOW_MS < ms)
    };
    let bad = |ranked: &Ranked<'_>| ranked.is_ill() || slow(ranked);
    ranked.sort_by_key(bad);
    let chosen = ranked.iter().find(|ranked| ranked.left_out.is_none());
    match sticky {
        None => Reason::Said("drawn by weight"),
        Some(kind) if chosen.map(|chosen| chosen.member.name.as_str()) == home => Reason::Sticky(kind),
        Some(kind) => Reason::LetGo(kind),
    }
}

fn split(affinity: &[Affinity], scene: &Scene<'_>, ranked: &mut [Ranked<'_>], dice: &mut Dice) -> Reason {
    match by_weight(affinity, scene, ranked, dice) {
        Some(kind) => Reason::Sticky(kind),
        None => Reason::Said("drawn by weight"),
    }
}

/// The quicker of two drawn first (M. Mitzenmacher, "The power of two choices in randomized load balancing"), then the
/// rest by latency.
fn least_latency(ranked: &mut [Ranked<'_>], dice: &mut Dice) -> Reason {
    by(ranked, Ranked::latency);
    ranked.sort_by_key(|ranked| (ranked.left_out.is_some(), ranked.is_ill()));
    let well = ranked.iter().filter(|ranked| ranked.left_out.is_none() && !ranked.is_ill()).count();
    if 2 < well {
        let (one, other) = (dice.below(well), dice.below(well - 1));
        // Two different ones; they are sorted, so the one further in front is the quicker.
        let other = if one <= other { other + 1 } else { other };
        if let Some(front) = ranked.get_mut(..=one.min(other)) {
            front.rotate_right(1);
        }
    }
    Reason::Said("the quicker of two drawn; score is its expected latency by its load")
}

/// The lowest weighted sum of what speaks against each, every part between 0 and 1.
fn score(weights: &Score, scene: &Scene<'_>, ranked: &mut [Ranked<'_>]) {
    let all = [weights.cost, weights.latency, weights.quality, weights.errors]
        .map(crate::config::number::Weight::get);
    let sum: f64 = all.iter().sum();
    let [cost, latency, quality, errors] = all.map(|weight| if sum == 0.0 { 0.25 } else { weight / sum });
    let usable = || ranked.iter().filter(|ranked| ranked.left_out.is_none());
    let dearest = usable().filter_map(|ranked| ranked.cost(scene)).max().unwrap_or_default().0.max(1) as f64;
    let slowest = usable().map(Ranked::latency).filter(|ms| *ms < f64::MAX).fold(1.0, f64::max);
    by(ranked, |ranked| {
        // What is unknown is taken for the worst there is, but for latency: that is found out by asking.
        let dear = ranked.cost(scene).map_or(1.0, |nano| nano.0 as f64 / dearest);
        let slow = (ranked.latency() / slowest).min(1.0);
        let poor = 1.0 - ranked.member.quality.map_or(0.0, crate::config::number::Share::get);
        let failing = ranked.view.and_then(|view| view.error_rate).unwrap_or(0.0);
        cost * dear + latency * slow + quality * poor + errors * failing
    });
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, rc::Rc};

    use sluice_providers::format::Protocol;

    use super::*;
    use crate::config::{Config, Model};

    const WELL: View = View { standing: Standing::Up, latency: None, running: 0, error_rate: None };

    fn model(members: &str) -> Rc<Model> {
        let json = format!(
            r#"{{"providers": {{"a": {{"format": "openai_chat", "base_url": "http://a",
                   "prices": {{"m": {{"input": 3, "output": 15}}, "n": {{"input": 1, "output": 1}}}}}},
                 "b": {{"format": "openai_chat", "base_url": "http://b", "prices": {{"m": {{"input": 1, "output": 5}}}}}},
                 "c": {{"format": "openai_chat", "base_url": "http://c"}}}},
               "models": {{"inner": {{"strategy": "least_cost", "targets": ["a/m", "b/m"]}}, "x": {{{members}}}}}}}"#
        );
        Config::from_json(json.as_bytes()).unwrap().model("x").unwrap()
    }

    struct Case {
        model: Rc<Model>,
        views: Vec<View>,
        tags: BTreeMap<String, String>,
    }

    impl Case {
        fn new(members: &str) -> Self {
            let model = model(members);
            let views = vec![WELL; model.targets.len()];
            Self { model, views, tags: BTreeMap::new() }
        }

        fn view(mut self, at: usize, view: View) -> Self {
            self.views[at] = view;
            self
        }

        fn decide(&self, facts: Facts<'_>, seed: u64) -> Decision {
            let scene = Scene {
                targets: &self.model.targets,
                views: &self.views,
                facts: &facts,
                weights: None,
                now: Timestamp(0),
                explain: true,
            };
            order(&self.model.group, &scene, &mut Dice::new(seed))
        }

        fn facts(&self) -> Facts<'_> {
            Facts { tokens: Some(1_000), ..Facts::of("x", &self.tags) }
        }

        /// The ids in order.
        fn order(&self) -> Vec<&str> {
            self.ids(&self.decide(self.facts(), 1))
        }

        fn ids(&self, decision: &Decision) -> Vec<&str> {
            decision.order.iter().map(|at| self.model.targets[*at].id.as_str()).collect()
        }
    }

    const RESTING: View = View { standing: Standing::Resting(None), ..WELL };

    #[test]
    fn fallback_keeps_the_order_and_leaves_out_what_rests() {
        let members = r#""targets": ["a/m", "b/m", "c/m"]"#;
        assert_eq!(Case::new(members).order(), ["a/m", "b/m", "c/m"]);
        let case = Case::new(members).view(0, RESTING).view(2, View { standing: Standing::Probing, ..WELL });
        assert_eq!(case.order(), ["b/m", "c/m"]);
        let told = case.decide(case.facts(), 1).explanation.unwrap();
        assert_eq!((told.strategy, told.candidates[2].target.as_str()), ("fallback", "a/m"));
        assert_eq!(told.candidates[2].left_out, Some(CANNOT));
        let none = Case::new(members).view(0, RESTING).view(1, RESTING).view(2, RESTING);
        assert!(none.order().is_empty());
    }

    #[test]
    fn a_silent_target_is_asked_last_but_asked() {
        let silent = View { standing: Standing::Silent, ..WELL };
        for strategy in
            ["fallback", "least_cost", "least_latency", "score", "load_balance", "conditional", "complexity"]
        {
            let members = format!(r#""strategy": "{strategy}", "targets": ["a/m", "b/m"]"#);
            for at in 0..2 {
                let case = Case::new(&members).view(at, silent);
                assert_eq!(case.order()[1], ["a/m", "b/m"][at], "{strategy}");
            }
            let both = Case::new(&members).view(0, silent).view(1, silent);
            assert_eq!(both.order().len(), 2, "{strategy}");
        }
        let nested = Case::new(r#""targets": ["inner", "c/m"]"#).view(0, silent).view(1, silent);
        assert_eq!(nested.order()[0], "c/m");
    }

    #[test]
    fn the_cheapest_that_is_good_enough_comes_first_and_the_unpriced_last() {
        let case = Case::new(r#""strategy": "least_cost", "targets": ["c/m", "a/m", "b/m", "a/n"]"#);
        assert_eq!(case.order(), ["b/m", "a/n", "a/m", "c/m"]);
        let case = Case::new(
            r#""strategy": "least_cost", "min_quality": 0.6, "targets": [{"model": "a/m", "quality": 0.9},
               {"model": "b/m", "quality": 0.5}, {"model": "a/n", "quality": 0.6}]"#,
        );
        assert_eq!(case.order(), ["a/n", "a/m"]);
        let ill = View { error_rate: Some(0.3), ..WELL };
        let case = Case::new(r#""strategy": "least_cost", "targets": ["a/m", "b/m"]"#).view(1, ill);
        assert_eq!(case.order(), ["a/m", "b/m"]);
    }

    #[test]
    fn the_quicker_of_two_drawn_comes_first() {
        let at = |ms: f64, running| View { latency: Some(ms), running, ..WELL };
        let case = Case::new(r#""strategy": "least_latency", "targets": ["a/m", "b/m"]"#);
        assert_eq!(case.view(0, at(300.0, 0)).view(1, at(200.0, 0)).order(), ["b/m", "a/m"]);
        let case = Case::new(r#""strategy": "least_latency", "targets": ["a/m", "b/m"]"#);
        assert_eq!(case.view(0, at(300.0, 0)).view(1, at(200.0, 1)).order(), ["a/m", "b/m"], "load counts");
        // Of three, the slowest is never first, and the quickest most of the time.
        let case = Case::new(r#""strategy": "least_latency", "targets": ["a/m", "b/m", "c/m"]"#)
            .view(0, at(900.0, 0))
            .view(1, at(100.0, 0))
            .view(2, at(300.0, 0));
        let mut firsts = BTreeMap::new();
        for seed in 0..3_000 {
            let decision = case.decide(case.facts(), seed);
            *firsts.entry(case.ids(&decision)[0].to_owned()).or_insert(0) += 1;
            assert_eq!(decision.order.len(), 3);
        }
        assert!(!firsts.contains_key("a/m") && (1_900..2_100).contains(&firsts["b/m"]), "{firsts:?}");
    }

    #[test]
    fn a_session_stays_where_it_is_and_lets_go_of_a_bad_target() {
        let members = r#""strategy": "load_balance", "targets": ["a/m", {"model": "b/m", "weight": 3}]"#;
        let case = Case::new(members);
        let facts = |case: &Case, session: &'static str| -> String {
            let facts = Facts { session: Some(session), ..case.facts() };
            let decisions: Vec<_> = (0..20).map(|seed| case.decide(facts, seed)).collect();
            assert!(decisions.iter().all(|decision| decision.order == decisions[0].order));
            case.ids(&decisions[0])[0].to_owned()
        };
        let names = ["s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8"];
        let homes: Vec<String> = names.iter().map(|name| facts(&case, name)).collect();
        assert!(
            homes.iter().any(|home| home == "a/m") && homes.iter().any(|home| home == "b/m"),
            "{homes:?}"
        );
        for bad in [RESTING, View { error_rate: Some(0.25), ..WELL }, View { latency: Some(9_000.0), ..WELL }]
        {
            let case = Case::new(members).view(1, bad).view(0, View { latency: Some(400.0), ..WELL });
            assert!(names.iter().all(|name| facts(&case, name) == "a/m"), "{bad:?}");
        }
        let drawn = (0..1_000).filter(|seed| case.ids(&case.decide(case.facts(), *seed))[0] == "b/m").count();
        assert!((700..800).contains(&drawn), "{drawn}");
    }

    #[test]
    fn an_arm_does_not_change_with_the_health_of_its_target() {
        let members = r#""strategy": "split", "targets": [{"model": "a/m", "weight": 9, "arm": "control"},
                         {"model": "b/m", "arm": "new"}]"#;
        let case = Case::new(members);
        let users: Vec<String> = (0..1_000).map(|n| format!("user-{n}")).collect();
        let arm =
            |case: &Case, user: &str| case.decide(Facts { user: Some(user), ..case.facts() }, 1).arm.unwrap();
        let new = users.iter().filter(|user| arm(&case, user) == "new").count();
        assert!((70..130).contains(&new), "{new}");
        let down = Case::new(members).view(1, RESTING);
        for user in &users {
            assert_eq!(arm(&case, user), arm(&down, user));
            assert_eq!(down.ids(&down.decide(Facts { user: Some(user), ..down.facts() }, 1)), ["a/m"]);
        }
    }

    #[test]
    fn a_prompt_goes_where_its_like_goes_and_else_to_the_last() {
        let members = r#""strategy": "semantic", "targets": [
            {"model": "a/m", "examples": ["Fix this Python function", "Write a unit test for my class"]},
            {"model": "b/m", "examples": ["Find me a flight to Rome", "Which hotel is near the beach"]}, "c/m"]"#;
        let order = |case: &Case, prompt: &str| {
            let body = format!(r#"{{"model":"x","messages":[{{"role":"user","content":"{prompt}"}}]}}"#);
            let request = Protocol::OpenaiChat.read_request(body.as_bytes()).unwrap();
            let decision = case.decide(Facts { request: Some(&request), ..case.facts() }, 1);
            let scores: Vec<bool> =
                decision.explanation.as_ref().unwrap().candidates.iter().map(|c| c.score.is_some()).collect();
            (case.ids(&decision).join(" "), scores)
        };
        let case = Case::new(members);
        let told = order(&case, "fix the function in my Python class");
        assert_eq!(told, ("a/m c/m b/m".to_owned(), vec![true, false, true]));
        assert_eq!(order(&case, "a flight to Rome and a hotel").0, "b/m c/m a/m");
        for outside in ["Who painted the Mona Lisa?", "", "我怎样才能重置我的密码？"] {
            assert_eq!(order(&case, outside).0, "c/m a/m b/m", "{outside}");
        }
        assert_eq!(case.order(), ["c/m", "a/m", "b/m"], "no prompt, the default");
        let resting = Case::new(members).view(1, RESTING);
        assert_eq!(order(&resting, "a flight to Rome and a hotel").0, "c/m a/m");
    }

    #[test]
    fn only_targets_whose_rule_holds_are_asked() {
        let case = Case::new(
            r#""strategy": "conditional", "targets": [{"model": "a/m", "when": {"region": "eu"}},
               {"model": "b/m", "when": {"max_prompt_tokens": 2000}}]"#,
        );
        assert_eq!(case.order(), ["b/m"]);
        let eu = case.decide(Facts { region: Some("EU"), ..case.facts() }, 1);
        assert_eq!(case.ids(&eu), ["a/m", "b/m"]);
        let none = case.decide(Facts { tokens: Some(9_000), ..case.facts() }, 1);
        assert!(none.order.is_empty() && none.no_rule);
    }

    #[test]
    fn the_weakest_that_is_up_to_it_comes_first_then_stronger_ones() {
        let case = Case::new(r#""strategy": "complexity", "targets": ["b/m", "a/n", "a/m"]"#);
        for (text, expected) in [
            ("What is the capital of France?", ["b/m", "a/n", "a/m"]),
            (
                "Prove that the algorithm is correct, derive its asymptotic complexity, and discuss the trade-offs: \
                 concurrency, consistency, latency. Justify each step; compare it with an alternative design.",
                ["a/m", "a/n", "b/m"],
            ),
        ] {
            let body = serde_json::json!({"model": "x", "messages": [{"role": "user", "content": text}]})
                .to_string();
            let request = Protocol::OpenaiChat.read_request(body.as_bytes()).unwrap();
            let decision = case.decide(Facts { request: Some(&request), ..case.facts() }, 1);
            assert_eq!(case.ids(&decision), expected, "{text}");
        }
    }

    #[test]
    fn a_score_weighs_what_it_is_told_to() {
        let of = |weights: &str| {
            let case = Case::new(&format!(
                r#""strategy": "score", "score": {weights}, "targets": [{{"model": "a/m", "quality": 0.9}},
                   {{"model": "b/m", "quality": 0.4}}, {{"model": "a/n", "quality": 0.5}}]"#
            ))
            .view(0, View { latency: Some(900.0), error_rate: Some(0.0), ..WELL })
            .view(1, View { latency: Some(500.0), error_rate: Some(0.5), ..WELL })
            .view(2, View { latency: Some(100.0), error_rate: Some(0.1), ..WELL });
            case.order()[0].to_owned()
        };
        assert_eq!(of(r#"{"cost": 1, "latency": 0, "quality": 0, "errors": 0}"#), "b/m");
        assert_eq!(of(r#"{"cost": 0, "latency": 1, "quality": 0, "errors": 0}"#), "a/n");
        assert_eq!(of(r#"{"cost": 0, "latency": 0, "quality": 1, "errors": 0}"#), "a/m");
        assert_eq!(of(r#"{"cost": 0, "latency": 0, "quality": 0, "errors": 1}"#), "a/m");
    }

    #[test]
    fn a_nested_model_is_ordered_by_its_own_strategy() {
        let case = Case::new(r#""strategy": "fallback", "targets": ["c/m", "inner", "a/n"]"#);
        assert_eq!(case.order(), ["c/m", "b/m", "a/m", "a/n"]);
        let case = case.view(2, RESTING).view(1, RESTING);
        assert_eq!(case.order(), ["c/m", "a/n"]);
        let told = case.decide(case.facts(), 1).explanation.unwrap();
        assert_eq!((told.nested[0].model.as_str(), told.nested[0].strategy), ("inner", "least_cost"));
    }
}
