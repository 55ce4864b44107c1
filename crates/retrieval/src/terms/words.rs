//! Words of a text, before stemming.

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Calls `word` with each word of `text` in lower case, and whether it may be stemmed.
pub(super) fn for_each(text: &str, mut word: impl FnMut(&str, bool)) {
    let text = folded(text);
    let mut run = String::with_capacity(32);
    let mut characters = text.chars().peekable();
    let mut before = ' ';
    while let Some(character) = characters.next() {
        let next = characters.peek().copied().unwrap_or(' ');
        let joins = match character {
            '_' => true,
            '.' | '\'' | '\u{2019}' => is_word(before) && is_word(next),
            ',' => before.is_ascii_digit() && next.is_ascii_digit(),
            '+' | '#' => !run.is_empty() && !is_word(next),
            _ => false,
        };
        if is_word(character) || joins {
            run.push(if character == '\u{2019}' { '\'' } else { character });
        } else {
            take(&mut run, &mut word);
        }
        before = character;
    }
    take(&mut run, &mut word);
}

/// The first characters of `text` that fit into `bytes`.
pub(super) fn up_to(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}

/// Full forms for ligatures and wide letters, no accents on Latin, Greek and Cyrillic ones; case is kept.
fn folded(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    // What is left after dropping accents is composed again: Hangul must not fall apart into letters.
    Cow::Owned(text.nfkd().filter(|character| !('\u{300}'..='\u{36f}').contains(character)).nfc().collect())
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || !character.is_ascii() && is_combining_mark(character)
}

/// Scripts written without blanks between words, and Korean, whose words carry their particles.
fn is_unspaced(character: char) -> bool {
    matches!(u32::from(character),
        0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF | 0x3040..=0x30FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF
        | 0xAC00..=0xD7AF | 0xF900..=0xFAFF | 0x20000..=0x3134F)
}

/// Hands out what is in a run without blanks, and empties it.
fn take(run: &mut String, word: &mut impl FnMut(&str, bool)) {
    if run.is_empty() {
        return;
    }
    if run.is_ascii() {
        spaced(run, word);
    } else {
        let characters: Vec<char> = run.chars().collect();
        for part in characters.chunk_by(|a, b| is_unspaced(*a) == is_unspaced(*b)) {
            let text: String = part.iter().collect();
            if part.first().is_some_and(|first| is_unspaced(*first)) {
                pairs(part, word);
            } else {
                spaced(&text, word);
            }
        }
    }
    run.clear();
}

fn pairs(part: &[char], word: &mut impl FnMut(&str, bool)) {
    if let [one] = part {
        word(one.encode_utf8(&mut [0; 4]), false);
    }
    for pair in part.windows(2) {
        word(&pair.iter().collect::<String>(), false);
    }
}

/// A run of a script that sets words apart: one word, or an identifier of several.
fn spaced(run: &str, word: &mut impl FnMut(&str, bool)) {
    let run = run.trim_matches(['_', '.', '\'', ',']);
    let signs = run.len() - run.trim_end_matches(['+', '#']).len();
    let (run, tail) = run.split_at_checked(run.len() - signs).unwrap_or((run, ""));
    if run.is_empty() {
        return;
    }
    if !tail.is_empty() && run.len() <= 2 {
        // C++, C#, F#: the signs tell one language from another.
        return word(&(run.to_lowercase() + tail), false);
    }
    if run.starts_with(|c: char| c.is_ascii_digit()) || run.starts_with(['v', 'V']) {
        let number = run.trim_start_matches(['v', 'V']);
        if number.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','))
            && number.contains(['.', ','])
        {
            return word(&number.replace(',', ""), false);
        }
    }
    let run = run.replace(',', "");
    let parts: Vec<&str> = run.split(['_', '.']).filter(|part| !part.is_empty()).collect();
    if let [one] = parts.as_slice() {
        return part(one, word);
    }
    word(&run.to_lowercase(), false);
    for one in parts.iter().filter(|part| 1 < part.chars().count()) {
        part(one, word);
    }
}

/// A part of an identifier, or a plain word: apostrophes are gone through, capitals inside begin parts of their own.
fn part(text: &str, word: &mut impl FnMut(&str, bool)) {
    let plain = without_apostrophe(text);
    word(&plain.to_lowercase(), true);
    let mut starts: Vec<usize> = vec![0];
    let mut before = 'A';
    for (at, character) in plain.char_indices() {
        if character.is_uppercase() && before.is_lowercase() {
            starts.push(at);
        }
        before = character;
    }
    starts.push(plain.len());
    if 2 < starts.len() {
        for (from, to) in starts.iter().zip(starts.iter().skip(1)) {
            let humps = plain.get(*from..*to).unwrap_or_default();
            if 1 < humps.len() {
                word(&humps.to_lowercase(), true);
            }
        }
    }
}

/// Without the possessive, without a French article, else without the sign.
fn without_apostrophe(text: &str) -> Cow<'_, str> {
    let Some((head, tail)) = text.split_once('\'') else { return Cow::Borrowed(text) };
    if tail.eq_ignore_ascii_case("s") {
        return Cow::Borrowed(head);
    }
    if head.chars().count() <= 2 && 3 <= tail.chars().count() && !tail.contains('\'') {
        return Cow::Borrowed(tail);
    }
    Cow::Owned(text.replace('\'', ""))
}
