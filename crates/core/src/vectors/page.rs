//! Points of one namespace as an object keeps them: a page.
//!
//! ```text
//! length of the vectors (u32), the vectors as `retrieval::dense` packs them, one a point,
//! points (u32), for each where its entry ends (u32), then the entries as JSON; numbers are little-endian
//! ```
//!
//! A search compares vectors and reads the entries of those that are near, no others.

use serde::{Deserialize, Serialize};
use sluice_retrieval::dense::{self, Vector, Vectors};
use sluice_types::{json::from_bytes, knowledge::Filter};

use super::{Near, wire::Entry};

/// A page takes points until it has so many bytes.
pub const FULL: usize = 200_000;

/// Cell `s/{namespace}`: its pages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Space {
    /// How many numbers a vector has.
    pub dims: u16,
    /// The last number of a page.
    pub last: u32,
    /// Pages and how many bytes each has.
    pub pages: std::collections::BTreeMap<u32, usize>,
}

impl Space {
    /// The page for more points: the last one if it has room, else a new one.
    pub fn room(&mut self) -> u32 {
        match self.pages.get(&self.last) {
            Some(bytes) if *bytes < FULL => {}
            _ => self.last = self.last.saturating_add(1),
        }
        self.last
    }
}

/// A page taken apart.
pub fn read(bytes: &[u8]) -> Vec<(Entry, Vector)> {
    let Some(view) = View::parse(bytes) else { return Vec::new() };
    (0..view.count())
        .filter_map(|at| Some((from_bytes(view.entry(at)?).ok()?, view.vectors.whole(at)?)))
        .collect()
}

/// A page put together.
pub fn write(dims: u16, points: &[(Entry, Vector)]) -> Vec<u8> {
    let packed = dense::pack(dims, &points.iter().map(|(_, vector)| [vector.clone()]).collect::<Vec<_>>());
    let entries: Vec<Vec<u8>> =
        points.iter().map(|(entry, _)| serde_json::to_vec(entry).unwrap_or_default()).collect();
    let mut out =
        Vec::with_capacity(packed.len() + entries.iter().map(|entry| entry.len() + 4).sum::<usize>() + 8);
    out.extend((packed.len() as u32).to_le_bytes());
    out.extend(packed);
    out.extend((entries.len() as u32).to_le_bytes());
    let mut end = 0;
    for entry in &entries {
        end += entry.len();
        out.extend((end as u32).to_le_bytes());
    }
    out.extend(entries.into_iter().flatten());
    out
}

/// A page as it lies in memory.
struct View<'a> {
    vectors: Vectors<'a>,
    ends: &'a [u8],
    entries: &'a [u8],
}

impl<'a> View<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (packed, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let vectors = Vectors::parse(packed).ok()?;
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let (ends, entries) = rest.split_at_checked(4 * u32::from_le_bytes(*count) as usize)?;
        (vectors.chunks() == ends.len() / 4).then_some(Self { vectors, ends, entries })
    }

    fn count(&self) -> usize {
        self.ends.len() / 4
    }

    fn end(&self, at: usize) -> Option<usize> {
        let bytes = self.ends.get(4 * at..)?.first_chunk::<4>()?;
        Some(u32::from_le_bytes(*bytes) as usize)
    }

    fn entry(&self, at: usize) -> Option<&'a [u8]> {
        let from = match at.checked_sub(1) {
            Some(before) => self.end(before)?,
            None => 0,
        };
        self.entries.get(from..self.end(at)?)
    }
}

/// The `count` nearest points of all pages, the nearest first, of equals the earlier. Exact: all are compared.
pub fn nearest(
    pages: &[impl AsRef<[u8]>],
    query: &Vector,
    count: usize,
    filter: Option<&Filter>,
    texts: bool,
) -> Vec<Near> {
    let views: Vec<View<'_>> = pages.iter().filter_map(|page| View::parse(page.as_ref())).collect();
    let mut scored: Vec<(f32, usize, usize)> = Vec::new();
    for (page, view) in views.iter().enumerate() {
        let mut cosines = vec![0.0; view.count()];
        view.vectors.scores(query, &mut cosines);
        scored.extend(cosines.into_iter().enumerate().map(|(at, cosine)| (cosine, page, at)));
    }
    // What is most often asked for is a handful of thousands.
    let first = count.saturating_mul(4);
    if filter.is_none() && first < scored.len() {
        scored.select_nth_unstable_by(first, |a, b| b.0.total_cmp(&a.0));
        scored.truncate(first);
    }
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let mut near = Vec::with_capacity(count);
    for (cosine, page, at) in scored {
        if count <= near.len() {
            break;
        }
        let entry = views.get(page).and_then(|view| from_bytes::<Entry>(view.entry(at)?).ok());
        let Some(Entry { id, text, labels }) = entry else { continue };
        if filter.is_none_or(|filter| filter.admits(&labels)) {
            near.push(Near { id, cosine, text: if texts { text } else { String::new() } });
        }
    }
    near
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn point(id: usize, vector: &[f32]) -> (Entry, Vector) {
        let entry = Entry { id: id.to_string(), text: format!("text {id}"), labels: Default::default() };
        (entry, Vector::new(vector))
    }

    proptest! {
        #[test]
        fn the_nearest_are_those_that_sorting_gives(
            vectors in prop::collection::vec(prop::collection::vec(-1.0_f32..1.0, 6), 0..60), query in prop::collection::vec(-1.0_f32..1.0, 6),
            count in 0_usize..9, cut in 1_usize..20,
        ) {
            let points: Vec<_> = vectors.iter().enumerate().map(|(at, vector)| point(at, vector)).collect();
            let pages: Vec<Vec<u8>> = points.chunks(cut).map(|points| write(6, points)).collect();
            let together: Vec<_> = pages.iter().flat_map(|page| read(page)).collect();
            prop_assert_eq!(&together, &points);
            let query = Vector::new(&query);
            let mut expected: Vec<(f32, String)> = points.iter().map(|(entry, vector)| (query.cosine(vector), entry.id.clone())).collect();
            expected.sort_by(|a, b| b.0.total_cmp(&a.0));
            expected.truncate(count);
            let found: Vec<(f32, String)> = nearest(&pages, &query, count, None, false).into_iter().map(|near| (near.cosine, near.id)).collect();
            prop_assert_eq!(found.iter().map(|near| near.0).collect::<Vec<_>>(), expected.iter().map(|near| near.0).collect::<Vec<_>>());
        }

        #[test]
        fn bytes_from_anywhere_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0_usize..200, to in any::<u8>()) {
            let _ = read(&bytes);
            let mut page = write(6, &[point(1, &[1.0; 6]), point(2, &[0.5; 6])]);
            if let Some(byte) = page.get_mut(at) {
                *byte = to;
            }
            let _ = nearest(&[page], &Vector::new(&[1.0; 6]), 3, None, true);
        }
    }

    #[test]
    fn pages_are_filled_one_after_another() {
        let mut space = Space::default();
        assert_eq!(space.room(), 1);
        space.pages.insert(1, FULL - 1);
        assert_eq!(space.room(), 1);
        space.pages.insert(1, FULL);
        assert_eq!(space.room(), 2);
    }
}
