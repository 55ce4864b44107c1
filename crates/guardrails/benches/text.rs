//! Time of the checks over one kilobyte of ordinary text and of text that tempts them.

use std::{hint::black_box, sync::Arc};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sluice_guardrails::{
    exfiltration::Hosts,
    pii::Settings,
    redact::Vault,
    stream::{Action, Placeholders, Plan, apply},
};

const PROSE: &str = "The ferry leaves at noon, and the crew of nine had slept badly. In 2024 it carried 1,200 people a day; \
                     write to anna@example.org if you cannot find the quay. ";

fn texts(criterion: &mut Criterion) {
    let plan = Arc::new(Plan {
        pii: Some((Settings::default(), Action::Redact)),
        secrets: Some(Action::Deny),
        links: Some((Hosts::new(["cdn.example.org"]), Action::Mask)),
        placeholders: Placeholders::Escape,
        ..Plan::default()
    });
    let mut group = criterion.benchmark_group("guardrails");
    for (name, unit) in [
        ("prose", PROSE),
        ("digits", "1"),
        ("groups", "12 34 56 "),
        ("brackets", "("),
        ("at", "@"),
        ("marks", "\u{301}"),
    ] {
        let text = unit.repeat(32 * 1024 / unit.len());
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| apply(&plan, black_box(&text), &mut Vault::new()).text.len());
        });
    }
    group.finish();
}

criterion_group!(benches, texts);
criterion_main!(benches);
