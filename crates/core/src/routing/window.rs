//! What came of attempts in the last while.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use sluice_types::time::Timestamp;

/// The longest time looked back on, in seconds.
pub const LONGEST: u64 = 300;

/// Counts of attempts by the second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Second, attempts, failures; oldest first, at most [`LONGEST`] of them.
    seconds: VecDeque<(u64, u32, u32)>,
}

/// Attempts and failures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// All.
    pub attempts: u32,
    /// Of these, the failed.
    pub failures: u32,
}

impl Count {
    /// The share of failures, `0.0..=1.0`; 0 without attempts.
    pub fn rate(self) -> f64 {
        if self.attempts == 0 { 0.0 } else { f64::from(self.failures) / f64::from(self.attempts) }
    }
}

impl Window {
    /// One more attempt has ended.
    pub fn add(&mut self, now: Timestamp, failed: bool) {
        self.add_all(now, 1, u32::from(failed));
    }

    /// So many attempts have ended, of which so many failed.
    pub fn add_all(&mut self, now: Timestamp, more: u32, failed: u32) {
        let second = now.0 / 1_000;
        while self.seconds.front().is_some_and(|(at, ..)| at.saturating_add(LONGEST) <= second) {
            self.seconds.pop_front();
        }
        match self.seconds.back_mut() {
            // A clock that went back counts to the latest second there is.
            Some((at, attempts, failures)) if second <= *at => {
                *attempts = attempts.saturating_add(more);
                *failures = failures.saturating_add(failed);
            }
            _ => self.seconds.push_back((second, more, failed)),
        }
    }

    /// What ended in the `span` before `now`, to the second.
    pub fn count(&self, now: Timestamp, span: std::time::Duration) -> Count {
        let since = (now.0 / 1_000).saturating_sub(span.as_secs().max(1));
        self.seconds.iter().rev().take_while(|(at, ..)| since < *at).fold(
            Count::default(),
            |sum, (_, attempts, failures)| Count {
                attempts: sum.attempts.saturating_add(*attempts),
                failures: sum.failures.saturating_add(*failures),
            },
        )
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.seconds.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_older_than_the_span_does_not_count() {
        let mut window = Window::default();
        for second in 0..1_000 {
            window.add(Timestamp(second * 1_000), second % 4 == 0);
        }
        let now = Timestamp(999_999);
        let count = window.count(now, Duration::from_secs(40));
        assert_eq!(count, Count { attempts: 40, failures: 10 });
        assert_eq!(count.rate(), 0.25);
        assert!(window.seconds.len() <= 300);
        assert_eq!(window.count(Timestamp(2_000_000), Duration::from_secs(40)).rate(), 0.0);
    }
}
