//! What was asked in one scope: the entries that a question is compared with, as one value of the store.
//!
//! ```text
//! semantic/{tenant}/{model}/{scope}  →  a page; `model` as in answers' keys, `scope` the scope's fingerprint
//!
//! "SLP1", length and name of the model that made the vectors, rows (u32),
//! 256 bytes of vector a row, then row by row: created, expires, used (u64, milliseconds), the fingerprint of the answer
//! (32 bytes), length (u16) and bytes of the question. Numbers are little-endian.
//! ```
//!
//! A page holds no answer: those have keys of their own, and what a row leads to is looked up and judged anew. So a page
//! that is out of date loses hits and nothing else.

use sluice_semantic::{
    decide::Entries,
    vector::{Page as Vectors, Small},
};
use sluice_types::time::Timestamp;

use crate::key::Digest;

/// The most questions of a scope.
pub const MOST: usize = 1_000;

/// The largest page, in bytes: stores take a megabyte.
pub const LARGEST: usize = 900_000;

const MAGIC: &[u8] = b"SLP1";
const VECTOR: usize = 256;
/// What a row takes beside its vector and its text, in bytes.
const ROW: usize = 3 * 8 + 32 + 2;

/// A question that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The last turn as it was written.
    pub text: String,
    /// The fingerprint under which its answer is kept.
    pub answer: Digest,
    /// When it was asked.
    pub created_at: Timestamp,
    /// When its answer is over, stale or not.
    pub expires_at: Timestamp,
    /// When it last served.
    pub used_at: Timestamp,
}

/// The questions of one scope.
#[derive(Clone, Debug)]
pub struct Page {
    /// The model that made the vectors.
    model: String,
    rows: Vec<Row>,
    vectors: Vectors,
}

impl Entries for Page {
    fn text(&self, row: usize) -> Option<&str> {
        self.rows.get(row).map(|row| row.text.as_str())
    }
}

impl Page {
    /// One without rows, for vectors of `model`.
    pub fn new(model: &str) -> Self {
        Self { model: model.to_owned(), rows: Vec::new(), vectors: Vectors::default() }
    }

    /// Reads a page; `None` where the bytes are none, or were made with another model: nothing of it can be compared.
    pub fn parse(bytes: &[u8], model: &str) -> Option<Self> {
        let mut left = Left(bytes);
        if left.take(MAGIC.len())? != MAGIC {
            return None;
        }
        let length = left.number::<1>()? as usize;
        if left.take(length)? != model.as_bytes() {
            return None;
        }
        let count = left.number::<4>()? as usize;
        if MOST < count {
            return None;
        }
        let vectors = Vectors::from_bytes(left.take(count * VECTOR)?)?;
        let mut rows = Vec::with_capacity(count);
        for _ in 0..count {
            let mut time = || left.number::<8>().map(Timestamp);
            let (created_at, expires_at, used_at) = (time()?, time()?, time()?);
            let answer = left.take(32)?.try_into().ok()?;
            let length = left.number::<2>()? as usize;
            let text = str::from_utf8(left.take(length)?).ok()?.to_owned();
            rows.push(Row { text, answer, created_at, expires_at, used_at });
        }
        left.0.is_empty().then_some(Self { model: model.to_owned(), rows, vectors })
    }

    /// The bytes to store.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.size());
        out.extend_from_slice(MAGIC);
        out.push(self.model.len() as u8);
        out.extend_from_slice(self.model.as_bytes());
        out.extend_from_slice(&(self.rows.len() as u32).to_le_bytes());
        out.extend_from_slice(&self.vectors.to_bytes());
        for row in &self.rows {
            for time in [row.created_at, row.expires_at, row.used_at] {
                out.extend_from_slice(&time.0.to_le_bytes());
            }
            out.extend_from_slice(&row.answer);
            out.extend_from_slice(&(row.text.len() as u16).to_le_bytes());
            out.extend_from_slice(row.text.as_bytes());
        }
        out
    }

    fn size(&self) -> usize {
        let texts: usize = self.rows.iter().map(|row| VECTOR + ROW + row.text.len()).sum();
        MAGIC.len() + 1 + self.model.len() + 4 + texts
    }

    /// The rows.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Their vectors.
    pub fn vectors(&self) -> &Vectors {
        &self.vectors
    }

    /// The longest answer's end; `None` without rows.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.rows.iter().map(|row| row.expires_at).max()
    }

    /// A row served.
    pub fn touch(&mut self, row: usize, now: Timestamp) {
        if let Some(row) = self.rows.get_mut(row) {
            row.used_at = now;
        }
    }

    /// Drops what is over at `now`.
    pub fn forget_expired(&mut self, now: Timestamp) {
        let mut at = 0;
        while let Some(row) = self.rows.get(at) {
            if row.expires_at <= now {
                self.remove(at);
            } else {
                at += 1;
            }
        }
    }

    /// Adds a question; one that leads to the same answer is replaced. What served longest ago makes room.
    pub fn insert(&mut self, row: Row, vector: &Small) {
        if usize::from(u16::MAX) < row.text.len() {
            return;
        }
        if let Some(at) = self.rows.iter().position(|known| known.answer == row.answer) {
            self.remove(at);
        }
        self.rows.push(row);
        self.vectors.push(vector);
        self.shrink();
    }

    /// Adds what `other` knows: of the same question the later end and the later use hold.
    pub fn merge(&mut self, other: &Self) {
        if other.model != self.model {
            return;
        }
        let at: std::collections::HashMap<Digest, usize> =
            self.rows.iter().enumerate().map(|(at, row)| (row.answer, at)).collect();
        for (index, row) in other.rows.iter().enumerate() {
            match at.get(&row.answer).and_then(|at| self.rows.get_mut(*at)) {
                Some(known) => {
                    known.created_at = known.created_at.max(row.created_at);
                    known.expires_at = known.expires_at.max(row.expires_at);
                    known.used_at = known.used_at.max(row.used_at);
                }
                None => {
                    let Some(vector) = other.vectors.row(index) else { continue };
                    self.rows.push(row.clone());
                    self.vectors.push(&vector);
                }
            }
        }
        self.shrink();
    }

    fn shrink(&mut self) {
        let mut size = self.size();
        while MOST < self.rows.len() || LARGEST < size {
            let oldest = self.rows.iter().enumerate().min_by_key(|(_, row)| (row.used_at, row.created_at));
            let Some((at, row)) = oldest else { return };
            size -= VECTOR + ROW + row.text.len();
            self.remove(at);
        }
    }

    fn remove(&mut self, at: usize) {
        if self.vectors.swap_remove(at) {
            self.rows.swap_remove(at);
        }
    }
}

/// What is left to read.
struct Left<'a>(&'a [u8]);

impl<'a> Left<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, left) = self.0.split_at_checked(count)?;
        self.0 = left;
        Some(taken)
    }

    /// A number of `N` bytes, at most 8.
    fn number<const N: usize>(&mut self) -> Option<u64> {
        let bytes = self.take(N)?;
        Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(n: u32, used: u64, text: &str) -> Row {
        let mut answer = [0; 32];
        answer[..4].copy_from_slice(&n.to_le_bytes());
        let (created_at, expires_at, used_at) = (Timestamp(1), Timestamp(1_000 + used), Timestamp(used));
        Row { text: text.to_owned(), answer, created_at, expires_at, used_at }
    }

    fn vector(n: u32) -> Small {
        Small::new(&(0..256).map(|i| ((i * 31 + n * 17) % 97) as f32 - 48.0).collect::<Vec<_>>())
    }

    fn page(rows: impl IntoIterator<Item = u32>) -> Page {
        let mut page = Page::new("static-1");
        rows.into_iter().for_each(|n| page.insert(row(n, u64::from(n), "what?"), &vector(n)));
        page
    }

    fn same(one: &Page, other: &Page) -> bool {
        one.rows == other.rows && one.vectors.to_bytes() == other.vectors.to_bytes()
    }

    #[test]
    fn bytes_are_read_as_they_were_written_and_nothing_else_is() {
        let page = page([3, 1, 2]);
        let bytes = page.to_bytes();
        assert_eq!(bytes.len(), page.size());
        assert!(same(&Page::parse(&bytes, "static-1").unwrap(), &page));
        assert!(Page::parse(&bytes, "static-2").is_none(), "another model's vectors say nothing");
        for end in 0..bytes.len() {
            assert!(Page::parse(&bytes[..end], "static-1").is_none(), "{end}");
        }
        assert!(Page::parse(&[bytes.as_slice(), b"x"].concat(), "static-1").is_none());
    }

    #[test]
    fn what_served_longest_ago_makes_room() {
        let mut page = page(0..MOST as u32);
        page.touch(0, Timestamp(9_999));
        page.insert(row(5_000, 5_000, "new"), &vector(5_000));
        assert_eq!(page.rows().len(), MOST);
        let has = |n: u32| page.rows().iter().any(|known| known.answer == row(n, 0, "").answer);
        assert!(has(0) && !has(1) && has(2) && has(5_000));
        let long = "x".repeat(60_000);
        let mut page = Page::new("static-1");
        (0..20).for_each(|n| page.insert(row(n, u64::from(n), &long), &vector(n)));
        assert!(page.to_bytes().len() <= LARGEST && page.rows().len() == 14);
    }

    #[test]
    fn what_is_over_goes_and_keeps_rows_and_vectors_together() {
        let mut page = page(0..6);
        page.forget_expired(Timestamp(1_003));
        let mut left: Vec<u64> = page.rows().iter().map(|row| row.used_at.0).collect();
        for (at, row) in page.rows().iter().enumerate() {
            assert_eq!(page.vectors().row(at), Some(vector(row.used_at.0 as u32)));
        }
        left.sort_unstable();
        assert_eq!(left, [4, 5]);
    }

    #[test]
    fn two_pages_together_know_what_each_knows() {
        let (mut one, other) = (page([1, 2]), page([2, 3]));
        one.merge(&other);
        assert_eq!(one.rows().len(), 3);
        let mut later = page([1]);
        later.touch(0, Timestamp(77));
        one.merge(&later);
        assert_eq!(one.rows()[0].used_at, Timestamp(77));
        let before = one.clone();
        one.merge(&Page { model: "static-2".to_owned(), ..page([9]) });
        assert!(same(&one, &before));
    }

    proptest! {
        #[test]
        fn bytes_from_anywhere_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..400), at in 0_usize..900, to in any::<u8>()) {
            let _ = Page::parse(&bytes, "static-1");
            let mut bent = page([1, 2]).to_bytes();
            if let Some(byte) = bent.get_mut(at) {
                *byte = to;
            }
            let _ = Page::parse(&bent, "static-1");
        }
    }
}
