//! Rot13 and reversal: told by the function words they leave behind.

use super::map::Map;

/// Words of prompts that are no words when moved or reversed ("and" is DNA backwards).
const COMMON: [&str; 56] = [
    "the",
    "you",
    "your",
    "for",
    "all",
    "with",
    "this",
    "that",
    "from",
    "what",
    "tell",
    "show",
    "print",
    "repeat",
    "reveal",
    "ignore",
    "forget",
    "disregard",
    "previous",
    "prior",
    "above",
    "system",
    "prompt",
    "instructions",
    "instruction",
    "rules",
    "secret",
    "password",
    "assistant",
    "output",
    "act",
    "write",
    "access",
    "code",
    "exact",
    "leak",
    "everything",
    "message",
    "order",
    "please",
    "confirm",
    "answer",
    "begin",
    "user",
    "without",
    "instead",
    "never",
    "must",
    "give",
    "every",
    "text",
    "words",
    "initial",
    "original",
    "hidden",
    "bypass",
];
/// Letters of different ones that must be seen: a short word alone turns up by chance ("lla", "edoc").
const ENOUGH: usize = 6;

/// The common words seen in a text, moved and backwards, a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Words {
    moved: u64,
    reversed: u64,
}

impl Words {
    /// Looks at a word: letters of ASCII.
    pub fn see(&mut self, word: &[u8]) {
        let ([first, ..], [.., last]) = (word, word) else { return };
        // The first letter and the length rule most words out.
        let moved = candidates(moved_letter(first | 0x20), word.len());
        let reversed = candidates(last | 0x20, word.len());
        if moved | reversed == 0 {
            return;
        }
        each(moved, |nth, common| {
            let same = word.iter().zip(common).all(|(w, c)| moved_letter(w | 0x20) == *c);
            self.moved |= u64::from(same) << nth;
        });
        each(reversed, |nth, common| {
            let same = word.iter().rev().zip(common).all(|(w, c)| w | 0x20 == *c);
            self.reversed |= u64::from(same) << nth;
        });
    }

    /// Whether the text was moved by thirteen places.
    pub fn rot13(self) -> bool {
        ENOUGH <= letters(self.moved)
    }

    /// Whether it was written backwards.
    pub fn reversed(self) -> bool {
        ENOUGH <= letters(self.reversed)
    }
}

/// The common words that begin so and have this length, a bit each.
fn candidates(first: u8, length: usize) -> u64 {
    let by_length = STARTS.get(usize::from(first.wrapping_sub(b'a')));
    by_length.and_then(|by_length| by_length.get(length)).copied().unwrap_or(0)
}

/// Calls `see` with each of these common words.
fn each(mut words: u64, mut see: impl FnMut(u32, &[u8])) {
    while words != 0 {
        let nth = words.trailing_zeros();
        words &= words - 1;
        see(nth, COMMON.get(nth as usize).map_or(&[][..], |word| word.as_bytes()));
    }
}

/// Letters of these common words together.
fn letters(words: u64) -> usize {
    COMMON.iter().enumerate().filter(|(nth, _)| words >> nth & 1 == 1).map(|(_, word)| word.len()).sum()
}

/// Letters of the longest common word.
const LONGEST: usize = 12;

/// By first letter and length: the common words that begin so, a bit each.
static STARTS: [[u64; LONGEST + 1]; 26] = {
    let mut table = [[0_u64; LONGEST + 1]; 26];
    let mut nth = 0;
    while nth < COMMON.len() {
        #[expect(clippy::indexing_slicing, reason = "const: checked by the compiler")]
        {
            let word = COMMON[nth].as_bytes();
            table[(word[0] - b'a') as usize][word.len()] |= 1 << nth;
        }
        nth += 1;
    }
    table
};

fn moved_letter(letter: u8) -> u8 {
    match letter {
        b'a'..=b'm' | b'A'..=b'M' => letter + 13,
        b'n'..=b'z' | b'N'..=b'Z' => letter - 13,
        _ => letter,
    }
}

/// Latin letters moved by thirteen places; every byte stays where it is.
pub fn rot13(text: &str) -> (String, Map) {
    let moved = |char: char| {
        u8::try_from(char).ok().filter(u8::is_ascii).map_or(char, |byte| moved_letter(byte).into())
    };
    (text.chars().map(moved).collect(), Map::default())
}

/// The text backwards.
pub fn reverse(text: &str) -> (String, Map) {
    (text.chars().rev().collect(), Map::reversed(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_undo_themselves() {
        assert_eq!(rot13(&rot13("Añb 1").0).0, "Añb 1");
        let (text, map) = reverse("aéb");
        assert_eq!(text, "béa");
        assert_eq!(map.origin(0..1), 3..4);
    }
}
