//! What a simulation shows, in numbers and as a table.

use std::{fmt::Write as _, rc::Rc};

use sluice_core::{
    config::{Config, Model},
    routing::complexity,
};
use sluice_providers::{prices, tokens};
use sluice_types::usage::Usage;

use super::{
    Served, Traffic,
    provider::{Kind, Provider},
    run,
};

/// Three targets: the quick and dear one first, a slow and cheap one last.
fn providers() -> [Provider; 3] {
    [Provider::well(350.0, 12), Provider::well(450.0, 15), Provider::well(700.0, 25)]
}

/// How long the first target has to begin.
const FIRST_TOKEN_TIMEOUT_MS: u64 = 2_000;

/// When trouble begins and ends, in seconds.
pub const TROUBLE: (u64, u64) = (600, 1_800);

/// The strategies compared; `+ hedge` is with races.
pub const STRATEGIES: [&str; 8] = [
    "single",
    "fallback",
    "fallback + hedge",
    "load_balance",
    "load_balance + hedge",
    "least_cost",
    "least_latency",
    "score",
];

/// What may be wrong, by name.
pub const SCENES: [(&str, Option<Kind>, Option<u32>); 6] = [
    ("All well", None, None),
    ("First target refuses", Some(Kind::Refuses), None),
    ("First target stalls", Some(Kind::Stalls), None),
    ("First target fails 30 %", Some(Kind::Errors(0.3)), None),
    ("First target is 10 times slower", Some(Kind::Slow(10.0)), None),
    ("First target stands 12 requests a second", None, Some(12)),
];

/// What is simulated: ten minutes before trouble and five after, twenty requests a second.
pub const TRAFFIC: Traffic = Traffic { seconds: 2_100, rate: 20.0, seed: 7, drained: None };

/// The configuration of a strategy.
///
/// # Panics
///
/// If it is wrong.
#[expect(clippy::panic, reason = "the configuration stands here")]
pub fn model(strategy: &str) -> Rc<Model> {
    let (strategy, hedge) = match strategy.strip_suffix(" + hedge") {
        Some(strategy) => (strategy, r#""hedge": {},"#),
        None => (strategy, ""),
    };
    let target = |name: &str, quality: f64| {
        format!(
            r#"{{"model": "{name}/m", "quality": {quality}, "first_token_timeout": "{FIRST_TOKEN_TIMEOUT_MS}ms"}}"#
        )
    };
    let all = [target("a", 0.9), target("b", 0.85), target("c", 0.7)];
    let targets = if strategy == "single" { all[..1].join(",") } else { all.join(",") };
    let provider = |name: &str, input: f64, output: f64| {
        format!(
            r#""{name}": {{"format": "openai_chat", "base_url": "http://{name}", "prices": {{"m": {{"input": {input}, "output": {output}}}}}}}"#
        )
    };
    let providers = [provider("a", 2.5, 10.0), provider("b", 3.0, 15.0), provider("c", 0.15, 0.6)].join(",");
    let json = format!(
        r#"{{"providers": {{{providers}}},
            "models": {{"sim": {{{hedge} "strategy": "{strategy}", "targets": [{targets}], "retry": {{"attempts": 2}}}}}}}}"#
    );
    match Config::from_json(json.as_bytes()) {
        Ok(config) => config.model("sim").unwrap_or_else(|| panic!("no model")),
        Err(problems) => panic!("{problems:?}"),
    }
}

/// The scene's providers.
pub fn scene(kind: Option<Kind>, limit: Option<u32>) -> [Provider; 3] {
    let [first, second, third] = providers();
    let first = match kind {
        Some(kind) => first.with(TROUBLE, kind),
        None => first,
    };
    [Provider { limit, ..first }, second, third]
}

/// Numbers of some requests.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Numbers {
    /// How many.
    pub requests: usize,
    /// The share answered.
    pub availability: f64,
    /// The median time to the first token, of those answered, in milliseconds.
    pub p50: u64,
    /// The time that all but a hundredth had their first token in.
    pub p99: u64,
    /// Calls for each request.
    pub attempts: f64,
    /// Dollars for a thousand requests.
    pub cost: f64,
    /// The share of calls that brought nothing.
    pub wasted: f64,
}

/// The numbers of `served`.
pub fn numbers(served: &[Served]) -> Numbers {
    let mut took: Vec<u64> = served.iter().filter(|one| one.good).map(|one| one.took).collect();
    took.sort_unstable();
    let at =
        |share: usize| took.get((took.len() * share).div_ceil(100).saturating_sub(1)).copied().unwrap_or(0);
    let (count, good) = (served.len().max(1) as f64, took.len() as f64);
    let attempts: u64 = served.iter().map(|one| u64::from(one.attempts)).sum();
    let cost: u64 = served.iter().map(|one| one.cost).sum();
    Numbers {
        requests: served.len(),
        availability: good / count,
        p50: at(50),
        p99: at(99),
        attempts: attempts as f64 / count,
        cost: cost as f64 / count / 1e6,
        wasted: (attempts as f64 - good) / (attempts.max(1) as f64),
    }
}

/// Those that came between two seconds.
pub fn between(served: &[Served], from: u64, to: u64) -> Vec<Served> {
    served.iter().filter(|one| (from * 1_000..to * 1_000).contains(&one.at)).copied().collect()
}

/// What trouble adds to the p99 of its first second and of the rest, beside the same requests where the first target was
/// out of service from the beginning; nothing where there is no other.
pub fn added(model: &Rc<Model>, served: &[Served], providers: &[Provider]) -> [String; 2] {
    if model.targets.len() < 2 {
        return [String::new(), String::new()];
    }
    let without = run(model, providers, Traffic { drained: Some(0), ..TRAFFIC });
    [(TROUBLE.0, TROUBLE.0 + 1), (TROUBLE.0 + 1, TROUBLE.1)].map(|(from, to)| {
        let p99 = |served: &[Served]| numbers(&between(served, from, to)).p99;
        format!("{} ms", p99(served).cast_signed() - p99(&without).cast_signed())
    })
}

/// What `complexity` makes of the labelled prompts: a table of decisions, and what it saves.
pub fn complexity() -> String {
    let mut out = String::from("| prompt | labelled | score | goes to |\n|---|---|--:|---|\n");
    let (mut all, mut sufficient, mut spent, mut always) = (0_u32, 0_u32, 0, 0);
    let price = |model: &str, input: u64| {
        let usage = Usage { input_uncached: input, output_text: ANSWER, ..Usage::default() };
        prices::lookup("openai", model).and_then(prices::Entry::price).map_or(0, |price| price.cost(&usage).0)
    };
    for (number, line) in LABELLED.lines().enumerate() {
        let Some((label, text)) = line.split_once('\t') else { continue };
        let text = text.replace("\\n", "\n");
        let tokens = tokens::text(&text);
        let score = complexity::score(&complexity::Prompt {
            text: &text,
            tokens,
            turns: 1,
            tools: 0,
            reasoning: false,
        });
        let strong = 0.5 < score;
        let model = if strong { STRONG } else { CHEAP };
        all += 1;
        sufficient += u32::from(strong || label == "simple");
        spent += price(model, tokens);
        always += price(STRONG, tokens);
        if number % 4 == 0 || strong != (label == "hard") {
            let short: String = text.replace(['\n', '|'], " ").chars().take(90).collect();
            _ = writeln!(out, "| {short} | {label} | {score:.2} | `{model}` |");
        }
    }
    let (share, saved) = (
        f64::from(sufficient) / f64::from(all.max(1)),
        1.0 - spent as f64 / f64::from(u32::try_from(always).unwrap_or(u32::MAX)).max(1.0),
    );
    _ = writeln!(
        out,
        "\nOf the {all} prompts it had not seen, {sufficient} ({:.1} %) went to a model that is up to them by their label \
         (always `{STRONG}`: all); at list prices and {ANSWER} tokens for each answer it costs {:.1} % less than always `{STRONG}`. \
         Every fourth prompt is shown, and each that went to the other model than labelled.",
        share * 100.0,
        saved * 100.0
    );
    out
}

/// Prompts labelled by hand that the weights were not fitted to.
const LABELLED: &str = include_str!("../../../../tests/cases/complexity/held-out.tsv");

/// The models between which `complexity` chooses here.
const CHEAP: &str = "gpt-4o-mini";
const STRONG: &str = "gpt-4.1";

/// How long each answer is taken to be, in tokens: what the router itself expects.
const ANSWER: u64 = 400;

/// The table of all scenes and strategies, over the time of trouble.
pub fn table() -> String {
    let mut out = String::new();
    for (name, kind, limit) in SCENES {
        _ = writeln!(out, "\n### {name}\n");
        out.push_str("| strategy | answered | p50 | p99 | added to p99: first second | after | calls per request | wasted calls | dollars per 1000 |\n");
        out.push_str("|---|--:|--:|--:|--:|--:|--:|--:|--:|\n");
        let providers = scene(kind, limit);
        for strategy in STRATEGIES {
            let model = model(strategy);
            let served = run(&model, &providers, TRAFFIC);
            let all = numbers(&between(&served, TROUBLE.0, TROUBLE.1));
            let [first, after] = added(&model, &served, &providers);
            _ = writeln!(
                out,
                "| `{strategy}` | {:.3} % | {} ms | {} ms | {first} | {after} | {:.3} | {:.2} % | {:.3} |",
                all.availability * 100.0,
                all.p50,
                all.p99,
                all.attempts,
                all.wasted * 100.0,
                all.cost
            );
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers that routing is held to, in twenty minutes of trouble of the first of three targets.
    #[test]
    fn trouble_of_one_target_is_hardly_felt() {
        // What may be added to p99 after the first second, in milliseconds. Where all traffic goes to a target that stalls
        // first, six probes of twenty minutes wait for the whole timeout: about half a millisecond each.
        for (kind, strategy, most_after) in [
            (Kind::Refuses, "fallback", 5),
            (Kind::Refuses, "load_balance", 5),
            (Kind::Stalls, "fallback", 8),
            (Kind::Stalls, "fallback + hedge", 5),
            (Kind::Stalls, "load_balance", 5),
            (Kind::Slow(10.0), "fallback", 8),
            (Kind::Errors(0.3), "fallback", 0),
            (Kind::Errors(0.3), "load_balance", 0),
        ] {
            let (model, providers) = (model(strategy), scene(Some(kind), None));
            let served = run(&model, &providers, TRAFFIC);
            let all = numbers(&between(&served, TROUBLE.0, TROUBLE.1));
            let about = format!("{strategy} {kind:?}: {all:?}");
            assert!(0.9995 <= all.availability, "{about}");
            // The first seconds are for finding out.
            let after = numbers(&between(&served, TROUBLE.0 + 5, TROUBLE.1));
            // Races are run on good days too, by about one request in sixteen.
            let most = if strategy.ends_with("hedge") { 1.07 } else { 1.05 };
            assert!(after.attempts < most, "{about}");
            if matches!(kind, Kind::Errors(_)) {
                continue;
            }
            let [first, after] = added(&model, &served, &providers)
                .map(|text| text.trim_end_matches(" ms").parse::<i64>().unwrap_or(i64::MAX));
            assert!(
                first <= i64::try_from(FIRST_TOKEN_TIMEOUT_MS).unwrap() && after < most_after,
                "{first} {after} {about}"
            );
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_hour() {
        let (model, providers) = (model("least_latency"), scene(Some(Kind::Slow(10.0)), None));
        let short = Traffic { seconds: 60, ..TRAFFIC };
        assert_eq!(run(&model, &providers, short), run(&model, &providers, short));
    }
}
