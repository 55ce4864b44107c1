//! Dates of birth: a date after a word such as `born`.

use super::{Kind, context, context::Topics};
use crate::{scan::Segment, text};

/// Adds dates of birth.
pub(super) fn detect(segment: &Segment<'_>, add: &mut impl FnMut(Kind, usize, usize)) {
    let run = segment.str();
    let Some(offset) = run.bytes().position(|byte| byte.is_ascii_digit()) else { return };
    let named = if memchr::memchr(b' ', run.as_bytes()).is_some() { written(run) } else { None };
    let (start, end) = match named {
        Some((from, to)) => (segment.start + from, segment.start + to),
        None => {
            let rest = text::part(run, offset, run.len());
            let part_of = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'/' | b'-' | b'.');
            let length = rest.bytes().position(|byte| !part_of(byte));
            let date = text::part(rest, 0, length.unwrap_or(rest.len())).trim_end_matches(['.', '-', '/']);
            if !in_numbers(date) {
                return;
            }
            (segment.start + offset, segment.start + offset + date.len())
        }
    };
    if segment.begins(start) && segment.ends(end) && context::before(segment, start).any(Topics::BIRTH) {
        add(Kind::DateOfBirth, start, end);
    }
}

/// Whether a text is a date of three numbers: day, month and year in either order, or the year first.
fn in_numbers(date: &str) -> bool {
    let mut parts = date.split(['/', '-', '.']);
    let (Some(a), Some(b), Some(c), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let small = |part: &str, most: u32| {
        part.len() <= 2 && part.parse::<u32>().is_ok_and(|part| (1..=most).contains(&part))
    };
    let year = |part: &str| {
        (part.len() == 4 && (part.starts_with("19") || part.starts_with("20"))) || part.len() == 2
    };
    let day_first = small(a, 31) && small(b, 12) || small(a, 12) && small(b, 31);
    day_first && year(c) || a.len() == 4 && year(a) && small(b, 12) && small(c, 31)
}

/// Where a date with a written month is: `12 March 1980`, `March 12, 1980`.
fn written(run: &str) -> Option<(usize, usize)> {
    let words: Vec<(usize, &str)> = run
        .split(' ')
        .scan(0, |at, word| {
            let start = *at;
            *at += word.len() + 1;
            Some((start, word))
        })
        .collect();
    let month = words.iter().position(|(_, word)| is_month(word))?;
    let number =
        |at: usize| words.get(at).filter(|(_, word)| word.starts_with(|first: char| first.is_ascii_digit()));
    let first = month.checked_sub(1).filter(|&before| number(before).is_some()).unwrap_or(month);
    let last = (month + 1..=month + 2).take_while(|&at| number(at).is_some()).last().unwrap_or(month);
    if last == first {
        return None;
    }
    let (start, _) = words.get(first)?;
    let (end, word) = words.get(last)?;
    Some((*start, end + word.trim_end_matches(|sign: char| !sign.is_alphanumeric()).len()))
}

/// Months in six languages, and their usual short forms.
#[rustfmt::skip]
const MONTHS: &[&str] = &[
    "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "january",
    "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december", "januar", "februar", "märz", "mai", "juni", "juli", "oktober", "dezember", "janvier",
    "février", "mars", "avril", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre",
    "enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre",
    "noviembre", "diciembre", "gennaio", "febbraio", "aprile", "maggio", "giugno", "luglio", "settembre",
    "ottobre", "dicembre", "janeiro", "fevereiro", "março", "maio", "junho", "julho", "setembro", "outubro",
    "novembro", "dezembro",
];

/// Whether a text begins with two letters that a month's name begins with, or bytes like them. Asked of every word.
#[inline]
pub(crate) fn may_begin_month(text: &[u8]) -> bool {
    let [first, second, ..] = text else { return false };
    follows(&SECONDS, *first, *second)
}

fn follows(letters: &[u32; 32], first: u8, later: u8) -> bool {
    letters.get(usize::from(first & 31)).is_some_and(|letters| letters >> (later & 31) & 1 == 1)
}

/// For each first letter of a month's name, the second letters; `\xc3` begins the accented ones.
static SECONDS: [u32; 32] = letters(1);
/// The third ones.
static THIRDS: [u32; 32] = letters(2);

#[expect(clippy::indexing_slicing, reason = "at compile time")]
const fn letters(nth: usize) -> [u32; 32] {
    let mut all = [0; 32];
    let mut at = 0;
    while at < MONTHS.len() {
        let month = MONTHS[at].as_bytes();
        all[(month[0] & 31) as usize] |= 1 << (month[nth] & 31);
        at += 1;
    }
    all
}

/// Whether a word is a month's name, in one of six languages, or its usual short form.
#[inline]
pub(crate) fn is_month(word: &str) -> bool {
    let [first, _, _, ..] = word.as_bytes() else { return false };
    (may_begin_month(word.as_bytes()) || !first.is_ascii_alphanumeric()) && is_month_after_all(word)
}

fn is_month_after_all(word: &str) -> bool {
    let word = word.trim_matches(|character: char| !text::alphanumeric(character));
    let [first, second, third, ..] = word.as_bytes() else { return false };
    if 12 < word.len() || !follows(&SECONDS, *first, *second) || !follows(&THIRDS, *first, *third) {
        return false;
    }
    let lower = word.to_lowercase();
    MONTHS.contains(&lower.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_known_in_either_case() {
        for month in ["Jan", "february", "MÄRZ", "Août,", "enero", "giugno", "luglio", "outubro"] {
            assert!(is_month(month), "{month}");
        }
        assert!(MONTHS.iter().all(|month| is_month(month)));
        assert!(!is_month("mill") && !is_month("xjan"));
    }
}
