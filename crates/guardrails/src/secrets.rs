//! Credentials: keys by the forms their issuers give them, private keys, tokens, connection strings, and values
//! assigned to names such as `password` that look drawn at random.

mod assignment;
mod block;
mod connection;
mod rules;

pub(crate) use block::{Block, key_block};

use crate::{
    scan::{Flags, Hit, Search, Segment, What},
    span::Finding,
    text,
};

/// Adds what `segment` holds.
pub(crate) fn detect(segment: &Segment<'_>, hits: &mut Vec<Hit>) {
    // What is drawn at random, or has an issuer's mark, is no word of small letters.
    let signs = [Flags::UPPER, Flags::DIGIT, Flags::MARK, Flags::AT, Flags::COLON, Flags::SLASHES];
    if segment.str().len() < 6 || !signs.into_iter().any(|sign| segment.flags.any(sign)) {
        return;
    }
    let before = hits.len();
    let mut add = |kind: &'static str, start: usize, end: usize| {
        hits.push(Hit { range: start..end, what: What::Secret(kind) });
    };
    connection::detect(segment, &mut add);
    rules::detect(segment, &mut add);
    if hits.len() == before {
        let mut add = |kind: &'static str, start: usize, end: usize| {
            hits.push(Hit { range: start..end, what: What::Secret(kind) });
        };
        assignment::detect(segment, &mut add);
    }
}

/// All credentials of a whole text, in order.
pub fn find(text: &str) -> Vec<Finding> {
    let hits = Search { secrets: true, ..Search::default() }.all(text).into_iter();
    hits.map(|hit| Finding { span: hit.range, kind: hit.what.name() }).collect()
}

/// Entropy of the bytes of a text, in bits per byte.
fn entropy(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in text.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let total = text.len() as f64;
    counts
        .iter()
        .filter(|&&count| 0 < count)
        .map(|&count| {
            let share = f64::from(count) / total;
            -share * share.log2()
        })
        .sum()
}

/// Whether a value is there to be replaced, or is code that reads one.
fn placeholder(value: &str) -> bool {
    const WORDS: &[&str] = &[
        "example",
        "placeholder",
        "changeme",
        "change_me",
        "your",
        "insert",
        "redacted",
        "dummy",
        "sample",
        "xxxx",
        "1234567890",
        "abcdef",
        "secret",
        "password",
        "process.env",
        "os.environ",
        "getenv",
        "env.",
        "config.",
        "todo",
        "fake",
        "null",
        "undefined",
        "hunter2",
        "test",
        "12345678",
        "qwerty",
        "my_",
        "my-",
        "dontuse",
        "mysuper",
        "passwd",
        "token",
        "apikey",
        "api_key",
        "0000000",
    ];
    let lower = value.to_ascii_lowercase();
    WORDS.iter().any(|word| lower.contains(word))
        || variable(value)
        || value.starts_with('%')
        || value.contains("...")
}

/// Whether a value names a variable: `$DB_PASSWORD`, `${...}`.
fn variable(value: &str) -> bool {
    let Some(name) = value.strip_prefix('$') else { return false };
    let name = name.trim_end_matches(')');
    let word =
        |letters: fn(&u8) -> bool| name.bytes().all(|byte| byte == b'_' || byte == b'(' || letters(&byte));
    name.is_empty() || word(u8::is_ascii_lowercase) || word(u8::is_ascii_uppercase)
}

/// Whether a token is one character, or nearly, over and over.
fn uniform(token: &str) -> bool {
    let mut seen = [false; 256];
    let mut kinds = 0;
    for byte in token.bytes() {
        if let Some(seen) = seen.get_mut(usize::from(byte)).filter(|seen| !**seen) {
            *seen = true;
            kinds += 1;
        }
    }
    kinds < 5
}

/// Whether a text is a UUID.
fn uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// What to show of a credential in a report: never more than its last four characters, and of short ones nothing.
pub fn hint(value: &str) -> &str {
    if value.chars().count() < 16 {
        ""
    } else {
        text::part(value, text::back(value, value.len(), 4), value.len())
    }
}

#[cfg(test)]
mod tests;
