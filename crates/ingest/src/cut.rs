//! Bytes into pages of chunks.

use bytes::Bytes;
use sluice_core::knowledge::record::{Chunking, Cut, FaultCode};
use sluice_extract::{Chunks, Document, Limits, Sizes};
use sluice_providers::tokens;
use sluice_types::knowledge::Chunk;

use crate::Stop;

/// Counts up with every change of what is extracted or how it is cut: the same file is another version then.
pub const VERSION: u32 = 1;

/// Reads a document.
pub fn document(name: &str, bytes: Vec<u8>) -> Result<Document<'static>, Stop> {
    sluice_extract::extract_owned(name, bytes, &Limits::default()).map_err(|problem| {
        let code = match problem.code() {
            "unsupported_file" => FaultCode::UnsupportedFile,
            _ => FaultCode::InvalidFile,
        };
        Stop::Never(code, problem.to_string())
    })
}

/// A document's chunks in pages as they are kept, made one by one: those of 50 MB are more than a Worker holds at once.
pub struct Pages<'a> {
    chunks: Chunks<'a>,
    /// What is known of those that have come.
    cut: Cut,
}

impl<'a> Pages<'a> {
    /// With `slice` chunks on each page but the last: then a chunk's place tells its page.
    pub fn of(document: &'a Document<'_>, chunking: Chunking, slice: usize) -> Result<Self, Stop> {
        let sizes = Sizes::fixed(chunking.max as usize, chunking.overlap as usize)
            .map_err(|error| Stop::Never(FaultCode::ServerError, error.to_string()))?;
        let cut = Cut { slice: number(slice), pages: 0, chunks: 0, bytes: 0 };
        Ok(Self { chunks: sluice_extract::chunks_of(document, sizes, &count), cut })
    }

    /// What is known of them, once all have come.
    pub fn end(self) -> Result<Cut, Stop> {
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
    serde_json::from_slice(page)
        .map_err(|error| Stop::Later(format!("a page of chunks cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_becomes_pages_of_chunks_that_follow_each_other() {
        let text: String =
            (0..3_000).map(|number| format!("Sentence number {number} says a little.\n\n")).collect();
        let document = document("a.txt", text.into_bytes()).ok().unwrap();
        let mut pages = Pages::of(&document, Chunking::default(), 7).ok().unwrap();
        let kept: Vec<Vec<Chunk>> = pages.by_ref().map(|page| read(&page).ok().unwrap()).collect();
        let cut = pages.end().ok().unwrap();
        assert!(1 < cut.pages);
        assert_eq!((kept.len(), kept.concat().len()), (cut.pages as usize, cut.chunks as usize));
        for (chunk, ordinal) in kept.concat().iter().zip(0..) {
            assert_eq!(chunk.ordinal, ordinal);
        }
        assert!(kept.iter().rev().skip(1).all(|page| page.len() == 7));
        assert_eq!(cut.bytes, kept.concat().iter().map(|chunk| chunk.text.len() as u64).sum::<u64>());
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
