//! A JSON value a line (`application/x-ndjson`), read from bytes cut anywhere.

use crate::frames::{Frame, FrameError};

/// Cuts a stream of bytes into frames.
#[derive(Debug, Default)]
pub struct Decoder {}

impl Decoder {
    /// Takes more of the stream.
    pub fn push(&mut self, _bytes: &[u8]) {}

    /// Says that no more bytes will come.
    pub fn finish(&mut self) {}

    /// The next whole frame; `None` until more bytes are pushed.
    ///
    /// # Errors
    ///
    /// [`FrameError`] if the frame cannot be read.
    #[expect(clippy::should_implement_trait, reason = "frames borrow from the decoder, so it is no Iterator")]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        Ok(None)
    }
}
