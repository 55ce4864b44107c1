//! The words that give an attack away, by class, in seventeen languages: `lexicon.txt`, read once.

use std::sync::LazyLock;

use crate::unicode::{Traits, traits};

/// The list as it is written.
const TEXT: &str = include_str!("lexicon.txt");

/// Classes of punctuation, before those of the list.
const PUNCTUATION: [&str; 5] = ["", "stop", "marker", "open", "url"];
/// The end of a statement.
pub const STOP: u8 = 1;
/// A line drawn, or the edge of a tag or comment: `###`, `<|`, `</`.
pub const MARKER: u8 = 2;
/// A bracket right before a word: `<system`, `[INST`.
pub const OPEN: u8 = 3;
/// An address.
pub const URL: u8 = 4;

/// How many classes there may be.
pub const CLASSES: usize = 56;
/// The longest `stem*`, in letters.
pub const LONGEST_STEM: usize = 10;
/// The shortest word that is known with its letters in disorder, in letters.
const SHORTEST_SHUFFLED: usize = 5;
/// Hash of no letters (FNV-1a).
pub const SEED: u32 = 0x811c_9dc5;
/// What every number hashes to.
pub const NUMBER: u32 = 7;

/// Lower case of letters and digits, 0 for everything else.
pub const LOWER: [u8; 256] = {
    let mut table = [0_u8; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        if byte.is_ascii_alphanumeric() {
            #[expect(clippy::indexing_slicing, reason = "const: checked by the compiler")]
            {
                table[byte as usize] = byte.to_ascii_lowercase();
            }
        }
        byte += 1;
    }
    table
};

/// The list, ready to look words up in.
pub struct Lexicon {
    names: Vec<&'static str>,
    exact: Table,
    stems: Table,
    /// By the first two letters: the lengths of stems that begin so, a bit each.
    lengths: Table,
    /// By the first letter, of words of scripts without blanks: the letters of the longest that begins so.
    longest: Table,
    /// By the letters without their order.
    shuffled: Table,
    /// The words that entries of two words consist of.
    parts: Table,
}

/// What is known of a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its class.
    pub class: Option<u8>,
    /// Whether an entry of two words begins with it.
    pub begins: bool,
}

/// Beside its class: an entry of two words begins with a word.
const BEGINS: u16 = 1 << 8;

static SHARED: LazyLock<Lexicon> = LazyLock::new(|| Lexicon::parse(TEXT));

impl Lexicon {
    /// The one that ships.
    pub fn shared() -> &'static Self {
        &SHARED
    }

    fn parse(text: &'static str) -> Self {
        let mut names = PUNCTUATION.to_vec();
        let mut exact = Vec::new();
        let mut stems = Vec::new();
        let mut shuffled = Vec::new();
        let mut lengths: Vec<(u32, u16)> = Vec::new();
        let mut longest: Vec<(u32, u16)> = Vec::new();
        let mut parts = Vec::new();
        let mut begins = Vec::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((head, words)) = line.split_once(':') else { continue };
            let name = head.split_whitespace().next().unwrap_or_default();
            let class = names.iter().position(|known| *known == name).unwrap_or_else(|| {
                names.push(name);
                names.len() - 1
            });
            let Ok(class) = u16::try_from(class) else { continue };
            for word in words.split_whitespace() {
                for form in [word.to_owned(), without_accents(word)] {
                    match form.strip_suffix('*') {
                        Some(stem) => {
                            stems.push((hash_word(stem), class));
                            let length = letters(stem).count();
                            if (2..=LONGEST_STEM).contains(&length) {
                                let begin = letters(stem).take(2).fold(SEED, step_char);
                                join(&mut lengths, begin, |known| known | 1 << length);
                            }
                        }
                        None => {
                            exact.push((hash_entry(&form), class));
                            if let Some((first, second)) = form.split_once(['_', '-']) {
                                parts.extend([(hash_word(first), class), (hash_word(second), class)]);
                                begins.push(hash_word(first));
                            }
                            let length = u16::try_from(letters(&form).count()).unwrap_or(u16::MAX);
                            if let Some(first) = form.chars().next().filter(|first| !first.is_ascii()) {
                                join(&mut longest, step_char(SEED, first), |known| known.max(length));
                            }
                            if SHORTEST_SHUFFLED <= form.len() && form.bytes().all(is_letter) {
                                shuffled.push((shuffle(form.as_bytes()), class));
                            }
                        }
                    }
                }
            }
        }
        let first = |hash: u32| exact.iter().find(|(known, _)| *known == hash).map_or(0, |(_, class)| *class);
        let begins: Vec<_> = begins.into_iter().map(|hash| (hash, first(hash) | BEGINS)).collect();
        // Of two values for one hash the first counts.
        let exact = [begins, exact].concat();
        Self {
            names,
            exact: Table::of(&exact),
            stems: Table::of(&stems),
            lengths: Table::of(&lengths),
            longest: Table::of(&longest),
            shuffled: Table::of(&shuffled),
            parts: Table::of(&parts),
        }
    }

    /// The class of the word, or the two words, with this hash.
    pub fn exact(&self, hash: u32) -> Option<u8> {
        self.entry(hash).class
    }

    /// What is known of the word with this hash.
    pub fn entry(&self, hash: u32) -> Entry {
        let value = self.exact.find(hash).unwrap_or(0);
        let class = (value & 255) as u8;
        Entry { class: Some(class).filter(|class| *class != 0), begins: value & BEGINS != 0 }
    }

    /// The class of words whose first letters have this hash.
    pub fn stem(&self, hash: u32) -> Option<u8> {
        self.stems.class(hash)
    }

    /// The lengths of stems whose first two letters have this hash, a bit each.
    pub fn stem_lengths(&self, hash: u32) -> u16 {
        self.lengths.find(hash).unwrap_or(0)
    }

    /// The letters of the longest word beyond ASCII whose first letter has this hash.
    pub fn longest(&self, hash: u32) -> usize {
        self.longest.find(hash).map_or(0, usize::from)
    }

    /// The class of a word by its letters without their order ([`spread`] summed) and its first: a slip of the fingers, or
    /// a trick.
    pub fn shuffled(&self, spread: u32, first: u8, length: usize) -> Option<u8> {
        if length < SHORTEST_SHUFFLED {
            None
        } else {
            self.shuffled.class(step(spread, first.to_ascii_lowercase()))
        }
    }

    /// Whether the word with this hash is one of an entry of two words.
    pub fn is_part(&self, hash: u32) -> bool {
        self.parts.find(hash).is_some()
    }

    /// The class of this name.
    pub fn class(&self, name: &str) -> Option<u8> {
        self.names.iter().position(|known| *known == name).and_then(|class| u8::try_from(class).ok())
    }
}

/// The first letter, and all letters whatever their order.
fn shuffle(word: &[u8]) -> u32 {
    let sum = word.iter().fold(0_u32, |sum, byte| sum.wrapping_add(spread(*byte)));
    step(sum, word.first().map_or(0, u8::to_ascii_lowercase))
}

/// A letter's part of the sum by which letters are known whatever their order.
#[inline]
pub fn spread(byte: u8) -> u32 {
    SPREAD.get(usize::from(byte)).copied().unwrap_or(0)
}

static SPREAD: [u32; 256] = {
    let mut table = [0_u32; 256];
    let mut byte = 0_usize;
    while byte < 256 {
        #[expect(clippy::indexing_slicing, reason = "const: checked by the compiler")]
        {
            table[byte] = step(step(SEED, LOWER[byte]), LOWER[byte]).wrapping_mul(0x9e37_79b1);
        }
        byte += 1;
    }
    table
};

/// Puts a value together with the one that is known already.
fn join(known: &mut Vec<(u32, u16)>, hash: u32, with: impl Fn(u16) -> u16) {
    match known.iter_mut().find(|(other, _)| *other == hash) {
        Some((_, value)) => *value = with(*value),
        None => known.push((hash, with(0))),
    }
}

/// The name of a class, empty for none.
pub fn name(class: u8) -> &'static str {
    SHARED.names.get(usize::from(class)).copied().unwrap_or_default()
}

/// An ASCII letter or digit.
pub fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

/// One more letter.
#[inline]
pub const fn step(hash: u32, byte: u8) -> u32 {
    (hash ^ byte as u32).wrapping_mul(0x0100_0193)
}

/// One more letter, in lower case.
pub fn step_char(hash: u32, char: char) -> u32 {
    step_wide(hash, char, if char.is_ascii() { Traits::UPPER } else { traits(char) })
}

/// One more letter of which these facts are known, in lower case.
#[inline]
pub(crate) fn step_wide(hash: u32, char: char, facts: Traits) -> u32 {
    if !facts.any(Traits::UPPER) {
        return char.encode_utf8(&mut [0; 4]).bytes().fold(hash, step);
    }
    char.to_lowercase().fold(hash, |hash, lower| {
        let mut bytes = [0_u8; 4];
        lower.encode_utf8(&mut bytes).bytes().fold(hash, step)
    })
}

/// Of two words in a row.
pub fn pair(first: u32, second: u32) -> u32 {
    (first.rotate_left(5) ^ second).wrapping_mul(0x9e37_79b1)
}

fn hash_word(word: &str) -> u32 {
    letters(word).fold(SEED, step_char)
}

fn letters(word: &str) -> impl Iterator<Item = char> {
    word.chars().filter(|char| *char != '\'')
}

fn hash_entry(entry: &str) -> u32 {
    match entry.split_once(['_', '-']) {
        Some((first, second)) => pair(hash_word(first), hash_word(second)),
        None => hash_word(entry),
    }
}

/// Latin letters without their marks.
fn without_accents(word: &str) -> String {
    word.chars().map(crate::canonical::latin_base).collect()
}

/// Values by hash, none of them 0: open addressing, a quarter full, so that a miss costs one look.
#[derive(Debug)]
pub(super) struct Table {
    slots: Vec<(u32, u16)>,
    mask: usize,
    /// A bit for each hash that is known, and by chance a sixteenth of the others: small enough to stay near the processor.
    known: Vec<u64>,
}

impl Table {
    /// Of these; of two values for one hash, the first.
    pub fn of(entries: &[(u32, u16)]) -> Self {
        let size = (entries.len() * 4).next_power_of_two().max(16);
        let mut table = Self { slots: vec![(0, 0); size], mask: size - 1, known: vec![0; size / 16] };
        for (hash, value) in entries {
            table.insert(*hash, *value);
            let (word, bit) = table.bit(*hash);
            if let Some(word) = table.known.get_mut(word) {
                *word |= 1 << bit;
            }
        }
        table
    }

    fn insert(&mut self, hash: u32, value: u16) {
        for probe in 0..=self.mask {
            if let Some(slot) = self.slots.get_mut((place(hash) + probe) & self.mask) {
                if slot.1 == 0 {
                    *slot = (hash, value);
                    return;
                }
                if slot.0 == hash {
                    return;
                }
            }
        }
    }

    /// Which bit of which word of `known` is a hash's: four bits for each slot.
    #[inline]
    fn bit(&self, hash: u32) -> (usize, usize) {
        let bit = place(hash) & (self.mask << 2 | 3);
        (bit >> 6, bit & 63)
    }

    /// The value of a hash.
    #[inline]
    pub fn find(&self, hash: u32) -> Option<u16> {
        let (word, bit) = self.bit(hash);
        if self.known.get(word).is_none_or(|word| word >> bit & 1 == 0) {
            return None;
        }
        let mut at = place(hash);
        loop {
            match self.slots.get(at & self.mask) {
                Some((_, 0)) | None => return None,
                Some((known, value)) if *known == hash => return Some(*value),
                Some(_) => at += 1,
            }
        }
    }

    #[inline]
    fn class(&self, hash: u32) -> Option<u8> {
        self.find(hash).map(|class| (class & 255) as u8)
    }
}

fn place(hash: u32) -> usize {
    (hash ^ (hash >> 15)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_list_is_read() {
        let lexicon = Lexicon::shared();
        assert!(lexicon.names.len() <= CLASSES, "{} classes", lexicon.names.len());
        for line in TEXT.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let (head, words) = line.split_once(':').expect(line);
            let (class, language) = head.split_once(' ').expect(line);
            assert!(lexicon.class(class).is_some() && language.len() == 2, "{line}");
            for word in words.split_whitespace() {
                let parts = word.trim_end_matches('*').split(['_', '-']).count();
                assert!(parts <= 3, "{word}");
                assert!(
                    !word.split(['_', '-']).any(|part| part.bytes().all(|byte| byte.is_ascii_digit())),
                    "{word}"
                );
                assert_eq!(word.to_lowercase(), word);
                if let Some(stem) = word.strip_suffix('*') {
                    assert!((2..=LONGEST_STEM + 4).contains(&stem.chars().count()), "{word}");
                }
            }
        }
    }
}
