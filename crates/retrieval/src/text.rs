//! Sentences of a text.

use std::ops::Range;

/// The sentences of a text, as ranges of bytes without the blanks around them: up to a sign that ends one and a blank,
/// or a line's end. Signs after an abbreviation's or an initial's point end none.
#[must_use]
pub fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut before = (0, ' ');
    for (at, character) in text.char_indices() {
        let closed = matches!(before.1, '.' | '!' | '?' | '…') && character.is_whitespace();
        let ends = closed && !(before.1 == '.' && abbreviated(text.get(start..before.0).unwrap_or_default()));
        if ends || character == '\n' || matches!(before.1, '。' | '！' | '？') {
            push(text, start..at, &mut out);
            start = at;
        }
        // A quotation or a bracket that closes behind the sign belongs to the sentence.
        if !matches!(character, '"' | '\'' | ')' | ']' | '”' | '’' | '»')
            || !matches!(before.1, '.' | '!' | '?' | '…')
        {
            before = (at, character);
        }
    }
    push(text, start..text.len(), &mut out);
    out
}

fn push(text: &str, range: Range<usize>, out: &mut Vec<Range<usize>>) {
    let part = text.get(range.clone()).unwrap_or_default();
    let start = range.start + part.len() - part.trim_start().len();
    let end = start + part.trim().len();
    if start < end {
        out.push(start..end);
    }
}

/// Whether the last word before a point is written with one inside sentences.
fn abbreviated(before: &str) -> bool {
    let word = before
        .rsplit(|character: char| character.is_whitespace() || character == '(')
        .next()
        .unwrap_or_default();
    let known = [
        "e.g", "i.e", "etc", "cf", "vs", "no", "fig", "eq", "al", "mr", "mrs", "ms", "dr", "prof", "st",
        "inc", "ltd", "co", "corp", "approx", "art", "sec", "p", "pp", "vol",
    ];
    let mut letters = word.chars();
    let initial = matches!((letters.next(), letters.next()), (Some(letter), None) if letter.is_uppercase());
    initial || known.iter().any(|known| word.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::sentences;

    fn parts(text: &str) -> Vec<&str> {
        sentences(text).into_iter().map(|range| text.get(range).unwrap()).collect()
    }

    #[test]
    fn sentences_end_where_one_would_stop() {
        for (text, expected) in [
            ("One. Two! Three?", vec!["One.", "Two!", "Three?"]),
            (
                "It costs 3.50 a day, e.g. on Mondays. J. Smith said so.",
                vec!["It costs 3.50 a day, e.g. on Mondays.", "J. Smith said so."],
            ),
            ("A line\n- another", vec!["A line", "- another"]),
            ("He said “no.” Then he left.", vec!["He said “no.”", "Then he left."]),
            ("一。二！", vec!["一。", "二！"]),
            ("See [1]. Then [2].", vec!["See [1].", "Then [2]."]),
            ("  ", vec![]),
        ] {
            assert_eq!(parts(text), expected);
        }
    }

    proptest! {
        #[test]
        fn sentences_are_in_order_and_leave_out_only_blanks(text in "[a-zA-Z .!?\n。“”]{0,120}") {
            let mut end = 0;
            for range in sentences(&text) {
                prop_assert!(text.get(end..range.start).unwrap().trim().is_empty());
                end = range.end;
            }
            prop_assert!(text.get(end..).unwrap().trim().is_empty());
        }
    }
}
