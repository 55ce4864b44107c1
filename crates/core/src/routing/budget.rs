//! How many second tries a target may be asked for, so that retries cannot double an outage.

use std::time::Duration;

use sluice_types::time::Timestamp;

/// Tries that are free even where hardly anybody asks; they come back one a second.
const RESERVE: f64 = 10.0;

/// The most that is saved up.
const MOST: f64 = 100.0;

/// What is left of a target's retries: each first try adds a share of one, each further try takes one (Finagle's
/// `RetryBudget`, and Envoy's and linkerd's after it).
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    left: f64,
    filled_at: Timestamp,
}

impl Default for Budget {
    fn default() -> Self {
        Self { left: RESERVE, filled_at: Timestamp(0) }
    }
}

impl Budget {
    /// A first try is made; `share` retries may be made for each of these.
    pub fn first(&mut self, share: f64, now: Timestamp) {
        self.fill(now);
        self.left = (self.left + share).min(MOST.max(self.left));
    }

    /// Whether there is a retry to take.
    pub fn has(&mut self, now: Timestamp) -> bool {
        self.fill(now);
        1.0 <= self.left
    }

    /// Takes a retry if there is one.
    pub fn take(&mut self, now: Timestamp) -> bool {
        let enough = self.has(now);
        if enough {
            self.left -= 1.0;
        }
        enough
    }

    fn fill(&mut self, now: Timestamp) {
        let passed: Duration = now.since(self.filled_at);
        self.filled_at = self.filled_at.max(now);
        if self.left < RESERVE {
            self.left = (self.left + passed.as_secs_f64()).min(RESERVE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_stay_a_share_of_what_is_asked() {
        let mut budget = Budget::default();
        let mut retries = 0;
        for request in 0..10_000_u64 {
            // A thousand requests a second, all of which fail.
            let now = Timestamp(1_000_000 + request);
            budget.first(0.2, now);
            retries += u32::from(budget.take(now));
        }
        assert!((2_000..2_100).contains(&retries), "{retries}");
    }

    #[test]
    fn a_lone_request_may_be_tried_again() {
        let mut budget = Budget::default();
        let taken = (0..100).filter(|_| budget.take(Timestamp(5_000))).count();
        assert_eq!(taken, 10);
        assert!(budget.take(Timestamp(6_000)) && !budget.take(Timestamp(6_000)));
    }
}
