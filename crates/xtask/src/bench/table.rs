//! Results as Markdown.

use std::fmt::Write;

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

/// The core by itself.
pub fn native(times: &[Time]) -> String {
    let mut text = "\n### The core by itself, native\n\n| what | time |\n|---|--:|\n".to_owned();
    for Time { name, microseconds } in times {
        _ = writeln!(text, "| {} | {microseconds:.2} µs |", name.replace('/', ", ").replace('_', " "));
    }
    text
}

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
    fn times_have_three_digits_or_so() {
        assert_eq!([85.4, -3.0, 9_999.0, 44_100.0].map(time), ["85 µs", "-3 µs", "9999 µs", "44.1 ms"]);
    }
}
