//! Phone numbers: international by their `+`, national ones by a form that little else has or by a word to the left.

use super::{context::Topics, digits::Number};
use crate::{scan::Segment, text};

/// Topics that say the number is something else.
const OTHER: Topics = Topics::SSN
    .and(Topics::TAX)
    .and(Topics::HEALTH)
    .and(Topics::IDENTITY)
    .and(Topics::CARD)
    .and(Topics::PASSPORT)
    .and(Topics::DRIVER)
    .and(Topics::ACCOUNT)
    .and(Topics::SIN)
    .and(Topics::TFN)
    .and(Topics::ABN)
    .and(Topics::NPI)
    .and(Topics::NOT_PHONE)
    .and(Topics::VERSION);

/// Whether `-` and a word behind a number name it: `25 833387-Office`.
pub(super) fn named(segment: &Segment<'_>, end: usize) -> bool {
    const WORDS: [&str; 10] =
        ["office", "fax", "mobile", "cell", "home", "work", "phone", "tel", "main", "direct"];
    let Some(word) = text::part(segment.text, end, segment.end).strip_prefix('-') else { return false };
    let word = word.split(|character: char| !character.is_ascii_alphabetic()).next().unwrap_or("");
    WORDS.iter().any(|known| known.eq_ignore_ascii_case(word))
}

/// Whether a number is a phone number; `named` by the word behind it.
pub(super) fn is_one(segment: &Segment<'_>, number: &Number<'_>, start: usize, named: bool) -> bool {
    let count = number.digits.len();
    let short = matches!(number.shape, [2, 2, 2] | [3, 3]) && (number.topics)().any(Topics::PHONE);
    if !(7..=15).contains(&count) && !short || like_a_date(number) {
        return false;
    }
    let first = number.digits.first().copied().unwrap_or(0);
    if number.lead.ends_with('+') {
        return 8 <= count && first != 0;
    }
    let before = segment.before(start - number.lead.len());
    if before.is_some_and(|sign| matches!(sign, '$' | '€' | '£' | '¥' | '#')) {
        return false;
    }
    let topics = (number.topics)();
    if topics.any(OTHER) && !topics.any(Topics::PHONE) {
        return false;
    }
    let shape = number.shape;
    // A number in brackets before others: an area code.
    let area = number.lead == "(" && number.between.first().is_some_and(|sign| sign.starts_with(')'));
    let form = match shape {
        [3, 3, 4] | [1, 3, 3, 4] | [3, 3, 3, 4] => true,
        [area_code, rest @ ..] if area => (2..=5).contains(area_code) && rest.len() <= 3 && 8 <= count,
        _ if number.digits.starts_with(&[0, 0]) => {
            2 <= shape.len()
                && 10 <= count
                && !number.between.contains(&".")
                && number.digits.get(2) != Some(&0)
        }
        [first_group, ..] => {
            first == 0
                && 2 <= shape.len()
                && shape.len() <= 5
                && (9..=11).contains(&count)
                && *first_group <= 5
        }
        [] => false,
    };
    let round = number.digits.ends_with(&[0, 0]) && shape == [4, 4];
    form || named && 2 <= shape.len()
        || topics.any(Topics::PHONE) && shape.len() <= 5 && count <= 13 && !round && shape != [7]
}

/// Dates, pairs of years and American post codes with their four digits more.
fn like_a_date(number: &Number<'_>) -> bool {
    let dashed = number.parted_by("-") || number.parted_by("/") || number.parted_by(".");
    let year = |digits: Option<&[u8]>| {
        digits.is_some_and(|digits| digits.starts_with(&[1, 9]) || digits.starts_with(&[2, 0]))
    };
    match number.shape {
        [4, 2, 2] | [2, 2, 4] | [1, 2, 4] | [2, 1, 4] => dashed,
        [4, 4] => year(number.digits.get(..4)) && year(number.digits.get(4..)),
        [5, 4] => number.parted_by("-"),
        [3, 2, 4] => true,
        _ => false,
    }
}

/// Where an extension after a number ends: `x1887`.
pub(super) fn extension(segment: &Segment<'_>, end: usize) -> usize {
    if !matches!(segment.byte(end), b'x' | b'X') {
        return end;
    }
    let digits =
        text::part(segment.text, end + 1, segment.end).bytes().take_while(u8::is_ascii_digit).count();
    if (1..=6).contains(&digits) && segment.ends(end + 1 + digits) { end + 1 + digits } else { end }
}
