//! The form of a last user turn that exact match compares, so that case, spacing, greetings and thanks cost no hit.
//!
//! Only what cannot change an answer goes: compatibility forms (NFKC), letter case outside code, runs of spaces, greetings
//! in front, thanks and "please" at either end, marks at the end, and a closed list of contractions. A text with a line
//! break, a back-tick, a brace or an `=` keeps its case and spaces as they are: there they may matter.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;

const GREETINGS: &[&str] = &[
    "hello there",
    "hi there",
    "hey there",
    "good morning",
    "good afternoon",
    "good evening",
    "hello",
    "hi",
    "hey",
];
const BEFORE: &[&str] = &["please", "pls", "plz", "kindly", "ok", "okay", "so", "well"];
const AFTER: &[&str] = &[
    "please",
    "pls",
    "plz",
    "thanks",
    "thank you",
    "thx",
    "thanks a lot",
    "thank you very much",
    "many thanks",
    "thanks in advance",
    "thank you in advance",
    "cheers",
];
/// Contractions that read one way only ("'s" and "'d" do not).
const CONTRACTIONS: &[(&str, &str)] = &[
    ("can't", "cannot"),
    ("can not", "cannot"),
    ("won't", "will not"),
    ("shan't", "shall not"),
    ("i'm", "i am"),
    ("what's", "what is"),
    ("where's", "where is"),
    ("who's", "who is"),
    ("how's", "how is"),
    ("that's", "that is"),
    ("it's", "it is"),
    ("there's", "there is"),
];
const ENDINGS: &[(&str, &str)] = &[("n't", " not"), ("'re", " are"), ("'ve", " have"), ("'ll", " will")];

/// The canonical form of a turn. Two turns with the same form are the same question.
#[must_use]
pub fn canonical(text: &str) -> String {
    let plain: String =
        text.nfkc().filter(|c| !matches!(c, '\u{200b}'..='\u{200d}' | '\u{feff}' | '\u{ad}')).collect();
    let trimmed = plain.trim();
    if trimmed.contains(['\n', '`', '{', '}', '=']) {
        return trimmed.to_owned();
    }
    let lower = trimmed
        .to_lowercase()
        .replace(['\u{2018}', '\u{2019}', '\u{2bc}'], "'")
        .replace(['\u{201c}', '\u{201d}'], "\"");
    let mut words: Vec<String> = lower.split_whitespace().map(expand).collect();
    // Politeness may sit inside politeness ("hi, please … thanks!"): peel until nothing moves.
    while let Some(shorter) = peel(&words) {
        words = shorter;
    }
    let joined = words.join(" ");
    let joined = joined.replace("can not", "cannot");
    let bare = joined.trim_end_matches(['.', '!', '?', ',', ';', ':', ' ']);
    // A turn of marks or of nothing but politeness stays as it was.
    if bare.is_empty() { lower.split_whitespace().collect::<Vec<_>>().join(" ") } else { bare.to_owned() }
}

fn expand(word: &str) -> String {
    let end = word.trim_end_matches(['.', '!', '?', ',', ';', ':']);
    let marks = word.get(end.len()..).unwrap_or_default();
    if let Some((_, long)) = CONTRACTIONS.iter().find(|(short, _)| *short == end) {
        return format!("{long}{marks}");
    }
    match ENDINGS.iter().find_map(|(short, long)| end.strip_suffix(short).map(|stem| (stem, long))) {
        Some((stem, long)) if !stem.is_empty() => format!("{stem}{long}{marks}"),
        _ => word.to_owned(),
    }
}

/// `words` without one greeting, courtesy or thanks at an end; `None` where there is none or nothing else.
fn peel(words: &[String]) -> Option<Vec<String>> {
    let bare = |word: &String| {
        word.trim_matches(|c: char| c.is_ascii_punctuation() && c != '\'' && c != '%').to_owned()
    };
    let kept = courtesy(&words.iter().map(bare).collect::<Vec<_>>())?;
    words.get(kept).map(<[String]>::to_vec)
}

/// What is left of `words`, small and without marks, when one greeting, courtesy or thanks at an end goes; `None` where there is
/// none or nothing else.
pub(crate) fn courtesy(words: &[String]) -> Option<Range<usize>> {
    let starts = |phrase: &&str| {
        let count = phrase.split(' ').count();
        (count < words.len() && phrase.split(' ').eq(words.iter().take(count))).then_some(count)
    };
    let ends = |phrase: &&str| {
        let from = words.len().checked_sub(phrase.split(' ').count())?;
        (0 < from && phrase.split(' ').eq(words.iter().skip(from))).then_some(from)
    };
    if let Some(count) = GREETINGS.iter().chain(BEFORE).find_map(starts) {
        return Some(count..words.len());
    }
    Some(0..AFTER.iter().filter_map(ends).min()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::canonical;

    #[test]
    fn what_cannot_change_an_answer_goes() {
        for text in [
            "How do I reset it",
            "how  do I reset it??",
            "Hi, please how do I reset it? Thanks!",
            "HOW DO I RESET IT. thank you",
            "Hello there! how do i reset it please",
        ] {
            assert_eq!(canonical(text), "how do i reset it", "{text}");
        }
        assert_eq!(canonical("What\u{2019}s new? I can't see"), "what is new? i cannot see");
        assert_eq!(canonical("I can not see. It doesn't work!"), "i cannot see. it does not work");
    }

    #[test]
    fn what_may_change_an_answer_stays() {
        assert_ne!(canonical("is 5 > 3"), canonical("is 5 < 3"));
        assert_ne!(canonical("what is -5 + 3"), canonical("what is 5 + 3"));
        assert_ne!(canonical("a != b"), canonical("a == b"));
        assert_ne!(canonical("print `A`"), canonical("print `a`"));
        assert_ne!(canonical("I can"), canonical("I can't"));
        assert_ne!(canonical("15% of 240"), canonical("15 of 240"));
        assert_eq!(canonical("thanks"), "thanks");
        assert_eq!(canonical("???"), "???");
    }

    proptest! {
        #[test]
        fn it_is_its_own_canonical_form(text in "\\PC{0,60}") {
            let once = canonical(&text);
            prop_assert_eq!(canonical(&once), once);
        }

        #[test]
        fn spaces_and_closing_marks_do_not_matter(text in "[a-z]{3,8}( [a-z]{3,8}){1,5}", marks in "[.!?]{0,3}", space in " {1,3}") {
            let noisy = format!("{space}{}{marks}{space}", text.replace(' ', &space));
            prop_assert_eq!(canonical(&noisy), canonical(&text));
        }
    }
}
