//! Names, as far as cue phrases give them away. A guess: without a cue nothing is found, and `I'm Spartacus` is.

use super::Kind;
use crate::{scan::Segment, text};

/// What stands before a name, in lower case.
const CUES: &[&str] = &[
    "my name is ",
    "my name's ",
    "name is ",
    "name: ",
    "named ",
    "mr. ",
    "mr ",
    "mrs. ",
    "mrs ",
    "ms. ",
    "ms ",
    "dr. ",
    "dr ",
    "prof. ",
    "professor ",
    "miss ",
    "dear ",
    "mi nombre es ",
    "me llamo ",
    "je m'appelle ",
    "je m’appelle ",
    "ich heiße ",
    "mein name ist ",
    "mi chiamo ",
    "meu nome é ",
    "me chamo ",
    "señor ",
    "señora ",
    "herr ",
    "frau ",
    "monsieur ",
    "madame ",
    "regards,\n",
    "sincerely,\n",
    "signed, ",
    "patient ",
];

/// Whether a name may begin at `at` of a text whose left context begins at `left`.
pub(super) fn expected(text: &str, at: usize) -> bool {
    let left = text::part(text, text::back(text, at, 20), at).to_lowercase();
    CUES.iter()
        .any(|cue| left.strip_suffix(cue).is_some_and(|before| !text::wordy(before.chars().next_back())))
}

/// Whether a word looks like a part of a name.
pub(super) fn part_of_name(word: &str) -> bool {
    let mut characters = word.chars();
    let upper = characters.next().is_some_and(char::is_uppercase);
    let letters = |character: char| {
        character.is_alphabetic()
            || matches!(character, '-' | '.')
            || ('\u{300}'..='\u{36f}').contains(&character)
    };
    upper && characters.all(letters) && !word.trim_end_matches('.').contains('.')
}

/// Adds the name a segment is.
pub(super) fn detect(segment: &Segment<'_>, add: &mut impl FnMut(Kind, usize, usize)) {
    if !expected(segment.text, segment.start) || segment.cut {
        return;
    }
    let mut end = segment.start;
    let mut at = segment.start;
    for word in segment.str().split(' ') {
        if !part_of_name(word) {
            break;
        }
        let initial = word.len() <= 2;
        end = at + if initial { word.len() } else { word.trim_end_matches('.').len() };
        at += word.len() + 1;
    }
    if segment.start < end {
        add(Kind::Person, segment.start, end);
    }
}
