//! Dice for one decision, from one draw of the host's.

/// A row of numbers that follows from its seed.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The row that follows from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number of `0.0..1.0`.
    pub fn draw(&mut self) -> f64 {
        // SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        unit(mix(self.0))
    }

    /// A number below `bound`; 0 if that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let drawn = (self.draw() * bound as f64) as usize;
        drawn.min(bound.saturating_sub(1))
    }
}

/// The finisher of SplitMix64: every bit of the input moves every bit of the output.
pub fn mix(seed: u64) -> u64 {
    let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// The upper 53 bits as a number of `0.0..1.0`.
pub fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fill_the_unit_evenly() {
        let mut dice = Dice::new(7);
        let mut tenths = [0_u32; 10];
        for _ in 0..100_000 {
            tenths[(dice.draw() * 10.0) as usize] += 1;
        }
        assert!(tenths.iter().all(|count| (9_500..10_500).contains(count)), "{tenths:?}");
        assert!((0..1_000).all(|_| dice.below(3) < 3) && dice.below(0) == 0);
    }
}
