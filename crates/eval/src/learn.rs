//! Logistic regression over the detector's own features, and the file of weights it makes.
//!
//! Byte for byte the same on every run: rows in order, shuffled by a fixed generator, and an exponential of our own made of
//! additions and multiplications, so that no mathematical library has a say.

use sluice_guardrails::canonical::canonicalise;
use sluice_guardrails::injection::features::{BUCKETS, Extractor, PAIRS, Step, share};
use sluice_guardrails::injection::lexicon::CLASSES;
use sluice_guardrails::injection::model::{MAGIC, VERSION};
use sluice_guardrails::injection::tokens::Tokens;

/// First index of each block of parameters.
const NEAR: usize = CLASSES;
const FAR: usize = NEAR + PAIRS;
const WORDS: usize = FAR + PAIRS;
const ALL: usize = WORDS + BUCKETS;

/// One window of one text, as sparse features.
pub struct Window {
    /// Which text.
    pub row: usize,
    /// 1 for attacks.
    pub label: f32,
    /// How much it counts.
    pub weight: f32,
    /// The group of sources it comes from.
    pub group: usize,
    features: Vec<(u32, f32)>,
    /// Bytes of the clean view.
    pub span: (usize, usize),
}

/// The windows of a text.
pub fn windows(text: &str, row: usize, label: f32, weight: f32, group: usize) -> Vec<Window> {
    let canonical = canonicalise(text);
    let text = canonical.clean().1;
    let mut found = Vec::new();
    let mut add = |last: &Step<Vec<u16>>, now: &Step<Vec<u16>>| {
        let start = if last.tokens == 0 { now.start } else { last.start };
        let features = features(last, now);
        found.push(Window { row, label, weight, group, features, span: (start, now.end) });
    };
    let mut extractor = Extractor::<Vec<u16>>::new();
    for token in Tokens::new(text) {
        if let Some((last, now)) = extractor.push(token, &[]) {
            add(last, now);
        }
    }
    if let Some((last, now)) = extractor.finish() {
        add(last, now);
    }
    let each = weight / (found.len().max(1) as f32).sqrt();
    found.iter_mut().for_each(|window| window.weight = each);
    found
}

fn features(last: &Step<Vec<u16>>, now: &Step<Vec<u16>>) -> Vec<(u32, f32)> {
    let mut found = Vec::new();
    let mut add = |index: usize, value: f32| found.push((index as u32, value));
    let mut bits = last.classes | now.classes;
    while bits != 0 {
        add(bits.trailing_zeros() as usize, 1.0);
        bits &= bits - 1;
    }
    last.near.union(&now.near, |pair| add(NEAR + pair, 1.0));
    last.far.union(&now.far, |pair| add(FAR + pair, 1.0));
    let share = share(last.tokens + now.tokens);
    let mut words: Vec<u16> = last.words.iter().chain(&now.words).copied().collect();
    words.sort_unstable();
    for word in words {
        let index = (WORDS + usize::from(word)) as u32;
        match found.last_mut().filter(|(known, _)| *known == index) {
            Some((_, value)) => *value += share,
            None => found.push((index, share)),
        }
    }
    found
}

/// The weights, not yet rounded.
pub struct Weights {
    bias: f32,
    values: Vec<f32>,
}

const EPOCHS: usize = 5;
/// Hashed words that have a weight in the file.
const KEPT_WORDS: usize = 18_000;
const RATE: f32 = 0.15;
/// Pull towards zero, per step, of the weights touched; words, which know topics, are pulled more than classes.
const DECAY_CLASSES: f32 = 2e-5;
const DECAY_WORDS: f32 = 3e-4;

impl Weights {
    /// Fits to windows, those of the groups `without` left out.
    pub fn fit(windows: &[Window], without: &[usize]) -> Self {
        let mut order: Vec<usize> =
            (0..windows.len()).filter(|at| !without.contains(&windows[*at].group)).collect();
        let known = known_words(windows, &order);
        let mut weights = Self { bias: -2.0, values: vec![0.0; ALL] };
        let mut squares = vec![1e-3_f32; ALL];
        let mut dice = Dice(0x5EED);
        for _ in 0..EPOCHS {
            dice.shuffle(&mut order);
            for at in &order {
                let window = &windows[*at];
                let error = sigmoid(weights.score(window)) - window.label;
                let step = error * window.weight;
                weights.bias -= 0.01 * step;
                for (index, value) in &window.features {
                    let index = *index as usize;
                    if WORDS <= index && !known[index - WORDS] {
                        continue;
                    }
                    let decay = if index < WORDS { DECAY_CLASSES } else { DECAY_WORDS };
                    let gradient = step * value + decay * weights.values[index];
                    squares[index] += gradient * gradient;
                    weights.values[index] -= RATE * gradient / squares[index].sqrt();
                }
            }
        }
        weights
    }

    /// Log-odds of a window.
    pub fn score(&self, window: &Window) -> f32 {
        self.bias
            + window.features.iter().map(|(index, value)| self.values[*index as usize] * value).sum::<f32>()
    }

    /// The file, with calibration and thresholds as given.
    pub fn file(&self, calibration: [f32; 4], thresholds: [f32; 6]) -> Vec<u8> {
        let scale =
            |part: &[f32]| part.iter().fold(0.0_f32, |most, value| most.max(value.abs())).max(1e-6) / 127.0;
        // A few extreme weights would cost all others their precision: the scale is cut off at 4 log-odds.
        let class_scale = scale(&self.values[..WORDS]).min(4.0 / 127.0);
        let word_scale = scale(&self.values[WORDS..]).min(8.0 / 127.0);
        let mut file = Vec::from(MAGIC);
        file.extend([VERSION, CLASSES as u8, 0, 0]);
        let numbers = [self.bias, class_scale, word_scale];
        for number in numbers.iter().chain(&calibration).chain(&thresholds) {
            file.extend(number.to_le_bytes());
        }
        let round = |value: f32, scale: f32| (value / scale).round().clamp(-127.0, 127.0) as i8 as u8;
        file.extend(self.values[..WORDS].iter().map(|value| round(*value, class_scale)));
        // Most words say next to nothing; leaving those out is what makes the file small when packed.
        let mut sizes: Vec<f32> = self.values[WORDS..].iter().map(|value| value.abs()).collect();
        sizes.sort_by(|left, right| right.total_cmp(left));
        let least = sizes.get(KEPT_WORDS).copied().unwrap_or(0.0);
        let kept = |value: f32| if least < value.abs() { round(value, word_scale) } else { 0 };
        file.extend(self.values[WORDS..].iter().map(|value| kept(*value)));
        file
    }
}

/// Words seen often enough, and in more than one group: what only one source says is its topic, not an attack.
fn known_words(windows: &[Window], order: &[usize]) -> Vec<bool> {
    let mut counts = vec![0_u16; BUCKETS];
    let mut groups = vec![0_u32; BUCKETS];
    for at in order {
        for (index, _) in windows[*at].features.iter().filter(|(index, _)| WORDS <= *index as usize) {
            let bucket = *index as usize - WORDS;
            counts[bucket] = counts[bucket].saturating_add(1);
            groups[bucket] |= 1 << windows[*at].group.min(31);
        }
    }
    counts.iter().zip(&groups).map(|(count, groups)| 4 <= *count && 2 <= groups.count_ones()).collect()
}

/// One part of one plus e to the minus `x`.
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x.clamp(-30.0, 30.0)))
}

/// The exponential: halved until small, seven terms of its series, squared back.
fn exp(x: f32) -> f32 {
    let small = f64::from(x) / 1024.0;
    let series = (1..=7).rev().fold(1.0_f64, |sum, term| 1.0 + small * sum / f64::from(term));
    (0..10).fold(series, |power, _| power * power) as f32
}

/// A small generator (xorshift64*), the same everywhere.
pub struct Dice(pub u64);

impl Dice {
    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit.max(1)
    }

    /// One of these.
    pub fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}
