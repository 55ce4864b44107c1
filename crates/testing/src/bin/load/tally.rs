//! Counting answers and their times.

use std::time::Instant;

use serde_json::{Value, json};

/// What was seen between two instants.
pub struct Tally {
    begin: Instant,
    end: Instant,
    total: Vec<u64>,
    first: Vec<u64>,
    bytes: u64,
    errors: u64,
    error: Option<String>,
}

impl Tally {
    /// Counts what ends between `begin` and `end`.
    pub fn new(begin: Instant, end: Instant) -> Self {
        Self { begin, end, total: Vec::new(), first: Vec::new(), bytes: 0, errors: 0, error: None }
    }

    /// An answer of `bytes` was read whole at `ended`; its first byte came at `first`.
    pub fn answered(&mut self, begun: Instant, first: Instant, ended: Instant, bytes: usize) {
        if !(self.begin..self.end).contains(&ended) {
            return;
        }
        let since =
            |at: Instant| u64::try_from(at.saturating_duration_since(begun).as_micros()).unwrap_or(u64::MAX);
        self.total.push(since(ended));
        self.first.push(since(first));
        self.bytes += bytes as u64;
    }

    /// An answer was wrong or did not come. These count from the first request on.
    pub fn failed(&mut self, error: &anyhow::Error) {
        self.errors += 1;
        self.error.get_or_insert_with(|| format!("{error:#}"));
    }

    /// All of it.
    pub fn report(&mut self, connections: usize, cpu: Value) -> Value {
        let seconds = (self.end - self.begin).as_secs_f64();
        let requests = self.total.len();
        json!({
            "connections": connections,
            "seconds": seconds,
            "requests": requests,
            "errors": self.errors,
            "error": self.error,
            "per_second": requests as f64 / seconds,
            "body_bytes": self.bytes,
            "total_us": percentiles(&mut self.total),
            "first_byte_us": percentiles(&mut self.first),
            "cpu_us": cpu,
        })
    }
}

fn percentiles(times: &mut [u64]) -> Value {
    times.sort_unstable();
    let at = |share: f64| {
        let last = times.len().saturating_sub(1);
        times.get(((last as f64) * share).round() as usize)
    };
    json!({"p50": at(0.50), "p90": at(0.90), "p99": at(0.99), "max": at(1.0)})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let mut times: Vec<u64> = (0..=100).rev().collect();
        assert_eq!(percentiles(&mut times), json!({"p50": 50, "p90": 90, "p99": 99, "max": 100}));
        assert_eq!(percentiles(&mut []), json!({"p50": null, "p90": null, "p99": null, "max": null}));
    }
}
