//! Vectors as they are stored (one byte a number), pages of them, and exact nearest neighbours.

use crate::model::DIMS;

/// A vector of 256 numbers of one byte each, with the inverse of its length.
#[derive(Clone, Debug, PartialEq)]
pub struct Small {
    values: Box<[i8; DIMS]>,
    inverse: f32,
}

impl Small {
    /// Rounds `vector` to bytes: its largest number becomes ±127. Shorter vectors are filled with zeros, longer ones cut.
    #[must_use]
    pub fn new(vector: &[f32]) -> Self {
        let top = vector.iter().take(DIMS).fold(0.0_f32, |top, v| top.max(v.abs()));
        let mut values = Box::new([0_i8; DIMS]);
        if 0.0 < top && top.is_finite() {
            for (to, from) in values.iter_mut().zip(vector) {
                *to = (from * 127.0 / top).round() as i8;
            }
        }
        Self { inverse: inverse(values.as_slice()), values }
    }

    /// Reads 256 stored bytes; `None` for another count.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut values = Box::new([0_i8; DIMS]);
        if bytes.len() != DIMS {
            return None;
        }
        for (to, from) in values.iter_mut().zip(bytes) {
            *to = i8::from_le_bytes([*from]);
        }
        Some(Self { inverse: inverse(values.as_slice()), values })
    }

    /// The 256 bytes to store.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.values.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    /// Cosine with another, `-1.0..=1.0`; 0 where either is all zeros.
    #[must_use]
    pub fn cosine(&self, other: &Self) -> f32 {
        dot(self.values.as_slice(), other.values.as_slice()) as f32 * self.inverse * other.inverse
    }
}

/// A row of a page and how near it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Near {
    /// The row, in the order of [`Page::push`].
    pub row: usize,
    /// Cosine with the query.
    pub cosine: f32,
}

/// Vectors of one scope, one after another in memory.
#[derive(Clone, Debug, Default)]
pub struct Page {
    values: Vec<i8>,
    inverses: Vec<f32>,
}

impl Page {
    /// Reads a page from the bytes of [`Page::to_bytes`]; `None` where they are not whole rows.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if !bytes.len().is_multiple_of(DIMS) {
            return None;
        }
        let values: Vec<i8> = bytes.iter().map(|b| i8::from_le_bytes([*b])).collect();
        let inverses = values.chunks_exact(DIMS).map(inverse).collect();
        Some(Self { values, inverses })
    }

    /// The rows' bytes, 256 each, in order.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.values.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    /// Appends a vector.
    pub fn push(&mut self, vector: &Small) {
        self.values.extend_from_slice(vector.values.as_slice());
        self.inverses.push(vector.inverse);
    }

    /// Takes a row out; the last row takes its place. `false` where there is no such row.
    pub fn swap_remove(&mut self, row: usize) -> bool {
        let Some(last) = self.inverses.len().checked_sub(1).filter(|last| row <= *last) else { return false };
        self.inverses.swap_remove(row);
        if row < last {
            self.values.copy_within(last * DIMS..(last + 1) * DIMS, row * DIMS);
        }
        self.values.truncate(last * DIMS);
        true
    }

    /// The vector at a row.
    #[must_use]
    pub fn row(&self, row: usize) -> Option<Small> {
        let values: [i8; DIMS] = self.values.get(row * DIMS..(row + 1) * DIMS)?.try_into().ok()?;
        Some(Small { values: Box::new(values), inverse: *self.inverses.get(row)? })
    }

    /// How many rows it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inverses.len()
    }

    /// Whether it has no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inverses.is_empty()
    }

    /// The `count` nearest rows whose cosine is at least `floor`, nearest first; of equals the earlier row first.
    /// Exact: every row is compared.
    #[must_use]
    pub fn nearest(&self, query: &Small, count: usize, floor: f32) -> Vec<Near> {
        let mut best: Vec<Near> = Vec::with_capacity(count + 1);
        let mut least = floor;
        for (row, (values, inverse)) in self.values.chunks_exact(DIMS).zip(&self.inverses).enumerate() {
            let cosine = dot(query.values.as_slice(), values) as f32 * query.inverse * inverse;
            let full = best.len() == count;
            if cosine < least || (full && cosine <= least) || count == 0 {
                continue;
            }
            let at = best.partition_point(|near| cosine <= near.cosine);
            best.insert(at, Near { row, cosine });
            best.truncate(count);
            if best.len() == count {
                least = best.last().map_or(floor, |near| near.cosine);
            }
        }
        best
    }
}

/// Sum of products. Written so that it becomes `i32x4.dot_i16x8_s` with SIMD128 and `pmaddwd` with SSE2.
fn dot(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).map(|(&a, &b)| i32::from(i16::from(a) * i16::from(b))).sum()
}

/// Sum of products of the leading numbers that both have.
pub(crate) fn dot_f32(a: &[f32], b: &[f32]) -> f32 {
    // Eight sums side by side: one running sum would have to be added in order and could not use wide registers.
    let mut sums = [0.0_f32; 8];
    let (xs, ys) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = xs.remainder().iter().zip(ys.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in xs.zip(ys) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += x * y;
        }
    }
    sums.iter().sum::<f32>() + rest
}

fn inverse(values: &[i8]) -> f32 {
    let square = dot(values, values);
    if square == 0 { 0.0 } else { 1.0 / (square as f32).sqrt() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Page, Small};

    fn vector() -> impl Strategy<Value = Vec<f32>> {
        prop::collection::vec(-1.0_f32..1.0, 256)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn bytes_keep_the_cosine(a in vector(), b in vector()) {
            let exact = a.iter().zip(&b).map(|(a, b)| a * b).sum::<f32>()
                / (a.iter().map(|a| a * a).sum::<f32>().sqrt() * b.iter().map(|b| b * b).sum::<f32>().sqrt());
            let (a, b) = (Small::new(&a), Small::new(&b));
            prop_assert!((a.cosine(&b) - exact).abs() < 0.01);
            prop_assert_eq!(Small::from_bytes(&a.to_bytes()), Some(a));
        }

        #[test]
        fn nearest_is_what_sorting_all_rows_gives(rows in prop::collection::vec(vector(), 0..40), query in vector(), count in 0_usize..6) {
            let mut page = Page::default();
            rows.iter().for_each(|row| page.push(&Small::new(row)));
            let page = Page::from_bytes(&page.to_bytes()).unwrap();
            let query = Small::new(&query);
            let mut all: Vec<(usize, f32)> = rows.iter().map(|row| query.cosine(&Small::new(row))).enumerate().collect();
            all.retain(|near| 0.0 <= near.1);
            all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            all.truncate(count);
            let found: Vec<(usize, f32)> = page.nearest(&query, count, 0.0).iter().map(|near| (near.row, near.cosine)).collect();
            prop_assert_eq!(found, all);
        }
    }

    #[test]
    fn a_removed_row_gives_its_place_to_the_last() {
        let axis = |n: usize| Small::new(&(0..256).map(|i| f32::from(u8::from(i == n))).collect::<Vec<_>>());
        let mut page = Page::default();
        (0..3).for_each(|n| page.push(&axis(n)));
        assert!(page.swap_remove(0));
        assert!(!page.swap_remove(2));
        assert_eq!(page.nearest(&axis(2), 1, 0.5)[0].row, 0);
        assert!(page.nearest(&axis(0), 1, 0.5).is_empty());
    }

    #[test]
    fn zeros_are_near_nothing() {
        let zero = Small::new(&[0.0; 256]);
        assert_eq!(zero.cosine(&zero), 0.0);
        assert_eq!(Small::from_bytes(&[0; 255]), None);
    }
}
