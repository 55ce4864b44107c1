//! A map that forgets: bounded, and never scanned.

use std::{collections::HashMap, hash::Hash};

/// A cache of at most `2 × capacity` entries. What was not used for a whole generation goes when the next one fills.
#[derive(Debug)]
pub struct Generations<K, V> {
    capacity: usize,
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Eq + Hash + Clone, V: Clone> Generations<K, V> {
    /// An empty cache of generations of `capacity` entries.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, young: HashMap::new(), old: HashMap::new() }
    }

    /// What is kept under `key`.
    pub fn get(&mut self, key: &K) -> Option<V> {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let value = self.old.remove(key)?;
        self.put(key.clone(), value.clone());
        Some(value)
    }

    /// Keeps `value` under `key`.
    pub fn put(&mut self, key: K, value: V) {
        if self.capacity <= self.young.len() {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_bounded_and_keeps_what_is_used() {
        let mut cache = Generations::new(10);
        cache.put(0, "zero");
        for key in 1..1000 {
            cache.put(key, "x");
            assert_eq!(cache.get(&0), Some("zero"));
            assert!(cache.young.len() + cache.old.len() <= 20);
        }
        assert_eq!(cache.get(&1), None);
    }
}
