//! BERT's uncased normal form, as words: controls dropped, accents stripped, lower case, ideographs and punctuation apart.

use unicode_normalization::UnicodeNormalization;

use crate::unicode::{NONSPACING, PUNCTUATION};

/// Calls `word` with each normalised word of `text`, in order. Punctuation and ideographs are words of one character.
pub(crate) fn for_each_word(text: &str, mut word: impl FnMut(&str)) {
    let mut current = String::with_capacity(24);
    if text.is_ascii() {
        for byte in text.bytes() {
            step(char::from(byte).to_ascii_lowercase(), &mut current, &mut word);
        }
    } else {
        // The reference sets ideographs apart first, decomposes, drops marks, lowers, and splits last: one pass does the
        // same, since no ideograph decomposes into something that is not set apart.
        for c in text.chars().filter(|c| !is_control(*c)).nfd() {
            if within(NONSPACING, c) {
                continue;
            }
            for lower in c.to_lowercase() {
                step(lower, &mut current, &mut word);
            }
        }
    }
    flush(&mut current, &mut word);
}

fn step(c: char, current: &mut String, word: &mut impl FnMut(&str)) {
    if c.is_whitespace() {
        flush(current, word);
    } else if is_control(c) {
    } else if is_punctuation(c) || is_ideograph(c) {
        flush(current, word);
        current.push(c);
        flush(current, word);
    } else {
        current.push(c);
    }
}

fn flush(current: &mut String, word: &mut impl FnMut(&str)) {
    if !current.is_empty() {
        word(current);
        current.clear();
    }
}

/// Controls, format characters and the replacement character; never tab, line feed or carriage return.
fn is_control(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' => false,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffd}' => true,
        '\u{ad}'
        | '\u{600}'..='\u{605}'
        | '\u{61c}'
        | '\u{6dd}'
        | '\u{70f}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}' => true,
        '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' => true,
        '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{e007f}' | '\u{f0000}'..='\u{10ffff}' => true,
        _ => false,
    }
}

/// Whether `c` stands apart as punctuation: ASCII's marks and symbols, and Unicode's category P.
pub(crate) fn is_punctuation(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_punctuation() } else { within(PUNCTUATION, c) }
}

/// The blocks of CJK ideographs that the reference sets apart.
pub(crate) fn is_ideograph(c: char) -> bool {
    matches!(u32::from(c), 0x4E00..=0x9FFF | 0x3400..=0x4DBF | 0x20000..=0x2A6DF | 0x2A700..=0x2B73F | 0x2B740..=0x2B81F
        | 0x2B920..=0x2CEAF | 0xF900..=0xFAFF | 0x2F800..=0x2FA1F)
}

fn within(ranges: &[(u32, u32)], c: char) -> bool {
    let at = u32::from(c);
    ranges
        .binary_search_by(|(first, last)| {
            if *last < at {
                std::cmp::Ordering::Less
            } else if at < *first {
                std::cmp::Ordering::Greater
            } else {
                std::cmp::Ordering::Equal
            }
        })
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::for_each_word;

    fn words(text: &str) -> Vec<String> {
        let mut out = Vec::new();
        for_each_word(text, |word| out.push(word.to_owned()));
        out
    }

    #[test]
    fn accents_case_marks_and_ideographs_are_normalised() {
        assert_eq!(words("Où est l'Hôtel?"), ["ou", "est", "l", "'", "hotel", "?"]);
        assert_eq!(words("ab\u{200b}c\u{0}d\te"), ["abcd", "e"]);
        assert_eq!(words("5€ – 東京"), ["5€", "–", "東", "京"]);
        assert_eq!(words("  "), Vec::<String>::new());
    }
}
