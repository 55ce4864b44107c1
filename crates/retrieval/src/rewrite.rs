//! What a follow-up turn asks for, from the turns before it, without a model.
//!
//! "And in London?" says nothing to a search. A turn that leans on what was said (it points back with a pronoun, begins
//! as a continuation, or is short and names little) is searched with the words of the turns it leans on: those of the user's last
//! turn that stood by itself, and, where it points back, the names of the last answer. A turn that stands by itself is
//! searched as it is: what was carried over would only mislead.

use crate::terms::is_small;

/// Most words that are carried over.
const CARRIED: usize = 12;
/// Most content words of a turn that is taken for a fragment.
const FRAGMENT: usize = 2;

/// A turn of the conversation so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn<'a> {
    /// What the user said.
    User(&'a str),
    /// What the model answered.
    Model(&'a str),
}

/// What to search for: the last turn's text, with words of the turns before it where it leans on them. `turns` are in
/// order, the last is the one to answer. Empty where none is the user's.
#[must_use]
pub fn query(turns: &[Turn<'_>]) -> String {
    let mut before = turns.iter().rev().skip_while(|turn| matches!(turn, Turn::Model(_)));
    let Some(Turn::User(last)) = before.next() else { return String::new() };
    let leaning = Leaning::of(last);
    if leaning == Leaning::None {
        return (*last).to_owned();
    }
    let own = words(last);
    let mut carried: Vec<String> = Vec::new();
    let carry = |word: &Word<'_>, carried: &mut Vec<String>| {
        let lower = word.text.to_lowercase();
        let known = own.iter().any(|own| own.text.to_lowercase() == lower)
            || carried.iter().any(|known| known.to_lowercase() == lower);
        if !known && carried.len() < CARRIED {
            carried.push(word.text.to_owned());
        }
    };
    for turn in before {
        match turn {
            // Names and numbers only: an answer is long, and most of it is not what is asked about.
            Turn::Model(text) if leaning == Leaning::PointsBack && carried.is_empty() => {
                let named = words(text);
                let mut names = named.iter().filter(|word| word.name).take(4);
                names.by_ref().for_each(|word| carry(word, &mut carried));
            }
            Turn::Model(_) => {}
            Turn::User(text) => {
                words(text).iter().filter(|word| word.content).for_each(|word| carry(word, &mut carried));
                if Leaning::of(text) == Leaning::None {
                    break;
                }
            }
        }
    }
    if carried.is_empty() { (*last).to_owned() } else { format!("{last} {}", carried.join(" ")) }
}

/// How a turn leans on those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaning {
    /// It stands by itself.
    None,
    /// It goes on with the question before: "and in London?".
    GoesOn,
    /// It points at something said before: "how high is it?".
    PointsBack,
}

impl Leaning {
    fn of(text: &str) -> Self {
        let words = words(text);
        let lower: Vec<String> = words.iter().map(|word| word.text.to_lowercase()).collect();
        let content = words.iter().filter(|word| word.content).count();
        let names = words.iter().any(|word| word.name);
        // "How do lighthouses produce their light?": the owner is named in the turn itself.
        let own = |at: usize| words.iter().take(at).any(|word| word.content);
        let points = |(at, word): (usize, &String)| {
            POINTING.contains(&word.as_str()) || OWNING.contains(&word.as_str()) && !own(at)
        };
        let flat = format!(" {} ", lower.join(" "));
        // "this" and "that" before a noun of the turn's own, or "it" of the weather, point at nothing said before; a
        // turn with names and much content of its own is taken to stand by itself.
        let pointing =
            lower.iter().enumerate().any(points) || PHRASES.iter().any(|phrase| flat.contains(phrase));
        let dummy = DUMMIES.iter().any(|dummy| flat.contains(dummy));
        let begins = BEGINNINGS.iter().any(|begin| flat.starts_with(&format!(" {begin} ")));
        if pointing && !dummy && (content <= 6 || !names) && content <= 10 {
            Self::PointsBack
        } else if begins && content <= 5 || content <= FRAGMENT && !defines(&lower) {
            Self::GoesOn
        } else {
            Self::None
        }
    }
}

/// Words that stand for something said before.
const POINTING: &[&str] = &[
    "it", "it's", "they", "them", "theirs", "he", "him", "she", "hers", "this", "that", "these", "those",
    "there", "one", "ones", "former", "latter", "same",
];

/// Words that stand for the owner of what follows.
const OWNING: &[&str] = &["its", "their", "his", "her"];

/// Phrases that stand for something said before.
const PHRASES: &[&str] = &[
    " the other ",
    " the first ",
    " the second ",
    " the last one ",
    " the above ",
    " as well ",
    " instead ",
];

/// Uses of those words that point at nothing.
const DUMMIES: &[&str] = &[
    " is it possible to ",
    " is there a ",
    " is there an ",
    " are there any ",
    " is there any ",
    " how long does it take to ",
    " does it cost to ",
    " is it true that ",
    " is it safe to ",
    " is it legal to ",
    " is it necessary to ",
    " is it ok to ",
    " is it worth ",
    " it is ",
    " make sure that ",
    " so that ",
    " believe that ",
    " one of the ",
];

/// How a turn begins that goes on with the one before.
const BEGINNINGS: &[&str] =
    &["and", "but", "or", "so", "also", "then", "otherwise", "because", "what about", "how about"];

/// "What is photosynthesis?" is short and stands by itself: it asks what something is.
fn defines(lower: &[String]) -> bool {
    let begins = |start: &[&str]| {
        lower.len() > start.len() && lower.iter().zip(start).all(|(word, start)| word == start)
    };
    [
        "what is",
        "what are",
        "what's",
        "who is",
        "who was",
        "who are",
        "where is",
        "where are",
        "define",
        "explain",
        "describe",
        "how to",
        "how do",
        "list",
        "show",
        "find",
        "tell",
    ]
    .iter()
    .any(|start| begins(&start.split(' ').collect::<Vec<_>>()))
}

/// A word of a turn.
struct Word<'a> {
    text: &'a str,
    /// It says what is asked about.
    content: bool,
    /// It looks like a name or holds a digit.
    name: bool,
}

/// Words that shape a question and are no small words elsewhere.
const SHAPING: &[&str] = &[
    "what's",
    "it's",
    "ok",
    "okay",
    "thanks",
    "thank",
    "yes",
    "yeah",
    "like",
    "say",
    "mean",
    "explain",
    "give",
    "show",
    "want",
    "know",
    "need",
    "get",
    "much",
    "many",
    "long",
    "one",
    "ones",
    "else",
    "instead",
    "well",
    "happens",
    "happen",
    "works",
    "work",
    "exactly",
    "details",
    "example",
    "former",
    "latter",
    "first",
    "second",
    "last",
    "explain",
    "elaborate",
    "continue",
    "sure",
    "really",
    "let",
    "make",
    "use",
];

fn words(text: &str) -> Vec<Word<'_>> {
    let mut begins = true;
    let mut out = Vec::new();
    for piece in text.split_whitespace() {
        let word = piece.trim_matches(|character: char| !character.is_alphanumeric());
        let lower = word.to_lowercase().replace('’', "'");
        if !word.is_empty() {
            let capital = word.chars().next().is_some_and(char::is_uppercase);
            let named = capital && !begins;
            let content = !is_small(&lower) && (named || !SHAPING.contains(&lower.as_str()));
            let inner = word.chars().skip(1).any(|character| character.is_uppercase() || character == '_');
            let digit = word.chars().any(|character| character.is_ascii_digit());
            out.push(Word { text: word, content, name: content && (named || inner || digit) });
            begins = false;
        }
        begins |= piece.ends_with(['.', '!', '?', ':', ';']);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Turn::*, query};

    #[test]
    fn a_follow_up_is_searched_with_what_it_leans_on() {
        let turns =
            [User("How do I reset my password?"), Model("Open the settings."), User("And for admins?")];
        assert_eq!(query(&turns), "And for admins? reset password");
        let turns = [User("Who wrote Faust?"), Model("It was Johann Goethe."), User("When was he born?")];
        assert_eq!(query(&turns), "When was he born? Johann Goethe wrote Faust");
    }

    #[test]
    fn a_turn_that_stands_by_itself_is_searched_as_it_is() {
        let turns =
            [User("Who wrote Faust?"), Model("Goethe."), User("How do lighthouses produce their light?")];
        assert_eq!(query(&turns), "How do lighthouses produce their light?");
        assert_eq!(query(&[User("And why?")]), "And why?");
        assert_eq!(query(&[User("Why?"), Model("Because.")]), "Why?");
        assert_eq!(query(&[Model("Hello")]), "");
        assert_eq!(query(&[]), "");
    }

    #[test]
    fn a_chain_of_follow_ups_reaches_back_to_the_question() {
        let turns = [
            User("What is the warranty on batteries?"),
            Model("Two years."),
            User("And chargers?"),
            Model("One."),
            User("And cables?"),
        ];
        assert_eq!(query(&turns), "And cables? chargers warranty batteries");
    }

    proptest! {
        #[test]
        fn the_last_turn_is_always_in_it(turns in prop::collection::vec("\\PC{0,60}", 1..6)) {
            let all: Vec<_> = turns.iter().map(|text| User(text)).collect();
            prop_assert!(query(&all).starts_with(turns.last().unwrap()));
        }
    }
}
