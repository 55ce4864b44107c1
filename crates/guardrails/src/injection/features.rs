//! What the linear model sees of a text: per window of 32 tokens, which classes and ordered pairs of classes stand in
//! it, and its other words and word pairs by hash. The trainer and the detector read features through this one file.
//!
//! Windows overlap by half. A pair belongs to the window of its later token. Pairs of classes count once a window, at
//! full weight, so that a long window does not dilute them; words count by their share of it.

use super::lexicon::CLASSES;
use super::tokens::Token;

/// Tokens a window moves on by; a window is two steps.
pub const STEP: usize = 16;
/// Near pairs are at most this many places apart; far ones eight, as many as a word of the machine has bytes.
const NEAR: u32 = 2;
/// Buckets of hashed words and word pairs.
pub const BUCKETS: usize = 1 << 16;
/// Ordered pairs of classes.
pub const PAIRS: usize = CLASSES * CLASSES;
const WORDS: usize = PAIRS / 64;
const _: () = assert!(PAIRS.is_multiple_of(64) && WORDS <= 64);

/// Gathers the hashed words of a step: their weights' sum when judging, the buckets themselves when training.
pub trait Words: Default {
    /// One more word or word pair.
    fn add(&mut self, bucket: u16, weights: &[i8]);
}

/// The sum of the weights.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum(pub i32);

impl Words for Sum {
    fn add(&mut self, bucket: u16, weights: &[i8]) {
        self.0 += weights.get(usize::from(bucket)).map_or(0, |weight| i32::from(*weight));
    }
}

impl Words for Vec<u16> {
    fn add(&mut self, bucket: u16, _weights: &[i8]) {
        self.push(bucket);
    }
}

/// A set of ordered pairs of classes.
#[derive(Clone, Debug)]
pub struct PairSet {
    words: [u64; WORDS],
    /// Which of the words have a pair, a bit each: few of them.
    used: u64,
}

impl PairSet {
    const EMPTY: Self = Self { words: [0; WORDS], used: 0 };

    fn set(&mut self, first: u8, second: u8) {
        let pair = usize::from(first) * CLASSES + usize::from(second);
        if let Some(word) = self.words.get_mut(pair / 64) {
            *word |= 1 << (pair % 64);
            self.used |= 1 << (pair / 64);
        }
    }

    fn clear(&mut self) {
        while self.used != 0 {
            if let Some(word) = self.words.get_mut(self.used.trailing_zeros() as usize) {
                *word = 0;
            }
            self.used &= self.used - 1;
        }
    }

    /// Calls `each` with every pair in this set or the other.
    pub fn union(&self, other: &Self, mut each: impl FnMut(usize)) {
        let mut used = self.used | other.used;
        while used != 0 {
            let index = used.trailing_zeros() as usize;
            used &= used - 1;
            let word = |set: &Self| set.words.get(index).copied().unwrap_or(0);
            let mut bits = word(self) | word(other);
            while bits != 0 {
                each(index * 64 + bits.trailing_zeros() as usize);
                bits &= bits - 1;
            }
        }
    }
}

/// The features of 16 tokens.
#[derive(Clone, Debug)]
pub struct Step<W> {
    /// Classes present, a bit each.
    pub classes: u64,
    /// Pairs at most two places apart.
    pub near: PairSet,
    /// Pairs at most eight places apart.
    pub far: PairSet,
    /// Everything else.
    pub words: W,
    /// Tokens read.
    pub tokens: usize,
    /// First byte of the first token.
    pub start: usize,
    /// Byte after the last token.
    pub end: usize,
}

impl<W: Words> Step<W> {
    fn new() -> Self {
        Self {
            classes: 0,
            near: PairSet::EMPTY,
            far: PairSet::EMPTY,
            words: W::default(),
            tokens: 0,
            start: 0,
            end: 0,
        }
    }

    /// As new, touching no more than was used.
    fn clear(&mut self) {
        self.near.clear();
        self.far.clear();
        (self.classes, self.tokens, self.words) = (0, 0, W::default());
    }
}

/// Makes steps of tokens.
pub struct Extractor<W> {
    /// Step before and step under way: together the window.
    last: Step<W>,
    now: Step<W>,
    /// The classes of the last tokens, a byte each, the latest lowest.
    recent: u64,
    previous: u32,
}

impl<W: Words> Extractor<W> {
    /// At the start of a text.
    pub fn new() -> Self {
        // The beginning of a text is the end of a statement: what follows is an imperative's place.
        Self {
            last: Step::new(),
            now: Step::new(),
            recent: u64::from(super::lexicon::STOP),
            previous: u32::from(super::lexicon::STOP),
        }
    }

    /// Takes a token; when a step is full, the window of the last two.
    pub fn push(&mut self, token: Token, weights: &[i8]) -> Option<(&Step<W>, &Step<W>)> {
        if self.now.tokens == STEP {
            std::mem::swap(&mut self.last, &mut self.now);
            self.now.clear();
        }
        let now = &mut self.now;
        if now.tokens == 0 {
            now.start = token.start;
        }
        now.tokens += 1;
        now.end = token.end;
        let unit = if token.class == 0 { token.hash } else { u32::from(token.class) };
        if token.class == 0 {
            now.words.add(bucket(unit), weights);
        } else {
            now.classes |= 1 << u32::from(token.class).min(63);
            let mut rest = self.recent;
            while rest != 0 {
                let back = rest.trailing_zeros() / 8;
                let earlier = (rest >> (back * 8) & 255) as u8;
                rest &= !(255 << (back * 8));
                now.far.set(earlier, token.class);
                if back < NEAR {
                    now.near.set(earlier, token.class);
                }
            }
        }
        now.words.add(bucket(super::lexicon::pair(self.previous, unit)), weights);
        self.previous = unit;
        self.recent = self.recent << 8 | u64::from(token.class);
        (self.now.tokens == STEP).then_some((&self.last, &self.now))
    }

    /// The last window, where a step was left unfinished.
    pub fn finish(&self) -> Option<(&Step<W>, &Step<W>)> {
        (0 < self.now.tokens && self.now.tokens < STEP).then_some((&self.last, &self.now))
    }
}

impl<W: Words> Default for Extractor<W> {
    fn default() -> Self {
        Self::new()
    }
}

fn bucket(hash: u32) -> u16 {
    (hash.wrapping_mul(0x85eb_ca6b) >> 16) as u16
}

/// A word's part of a window of so many tokens.
pub fn share(tokens: usize) -> f32 {
    1.0 / (tokens.max(4) as f32).sqrt()
}

#[cfg(test)]
mod tests {
    use super::super::tokens::Tokens;
    use super::*;

    fn windows(text: &str) -> usize {
        let mut extractor = Extractor::<Sum>::new();
        let full = Tokens::new(text).filter(|token| extractor.push(*token, &[]).is_some()).count();
        full + usize::from(extractor.finish().is_some())
    }

    #[test]
    fn there_is_a_window_every_sixteen_tokens() {
        assert_eq!(windows(""), 0);
        assert_eq!(windows("word"), 1);
        assert_eq!(windows(&"word ".repeat(16)), 1);
        assert_eq!(windows(&"word ".repeat(33)), 3);
    }

    #[test]
    fn pairs_keep_their_order() {
        let pairs = |text: &str| {
            let mut extractor = Extractor::<Sum>::new();
            for token in Tokens::new(text) {
                extractor.push(token, &[]);
            }
            let mut found = Vec::new();
            let (last, now) = extractor.finish().expect("a window");
            last.near.union(&now.near, |pair| found.push((pair / CLASSES, pair % CLASSES)));
            found
        };
        assert_ne!(pairs("ignore instructions"), pairs("instructions ignore"));
    }
}
