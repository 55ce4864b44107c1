//! Segments of many files in one page, so that a search reads few rows.
//!
//! ```text
//! count (u32), then for each segment { number of the file's version, first ordinal, chunks, bytes (u32 each) },
//! then the segments' bytes, one after another; numbers are little-endian
//! ```

/// Bytes of the head of a segment.
const HEAD: usize = 16;

/// Whose a segment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Of {
    /// The number of the file's version.
    pub number: u32,
    /// The ordinal of its first chunk.
    pub first: u32,
    /// How many chunks it has.
    pub chunks: u32,
}

/// The segments of a page; those that cannot be read are missing.
pub fn read(bytes: &[u8]) -> Vec<(Of, &[u8])> {
    let number = |at: usize| {
        let bytes = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
        bytes.map(|bytes| u32::from_le_bytes(*bytes))
    };
    let count = number(0).unwrap_or(0) as usize;
    if bytes.len() / HEAD < count {
        return Vec::new();
    }
    let (mut from, mut found) = (4 + HEAD * count, Vec::with_capacity(count));
    for at in (4..).step_by(HEAD).take(count) {
        let of = (|| Some(Of { number: number(at)?, first: number(at + 4)?, chunks: number(at + 8)? }))();
        let Some((of, length)) = of.zip(number(at + 12)) else { break };
        let to = from + length as usize;
        let Some(segment) = bytes.get(from..to) else { break };
        found.push((of, segment));
        from = to;
    }
    found
}

/// A page of these segments.
pub fn write(segments: &[(Of, &[u8])]) -> Vec<u8> {
    let all: usize = segments.iter().map(|(_, bytes)| HEAD + bytes.len()).sum();
    let mut out = Vec::with_capacity(4 + all);
    out.extend((segments.len() as u32).to_le_bytes());
    for (Of { number, first, chunks }, bytes) in segments {
        for number in [*number, *first, *chunks, bytes.len() as u32] {
            out.extend(number.to_le_bytes());
        }
    }
    segments.iter().for_each(|(_, bytes)| out.extend_from_slice(bytes));
    out
}

/// What a segment adds to a page, in bytes.
pub fn size(segment: &[u8]) -> usize {
    HEAD + segment.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pages_are_read_as_they_were_written(segments in prop::collection::vec((any::<u32>(), any::<u32>(), any::<u32>(), prop::collection::vec(any::<u8>(), 0..40)), 0..12)) {
            let segments: Vec<(Of, &[u8])> = segments.iter()
                .map(|(number, first, chunks, bytes)| (Of { number: *number, first: *first, chunks: *chunks }, bytes.as_slice())).collect();
            let bytes = write(&segments);
            prop_assert_eq!(read(&bytes), segments.clone());
            let sizes: usize = segments.iter().map(|(_, bytes)| size(bytes)).sum();
            prop_assert_eq!(bytes.len(), 4 + sizes);
        }

        #[test]
        fn bytes_from_anywhere_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(read(&bytes).len() <= bytes.len());
        }
    }
}
