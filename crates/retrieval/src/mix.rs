//! Lexical and dense scores made comparable and added.
//!
//! Each side's scores of one question are measured by their own mean and deviation over all chunks searched (z-scores),
//! then added with a weight. Fusing ranks instead loses up to 8 points with a weak dense side (the study), because it
//! does not see how far ahead the first one is.

/// The weight of the dense side where `builtin/static` made the vectors.
pub const STATIC_WEIGHT: f32 = 0.3;
/// The weight of the dense side for a provider's embeddings, which are stronger.
pub const PROVIDER_WEIGHT: f32 = 0.5;

/// How scores lie: what z-scores need.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spread {
    /// Their mean.
    pub mean: f32,
    /// Their standard deviation.
    pub deviation: f32,
}

impl Spread {
    /// The spread of scores.
    #[must_use]
    pub fn of(scores: impl Iterator<Item = f32> + Clone) -> Self {
        let (count, sum) =
            scores.clone().fold((0_u32, 0.0_f64), |(count, sum), score| (count + 1, sum + f64::from(score)));
        if count == 0 {
            return Self::default();
        }
        let mean = sum / f64::from(count);
        let square: f64 = scores.map(|score| (f64::from(score) - mean).powi(2)).sum();
        Self { mean: mean as f32, deviation: (square / f64::from(count)).sqrt() as f32 }
    }

    /// How many deviations a score is above the mean; 0 where all scores are the same.
    #[must_use]
    pub fn z(&self, score: f32) -> f32 {
        if self.deviation < 1e-9 { 0.0 } else { (score - self.mean) / self.deviation }
    }
}

/// Both sides of one question.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mix {
    /// How BM25 scores lie.
    pub lexical: Spread,
    /// How cosines lie.
    pub dense: Spread,
    /// The weight of the dense side, 0 to 1.
    pub weight: f32,
}

impl Mix {
    /// The mixed score: what chunks are ordered by. Comparable within one question only.
    #[must_use]
    pub fn score(&self, lexical: f32, dense: f32) -> f32 {
        let weight = self.weight.clamp(0.0, 1.0);
        (1.0 - weight) * self.lexical.z(lexical) + weight * self.dense.z(dense)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_measured_by_its_own_kind() {
        let spread = Spread::of([1.0, 2.0, 3.0].into_iter());
        assert!((spread.mean - 2.0).abs() < 1e-6 && (spread.deviation - 0.816_496_6).abs() < 1e-6);
        assert!((spread.z(3.0) - 1.224_744_9).abs() < 1e-5);
        assert_eq!(Spread::of([5.0; 4].into_iter()).z(9.0), 0.0);
        assert_eq!(Spread::of([].into_iter()), Spread::default());
    }

    #[test]
    fn the_weight_moves_the_order() {
        let mix = |weight| Mix {
            lexical: Spread { mean: 1.0, deviation: 2.0 },
            dense: Spread { mean: 0.3, deviation: 0.1 },
            weight,
        };
        // One is found by its words, the other by its meaning.
        let words = |weight| mix(weight).score(9.0, 0.3);
        let meaning = |weight| mix(weight).score(1.0, 0.7);
        assert!(meaning(0.3) < words(0.3));
        assert!(words(0.7) < meaning(0.7));
        assert_eq!(words(0.0), 4.0);
    }
}
