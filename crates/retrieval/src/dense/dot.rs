//! Sums of products of signed bytes: in WASM with SIMD128's own instructions, elsewhere as the compiler sees fit.

/// Sum of products of the numbers both have.
pub(super) fn dot(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).map(|(a, b)| i32::from(i16::from(*a) * i16::from(*b))).sum()
}

/// A vector that many others are compared with, in the form that is quickest.
pub(super) struct Query<'a> {
    values: &'a [i8],
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    wide: Vec<simd::Wide>,
}

impl<'a> Query<'a> {
    pub(super) fn new(values: &'a [i8]) -> Self {
        Self {
            values,
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            wide: simd::widened(values),
        }
    }

    /// Sum of products with a row of signed bytes.
    pub(super) fn dot(&self, row: &[u8]) -> i32 {
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        let done = self.wide.len() * simd::LANES;
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        let wide = simd::dot(&self.wide, row);
        #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
        let (done, wide) = (0, 0);
        let rest = self.values.iter().zip(row).skip(done);
        wide + rest.map(|(a, b)| i32::from(i16::from(*a) * i16::from(b.cast_signed()))).sum::<i32>()
    }
}

/// Sixteen numbers at a time: widened to 16 bits, multiplied and added in pairs by one instruction.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd {
    use core::arch::wasm32::{
        i16x8_extend_high_i8x16, i16x8_extend_low_i8x16, i32x4_add, i32x4_dot_i16x8, i32x4_extract_lane,
        i32x4_splat, u64x2, v128,
    };

    pub(super) const LANES: usize = 16;

    /// Sixteen numbers of 16 bits.
    pub(super) type Wide = (v128, v128);

    fn load(bytes: &[u8; LANES]) -> v128 {
        let all = u128::from_le_bytes(*bytes);
        u64x2(all as u64, (all >> 64) as u64)
    }

    fn widen(bytes: &[u8; LANES]) -> Wide {
        let narrow = load(bytes);
        (i16x8_extend_low_i8x16(narrow), i16x8_extend_high_i8x16(narrow))
    }

    pub(super) fn widened(values: &[i8]) -> Vec<Wide> {
        let bytes: Vec<u8> = values.iter().map(|value| value.cast_unsigned()).collect();
        bytes.as_chunks().0.iter().map(widen).collect()
    }

    pub(super) fn dot(query: &[Wide], row: &[u8]) -> i32 {
        let mut sums = (i32x4_splat(0), i32x4_splat(0));
        for ((low, high), bytes) in query.iter().zip(row.as_chunks().0) {
            let row = widen(bytes);
            sums.0 = i32x4_add(sums.0, i32x4_dot_i16x8(*low, row.0));
            sums.1 = i32x4_add(sums.1, i32x4_dot_i16x8(*high, row.1));
        }
        let sum = i32x4_add(sums.0, sums.1);
        i32x4_extract_lane::<0>(sum)
            + i32x4_extract_lane::<1>(sum)
            + i32x4_extract_lane::<2>(sum)
            + i32x4_extract_lane::<3>(sum)
    }
}
