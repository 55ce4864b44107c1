//! Words of any script, brought to a form in which they can be compared.

/// Words that say nothing about what a text is about.
const STOP_WORDS: &[&str] = &[
    // English
    "a", "about", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by", "can", "could", "did",
    "do", "does", "for", "from", "had", "has", "have", "he", "her", "his", "how", "i", "if", "in", "into",
    "is", "it", "its", "me", "my", "no", "not", "of", "on", "or", "our", "please", "she", "should", "so",
    "some", "tell", "than", "that", "the", "their", "them", "then", "there", "these", "they", "this", "to",
    "us", "was", "we", "were", "what", "when", "where", "which", "who", "why", "will", "with", "would",
    "you", "your", // German
    "auf", "aus", "bei", "das", "dem", "den", "der", "des", "die", "ein", "eine", "einen", "einer", "es",
    "für", "hat", "ich", "ist", "mit", "nicht", "oder", "sich", "sie", "sind", "und", "von", "war", "wann",
    "was", "wer", "wie", "wir", "wo", "zu", "zum", "zur", // French, Spanish, Italian, Portuguese
    "al", "au", "aux", "avec", "che", "com", "como", "con", "cual", "cuál", "cómo", "da", "dans", "de",
    "del", "der", "della", "des", "di", "do", "dos", "du", "el", "em", "en", "es", "est", "et", "et", "il",
    "la", "las", "le", "les", "lo", "los", "ma", "mais", "mi", "na", "ne", "nel", "nos", "o", "os", "ou",
    "où", "para", "pas", "per", "por", "pour", "qual", "quand", "que", "quel", "quelle", "qui", "quién",
    "qué", "se", "si", "son", "sono", "su", "sur", "um", "uma", "un", "una", "une", "uno", "y", "à", "é",
];

/// Which words are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// All.
    All,
    /// Those that may say what a text is about.
    Telling,
}

/// Calls `take` with the words of `text`: in small letters, English endings cut off. Chinese, Japanese and Korean,
/// which leave no spaces, give each pair of neighbours. `buffer` saves allocations.
pub(super) fn for_each(text: &str, which: Which, buffer: &mut String, take: &mut dyn FnMut(&str)) {
    buffer.clear();
    let mut before: Option<char> = None;
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            before = None;
            buffer.push(c.to_ascii_lowercase());
            continue;
        }
        if is_ideograph(c) {
            finish(buffer, which, take);
            if let Some(before) = before {
                buffer.push(before);
                buffer.push(c);
                take(buffer);
                buffer.clear();
            }
            before = Some(c);
            continue;
        }
        before = None;
        if c.is_alphanumeric() {
            buffer.extend(c.to_lowercase());
        } else if !matches!(c, '\'' | '’') {
            finish(buffer, which, take);
        } else if !buffer.is_empty() {
            buffer.push('\'');
        }
    }
    finish(buffer, which, take);
}

/// Gives the word in `buffer`, unless it is none, and empties it.
fn finish(buffer: &mut String, which: Which, take: &mut dyn FnMut(&str)) {
    if buffer.is_empty() {
        return;
    }
    let word = buffer.trim_end_matches('\'');
    let word = word.strip_suffix("'s").unwrap_or(word);
    if !word.is_empty() && (which == Which::All || !STOP_WORDS.contains(&word)) {
        take(stem(word));
    }
    buffer.clear();
}

/// A word without its commonest English endings.
fn stem(word: &str) -> &str {
    if !word.is_ascii() {
        return word;
    }
    let cut = |ending: &str, least: usize| word.strip_suffix(ending).filter(|stem| least <= stem.len());
    match () {
        () if word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") => word,
        () => cut("ies", 3)
            .or_else(|| cut("ing", 4))
            .or_else(|| cut("ed", 4))
            .or_else(|| cut("es", 4))
            .or_else(|| cut("s", 3))
            .or_else(|| cut("y", 4))
            .or_else(|| cut("e", 4))
            .unwrap_or(word),
    }
}

fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        for_each(text, Which::Telling, &mut String::new(), &mut |word| all.push(word.to_owned()));
        all
    }

    #[test]
    fn forms_of_a_word_meet() {
        for (one, other) in [
            ("Refund", "refunds"),
            ("opened", "opening"),
            ("policy", "policies"),
            ("price", "prices"),
            ("Paris", "PARIS"),
            ("Anna's", "anna"),
            ("ÖFFNUNG", "öffnung"),
        ] {
            assert_eq!(words(one), words(other), "{one} and {other}");
        }
    }

    #[test]
    fn words_that_say_nothing_are_left_out() {
        assert_eq!(words("What is the capital of France?"), ["capital", "franc"]);
    }

    #[test]
    fn scripts_without_spaces_give_pairs() {
        assert_eq!(words("東京タワー"), ["東京", "京タ", "タワ", "ワー"]);
    }
}
