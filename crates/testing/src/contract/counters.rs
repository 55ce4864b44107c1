//! What the objects of `Counters` must keep: exact under any concurrency, apart, durable, in order.

use std::time::Duration;

use futures::future::join_all;
use sluice_core::{
    gateway::object,
    port::{Clock, Counters, Kv, Rng},
};
use sluice_types::quota::{Amounts, Ask, Rule, Unit, Verdict, Window};

fn rule(meter: &str, unit: Unit, window: Window, limit: u64) -> Rule {
    Rule { meter: meter.to_owned(), unit, window, limit, warn: None, hard: true }
}

fn reserve(id: &str, nano_usd: u64, lapses_after: u64, rules: &[Rule]) -> object::Call {
    let amounts = Amounts { requests: 1, tokens: 0, nano_usd };
    object::Call::Reserve(Ask { id: id.to_owned(), amounts, lapses_after, rules: rules.to_vec() })
}

async fn granted(counters: &impl Counters, owner: &str, call: &object::Call) -> bool {
    match object::ask(counters, owner, call).await.unwrap() {
        object::Answer::Verdict(verdict) => matches!(verdict, Verdict::Granted { .. }),
        other => panic!("not a verdict: {other:?}"),
    }
}

/// However many ask at once, exactly as many are let in as fit; what settles for less lets others in.
///
/// # Panics
///
/// If the contract is broken.
pub async fn counters_are_exact_under_concurrency(counters: &impl Counters) {
    let rules =
        [rule("usd", Unit::NanoUsd, Window::Total, 1_000), rule("now", Unit::Requests, Window::Now, 500)];
    let asks = (0..200).map(|number| {
        let call = reserve(&format!("r{number}"), 10, 600_000, &rules);
        async move { granted(counters, "contract-exact", &call).await }
    });
    let admitted = join_all(asks).await;
    assert_eq!(admitted.iter().filter(|granted| **granted).count(), 100);
    let settles = admitted.iter().enumerate().filter(|(_, granted)| **granted).map(|(number, _)| {
        let actual = Amounts { requests: 1, tokens: 0, nano_usd: 4 };
        let call = object::Call::Settle { id: format!("r{number}"), actual, row: None };
        async move { object::ask(counters, "contract-exact", &call).await.unwrap() }
    });
    for answer in join_all(settles).await {
        assert_eq!(answer, object::Answer::Settled(true));
    }
    let look = object::ask(counters, "contract-exact", &object::Call::Look(rules.to_vec())).await.unwrap();
    assert_eq!(look, object::Answer::Counted(vec![(400, 400), (0, 0)]));
    assert!(granted(counters, "contract-exact", &reserve("more", 600, 600_000, &rules)).await);
    assert!(!granted(counters, "contract-exact", &reserve("too much", 1, 600_000, &rules)).await);
}

/// Owners do not see each other's counts.
///
/// # Panics
///
/// If the contract is broken.
pub async fn counters_keep_owners_apart(counters: &impl Counters) {
    let rules = [rule("requests", Unit::Requests, Window::Day, 1)];
    for owner in ["contract-a", "contract-b", "contract-a/m", "~contract"] {
        assert!(granted(counters, owner, &reserve("one", 0, 600_000, &rules)).await);
        assert!(!granted(counters, owner, &reserve("two", 0, 600_000, &rules)).await);
    }
}

/// A reservation of which nothing more is heard comes back.
///
/// # Panics
///
/// If the contract is broken.
pub async fn counters_give_back_what_lapses(counters: &(impl Counters + Clock)) {
    let rules = [rule("usd", Unit::NanoUsd, Window::Total, 10)];
    assert!(granted(counters, "contract-lapse", &reserve("held", 6, 600_000, &rules)).await);
    assert!(granted(counters, "contract-lapse", &reserve("dead", 4, 50, &rules)).await);
    counters.sleep(Duration::from_millis(80)).await;
    assert!(granted(counters, "contract-lapse", &reserve("late", 4, 600_000, &rules)).await);
    assert!(!granted(counters, "contract-lapse", &reserve("more", 1, 600_000, &rules)).await);
}

/// How many are let in, of all that take their share of a budget.
pub const FITS: usize = 100;

/// Reserves and settles fifty times at once, from a budget that others, in other instances, reserve from at the same time: how
/// often it was let in. Who adds up what at least two of them were told gets [`FITS`].
///
/// # Panics
///
/// If the object does not answer, or does not know what it has granted.
pub async fn share_of_a_budget(counters: &(impl Counters + Rng)) -> usize {
    let rules = [rule("usd", Unit::NanoUsd, Window::Total, 10 * FITS as u64)];
    let asks = (0..50).map(|_| async {
        let id = format!("{:016x}", counters.random());
        if !granted(counters, "contract-share", &reserve(&id, 10, 600_000, &rules)).await {
            return 0;
        }
        let actual = Amounts { requests: 1, tokens: 0, nano_usd: 10 };
        let call = object::Call::Settle { id, actual, row: None };
        let settled = object::ask(counters, "contract-share", &call).await.unwrap();
        assert_eq!(settled, object::Answer::Settled(true));
        1
    });
    join_all(asks).await.into_iter().sum()
}

/// Rows that ride on settlements reach the store, each exactly once, however many settle at once.
///
/// # Panics
///
/// If the contract is broken.
pub async fn rows_reach_the_store_once(host: &(impl Counters + Kv + Clock)) {
    let rules = [rule("requests", Unit::Requests, Window::Total, 1_000)];
    let prefix = "contract/cost/2026-11-21/";
    let requests = (0..60).map(|number| {
        let (id, rules) = (format!("row{number:03}"), &rules);
        async move {
            assert!(granted(host, "contract-rows", &reserve(&id, 0, 600_000, rules)).await);
            let row = object::Row {
                prefix: prefix.to_owned(),
                id: id.clone(),
                line: format!("{{\"id\":\"{id}\"}}"),
            };
            let call = object::Call::Settle { id, actual: Amounts::default(), row: Some(row) };
            // Whoever hears no answer sends it again.
            for _ in 0..2 {
                object::ask(host, "contract-rows", &call).await.unwrap();
            }
            object::flush(host, "contract-rows").await.unwrap();
        }
    });
    join_all(requests).await;
    let expected: Vec<String> = (0..60).map(|number| format!("{{\"id\":\"row{number:03}\"}}")).collect();
    for _ in 0..20 {
        host.sleep(object::GATHER / 2).await;
        if lines(host, prefix).await.len() == expected.len() {
            break;
        }
    }
    assert_eq!(lines(host, prefix).await, expected);
}

/// The lines of all values under `prefix`, in order.
async fn lines(kv: &impl Kv, prefix: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for listed in kv.list(prefix).await.unwrap() {
        let value = kv.get(&listed.key).await.unwrap().unwrap();
        lines.extend(String::from_utf8(value.to_vec()).unwrap().lines().map(str::to_owned));
    }
    lines.sort_unstable();
    lines
}

/// A journal's entries are numbered without gaps and chained, however many append at once.
///
/// # Panics
///
/// If the contract is broken.
pub async fn journals_are_chained(counters: &impl Counters) {
    let appends = (0..50).map(|number| {
        let call = object::Call::Append(format!("entry {number}"));
        async move { object::ask(counters, "~contract-journal", &call).await.unwrap() }
    });
    join_all(appends).await;
    let read = object::Call::Read { after: 0, most: 100 };
    let object::Answer::Entries(entries) = object::ask(counters, "~contract-journal", &read).await.unwrap()
    else {
        panic!("not entries")
    };
    assert_eq!(entries.len(), 50);
    let mut before = object::GENESIS.to_owned();
    for (entry, number) in entries.iter().zip(1..) {
        assert_eq!((entry.number, &entry.hash), (number, &object::chained(&before, &entry.text)));
        before.clone_from(&entry.hash);
    }
}
