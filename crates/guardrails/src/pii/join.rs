//! Which words and groups belong to one segment although blanks part them.

use std::cell::{OnceCell, RefCell};

use super::{Kind, Memo, Settings, address, address::Style, context::Topics, date, iban, person};
use crate::text;

/// Decides what joins a segment that begins at one place.
pub(crate) struct Joiner<'m> {
    memo: &'m RefCell<Memo>,
    iban: bool,
    /// A number or a month that may begin a date.
    date: bool,
    /// Whether a date here is one of birth, once asked.
    birth: OnceCell<bool>,
    name: bool,
    address: Option<Style>,
}

/// Words a name may have.
const NAMES: usize = 3;

/// Words an address may have.
const STREET: usize = 7;

impl<'m> Joiner<'m> {
    /// Looks at the first run of a segment, `text[at..end]`.
    pub fn new(settings: &Settings, memo: &'m RefCell<Memo>, text: &str, at: usize, end: usize) -> Self {
        let run = text::part(text, at, end);
        let kinds = settings.kinds;
        let upper = || run.chars().next().is_some_and(char::is_uppercase);
        let begins_date =
            || run.len() <= 4 && run.starts_with(|first: char| first.is_ascii_digit()) || date::is_month(run);
        Self {
            memo,
            birth: OnceCell::new(),
            iban: run.len() <= 9 && iban::head(run).is_some(),
            date: kinds.has(Kind::DateOfBirth) && begins_date(),
            name: kinds.has(Kind::Person)
                && upper()
                && person::part_of_name(run)
                && person::expected(text, at),
            address: if kinds.has(Kind::Address) { address::style(run) } else { None },
        }
    }

    /// Where the run begins that may join what ends at `end`: `Some(None)` where none does, `None` where that cannot
    /// be told yet.
    pub fn next(&self, text: &str, at: usize, end: usize, last: bool) -> Option<Option<usize>> {
        let bytes = text.as_bytes();
        // Only a blank parts what belongs together, or a comma before it.
        if !matches!(bytes.get(end), None | Some(b' ' | b',' | 0xc2)) {
            return Some(None);
        }
        let so_far = text::part(text, at, end);
        let comma = self.date && text::byte(bytes, end) == b',';
        let numeric = numeric(so_far);
        if !numeric && !self.iban && !self.date && !self.name && self.address.is_none() {
            return Some(None);
        }
        let blank = end + usize::from(comma);
        let wide = bytes.get(blank..blank + 2) == Some(&[0xc2, 0xa0]);
        match bytes.get(blank) {
            None => return if last { Some(None) } else { None },
            Some(b' ') => {}
            Some(_) if wide && numeric => {}
            Some(_) => return Some(None),
        }
        let start = blank + 1 + usize::from(wide);
        let Some(next) = text::char_at(text, start) else { return if last { Some(None) } else { None } };
        let digit = next.is_ascii_digit();
        let rest = bytes.get(start..).unwrap_or_default();
        if self.date && rest.len() < 2 && !last {
            return None;
        }
        let joins = numeric && !comma && (digit || matches!(next, '(' | '+'))
            || self.iban && !comma && (digit || next.is_ascii_uppercase())
            || self.date
                && (digit || date::may_begin_month(rest))
                && so_far.split(' ').count() < 3
                && self.of_birth(text, at)
            || self.name
                && next.is_uppercase()
                && !so_far.ends_with("..")
                && so_far.split(' ').count() < NAMES
            || self.continues_address(so_far, next);
        Some(joins.then_some(start))
    }

    fn of_birth(&self, text: &str, at: usize) -> bool {
        *self.birth.get_or_init(|| self.memo.borrow_mut().before(text, at).any(Topics::BIRTH))
    }

    fn continues_address(&self, so_far: &str, next: char) -> bool {
        let Some(style) = &self.address else { return false };
        let words = so_far.split(' ').count();
        let recent = so_far.rsplit(' ').next().unwrap_or("");
        match style {
            Style::NumberFirst => {
                words < STREET && next.is_alphanumeric() && (words < 3 || !address::last(recent))
            }
            Style::StreetFirst => words < STREET && next.is_alphanumeric() && !address::house(recent),
            Style::OneWord => words == 1 && next.is_ascii_digit(),
        }
    }

    /// Whether the run `text[start..end]` joins the segment that began at `at`.
    pub fn takes(&self, text: &str, at: usize, start: usize, end: usize) -> bool {
        let run = text::part(text, start, end);
        let so_far = text::part(text, at, start).trim_end();
        let digit = run.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '(' | '+'));
        let group = run.trim_end_matches(['.', '!', '?', ':']);
        numeric(so_far) && digit
            || self.iban
                && group.len() <= 4
                && group.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
            || self.date && (digit || date::is_month(run)) && self.of_birth(text, at)
            || self.name && person::part_of_name(run)
            || match self.address {
                None => false,
                Some(Style::NumberFirst) => address::middle(run),
                Some(Style::StreetFirst) => address::middle(run) || address::house(group),
                Some(Style::OneWord) => address::house(group),
            }
    }
}

/// Whether a run ends in a group of a number, so that another group may follow.
fn numeric(run: &str) -> bool {
    if !matches!(run.as_bytes(), [.., b'0'..=b'9' | b')']) {
        return false;
    }
    let sign = |character: char| {
        character.is_ascii_digit() || matches!(character, '+' | '-' | '.' | '(' | ')' | '/' | ' ' | '\u{a0}')
    };
    let last = run.bytes().rev().find(|byte| !sign(char::from(*byte)) || 127 < *byte);
    match last {
        None => true,
        Some(last) if last.is_ascii() => !text::wordy(Some(char::from(last))),
        Some(_) => !text::wordy(run.trim_end_matches(sign).chars().next_back()),
    }
}
