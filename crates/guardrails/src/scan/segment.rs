//! Where a segment ends.

use std::{
    cell::{OnceCell, RefCell},
    ops::{BitOr, BitOrAssign, Range},
};

use super::{LEFT, Search};
use crate::{
    pii, text,
    unicode::{Traits, traits},
};

/// Bytes over which the groups of one number, or the words of one address, may stretch.
pub(super) const JOINED_CAP: usize = 96;

/// Bytes the longest joined entity may have: an IBAN in groups of four.
const LONGEST_JOINED: usize = 42;

/// Kinds of characters seen in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags(pub(super) u16);

impl Flags {
    pub const DIGIT: Self = Self(1);
    pub const UPPER: Self = Self(2);
    pub const LOWER: Self = Self(4);
    pub const AT: Self = Self(8);
    pub const COLON: Self = Self(16);
    pub const SLASHES: Self = Self(32);
    pub const LONG: Self = Self(64);
    pub const MARK: Self = Self(128);
    /// What a run that is more than a word has.
    pub const WANTED: Self = Self(1 | 8 | 16 | 32);
    pub const ALL: Self = Self(u16::MAX);

    pub fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Flags {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// How many digits, dots, colons and dashes a run has: what most detectors need several of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Signs(u64);

impl Signs {
    /// More of each than any detector asks for.
    const MANY: Self = Self(0x0fff_0fff_0fff_0fff);

    pub fn digits(self) -> u64 {
        self.0 & 0xffff
    }

    pub fn dots(self) -> u64 {
        self.0 >> 16 & 0xffff
    }

    pub fn colons(self) -> u64 {
        self.0 >> 32 & 0xffff
    }

    pub fn dashes(self) -> u64 {
        self.0 >> 48
    }
}

/// What a byte adds to [`Signs`]. No run is longer than its parts can count.
const fn sign(byte: u8) -> u64 {
    match byte {
        b'0'..=b'9' => 1,
        b'.' => 1 << 16,
        b':' => 1 << 32,
        b'-' => 1 << 48,
        _ => 0,
    }
}

/// Of each byte that is always part of a run, its flag and its sign.
pub(super) static PLAIN: [(u16, u64); 256] = {
    let mut table = [(0, 0); 256];
    let mut byte = 0_u8;
    while byte < 128 {
        #[expect(
            clippy::indexing_slicing,
            reason = "computed at build time, where a wrong index does not compile"
        )]
        {
            let flag = match CLASS[byte as usize] {
                LETTER_LOWER => Flags::LOWER.0,
                LETTER_UPPER => Flags::UPPER.0,
                NUMBER => Flags::DIGIT.0,
                MARK => Flags::MARK.0,
                SIGN_AT => Flags::AT.0,
                SIGN_COLON => Flags::COLON.0,
                SLASH => Flags::SLASHES.0,
                _ => 0,
            };
            table[byte as usize] = (flag, sign(byte));
        }
        byte += 1;
    }
    table
};

/// Characters of a run from which on it is long enough to hold a secret.
pub(super) const LONG: usize = 12;

pub(super) const STOP: u8 = 0;
pub(super) const LETTER_LOWER: u8 = 1;
pub(super) const LETTER_UPPER: u8 = 2;
const NUMBER: u8 = 3;
pub(super) const MARK: u8 = 4;
const SIGN_AT: u8 = 5;
pub(super) const SIGN_COLON: u8 = 6;
pub(super) const SLASH: u8 = 7;
pub(super) const OPEN: u8 = 8;
pub(super) const CLOSE: u8 = 9;
pub(super) const WIDE: u8 = 10;

/// What each byte is to a run.
pub(super) static CLASS: [u8; 256] = classes();

#[expect(clippy::indexing_slicing, reason = "computed at build time, where a wrong index does not compile")]
const fn classes() -> [u8; 256] {
    let mut table = [STOP; 256];
    let mut at = 0;
    while at < 256 {
        table[at] = match at as u8 {
            b'a'..=b'z' => LETTER_LOWER,
            b'A'..=b'Z' => LETTER_UPPER,
            b'0'..=b'9' => NUMBER,
            b'@' => SIGN_AT,
            b':' => SIGN_COLON,
            b'/' => SLASH,
            b'(' => OPEN,
            b')' => CLOSE,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'*' | b'+' | b'-' | b'.' | b'=' | b'?' | b'^' | b'_'
            | b'~' => MARK,
            128..=255 => WIDE,
            _ => STOP,
        };
        at += 1;
    }
    table
}

/// The end of a run or a segment, and what is in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    pub end: usize,
    pub flags: Flags,
    pub signs: Signs,
    /// The run goes on after `end`.
    pub cut: bool,
    /// More groups follow than one entity can have.
    pub window: bool,
    /// Only asked whether something reaches the end that could go on.
    pub probe: bool,
}

impl Ended {
    /// A run cut at `end` of which nothing else is known.
    pub fn cut(end: usize) -> Self {
        Self { end, flags: Flags::ALL, signs: Signs::MANY, cut: true, window: false, probe: false }
    }
}

/// The run at `at`: characters of words, numbers, addresses and tokens. `None` where the text ends before it does.
/// The first `seen` bytes are known to belong to it. Of one that is longer, no more than `most` bytes are read.
pub(super) fn run(text: &str, at: usize, seen: usize, last: bool, most: usize) -> Option<Ended> {
    let bytes = text.as_bytes();
    let mut end = at + seen;
    let (mut flags, mut signs) =
        if seen == 0 { (Flags::default(), Signs::default()) } else { (Flags::ALL, Signs::MANY) };
    let mut paren = false;
    while let Some(&byte) = bytes.get(end) {
        if at + most < end {
            return Some(Ended {
                end,
                flags: flags | Flags::LONG,
                signs,
                cut: true,
                window: false,
                probe: false,
            });
        }
        let (flag, sign) = PLAIN.get(usize::from(byte)).copied().unwrap_or((0, 0));
        if flag != 0 {
            flags.0 |= flag;
            signs.0 += sign;
            end += 1;
            continue;
        }
        match CLASS.get(usize::from(byte)).copied().unwrap_or(STOP) {
            OPEN | CLOSE if super::CAP <= end - at => break,
            OPEN => match bytes.get(end + 1) {
                None if !last => return None,
                Some(next) if next.is_ascii_digit() || *next == b'+' => paren = true,
                Some(_) | None => break,
            },
            CLOSE if paren => paren = false,
            WIDE => match text::char_at(text, end) {
                Some(character) if belongs(character) => {
                    flags |= Flags::LOWER;
                    end += character.len_utf8() - 1;
                }
                Some(_) | None => break,
            },
            _ => break,
        }
        end += 1;
    }
    if LONG <= end - at {
        flags |= Flags::LONG;
    }
    if end == text.len() && !last {
        None
    } else {
        Some(Ended { end, flags, signs, cut: false, window: false, probe: false })
    }
}

/// Whether a character outside ASCII can be part of a name or an address: letters of alphabets and their accents, not
/// ideographs, punctuation or blanks.
pub(super) fn belongs(character: char) -> bool {
    character < '\u{2000}'
        && (traits(character).any(Traits::ALPHANUMERIC) || ('\u{300}'..='\u{36f}').contains(&character))
}

/// A run with everything that continues it. `None` where more text could still join.
pub(super) fn joined(
    search: &Search,
    memo: &RefCell<pii::Memo>,
    text: &str,
    at: usize,
    first: Ended,
    last: bool,
) -> Option<Ended> {
    let mut whole = first;
    let words = search.pii.as_ref().map(|settings| pii::Joiner::new(settings, memo, text, at, first.end));
    loop {
        // `None` of the joiner says that what follows cannot be told yet.
        let next = match words.as_ref() {
            Some(joiner) => joiner.next(text, at, whole.end, last)?,
            None => None,
        };
        let Some(start) = next else { return Some(whole) };
        let run = match run(text, start, 0, last, super::CAP) {
            Some(run) => run,
            None if text.len() < at + JOINED_CAP => return None,
            None => return Some(Ended { window: true, ..whole }),
        };
        if at + JOINED_CAP <= run.end {
            return Some(Ended { window: true, ..whole });
        }
        if !words.as_ref().is_some_and(|joiner| joiner.takes(text, at, start, run.end)) {
            return Some(whole);
        }
        let signs = Signs(whole.signs.0 + run.signs.0);
        whole = Ended { end: run.end, flags: whole.flags | run.flags, signs, ..whole };
    }
}

/// Where to cut a segment of more groups than one entity has: after what was found at its beginning, else where
/// anything that begins before lies whole inside.
pub(super) fn settled(text: &str, at: usize, end: usize, found: Option<Range<usize>>) -> usize {
    let safe = at + JOINED_CAP - LONGEST_JOINED;
    if let Some(found) = found.filter(|found| found.start < safe) {
        return found.end;
    }
    let early = text::part(text, at, text::floor(text, safe.min(end))).rfind(' ').filter(|&blank| 0 < blank);
    early.map_or_else(
        || text::part(text, at, end).find(' ').map_or(end, |blank| at + blank),
        |blank| at + blank,
    )
}

/// Where to cut a run that is too long: at the last sign between its parts in its second half, else at the cap.
pub(super) fn soft_end(text: &str, at: usize, end: usize) -> usize {
    let middle = text::floor(text, at + (end - at) / 2);
    let signs = |character: char| matches!(character, '/' | '?' | '&' | '=' | '#' | ':' | '!' | '*');
    text::part(text, middle, end).rfind(signs).map_or(end, |sign| middle + sign + 1)
}

/// Whether a run is, or holds, a link.
pub(super) fn is_link(run: &str) -> bool {
    memchr::memmem::find(run.as_bytes(), b"//").is_some() || run.starts_with("www.")
}

/// One closed segment and what may be read to its left.
pub(crate) struct Segment<'t> {
    /// The text the segment is in: nothing after `end` and nothing before `left` may be read.
    pub text: &'t str,
    pub start: usize,
    pub end: usize,
    /// The segment itself.
    run: &'t str,
    /// Where the left context begins, once asked.
    left: OnceCell<usize>,
    pub flags: Flags,
    pub signs: Signs,
    /// What words to the left speak of.
    pub memo: &'t RefCell<pii::Memo>,
    /// Whether the run goes on after `end`.
    pub cut: bool,
    /// Whether this is the beginning of a run that is only asked for what could go on.
    pub probe: bool,
}

impl<'t> Segment<'t> {
    pub fn new(text: &'t str, start: usize, ended: Ended, memo: &'t RefCell<pii::Memo>) -> Self {
        let end = ended.end;
        let text = text::part(text, 0, end);
        Self {
            text,
            start,
            end,
            run: text::part(text, start, end),
            left: OnceCell::new(),
            flags: ended.flags,
            signs: ended.signs,
            memo,
            cut: ended.cut,
            probe: ended.probe,
        }
    }

    /// Where the left context begins.
    pub fn left(&self) -> usize {
        *self.left.get_or_init(|| text::back(self.text, self.start, LEFT))
    }

    /// The segment itself.
    pub fn str(&self) -> &'t str {
        self.run
    }

    /// The byte at an offset of the text; 0 past the segment.
    pub fn byte(&self, at: usize) -> u8 {
        text::byte(self.text.as_bytes(), at)
    }

    /// The last `count` characters before `at` that may be read.
    pub fn left_of(&self, at: usize, count: usize) -> &'t str {
        text::part(self.text, text::back(self.text, at, count).max(self.left()), at)
    }

    /// The character before `at`.
    pub fn before(&self, at: usize) -> Option<char> {
        // At least one character to the left of a segment may be read.
        if at < self.start && at <= self.left() { None } else { text::char_before(self.text, at) }
    }

    /// Whether what ends at `at` ends there for good: no letter, digit or `_` follows.
    pub fn ends(&self, at: usize) -> bool {
        if at == self.end { !self.cut } else { !text::wordy(text::char_at(self.text, at)) }
    }

    /// Whether what begins at `at` begins there: no letter, digit or `_` comes before.
    pub fn begins(&self, at: usize) -> bool {
        !text::wordy(self.before(at))
    }
}
