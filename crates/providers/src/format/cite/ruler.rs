//! Offsets in characters from offsets in bytes and back, of a text that need not be kept.

/// The longest text that is measured, in bytes; what lies behind is taken to be its end.
const MAX_BYTES: u32 = 1 << 20;

/// Where the characters of a text begin: a bit for each byte behind its first that is not ASCII, nothing before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ruler {
    /// How many bytes stand before the first that is not ASCII.
    ascii: u32,
    /// A bit for each byte from there on, whether a character begins there.
    bits: Vec<u64>,
    characters: u32,
    bytes: u32,
}

impl Ruler {
    /// Measures `text`.
    pub(crate) fn of(text: &str) -> Self {
        let mut ruler = Self::default();
        ruler.push(text);
        ruler
    }

    /// Goes on with `text`.
    pub(crate) fn push(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        if self.ascii == self.bytes {
            let plain = rest.iter().position(|byte| !byte.is_ascii()).unwrap_or(rest.len());
            let count = u32::try_from(plain).unwrap_or(u32::MAX);
            self.ascii = self.ascii.saturating_add(count);
            self.bytes = self.ascii;
            self.characters = self.ascii;
            rest = rest.get(plain..).unwrap_or_default();
        }
        for byte in rest {
            if MAX_BYTES <= self.bytes {
                return;
            }
            let at = self.bytes - self.ascii;
            if at.is_multiple_of(64) {
                self.bits.push(0);
            }
            if byte & 0xc0 != 0x80 {
                self.characters += 1;
                if let Some(word) = self.bits.last_mut() {
                    *word |= 1 << (at % 64);
                }
            }
            self.bytes += 1;
        }
    }

    /// How many characters were measured.
    pub(crate) fn characters(&self) -> u32 {
        self.characters
    }

    /// The first byte of a character; the end for what lies behind it.
    pub(crate) fn byte(&self, character: u32) -> u32 {
        if self.characters <= character {
            return self.bytes;
        }
        let Some(mut left) = character.checked_sub(self.ascii) else { return character };
        let mut byte = self.ascii;
        for word in &self.bits {
            if word.count_ones() <= left {
                left -= word.count_ones();
                byte += 64;
                continue;
            }
            let mut word = *word;
            for _ in 0..left {
                word &= word - 1;
            }
            return byte + word.trailing_zeros();
        }
        self.bytes
    }

    /// The character that a byte is of; the end for what lies behind it.
    pub(crate) fn character(&self, byte: u32) -> u32 {
        if self.bytes <= byte {
            return self.characters;
        }
        let Some(at) = byte.checked_sub(self.ascii) else { return byte };
        let (whole, part) = ((at / 64) as usize, at % 64);
        let before: u32 = self.bits.iter().take(whole).map(|word| word.count_ones()).sum();
        let last = self.bits.get(whole).map_or(0, |word| (word << (63 - part)).count_ones());
        (self.ascii + before + last).saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn offsets_are_those_of_the_text(text in "[a-c]{0,40}[a-bä漢🐈]{0,80}", cut in 0_usize..80) {
            let at = text.char_indices().nth(cut).map_or(text.len(), |(at, _)| at);
            let (head, tail) = text.split_at(at);
            let mut ruler = Ruler::of(head);
            ruler.push(tail);
            for (character, (byte, _)) in text.char_indices().enumerate() {
                prop_assert_eq!(ruler.byte(character as u32), byte as u32);
                prop_assert_eq!(ruler.character(byte as u32), character as u32);
            }
            let end = text.chars().count() as u32;
            prop_assert_eq!(ruler.characters(), end);
            prop_assert_eq!(ruler.byte(end + 3), text.len() as u32);
            prop_assert_eq!(ruler.character(text.len() as u32), end);
        }
    }
}
