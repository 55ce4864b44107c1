//! Results as Markdown.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::checks;
use super::load::Shape;
use super::native::Time;
use super::size::Size;
use super::suite::{Results, Row, Start};

/// A host's part.
pub fn served(title: &str, results: &Results) -> String {
    let mut text = format!(
        "\n### {title}\n\n\
         | answer | connections | through | req/s | of pass-through | p50 | p99 | added p50 | added p99 \
         | added to first byte | CPU |\n\
         |---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|\n"
    );
    results.rows.iter().for_each(|row| line(row, &mut text));
    text += "\n| start | ready | first request | second request |\n|---|--:|--:|--:|\n";
    for Start { name, ready_ms, first_request_ms, second_request_ms } in &results.starts {
        _ = writeln!(
            text,
            "| {name} | {ready_ms:.0} ms | {first_request_ms:.1} ms | {second_request_ms:.1} ms |"
        );
    }
    text
}

fn line(row: &Row, text: &mut String) {
    let shape = match row.shape {
        Shape::Whole => "whole",
        Shape::Stream => "50 chunks",
    };
    let ratio = row.of_passthrough.map_or(String::new(), |ratio| format!("{ratio:.2}"));
    let added = match &row.added {
        None => [const { String::new() }; 3],
        Some(added) => [added.p50_us, added.p99_us, added.first_byte_p50_us].map(time),
    };
    let [p50, p99, first] = added;
    _ = writeln!(
        text,
        "| {shape} | {} | {} | {:.0} | {ratio} | {} | {} | {p50} | {p99} | {first} | {} |",
        row.connections,
        row.name,
        row.per_second,
        time(row.p50_us),
        time(row.p99_us),
        time(row.cpu_us),
    );
}

/// The bundles' sizes.
pub fn sizes(sizes: &[Size]) -> String {
    let mut text = "\n### Bundles\n\n| bundle | size | gzip |\n|---|--:|--:|\n".to_owned();
    for Size { name, bytes, gzip_bytes } in sizes {
        let kb = |bytes: &usize| *bytes as f64 / 1000.0;
        _ = writeln!(text, "| {name} | {:.0} kB | {:.0} kB |", kb(bytes), kb(gzip_bytes));
    }
    text
}

/// The guardrails' checks.
pub fn checks(times: &checks::Times) -> String {
    let mut text = "\n### The guardrails' checks, in WASM (Node)\n\n| µs a KB |".to_owned();
    times.checks.iter().for_each(|check| _ = write!(text, " {check} |"));
    text += "\n|---|";
    times.checks.iter().for_each(|_| text += "--:|");
    text += "\n";
    for row in &times.rows {
        _ = write!(text, "| {} |", row.text);
        row.micros.iter().for_each(|micros| _ = write!(text, " {micros:.1} |"));
        text += "\n";
    }
    text
}

/// The core by itself: a table for each kind of bench, with callers' formats across where it goes from one to another.
pub fn native(times: &[Time]) -> String {
    let mut text = "\n### The core by itself, native\n".to_owned();
    let mut groups: BTreeMap<String, Group<'_>> = BTreeMap::new();
    for Time { name, microseconds } in times {
        let mut parts = name.split('/');
        let (kind, what, of) = (parts.next(), parts.next().unwrap_or_default(), parts.next());
        let title = [kind, of].into_iter().flatten().collect::<Vec<_>>().join(", ");
        let (from, to) = what.split_once(" to ").unwrap_or((what, ""));
        groups.entry(title).or_default().entry(from).or_default().insert(to, *microseconds);
    }
    for (title, group) in &groups {
        let columns: BTreeSet<&str> = group.values().flat_map(|row| row.keys().copied()).collect();
        _ = write!(text, "\n| {title}, µs |");
        columns.iter().for_each(|to| _ = write!(text, " {} |", if to.is_empty() { "" } else { to }));
        text += "\n|---|";
        columns.iter().for_each(|_| text += "--:|");
        for (from, row) in group {
            _ = write!(text, "\n| {from} |");
            for to in &columns {
                match row.get(to) {
                    Some(microseconds) => _ = write!(text, " {microseconds:.2} |"),
                    None => text += " |",
                }
            }
        }
        text += "\n";
    }
    text.replace('_', " ")
}

/// Times in microseconds: from which format, to which.
type Group<'t> = BTreeMap<&'t str, BTreeMap<&'t str, f64>>;

/// A time as a person reads it.
fn time(microseconds: f64) -> String {
    if microseconds.abs() < 9_999.5 {
        format!("{microseconds:.0} µs")
    } else {
        format!("{:.1} ms", microseconds / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_stand_against_each_other() {
        let time = |name: &str, microseconds| Time { name: name.to_owned(), microseconds };
        let times = [
            time("chunk/a_b to c", 0.5),
            time("chunk/a_b to d", 1.0),
            time("chunk/e to d", 2.0),
            time("answer/c", 3.0),
        ];
        let text = native(&times);
        assert!(
            text.contains("| chunk, µs | c | d |\n|---|--:|--:|\n| a b | 0.50 | 1.00 |\n| e | | 2.00 |\n"),
            "{text}"
        );
        assert!(text.contains("| answer, µs |  |\n|---|--:|\n| c | 3.00 |\n"), "{text}");
    }

    #[test]
    fn times_have_three_digits_or_so() {
        assert_eq!([85.4, -3.0, 9_999.0, 44_100.0].map(time), ["85 µs", "-3 µs", "9999 µs", "44.1 ms"]);
    }
}
