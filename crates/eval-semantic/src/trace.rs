//! A stream of requests through the cache, in order: what is served, and what of it wrongly.

use std::collections::HashMap;

use sluice_semantic::{
    canonical::canonical,
    decide::{CANDIDATES, Engine, FLOOR},
    eligible::{self, Scope},
    vector::Page,
    verify::{Question, Verdict},
};

use crate::data::Request;

/// What the cache could have done with one request.
pub struct Step {
    /// Exact bytes were stored; whether that answer is right.
    pub bytes: Option<bool>,
    /// The canonical form was stored; whether that answer is right.
    pub canonical: Option<bool>,
    /// The best verified candidate: score, and whether its answer is right.
    pub verified: Option<(f32, bool)>,
    /// The nearest candidate by cosine.
    pub nearest: Option<(f32, bool)>,
    /// The candidate of greatest token overlap.
    pub overlap: Option<(f32, bool)>,
}

#[derive(Default)]
struct Stored<'a> {
    page: Page,
    rows: Vec<(Question, &'a Request, Vec<String>)>,
    canonical: HashMap<String, &'a Request>,
    bytes: HashMap<&'a str, &'a Request>,
}

/// Every request against all earlier ones of its scope; each is stored, as if always answered afresh. So a policy's hits
/// do not change what the next ones find: thresholds can be chosen from one pass.
pub fn replay(engine: &Engine<'_>, requests: &[Request]) -> Vec<Step> {
    let mut scopes: HashMap<String, Stored<'_>> = HashMap::new();
    requests
        .iter()
        .map(|request| {
            let stored = scopes.entry(request.scope()).or_default();
            let form = canonical(&request.user);
            let right =
                |earlier: &Request| earlier.equiv == request.equiv && !request.equiv.contains("#never");
            let question = Question::new(&engine.model, &request.user);
            let vector = question.vector().to_vec();
            let words = tokens(&request.user);
            let allowed = request.temperature <= 0.3
                && eligible::check(&engine.model, &request.user, Scope::default()).is_ok();
            let near = stored.page.nearest(&vector, CANDIDATES, FLOOR);
            let verified = near
                .iter()
                .filter(|_| allowed)
                .filter_map(|near| match engine.verifier.verify(&question, &stored.rows[near.row].0) {
                    Verdict::Score(score) => Some((score, right(stored.rows[near.row].1))),
                    Verdict::Vetoed(_) => None,
                })
                .max_by(|a, b| a.0.total_cmp(&b.0));
            let overlap = stored
                .rows
                .iter()
                .map(|row| (jaccard(&words, &row.2), right(row.1)))
                .max_by(|a, b| a.0.total_cmp(&b.0));
            let cacheable = request.temperature <= 0.3;
            let step = Step {
                bytes: stored.bytes.get(request.user.as_str()).filter(|_| cacheable).map(|r| right(r)),
                canonical: stored.canonical.get(&form).filter(|_| cacheable).map(|r| right(r)),
                nearest: near.first().map(|near| (near.cosine, right(stored.rows[near.row].1))),
                verified,
                overlap,
            };
            stored.page.push(&vector);
            stored.rows.push((question, request, words));
            stored.canonical.insert(form, request);
            stored.bytes.insert(&request.user, request);
            step
        })
        .collect()
}

fn tokens(text: &str) -> Vec<String> {
    let mut out: Vec<String> = text
        .to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(str::to_owned)
        .collect();
    out.sort();
    out.dedup();
    out
}

fn jaccard(a: &[String], b: &[String]) -> f32 {
    let both = a.iter().filter(|w| b.contains(w)).count();
    both as f32 / (a.len() + b.len() - both).max(1) as f32
}

/// The share of tokens two texts have in common.
pub fn token_overlap(a: &str, b: &str) -> f32 {
    jaccard(&tokens(a), &tokens(b))
}

/// Hits and wrong hits at a threshold, canonical matches first.
pub fn served(steps: &[Step], of: impl Fn(&Step) -> Option<(f32, bool)>, threshold: f32) -> (usize, usize) {
    let hits = steps.iter().filter_map(|step| {
        step.canonical.or_else(|| of(step).filter(|(score, _)| threshold <= *score).map(|(_, right)| right))
    });
    hits.fold((0, 0), |(hits, wrong), right| (hits + 1, wrong + usize::from(!right)))
}

/// The lowest threshold at which at most `rate` of the hits are wrong, with the hits there; in steps of 0.01, or of `scale` of that.
pub fn loosest(
    steps: &[Step],
    of: impl Fn(&Step) -> Option<(f32, bool)> + Copy,
    scale: f32,
    rate: f32,
) -> Option<(f32, usize, usize)> {
    (-800..=1_200).map(|i| i as f32 * 0.01 * scale).find_map(|threshold| {
        let (hits, wrong) = served(steps, of, threshold);
        (wrong as f32 <= rate * hits as f32).then_some((threshold, hits, wrong))
    })
}
