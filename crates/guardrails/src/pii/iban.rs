//! Bank accounts by IBAN (ISO 13616): length per country and remainder 1 of 97.

use super::Kind;
use crate::{
    scan::Segment,
    text::{self, Set},
};

/// Lengths by country, from the registry of SWIFT.
#[rustfmt::skip]
static LENGTHS: &[(&str, usize)] = &[
    ("AD", 24), ("AE", 23), ("AL", 28), ("AT", 20), ("AZ", 28), ("BA", 20), ("BE", 16), ("BG", 22), ("BH", 22),
    ("BI", 27), ("BR", 29), ("BY", 28), ("CH", 21), ("CR", 22), ("CY", 28), ("CZ", 24), ("DE", 22), ("DJ", 27),
    ("DK", 18), ("DO", 28), ("EE", 20), ("EG", 29), ("ES", 24), ("FI", 18), ("FK", 18), ("FO", 18), ("FR", 27),
    ("GB", 22), ("GE", 22), ("GI", 23), ("GL", 18), ("GR", 27), ("GT", 28), ("HN", 28), ("HR", 21), ("HU", 28),
    ("IE", 22), ("IL", 23), ("IQ", 23), ("IS", 26), ("IT", 27), ("JO", 30), ("KW", 30), ("KZ", 20), ("LB", 28),
    ("LC", 32), ("LI", 21), ("LT", 20), ("LU", 20), ("LV", 21), ("LY", 25), ("MC", 27), ("MD", 24), ("ME", 22),
    ("MK", 19), ("MN", 20), ("MR", 27), ("MT", 31), ("MU", 30), ("NI", 28), ("NL", 18), ("NO", 15), ("OM", 23),
    ("PK", 24), ("PL", 28), ("PS", 29), ("PT", 25), ("QA", 29), ("RO", 24), ("RS", 22), ("RU", 33), ("SA", 24),
    ("SC", 31), ("SD", 18), ("SE", 24), ("SI", 19), ("SK", 24), ("SM", 27), ("SO", 23), ("ST", 25), ("SV", 28),
    ("TL", 23), ("TN", 24), ("TR", 26), ("UA", 29), ("VA", 22), ("VG", 24), ("XK", 20), ("YE", 30),
];

/// Whether a text begins like an IBAN: two capitals of a country that has them and two digits.
pub(super) fn head(run: &str) -> Option<usize> {
    // Asked of every number: few have two digits there.
    let [first, second, third, fourth, ..] = run.as_bytes() else { return None };
    if !(third.is_ascii_digit()
        && fourth.is_ascii_digit()
        && first.is_ascii_uppercase()
        && second.is_ascii_uppercase())
    {
        return None;
    }
    let country = run.get(..2)?;
    let at = LENGTHS.binary_search_by(|(known, _)| (*known).cmp(country)).ok()?;
    LENGTHS.get(at).map(|(_, length)| *length)
}

/// Adds IBANs, written in one piece or in groups.
pub(super) fn detect(segment: &Segment<'_>, add: &mut impl FnMut(Kind, usize, usize)) {
    let run = segment.str();
    if run.len() < 15 {
        return;
    }
    // Two bits for each of the last four bytes.
    let mut last_four = 0_u8;
    for (last, byte) in run.bytes().enumerate() {
        last_four = last_four << 2 | u8::from(Set::LETTER.has(byte)) << 1 | u8::from(Set::DIGIT.has(byte));
        if last_four != 0b10_10_01_01 {
            continue;
        }
        let at = last.saturating_sub(3);
        let country = text::part(run, at, at + 4).to_ascii_uppercase();
        let Some(length) = head(&country).filter(|_| segment.begins(segment.start + at)) else { continue };
        let upper = text::part(run, at, run.len()).to_ascii_uppercase();
        if let Some(bytes) = whole(&upper, length) {
            let (start, end) = (segment.start + at, segment.start + at + bytes);
            if segment.ends(end) {
                add(Kind::Iban, start, end);
            }
        }
    }
}

/// How many bytes of `rest` make an IBAN of `length` characters.
fn whole(rest: &str, length: usize) -> Option<usize> {
    let mut characters = Vec::with_capacity(length);
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            b'A'..=b'Z' | b'0'..=b'9' => characters.push(byte),
            b' ' | b'-' => continue,
            _ => return None,
        }
        if characters.len() == length {
            return (remainder(&characters) == 1).then_some(at + 1);
        }
    }
    None
}

/// The number an IBAN stands for, country and check digits last, modulo 97.
fn remainder(characters: &[u8]) -> u32 {
    let (head, tail) = characters.split_at(characters.len().min(4));
    tail.iter().chain(head).fold(0, |sum, &byte| match byte {
        b'0'..=b'9' => (sum * 10 + u32::from(byte - b'0')) % 97,
        _ => (sum * 100 + u32::from(byte.wrapping_sub(b'A')) + 10) % 97,
    })
}
