//! The source of JSON as a search wants it: escapes that hide a character undone, and which places are inside a string.

/// Undoes escapes piece by piece: `\u0040` becomes `@`, `\/` becomes `/`. What must be escaped stays so, and the JSON means
/// what it meant. Holds back at most the twelve bytes of two surrogates.
#[derive(Clone, Debug, Default)]
pub(super) struct Plain {
    held: String,
    place: Place,
}

/// What an escape that has begun is.
enum Escape {
    Unfinished,
    /// One that hides this character.
    Of(char),
    /// One that stays.
    Kept,
    /// None: it breaks off before its last character.
    Broken,
}

impl Plain {
    /// Appends what `piece` says to `out`.
    pub fn push(&mut self, piece: &str, out: &mut String) {
        let mut rest = piece;
        while !rest.is_empty() {
            if self.held.is_empty() {
                let end = rest.find(['\\', '"']).unwrap_or(rest.len());
                let (plain, more) = rest.split_at(end);
                out.push_str(plain);
                rest = more;
            }
            let mut characters = rest.chars();
            let Some(character) = characters.next() else { return };
            rest = characters.as_str();
            self.character(character, out);
        }
    }

    /// The text has ended.
    pub fn finish(&mut self, out: &mut String) {
        out.push_str(&std::mem::take(&mut self.held));
    }

    fn character(&mut self, character: char, out: &mut String) {
        if self.held.is_empty() && !(character == '\\' && self.place.in_string) {
            self.place.character(character);
            out.push(character);
            return;
        }
        self.held.push(character);
        match escape(&self.held) {
            Escape::Unfinished => {}
            Escape::Of(character) => {
                self.held.clear();
                out.push(character);
            }
            Escape::Kept => self.finish(out),
            Escape::Broken => {
                // Another escape may have begun after the first half of a pair.
                let kept = if self.held.len() - character.len_utf8() == 7 { 6 } else { 0 };
                self.held.truncate(self.held.len() - character.len_utf8());
                let again = self.held.split_off(if kept == 0 { self.held.len() } else { kept });
                self.finish(out);
                self.held = again;
                self.character(character, out);
            }
        }
    }
}

fn escape(held: &str) -> Escape {
    let bytes = held.as_bytes();
    let unit = |from: usize| {
        let digits = held.get(from..from + 4)?;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
    };
    let digit = bytes.last().is_some_and(u8::is_ascii_hexdigit);
    match (bytes.len(), bytes.last()) {
        (1, _) | (2, Some(b'u')) | (7, Some(b'\\')) | (8, Some(b'u')) => Escape::Unfinished,
        (2, Some(b'/')) => Escape::Of('/'),
        (2, _) => Escape::Kept,
        (3..=5 | 9..=11, _) if digit => Escape::Unfinished,
        (6, _) if digit => match unit(2) {
            Some(0xD800..=0xDBFF) => Escape::Unfinished,
            code => plain(code),
        },
        (12, _) if digit => match (unit(2), unit(8)) {
            (Some(high), Some(low @ 0xDC00..=0xDFFF)) => {
                plain(Some(0x10000 + ((high & 0x3FF) << 10) + (low & 0x3FF)))
            }
            _ => Escape::Kept,
        },
        _ => Escape::Broken,
    }
}

fn plain(code: Option<u32>) -> Escape {
    let character = code.and_then(char::from_u32);
    let hidden = character.filter(|character| !character.is_control() && !matches!(character, '"' | '\\'));
    hidden.map_or(Escape::Kept, Escape::Of)
}

/// Where in JSON a text has come to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    /// Whether that is inside a string.
    pub in_string: bool,
    escaped: bool,
}

impl Place {
    /// Passes over `text`.
    pub fn pass(&mut self, text: &str) {
        text.chars().for_each(|character| self.character(character));
    }

    fn character(&mut self, character: char) {
        match (character, self.in_string, self.escaped) {
            (_, true, true) => self.escaped = false,
            ('\\', true, false) => self.escaped = true,
            ('"', _, false) => self.in_string = !self.in_string,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn plainly(text: &str, cut: usize) -> String {
        let (mut plain, mut out) = (Plain::default(), String::new());
        let (one, other) = text.split_at(cut);
        plain.push(one, &mut out);
        plain.push(other, &mut out);
        plain.finish(&mut out);
        out
    }

    #[test]
    fn escapes_that_hide_a_character_are_undone_however_cut() {
        for (source, expected) in [
            (r#"{"a":"x\u0040y \u00e9 \ud83d\ude00 a\/b"}"#, r#"{"a":"x@y é 😀 a/b"}"#),
            (r#"{"a":"\n\t\"\\\u0022\u005c\u000a"}"#, r#"{"a":"\n\t\"\\\u0022\u005c\u000a"}"#),
            (r#""\ud83d\n" "\ud83d" "\ude00""#, r#""\ud83d\n" "\ud83d" "\ude00""#),
            (r#""\ud83d\u0041" "\u00e" "\\u0041" "\uzz""#, r#""\ud83d\u0041" "\u00e" "\\u0041" "\uzz""#),
            (r"\u0041 outside", r"\u0041 outside"),
            (r#""a\u00"#, r#""a\u00"#),
        ] {
            for cut in (0..=source.len()).filter(|at| source.is_char_boundary(*at)) {
                assert_eq!(plainly(source, cut), expected, "{cut}");
            }
        }
    }

    proptest! {
        #[test]
        fn json_means_what_it_meant(text in "[\\PC\n\t\"\\\\/]{0,40}") {
            let mut source = String::from("\"");
            for unit in text.encode_utf16() {
                source.push_str(&format!("\\u{unit:04x}"));
            }
            source.push('"');
            let told = plainly(&source, source.len() / 2);
            prop_assert_eq!(serde_json::from_str::<String>(&told).unwrap(), text);
        }

        #[test]
        fn what_is_no_json_keeps_its_length_or_loses_escapes(text in "[\"\\\\u0-9a-f/x]{0,40}") {
            prop_assert!(plainly(&text, text.len() / 2).len() <= text.len());
        }
    }
}
