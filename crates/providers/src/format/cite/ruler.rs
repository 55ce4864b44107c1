//! Offsets in characters from offsets in bytes and back, of a text that need not be kept.

/// How wide the characters of a text are: stretches of characters of the same width, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ruler {
    runs: Vec<Run>,
    characters: u32,
    bytes: u32,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    /// Its first character.
    character: u32,
    /// Its first byte.
    byte: u32,
    /// Bytes of each of its characters.
    width: u32,
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
        if text.is_ascii() {
            return self.run(1, u32::try_from(text.len()).unwrap_or(u32::MAX));
        }
        for c in text.chars() {
            self.run(c.len_utf8() as u32, 1);
        }
    }

    fn run(&mut self, width: u32, count: u32) {
        if 0 < count && self.runs.last().is_none_or(|run| run.width != width) {
            self.runs.push(Run { character: self.characters, byte: self.bytes, width });
        }
        self.characters = self.characters.saturating_add(count);
        self.bytes = self.bytes.saturating_add(count.saturating_mul(width));
    }

    /// How many characters were measured.
    pub(crate) fn characters(&self) -> u32 {
        self.characters
    }

    /// The first byte of a character; the end for what lies behind it.
    pub(crate) fn byte(&self, character: u32) -> u32 {
        let at = self.runs.partition_point(|run| run.character <= character);
        match at.checked_sub(1).and_then(|at| self.runs.get(at)) {
            Some(run) if character < self.characters => run.byte + (character - run.character) * run.width,
            _ => self.bytes,
        }
    }

    /// The character that a byte is of; the end for what lies behind it.
    pub(crate) fn character(&self, byte: u32) -> u32 {
        let at = self.runs.partition_point(|run| run.byte <= byte);
        match at.checked_sub(1).and_then(|at| self.runs.get(at)) {
            Some(run) if byte < self.bytes => run.character + (byte - run.byte) / run.width,
            _ => self.characters,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn offsets_are_those_of_the_text(text in "[a-bä漢🐈]{0,30}", cut in 0_usize..30) {
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
