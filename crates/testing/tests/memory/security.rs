//! docs/security.md names tests: each must be there.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may fail"
)]

use std::{fs, path::Path};

/// What a short name in the table stands for.
const FILES: [(&str, &str); 5] = [
    ("wiring", "crates/testing/tests/memory/guardrails_wiring.rs"),
    ("guards", "crates/testing/tests/memory/guardrails.rs"),
    ("hooks", "crates/testing/tests/memory/hooks.rs"),
    ("grounding", "crates/testing/tests/memory/grounding.rs"),
    ("e2e", "tests/scenarios/guardrails.rs"),
];

#[test]
fn every_test_that_the_security_page_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let page = fs::read_to_string(root.join("docs/security.md")).unwrap();
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| LLM"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert_eq!(rows.len(), 10, "one row a risk");
    for row in &rows {
        let risk = row[0].split(' ').next().unwrap();
        let mut shown = 0;
        for part in row[2].split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let mut pieces = part.split('`');
            let label = pieces.nth(1).unwrap_or_else(|| panic!("{risk}: {part:?} names no file"));
            if label.starts_with("cargo ") {
                continue;
            }
            // `isolation.rs` beside `tests/scenarios/…` is in the same folder.
            let known = FILES.iter().find(|(name, _)| *name == label).map(|(_, file)| *file);
            let file = known.unwrap_or(label);
            let path = root.join(file);
            assert!(path.exists(), "{risk}: {file} is not there");
            shown += 1;
            let text = if path.is_file() { fs::read_to_string(&path).unwrap() } else { String::new() };
            for name in
                pieces.flat_map(|rest| rest.split([',', ' '])).filter(|word| 2 <= word.matches('_').count())
            {
                assert!(text.contains(&format!("fn {name}(")), "{risk}: {file} has no test {name}");
                shown += 1;
            }
        }
        assert!(0 < shown, "{risk} has nothing to show");
    }
    // The sentences below the table name tests as well.
    for (label, file) in FILES {
        let text = fs::read_to_string(root.join(file)).unwrap();
        for after in page.split(&format!("(`{label}` ")).skip(1) {
            let name = after.split(')').next().unwrap();
            assert!(text.contains(&format!("fn {name}(")), "{file} has no test {name}");
        }
    }
}
