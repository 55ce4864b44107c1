//! Small readers over text that never panic, whatever the offsets.

use crate::unicode::{Traits, traits};

/// The byte at `at`, or 0 past the end.
pub(crate) fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

/// The text from `from` to `to`, or nothing where that is not a range on character boundaries.
pub(crate) fn part(text: &str, from: usize, to: usize) -> &str {
    text.get(from..to).unwrap_or("")
}

/// The character that ends at `at`.
pub(crate) fn char_before(text: &str, at: usize) -> Option<char> {
    text.get(..at).and_then(|left| left.chars().next_back())
}

/// The character that begins at `at`.
pub(crate) fn char_at(text: &str, at: usize) -> Option<char> {
    text.get(at..).and_then(|right| right.chars().next())
}

/// Where the next character beyond ASCII begins, from `from` on.
pub(crate) fn wide(text: &str, from: usize) -> Option<usize> {
    let mut rest = text.as_bytes().get(from..)?;
    // Sixteen at once, for most are not.
    while let Some((_, behind)) = rest.split_first_chunk::<16>().filter(|(block, _)| block.is_ascii()) {
        rest = behind;
    }
    Some(text.len() - rest.len() + rest.iter().position(|byte| !byte.is_ascii())?)
}

/// Where a short text stands first in another; by its first byte, which few have.
pub(crate) fn find(text: &str, mark: &str) -> Option<usize> {
    let first = *mark.as_bytes().first()?;
    memchr::memchr_iter(first, text.as_bytes())
        .find(|at| text.as_bytes().get(*at..).is_some_and(|rest| rest.starts_with(mark.as_bytes())))
}

/// Where the last `count` characters before `at` begin.
pub(crate) fn back(text: &str, at: usize, count: usize) -> usize {
    let left = text.get(..at).unwrap_or("");
    if left.is_empty() {
        return at;
    }
    // Asked of every number: of ASCII, bytes are characters.
    let start = left.len().saturating_sub(count);
    if left.as_bytes().get(start..).is_some_and(<[u8]>::is_ascii) {
        return start;
    }
    let mut begins = left.bytes().enumerate().rev().filter(|(_, byte)| !(0x80..0xC0).contains(byte));
    count.checked_sub(1).map_or(at, |before| begins.nth(before).map_or(0, |(start, _)| start))
}

/// The nearest character boundary at or before `at`.
pub(crate) fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at = at.saturating_sub(1);
    }
    at
}

/// Sets of bytes of ASCII.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Set(u8);

impl Set {
    pub const DIGIT: Self = Self(1);
    pub const LETTER: Self = Self(1 << 1);
    /// Letters and digits.
    pub const ALNUM: Self = Self(1 << 2);
    /// Those, `-` and `+`.
    pub const TOKEN: Self = Self(1 << 3);
    /// What addresses of machines consist of: hexadecimal digits, `.`, `:`, `-`.
    pub const MACHINE: Self = Self(1 << 4);

    /// Whether a byte is one of these.
    #[inline]
    pub fn has(self, byte: u8) -> bool {
        SETS.get(usize::from(byte)).is_some_and(|sets| sets & self.0 != 0)
    }
}

/// The sets each byte is in.
static SETS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        let (digit, letter) = (byte.is_ascii_digit(), byte.is_ascii_alphabetic());
        let token = digit || letter || matches!(byte, b'-' | b'+');
        let machine = byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':' | b'-');
        #[expect(clippy::indexing_slicing, reason = "const: checked by the compiler")]
        {
            table[byte as usize] = digit as u8 * Set::DIGIT.0
                + letter as u8 * Set::LETTER.0
                + (digit || letter) as u8 * Set::ALNUM.0
                + token as u8 * Set::TOKEN.0
                + machine as u8 * Set::MACHINE.0;
        }
        byte += 1;
    }
    table
};

/// The stretches of bytes of a set, and where each begins.
pub(crate) fn stretches(text: &str, set: Set) -> impl Iterator<Item = (usize, &str)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while !set.has(*bytes.get(at)?) {
            at += 1;
        }
        let start = at;
        while bytes.get(at).is_some_and(|byte| set.has(*byte)) {
            at += 1;
        }
        Some((start, part(text, start, at)))
    })
}

/// Whether a character makes the one before it part of a longer word or number.
pub(crate) fn wordy(character: Option<char>) -> bool {
    character.is_some_and(|character| alphanumeric(character) || character == '_')
}

/// Whether a character is a letter or a digit.
pub(crate) fn alphanumeric(character: char) -> bool {
    if character.is_ascii() {
        character.is_ascii_alphanumeric()
    } else {
        traits(character).any(Traits::ALPHANUMERIC)
    }
}

/// Lower-case words of `text`: split at everything but letters and digits, and where `camelCase` turns.
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> + use<> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut lower_before = false;
    for character in text.chars() {
        let parts = !character.is_alphanumeric() || character.is_uppercase() && lower_before;
        if parts && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if character.is_alphanumeric() {
            word.extend(character.to_lowercase());
        }
        lower_before = character.is_lowercase();
    }
    if !word.is_empty() {
        words.push(word);
    }
    words.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_turn_at_capitals_and_punctuation() {
        assert_eq!(
            words("phoneNumber: my_ÄRGER 2x").collect::<Vec<_>>(),
            ["phone", "number", "my", "ärger", "2x"]
        );
    }

    #[test]
    fn stretches_lie_between_what_is_not_wanted() {
        let found: Vec<_> = stretches("ab-ñc1", Set::ALNUM).collect();
        assert_eq!(found, [(0, "ab"), (5, "c1")]);
    }

    #[test]
    fn going_back_counts_characters_not_bytes() {
        assert_eq!(back("añb", 4, 2), 1);
        assert_eq!(back("ab", 2, 9), 0);
        assert_eq!((back("ñb", 3, 9), back("ñ", 2, 0), back("", 0, 1)), (0, 2, 0));
        assert_eq!(floor("añb", 2), 1);
    }
}
