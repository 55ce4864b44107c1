//! Invisible characters out, compatibility forms (fullwidth, mathematical, circled …) in their plain form.
//!
//! Tag characters, which nothing shows but models read, become the ASCII they stand for. Of accents stacked on one letter
//! the first four are kept.

use std::borrow::Cow;

use unicode_normalization::char::is_combining_mark;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

use super::map::{Map, Rewrite};
use super::tables;

/// Accents kept on one letter.
const MOST_ACCENTS: usize = 4;

/// The text, cleaned; borrowed where there was nothing to clean.
pub fn clean(text: &str) -> (Cow<'_, str>, Map) {
    if text.is_ascii() {
        return (Cow::Borrowed(text), Map::default());
    }
    let mut rewrite = Rewrite::of(text);
    let mut chars = text.char_indices().peekable();
    let mut plain = String::new();
    while let Some((start, char)) = chars.next() {
        let accented = chars.peek().is_some_and(|(_, next)| !next.is_ascii() && continues(*next));
        if char.is_ascii() && !accented {
            continue;
        }
        if let Some(shown) = invisible(char) {
            rewrite.replace(start..start + char.len_utf8(), shown.encode(&mut [0; 4]));
            continue;
        }
        let mut end = start + char.len_utf8();
        if !accented {
            if let Some(letter) = tables::plain_letter(char) {
                rewrite.replace(start..end, letter.encode_utf8(&mut [0; 4]));
            } else if is_nfkc_quick(std::iter::once(char)) != IsNormalized::Yes {
                plain.clear();
                plain.extend(std::iter::once(char).nfkc());
                rewrite.replace(start..end, &plain);
            }
            continue;
        }
        let mut accents = 0;
        let mut cluster = String::from(char);
        while let Some((at, next)) = chars.next_if(|(_, next)| !next.is_ascii() && (continues(*next))) {
            end = at + next.len_utf8();
            if accents < MOST_ACCENTS {
                cluster.push(next);
                accents += 1;
            }
        }
        plain.clear();
        plain.extend(cluster.nfkc());
        rewrite.replace(start..end, &plain);
    }
    match rewrite.finish() {
        Some((text, map)) => (Cow::Owned(text), map),
        None => (Cow::Borrowed(text), Map::default()),
    }
}

/// Belongs to the letter before it: accents, and the later parts of a Korean syllable.
fn continues(char: char) -> bool {
    (is_combining_mark(char) || matches!(char, '\u{1160}'..='\u{11FF}')) && invisible(char).is_none()
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
