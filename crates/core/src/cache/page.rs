//! Questions of one scope: what a question is compared with.
//!
//! A page holds no answer: those have keys of their own, and what a row leads to is looked up and judged anew. So a page
//! that is out of date loses hits and nothing else.

use sluice_semantic::{decide::Entries, vector::Page as Vectors};
use sluice_types::time::Timestamp;

use crate::key::Digest;

/// The most questions of a page.
pub const MOST: usize = 64;

/// A question that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The last turn as it was written.
    pub text: String,
    /// The fingerprint under which its answer is kept.
    pub answer: Digest,
    /// When its answer is over, stale or not.
    pub expires_at: Timestamp,
}

/// Questions of one scope.
#[derive(Clone, Debug, Default)]
pub struct Page {
    rows: Vec<Row>,
    vectors: Vectors,
}

impl Entries for Page {
    fn text(&self, row: usize) -> Option<&str> {
        self.rows.get(row).map(|row| row.text.as_str())
    }
}

impl Page {
    /// The rows.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Their vectors.
    pub fn vectors(&self) -> &Vectors {
        &self.vectors
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

    /// Adds a question; one that leads to the same answer is replaced. What is over first makes room.
    pub fn insert(&mut self, row: Row, vector: &[f32]) {
        if let Some(at) = self.rows.iter().position(|known| known.answer == row.answer) {
            self.remove(at);
        }
        if MOST <= self.rows.len() {
            let first = self.rows.iter().enumerate().min_by_key(|(_, row)| row.expires_at);
            if let Some(at) = first.map(|(at, _)| at) {
                self.remove(at);
            }
        }
        self.rows.push(row);
        self.vectors.push(vector);
    }

    fn remove(&mut self, at: usize) {
        if self.vectors.swap_remove(at) {
            self.rows.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(n: u32, expires: u64) -> Row {
        let mut answer = [0; 32];
        answer[..4].copy_from_slice(&n.to_le_bytes());
        Row { text: format!("what {n}?"), answer, expires_at: Timestamp(expires) }
    }

    fn vector(n: u32) -> Vec<f32> {
        (0..256).map(|i| ((i * 31 + n * 17) % 97) as f32 - 48.0).collect()
    }

    fn together(page: &Page) {
        assert_eq!(page.rows.len(), page.vectors.len());
        for (at, row) in page.rows.iter().enumerate() {
            let n = u32::from_le_bytes(row.answer[..4].try_into().unwrap());
            assert!(page.vectors.nearest(&vector(n), 2, 0.999).iter().any(|near| near.row == at));
        }
    }

    #[test]
    fn rows_and_vectors_stay_together() {
        let mut page = Page::default();
        (0..6).for_each(|n| page.insert(row(n, u64::from(n)), &vector(n)));
        page.insert(row(2, 9), &vector(2));
        assert_eq!(page.rows().len(), 6, "one that leads to the same answer is replaced");
        page.forget_expired(Timestamp(3));
        together(&page);
        let mut left: Vec<u64> = page.rows().iter().map(|row| row.expires_at.0).collect();
        left.sort_unstable();
        assert_eq!(left, [4, 5, 9]);
    }

    #[test]
    fn what_is_over_first_makes_room() {
        let mut page = Page::default();
        (0..MOST as u32).for_each(|n| page.insert(row(n, 100 + u64::from((n + 1) % 64)), &vector(n)));
        page.insert(row(500, 500), &vector(500));
        assert_eq!(page.rows().len(), MOST);
        assert!(!page.rows().contains(&row(63, 100)));
        together(&page);
    }
}
