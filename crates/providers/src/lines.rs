//! A JSON value a line (`application/x-ndjson`), read from bytes cut anywhere.
//!
//! A line ends with LF; a CR before it is space, as it is in JSON. UTF-8 is checked per line, so a character cut in two
//! between reads does no harm. Blank lines are passed over.
//!
//! Every byte is looked at once however the input is cut, and the buffer is reused.

use std::ops::Range;

use crate::frames::{Frame, FrameError, MAX_FRAME};

/// Cuts a stream of bytes into frames.
///
/// # Examples
///
/// ```
/// let mut decoder = sluice_providers::lines::Decoder::default();
/// decoder.push(b"{\"a\":");
/// assert_eq!(decoder.next().unwrap(), None);
/// decoder.push(b"1}\n{\"a\":2}");
/// assert_eq!(decoder.next().unwrap().unwrap().data, "{\"a\":1}");
/// assert_eq!(decoder.next().unwrap(), None);
/// decoder.finish();
/// assert_eq!(decoder.next().unwrap().unwrap().data, "{\"a\":2}");
/// ```
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// Where the unread line begins.
    start: usize,
    /// Up to where that line is known to have no end.
    scanned: usize,
    /// Whether the first line, which may begin with a byte order mark, has been seen.
    begun: bool,
    /// Whether no more bytes will come.
    finished: bool,
    /// Whether a line was too large to go on.
    broken: bool,
}

impl Decoder {
    /// Takes more of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.broken {
            return;
        }
        // Moving what is unread pays for itself: at least as many bytes have been read since the last move.
        if self.buffer.len() / 2 <= self.start {
            self.buffer.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Says that no more bytes will come, so that [`next`](Self::next) gives a last line that lacks its end.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// The next whole line; `None` until more bytes are pushed.
    ///
    /// # Errors
    ///
    /// [`FrameError`] if the line cannot be read. After [`FrameError::TooLarge`] there are no more.
    #[expect(clippy::should_implement_trait, reason = "frames borrow from the decoder, so it is no Iterator")]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        let line = loop {
            let Some(line) = self.cut()? else { return Ok(None) };
            if self.bytes(&line).iter().any(|byte| !byte.is_ascii_whitespace()) {
                break line;
            }
        };
        let raw = self.bytes(&line);
        let data = std::str::from_utf8(raw).map_err(|_| FrameError::NotUtf8)?;
        Ok(Some(Frame { event: None, data: data.trim_ascii(), raw }))
    }

    fn bytes(&self, range: &Range<usize>) -> &[u8] {
        self.buffer.get(range.clone()).unwrap_or_default()
    }

    /// Finds the end of the line at `start` and steps over it.
    fn cut(&mut self) -> Result<Option<Range<usize>>, FrameError> {
        let rest = self.buffer.get(self.scanned..).unwrap_or_default();
        let end = memchr::memchr(b'\n', rest).map(|found| self.scanned + found + 1);
        self.scanned = end.unwrap_or(self.buffer.len());
        if MAX_FRAME < self.scanned - self.start {
            *self = Self { broken: true, ..Self::default() };
            return Err(FrameError::TooLarge);
        }
        if end.is_some() || self.finished {
            self.skip_mark();
        }
        if end.is_none() && (!self.finished || self.start == self.scanned) {
            return Ok(None);
        }
        let line = self.start..self.scanned;
        self.start = self.scanned;
        Ok(Some(line))
    }

    /// Steps over a byte order mark at the beginning of the stream.
    fn skip_mark(&mut self) {
        if !self.begun && self.buffer.starts_with(b"\xef\xbb\xbf") {
            self.start = 3;
        }
        self.begun = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(stream: &[u8]) -> Vec<Result<String, FrameError>> {
        let mut decoder = Decoder::default();
        decoder.push(stream);
        decoder.finish();
        let mut lines = Vec::new();
        loop {
            match decoder.next() {
                Ok(None) => return lines,
                Ok(Some(frame)) => lines.push(Ok(frame.data.to_owned())),
                Err(error) => lines.push(Err(error)),
            }
        }
    }

    fn told(texts: &[&str]) -> Vec<Result<String, FrameError>> {
        texts.iter().map(|&text| Ok(text.to_owned())).collect()
    }

    #[test]
    fn lines_end_with_lf_and_blank_ones_are_passed_over() {
        assert_eq!(lines(b"1\n2\r\n\n \t\r\n3"), told(&["1", "2", "3"]));
        assert_eq!(lines(b"\n\r\n"), told(&[]));
        assert_eq!(lines(b"1\r2\n"), told(&["1\r2"]));
    }

    #[test]
    fn a_mark_is_skipped_at_the_beginning_only() {
        assert_eq!(lines("\u{feff}1\n\u{feff}2\n".as_bytes()), told(&["1", "\u{feff}2"]));
        assert_eq!(lines("\u{feff}".as_bytes()), told(&[]));
    }

    #[test]
    fn a_line_is_given_as_soon_as_its_end_is_there() {
        let mut decoder = Decoder::default();
        decoder.push(b"{\"a\":1}");
        assert_eq!(decoder.next(), Ok(None));
        decoder.push(b"\n");
        assert_eq!(decoder.next().unwrap().unwrap().raw, b"{\"a\":1}\n");
    }

    #[test]
    fn a_line_that_is_not_utf8_spoils_no_other() {
        assert_eq!(lines(b"\xff\n1\n"), [Err(FrameError::NotUtf8), Ok("1".to_owned())]);
    }
}
