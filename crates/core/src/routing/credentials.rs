//! Several keys of one provider: one that is refused rests for a while, one that is limited makes room for the next.

use std::{collections::HashMap, time::Duration};

use sluice_types::time::Timestamp;

use super::breaker::LONGEST_WAIT;

/// How long a key rests that the provider refused (401, 402, 403).
const REFUSED: Duration = Duration::from_secs(300);

/// How long a key rests that has reached its limit (429), unless the provider says for how long.
const LIMITED: Duration = Duration::from_secs(10);

/// Keys that rest, by the names of their secrets.
#[derive(Clone, Debug, Default)]
pub struct Resting(HashMap<String, Timestamp>);

impl Resting {
    /// Until when the key called `name` rests; `None` if it does not.
    pub fn until(&self, name: &str, now: Timestamp) -> Option<Timestamp> {
        self.0.get(name).copied().filter(|until| now < *until)
    }

    /// `names` in the order to be used: those that do not rest as they stand, then those that rest, the soonest back
    /// first. A provider with one key is asked with it whatever became of it.
    pub fn order<'a>(&self, names: impl Iterator<Item = &'a str>, now: Timestamp) -> Vec<&'a str> {
        let mut names: Vec<&str> = names.collect();
        names.sort_by_key(|name| self.until(name, now));
        names
    }

    /// The provider refused the key.
    pub fn refused(&mut self, name: &str, now: Timestamp) {
        self.rest(name, now.plus(REFUSED), now);
    }

    /// The key has reached its limit.
    pub fn limited(&mut self, name: &str, wait: Option<Duration>, now: Timestamp) {
        self.rest(name, now.plus(wait.unwrap_or(LIMITED).min(LONGEST_WAIT)), now);
    }

    fn rest(&mut self, name: &str, until: Timestamp, now: Timestamp) {
        self.0.retain(|_, until| now < *until);
        self.0.insert(name.to_owned(), until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_key_rests_and_a_limited_one_makes_room() {
        let mut resting = Resting::default();
        let order =
            |resting: &Resting, now| resting.order(["A", "B", "C"].into_iter(), Timestamp(now)).join(" ");
        assert_eq!(order(&resting, 0), "A B C");
        resting.limited("A", Some(Duration::from_secs(3)), Timestamp(0));
        resting.refused("B", Timestamp(0));
        assert_eq!(order(&resting, 0), "C A B");
        assert_eq!(resting.until("A", Timestamp(2_999)), Some(Timestamp(3_000)));
        assert_eq!(resting.until("A", Timestamp(3_000)), None);
        assert_eq!(order(&resting, 3_000), "A C B");
        assert_eq!(order(&resting, 300_000), "A B C");
    }
}
