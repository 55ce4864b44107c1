//! What the injection detector costs: microseconds for a text of 32 KB, plain, disguised, and made to be slow.

#![allow(missing_docs, reason = "criterion's macros document nothing")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sluice_guardrails::canonical::canonicalise;
use sluice_guardrails::injection::{Detector, Trust};

const PROSE: &str =
    "The river runs past the old mill, and you can follow its path to the village where the market is held. ";

fn bench(criterion: &mut Criterion) {
    let Some(detector) = Detector::shared() else { return };
    let mut group = criterion.benchmark_group("injection, 32 KB");
    for (name, unit) in [
        ("english", PROSE),
        ("chinese", "河流经过老磨坊，你可以沿着小路走到举办集市的村庄。"),
        ("german", "Der Fluß fließt an der alten Mühle vorüber, und über den Pfad kommst du ins Dorf. "),
        ("spaced", "t h e  r i v e r  r u n s  "),
        ("base64", "VGhlIHJpdmVyIHJ1bnMgcGFzdCB0aGUgb2xkIG1pbGw= "),
        ("brackets", "("),
        ("one letter", "a"),
        ("letters apart", "a "),
        ("escapes", "%41"),
        ("marks", "\u{301}"),
    ] {
        let text = unit.repeat(32_768 / unit.len());
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(format!("{name}, canonical only"), |bencher| {
            bencher.iter(|| canonicalise(&text));
        });
        group.bench_function(name, |bencher| {
            bencher.iter(|| detector.inspect(&canonicalise(&text), Trust::User));
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
