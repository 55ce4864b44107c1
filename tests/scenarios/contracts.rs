//! The contracts of the ports (`crates/testing/src/contract.rs`), inside the hosts: each adapter as it is deployed, with an
//! entry point that runs what the port promises. The host prints why one is broken.

use std::sync::OnceLock;
use std::thread;

use serde_json::json;
use sluice_tests::gateway::{Gateway, Host};

/// The only length of vectors that the contract of them uses.
const DIMENSIONS: u32 = 8;

/// How many reserve from one budget at the same time; each asks fifty times, and a hundred fit.
const SHARERS: usize = 16;
const FIT: usize = 100;

/// What runs them on `host`, with stores that nothing else has written to.
fn contracts(host: Host) -> &'static Gateway {
    static STARTED: [OnceLock<Gateway>; 2] = [OnceLock::new(), OnceLock::new()];
    STARTED[host as usize].get_or_init(|| {
        // An index that shows what was written a little later, as Vectorize does.
        let index = json!({"dimensions": DIMENSIONS, "delay": 100});
        let seed = match host {
            Host::Cloudflare => json!({"vectorize": index}),
            Host::Spin => json!({}),
        };
        Gateway::start_contracts(host, &seed)
    })
}

/// Whether the host keeps the contract `name`.
fn keeps(host: &Gateway, name: &str) -> bool {
    let answer = host.request("POST", &format!("/contracts/{name}")).send();
    (answer.status, answer.text().as_str()) == (200, "kept")
}

fn every_contract_is_kept(host: &Gateway) {
    let names = host.request("GET", "/contracts").send().expect(200).text();
    assert!(names.lines().any(|name| name == "counters_are_exact_under_concurrency"), "{names}");
    // One after the other: what breaks one takes its instance along.
    let broken: Vec<&str> = names.lines().filter(|name| !keeps(host, name)).collect();
    assert!(broken.is_empty(), "broken: {broken:?}");
}

/// From several requests, instances and, on Cloudflare, Workers at once.
fn a_budget_is_shared_out_exactly(host: &Gateway) {
    let share = |number: usize| {
        let request = if number.is_multiple_of(2) {
            host.request("POST", "/share")
        } else {
            host.ingest("POST", "/share")
        };
        request.send().expect(200).text().parse::<usize>().expect("a number")
    };
    let shares: Vec<usize> = thread::scope(|scope| {
        let sharers: Vec<_> = (0..SHARERS).map(|number| scope.spawn(move || share(number))).collect();
        sharers.into_iter().map(|sharer| sharer.join().expect("a share")).collect()
    });
    assert_eq!(shares.iter().sum::<usize>(), FIT, "{shares:?}");
}

/// The adapter of Vectorize: Miniflare's binding, a stand-in of ours behind it (`tools/vectorize.mjs`).
fn the_service_of_vectors_keeps_its_contract(host: &Gateway) {
    assert!(keeps(host, "vectors_of_the_host"));
}

fn on(host: Host, scenario: fn(&Gateway)) {
    if host.is_wanted() {
        scenario(contracts(host));
    }
}

#[test]
fn cloudflare_keeps_every_contract() {
    on(Host::Cloudflare, every_contract_is_kept);
    on(Host::Cloudflare, the_service_of_vectors_keeps_its_contract);
}

#[test]
fn spin_keeps_every_contract() {
    on(Host::Spin, every_contract_is_kept);
}

#[test]
fn cloudflare_shares_a_budget_out_exactly() {
    on(Host::Cloudflare, a_budget_is_shared_out_exactly);
}

#[test]
fn spin_shares_a_budget_out_exactly() {
    on(Host::Spin, a_budget_is_shared_out_exactly);
}
