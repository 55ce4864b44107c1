//! Topics by examples: whether a text is about what its examples are about.
//!
//! A text is compared with the middle of the examples' vectors, by the measure of how like it they are themselves: examples
//! that vary ask for less. That tells topics apart better than the cosine with the middle or with the nearest example.

use crate::vector::{dot_f32, is_known};

/// A topic, ready to compare texts with.
#[derive(Clone, Debug, PartialEq)]
pub struct Topic {
    /// The middle of the examples, over their mean likeness to it.
    measure: Vec<f32>,
}

impl Topic {
    /// A topic of examples' vectors, each of length one or of zeros, which do not count; `None` if none counts or they differ
    /// in size.
    #[must_use]
    pub fn new(examples: &[Vec<f32>]) -> Option<Self> {
        let known: Vec<&Vec<f32>> = examples.iter().filter(|example| is_known(example)).collect();
        let size = known.first()?.len();
        if known.iter().any(|example| example.len() != size) {
            return None;
        }
        let mut measure = vec![0.0; size];
        for example in &known {
            measure.iter_mut().zip(*example).for_each(|(sum, number)| *sum += number / known.len() as f32);
        }
        if !is_known(&measure) {
            return None;
        }
        // The mean cosine of the examples with their middle is its length.
        let square = dot_f32(&measure, &measure);
        measure.iter_mut().for_each(|number| *number /= square);
        Some(Self { measure })
    }

    /// How like the examples a text of this vector is, from 0 to 1: as like their middle as they are on the average is 1.
    #[must_use]
    pub fn likeness(&self, vector: &[f32]) -> f32 {
        dot_f32(&self.measure, vector).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_measured_by_how_like_each_other_the_examples_are() {
        let (one, other) = (vec![1.0, 0.0, 0.0], vec![0.6, 0.8, 0.0]);
        let narrow = Topic::new(std::slice::from_ref(&one)).unwrap();
        let wide = Topic::new(&[one.clone(), other.clone()]).unwrap();
        assert!((narrow.likeness(&other) - 0.6).abs() < 1e-6);
        assert!(0.99 < wide.likeness(&one) && 0.99 < wide.likeness(&other));
        assert_eq!((wide.likeness(&[0.0, 0.0, 1.0]), wide.likeness(&[-1.0, 0.0, 0.0])), (0.0, 0.0));
    }

    #[test]
    fn examples_without_a_known_word_make_no_topic() {
        assert_eq!(Topic::new(&[]), None);
        assert_eq!(Topic::new(&[vec![0.0; 3]]), None);
        assert_eq!(Topic::new(&[vec![1.0, 0.0], vec![1.0]]), None);
        let one = vec![0.0, 1.0];
        assert_eq!(Topic::new(&[vec![0.0; 2], one.clone()]), Topic::new(&[one]));
    }
}
