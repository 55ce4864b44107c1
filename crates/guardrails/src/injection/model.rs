//! The linear model: whole-number weights over `features`, read from one file that the trainer writes.
//!
//! ```text
//! "SLGI"  version:u8  classes:u8  0:u16
//! bias  scale of class weights  scale of word weights         f32
//! calibration of user text, of untrusted text                 2 × (slope, offset) f32
//! thresholds of user text, of untrusted text                  2 × (strict, balanced, quiet) f32
//! classes i8 × C   near i8 × C²   far i8 × C²   words i8 × 65536
//! ```
//! All little-endian. Scores are log-odds of a window; a probability is what calibration makes of a text's.

use super::features::{BUCKETS, PAIRS, Step, Sum, share};
use super::lexicon::CLASSES;

/// What a file begins with.
pub const MAGIC: [u8; 4] = *b"SLGI";
/// The layout this code reads.
pub const VERSION: u8 = 1;
/// Numbers after the head: bias, two scales, two calibrations, six thresholds.
pub const NUMBERS: usize = 3 + 4 + 6;

/// The weights, ready to use.
#[derive(Clone, Debug)]
pub struct Model {
    bias: f32,
    class_scale: f32,
    word_scale: f32,
    /// Slope and offset, of user text and of untrusted text.
    pub calibration: [[f32; 2]; 2],
    /// Probabilities of strict, balanced and quiet, of user text and of untrusted text.
    pub thresholds: [[f32; 3]; 2],
    classes: Vec<i8>,
    near: Vec<i8>,
    far: Vec<i8>,
    /// By bucket.
    pub words: Vec<i8>,
}

/// The file is not a model of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAModel;

impl Model {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`NotAModel`] if it is of another version, or cut.
    pub fn read(file: &[u8]) -> Result<Self, NotAModel> {
        let rest = file.strip_prefix(&MAGIC).ok_or(NotAModel)?;
        let (head, rest) = rest.split_at_checked(4).ok_or(NotAModel)?;
        if head != [VERSION, u8::try_from(CLASSES).map_err(|_| NotAModel)?, 0, 0] {
            return Err(NotAModel);
        }
        let (numbers, rest) = rest.split_at_checked(NUMBERS * 4).ok_or(NotAModel)?;
        let mut numbers = numbers.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        let mut number = || numbers.next().filter(|number| number.is_finite()).ok_or(NotAModel);
        let mut model = Self {
            bias: number()?,
            class_scale: number()?,
            word_scale: number()?,
            calibration: [[number()?, number()?], [number()?, number()?]],
            thresholds: [[number()?, number()?, number()?], [number()?, number()?, number()?]],
            classes: Vec::new(),
            near: Vec::new(),
            far: Vec::new(),
            words: Vec::new(),
        };
        let mut rest = rest;
        for (part, length) in [
            (&mut model.classes, CLASSES),
            (&mut model.near, PAIRS),
            (&mut model.far, PAIRS),
            (&mut model.words, BUCKETS),
        ] {
            let (bytes, after) = rest.split_at_checked(length).ok_or(NotAModel)?;
            part.extend(bytes.iter().map(|byte| byte.cast_signed()));
            rest = after;
        }
        if rest.is_empty() { Ok(model) } else { Err(NotAModel) }
    }

    /// Log-odds that a window holds an attack.
    pub fn window(&self, last: &Step<Sum>, now: &Step<Sum>) -> f32 {
        let weight = |table: &[i8], index: usize| table.get(index).map_or(0, |weight| i32::from(*weight));
        let mut classes = 0;
        let mut bits = last.classes | now.classes;
        while bits != 0 {
            classes += weight(&self.classes, bits.trailing_zeros() as usize);
            bits &= bits - 1;
        }
        last.near.union(&now.near, |pair| classes += weight(&self.near, pair));
        last.far.union(&now.far, |pair| classes += weight(&self.far, pair));
        let words = (last.words.0 + now.words.0) as f32;
        self.bias
            + self.class_scale * classes as f32
            + self.word_scale * words * share(last.tokens + now.tokens)
    }
}
