//! Whether an answer gives its system prompt away.
//!
//! Words of the answer are followed through the system prompt, forwards, backwards (the prompt spelled in reverse) and
//! in rot13; runs of base64 and hex are decoded and read like text. A leak is a long run of the prompt's words in
//! order, or a large part of the prompt's five-word shingles. The canary, a word of the operator's that stands in the
//! prompt for nothing else, is a leak by itself. A paraphrase or translation is not found.

use std::{
    collections::{HashMap, HashSet},
    ops::Deref,
};

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use crate::text;

/// Words of a shingle.
const SHINGLE: usize = 5;

/// Words in a row that give the prompt away. Chosen on own answers: rules an assistant may well repeat to a user
/// (`answer in no more than four sentences`) are shorter.
const RUN: usize = 9;

/// Shingles of the prompt in the answer that give it away although no run is long, and the share of the answer's own
/// shingles they must be.
const SHINGLES: (usize, f64) = (5, 0.3);

/// Places of the prompt followed at once: those that agree longest.
const FOLLOWED: usize = 16;

/// Bytes of an encoded run that are decoded.
const ENCODED: usize = 16 << 10;

/// A system prompt, prepared to be looked for.
#[derive(Debug)]
pub struct Prompt {
    views: [View; 3],
    canary: Option<String>,
    /// Words a run must have: fewer where the prompt has few.
    run: usize,
}

/// One way a prompt may be written.
#[derive(Debug)]
struct View {
    words: Vec<u32>,
    /// Where each three words in a row begin.
    places: HashMap<[u32; 3], Vec<usize>>,
    shingles: HashSet<[u32; SHINGLE]>,
}

impl View {
    fn new(text: &str) -> Self {
        let words: Vec<u32> = text::words(&flat(text)).map(|word| hash(&word)).collect();
        let mut places: HashMap<[u32; 3], Vec<usize>> = HashMap::new();
        for (at, three) in words.windows(3).enumerate() {
            if let Ok(three) = three.try_into() {
                let places = places.entry(three).or_default();
                // A word repeated without end must not make following it expensive.
                if places.len() < 8 {
                    places.push(at);
                }
            }
        }
        let shingles = words.windows(SHINGLE).filter_map(|five| five.try_into().ok()).collect();
        Self { words, places, shingles }
    }
}

impl Prompt {
    /// Prepares a system prompt. `canary` is a word that must not come back, such as one made by [`canary`].
    pub fn new(system: &str, canary: Option<&str>) -> Self {
        let reversed: String = system.chars().rev().collect();
        let rotated: String = system.chars().map(rot13).collect();
        let views = [View::new(system), View::new(&reversed), View::new(&rotated)];
        let count = views.first().map_or(0, |view| view.words.len());
        Self { views, canary: canary.map(str::to_lowercase), run: RUN.min(count * 4 / 5).max(SHINGLE) }
    }
}

/// A word to put into a system prompt so that any copy of it shows; `seed` is random.
pub fn canary(seed: u64) -> String {
    format!("sluice-canary-{seed:016x}")
}

/// What was seen of a prompt in an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seen {
    /// The canary came back.
    pub canary: bool,
    /// Most of the prompt's words in a row.
    pub run: usize,
    /// Five-word shingles of the prompt.
    pub shingles: usize,
    /// Shingles of the answer.
    pub of: usize,
}

/// Follows one answer, in pieces or whole.
#[derive(Debug)]
pub struct Watch<P> {
    prompt: P,
    seen: Seen,
    /// The word that may go on.
    word: String,
    recent: Vec<u32>,
    /// Places in each view where the words so far may go on, and how many words agree.
    following: [Vec<(usize, usize)>; 3],
    found: HashSet<[u32; SHINGLE]>,
    /// The run without blanks that may be encoded text.
    run: String,
    /// Decoded text is not decoded again.
    decoded: bool,
}

impl<P: Deref<Target = Prompt> + Clone> Watch<P> {
    /// Before the first piece.
    pub fn new(prompt: P) -> Self {
        Self {
            prompt,
            seen: Seen::default(),
            word: String::new(),
            recent: Vec::new(),
            following: [const { Vec::new() }; 3],
            found: HashSet::new(),
            run: String::new(),
            decoded: false,
        }
    }

    /// Reads the next piece; true where the prompt is given away by now.
    pub fn push(&mut self, piece: &str) -> bool {
        for character in piece.chars() {
            if !character.is_alphanumeric() {
                self.end_word();
            } else if self.word.len() < 64 {
                self.word.push(flat_case(character));
            }
            let encodes =
                character.is_ascii_alphanumeric() || matches!(character, '+' | '/' | '=' | '-' | '_');
            if encodes && self.run.len() < ENCODED {
                self.run.push(character);
            } else if !encodes && !matches!(character, '\n' | '\r') {
                self.end_run();
            }
        }
        self.leaks()
    }

    /// Ends the answer; true where the prompt is given away.
    pub fn finish(&mut self) -> bool {
        self.end_word();
        self.end_run();
        self.leaks()
    }

    /// What was seen so far.
    pub fn seen(&self) -> Seen {
        self.seen
    }

    /// Whether what was seen gives the prompt away.
    pub fn leaks(&self) -> bool {
        let share = self.seen.shingles as f64 / self.seen.of.max(1) as f64;
        let run = self.prompt.run;
        let many = SHINGLES.0 <= self.seen.shingles && SHINGLES.1 <= share;
        self.seen.canary || run <= self.seen.run || many && SHINGLE + 2 <= run
    }

    fn end_word(&mut self) {
        if self.word.is_empty() {
            return;
        }
        let word = std::mem::take(&mut self.word);
        let word = hash(&word);
        self.recent.push(word);
        if SHINGLE < self.recent.len() {
            self.recent.remove(0);
        }
        let three: Option<[u32; 3]> =
            self.recent.iter().rev().take(3).rev().copied().collect::<Vec<u32>>().try_into().ok();
        let five: Option<[u32; SHINGLE]> = self.recent.as_slice().try_into().ok();
        for (view, following) in self.prompt.views.iter().zip(&mut self.following) {
            let mut next: Vec<(usize, usize)> = Vec::new();
            for &(at, count) in following.iter() {
                if view.words.get(at) == Some(&word) {
                    next.push((at + 1, count + 1));
                }
            }
            for &start in three.and_then(|three| view.places.get(&three)).into_iter().flatten() {
                if next.iter().all(|(at, _)| *at != start + 3) {
                    next.push((start + 3, 3));
                }
            }
            self.seen.run = next.iter().map(|(_, count)| *count).fold(self.seen.run, usize::max);
            next.sort_unstable_by_key(|(_, count)| std::cmp::Reverse(*count));
            next.truncate(FOLLOWED);
            *following = next;
        }
        if let Some(five) = five {
            self.seen.of += 1;
            let known = self.prompt.views.iter().any(|view| view.shingles.contains(&five));
            if known && self.found.insert(five) {
                self.seen.shingles += 1;
            }
        }
    }

    /// Looks at a run without blanks: the canary, or text encoded.
    fn end_run(&mut self) {
        let run = std::mem::take(&mut self.run);
        if let Some(canary) = &self.prompt.canary
            && canary.len() <= run.len()
            && run.to_lowercase().contains(canary.as_str())
        {
            self.seen.canary = true;
        }
        if self.decoded || run.len() < 24 {
            return;
        }
        for text in decoded(&run) {
            let mut inner = Watch { decoded: true, ..Watch::new(self.prompt.clone()) };
            inner.push(&text);
            inner.finish();
            self.seen.canary |= inner.seen.canary;
            self.seen.run = self.seen.run.max(inner.seen.run);
        }
    }
}

/// Whether a whole answer gives the prompt away.
pub fn leaks(prompt: &Prompt, answer: &str) -> bool {
    let mut watch = Watch::new(prompt);
    watch.push(answer);
    watch.finish()
}

/// Texts that a run may encode.
fn decoded(run: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let hex = run.trim_matches(['-', '_', '=', '+', '/']);
    if hex.len().is_multiple_of(2) && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let pair =
            |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
        texts.extend(String::from_utf8(hex.as_bytes().chunks(2).filter_map(pair).collect()));
    }
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let standard: String = run.trim_end_matches('=').replace('-', "+").replace('_', "/");
    // A run that was cut off ends in the middle of a group.
    let whole = if standard.len() % 4 == 1 { standard.len() - 1 } else { standard.len() };
    let bytes = GeneralPurpose::new(&STANDARD, config).decode(text::part(&standard, 0, whole));
    texts.extend(bytes.ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()));
    texts
}

/// A text whose words do not turn at capitals: `iPhone` is one word, `YOU` and `you` are the same.
fn flat(text: &str) -> String {
    text.chars().map(flat_case).collect()
}

fn flat_case(character: char) -> char {
    character.to_lowercase().next().unwrap_or(character)
}

fn rot13(character: char) -> char {
    let turned = |first: u8, byte: u8| char::from((byte - first + 13) % 26 + first);
    match character {
        'a'..='z' => turned(b'a', character as u8),
        'A'..='Z' => turned(b'A', character as u8),
        other => other,
    }
}

/// FNV-1a.
fn hash(word: &str) -> u32 {
    word.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYSTEM: &str = "You are the assistant of a harbour museum. Speak of ships only when asked. Refunds over \
                          forty crowns need the signature of the night warden. Never name the donor of the brass lamp.";

    #[test]
    fn copies_are_found_however_they_are_cut() {
        let prompt = Prompt::new(SYSTEM, Some(&canary(7)));
        let half = "Speak of ships only when asked. Refunds over forty crowns need the signature";
        let rotated: String = half.chars().map(rot13).collect();
        let reversed: String = SYSTEM.chars().rev().collect();
        let encoded = base64::engine::general_purpose::STANDARD.encode(half);
        let answers = [
            format!("Sure: {half}."),
            half.to_uppercase(),
            rotated,
            reversed,
            encoded,
            format!("- {}", half.replace(' ', "\n- ")),
            canary(7),
        ];
        for answer in answers {
            assert!(leaks(&prompt, &answer), "{answer}");
            let mut watch = Watch::new(&prompt);
            for character in answer.chars() {
                watch.push(character.encode_utf8(&mut [0; 4]));
            }
            assert!(watch.finish(), "{answer}");
        }
    }

    #[test]
    fn answers_that_follow_the_prompt_pass() {
        let prompt = Prompt::new(SYSTEM, Some(&canary(7)));
        for answer in [
            "Refunds take five days. Shall I ask the night warden for you?",
            "I am the assistant of a harbour museum. How can I help you?",
            "The canary is a small bird.",
            "",
        ] {
            assert!(!leaks(&prompt, answer), "{answer}");
        }
    }

    #[test]
    fn one_word_over_and_over_stays_linear() {
        let prompt = Prompt::new(&"a ".repeat(20_000), None);
        let mut watch = Watch::new(&prompt);
        watch.push(&"a ".repeat(100_000));
        assert!(watch.finish());
    }
}
