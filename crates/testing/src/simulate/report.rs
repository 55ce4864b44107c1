//! What a simulation shows, in numbers and as a table.

use std::{fmt::Write as _, rc::Rc};

use sluice_core::config::{Config, Model};

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

/// The strategies compared.
pub const STRATEGIES: [&str; 6] = ["single", "fallback", "load_balance", "least_cost", "least_latency", "score"];

/// What may be wrong, by name.
pub const SCENES: [(&str, Option<Kind>, Option<u32>); 6] = [
    ("all well", None, None),
    ("first target refuses", Some(Kind::Refuses), None),
    ("first target stalls", Some(Kind::Stalls), None),
    ("first target fails 30 %", Some(Kind::Errors(0.3)), None),
    ("first target is 10 times slower", Some(Kind::Slow(10.0)), None),
    ("first target stands 12 requests a second", None, Some(12)),
];

/// What is simulated: half an hour before and after trouble, twenty requests a second.
pub const TRAFFIC: Traffic = Traffic { seconds: 3_600, rate: 20.0, seed: 7 };

/// The configuration of a strategy.
///
/// # Panics
///
/// If it is wrong.
#[expect(clippy::panic, reason = "the configuration stands here")]
pub fn model(strategy: &str) -> Rc<Model> {
    let target = |name: &str, quality: f64| {
        format!(r#"{{"model": "{name}/m", "quality": {quality}, "first_token_timeout": "{FIRST_TOKEN_TIMEOUT_MS}ms"}}"#)
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
            "models": {{"sim": {{"strategy": "{strategy}", "targets": [{targets}], "retry": {{"attempts": 2}}}}}}}}"#
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
    let at = |share: usize| took.get((took.len() * share).div_ceil(100).saturating_sub(1)).copied().unwrap_or(0);
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

/// The table of all scenes and strategies, over the time of trouble.
pub fn table() -> String {
    let mut out = String::new();
    for (name, kind, limit) in SCENES {
        _ = writeln!(out, "\n### {}{}\n", name[..1].to_uppercase(), &name[1..]);
        out.push_str("| strategy | answered | p50 | p99 | p99 in the first second | calls per request | wasted calls | dollars per 1000 |\n");
        out.push_str("|---|--:|--:|--:|--:|--:|--:|--:|\n");
        let providers = scene(kind, limit);
        for strategy in STRATEGIES {
            let model = model(strategy);
            let served = run(&model, &providers, TRAFFIC);
            let all = numbers(&between(&served, TROUBLE.0, TROUBLE.1));
            let first = numbers(&between(&served, TROUBLE.0, TROUBLE.0 + 1));
            _ = writeln!(
                out,
                "| `{strategy}` | {:.3} % | {} ms | {} ms | {} ms | {:.3} | {:.2} % | {:.3} |",
                all.availability * 100.0,
                all.p50,
                all.p99,
                first.p99,
                all.attempts,
                all.wasted * 100.0,
                all.cost
            );
        }
    }
    out
}
