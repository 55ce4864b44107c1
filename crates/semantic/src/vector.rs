//! Vectors of one scope, one byte a number, and exact nearest neighbours.

use sluice_retrieval::dense::{Scan, Vector};

use crate::model::DIMS;

/// A row of a page and how near it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Near {
    /// The row, in the order of [`Page::push`].
    pub row: usize,
    /// Cosine with the query.
    pub cosine: f32,
}

/// Vectors of one scope, 256 bytes each, one after another in memory.
#[derive(Clone, Debug, Default)]
pub struct Page {
    values: Vec<u8>,
    inverses: Vec<f32>,
}

/// As a page keeps it.
fn small(vector: &[f32]) -> Vector {
    Vector::new(vector.get(..DIMS).unwrap_or(vector))
}

impl Page {
    /// Appends a vector; a shorter one is filled with zeros, a longer one cut.
    pub fn push(&mut self, vector: &[f32]) {
        let vector = small(vector);
        self.values.extend(vector.values().iter().map(|value| value.cast_unsigned()));
        self.inverses.push(vector.inverse());
        self.values.resize(self.inverses.len() * DIMS, 0);
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
    pub fn nearest(&self, query: &[f32], count: usize, floor: f32) -> Vec<Near> {
        let query = small(query);
        let scan = Scan::new(&query);
        let mut best: Vec<Near> = Vec::with_capacity(count + 1);
        let mut least = floor;
        for (row, (values, inverse)) in self.values.chunks_exact(DIMS).zip(&self.inverses).enumerate() {
            let cosine = scan.cosine(values, *inverse);
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

/// Shortest vector of a text with a known word, squared: a text without one has zeros.
const LEAST: f32 = 1e-6;

/// Whether it is the vector of a text of which the model knows a word.
#[must_use]
pub fn is_known(vector: &[f32]) -> bool {
    LEAST < dot_f32(vector, vector)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Page, small};

    fn vector() -> impl Strategy<Value = Vec<f32>> {
        prop::collection::vec(-1.0_f32..1.0, 256)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn nearest_is_what_sorting_all_rows_gives(rows in prop::collection::vec(vector(), 0..40), query in vector(), count in 0_usize..6) {
            let mut page = Page::default();
            rows.iter().for_each(|row| page.push(row));
            let mut all: Vec<(usize, f32)> = rows.iter().map(|row| small(&query).cosine(&small(row))).enumerate().collect();
            all.retain(|near| 0.0 <= near.1);
            all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            all.truncate(count);
            let found: Vec<(usize, f32)> = page.nearest(&query, count, 0.0).iter().map(|near| (near.row, near.cosine)).collect();
            prop_assert_eq!(found, all);
        }
    }

    #[test]
    fn a_removed_row_gives_its_place_to_the_last() {
        let axis = |n: usize| (0..256).map(|i| f32::from(u8::from(i == n))).collect::<Vec<_>>();
        let mut page = Page::default();
        (0..3).for_each(|n| page.push(&axis(n)));
        assert!(page.swap_remove(0));
        assert!(!page.swap_remove(2));
        assert_eq!(page.nearest(&axis(2), 1, 0.5)[0].row, 0);
        assert!(page.nearest(&axis(0), 1, 0.5).is_empty());
    }

    #[test]
    fn other_lengths_and_zeros_do_no_harm() {
        let mut page = Page::default();
        page.push(&[1.0, 0.0]);
        page.push(&[0.0; 300]);
        page.push(&[0.5; 300]);
        assert_eq!(page.len(), 3);
        assert_eq!(page.nearest(&[1.0], 1, 0.5)[0].row, 0);
        assert_eq!(page.nearest(&[1.0; 256], 1, 0.5)[0].row, 2);
        assert!(page.nearest(&[0.0; 256], 1, 0.1).is_empty());
    }
}
