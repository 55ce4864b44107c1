//! Streets with a house number. A guess: towns, countries and post codes are left alone.

use super::Kind;
use crate::{scan::Segment, text};

/// Last words of English street names.
const LAST: &[&str] = &[
    "street",
    "st",
    "avenue",
    "ave",
    "road",
    "rd",
    "boulevard",
    "blvd",
    "lane",
    "ln",
    "drive",
    "dr",
    "way",
    "court",
    "ct",
    "place",
    "pl",
    "square",
    "sq",
    "terrace",
    "highway",
    "hwy",
    "parkway",
    "pkwy",
    "close",
    "crescent",
    "circle",
];

/// First words of street names that put the number behind or before.
const FIRST: &[&str] = &[
    "rue",
    "calle",
    "via",
    "avenida",
    "avenue",
    "rua",
    "plaza",
    "piazza",
    "viale",
    "corso",
    "ulica",
    "ul.",
    "boulevard",
    "place",
    "carrer",
    "paseo",
    "av.",
];

/// Ends of one-word street names.
const ENDS: &[&str] = &[
    "straße", "strasse", "str.", "gasse", "weg", "platz", "allee", "laan", "straat", "plein", "gade", "vej",
    "gatan", "vägen", "katu", "gata",
];

/// Which way an address is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// `12 Main Street`, `12 rue de Rivoli`.
    NumberFirst,
    /// `Calle Mayor 3`.
    StreetFirst,
    /// `Hauptstraße 12`.
    OneWord,
}

/// Which address could begin with this word.
pub(super) fn style(word: &str) -> Option<Style> {
    if house(word) {
        return Some(Style::NumberFirst);
    }
    let lower = word.to_lowercase();
    if FIRST.contains(&lower.as_str()) {
        return Some(Style::StreetFirst);
    }
    let upper = word.chars().next().is_some_and(char::is_uppercase);
    (upper && ENDS.iter().any(|end| lower.len() >= end.len() + 2 && lower.ends_with(end)))
        .then_some(Style::OneWord)
}

/// Whether a word is a house number.
pub(super) fn house(word: &str) -> bool {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    let rest = word.get(digits..).unwrap_or("");
    (1..=5).contains(&digits)
        && (rest.is_empty() || rest.len() == 1 && rest.bytes().all(|byte| byte.is_ascii_alphabetic()))
}

/// Whether a word ends the name of a street.
pub(super) fn last(word: &str) -> bool {
    let word = word.trim_end_matches(['.', '!', '?']).to_lowercase();
    LAST.contains(&word.as_str()) || ENDS.iter().any(|end| end.len() + 2 <= word.len() && word.ends_with(end))
}

/// Whether a word may stand in the name of a street.
pub(super) fn middle(word: &str) -> bool {
    const SMALL: &[&str] =
        &["of", "de", "la", "le", "les", "du", "des", "del", "di", "da", "dos", "the", "van", "der", "den"];
    let upper = word.chars().next().is_some_and(char::is_uppercase);
    upper
        || SMALL.contains(&word)
        || FIRST.contains(&word)
        || word.ends_with("th") && word.starts_with(|first: char| first.is_ascii_digit())
}

/// Adds the address a segment is.
pub(super) fn detect(segment: &Segment<'_>, add: &mut impl FnMut(Kind, usize, usize)) {
    let words: Vec<&str> = segment.str().split(' ').collect();
    let Some(style) = words.first().and_then(|word| style(word)) else { return };
    let count = match style {
        Style::NumberFirst => match words.get(1).map(|word| word.to_lowercase()) {
            Some(word) if FIRST.contains(&word.as_str()) && 2 < words.len() => words.len(),
            _ => words.iter().skip(2).position(|word| last(word)).map_or(0, |at| at + 3),
        },
        Style::StreetFirst | Style::OneWord => {
            words.iter().skip(1).position(|word| house(word.trim_end_matches('.'))).map_or(0, |at| at + 2)
        }
    };
    if count < 2 {
        return;
    }
    let bytes = words.iter().take(count).map(|word| word.len() + 1).sum::<usize>() - 1;
    let address = text::part(segment.str(), 0, bytes).trim_end_matches(['.', '!', '?']);
    add(Kind::Address, segment.start, segment.start + address.len());
}
