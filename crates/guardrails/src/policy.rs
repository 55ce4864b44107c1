//! What an operator does not want said: words, phrases, patterns and topics, other languages, too much.
//!
//! A text is judged sentence by sentence (up to a line's end or [`SENTENCE`] characters), so a stream can be judged as
//! it goes and comes to the same verdict. A phrase is a row of words, whatever stands between them, in either case;
//! a pattern is a regular expression, matched in linear time.

mod language;

use std::{collections::HashMap, fmt::Debug, ops::Deref, rc::Rc};

pub use language::{Language, language};
use regex_lite::{Regex, RegexBuilder};

use crate::text;

/// Characters after which a sentence without an end is judged.
pub const SENTENCE: usize = 400;

/// Bytes a compiled pattern may have, so that no configuration makes matching slow.
const PATTERN: usize = 1 << 18;

/// What is not to be talked about; who knows what words mean says what a sentence is about.
pub trait Topics: Debug {
    /// The first topic that a sentence is about, by its index.
    fn covering(&self, sentence: &str) -> Option<usize>;
}

/// What is not wanted.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    denied: Phrases,
    allowed: Phrases,
    patterns: Vec<Regex>,
    topics: Option<Rc<dyn Topics>>,
    languages: Vec<Language>,
    characters: Option<usize>,
    words: Option<usize>,
}

/// One thing that breaks a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach {
    /// The denied phrase of this index.
    Phrase(usize),
    /// The denied pattern of this index.
    Pattern(usize),
    /// The denied topic of this index.
    Topic(usize),
    /// A language that is not on the list.
    Language(Language),
    /// More characters than allowed.
    Characters,
    /// More words than allowed.
    Words,
}

impl Breach {
    /// A stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Phrase(_) => "denied_phrase",
            Self::Pattern(_) => "denied_pattern",
            Self::Topic(_) => "denied_topic",
            Self::Language(_) => "language",
            Self::Characters | Self::Words => "length",
        }
    }
}

impl Policy {
    /// Also denies a word or phrase.
    #[must_use]
    pub fn deny(mut self, phrase: &str) -> Self {
        self.denied.add(phrase);
        self
    }

    /// Lets a phrase pass although a denied one is part of it: `kill a process`.
    #[must_use]
    pub fn allow(mut self, phrase: &str) -> Self {
        self.allowed.add(phrase);
        self
    }

    /// Also denies what matches a regular expression, in either case.
    ///
    /// # Errors
    ///
    /// A text that says what is wrong with the pattern.
    pub fn deny_pattern(mut self, pattern: &str) -> Result<Self, String> {
        let regex = RegexBuilder::new(pattern).case_insensitive(true).size_limit(PATTERN).build();
        self.patterns
            .push(regex.map_err(|error| format!("the denied pattern {pattern:?} cannot be read: {error}"))?);
        Ok(self)
    }

    /// Denies what is about one of these topics.
    #[must_use]
    pub fn deny_topics(mut self, topics: Rc<dyn Topics>) -> Self {
        self.topics = Some(topics);
        self
    }

    /// Denies texts in languages other than those named so.
    #[must_use]
    pub fn speak(mut self, language: Language) -> Self {
        self.languages.push(language);
        self
    }

    /// Denies texts of more characters.
    #[must_use]
    pub fn at_most_characters(mut self, characters: usize) -> Self {
        self.characters = Some(characters);
        self
    }

    /// Denies texts of more words.
    #[must_use]
    pub fn at_most_words(mut self, words: usize) -> Self {
        self.words = Some(words);
        self
    }

    /// The first breach of one sentence.
    fn sentence(&self, sentence: &str) -> Option<Breach> {
        if !self.denied.is_empty() {
            let words: Vec<String> = text::words(&sentence.to_lowercase()).collect();
            let allowed = self.allowed.all(&words);
            let found = self
                .denied
                .all(&words)
                .into_iter()
                .find(|(start, end, _)| !allowed.iter().any(|(from, to, _)| from <= start && end <= to));
            if let Some((_, _, index)) = found {
                return Some(Breach::Phrase(index));
            }
        }
        let pattern = self.patterns.iter().position(|pattern| pattern.is_match(sentence));
        let topic = || self.topics.as_ref()?.covering(sentence);
        pattern.map(Breach::Pattern).or_else(|| topic().map(Breach::Topic))
    }
}

/// Phrases by their first word.
#[derive(Clone, Debug, Default)]
struct Phrases {
    by_first: HashMap<String, Vec<(Vec<String>, usize)>>,
    count: usize,
}

impl Phrases {
    fn add(&mut self, phrase: &str) {
        let mut words = text::words(&phrase.to_lowercase());
        if let Some(first) = words.next() {
            self.by_first.entry(first).or_default().push((words.collect(), self.count));
        }
        self.count += 1;
    }

    fn is_empty(&self) -> bool {
        self.by_first.is_empty()
    }

    /// Where phrases stand among words, from and to, and which.
    fn all(&self, words: &[String]) -> Vec<(usize, usize, usize)> {
        let mut found = Vec::new();
        for (at, word) in words.iter().enumerate() {
            for (rest, index) in self.by_first.get(word).into_iter().flatten() {
                let end = at + 1 + rest.len();
                if words.get(at + 1..end).is_some_and(|words| words == rest.as_slice()) {
                    found.push((at, end, *index));
                }
            }
        }
        found
    }
}

/// Judges one text, in pieces or whole.
#[derive(Debug)]
pub struct Watch<P> {
    policy: P,
    sentence: String,
    length: usize,
    before: char,
    characters: usize,
    words: usize,
    in_word: bool,
    /// The beginning of the text, by which its language is told.
    beginning: String,
    breach: Option<Breach>,
}

impl<P: Deref<Target = Policy>> Watch<P> {
    /// Before the first piece.
    pub fn new(policy: P) -> Self {
        Self {
            policy,
            sentence: String::new(),
            length: 0,
            before: ' ',
            characters: 0,
            words: 0,
            in_word: false,
            beginning: String::new(),
            breach: None,
        }
    }

    /// Reads the next piece; the first breach so far.
    pub fn push(&mut self, piece: &str) -> Option<Breach> {
        for character in piece.chars() {
            if self.breach.is_some() {
                break;
            }
            self.read(character);
        }
        self.breach
    }

    /// Ends the text; the first breach.
    pub fn finish(&mut self) -> Option<Breach> {
        self.judge();
        if self.breach.is_none() {
            self.judge_language();
        }
        self.breach
    }

    fn read(&mut self, character: char) {
        self.characters += 1;
        if character.is_alphanumeric() && !self.in_word {
            self.words += 1;
        }
        self.in_word = character.is_alphanumeric() || character == '\'';
        if self.policy.characters.is_some_and(|most| most < self.characters) {
            self.breach = Some(Breach::Characters);
        } else if self.policy.words.is_some_and(|most| most < self.words) {
            self.breach = Some(Breach::Words);
        }
        if self.breach.is_some() {
            return;
        }
        if !self.policy.languages.is_empty() && self.characters <= SENTENCE {
            self.beginning.push(character);
            if self.characters == SENTENCE {
                self.judge_language();
            }
        }
        self.sentence.push(character);
        self.length += 1;
        let blank = character.is_whitespace();
        let ends = character == '\n'
            || blank && matches!(self.before, '.' | '!' | '?')
            || matches!(character, '。' | '！' | '？');
        if ends || blank && SENTENCE <= self.length || 2 * SENTENCE <= self.length {
            self.judge();
        }
        self.before = character;
    }

    fn judge(&mut self) {
        let sentence = std::mem::take(&mut self.sentence);
        self.length = 0;
        if self.breach.is_none() && !sentence.is_empty() {
            self.breach = self.policy.sentence(&sentence);
        }
    }

    fn judge_language(&mut self) {
        let beginning = std::mem::take(&mut self.beginning);
        let spoken = language(&beginning).filter(|language| !self.policy.languages.contains(language));
        if !self.policy.languages.is_empty() && self.breach.is_none() {
            self.breach = spoken.map(Breach::Language);
        }
    }
}

/// The first breach of a whole text.
pub fn check(policy: &Policy, text: &str) -> Option<Breach> {
    let mut watch = Watch::new(policy);
    watch.push(text);
    watch.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Policy {
        let policy =
            Policy::default().deny("kill").deny("competitor Acme").allow("kill a process").deny("Börse");
        policy.deny_pattern(r"\bpromo-\d{4}\b").unwrap()
    }

    const CASES: &[(&str, Option<Breach>)] = &[
        ("How do I kill a process?", None),
        ("Kill it.", Some(Breach::Phrase(0))),
        ("The skills of killers", None),
        ("Buy from competitor, ACME!", Some(Breach::Phrase(1))),
        ("An der BÖRSE", Some(Breach::Phrase(2))),
        ("Use PROMO-2024 now", Some(Breach::Pattern(0))),
        ("A competitor. Acme is far away.", None),
    ];

    #[test]
    fn phrases_and_patterns_are_found_however_the_text_is_cut() {
        let policy = policy();
        for (text, expected) in CASES {
            assert_eq!(check(&policy, text), *expected, "{text}");
            for cut in (0..=text.len()).filter(|&cut| text.is_char_boundary(cut)) {
                let mut watch = Watch::new(&policy);
                watch.push(text.split_at(cut).0);
                watch.push(text.split_at(cut).1);
                assert_eq!(watch.finish(), *expected, "{text} cut at {cut}");
            }
        }
    }

    #[derive(Debug)]
    struct Weather;

    impl Topics for Weather {
        fn covering(&self, sentence: &str) -> Option<usize> {
            (sentence.trim() == "Will it rain?").then_some(0)
        }
    }

    #[test]
    fn topics_are_asked_about_whole_sentences_however_the_text_is_cut() {
        let policy = Policy::default().deny_topics(Rc::new(Weather));
        let text = "I go out. Will it rain? I have no coat.";
        for cut in 0..=text.len() {
            let mut watch = Watch::new(&policy);
            watch.push(text.split_at(cut).0);
            watch.push(text.split_at(cut).1);
            assert_eq!(watch.finish(), Some(Breach::Topic(0)), "cut at {cut}");
        }
        assert_eq!(check(&policy, "Will it rain on Monday?"), None);
    }

    #[test]
    fn lengths_and_languages_are_bounded() {
        let short = Policy::default().at_most_words(3);
        assert_eq!(check(&short, "one two don't"), None);
        assert_eq!(check(&short, "one two three four"), Some(Breach::Words));
        assert_eq!(check(&Policy::default().at_most_characters(3), "ñandú"), Some(Breach::Characters));
        let english = Policy::default().speak(Language::English);
        assert_eq!(check(&english, "This is the answer that you have asked for."), None);
        let german = "Das ist die Antwort, die Sie von uns nicht haben wollten.";
        assert_eq!(check(&english, german), Some(Breach::Language(Language::German)));
    }

    #[test]
    fn patterns_that_backtrack_elsewhere_stay_linear() {
        let policy = Policy::default().deny_pattern("(a+)+b").unwrap();
        assert_eq!(check(&policy, &"a".repeat(200_000)), None);
    }
}
