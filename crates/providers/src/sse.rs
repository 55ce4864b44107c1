//! Server-sent events, read from bytes cut anywhere.
//!
//! A frame ends with a blank line; lines end with LF, CR LF or CR, in any mix. UTF-8 is checked per frame, so a character
//! cut in two between reads does no harm. Frames that carry no data (comments, keep-alives) are passed over.
//!
//! Every byte is looked at once however the input is cut, and buffers are reused: a stream costs no allocation per frame.

use std::ops::Range;

use crate::frames::{Frame, FrameError, MAX_FRAME};

/// Cuts a stream of bytes into frames.
///
/// # Examples
///
/// ```
/// let mut decoder = sluice_providers::sse::Decoder::default();
/// decoder.push(b"data: hel");
/// assert_eq!(decoder.next().unwrap(), None);
/// decoder.push(b"lo\n\ndata: ");
/// assert_eq!(decoder.next().unwrap().unwrap().data, "hello");
/// ```
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// Where the unread frame begins.
    start: usize,
    /// Where the line being looked for an end begins.
    line: usize,
    /// Up to where that line is known to have no end.
    scanned: usize,
    /// Whether the line before ended with CR alone.
    after_cr: bool,
    /// Whether the first line, which may begin with a byte order mark, has been seen.
    begun: bool,
    /// Whether no more bytes will come.
    finished: bool,
    /// Whether a frame was too large to go on.
    broken: bool,
    /// `data` lines joined, for frames that have several.
    joined: Vec<u8>,
}

/// Where a frame's data are.
enum Data {
    None,
    One(Range<usize>),
    Joined,
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
            self.line -= self.start;
            self.scanned -= self.start;
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Says that no more bytes will come, so that [`next`](Self::next) gives a last frame that lacks its blank line.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// The next whole frame; `None` until more bytes are pushed.
    ///
    /// # Errors
    ///
    /// [`FrameError`] if the frame cannot be read. After [`FrameError::TooLarge`] there are no more frames.
    #[expect(clippy::should_implement_trait, reason = "frames borrow from the decoder, so it is no Iterator")]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        let (raw, event, data) = loop {
            let Some(raw) = self.cut()? else { return Ok(None) };
            match self.fields(raw.clone()) {
                (_, Data::None) => {}
                (event, data) => break (raw, event, data),
            }
        };
        let bytes = |range| self.buffer.get(range).unwrap_or_default();
        let text = |bytes| std::str::from_utf8(bytes).map_err(|_| FrameError::NotUtf8);
        let data = match data {
            Data::One(range) => bytes(range),
            Data::None | Data::Joined => &self.joined,
        };
        let event = event.map(|range| text(bytes(range))).transpose()?;
        Ok(Some(Frame { event, data: text(data)?, raw: bytes(raw) }))
    }

    /// Finds the end of the frame at `start` and steps over it.
    fn cut(&mut self) -> Result<Option<Range<usize>>, FrameError> {
        let end = self.blank_line();
        let length = end.unwrap_or(self.buffer.len()) - self.start;
        if MAX_FRAME < length {
            *self = Self { broken: true, ..Self::default() };
            return Err(FrameError::TooLarge);
        }
        let end = match end {
            Some(end) => end,
            None if self.finished && 0 < length => self.buffer.len(),
            None => return Ok(None),
        };
        let frame = self.start..end;
        (self.start, self.line, self.scanned, self.after_cr) = (end, end, end, false);
        Ok(Some(frame))
    }

    /// Where the blank line that ends the frame at `start` ends; steps over blank lines before the frame.
    fn blank_line(&mut self) -> Option<usize> {
        loop {
            let rest = self.buffer.get(self.scanned..)?;
            let Some(found) = memchr::memchr2(b'\n', b'\r', rest) else {
                self.scanned = self.buffer.len();
                if self.finished {
                    self.skip_mark();
                }
                return None;
            };
            let at = self.scanned + found;
            self.skip_mark();
            let blank = at == self.line;
            let cr = self.buffer.get(at) == Some(&b'\r');
            let (end, lone_cr) = match self.buffer.get(at + 1) {
                _ if !cr => (at + 1, false),
                // Whoever ends lines with CR alone ends the frame with it: a frame need not wait for the next one.
                _ if blank && self.after_cr => (at + 1, true),
                Some(b'\n') => (at + 2, false),
                Some(_) => (at + 1, true),
                None if self.finished => (at + 1, true),
                None => {
                    self.scanned = at;
                    return None;
                }
            };
            if blank && self.start < self.line {
                return Some(end);
            }
            if blank {
                self.start = end;
            }
            (self.line, self.scanned, self.after_cr) = (end, end, lone_cr && !blank);
        }
    }

    /// Steps over a byte order mark at the beginning of the stream.
    fn skip_mark(&mut self) {
        if !self.begun && self.buffer.starts_with(b"\xef\xbb\xbf") {
            (self.start, self.line) = (3, 3);
        }
        self.begun = true;
    }

    /// Reads the fields of `frame`, joining its data where they are in several lines.
    fn fields(&mut self, frame: Range<usize>) -> (Option<Range<usize>>, Data) {
        let (mut event, mut data, mut lines) = (None, 0..0, 0_usize);
        let mut at = frame.start;
        self.joined.clear();
        while at < frame.end {
            let rest = self.buffer.get(at..frame.end).unwrap_or_default();
            let length = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            let line = rest.get(..length).unwrap_or_default();
            if let Some(value) = field(line, b"data") {
                if lines == 1 {
                    self.joined.extend_from_slice(self.buffer.get(data.clone()).unwrap_or_default());
                }
                if 1 <= lines {
                    self.joined.push(b'\n');
                    self.joined.extend_from_slice(line.get(value..).unwrap_or_default());
                }
                lines += 1;
                data = at + value..at + length;
            } else if let Some(value) = field(line, b"event") {
                event = Some(at + value..at + length);
            }
            at += length + 1;
        }
        let data = match lines {
            0 => Data::None,
            1 if data.is_empty() => Data::None,
            1 => Data::One(data),
            _ => Data::Joined,
        };
        (event, data)
    }
}

/// Where the value begins if `line` is the field `name`.
fn field(line: &[u8], name: &[u8]) -> Option<usize> {
    match line.strip_prefix(name)? {
        [] => Some(name.len()),
        [b':', b' ', ..] => Some(name.len() + 2),
        [b':', ..] => Some(name.len() + 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The frames of `stream`, as event and data.
    fn read(stream: &str) -> Vec<(Option<String>, String)> {
        let mut decoder = Decoder::default();
        decoder.push(stream.as_bytes());
        decoder.finish();
        let mut frames = Vec::new();
        while let Some(frame) = decoder.next().unwrap() {
            frames.push((frame.event.map(str::to_owned), frame.data.to_owned()));
        }
        frames
    }

    fn data(stream: &str) -> Vec<String> {
        read(stream).into_iter().map(|(_, data)| data).collect()
    }

    #[test]
    fn lines_end_in_any_way() {
        for end in ["\n", "\r\n", "\r"] {
            assert_eq!(data(&format!("data: a{end}{end}data:b{end}{end}")), ["a", "b"], "{end:?}");
        }
        assert_eq!(data("data: a\r\ndata: b\r\rdata: c\n\r\n"), ["a\nb", "c"]);
    }

    #[test]
    fn fields_are_told_apart() {
        assert_eq!(
            read("event: x\nid: 1\nretry: 2\ndata: a\ndata:  b\ndata\ndatum: c\n\n"),
            [(Some("x".into()), "a\n b\n".into())]
        );
    }

    #[test]
    fn what_carries_no_data_is_passed_over() {
        assert_eq!(data("\u{feff}\n: note\n\n\nevent: x\n\ndata:\n\ndata: a"), ["a"]);
        assert_eq!(data("\u{feff}data: a"), ["a"]);
    }

    #[test]
    fn a_frame_is_given_as_soon_as_its_blank_line_is_there() {
        for (stream, ready) in [
            ("data: a\n\n", true),
            ("data: a\r\r", true),
            ("data: a\r\n\r\n", true),
            ("data: a\r\n\r", false),
        ] {
            let mut decoder = Decoder::default();
            decoder.push(stream.as_bytes());
            assert_eq!(decoder.next().unwrap().is_some(), ready, "{stream:?}");
        }
    }

    #[test]
    fn a_frame_that_is_not_utf8_spoils_no_other() {
        let mut decoder = Decoder::default();
        decoder.push(b"data: \xff\n\ndata: a\n\n");
        assert_eq!(decoder.next(), Err(FrameError::NotUtf8));
        assert_eq!(decoder.next().unwrap().unwrap().raw, b"data: a\n\n");
    }
}
