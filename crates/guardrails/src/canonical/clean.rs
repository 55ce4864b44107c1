//! Invisible characters out, compatibility forms (fullwidth, mathematical, circled …) in their plain form.
//!
//! Tag characters, which nothing shows but models read, become the ASCII they stand for. Of accents stacked on one letter
//! the first four are kept.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::map::{Map, Rewrite};
use super::tables;
use crate::text;
use crate::unicode::{Traits, traits};

/// Accents kept on one letter.
const MOST_ACCENTS: usize = 4;

/// The text, cleaned; borrowed where there was nothing to clean.
pub fn clean(text: &str) -> (Cow<'_, str>, Map) {
    if text.is_ascii() {
        return (Cow::Borrowed(text), Map::default());
    }
    let mut rewrite = Rewrite::of(text);
    let mut plain = String::new();
    let mut at = 0;
    while let Some((start, char)) = next_to_change(text, at) {
        at = start + char.len_utf8();
        // What belongs to it; the first of it is kept.
        let (mut accents, mut kept_to) = (0, at);
        while let Some(next) = beyond_ascii(text, at).filter(|next| traits(*next).any(Traits::CONTINUES)) {
            accents += 1;
            at += next.len_utf8();
            if accents <= MOST_ACCENTS {
                kept_to = at;
            }
        }
        if let Some(shown) = invisible(char) {
            at = start + char.len_utf8();
            rewrite.replace(start..at, shown.encode(&mut [0; 4]));
            continue;
        }
        match tables::plain_letter(char).filter(|_| accents == 0) {
            Some(letter) => rewrite.replace(start..at, letter.encode_utf8(&mut [0; 4])),
            None => {
                plain.clear();
                plain.extend(text.get(start..kept_to).unwrap_or_default().nfkc());
                rewrite.replace(start..at, &plain);
            }
        }
    }
    match rewrite.finish() {
        Some((text, map)) => (Cow::Owned(text), map),
        None => (Cow::Borrowed(text), Map::default()),
    }
}

/// The next character that may have to be changed, alone or with what belongs to it: where it is.
fn next_to_change(text: &str, from: usize) -> Option<(usize, char)> {
    // The last of ASCII before one beyond it counts: an accent may belong to it.
    let wide = text::wide(text, from)?;
    let mut base = if from < wide {
        (wide - 1, char::from(text::byte(text.as_bytes(), wide - 1)))
    } else {
        (wide, '\0')
    };
    let mut accents = 0;
    let mut first = from == wide;
    let mut at = wide;
    loop {
        let Some(char) = beyond_ascii(text, at) else {
            at = text::wide(text, at)?;
            base = (at - 1, char::from(text::byte(text.as_bytes(), at - 1)));
            accents = 0;
            continue;
        };
        let facts = traits(char);
        if facts.any(Traits::CONTINUES) && !first {
            accents += 1;
            if !facts.any(Traits::KEEPS) || MOST_ACCENTS < accents {
                return Some(base);
            }
        } else {
            (base, accents, first) = ((at, char), 0, false);
            if facts.any(Traits::CHANGES) {
                return Some(base);
            }
        }
        at += char.len_utf8();
    }
}

/// The character at a place, if it is beyond ASCII.
fn beyond_ascii(text: &str, at: usize) -> Option<char> {
    if text.as_bytes().get(at)?.is_ascii() { None } else { text::char_at(text, at) }
}

/// Whether a character shows nothing, or is another way to write a letter.
pub(crate) fn stands_for_other(char: char) -> bool {
    invisible(char).is_some() || tables::plain_letter(char).is_some()
}

/// Belongs to the letter before it: accents, and the later parts of a Korean syllable.
pub(crate) fn continues(char: char) -> bool {
    (is_combining_mark(char) || matches!(char, '\u{1160}'..='\u{11FF}')) && invisible(char).is_none()
}

/// An accent of no script of its own.
pub(crate) fn decorates(char: char) -> bool {
    matches!(char, '\u{300}'..='\u{36F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}')
}

/// What a character that shows nothing stands for: itself nothing, or a letter.
struct Shown(Option<char>);

impl Shown {
    fn encode(self, buffer: &mut [u8; 4]) -> &str {
        self.0.map_or("", |char| char.encode_utf8(buffer))
    }
}

fn invisible(char: char) -> Option<Shown> {
    match char {
        // Braille without a dot is its blank.
        '\u{2800}' => Some(Shown(Some(' '))),
        '\u{E0020}'..='\u{E007E}' => Some(Shown(char::from_u32(u32::from(char) - 0xE0000))),
        '\u{00AD}'
        | '\u{034F}'
        | '\u{061C}'
        | '\u{115F}'
        | '\u{1160}'
        | '\u{17B4}'
        | '\u{17B5}'
        | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}'
        | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}'
        | '\u{FEFF}'
        | '\u{FFA0}'
        | '\u{FFF9}'..='\u{FFFB}'
        | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0000}'..='\u{E0FFF}' => Some(Shown(None)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(text: &str) -> String {
        clean(text).0.into_owned()
    }

    #[test]
    fn what_is_not_seen_is_gone_and_what_looks_plain_is_plain() {
        assert_eq!(cleaned("ig\u{200b}no\u{ad}re\u{202e}"), "ignore");
        assert_eq!(cleaned("\u{e0049}\u{e0067}\u{e0001}"), "Ig");
        assert_eq!(cleaned("Ｉｇｎｏｒｅ"), "Ignore");
        assert_eq!(cleaned("𝓲𝓰𝓷𝓸𝓻𝓮 ⓘⓖ"), "ignore ig");
        assert_eq!(cleaned("ɪɢɴᴏʀᴇ"), "ignore");
        assert_eq!(cleaned("⠊⠛⠝⠕⠗⠑"), "ignore");
        assert_eq!(cleaned("e\u{301}a"), "éa");
        assert_eq!(cleaned("한국어"), "한국어");
        assert_eq!(cleaned("\u{1112}\u{1161}\u{11ab}"), "한");
        assert_eq!(cleaned(&format!("a{}b", "\u{336}".repeat(50))).chars().count(), 6);
    }

    #[test]
    fn plain_text_is_not_copied() {
        assert!(matches!(clean("plain"), (Cow::Borrowed(_), _)));
        assert!(matches!(clean("größer, 中文 — привет"), (Cow::Borrowed(_), _)));
    }
}
