//! Bytes into pages of chunks.

use bytes::Bytes;
use sluice_core::knowledge::{
    SLICE,
    record::{Chunking, Cut, FaultCode},
};
use sluice_extract::{Chunks, Document, Limits, Sizes};
use sluice_providers::tokens;
use sluice_types::{json::from_bytes, knowledge::Chunk};

use crate::Stop;

/// Counts up with every change of what is extracted or how it is cut: the same file is another version then.
pub const VERSION: u32 = 1;

/// Reads a document. How large a file may be was the upload's to say.
pub fn document(name: &str, bytes: Vec<u8>) -> Result<Document<'static>, Stop> {
    let limits = Limits { bytes: bytes.len(), ..Limits::default() };
    sluice_extract::extract_owned(name, bytes, &limits).map_err(|problem| {
        let code = match problem.code() {
            "unsupported_file" => FaultCode::UnsupportedFile,
            _ => FaultCode::InvalidFile,
        };
        Stop::Never(code, problem.to_string())
    })
}

/// Cuts a document into pages of chunks and has each kept, of `most` bytes at most unless one chunk has more. A page is made
/// when the one before is kept: all of 50 MB are more than a Worker holds. Where one is too large all are made anew, smaller.
pub async fn keep(
    document: &Document<'_>,
    chunking: Chunking,
    most: usize,
    mut save: impl AsyncFnMut(u32, Bytes) -> Result<(), Stop>,
) -> Result<Cut, Stop> {
    let mut slice = SLICE;
    'anew: loop {
        let mut pages = Pages::of(document, chunking, slice)?;
        for (page, number) in pages.by_ref().zip(0..) {
            if most < page.len() && 1 < slice {
                slice /= 2;
                continue 'anew;
            }
            save(number, page).await?;
        }
        return pages.end();
    }
}

/// A document's chunks in pages.
struct Pages<'a> {
    chunks: Chunks<'a>,
    /// What is known of those that have come.
    cut: Cut,
}

impl<'a> Pages<'a> {
    /// With `slice` chunks on each page but the last: then a chunk's place tells its page.
    fn of(document: &'a Document<'_>, chunking: Chunking, slice: usize) -> Result<Self, Stop> {
        let sizes = Sizes::fixed(chunking.max as usize, chunking.overlap as usize)
            .map_err(|error| Stop::Never(FaultCode::ServerError, error.to_string()))?;
        let cut = Cut { slice: number(slice), pages: 0, chunks: 0, bytes: 0 };
        Ok(Self { chunks: sluice_extract::chunks_of(document, sizes, &count), cut })
    }

    /// What is known of them, once all have come.
    fn end(self) -> Result<Cut, Stop> {
        if self.cut.chunks == 0 {
            let message = "the file holds no text: upload one that does";
            return Err(Stop::Never(FaultCode::InvalidFile, message.to_owned()));
        }
        Ok(self.cut)
    }
}

impl Iterator for Pages<'_> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let chunks: Vec<Chunk> = self.chunks.by_ref().take(self.cut.slice as usize).collect();
        if chunks.is_empty() {
            return None;
        }
        self.cut.pages += 1;
        self.cut.chunks = self.cut.chunks.saturating_add(number(chunks.len()));
        self.cut.bytes += chunks.iter().map(|chunk| chunk.text.len() as u64).sum::<u64>();
        Some(serde_json::to_vec(&chunks).unwrap_or_default().into())
    }
}

fn number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn count(text: &str) -> usize {
    usize::try_from(tokens::text(text)).unwrap_or(usize::MAX)
}

/// Reads a page.
pub fn read(page: &[u8]) -> Result<Vec<Chunk>, Stop> {
    from_bytes(page).map_err(|error| Stop::Later(format!("a page of chunks cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sluice_testing::memory::MemoryHost;

    use super::*;

    #[test]
    fn a_document_becomes_pages_of_chunks_that_follow_each_other() {
        let text: String =
            (0..3_000).map(|number| format!("Sentence number {number} says a little.\n\n")).collect();
        let document = document("a.txt", text.into_bytes()).ok().unwrap();
        for most in [1_000_000, 20_000, 100] {
            let mut kept: BTreeMap<u32, Vec<Chunk>> = BTreeMap::new();
            let save = async |number, page: Bytes| {
                assert!(page.len() <= most || most == 100);
                kept.insert(number, read(&page)?);
                Ok(())
            };
            let cut =
                MemoryHost::default().run(keep(&document, Chunking::default(), most, save)).ok().unwrap();
            let pages: Vec<Vec<Chunk>> = kept.into_values().collect();
            let chunks = pages.concat();
            assert!(1 < cut.pages && (cut.slice == 64) == (most == 1_000_000), "{cut:?}");
            assert_eq!((pages.len(), chunks.len()), (cut.pages as usize, cut.chunks as usize));
            assert!(chunks.iter().zip(0..).all(|(chunk, ordinal)| chunk.ordinal == ordinal));
            assert!(pages.iter().rev().skip(1).all(|page| page.len() == cut.slice as usize));
            assert_eq!(cut.bytes, chunks.iter().map(|chunk| chunk.text.len() as u64).sum::<u64>());
        }
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let code = |bytes: &[u8]| match document("a", bytes.to_vec()) {
            Err(Stop::Never(code, _)) => Some(code),
            _ => None,
        };
        assert_eq!(code(b""), Some(FaultCode::InvalidFile));
        assert_eq!(code(b"%PDF-1.7\nbroken"), Some(FaultCode::InvalidFile));
        assert_eq!(code(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), Some(FaultCode::UnsupportedFile));
    }
}
