//! How documents are cut.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice)]

#[path = "support/mod.rs"]
mod support;

use proptest::prelude::*;
use sluice_extract::{Document, Limits, Sizes, chunks, extract};
use sluice_types::knowledge::Chunk;
use support::{Pdf, shown, tokens};

fn cut(document: &Document<'_>, max: usize, overlap: usize) -> Vec<Chunk> {
    let sizes = Sizes::fixed(max, overlap).unwrap();
    let chunks = chunks(document, &sizes, &tokens);
    check(document, &chunks, max);
    chunks
}

/// What holds for the chunks of any document.
fn check(document: &Document<'_>, chunks: &[Chunk], max: usize) {
    let characters: Vec<char> = document.text.chars().collect();
    let mut covered = vec![false; characters.len()];
    let mut above: Option<&Chunk> = None;
    for (number, chunk) in chunks.iter().enumerate() {
        let (start, end) = (chunk.start as usize, chunk.end as usize);
        let text: String = characters[start..end].iter().collect();
        assert_eq!(text, chunk.text, "the offsets are exact");
        assert_eq!(chunk.ordinal as usize, number);
        assert!(!chunk.text.trim().is_empty());
        assert!(
            tokens(&chunk.text) <= max || chunk.text.chars().count() == 1,
            "{} tokens",
            tokens(&chunk.text)
        );
        covered[start..end].fill(true);
        if let Some(above) = above {
            assert!(above.start < chunk.start && above.end < chunk.end, "every chunk goes on");
        }
        above = Some(chunk);
    }
    let lost: String = characters
        .iter()
        .zip(&covered)
        .filter(|(c, covered)| !**covered && !c.is_whitespace())
        .map(|(c, _)| c)
        .collect();
    assert_eq!(lost, "", "nothing is lost");
}

fn read<'a>(name: &str, text: &'a str) -> Document<'a> {
    extract(name, text.as_bytes(), &Limits::default()).unwrap()
}

fn words(count: usize) -> String {
    let word = |at: usize| match at % 12 {
        0 => format!("Word{at} "),
        11 => format!("word{at}. "),
        _ => format!("word{at} "),
    };
    (0..count).map(word).collect()
}

#[test]
fn chunks_end_at_headings_and_keep_their_path() {
    let text = format!(
        "# Guide\n\n{}\n\n## Refunds\n\n{}\n\n### Cards\n\n{}\n\n## Shipping\n\n{}\n",
        words(60),
        words(60),
        words(30),
        words(60)
    );
    let document = read("guide.md", &text);
    let chunks = cut(&document, 200, 50);
    let paths: Vec<String> = chunks.iter().map(|chunk| chunk.headings.join(" > ")).collect();
    assert_eq!(paths, ["Guide", "Guide > Refunds", "Guide > Shipping"]);
    assert!(chunks[1].text.starts_with("## Refunds"), "{}", chunks[1].text);
    assert!(chunks[1].text.contains("### Cards"));
}

#[test]
fn long_paragraphs_are_cut_between_sentences_and_overlap() {
    let text = words(3000);
    let document = read("a.txt", &text);
    let chunks = cut(&document, 200, 100);
    for pair in chunks.windows(2) {
        let shared = pair[0].end.saturating_sub(pair[1].start);
        assert!((200..=400).contains(&shared), "{shared} characters are shared");
        assert!(pair[0].text.ends_with('.'), "{}", pair[0].text);
    }
    assert!(chunks[..chunks.len() - 1].iter().all(|chunk| tokens(&chunk.text) > 150));
    let without = cut(&document, 200, 0);
    assert!(without.windows(2).all(|pair| pair[0].end <= pair[1].start));
}

#[test]
fn rows_stay_whole_and_keep_their_tables_head() {
    let mut text = "name,country,note\n".to_owned();
    for row in 0..400 {
        text.push_str(&format!("customer {row},Norway,\"paid, on time\"\n"));
    }
    let document = read("customers.csv", &text);
    let chunks = cut(&document, 100, 50);
    assert!(chunks.len() > 20);
    for chunk in &chunks[1..] {
        assert_eq!(chunk.headings, ["name,country,note"]);
        assert!(
            chunk.text.lines().all(|line| line.starts_with("customer ") && line.ends_with("time\"")),
            "{}",
            chunk.text
        );
    }
}

#[test]
fn markdown_tables_keep_their_head_below_their_headings() {
    let rows: String = (0..100).map(|row| format!("| item {row} | {row} kr |\n")).collect();
    let text = format!("# Prices\n\n| what | price |\n|---|---|\n{rows}");
    let document = read("prices.md", &text);
    let chunks = cut(&document, 100, 0);
    assert!(chunks.len() > 3);
    assert!(
        chunks[1..].iter().all(|chunk| chunk.headings == ["Prices", "| what | price |"]),
        "{:?}",
        chunks[1].headings
    );
}

#[test]
fn chunks_know_their_page() {
    let pages: Vec<String> = (1..=3)
        .map(|page| {
            (0..20)
                .map(|line| {
                    shown(
                        72.0,
                        700.0 - 14.0 * f64::from(line),
                        11.0,
                        &format!("Line {line} of page {page} says something of its own."),
                    )
                })
                .collect()
        })
        .collect();
    let contents: Vec<&str> = pages.iter().map(String::as_str).collect();
    let bytes = Pdf::of_pages(&contents).bytes();
    let document = extract("a.pdf", &bytes, &Limits::default()).unwrap();
    let chunks = cut(&document, 260, 0);
    let pages: Vec<_> = chunks.iter().map(|chunk| chunk.page).collect();
    assert_eq!(pages, [Some(1), Some(2), Some(3)]);
}

#[test]
fn code_is_cut_between_definitions() {
    let text: String = (0..30)
        .map(|at| format!("fn number_{at}() -> usize {{\n    let value = {at};\n\n    value + 1\n}}\n\n"))
        .collect();
    let document = read("numbers.rs", &text);
    let chunks = cut(&document, 100, 0);
    assert!(
        chunks.iter().all(|chunk| chunk.text.starts_with("fn ") && chunk.text.ends_with('}')),
        "{chunks:#?}"
    );
}

#[test]
fn sizes_are_openais() {
    assert_eq!((Sizes::AUTO.max(), Sizes::AUTO.overlap()), (800, 400));
    for (max, overlap, fits) in
        [(100, 50, true), (4096, 2048, true), (99, 0, false), (4097, 0, false), (200, 101, false)]
    {
        assert_eq!(Sizes::fixed(max, overlap).is_ok(), fits, "{max} {overlap}");
    }
}

#[test]
fn texts_without_spaces_are_cut_all_the_same() {
    let text = "漢字".repeat(5000);
    cut(&read("a.txt", &text), 100, 50);
    let text = "x".repeat(100_000);
    cut(&read("a.txt", &text), 128, 64);
    let text = "e\u{301}\u{302}\u{303}".repeat(20_000);
    cut(&read("a.txt", &text), 100, 50);
}

/// Text of all shapes: words, marks of Markdown, tables, code, long and short lines, other alphabets.
fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-zA-Zäöå ]{0,80}",
        "\\PC{0,20}",
        Just("\n\n".to_owned()),
        Just("\n".to_owned()),
        Just("# Heading\n".to_owned()),
        Just("## Another\n\n".to_owned()),
        Just("| a | b |\n|---|---|\n| 1 | 2 |\n".to_owned()),
        Just("```\ncode here\n```\n".to_owned()),
        Just("- item\n".to_owned()),
        Just("a,b,c\n1,\"2\n3\",4\n".to_owned()),
        Just("漢字仮名交じり文。".to_owned()),
        Just("שלום مرحبا".to_owned()),
        "[a-z]{200,600}",
        "([a-z]{2,9} ){40,90}\\. ",
    ];
    prop::collection::vec(piece, 1..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn offsets_are_exact_and_nothing_is_lost(
        text in any_text(),
        name in prop::sample::select(vec!["a.txt", "a.md", "a.csv", "a.rs", "a.html", "a.json", "a"]),
        (max, overlap) in (100_usize..400).prop_flat_map(|max| (Just(max), 0..=max / 2)),
    ) {
        if let Ok(document) = extract(name, text.as_bytes(), &Limits::default()) {
            cut(&document, max, overlap);
        }
    }
}
