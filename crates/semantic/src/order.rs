//! Who does what to whom: the same words, exchanged, ask another question.

use crate::{
    analysis::{Analysis, Word},
    lexicon,
    vector::dot_f32,
};

/// Cosine from which two words are of one kind, so that exchanging them makes sense: "tenant" and "landlord".
const ALIKE: f32 = 0.3;
/// Words of content that one text may have beside those both have: past it, their order says little.
const MOST_ALONE: usize = 2;

/// The words are exchanged: by direction, by place in one frame, or two of one kind among others that stay.
pub(crate) fn turned(a: &Analysis, b: &Analysis) -> bool {
    let (x, y) = (ends(a), ends(b));
    let crossed = x.iter().any(|(side, word)| y.iter().any(|(other, same)| side != other && word == same));
    let agreed = x.iter().any(|end| y.contains(end));
    let (forth, back) = (ways(a), ways(b));
    let opposed = forth.iter().any(|(from, to)| from != to && back.contains(&(*to, *from)))
        && !forth.iter().any(|way| back.contains(way));
    if (crossed && !agreed) || opposed {
        return true;
    }
    !agreed && !symmetric(a) && !symmetric(b) && (same_frame(a, b) || exchanged(a, b))
}

/// Which side of a direction a word stands for: `true` where things go to.
fn direction(word: &Word) -> Option<bool> {
    match word.text.as_str() {
        "from" | "off" | "out" | "after" => Some(false),
        "to" | "into" | "onto" | "before" => Some(true),
        _ => None,
    }
}

/// The word of content behind each direction: (whether things go to it, its stem).
fn ends(of: &Analysis) -> Vec<(bool, &str)> {
    let behind = |(i, word): (usize, &Word)| {
        let next = of.words.iter().skip(i + 1).find(|word| word.content)?;
        Some((direction(word)?, next.stem.as_str()))
    };
    of.words.iter().enumerate().filter_map(behind).collect()
}

/// What stands before and behind each direction, as (from, to): "Celsius to Fahrenheit", "Madrid from Berlin".
fn ways(of: &Analysis) -> Vec<(&str, &str)> {
    let way = |(i, word): (usize, &Word)| {
        let before = of.words.iter().take(i).rfind(|word| word.content)?.stem.as_str();
        let behind = of.words.iter().skip(i + 1).find(|word| word.content)?.stem.as_str();
        Some(if direction(word)? { (before, behind) } else { (behind, before) })
    };
    of.words.iter().enumerate().filter_map(way).collect()
}

/// Every small word where it was, and the words of content exchanged among their places.
fn same_frame(a: &Analysis, b: &Analysis) -> bool {
    let stems = |of: &Analysis| of.content().map(|word| word.stem.clone()).collect::<Vec<_>>();
    let (x, y) = (stems(a), stems(b));
    let (mut p, mut q) = (x.clone(), y.clone());
    p.sort_unstable();
    q.sort_unstable();
    let fits = |(a, b): (&Word, &Word)| a.content == b.content && (a.content || a.stem == b.stem);
    1 < x.len()
        && p == q
        && x != y
        && a.words.len() == b.words.len()
        && a.words.iter().zip(&b.words).all(fits)
}

/// Two words of one kind in the other order, where nearly all else is shared: "what does a tenant owe a landlord". Words that
/// stand side by side are one name ("laptop performance"), and a number stays with its word ("5 miles in kilometres").
fn exchanged(a: &Analysis, b: &Analysis) -> bool {
    let (x, y) = (once(a), once(b));
    let both: Vec<(usize, usize, &Word)> = x
        .iter()
        .filter_map(|(i, word)| Some((*i, y.iter().find(|(_, other)| other.stem == word.stem)?.0, *word)))
        .collect();
    let alone = |of: &Analysis, other: &Analysis| {
        of.content().filter(|word| other.content().all(|o| o.stem != word.stem)).count()
    };
    if both.len() < 2 || MOST_ALONE < alone(a, b) || MOST_ALONE < alone(b, a) || counted_alike(a, b) {
        return false;
    }
    let mut pairs =
        both.iter().enumerate().flat_map(|(at, one)| both.iter().skip(at + 1).map(move |two| (one, two)));
    pairs.any(|((i, j, one), (k, l, two))| {
        let apart = i.abs_diff(*k) != 1 && j.abs_diff(*l) != 1;
        apart && (i < k) != (j < l) && alike(one, two)
    })
}

/// Words of content that occur once, with their places.
fn once(of: &Analysis) -> Vec<(usize, &Word)> {
    let alone = |word: &Word| of.words.iter().filter(|other| other.stem == word.stem).count() == 1;
    of.words.iter().enumerate().filter(|(_, word)| word.content && alone(word)).collect()
}

/// The same number before the same word in both.
fn counted_alike(a: &Analysis, b: &Analysis) -> bool {
    let counted = |of: &Analysis| -> Vec<(String, String)> {
        let behind = of.words.iter().zip(of.words.iter().skip(1));
        behind.filter_map(|(number, word)| Some((number.number.clone()?, word.stem.clone()))).collect()
    };
    let others = counted(b);
    counted(a).iter().any(|pair| others.contains(pair))
}

fn alike(a: &Word, b: &Word) -> bool {
    let class = |word: &Word| lexicon::class(&word.text).map(|(class, _)| class);
    (class(a).is_some() && class(a) == class(b)) || ALIKE <= dot_f32(&a.vector, &b.vector)
}

/// What is asked of two things is the same whichever comes first.
fn symmetric(of: &Analysis) -> bool {
    of.words.iter().any(|word| {
        matches!(
            word.stem.as_str(),
            "and"
                | "or"
                | "vs"
                | "versus"
                | "differenc"
                | "differ"
                | "different"
                | "between"
                | "compar"
                | "similar"
                | "same"
        )
    })
}
