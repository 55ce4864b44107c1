//! Words and sentences of an answer.

use std::ops::Range;

/// One word.
#[derive(Debug)]
pub(super) struct Word {
    /// As written.
    pub text: String,
    /// In lower case, without the usual endings.
    pub stem: String,
    /// Whether it says something: no article, pronoun or other small word.
    pub content: bool,
    /// Whether it holds a digit.
    pub number: bool,
    /// Whether it looks like a name: a capital inside a sentence.
    pub name: bool,
}

/// Words that speak of the speakers.
pub(super) const PERSONAL: &[&str] =
    &["i", "me", "my", "mine", "you", "your", "we", "our", "us", "am", "im", "ive"];

/// Small words, sorted.
#[rustfmt::skip]
const SMALL: &[&str] = &[
    "a", "about", "after", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "because", "been",
    "before", "being", "but", "by", "can", "could", "d", "did", "do", "does", "down", "for", "from", "had", "has",
    "have", "he", "her", "here", "him", "his", "how", "i", "if", "in", "into", "is", "it", "its", "just", "ll", "m",
    "me", "more", "most", "my", "no", "not", "of", "oh", "on", "one", "or", "other", "our", "out", "re", "s", "she",
    "should", "so", "some", "such", "t", "than", "that", "the", "their", "them", "then", "there", "these", "they",
    "this", "those", "to", "too", "up", "us", "ve", "very", "was", "we", "well", "were", "what", "when", "where",
    "which", "while", "who", "why", "will", "with", "would", "yeah", "yes", "you", "your",
];

/// The words of a text.
pub(super) fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut begins = true;
    for piece in text.split(char::is_whitespace) {
        for part in
            piece.split(|character: char| !character.is_alphanumeric()).filter(|part| !part.is_empty())
        {
            let lower = part.to_lowercase();
            let number = part.chars().any(|character| character.is_ascii_digit());
            let upper = part.chars().next().is_some_and(char::is_uppercase);
            let content = SMALL.binary_search(&lower.as_str()).is_err();
            words.push(Word {
                stem: stem(&lower).to_owned(),
                content,
                number,
                name: upper && !begins && content && !number,
                text: part.to_owned(),
            });
            begins = false;
        }
        begins |= piece.ends_with(['.', '!', '?', ':', '"']);
    }
    words
}

/// A word without its usual English ending; words of other languages mostly stay as they are.
fn stem(word: &str) -> &str {
    for ending in ["ings", "ing", "edly", "ies", "ied", "ed", "es", "ly", "s"] {
        if let Some(stem) = word.strip_suffix(ending).filter(|stem| 4 <= stem.len() && !stem.ends_with('s')) {
            return stem.strip_suffix('e').filter(|stem| 4 <= stem.len()).unwrap_or(stem);
        }
    }
    word.strip_suffix('e').filter(|stem| 4 <= stem.len()).unwrap_or(word)
}

/// The sentences of a text: up to a sign that ends one and a blank, or a line's end.
pub(super) fn sentences(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    let mut found = Vec::new();
    let mut before = ' ';
    for (at, character) in text.char_indices() {
        let ends = character.is_whitespace() && matches!(before, '.' | '!' | '?')
            || character == '\n'
            || matches!(before, '。' | '！' | '？');
        if ends {
            found.push(start..at);
            start = at;
        }
        before = character;
    }
    found.push(start..text.len());
    found.into_iter().filter_map(|range| {
        let part = text.get(range.clone())?;
        let skipped = part.len() - part.trim_start().len();
        let part = part.trim();
        (!part.is_empty()).then(|| range.start + skipped..range.start + skipped + part.len())
    })
}
