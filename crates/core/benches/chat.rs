//! What the core costs by itself, without a host: a request read and sent on, an answer read, a streamed chunk relayed.
//! `cargo xtask bench` runs these and takes their numbers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench fails by panicking")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use sluice_core::relay::Relay;
use sluice_providers::format::{Chat, Dialect, Meta, Protocol, Target};
use sluice_types::{json::Raw, usage::Usage};

#[path = "samples/mod.rs"]
mod samples;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    request(&mut criterion);
    answer(&mut criterion);
    chunk(&mut criterion);
    criterion.final_summary();
}

/// A conversation of about `size` bytes: read and patched, as for a target of the caller's own format; read and written
/// anew, as for any other.
fn request(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("request");
    for (name, size) in [("1 KB", 1_000), ("100 KB", 100_000)] {
        for caller in Protocol::ALL {
            let body = samples::request(caller, size);
            // How the time grows with the size is shown by callers' own formats.
            let all = size < 10_000;
            let upstreams = Chat::ALL.into_iter().filter(|upstream| all || *upstream == caller.format());
            for upstream in upstreams {
                let dialect = Dialect::default();
                let target = Target {
                    model: "upstream-model",
                    dialect: &dialect,
                    strict: false,
                    default_max_tokens: Some(4096),
                    same_format: upstream == caller.format(),
                };
                let id = BenchmarkId::new(format!("{} to {}", caller.name(), upstream.name()), name);
                group.bench_function(id, |bencher| {
                    bencher.iter(|| {
                        let body = black_box(&body);
                        let request = caller.read_request(body).unwrap();
                        if upstream == caller.format() {
                            caller.patch_request(body, &target).unwrap()
                        } else {
                            upstream.write_request(&request, &target).unwrap()
                        }
                    });
                });
            }
        }
    }
    group.finish();
}

/// A provider's whole answer of 1 KB of text, read.
fn answer(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("answer");
    for format in Chat::ALL {
        let body = samples::answer(format);
        group.bench_function(format.name(), |bencher| {
            bencher.iter(|| format.read_answer(black_box(&body)).unwrap().usage);
        });
    }
    group.finish();
}

/// One text delta of a stream that has begun, relayed.
fn chunk(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("chunk");
    for upstream in Chat::ALL {
        for caller in Protocol::ALL {
            let sample = samples::stream(upstream);
            let meta = Meta {
                id: "req_0",
                created: 0,
                model: "bench",
                note: None,
                include_usage: true,
                same_format: upstream == caller.format(),
                json_array: false,
                searched: None,
            };
            let note = |_: &Usage| -> Option<Raw<'static>> { None };
            let mut relay = Relay::new(upstream, caller, true, &meta, 0);
            let mut out = Vec::new();
            relay.push(&sample.opening, &note, &mut out).unwrap();
            group.bench_function(format!("{} to {}", upstream.name(), caller.name()), |bencher| {
                bencher.iter(|| {
                    out.clear();
                    relay.push(black_box(&sample.delta), &note, &mut out).unwrap();
                    assert!(!out.is_empty());
                });
            });
        }
    }
    group.finish();
}
