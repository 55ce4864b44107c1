//! Pages that an isolate has read lately: what is in the cells already, kept to spare reading it again.

use std::collections::HashMap;

use bytes::Bytes;

/// Pages in memory, so many bytes at most. Those used longest ago make room.
#[derive(Debug)]
pub struct Memory {
    most: usize,
    held: usize,
    clock: u64,
    pages: HashMap<(String, String), Held>,
}

#[derive(Debug)]
struct Held {
    written: u64,
    used: u64,
    bytes: Bytes,
}

impl Memory {
    /// Room for `most` bytes.
    pub fn new(most: usize) -> Self {
        Self { most, held: 0, clock: 0, pages: HashMap::new() }
    }

    /// The page under `key` of `owner` as the generation `written` wrote it.
    pub fn get(&mut self, owner: &str, key: &str, written: u64) -> Option<Bytes> {
        self.clock += 1;
        let held = self.pages.get_mut(&(owner.to_owned(), key.to_owned()))?;
        held.used = self.clock;
        (held.written == written).then(|| held.bytes.clone())
    }

    /// Keeps a page.
    pub fn put(&mut self, owner: &str, key: &str, written: u64, bytes: Bytes) {
        if self.most / 2 < bytes.len() {
            return;
        }
        self.clock += 1;
        self.held += bytes.len();
        let page = Held { written, used: self.clock, bytes };
        if let Some(before) = self.pages.insert((owner.to_owned(), key.to_owned()), page) {
            self.held -= before.bytes.len();
        }
        while self.most < self.held {
            let oldest = self.pages.iter().min_by_key(|(_, page)| page.used).map(|(key, _)| key.clone());
            let Some(page) = oldest.and_then(|key| self.pages.remove(&key)) else { return };
            self.held -= page.bytes.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_generation_asked_for_is_given_and_room_is_kept() {
        let mut memory = Memory::new(100);
        let page = |length: usize| Bytes::from(vec![0; length]);
        memory.put("a", "p/1", 7, page(40));
        assert_eq!(memory.get("a", "p/1", 7), Some(page(40)));
        assert_eq!(memory.get("a", "p/1", 8), None);
        assert_eq!(memory.get("b", "p/1", 7), None);
        memory.put("a", "p/2", 7, page(40));
        assert!(memory.get("a", "p/1", 7).is_some());
        memory.put("a", "p/3", 7, page(40));
        assert_eq!(memory.get("a", "p/2", 7), None, "used longest ago");
        assert!(memory.get("a", "p/1", 7).is_some() && memory.get("a", "p/3", 7).is_some());
        memory.put("a", "p/4", 7, page(51));
        assert_eq!(memory.get("a", "p/4", 7), None, "half of it for one page is too much");
        memory.put("a", "p/3", 8, page(10));
        assert_eq!(memory.held, 50);
    }
}
