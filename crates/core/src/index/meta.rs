//! What an index knows of itself: its shelves of pages, hidden versions of files, counts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sluice_types::{knowledge::Attributes, time::Timestamp};

use super::{File, PAGE, Space, State};

/// Cell `i/meta`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// Pages of postings.
    pub lexical: Shelf,
    /// What made the vectors, and their pages.
    pub space: Option<Vectors>,
    /// What the next ones are made with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Vectors>,
    /// Keys of pages that nobody reads any more and that are to be taken out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doomed: Vec<String>,
    /// Versions up to this number are forgotten, and their cells are to be taken out; 0 once they are.
    #[serde(default)]
    pub forgotten: u32,
    /// Versions of files that have segments and are not to be seen, by number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hidden: BTreeMap<u32, Hidden>,
    /// The last number of a file's version.
    pub last_file: u32,
    /// The last number of a space.
    pub last_space: u32,
    /// Files that are seen.
    pub files: u64,
    /// Their chunks.
    pub chunks: u64,
    /// Bytes of their chunks' texts.
    pub bytes: u64,
    /// Greater after every change, also of an index that was forgotten and made anew.
    pub generation: u64,
}

/// Vectors of one space.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vectors {
    /// The space's number.
    pub number: u32,
    /// The space.
    pub space: Space,
    /// Their pages.
    pub shelf: Shelf,
}

impl Vectors {
    /// The key of a page.
    pub fn key(&self, page: u32) -> String {
        vectors_key(self.number, page)
    }
}

/// The key of a page of vectors of the space of this number.
pub fn vectors_key(space: u32, page: u32) -> String {
    format!("v/{space:08}/{page:08}")
}

/// The key of a page of postings.
pub fn lexical_key(page: u32) -> String {
    format!("p/{page:08}")
}

/// Pages of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shelf {
    /// The pages.
    pub pages: BTreeMap<u32, Page>,
    /// The last number of a page.
    pub last: u32,
    /// Chunks in all of them.
    pub chunks: u64,
}

/// A page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// How many bytes it has.
    pub bytes: usize,
    /// The generation that wrote it.
    pub written: u64,
}

impl Shelf {
    /// The page that takes a segment of so many bytes: the fullest with room for it, else a new one.
    pub fn room(&mut self, bytes: usize) -> u32 {
        let fits = |page: &&(&u32, &Page)| page.1.bytes + bytes <= PAGE;
        if let Some((number, _)) =
            self.pages.iter().collect::<Vec<_>>().iter().filter(fits).max_by_key(|(_, page)| page.bytes)
        {
            return **number;
        }
        self.last = self.last.saturating_add(1);
        self.last
    }
}

/// Why a version of a file is not to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hidden {
    /// It is not whole yet.
    Coming,
    /// It is to be taken out.
    Gone,
}

impl Meta {
    /// A change begins.
    pub fn change(&mut self, now: Timestamp) {
        self.generation = self.generation.saturating_add(1).max(now.0);
    }

    /// The next number of a version of a file.
    pub fn number(&mut self) -> u32 {
        self.last_file = self.last_file.saturating_add(1);
        self.last_file
    }

    /// A new space's vectors.
    pub fn vectors(&mut self, space: Space) -> Vectors {
        self.last_space = self.last_space.saturating_add(1);
        Vectors { number: self.last_space, space, shelf: Shelf::default() }
    }

    /// Pages of vectors that nobody reads any more.
    pub fn doom(&mut self, vectors: &Vectors) {
        self.doomed.extend(vectors.shelf.pages.keys().map(|page| vectors.key(*page)));
    }

    /// Forgets everything. Numbers go on from where they were: no key is used again.
    pub fn forget(&mut self) {
        let before = std::mem::take(self);
        self.doomed = before.doomed.clone();
        self.doomed.extend(before.lexical.pages.keys().map(|page| lexical_key(*page)));
        before.space.iter().chain(&before.next).for_each(|vectors| self.doom(vectors));
        self.lexical.last = before.lexical.last;
        (self.last_file, self.last_space) = (before.last_file, before.last_space);
        (self.forgotten, self.generation) = (before.last_file, before.generation);
    }

    /// Chunks that have no vectors of the next space.
    pub fn pending(&self) -> u64 {
        self.next.as_ref().map_or(0, |next| self.lexical.chunks.saturating_sub(next.shelf.chunks))
    }

    /// Whether chunks wait to be taken out.
    pub fn untidy(&self) -> bool {
        !self.doomed.is_empty()
            || self.forgotten != 0
            || self.hidden.values().any(|hidden| *hidden == Hidden::Gone)
    }

    /// What callers are told.
    pub fn state(&self) -> State {
        let of = |vectors: &Option<Vectors>| match vectors {
            Some(Vectors { number, space, .. }) => (*number, Some(space.clone())),
            None => (0, None),
        };
        let ((space_number, space), (next_number, next)) = (of(&self.space), of(&self.next));
        State {
            space,
            space_number,
            next,
            next_number,
            pending: self.pending(),
            spaces: self.last_space,
            files: self.files,
            chunks: self.chunks,
            bytes: self.bytes,
            generation: self.generation,
            untidy: self.untidy(),
        }
    }
}

/// Cell `f/{file}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// The number of the version that is seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<u32>,
    /// The number of the version that is coming.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coming: Option<u32>,
    /// When it was last removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_at: Option<Timestamp>,
}

/// Cell `n/{number}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// The file.
    pub file: File,
    /// What is there of it, by first ordinal.
    pub segments: BTreeMap<u32, Segment>,
    /// Bytes of its chunks' texts.
    pub bytes: u64,
}

/// A batch of chunks as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// How many.
    pub chunks: u32,
    /// The page of its postings.
    pub lexical: u32,
    /// The pages of its vectors, by the spaces' numbers.
    pub vectors: BTreeMap<u32, u32>,
}

/// How a batch stands to what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// All of it is new.
    New,
    /// All of it is there.
    Known,
    /// Some of it is there: what is missing are other runs.
    Overlaps,
}

impl Versions {
    /// Without the versions that are forgotten.
    pub fn since(self, forgotten: u32) -> Self {
        let known = |number: &u32| forgotten < *number;
        Self { live: self.live.filter(known), coming: self.coming.filter(known), ..self }
    }
}

impl Version {
    /// One of which nothing is there yet.
    pub fn new(file: File) -> Self {
        Self { file, segments: BTreeMap::new(), bytes: 0 }
    }

    /// How a batch of `chunks` from `first` stands to what is there.
    pub fn fit(&self, first: u32, chunks: u32) -> Fit {
        let end = first.saturating_add(chunks);
        let covered: u32 = self
            .segments
            .range(..end)
            .map(|(from, segment)| {
                from.saturating_add(segment.chunks).min(end).saturating_sub((*from).max(first))
            })
            .sum();
        match covered {
            0 => Fit::New,
            _ if covered == chunks => Fit::Known,
            _ => Fit::Overlaps,
        }
    }

    /// What is missing: runs of ordinals, the first and the first no more.
    pub fn missing(&self) -> Vec<(u32, u32)> {
        let (mut from, mut missing) = (0, Vec::new());
        for (first, segment) in &self.segments {
            if from < *first {
                missing.push((from, *first));
            }
            from = first.saturating_add(segment.chunks);
        }
        if from < self.file.chunks {
            missing.push((from, self.file.chunks));
        }
        missing
    }

    /// How many chunks are there.
    pub fn count(&self) -> u32 {
        self.segments.values().map(|segment| segment.chunks).sum()
    }

    /// Whether all are.
    pub fn is_whole(&self) -> bool {
        self.file.chunks <= self.count()
    }
}

/// What filters read of a version: its attributes.
#[derive(Deserialize)]
pub struct Described {
    /// The file.
    pub file: OnlyAttributes,
}

/// A file's attributes.
#[derive(Deserialize)]
pub struct OnlyAttributes {
    /// What is said of it.
    #[serde(default)]
    pub attributes: Attributes,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn version(chunks: u32) -> Version {
        let (id, version, filename) = ("file-1".to_owned(), "v".to_owned(), "a.txt".to_owned());
        let attributes = Attributes::new();
        Version::new(File { id, version, filename, attributes, attached_at: Timestamp(0), chunks })
    }

    #[test]
    fn pages_are_filled_one_after_another() {
        let mut shelf = Shelf::default();
        assert_eq!(shelf.room(PAGE * 2), 1, "a large segment has a page of its own");
        shelf.pages.insert(1, Page { bytes: PAGE * 2, written: 0 });
        assert_eq!(shelf.room(10), 2);
        shelf.pages.insert(2, Page { bytes: 100, written: 0 });
        shelf.pages.insert(3, Page { bytes: 200, written: 0 });
        assert_eq!(shelf.room(10), 3, "the fullest that has room");
        assert_eq!(shelf.room(PAGE - 100), 2);
    }

    #[test]
    fn generations_grow_even_after_a_new_start() {
        let mut meta = Meta::default();
        meta.change(Timestamp(1_000));
        meta.change(Timestamp(900));
        assert_eq!(meta.generation, 1_001);
    }

    proptest! {
        #[test]
        fn batches_that_overlap_nothing_make_a_file_whole(batches in prop::collection::vec((0_u32..30, 1_u32..6), 0..40)) {
            let mut version = version(30);
            let mut set = std::collections::BTreeSet::new();
            for (first, chunks) in batches {
                let new = (first..first + chunks).filter(|at| !set.contains(at)).count() as u32;
                let expected = if new == chunks { Fit::New } else if new == 0 { Fit::Known } else { Fit::Overlaps };
                prop_assert_eq!(version.fit(first, chunks), expected);
                if expected == Fit::New && first + chunks <= 30 {
                    version.segments.insert(first, Segment { chunks, lexical: 1, vectors: BTreeMap::new() });
                    set.extend(first..first + chunks);
                }
            }
            prop_assert_eq!(version.count() as usize, set.len());
            let missing: Vec<u32> = version.missing().into_iter().flat_map(|(from, to)| from..to).collect();
            prop_assert_eq!(missing, (0..30).filter(|at| !set.contains(at)).collect::<Vec<_>>());
            prop_assert_eq!(version.is_whole(), set.len() == 30);
        }
    }
}
