//! Decisions among 1,000 and 10,000 questions of a scope, a step a call of `main`, so that a host of WASM can time them from
//! outside: a module has no clock. `tools/time.mjs` calls it; `cargo xtask eval semantic --wasm` knows the order of the steps.

#![allow(clippy::unwrap_used, reason = "a tool on made-up data")]

use std::{cell::RefCell, hint::black_box};

use sluice_semantic::{
    decide::{Engine, Outcome},
    eligible::Scope,
    vector::Page,
};

/// Calls of each step.
const TIMES: usize = 40;
/// What one call does it so often: a clock of microseconds is too coarse for once.
const REPEATS: usize = 100;
/// 14 pieces.
const TEXT: &str = "How can I change the billing address of my company account?!";
const SIZES: [usize; 2] = [1_000, 10_000];

#[derive(Default)]
struct State {
    scopes: Vec<(Page, Vec<String>)>,
    calls: usize,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

fn scope(engine: &Engine<'_>, size: usize) -> (Page, Vec<String>) {
    const WHAT: [&str; 4] = ["billing", "shipping", "mail", "home"];
    let texts: Vec<String> = (0..size)
        .map(|n| format!("How can I change the {} address of my {n} account?", WHAT[n % WHAT.len()]))
        .collect();
    let mut page = Page::default();
    texts.iter().for_each(|text| page.push(&engine.model.embed(text).0));
    (page, texts)
}

fn main() {
    STATE.with_borrow_mut(|state| {
        // The first call is of the model as a fresh instance has it; the second makes the scopes.
        let Some(engine) = Engine::embedded() else { return };
        match state.calls {
            0 => drop(black_box(engine.model.embed(TEXT))),
            1 => state.scopes = SIZES.map(|size| scope(engine, size)).into(),
            call => step(engine, state, (call - 2) / TIMES),
        }
        state.calls += 1;
    });
}

fn step(engine: &Engine<'_>, state: &State, step: usize) {
    let vector = engine.model.embed(TEXT).0;
    let allowed = Scope { one_user: true, short_lived: true };
    for _ in 0..REPEATS {
        match step.checked_sub(1).map(|step| (&state.scopes[step / 2], step % 2)) {
            None => drop(black_box(engine.model.embed(black_box(TEXT)))),
            Some(((page, _), 0)) => drop(black_box(page.nearest(black_box(&vector), 4, 0.55))),
            Some(((page, texts), _)) => {
                let outcome = engine.decide(black_box(TEXT), allowed, page, texts.as_slice(), 2.0);
                assert!(matches!(outcome, Outcome::Miss(_)));
            }
        }
    }
}
