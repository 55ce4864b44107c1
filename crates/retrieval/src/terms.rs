//! What of a text is searched for: its words in lower case, without accents and English endings.
//!
//! | in the text | terms |
//! |---|---|
//! | `Studies`, `études` | `studi`, `etud` |
//! | `foo_bar`, `getUserName`, `example.com` | the whole and its parts |
//! | `1,250`, `3.14`, `v1.2.3` | `1250`, `3.14`, `1.2.3` |
//! | `company's`, `l'hôtel` | `compani`, `hotel` |
//! | Chinese, Japanese, Korean, Thai | pairs of neighbouring characters |
//!
//! A term is stored as a hash of 32 bits ([`Term`]). Two words of one hash are taken for one word: with 100,000
//! words in a store that befalls one query word in 40,000.

mod stem;
mod words;

use serde::{Deserialize, Serialize};
use sluice_types::knowledge::Chunk;

/// A term's hash.
pub type Term = u32;

/// Longest term, in bytes; what is longer (keys, encoded data) is cut there.
const LONGEST: usize = 64;

/// Small words, sorted: they say nothing of what is looked for.
#[rustfmt::skip]
const SMALL: &[&str] = &[
    "a", "about", "according", "after", "again", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "because", "been",
    "before", "being", "between", "both", "but", "by", "can", "could", "did", "do", "does", "doing", "done", "during",
    "each", "for", "from", "further", "had", "has", "have", "having", "he", "her", "here", "hers", "him", "his", "how",
    "i", "if", "in", "into", "is", "it", "its", "just", "me", "might", "more", "most", "must", "my", "no", "nor", "not", "now", "of",
    "off", "on", "once", "only", "or", "other", "our", "ours", "out", "over", "own", "please", "same", "shall", "she", "should",
    "so", "some", "such", "tell", "than", "that", "the", "their", "theirs", "them", "then", "there", "these", "they", "this", "those",
    "through", "to", "too", "under", "until", "up", "us", "very", "was", "we", "were", "what", "when", "where", "which",
    "while", "who", "whom", "whose", "why", "will", "with", "would", "you", "your", "yours",
];

/// Calls `term` with each term of `text` in order, stemmed.
pub fn for_each(text: &str, mut term: impl FnMut(&str)) {
    words::for_each(text, |word, stemmed| {
        let word = words::up_to(word, LONGEST);
        if stemmed {
            let mut word = word.to_owned();
            stem::stem(&mut word);
            term(&word);
        } else {
            term(word);
        }
    });
}

/// The hash of a term as [`for_each`] gives it.
#[must_use]
pub fn hash(term: &str) -> Term {
    // FNV-1a; its low bits are mixed well, its high bits only after the last step.
    let value =
        term.bytes().fold(0x811C_9DC5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let value = (value ^ (value >> 16)).wrapping_mul(0x85EB_CA6B);
    value ^ (value >> 13)
}

/// The terms of a text as hashes, in order.
#[must_use]
pub fn hashes(text: &str) -> Vec<Term> {
    let mut out = Vec::with_capacity(text.len() / 6);
    for_each(text, |term| out.push(hash(term)));
    out
}

/// The terms of a chunk with those of the headings above it, in order.
#[must_use]
pub fn of_chunk(chunk: &Chunk) -> Vec<Term> {
    let mut out: Vec<Term> = chunk.headings.iter().flat_map(|heading| hashes(heading)).collect();
    out.extend(hashes(&chunk.text));
    out
}

/// Whether a word in lower case is one of the small ones.
#[must_use]
pub fn is_small(word: &str) -> bool {
    SMALL.binary_search(&word).is_ok()
}

/// What is looked for: terms, each once, with how often it was named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Query {
    terms: Vec<(Term, u32)>,
}

impl Query {
    /// Most terms that are looked for; of a longer text the first ones.
    pub const MOST: usize = 128;

    /// The terms of a question. Small words are left out unless there is nothing else.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let (mut all, mut telling) = (Vec::new(), Vec::new());
        words::for_each(text, |word, stemmed| {
            let small = is_small(word);
            let mut word = words::up_to(word, LONGEST).to_owned();
            if stemmed {
                stem::stem(&mut word);
            }
            all.push(hash(&word));
            if !small {
                telling.push(hash(&word));
            }
        });
        Self::of(if telling.is_empty() { all } else { telling })
    }

    /// A query for these terms.
    #[must_use]
    pub fn of(terms: impl IntoIterator<Item = Term>) -> Self {
        let mut counted: Vec<(Term, u32)> = Vec::new();
        for term in terms {
            if let Some((_, count)) = counted.iter_mut().find(|(known, _)| *known == term) {
                *count += 1;
            } else if counted.len() < Self::MOST {
                counted.push((term, 1));
            }
        }
        Self { terms: counted }
    }

    /// The terms with their counts, in the order they were first named.
    #[must_use]
    pub fn terms(&self) -> &[(Term, u32)] {
        &self.terms
    }

    /// Whether nothing is looked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn terms(text: &str) -> Vec<String> {
        let mut out = Vec::new();
        for_each(text, |term| out.push(term.to_owned()));
        out
    }

    #[test]
    fn terms_are_what_one_would_search_for() {
        for (text, expected) in [
            ("The Studies, études!", "the studi etud"),
            ("foo_bar getUserName", "foo_bar foo bar getusernam get user nam"),
            ("see example.com.", "see example.com exampl com"),
            ("1,250 of 3.14 in v1.2.3, 7", "1250 of 3.14 in 1.2.3 7"),
            ("the company's l’hôtel don't", "the compani hotel dont"),
            ("U.S. e.g. x", "u.s e.g x"),
            ("東京都 abc", "東京 京都 abc"),
            ("猫", "猫"),
            ("GPU温度は80度", "gpu 温度 度は 80 度"),
            ("ﬁne ＡＢＣ Straße", "fin abc straße"),
            ("C++ and C#, F#", "c++ and c# f#"),
            ("a-b state-of-the-art", "a b stat of the art"),
            ("__init__ ... _ '' -", "init"),
            ("한국어 검색", "한국 국어 검색"),
            ("मैं हिन्दी", "मैं हिन्दी"),
            ("", ""),
        ] {
            assert_eq!(terms(text).join(" "), expected, "{text}");
        }
    }

    #[test]
    fn a_query_leaves_small_words_out_unless_there_is_nothing_else() {
        assert_eq!(Query::new("What is the Capital of the capital?").terms(), [(hashes("capital")[0], 2)]);
        assert_eq!(Query::new("to be or not to be").terms().len(), 4);
        assert!(Query::new("?!").is_empty());
        assert!(SMALL.is_sorted());
    }

    #[test]
    fn a_query_survives_being_sent() {
        let query = Query::new("quarterly revenue of foo_bar");
        let sent = serde_json::to_string(&query).unwrap();
        assert_eq!(serde_json::from_str::<Query>(&sent).unwrap(), query);
    }

    proptest! {
        #[test]
        fn any_text_has_terms_of_bounded_length(text in "\\PC{0,200}") {
            for term in terms(&text) {
                prop_assert!(!term.is_empty() && term.len() <= LONGEST);
            }
        }

        #[test]
        fn case_does_not_matter_to_plain_words(text in "[a-z ]{0,80}") {
            prop_assert_eq!(terms(&text), terms(&text.to_uppercase()));
        }
    }
}
