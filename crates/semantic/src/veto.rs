//! Differences of kind: whatever else agrees, two questions that differ so are not the same question.

use crate::{
    analysis::{Analysis, Word},
    aspect,
    lexicon::{self, Class},
    order,
    vector::dot_f32,
};

/// Why a candidate is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Veto {
    /// Other numbers.
    Number,
    /// Other units.
    Unit,
    /// One denies what the other says.
    Negation,
    /// A word against its opposite.
    Opposite,
    /// Other names, places or languages.
    Name,
    /// The same words the other way round.
    Order,
    /// Other days, months, seasons.
    Time,
    /// Another superlative or another amount.
    Extreme,
    /// For another audience.
    Audience,
    /// Another form of answer.
    Form,
    /// How against why, when against where, whether against why.
    Ask,
}

impl Veto {
    /// The word for it in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "other_number",
            Self::Unit => "other_unit",
            Self::Negation => "other_negation",
            Self::Opposite => "other_opposite",
            Self::Name => "other_name",
            Self::Order => "other_order",
            Self::Time => "other_time",
            Self::Extreme => "other_extreme",
            Self::Audience => "other_audience",
            Self::Form => "other_form",
            Self::Ask => "other_ask",
        }
    }
}

/// The first veto that applies, if any.
pub(crate) fn veto(a: &Analysis, b: &Analysis) -> Option<Veto> {
    if numbers_differ(a, b) {
        return Some(Veto::Number);
    }
    if (a.negations + b.negations) % 2 == 1 {
        return Some(Veto::Negation);
    }
    if opposites(a, b) {
        return Some(Veto::Opposite);
    }
    let classes = [
        (Class::Unit, Veto::Unit),
        (Class::Time, Veto::Time),
        (Class::Extreme, Veto::Extreme),
        (Class::Amount, Veto::Extreme),
        (Class::Audience, Veto::Audience),
        (Class::Form, Veto::Form),
        (Class::Place, Veto::Name),
        (Class::Language, Veto::Name),
    ];
    if let Some((_, veto)) = classes.into_iter().find(|(class, _)| conflict(a, b, *class) == 2) {
        return Some(veto);
    }
    if names_differ(a, b) {
        return Some(Veto::Name);
    }
    if asks_differ(a, b) || aspect::alien(a.aspect, b.aspect) {
        return Some(Veto::Ask);
    }
    order::turned(a, b).then_some(Veto::Order)
}

/// 0 where a class's words are the same, 1 where one text has more, 2 where each has one the other lacks.
pub(crate) fn conflict(a: &Analysis, b: &Analysis, class: Class) -> u8 {
    let (a, b) = (a.class(class), b.class(class));
    let beyond = |a: &[u16], b: &[u16]| a.iter().any(|member| !b.contains(member));
    u8::from(beyond(a, b)) + u8::from(beyond(b, a))
}

/// Numbers on both sides, and not the same ones; or a digit string on one side only beside others shared.
pub(crate) fn numbers_differ(a: &Analysis, b: &Analysis) -> bool {
    let (mut a, mut b) = (numbers(a), numbers(b));
    a.sort_unstable();
    b.sort_unstable();
    !a.is_empty() && !b.is_empty() && a != b
}

pub(crate) fn numbers(of: &Analysis) -> Vec<&str> {
    of.words.iter().filter_map(|word| word.number.as_deref()).collect()
}

/// A word of one against its opposite in the other, where neither text holds both.
pub(crate) fn opposites(a: &Analysis, b: &Analysis) -> bool {
    let lacks = |of: &Analysis, word: &Word| of.words.iter().all(|w| w.stem != word.stem);
    a.words.iter().filter(|word| lacks(b, word)).any(|x| {
        b.words
            .iter()
            .filter(|word| lacks(a, word))
            .any(|y| lexicon::opposite(&x.text, &y.text) || lexicon::opposite(&x.stem, &y.stem))
    })
}

/// Names on both sides that the other text does not hold in any spelling near it.
pub(crate) fn names_differ(a: &Analysis, b: &Analysis) -> bool {
    let strange = |a: &Analysis, b: &Analysis| {
        a.words.iter().any(|word| word.name && word.content && b.words.iter().all(|other| !near(word, other)))
    };
    strange(a, b) && strange(b, a)
}

fn near(a: &Word, b: &Word) -> bool {
    let class = |word: &Word| lexicon::class(&word.text);
    a.stem == b.stem
        || (class(a).is_some() && class(a) == class(b))
        || (a.number.is_some() && a.number == b.number)
        || 0.8 < dot_f32(&a.vector, &b.vector)
}

/// Both ask with a question word that asks for another kind of thing, and share none: a second one mostly joins sentences
/// ("how do I feel better when I am ill").
fn asks_differ(a: &Analysis, b: &Analysis) -> bool {
    // Positions in the list: what 0, how 1, why 2, when 3, where 4, who 5. "What" and "which" stand for any of them.
    let (x, y) = (a.class(Class::Ask), b.class(Class::Ask));
    let hard = |asks: &[u16]| asks.iter().any(|ask| (2..=5).contains(ask));
    let how = |asks: &[u16]| asks == [1];
    let apart = !x.iter().any(|ask| y.contains(ask));
    apart && ((hard(x) && hard(y)) || (how(x) && hard(y)) || (how(y) && hard(x)))
}
