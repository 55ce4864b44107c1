//! Numbers in groups: cards, phones and national numbers made of digits alone.

use std::cell::OnceCell;

use super::{Kind, context, context::Topics, iban, national, phone};
use crate::{
    scan::{Flags, Segment},
    text,
};

/// Most digits a number has: the longest card.
const MOST: usize = 19;

/// Most groups a number has: a French social security number.
const GROUPS: usize = 7;

/// One number as written: its digits, how they are grouped and by what.
pub(super) struct Number<'a> {
    /// The digits, as numbers.
    pub digits: &'a [u8],
    /// Digits per group.
    pub shape: &'a [usize],
    /// What stands between the groups.
    pub between: &'a [&'a str],
    /// What stands directly before: `+`, `(`, `(+` or nothing.
    pub lead: &'a str,
    /// What the words to the left speak of.
    pub topics: &'a dyn Fn() -> Topics,
}

impl Number<'_> {
    /// Whether all groups are parted by this.
    pub fn parted_by(&self, sign: &str) -> bool {
        !self.between.is_empty() && self.between.iter().all(|between| *between == sign)
    }
}

/// Adds numbers.
pub(super) fn detect(segment: &Segment<'_>, add: &mut impl FnMut(Kind, usize, usize)) {
    let groups = groups(segment);
    if groups.iter().map(|(start, end)| end - start).sum::<usize>() < 6 || iban::head(segment.str()).is_some()
    {
        return;
    }
    let link = OnceCell::new();
    let link = || {
        *link.get_or_init(|| {
            let before = text::part(segment.text, segment.left(), segment.end);
            before.rsplit([' ', '\n', '"', '<']).next().unwrap_or("").contains("//")
        })
    };
    let left = OnceCell::new();
    let mut first = 0;
    while let Some(&(start, _)) = groups.get(first) {
        let lead = lead(segment, start);
        let begins = start - lead.len();
        let topics = || {
            let far = *left.get_or_init(|| context::before(segment, segment.start));
            let letters = segment.flags.any(Flags::UPPER | Flags::LOWER);
            if letters { far.and(context::before(segment, start)) } else { far }
        };
        let found =
            if free(segment, begins) { longest(segment, &groups, first, lead, &topics, &link) } else { None };
        match found {
            Some((kind, last, end)) => {
                add(kind, begins, end);
                first = last + 1;
            }
            None => first += 1,
        }
    }
}

/// The longest number that begins at a group.
fn longest(
    segment: &Segment<'_>,
    groups: &[(usize, usize)],
    first: usize,
    lead: &str,
    topics: &dyn Fn() -> Topics,
    link: &dyn Fn() -> bool,
) -> Option<(Kind, usize, usize)> {
    let mut digits = [0; MOST];
    let (mut shape, mut between) = ([0; GROUPS], [""; GROUPS]);
    let mut count = 0;
    let mut best = None;
    let mut previous: Option<usize> = None;
    for (nth, (at, &(start, end))) in groups.iter().enumerate().skip(first).take(GROUPS).enumerate() {
        if let Some(previous) = previous {
            let sign = text::part(segment.text, previous, start);
            let parts = matches!(sign, " " | "-" | "." | "/" | ") " | ")" | " (" | "(" | ")-" | "-(" | " - ");
            // Only after a country's code may a group of one digit follow: `+33 6 12 34 56 78`.
            if !parts || end - start < 2 && !(at == first + 1 && lead.ends_with('+')) {
                break;
            }
            if let Some(slot) = between.get_mut(nth - 1) {
                *slot = sign;
            }
        }
        let Some(places) = digits.get_mut(count..count + (end - start)) else { break };
        for (place, byte) in places.iter_mut().zip(text::part(segment.text, start, end).bytes()) {
            *place = byte.wrapping_sub(b'0');
        }
        count += end - start;
        if let Some(slot) = shape.get_mut(nth) {
            *slot = end - start;
        }
        previous = Some(end);
        if count < 6 {
            continue;
        }
        let number = Number {
            digits: digits.get(..count).unwrap_or_default(),
            shape: shape.get(..=nth).unwrap_or_default(),
            between: between.get(..nth).unwrap_or_default(),
            lead,
            topics,
        };
        let extension = phone::extension(segment, end);
        let closed = closed(segment, end);
        let sign = number.between.last().copied().unwrap_or("");
        let goes_on = groups
            .get(at + 1)
            .is_some_and(|(next, _)| !sign.is_empty() && text::part(segment.text, end, *next) == sign);
        let named = phone::named(segment, end);
        if closed
            && let Some(kind) = national::digits(&number).filter(|kind| *kind == Kind::CreditCard || !goes_on)
        {
            best = Some((kind, at, end));
        } else if (closed || named || extension != end)
            && phone::is_one(segment, &number, start_of(groups, first), named)
            && !link()
        {
            best = Some((Kind::Phone, at, extension));
        }
    }
    best
}

fn start_of(groups: &[(usize, usize)], first: usize) -> usize {
    groups.get(first).map_or(0, |(start, _)| *start)
}

/// Where the groups of digits of a segment are; those right behind a letter, as most in keys and hashes, belong to no number.
fn groups(segment: &Segment<'_>) -> Vec<(usize, usize)> {
    let digits = text::stretches(segment.str(), text::Set::DIGIT);
    let free = |at: &usize| *at == 0 || !segment.byte(segment.start + at - 1).is_ascii_alphabetic();
    let groups = digits.filter(|(at, _)| free(at));
    groups.map(|(at, digits)| (segment.start + at, segment.start + at + digits.len())).collect()
}

/// The signs before a number that belong to it.
fn lead<'t>(segment: &Segment<'t>, start: usize) -> &'t str {
    let before = text::part(segment.text, segment.start, start);
    ["(+", "+", "("]
        .into_iter()
        .find(|lead| before.ends_with(lead))
        .map_or("", |lead| text::part(segment.text, start - lead.len(), start))
}

/// Whether nothing before `at` makes a number there the rest of something else.
fn free(segment: &Segment<'_>, at: usize) -> bool {
    let Some(before) = segment.before(at) else { return true };
    let digit_before =
        || segment.before(at - before.len_utf8()).is_some_and(|character| character.is_ascii_digit());
    match before {
        '.' | '-' | '/' | '+' | '%' | '\\' => false,
        ',' | ':' => !digit_before(),
        ' ' | ')' | '(' => true,
        _ => !text::wordy(Some(before)),
    }
}

/// Whether a number that ends at `at` ends there.
fn closed(segment: &Segment<'_>, at: usize) -> bool {
    let more = matches!(segment.byte(at), b'.' | b'-' | b'/' | b':' | b'%')
        && segment.byte(at + 1).is_ascii_alphanumeric();
    segment.ends(at) && !more && segment.byte(at) != b'@' && (at < segment.end || !segment.cut)
}
