//! Bytes into pages of chunks.

use bytes::Bytes;
use sluice_core::{
    knowledge::{
        SLICE,
        record::{Chunking, Cut, FaultCode},
    },
    port::PAGE,
};
use sluice_extract::{Limits, Sizes};
use sluice_providers::tokens;
use sluice_types::knowledge::Chunk;

use crate::Stop;

/// Counts up with every change of what is extracted or how it is cut: the same file is another version then.
pub const VERSION: u32 = 1;

/// What a document was cut into, in pages as they are kept.
pub struct Pages {
    /// What is known of them.
    pub cut: Cut,
    /// The pages.
    pub pages: Vec<Bytes>,
}

/// Cuts a document.
pub fn cut(name: &str, bytes: &[u8], chunking: Chunking) -> Result<Pages, Stop> {
    let limits = Limits { bytes: bytes.len(), ..Limits::default() };
    let never = |problem: sluice_extract::Problem| {
        let code = match problem.code() {
            "unsupported_file" => FaultCode::UnsupportedFile,
            _ => FaultCode::InvalidFile,
        };
        Stop::Never(code, problem.to_string())
    };
    let document = sluice_extract::extract(name, bytes, &limits).map_err(never)?;
    let sizes = Sizes::fixed(chunking.max as usize, chunking.overlap as usize)
        .map_err(|error| Stop::Never(FaultCode::ServerError, error.to_string()))?;
    let count = |text: &str| usize::try_from(tokens::text(text)).unwrap_or(usize::MAX);
    let chunks = sluice_extract::chunks(&document, &sizes, &count);
    if chunks.is_empty() {
        let message = "the file holds no text: upload one that does";
        return Err(Stop::Never(FaultCode::InvalidFile, message.to_owned()));
    }
    // As many chunks a page as fit everywhere: then a chunk's place tells its page.
    let mut slice = SLICE;
    loop {
        let pages: Vec<Bytes> = chunks.chunks(slice).map(page).collect();
        if slice == 1 || pages.iter().all(|page| page.len() <= PAGE) {
            let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            let bytes = chunks.iter().map(|chunk| chunk.text.len() as u64).sum();
            let cut =
                Cut { slice: number(slice), pages: number(pages.len()), chunks: number(chunks.len()), bytes };
            return Ok(Pages { cut, pages });
        }
        slice = (slice / 2).max(1);
    }
}

fn page(chunks: &[Chunk]) -> Bytes {
    serde_json::to_vec(chunks).unwrap_or_default().into()
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
        let pages = cut("a.txt", text.as_bytes(), Chunking::default()).ok().unwrap();
        let chunks: Vec<Chunk> = pages.pages.iter().flat_map(|page| read(page).ok().unwrap()).collect();
        assert_eq!(chunks.len(), pages.cut.chunks as usize);
        assert!(1 < pages.cut.pages);
        for (chunk, ordinal) in chunks.iter().zip(0..) {
            assert_eq!(chunk.ordinal, ordinal);
        }
        assert_eq!(pages.pages.len(), chunks.len().div_ceil(pages.cut.slice as usize));
    }

    #[test]
    fn what_cannot_be_cut_says_why() {
        let code = |bytes: &[u8]| match cut("a", bytes, Chunking::default()) {
            Err(Stop::Never(code, _)) => Some(code),
            _ => None,
        };
        assert_eq!(code(b""), Some(FaultCode::InvalidFile));
        assert_eq!(code(b"%PDF-1.7\nbroken"), Some(FaultCode::InvalidFile));
        assert_eq!(code(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), Some(FaultCode::UnsupportedFile));
    }
}
