//! Sums of products of signed bytes: in WASM with SIMD128's own instructions, elsewhere as the compiler sees fit.

/// Sum of products of the numbers both have.
pub(super) fn dot(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).map(|(a, b)| i32::from(i16::from(*a) * i16::from(*b))).sum()
}

/// A vector that many others are compared with: its numbers widened once.
pub(super) struct Query {
    values: Vec<i16>,
}

impl Query {
    pub(super) fn new(values: &[i8]) -> Self {
        Self { values: values.iter().map(|value| i16::from(*value)).collect() }
    }

    /// Sum of products with a row of signed bytes.
    pub(super) fn dot(&self, row: &[u8]) -> i32 {
        self.values.iter().zip(row).map(|(a, b)| i32::from(*a) * i32::from(b.cast_signed())).sum()
    }
}
