//! English endings taken off, so that "studies", "studied" and "study" are one term.
//!
//! A light stemmer: plurals, participles, adverbs and the final e, each with what English spelling does around it, then
//! up to two endings of derivation ("relation", "relative", "related"). Words of other languages mostly stay as they
//! are, and lose a plural s where they have one.

/// The stem of a word in lower case, made in place. Words with anything but ASCII letters stay as they are.
pub(super) fn stem(word: &mut String) {
    if word.len() < 3 || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return;
    }
    plural(word);
    participle(word);
    adverb(word);
    last_letter(word);
    derivation(word);
}

/// Cuts `count` bytes off the end; the word is ASCII.
fn cut(word: &mut String, count: usize) {
    word.truncate(word.len().saturating_sub(count));
}

fn plural(word: &mut String) {
    if word.ends_with("sses") {
        cut(word, 2);
    } else if word.ends_with("ies") {
        cut(word, if word.len() <= 4 { 1 } else { 3 });
        if !word.ends_with('i') && !word.ends_with("ie") {
            word.push('y');
        }
    } else if ["xes", "ches", "shes", "zes"].iter().any(|end| word.ends_with(end)) && 4 < word.len() {
        cut(word, 2);
    } else if word.ends_with('s')
        && !word.ends_with("ss")
        && !word.ends_with("us")
        && !word.ends_with("is")
        && 3 < word.len()
    {
        cut(word, 1);
    }
}

fn participle(word: &mut String) {
    if word.ends_with("eed") {
        if 4 < word.len() {
            cut(word, 1);
        }
        return;
    }
    if word.ends_with("ied") && 4 < word.len() {
        cut(word, 3);
        word.push('y');
        return;
    }
    let end = if word.ends_with("ing") {
        3
    } else if word.ends_with("ed") {
        2
    } else {
        return;
    };
    let rest = word.get(..word.len() - end).unwrap_or_default();
    if rest.len() < 3 || !rest.bytes().any(is_vowel) {
        return;
    }
    cut(word, end);
    // "stopped" doubled its p, "called" did not double its l.
    let mut letters = word.bytes().rev();
    if let (Some(last), Some(before)) = (letters.next(), letters.next())
        && last == before
        && !is_vowel(last)
        && !matches!(last, b'l' | b's' | b'z')
    {
        cut(word, 1);
    }
}

fn adverb(word: &mut String) {
    if word.ends_with("ly") && 5 < word.len() {
        cut(word, 2);
    }
}

/// "make" and "making", "city" and "cities": no final e, i for y after a consonant.
fn last_letter(word: &mut String) {
    if word.ends_with('e') && 3 < word.len() {
        cut(word, 1);
    } else if word.ends_with('y')
        && 3 < word.len()
        && word.bytes().rev().nth(1).is_some_and(|byte| !is_vowel(byte))
    {
        cut(word, 1);
        word.push('i');
    }
}

/// Endings of derivation, as they are after [`last_letter`], each before its own tail.
const DERIVED: &[&str] = &[
    "ation", "ative", "ness", "ment", "ical", "ful", "ous", "ion", "abl", "ibl", "anc", "enc", "ant", "ent",
    "ism", "ist", "iti", "iv", "iz", "is", "ic", "al", "er", "or", "at",
];

/// Takes up to two endings off. What is left has at least four letters, five before most endings of two: "center" is
/// not "cent".
fn derivation(word: &mut String) {
    for _ in 0..2 {
        let fits = |end: &&&str| {
            let least = if end.len() <= 2 && **end != "at" { 5 } else { 4 };
            word.ends_with(**end) && end.len() + least <= word.len()
        };
        let Some(end) = DERIVED.iter().find(fits) else { return };
        cut(word, end.len());
    }
}

fn is_vowel(byte: u8) -> bool {
    matches!(byte, b'a' | b'e' | b'i' | b'o' | b'u' | b'y')
}

#[cfg(test)]
mod tests {
    use super::stem;

    #[test]
    fn forms_of_one_word_share_their_stem_and_other_words_do_not() {
        for group in [
            "study studies studied studying",
            "make makes making",
            "stop stops stopped stopping",
            "call calls called calling",
            "box boxes boxed",
            "quick quickly",
            "agree agreed agrees",
            "class classes",
            "vote votes voted voting",
            "city cities",
            "relation relations relative relatively related relating",
            "operate operation operator operational",
            "happy happiness",
            "analyse analysis analyses",
            "active activity activities",
        ] {
            let stems: Vec<String> = group
                .split(' ')
                .map(|word| {
                    let mut word = word.to_owned();
                    stem(&mut word);
                    word
                })
                .collect();
            assert!(stems.iter().all(|one| *one == stems[0]), "{group}: {stems:?}");
        }
        for (word, kept) in [
            ("virus", "virus"),
            ("this", "this"),
            ("red", "red"),
            ("sing", "sing"),
            ("gas", "gas"),
            ("center", "center"),
            ("cent", "cent"),
            ("paper", "paper"),
            ("überes", "überes"),
        ] {
            let mut made = word.to_owned();
            stem(&mut made);
            assert_eq!(made, kept);
        }
    }
}
