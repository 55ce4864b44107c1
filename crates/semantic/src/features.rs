//! What the verifier sees of a pair of questions: numbers that do not depend on which comes first.

use crate::{
    analysis::{Analysis, Word},
    aspect,
    lexicon::Class,
    order,
    rest::Rest,
    vector::dot_f32,
    veto,
};

/// Features of a pair, in the order of [`NAMES`].
pub(crate) type Features = [f32; COUNT];
pub(crate) const COUNT: usize = 52;

/// Names for tools and tests.
pub(crate) const NAMES: [&str; COUNT] = [
    "cosine",
    "content_cosine",
    "uncovered_more",
    "uncovered_less",
    "worst_word_more",
    "worst_word_less",
    "jaccard_content",
    "jaccard_all",
    "alone_more",
    "alone_less",
    "contained",
    "length_ratio",
    "length_gap",
    "shorter",
    "trigram_dice",
    "first_word",
    "numbers",
    "negation",
    "opposite",
    "names",
    "order",
    "turned",
    "ask",
    "time",
    "extreme",
    "amount",
    "unit",
    "form",
    "language",
    "place",
    "audience",
    "person",
    "mode",
    "bigrams",
    "subsequence",
    "substituted",
    "substitute_cosine",
    "last_content",
    "weighted_jaccard",
    "shared_weight",
    "rest_cosine",
    "rest_more",
    "rest_less",
    "rarest_more",
    "rarest_less",
    "tail_more",
    "tail_less",
    "rarest_shared",
    "first_content_cosine",
    "last_content_cosine",
    "small_cosine",
    "aspect",
];

/// How well each word of `a` is matched in `b`: share of weight unmatched, and the worst single word's.
struct Cover {
    uncovered: f32,
    worst: f32,
    best: Vec<f32>,
}

fn cover(a: &[&Word], b: &[&Word]) -> Cover {
    let total: f32 = a.iter().map(|word| word.weight).sum::<f32>().max(1e-6);
    let best: Vec<f32> = a
        .iter()
        .map(|x| {
            b.iter()
                .map(|y| if x.stem == y.stem { 1.0 } else { dot_f32(&x.vector, &y.vector) })
                .fold(0.0, f32::max)
        })
        .collect();
    let lost = a.iter().zip(&best).map(|(word, best)| word.weight * (1.0 - best));
    let worst = lost.clone().fold(0.0, f32::max);
    Cover { uncovered: lost.sum::<f32>() / total, worst, best }
}

fn sets_by<'a>(words: impl Iterator<Item = &'a Word>) -> Vec<&'a str> {
    let mut out: Vec<&str> = words.map(|word| word.stem.as_str()).collect();
    out.sort_unstable();
    out.dedup();
    out
}

fn shared<T: Ord>(a: &[T], b: &[T]) -> usize {
    a.iter().filter(|item| b.binary_search(item).is_ok()).count()
}

fn share(part: usize, whole: usize) -> f32 {
    if whole == 0 { 0.0 } else { part as f32 / whole as f32 }
}

fn jaccard<T: Ord>(a: &[T], b: &[T]) -> f32 {
    let both = shared(a, b);
    share(both, a.len() + b.len() - both)
}

fn mean(words: &[&Word]) -> Vec<f32> {
    let size = words.first().map_or(0, |word| word.vector.len());
    let mut sum = vec![0.0; size];
    for word in words {
        sum.iter_mut().zip(&word.vector).for_each(|(sum, v)| *sum += word.weight * v);
    }
    sum
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let lengths = (dot_f32(a, a) * dot_f32(b, b)).sqrt();
    if 0.0 < lengths { dot_f32(a, b) / lengths } else { 0.0 }
}

fn bigrams(of: &Analysis) -> Vec<(&str, &str)> {
    let mut out: Vec<(&str, &str)> = of
        .words
        .iter()
        .zip(of.words.iter().skip(1))
        .map(|(a, b)| (a.stem.as_str(), b.stem.as_str()))
        .collect();
    out.sort_unstable();
    out.dedup();
    out
}

/// Length of the longest run of words, gaps allowed, that both hold in order.
fn subsequence(a: &[&str], b: &[&str]) -> usize {
    let mut row = vec![0_usize; b.len()];
    for x in a {
        let (mut diagonal, mut left) = (0, 0);
        for (cell, y) in row.iter_mut().zip(b) {
            let above = *cell;
            *cell = if x == y { diagonal + 1 } else { above.max(left) };
            (diagonal, left) = (above, *cell);
        }
    }
    row.last().copied().unwrap_or(0)
}

/// How alike two words are; -1 where one is missing.
fn likeness(a: Option<&&Word>, b: Option<&&Word>) -> f32 {
    a.zip(b).map_or(-1.0, |(a, b)| if a.stem == b.stem { 1.0 } else { dot_f32(&a.vector, &b.vector) })
}

/// Words that say nothing of what is asked about, but how it is asked.
fn small(of: &Analysis) -> Vec<&Word> {
    of.words.iter().filter(|word| !word.content).collect()
}

/// The features of a pair.
pub(crate) fn features(a: &Analysis, b: &Analysis) -> Features {
    let (x, y): (Vec<&Word>, Vec<&Word>) = (a.content().collect(), b.content().collect());
    let (forth, back) = (cover(&x, &y), cover(&y, &x));
    let (stems_a, stems_b) = (sets_by(a.content()), sets_by(b.content()));
    let (all_a, all_b) = (sets_by(a.words.iter()), sets_by(b.words.iter()));
    let both = shared(&stems_a, &stems_b);
    let (alone_a, alone_b) = (stems_a.len() - both, stems_b.len() - both);
    let (long, short) = (a.words.len().max(b.words.len()), a.words.len().min(b.words.len()));
    let sequence = |of: &Analysis| of.content().map(|word| word.stem.clone()).collect::<Vec<_>>();
    let (order_a, order_b) = (sequence(a), sequence(b));
    let kept = |order: &[String], other: &[&str]| {
        order.iter().filter(|stem| other.binary_search(&stem.as_str()).is_ok()).cloned().collect::<Vec<_>>()
    };
    let (common_a, common_b) = (kept(&order_a, &stems_b), kept(&order_b, &stems_a));
    let text = |of: &[String]| of.iter().map(String::as_str).map(str::to_owned).collect::<Vec<_>>();
    let run = |a: &[String], b: &[String]| {
        let (a, b) = (text(a), text(b));
        subsequence(
            &a.iter().map(String::as_str).collect::<Vec<_>>(),
            &b.iter().map(String::as_str).collect::<Vec<_>>(),
        )
    };
    let words = |of: &Analysis| of.words.iter().map(|word| word.stem.clone()).collect::<Vec<_>>();
    let weight = |list: &[&Word]| list.iter().map(|word| word.weight).sum::<f32>();
    let held = |list: &[&Word], best: &[f32]| {
        list.iter().zip(best).filter(|(_, best)| 1.0 <= **best).map(|(word, _)| word.weight).sum::<f32>()
    };
    let shared_weight = held(&x, &forth.best).min(held(&y, &back.best));
    let (rest_a, rest_b) = (Rest::of(&x, &forth.best), Rest::of(&y, &back.best));
    let rest_cosine = match (rest_a.words.is_empty(), rest_b.words.is_empty()) {
        (true, true) => 2.0,
        (false, false) => cosine(&mean(&rest_a.words), &mean(&rest_b.words)),
        (true, false) | (false, true) => -1.0,
    };
    let unmatched = |list: &[&Word], best: &[f32]| {
        list.iter().zip(best).filter(|(_, best)| **best < 1.0).map(|(_, b)| *b).collect::<Vec<_>>()
    };
    let (loose_a, loose_b) = (unmatched(&x, &forth.best), unmatched(&y, &back.best));
    let substituted = loose_a.len() == 1 && loose_b.len() == 1;
    let first = |of: &Analysis| of.words.first().map(|word| word.text.clone());
    let numbers = match (veto::numbers(a).is_empty(), veto::numbers(b).is_empty()) {
        (false, false) if veto::numbers_differ(a, b) => 2.0,
        (true, false) | (false, true) => 1.0,
        (true, true) | (false, false) => 0.0,
    };
    let class = |class: Class| f32::from(veto::conflict(a, b, class));
    let flag = |yes: bool| f32::from(u8::from(yes));
    let grams = a.trigrams.len() + b.trigrams.len();
    [
        dot_f32(&a.vector, &b.vector),
        cosine(&mean(&x), &mean(&y)),
        forth.uncovered.max(back.uncovered),
        forth.uncovered.min(back.uncovered),
        forth.worst.max(back.worst),
        forth.worst.min(back.worst),
        jaccard(&stems_a, &stems_b),
        jaccard(&all_a, &all_b),
        alone_a.max(alone_b) as f32,
        alone_a.min(alone_b) as f32,
        share(both, stems_a.len().min(stems_b.len())),
        share(short, long),
        (long - short) as f32,
        short as f32,
        share(2 * shared(&a.trigrams, &b.trigrams), grams),
        flag(first(a) == first(b)),
        numbers,
        flag((a.negations + b.negations) % 2 == 1),
        flag(veto::opposites(a, b)),
        flag(veto::names_differ(a, b)),
        1.0 - share(run(&common_a, &common_b), common_a.len().max(common_b.len()).max(1)),
        flag(order::turned(a, b)),
        class(Class::Ask),
        class(Class::Time),
        class(Class::Extreme),
        class(Class::Amount),
        class(Class::Unit),
        class(Class::Form),
        class(Class::Language),
        class(Class::Place),
        class(Class::Audience),
        class(Class::Person),
        class(Class::Mode),
        jaccard(&bigrams(a), &bigrams(b)),
        share(run(&words(a), &words(b)), long),
        flag(substituted),
        if substituted { loose_a.iter().chain(&loose_b).copied().fold(1.0, f32::min) } else { 1.0 },
        flag(order_a.last() == order_b.last()),
        2.0 * shared_weight / (weight(&x) + weight(&y)).max(1e-6),
        shared_weight,
        rest_cosine,
        rest_a.weight.max(rest_b.weight),
        rest_a.weight.min(rest_b.weight),
        rest_a.rarest.max(rest_b.rarest),
        rest_a.rarest.min(rest_b.rarest),
        rest_a.tail.max(rest_b.tail),
        rest_a.tail.min(rest_b.tail),
        rest_a.shared.min(rest_b.shared),
        likeness(x.first(), y.first()),
        likeness(x.last(), y.last()),
        cosine(&mean(&small(a)), &mean(&small(b))),
        aspect::apart(a.aspect, b.aspect),
    ]
}
