//! Text cut into sentences, in any language that marks their ends.

/// The longest sentence, in characters: text without any marks is cut into such pieces.
const MAX_CHARS: usize = 400;

/// Words that end in a full stop inside a sentence.
const ABBREVIATIONS: &[&str] = &[
    "e.g", "i.e", "mr", "mrs", "ms", "dr", "prof", "st", "vs", "no", "fig", "approx", "z.b", "bzw", "ca",
    "sr", "jr",
];

/// The sentences of `text`, without the spaces around them.
pub(super) fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start();
            if rest.is_empty() {
                return None;
            }
            let (sentence, after) = rest.split_at_checked(end(rest))?;
            rest = after;
            let sentence = sentence.trim_end();
            if !sentence.is_empty() {
                return Some(sentence);
            }
        }
    })
}

/// Where the first sentence of `text` ends, in bytes; always after its first character.
fn end(text: &str) -> usize {
    let mut last_space = None;
    for (chars, (at, c)) in text.char_indices().enumerate() {
        let after = at + c.len_utf8();
        let rest = text.get(after..).unwrap_or_default();
        if c.is_whitespace() {
            last_space = Some(at);
        }
        let ends = match c {
            '\n' => breaks(rest),
            '。' | '！' | '？' | '।' | '॥' => true,
            '!' | '?' | '…' | '؟' => closes(rest),
            '.' => closes(rest) && !abbreviates(text.get(..at).unwrap_or_default()),
            _ => false,
        };
        if ends {
            // Closing quotes and brackets go with the sentence.
            let tail: usize =
                rest.chars().take_while(|c| "\"'”’»)]」』）".contains(*c)).map(char::len_utf8).sum();
            return after + tail;
        }
        if MAX_CHARS <= chars {
            return last_space.filter(|space| 0 < *space).unwrap_or(after);
        }
    }
    text.len()
}

/// Whether a line's end is a sentence's: a line that goes on in small letters was only wrapped.
fn breaks(rest: &str) -> bool {
    let next = rest.trim_start_matches([' ', '\t', '\r']).chars().next();
    !next.is_some_and(char::is_lowercase)
}

/// Whether what follows a mark lets it end a sentence: a space, a closing quote, or nothing.
fn closes(rest: &str) -> bool {
    rest.chars().next().is_none_or(|c| c.is_whitespace() || "\"'”’»)]".contains(c))
}

/// Whether the text before a full stop is an abbreviation, an initial, or the number of a list's item.
fn abbreviates(before: &str) -> bool {
    let word = before.rsplit(|c: char| c.is_whitespace() || c == '(').next().unwrap_or_default();
    let first = word.len() == before.len();
    let initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase);
    let item = first && !word.is_empty() && word.chars().all(|c| c.is_ascii_digit());
    initial || item || ABBREVIATIONS.iter().any(|known| word.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<&str> {
        sentences(text).collect()
    }

    #[test]
    fn marks_end_sentences() {
        assert_eq!(cut("One. Two! Three? Four"), ["One.", "Two!", "Three?", "Four"]);
        assert_eq!(cut("He said \"stop.\" Then v1.2 came."), ["He said \"stop.\"", "Then v1.2 came."]);
        assert_eq!(cut("今日は晴れ。明日は雨？はい"), ["今日は晴れ。", "明日は雨？", "はい"]);
    }

    #[test]
    fn abbreviations_initials_and_items_do_not() {
        assert_eq!(
            cut("Dr. J. Smith pays, e.g. cash. 1. First."),
            ["Dr. J. Smith pays, e.g. cash.", "1. First."]
        );
    }

    #[test]
    fn lines_end_sentences_unless_wrapped() {
        assert_eq!(
            cut("Title\nA line that\nis wrapped.\n\n- item"),
            ["Title", "A line that\nis wrapped.", "- item"]
        );
    }

    #[test]
    fn endless_text_is_cut_between_characters() {
        let long = "ä".repeat(1000);
        assert_eq!(cut(&long).concat(), long);
        assert!(cut(&"word ".repeat(500)).iter().all(|piece| piece.len() <= MAX_CHARS + 1));
    }
}
