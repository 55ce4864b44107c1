//! Large documents: 50 MB are read and cut in linear time, and with little memory beyond the text itself.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a test measures time")]

use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;
use sluice_extract::{Kind, Limits, Sizes, chunks_of, extract};

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// Reads and cuts a document; how many chunks it had, how long that took, how much memory it took at most.
fn run(name: &str, bytes: &[u8], kind: Kind) -> (usize, Duration, usize) {
    let before = ALLOCATED.current_usage();
    ALLOCATED.reset_peak_usage();
    let start = Instant::now();
    let document = extract(name, bytes, &Limits::default()).unwrap();
    assert_eq!(document.kind, kind, "{name}");
    let count = |text: &str| text.len().div_ceil(4);
    let chunks =
        chunks_of(&document, Sizes::AUTO, &count).inspect(|chunk| assert!(chunk.end > chunk.start)).count();
    (chunks, start.elapsed(), ALLOCATED.peak_usage() - before)
}

fn repeated(piece: impl Fn(usize) -> String, size: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size + 1000);
    for number in 0.. {
        if bytes.len() >= size {
            break;
        }
        bytes.extend_from_slice(piece(number).as_bytes());
    }
    bytes
}

/// One test, because the counters are shared. In a build with checks there are 2 MB, or it would take minutes.
#[test]
fn fifty_megabytes_take_linear_time_and_bounded_memory() {
    const MB: usize = 1024 * 1024;
    let size = if cfg!(debug_assertions) { 2 * MB } else { 50 * MB };
    let sentence = "The gateway reads what it is given, and says in plain words what is wrong with it. ";
    let text = |number: usize| format!("Paragraph {number}. {}\n\n", sentence.repeat(6));
    let markdown = |number: usize| format!("## Part {number}\n\n{}\n\n- one\n- two\n\n", sentence.repeat(4));
    let row = |number: usize| format!("{number},customer {number},\"Oslo, Norway\",12.50\n");
    let code = |number: usize| {
        format!("fn number_{number}() -> usize {{\n    let value = {number};\n    value + 1\n}}\n\n")
    };
    let line = |number: usize| format!("{{\"id\": {number}, \"text\": \"{sentence}\"}}\n");
    let solid = |_: usize| sentence.to_owned();
    type Piece<'a> = &'a dyn Fn(usize) -> String;
    let cases: [(&str, Kind, Piece<'_>); 6] = [
        ("a.txt", Kind::Text, &text),
        ("a.md", Kind::Markdown, &markdown),
        ("a.csv", Kind::Csv, &row),
        ("a.rs", Kind::Code, &code),
        ("a.jsonl", Kind::JsonLines, &line),
        ("solid.txt", Kind::Text, &solid),
    ];
    for (name, kind, piece) in cases {
        let (_, small, _) = run(name, &repeated(piece, size / 10), kind);
        let bytes = repeated(piece, size);
        let (chunks, large, memory) = run(name, &bytes, kind);
        println!(
            "{name}: {} MB, {chunks} chunks, {large:?} ({:.0} MB/s), {:.1} MB of memory",
            bytes.len() / MB,
            bytes.len() as f64 / MB as f64 / large.as_secs_f64(),
            memory as f64 / MB as f64
        );
        // Ten times the text; other programs share the machine.
        assert!(large < small * 30 + Duration::from_secs(2), "{name}: {small:?}, then {large:?}");
        // The blocks' places; a list that grows is there twice for a moment.
        assert!(memory < bytes.len() * 3 / 2 + 8 * MB, "{name}: {memory} bytes for {}", bytes.len());
    }
}
