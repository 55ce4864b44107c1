//! What every adapter of a port must keep, as plain functions. They run on the memory host in unit tests, and on the
//! real hosts in scenarios, through what callers see.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a broken contract fails the test"
)]

pub mod index;
pub mod vectors;

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use sluice_core::{
    gateway::{object, queue},
    port::{Clock, Counters, Kv, Objects, PAGE, Rng},
};
use sluice_types::quota::{Amounts, Ask, Rule, Unit, Verdict, Window};

/// A store gives back what it was given, replaces it, and knows what it does not have.
///
/// # Panics
///
/// If the contract is broken.
pub async fn kv_reads_what_it_wrote(kv: &impl Kv) {
    assert_eq!(kv.get("contract/absent").await.unwrap(), None);
    for value in [&b""[..], b"one", b"\x00\xff two", "drei \u{1f980}".as_bytes()] {
        kv.put("contract/key", Bytes::copy_from_slice(value), Some("{}")).await.unwrap();
        assert_eq!(kv.get("contract/key").await.unwrap().as_deref(), Some(value));
    }
}

/// A store forgets what it is told to, and minds nothing that is not there.
///
/// # Panics
///
/// If the contract is broken.
pub async fn kv_forgets_what_it_is_told_to(kv: &impl Kv) {
    kv.put_for("contract/gone", Bytes::from_static(b"x"), Duration::from_secs(3_600)).await.unwrap();
    assert_eq!(kv.get("contract/gone").await.unwrap().as_deref(), Some(&b"x"[..]));
    for _ in 0..2 {
        kv.delete("contract/gone").await.unwrap();
        assert_eq!(kv.get("contract/gone").await.unwrap(), None);
    }
}

/// A store lists by prefix, in order, all of it.
///
/// # Panics
///
/// If the contract is broken.
pub async fn kv_lists_by_prefix(kv: &impl Kv) {
    let count = 1_100; // more than a page of any host
    for number in (0..count).rev() {
        let summary = number.to_string();
        kv.put(&format!("contract/list/{number:05}"), Bytes::from_static(b"x"), Some(&summary))
            .await
            .unwrap();
    }
    kv.put("contract/lisu", Bytes::from_static(b"x"), None).await.unwrap();
    let listed = kv.list("contract/list/").await.unwrap();
    assert_eq!(listed.len(), count);
    for (number, entry) in listed.iter().enumerate() {
        assert_eq!(entry.key, format!("contract/list/{number:05}"));
        assert!(entry.summary.as_ref().is_none_or(|summary| *summary == number.to_string()));
    }
}

/// Time passes while one sleeps.
///
/// # Panics
///
/// If the contract is broken.
pub async fn clock_passes_while_sleeping(clock: &impl Clock) {
    let before = clock.now();
    clock.sleep(Duration::from_millis(20)).await;
    assert!(Duration::from_millis(19) <= clock.now().since(before));
}

/// Dice do not repeat themselves.
///
/// # Panics
///
/// If the contract is broken.
pub async fn rng_does_not_repeat(rng: &impl Rng) {
    let mut drawn: Vec<u64> = (0..1_000).map(|_| rng.random()).collect();
    drawn.sort_unstable();
    drawn.dedup();
    assert_eq!(drawn.len(), 1_000);
}

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
    assert!(granted(counters, "contract-lapse", &reserve("dead", 10, 50, &rules)).await);
    assert!(!granted(counters, "contract-lapse", &reserve("early", 1, 50, &rules)).await);
    counters.sleep(Duration::from_millis(80)).await;
    assert!(granted(counters, "contract-lapse", &reserve("late", 10, 600_000, &rules)).await);
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
    host.sleep(object::GATHER * 2).await;
    let mut lines = Vec::new();
    for listed in host.list(prefix).await.unwrap() {
        let value = host.get(&listed.key).await.unwrap().unwrap();
        lines.extend(String::from_utf8(value.to_vec()).unwrap().lines().map(str::to_owned));
    }
    lines.sort_unstable();
    let expected: Vec<String> = (0..60).map(|number| format!("{{\"id\":\"row{number:03}\"}}")).collect();
    assert_eq!(lines, expected);
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

/// Raw data comes back as it was saved, whole pages too, and goes when it is discarded.
///
/// # Panics
///
/// If the contract is broken.
pub async fn objects_give_back_what_they_were_given(objects: &impl Objects) {
    assert_eq!(objects.load("contract/raw/absent").await.unwrap(), None);
    let page: Vec<u8> = (0..PAGE).map(|at| (at % 251) as u8).collect();
    for value in [&b""[..], b"\x00\xff\r\n", &page] {
        for _ in 0..2 {
            objects.save("contract/raw/0000", Bytes::copy_from_slice(value)).await.unwrap();
        }
        assert_eq!(objects.load("contract/raw/0000").await.unwrap().as_deref(), Some(value));
    }
    for _ in 0..2 {
        objects.discard("contract/raw/0000").await.unwrap();
        assert_eq!(objects.load("contract/raw/0000").await.unwrap(), None);
    }
}

async fn taken(counters: &impl Counters, most: u32, hidden: u64) -> Vec<queue::Taken> {
    match queue::ask(counters, queue::Call::Take { most, hidden }).await.unwrap() {
        queue::Answer::Taken(taken) => taken,
        other => panic!("not messages: {other:?}"),
    }
}

/// The gateway's own queue hides what is taken, brings back what nobody speaks of again, counts how often, and forgets
/// what is done with; however many take at once, each gets others.
///
/// # Panics
///
/// If the contract is broken, or something is in the queue beforehand.
pub async fn the_own_queue_loses_nothing(host: &(impl Counters + Clock)) {
    let messages: Vec<String> = (0..20).map(|number| format!("message {number}")).collect();
    let put = queue::Call::Put { messages: messages.clone(), delay: 0 };
    queue::ask(host, put).await.unwrap();
    let late = queue::Call::Put { messages: vec!["late".to_owned()], delay: 60_000 };
    queue::ask(host, late).await.unwrap();
    let all = join_all((0..5).map(|_| taken(host, 4, 300))).await.concat();
    let mut texts: Vec<&String> = all.iter().map(|one| &one.message).collect();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), 20);
    assert!(all.iter().all(|one| one.attempts == 1));
    assert_eq!(taken(host, 10, 300).await, Vec::new(), "what is taken is hidden");
    let (done, rest) = all.split_at(10);
    let receipts = done.iter().map(|one| one.receipt.clone()).collect();
    queue::ask(host, queue::Call::Done(receipts)).await.unwrap();
    let back = queue::Call::Back { receipt: rest[0].receipt.clone(), delay: 0 };
    queue::ask(host, back).await.unwrap();
    let again = taken(host, 10, 60_000).await;
    assert_eq!(again.len(), 1);
    assert_eq!((&again[0].message, again[0].attempts), (&rest[0].message, 2));
    host.sleep(Duration::from_millis(500)).await;
    let lapsed = taken(host, 100, 60_000).await;
    assert_eq!(lapsed.len(), 9, "nobody spoke of them again");
    // Its first receipt is good no more: it is done with by whoever has it now.
    queue::ask(host, queue::Call::Done(vec![rest[0].receipt.clone()])).await.unwrap();
    let receipts = lapsed.iter().chain(&again).map(|one| one.receipt.clone()).collect();
    queue::ask(host, queue::Call::Done(receipts)).await.unwrap();
    assert_eq!(taken(host, 10, 1).await, Vec::new());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryHost;

    #[test]
    fn the_memory_host_keeps_the_contracts() {
        let host = MemoryHost::default();
        host.run(async {
            kv_reads_what_it_wrote(&host).await;
            kv_forgets_what_it_is_told_to(&host).await;
            kv_lists_by_prefix(&host).await;
            clock_passes_while_sleeping(&host).await;
            rng_does_not_repeat(&host).await;
            counters_are_exact_under_concurrency(&host).await;
            counters_keep_owners_apart(&host).await;
            counters_give_back_what_lapses(&host).await;
            rows_reach_the_store_once(&host).await;
            journals_are_chained(&host).await;
            objects_give_back_what_they_were_given(&host).await;
            the_own_queue_loses_nothing(&host).await;
        });
    }
}
