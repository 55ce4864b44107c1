//! How long a target takes, of late.

use std::{collections::VecDeque, time::Duration};

use sluice_types::time::Timestamp;

/// How long a sample goes on to count: after this time it weighs 1/e.
const DECAY: Duration = Duration::from_secs(10);

/// How long a target that nobody asks is thought to be as slow as it was: after this time it is taken for 1/e of it, so
/// that it is tried again.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// How many samples the percentile is taken of.
const SAMPLES: usize = 100;

/// The least samples for a percentile to mean anything.
const ENOUGH: usize = 20;

/// A moving average that rises at once and falls slowly (peak EWMA, as in Finagle's and linkerd's balancers).
#[derive(Clone, Copy, Debug, Default)]
pub struct Peak {
    value: f64,
    at: Timestamp,
    known: bool,
}

impl Peak {
    /// One more sample, in milliseconds.
    pub fn add(&mut self, sample: f64, now: Timestamp) {
        self.value = if !self.known || self.value < sample {
            sample
        } else {
            let weight = (-now.since(self.at).as_secs_f64() / DECAY.as_secs_f64()).exp();
            self.value * weight + sample * (1.0 - weight)
        };
        self.at = now;
        self.known = true;
    }

    /// What to expect now, in milliseconds; `None` if nothing is known.
    pub fn expected(&self, now: Timestamp) -> Option<f64> {
        let idle = now.since(self.at).saturating_sub(DECAY);
        self.known.then(|| self.value * (-idle.as_secs_f64() / FORGOTTEN.as_secs_f64()).exp())
    }
}

/// The latencies of one target.
#[derive(Clone, Debug, Default)]
pub struct Latency {
    /// Of streams, from the request to the first token.
    pub first_token: Peak,
    /// Of streams, from one token to the next.
    pub per_token: Peak,
    /// Of whole answers.
    pub whole: Peak,
    begun: Samples,
    wholes: Samples,
}

/// The last times that something took, in milliseconds.
#[derive(Clone, Debug, Default)]
struct Samples(VecDeque<u32>);

impl Samples {
    fn add(&mut self, ms: u128) {
        if SAMPLES <= self.0.len() {
            self.0.pop_front();
        }
        self.0.push_back(u32::try_from(ms).unwrap_or(u32::MAX));
    }

    fn percentile(&self, percent: usize) -> Option<Duration> {
        if self.0.len() < ENOUGH {
            return None;
        }
        let mut samples: Vec<u32> = self.0.iter().copied().collect();
        let at = (samples.len() * percent).div_ceil(100).saturating_sub(1);
        let (_, ms, _) = samples.select_nth_unstable(at);
        Some(Duration::from_millis(u64::from(*ms)))
    }
}

impl Latency {
    /// A stream has begun after `span`, or a whole answer come; or it would have later, had anybody waited.
    pub fn add(&mut self, stream: bool, span: Duration, now: Timestamp) {
        let ms = span.as_millis();
        let (peak, samples) = match stream {
            true => (&mut self.first_token, &mut self.begun),
            false => (&mut self.whole, &mut self.wholes),
        };
        peak.add(ms as f64, now);
        samples.add(ms);
    }

    /// The time within which half of the last streams began, or whole answers came; `None` until there are enough.
    pub fn median(&self, stream: bool) -> Option<Duration> {
        self.samples(stream).percentile(50)
    }

    /// The time within which all but a twentieth did; `None` until there are enough.
    pub fn p95(&self, stream: bool) -> Option<Duration> {
        self.samples(stream).percentile(95)
    }

    fn samples(&self, stream: bool) -> &Samples {
        if stream { &self.begun } else { &self.wholes }
    }

    /// How long an answer of `tokens` may take, in milliseconds: a stream's first token and the rest, or a whole
    /// answer; what is not known of one is taken from the other. `None` if nothing is known.
    pub fn expected(&self, stream: bool, tokens: u64, now: Timestamp) -> Option<f64> {
        let streamed = || {
            let first = self.first_token.expected(now)?;
            Some(first + self.per_token.expected(now).unwrap_or(0.0) * tokens as f64)
        };
        let whole = || self.whole.expected(now);
        if stream { streamed().or_else(whole) } else { whole().or_else(streamed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Timestamp {
        Timestamp(second * 1_000)
    }

    #[test]
    fn it_rises_at_once_and_falls_slowly() {
        let mut peak = Peak::default();
        assert_eq!(peak.expected(at(0)), None);
        peak.add(100.0, at(0));
        peak.add(900.0, at(0));
        assert_eq!(peak.expected(at(0)), Some(900.0));
        peak.add(100.0, at(10));
        let after = peak.expected(at(10)).unwrap();
        assert!((390.0..400.0).contains(&after), "{after}");
        // Nobody asks it: after a minute or two it is worth another try.
        assert!(peak.expected(at(140)).unwrap() < after / 5.0);
    }

    #[test]
    fn a_percentile_needs_enough_samples() {
        let mut latency = Latency::default();
        for ms in 1..=19 {
            latency.add(true, Duration::from_millis(ms), at(0));
        }
        assert_eq!(latency.p95(true), None);
        for ms in 20..=300 {
            latency.add(true, Duration::from_millis(ms), at(0));
        }
        assert_eq!(latency.p95(true), Some(Duration::from_millis(295)));
    }

    #[test]
    fn streams_and_whole_answers_stand_in_for_each_other() {
        let mut latency = Latency::default();
        latency.add(true, Duration::from_millis(300), at(0));
        latency.per_token.add(20.0, at(0));
        assert_eq!(latency.expected(true, 10, at(0)), Some(500.0));
        assert_eq!(latency.expected(false, 10, at(0)), Some(500.0));
        latency.add(false, Duration::from_millis(700), at(0));
        assert_eq!(latency.expected(false, 10, at(0)), Some(700.0));
    }
}
