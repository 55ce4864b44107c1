//! Which terms stand in which chunks of one file, packed.
//!
//! ```text
//! version   u8         1
//! width     u8         bytes of an end: 2 or 4
//! chunks    u32        how many
//! length    u32        terms in all of them
//! terms     u32        how many different ones
//! lengths   u16 each   terms in a chunk, 65,535 at most
//! hashes    u32 each   ascending
//! ends      width each where a term's list ends in what follows
//! lists                a list: how many chunks, then per chunk the distance from the one before and the count
//! ```
//!
//! Numbers are little-endian; those in lists are variable (seven bits a byte). Distance and count are one number where
//! the count is 1: `distance * 2`, else `distance * 2 + 1` and `count - 2`. Reading checks shapes only and copies
//! nothing; lists that were corrupted end early and never name a chunk that is not there.

use crate::{
    packed::{Reader, push_number, u16_at, u32_at},
    terms::Term,
};

const VERSION: u8 = 1;
const HEADER: usize = 14;

/// Why bytes cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damaged {
    /// Of another version than this build reads.
    Version,
    /// Shorter or longer than they say.
    Length,
}

impl std::fmt::Display for Damaged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Version => "the index was written by another version: index the file again",
            Self::Length => "the index is cut short or has trailing bytes: index the file again",
        })
    }
}

impl std::error::Error for Damaged {}

/// Packs the terms of a file's chunks, given in the chunks' order.
#[must_use]
pub fn pack<C: AsRef<[Term]>>(chunks: &[C]) -> Vec<u8> {
    let mut entries: Vec<(Term, u32)> = Vec::new();
    let (mut lengths, mut total) = (Vec::with_capacity(chunks.len() * 2), 0_u32);
    for (ordinal, terms) in (0_u32..).zip(chunks) {
        let terms = terms.as_ref();
        entries.extend(terms.iter().map(|term| (*term, ordinal)));
        let length = u16::try_from(terms.len()).unwrap_or(u16::MAX);
        lengths.extend(length.to_le_bytes());
        total = total.saturating_add(u32::from(length));
    }
    entries.sort_unstable();
    let (mut hashes, mut ends, mut lists) = (Vec::new(), Vec::new(), Vec::new());
    for term in entries.chunk_by(|a, b| a.0 == b.0) {
        hashes.extend(term.first().map_or(0, |first| first.0).to_le_bytes());
        push_number(&mut lists, term.chunk_by(|a, b| a == b).count() as u32);
        let mut last = 0;
        for same in term.chunk_by(|a, b| a == b) {
            let ordinal = same.first().map_or(0, |first| first.1);
            let (distance, count) = (ordinal - last, same.len() as u32);
            last = ordinal;
            push_number(&mut lists, distance * 2 + u32::from(count != 1));
            if let Some(more) = count.checked_sub(2) {
                push_number(&mut lists, more);
            }
        }
        ends.push(lists.len() as u32);
    }
    let narrow = lists.len() <= usize::from(u16::MAX);
    let mut out = vec![VERSION, if narrow { 2 } else { 4 }];
    for number in [chunks.len() as u32, total, ends.len() as u32] {
        out.extend(number.to_le_bytes());
    }
    out.extend(lengths);
    out.extend(hashes);
    for end in ends {
        out.extend(end.to_le_bytes().iter().take(if narrow { 2 } else { 4 }));
    }
    out.extend(lists);
    out
}

/// A file's postings over their packed bytes.
#[derive(Clone, Copy, Debug)]
pub struct Postings<'a> {
    chunks: u32,
    length: u32,
    wide: bool,
    lengths: &'a [u8],
    hashes: &'a [u8],
    ends: &'a [u8],
    lists: &'a [u8],
}

impl<'a> Postings<'a> {
    /// Reads what [`pack`] wrote; takes no time.
    ///
    /// # Errors
    ///
    /// [`Damaged`] if the bytes are of another version or length.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Damaged> {
        let (head, rest) = bytes.split_at_checked(HEADER).ok_or(Damaged::Length)?;
        let wide = match head {
            [VERSION, 2, ..] => false,
            [VERSION, 4, ..] => true,
            _ => return Err(Damaged::Version),
        };
        let number = |at| u32_at(head, at).ok_or(Damaged::Length);
        let (chunks, length, terms) = (number(2)?, number(6)?, number(10)? as usize);
        let cut =
            |bytes: &'a [u8], count: usize, width: usize| bytes.split_at_checked(count.checked_mul(width)?);
        let (lengths, rest) = cut(rest, chunks as usize, 2).ok_or(Damaged::Length)?;
        let (hashes, rest) = cut(rest, terms, 4).ok_or(Damaged::Length)?;
        let (ends, lists) = cut(rest, terms, if wide { 4 } else { 2 }).ok_or(Damaged::Length)?;
        let postings = Self { chunks, length, wide, lengths, hashes, ends, lists };
        let last = terms.checked_sub(1).and_then(|last| postings.end(last)).unwrap_or(0);
        if last == lists.len() { Ok(postings) } else { Err(Damaged::Length) }
    }

    /// How many chunks the file has.
    #[must_use]
    pub fn chunks(&self) -> u32 {
        self.chunks
    }

    /// How many terms there are in all chunks.
    #[must_use]
    pub fn length(&self) -> u32 {
        self.length
    }

    /// How many terms a chunk has; 0 for one that is not there.
    #[must_use]
    pub fn chunk_length(&self, chunk: u32) -> u16 {
        u16_at(self.lengths, chunk as usize * 2).unwrap_or(0)
    }

    /// The chunks that hold a term, and how often: ascending. Empty where none does.
    #[must_use]
    pub fn find(&self, term: Term) -> List<'a> {
        let mut list = List { chunks: self.chunks, next: 0, first: true, left: 0, reader: Reader::new(&[]) };
        let (mut from, mut to) = (0, self.hashes.len() / 4);
        while from < to {
            let middle = from.midpoint(to);
            match u32_at(self.hashes, middle * 4).unwrap_or(0).cmp(&term) {
                std::cmp::Ordering::Less => from = middle + 1,
                std::cmp::Ordering::Greater => to = middle,
                std::cmp::Ordering::Equal => {
                    let start = middle.checked_sub(1).and_then(|before| self.end(before)).unwrap_or(0);
                    let bytes =
                        self.end(middle).and_then(|end| self.lists.get(start..end)).unwrap_or_default();
                    list.reader = Reader::new(bytes);
                    list.left = list.reader.number().unwrap_or(0).min(self.chunks);
                    break;
                }
            }
        }
        list
    }

    fn end(&self, term: usize) -> Option<usize> {
        if self.wide {
            Some(u32_at(self.ends, term * 4)? as usize)
        } else {
            u16_at(self.ends, term * 2).map(usize::from)
        }
    }
}

/// The chunks of one term: their number within the file, and how often the term stands there.
#[derive(Clone, Debug)]
pub struct List<'a> {
    chunks: u32,
    next: u32,
    first: bool,
    left: u32,
    reader: Reader<'a>,
}

impl List<'_> {
    /// How many chunks are still to come.
    #[must_use]
    pub fn left(&self) -> u32 {
        self.left
    }
}

impl Iterator for List<'_> {
    type Item = (u32, u32);

    fn next(&mut self) -> Option<(u32, u32)> {
        self.left = self.left.checked_sub(1)?;
        let code = self.reader.number()?;
        let count = if code & 1 == 0 { 1 } else { self.reader.number()?.checked_add(2)? };
        let distance = code >> 1;
        // A distance of 0 is only right for the first: a chunk is named once.
        if distance == 0 && !self.first {
            return None;
        }
        self.first = false;
        self.next = self.next.checked_add(distance).filter(|chunk| *chunk < self.chunks)?;
        Some((self.next, count))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn file() -> impl Strategy<Value = Vec<Vec<Term>>> {
        prop::collection::vec(prop::collection::vec(prop_oneof![0_u32..40, any::<u32>()], 0..60), 0..20)
    }

    proptest! {
        #[test]
        fn what_was_packed_is_found(chunks in file()) {
            let bytes = pack(&chunks);
            let postings = Postings::parse(&bytes).unwrap();
            prop_assert_eq!(postings.chunks() as usize, chunks.len());
            prop_assert_eq!(postings.length() as usize, chunks.iter().map(Vec::len).sum::<usize>());
            let mut expected: BTreeMap<Term, BTreeMap<u32, u32>> = BTreeMap::new();
            for (ordinal, chunk) in (0..).zip(&chunks) {
                prop_assert_eq!(usize::from(postings.chunk_length(ordinal)), chunk.len());
                chunk.iter().for_each(|term| *expected.entry(*term).or_default().entry(ordinal).or_default() += 1);
            }
            for (term, list) in &expected {
                prop_assert_eq!(postings.find(*term).left() as usize, list.len());
                prop_assert_eq!(&postings.find(*term).collect::<BTreeMap<_, _>>(), list);
            }
            if !expected.contains_key(&41) {
                prop_assert_eq!(postings.find(41).count(), 0);
            }
        }

        #[test]
        fn corrupted_bytes_do_no_harm(chunks in file(), damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), cut in any::<prop::sample::Index>()) {
            let mut bytes = pack(&chunks);
            for (at, value) in damage {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            let whole = bytes.clone();
            bytes.truncate(cut.index(bytes.len() + 1));
            for bytes in [whole, bytes] {
                let Ok(postings) = Postings::parse(&bytes) else { continue };
                for term in (0..40).chain(chunks.iter().flatten().copied()) {
                    let found: Vec<u32> = postings.find(term).map(|(chunk, _)| chunk).collect();
                    prop_assert!(found.iter().all(|chunk| *chunk < postings.chunks()));
                    prop_assert!(found.is_sorted_by(|a, b| a < b));
                }
            }
        }
    }

    #[test]
    fn long_lists_take_wide_ends() {
        let chunks: Vec<Vec<Term>> =
            (0..700).map(|chunk| (0..100).map(|term| term * 7 + chunk % 3).collect()).collect();
        let bytes = pack(&chunks);
        assert_eq!(bytes[1], 4);
        let postings = Postings::parse(&bytes).unwrap();
        assert_eq!(postings.find(7).count(), 234);
        assert_eq!(Postings::parse(&bytes[..bytes.len() - 1]).unwrap_err(), Damaged::Length);
        assert_eq!(Postings::parse(&[9; 40]).unwrap_err(), Damaged::Version);
        assert_eq!(Postings::parse(&[]).unwrap_err(), Damaged::Length);
    }
}
