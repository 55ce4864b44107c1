//! How much a document may ask for.

/// Bounds on what one document may cost. The defaults fit an isolate of 128 MB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file itself.
    pub bytes: usize,
    /// Bytes of extracted text.
    pub text: usize,
    /// Bytes that all compressed parts of a document may inflate to together.
    pub inflated: usize,
    /// Bytes that one compressed part may inflate to.
    pub part: usize,
    /// How many times its compressed size a ZIP archive's part may inflate to, once it is past 1 MB.
    pub ratio: usize,
    /// Parts of a ZIP archive.
    pub entries: usize,
    /// How deep elements, drawings and values may be nested.
    pub depth: usize,
    /// Pages of a document.
    pub pages: usize,
    /// Steps of drawing on one page of a PDF: operators and glyphs.
    pub steps: usize,
}

impl Default for Limits {
    fn default() -> Self {
        const MB: usize = 1024 * 1024;
        Self {
            bytes: 64 * MB,
            text: 64 * MB,
            inflated: 256 * MB,
            part: 48 * MB,
            ratio: 200,
            entries: 10_000,
            depth: 256,
            pages: 10_000,
            steps: 5_000_000,
        }
    }
}
