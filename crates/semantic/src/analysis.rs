//! A question taken apart once: its words, what kind each is, and each word's vector.

use crate::{
    aspect::{self, Aspect},
    canonical::courtesy,
    lexicon::{self, CLASSES, Class},
    model::{Model, Piece},
    normal,
};

/// Words looked at; eligible turns have no more.
const MOST_WORDS: usize = 64;

/// A number in a text: a digit string without separators, or a number word's value.
pub(crate) type Number = String;

/// Set in a superlative's number behind another number.
const RANKED: u16 = 1 << 15;

/// One word.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    pub text: String,
    pub stem: String,
    /// Says what is asked about: neither a stop word nor of a closed class that only shapes the question.
    pub content: bool,
    pub number: Option<Number>,
    /// Written with a capital inside a text that has small letters, and not where a sentence begins.
    pub name: bool,
    /// Unit vector.
    pub vector: Vec<f32>,
    /// Length of the vector before: frequent words are short.
    pub weight: f32,
}

/// A question taken apart.
#[derive(Clone, Debug)]
pub(crate) struct Analysis {
    pub words: Vec<Word>,
    /// Of the whole text, of length one.
    pub vector: Vec<f32>,
    /// Which members of each class occur, ascending.
    pub classes: [Vec<u16>; CLASSES],
    pub negations: usize,
    /// What is wanted to be known.
    pub aspect: Option<Aspect>,
    /// Character trigrams, hashed, ascending.
    pub trigrams: Vec<u32>,
}

impl Analysis {
    pub(crate) fn of(model: &Model<'_>, text: &str) -> Self {
        let mut sum = model.sum();
        model.tokenize(text, |piece| model.add(piece, &mut sum));
        let mut made = Self {
            words: Vec::new(),
            vector: sum.unit(model.dims()),
            classes: Default::default(),
            negations: 0,
            aspect: None,
            trigrams: trigrams(text),
        };
        let shouting = !text.chars().any(char::is_lowercase);
        for raw in without_courtesy(raw_words(text)).into_iter().take(MOST_WORDS) {
            made.push(model, &raw, shouting);
        }
        for class in &mut made.classes {
            class.sort_unstable();
            class.dedup();
        }
        let texts: Vec<&str> = made.words.iter().map(|word| word.text.as_str()).collect();
        made.aspect = aspect::of(&texts);
        made
    }

    fn push(&mut self, model: &Model<'_>, raw: &Raw, shouting: bool) {
        let text = raw.text.to_lowercase();
        let number = number(&text).or_else(|| roman(&raw.text, self.words.last()?.name));
        let negation = lexicon::is_negation(&text);
        self.negations += usize::from(negation);
        let class = lexicon::class(&text);
        // "Second largest" is not "largest".
        let ordinal = self.words.last().filter(|word| word.number.is_some());
        let class = class.map(|(class, member)| match (class, ordinal) {
            (Class::Extreme, Some(_)) => (class, member | RANKED),
            _ => (class, member),
        });
        // "may", "second" and "march" are modal, ordinal and verb more often than not: capitals tell months apart.
        let class = class.filter(|_| {
            raw.capital || !matches!(text.as_str(), "may" | "march" | "second" | "fall" | "us" | "turkey")
        });
        if let Some((class, member)) = class
            && let Some(members) = self.classes.get_mut(class as usize)
        {
            members.push(member);
        }
        // "This week" is the current one, not the next.
        let period = class.is_some_and(|(class, _)| matches!(class, Class::Unit | Class::Time));
        if period
            && self.words.last().is_some_and(|word| word.text == "this")
            && let Some((_, current)) = lexicon::class("current")
            && let Some(members) = self.classes.get_mut(Class::Extreme as usize)
        {
            members.push(current);
        }
        let shaping =
            class.is_some_and(|(class, _)| matches!(class, Class::Ask | Class::Person | Class::Mode));
        let mut sum = model.sum();
        let mut pieces: Vec<Piece> = Vec::new();
        normal::for_each_word(&text, |part| model.word_pieces(part, &mut pieces));
        pieces.iter().for_each(|piece| model.add(*piece, &mut sum));
        let (mut vector, weight) = sum.with_length(model.dims());
        if 0.0 < weight {
            vector.iter_mut().for_each(|v| *v /= weight);
        }
        self.words.push(Word {
            stem: lexicon::stem(&lexicon::spelling(&text)).to_owned(),
            content: !shaping && !negation && !lexicon::is_stop(&text),
            name: raw.capital && !raw.begins && !shouting,
            number,
            vector,
            weight,
            text,
        });
    }

    /// Members of a class.
    pub(crate) fn class(&self, class: Class) -> &[u16] {
        self.classes.get(class as usize).map_or(&[], Vec::as_slice)
    }

    /// Words that say what is asked about.
    pub(crate) fn content(&self) -> impl Iterator<Item = &Word> {
        self.words.iter().filter(|word| word.content)
    }
}

/// A word as written.
pub(crate) struct Raw {
    pub text: String,
    capital: bool,
    /// The first of a sentence.
    begins: bool,
}

/// Greetings and thanks ask nothing. What then comes first begins the text.
fn without_courtesy(mut words: Vec<Raw>) -> Vec<Raw> {
    let plain: Vec<String> = words.iter().map(|word| word.text.to_lowercase()).collect();
    let mut kept = 0..plain.len();
    while let Some(inner) = plain.get(kept.clone()).and_then(courtesy) {
        kept = kept.start + inner.start..kept.start + inner.end;
    }
    words.truncate(kept.end);
    words.drain(..kept.start);
    if let Some(first) = words.first_mut() {
        first.begins = true;
    }
    words
}

/// Letters and digits, apostrophes within, separators within numbers; `+`, `#` and `%` right behind a word.
pub(crate) fn raw_words(text: &str) -> Vec<Raw> {
    let chars: Vec<char> =
        text.chars().map(|c| if matches!(c, '\u{2019}' | '\u{2018}') { '\'' } else { c }).collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or(' ');
    let (mut out, mut current, mut begins) = (Vec::new(), String::new(), true);
    for (i, &c) in chars.iter().enumerate() {
        let before = if i == 0 { ' ' } else { at(i - 1) };
        let next = at(i + 1);
        let digit_between = matches!(c, '.' | ',') && before.is_ascii_digit() && next.is_ascii_digit();
        let minus = c == '-' && next.is_ascii_digit() && !before.is_alphanumeric();
        let tail =
            matches!(c, '+' | '#') && (before.is_alphanumeric() || before == '+') && !next.is_alphanumeric();
        if c.is_alphanumeric()
            || digit_between
            || minus
            || tail
            || (c == '\'' && before.is_alphabetic() && next.is_alphabetic())
        {
            current.push(c);
            continue;
        }
        finish(&mut current, &mut begins, &mut out);
        if c == '%' {
            current.push(c);
            finish(&mut current, &mut begins, &mut out);
        }
        begins = begins || matches!(c, '.' | '!' | '?' | ':' | '"');
    }
    finish(&mut current, &mut begins, &mut out);
    out
}

fn finish(current: &mut String, begins: &mut bool, out: &mut Vec<Raw>) {
    if current.is_empty() {
        return;
    }
    let capital = current.chars().next().is_some_and(char::is_uppercase);
    // "I" and "I'm" are no names.
    let capital = capital && !(current.as_str() == "I" || current.starts_with("I'"));
    let text = current.strip_suffix("'s").map_or_else(|| current.clone(), str::to_owned);
    out.push(Raw { text, capital, begins: *begins });
    current.clear();
    *begins = false;
}

/// The number a word is: "1,000" and "1000" are one, so are "3rd" and "three".
fn number(word: &str) -> Option<Number> {
    if let Some(value) = lexicon::number_word(word) {
        return Some(value.to_string());
    }
    if !word.chars().any(|c| c.is_ascii_digit()) {
        return None;
    }
    let bare: String = word.chars().filter(|c| *c != ',').collect();
    let stripped = ["st", "nd", "rd", "th"]
        .iter()
        .find_map(|e| bare.strip_suffix(e))
        .filter(|b| b.chars().all(|c| c.is_ascii_digit()));
    let text = stripped.unwrap_or(&bare);
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    Some(text.to_owned())
}

/// The number that a Roman one behind a name is, as in "World War II".
fn roman(word: &str, behind_name: bool) -> Option<Number> {
    let numbers = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X"];
    let at = numbers.iter().position(|number| *number == word).filter(|_| behind_name)?;
    Some((at + 1).to_string())
}

fn trigrams(text: &str) -> Vec<u32> {
    let mut out = Vec::with_capacity(text.len());
    let mut window = [' '; 3];
    let flat = text.chars().flat_map(char::to_lowercase).map(|c| if c.is_alphanumeric() { c } else { ' ' });
    for c in flat.chain([' ']) {
        let [_, b, last] = window;
        if c == ' ' && last == ' ' {
            continue;
        }
        window = [b, last, c];
        out.push(window.iter().fold(0x811C_9DC5, |h: u32, c| (h ^ u32::from(*c)).wrapping_mul(0x0100_0193)));
    }
    out.sort_unstable();
    out.dedup();
    out
}

#[cfg(test)]
mod tests {
    use super::{number, raw_words, roman};

    #[test]
    fn words_keep_what_tells_questions_apart() {
        let words = |text: &str| raw_words(text).into_iter().map(|w| w.text).collect::<Vec<_>>();
        assert_eq!(words("Isn't C++ 2.5x (15%) Bob's -3?"), ["Isn't", "C++", "2.5x", "15", "%", "Bob", "-3"]);
        let names: Vec<bool> =
            raw_words("Is Paris big? Rome is").iter().map(|w| w.capital && !w.begins).collect();
        assert_eq!(names, [false, true, false, false, false]);
    }

    #[test]
    fn one_number_has_one_form() {
        assert_eq!(number("1,000"), number("1000"));
        assert_eq!(number("3rd"), number("three"));
        assert_eq!(number("2.50"), number("2.5"));
        assert_ne!(number("-5"), number("5"));
        assert_eq!(number("one"), None);
        assert_eq!(roman("II", true), number("second"));
        assert_eq!((roman("I", false), roman("ii", true)), (None, None));
    }
}
