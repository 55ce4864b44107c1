//! Vectors of chunks, one byte a number, and how near each chunk is to a question: every one is compared.
//!
//! A chunk has a vector of all its text and, where its text is long, one of each [window](windows) of it. Its nearness
//! is the mean of the whole's cosine and the best window's: a long text's vector says a little of everything.
//!
//! Packed vectors of one file:
//!
//! ```text
//! version   u8         1
//! unused    u8         0
//! numbers   u16        in a vector
//! chunks    u32        how many
//! rows      u32        vectors of all chunks
//! counts    u8 each    vectors of a chunk: the whole's first, then its windows'; 0 where it has none
//! inverses  f32 each   1 / length of a row
//! rows      numbers each, signed bytes
//! ```

mod dot;
mod windows;

use dot::dot;
pub use windows::{MOST as MOST_WINDOWS, windows};

use crate::{
    packed::{f32_at, u16_at, u32_at},
    postings::Damaged,
};

const VERSION: u8 = 1;
const HEADER: usize = 12;

/// A vector whose numbers are bytes. Only its direction counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Vector {
    values: Vec<i8>,
    inverse: f32,
}

impl Vector {
    /// Rounds numbers to bytes: the largest becomes ±127. All zeros where one is not finite.
    #[must_use]
    pub fn new(numbers: &[f32]) -> Self {
        let top = numbers.iter().fold(0.0_f32, |top, number| top.max(number.abs()));
        let scale =
            if 0.0 < top && numbers.iter().all(|number| number.is_finite()) { 127.0 / top } else { 0.0 };
        let scale = if scale.is_finite() { scale } else { 0.0 };
        Self::from_bytes(numbers.iter().map(|number| (number * scale).round() as i8).collect())
    }

    /// Takes bytes as a provider gave them.
    #[must_use]
    pub fn from_bytes(values: Vec<i8>) -> Self {
        let square = dot(&values, &values);
        let inverse = if square == 0 { 0.0 } else { 1.0 / (square as f32).sqrt() };
        Self { values, inverse }
    }

    /// How many numbers it has.
    #[must_use]
    pub fn dims(&self) -> usize {
        self.values.len()
    }

    /// The numbers.
    #[must_use]
    pub fn values(&self) -> &[i8] {
        &self.values
    }

    /// 1 / its length; 0 where it is all zeros.
    #[must_use]
    pub fn inverse(&self) -> f32 {
        self.inverse
    }

    /// Cosine with another, `-1.0..=1.0`; 0 where either is all zeros or their lengths differ.
    #[must_use]
    pub fn cosine(&self, other: &Self) -> f32 {
        if self.dims() != other.dims() {
            return 0.0;
        }
        dot(&self.values, &other.values) as f32 * self.inverse * other.inverse
    }
}

/// A vector that many rows of bytes are compared with, in the form that is quickest.
pub struct Scan<'a> {
    query: dot::Query<'a>,
    inverse: f32,
}

impl<'a> Scan<'a> {
    /// Prepares it.
    #[must_use]
    pub fn new(query: &'a Vector) -> Self {
        Self { query: dot::Query::new(&query.values), inverse: query.inverse }
    }

    /// Cosine with a row of signed bytes, of which `inverse` is 1 / its length.
    #[must_use]
    pub fn cosine(&self, row: &[u8], inverse: f32) -> f32 {
        self.query.dot(row) as f32 * self.inverse * inverse
    }
}

/// Packs the vectors of a file's chunks, given in the chunks' order: of each the whole's first, then its windows'.
/// Vectors that have not `dims` numbers, and those past 255 of a chunk, are left out.
#[must_use]
pub fn pack<C: AsRef<[Vector]>>(dims: u16, chunks: &[C]) -> Vec<u8> {
    let (mut counts, mut inverses, mut values, mut rows) = (Vec::new(), Vec::new(), Vec::new(), 0_u32);
    for chunk in chunks {
        let mut count = 0_u8;
        for vector in chunk.as_ref().iter().filter(|vector| vector.dims() == usize::from(dims)).take(255) {
            count += 1;
            inverses.extend(vector.inverse.to_le_bytes());
            values.extend(vector.values.iter().map(|value| value.cast_unsigned()));
        }
        rows += u32::from(count);
        counts.push(count);
    }
    let mut out = vec![VERSION, 0];
    out.extend(dims.to_le_bytes());
    out.extend((chunks.len() as u32).to_le_bytes());
    out.extend(rows.to_le_bytes());
    for part in [counts, inverses, values] {
        out.extend(part);
    }
    out
}

/// A file's vectors over their packed bytes.
#[derive(Clone, Copy, Debug)]
pub struct Vectors<'a> {
    dims: usize,
    counts: &'a [u8],
    inverses: &'a [u8],
    values: &'a [u8],
}

impl<'a> Vectors<'a> {
    /// Reads what [`pack`] wrote.
    ///
    /// # Errors
    ///
    /// [`Damaged`] if the bytes are of another version or length.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Damaged> {
        let (head, rest) = bytes.split_at_checked(HEADER).ok_or(Damaged::Length)?;
        if head.first() != Some(&VERSION) {
            return Err(Damaged::Version);
        }
        let dims = usize::from(u16_at(head, 2).ok_or(Damaged::Length)?);
        let chunks = u32_at(head, 4).ok_or(Damaged::Length)? as usize;
        let rows = u32_at(head, 8).ok_or(Damaged::Length)? as usize;
        let cut =
            |bytes: &'a [u8], count: usize, width: usize| bytes.split_at_checked(count.checked_mul(width)?);
        let (counts, rest) = cut(rest, chunks, 1).ok_or(Damaged::Length)?;
        let (inverses, rest) = cut(rest, rows, 4).ok_or(Damaged::Length)?;
        let (values, rest) = cut(rest, rows, dims).ok_or(Damaged::Length)?;
        let counted: usize = counts.iter().map(|count| usize::from(*count)).sum();
        if rest.is_empty() && counted == rows {
            Ok(Self { dims, counts, inverses, values })
        } else {
            Err(Damaged::Length)
        }
    }

    /// How many numbers a vector has.
    #[must_use]
    pub fn dims(&self) -> usize {
        self.dims
    }

    /// How many chunks the file has.
    #[must_use]
    pub fn chunks(&self) -> usize {
        self.counts.len()
    }

    /// The vector of a chunk's whole text.
    #[must_use]
    pub fn whole(&self, chunk: usize) -> Option<Vector> {
        let before = self.counts.get(..chunk)?.iter().map(|count| usize::from(*count)).sum::<usize>();
        if *self.counts.get(chunk)? == 0 {
            return None;
        }
        let values = self.values.get(before * self.dims..(before + 1) * self.dims)?;
        Some(Vector::from_bytes(values.iter().map(|value| value.cast_signed()).collect()))
    }

    /// Writes each chunk's nearness, `-1.0..=1.0`, to its place in `scores`; 0 where it has no vector or `query` is of
    /// another length.
    pub fn scores(&self, query: &Vector, scores: &mut [f32]) {
        if query.dims() != self.dims || self.dims == 0 {
            scores.fill(0.0);
            return;
        }
        let scan = Scan::new(query);
        let mut rows = self.values.chunks_exact(self.dims).zip(self.inverses.chunks_exact(4));
        for (score, count) in scores.iter_mut().zip(self.counts) {
            let mut cosines = rows
                .by_ref()
                .take(usize::from(*count))
                .map(|(values, inverse)| scan.cosine(values, f32_at(inverse, 0).unwrap_or(0.0)));
            let whole = cosines.next().unwrap_or(0.0);
            *score = cosines.reduce(f32::max).map_or(whole, |best| (whole + best) / 2.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbers(dims: usize) -> impl Strategy<Value = Vec<f32>> {
        prop::collection::vec(-1.0_f32..1.0, dims)
    }

    fn exact(a: &[f32], b: &[f32]) -> f32 {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn bytes_keep_the_cosine((a, b) in (16_usize..300).prop_flat_map(|dims| (numbers(dims), numbers(dims)))) {
            prop_assert!((Vector::new(&a).cosine(&Vector::new(&b)) - exact(&a, &b)).abs() < 0.01);
        }

        #[test]
        fn packed_chunks_score_the_mean_of_whole_and_best_window(
            chunks in prop::collection::vec(prop::collection::vec(numbers(40), 0..5), 0..12), query in numbers(40),
        ) {
            let query = Vector::new(&query);
            let chunks: Vec<Vec<Vector>> = chunks.iter().map(|chunk| chunk.iter().map(|row| Vector::new(row)).collect()).collect();
            let bytes = pack(40, &chunks);
            let vectors = Vectors::parse(&bytes).unwrap();
            let mut scores = vec![7.0; chunks.len()];
            vectors.scores(&query, &mut scores);
            for (at, (chunk, score)) in chunks.iter().zip(scores).enumerate() {
                let cosines: Vec<f32> = chunk.iter().map(|row| row.cosine(&query)).collect();
                let expected = match cosines.as_slice() {
                    [] => 0.0,
                    [whole] => *whole,
                    [whole, windows @ ..] => (whole + windows.iter().copied().fold(-1.0, f32::max)) / 2.0,
                };
                prop_assert!((score - expected).abs() < 1e-6);
                prop_assert_eq!(vectors.whole(at), chunk.first().cloned());
            }
            prop_assert_eq!(vectors.whole(chunks.len()), None);
        }

        #[test]
        fn corrupted_bytes_do_no_harm(at in any::<prop::sample::Index>(), value in any::<u8>(), cut in any::<prop::sample::Index>()) {
            let mut bytes = pack(8, &[vec![Vector::new(&[1.0; 8]); 3], vec![], vec![Vector::new(&[-1.0; 8])]]);
            let place = at.index(bytes.len());
            bytes[place] = value;
            for bytes in [&bytes[..], &bytes[..cut.index(bytes.len())]] {
                if let Ok(vectors) = Vectors::parse(bytes) {
                    vectors.scores(&Vector::new(&[1.0; 8]), &mut [0.0; 5]);
                    let _ = vectors.whole(1);
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_compared_scores_nothing() {
        assert_eq!(Vector::new(&[0.0; 4]).cosine(&Vector::new(&[1.0; 4])), 0.0);
        assert_eq!(Vector::new(&[f32::NAN, 1.0]).cosine(&Vector::new(&[1.0, 1.0])), 0.0);
        assert_eq!(Vector::new(&[1.0; 4]).cosine(&Vector::new(&[1.0; 5])), 0.0);
        let bytes = pack(4, &[[Vector::new(&[1.0; 4])], [Vector::new(&[1.0; 5])]]);
        let mut scores = [3.0; 2];
        Vectors::parse(&bytes).unwrap().scores(&Vector::new(&[1.0; 5]), &mut scores);
        assert_eq!(scores, [0.0; 2]);
    }
}
