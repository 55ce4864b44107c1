//! AWS's binary event stream (`application/vnd.amazon.eventstream`), read from bytes cut anywhere; every checksum is checked.
//!
//! ```text
//! u32 length of all | u32 length of headers | u32 CRC-32 of these | headers | payload | u32 CRC-32 of all before
//! header: u8 length, name | u8 type | value, big-endian as all numbers here
//! ```
//!
//! What a message is, its headers tell. [`Frame::event`] is the `:event-type` of an event, the `:exception-type` of an
//! exception, the `:error-code` of an error. The last two always end in `Exception`: where the provider's own name does not,
//! the word is appended, so that a reader knows a failure by its name. [`Frame::data`] is the payload, or the `:error-message` of
//! an error, which has none. Events that carry nothing are passed over.
//!
//! Every byte is copied once and summed once however the input is cut, and buffers are reused: a stream costs no allocation
//! per frame.

use std::ops::Range;

use crc::{CRC_32_ISO_HDLC, Crc};

use crate::frames::{Frame, FrameError, MAX_FRAME};

/// By a table of 1 KiB, which is quick enough: the quicker ones are sixteen times larger.
static CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// Both lengths and their checksum.
const PRELUDE: usize = 12;
/// The checksum of the frame.
const CHECKSUM: usize = 4;
/// How the names of failures end.
const EXCEPTION: &str = "Exception";

/// Cuts a stream of bytes into frames.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// Where the unread frame begins.
    start: usize,
    /// That frame's lengths, once they have been read and checked.
    lengths: Option<Lengths>,
    /// Whether a frame was too large or damaged: nobody knows where the next one begins.
    broken: bool,
    /// The name of a failure whose own does not say that it is one.
    name: String,
}

/// What a frame's prelude tells.
#[derive(Clone, Copy, Debug)]
struct Lengths {
    frame: usize,
    headers: usize,
}

/// Where a frame and its parts are in the buffer.
struct Parts {
    raw: Range<usize>,
    headers: Range<usize>,
    payload: Range<usize>,
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
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Says that no more bytes will come. A frame that lacks its end gives nothing: it cannot be checked.
    pub fn finish(&mut self) {}

    /// The next whole frame; `None` until more bytes are pushed.
    ///
    /// # Errors
    ///
    /// [`FrameError`] if the frame cannot be read. After [`FrameError::TooLarge`] and [`FrameError::Damaged`] there are
    /// no more frames.
    #[expect(clippy::should_implement_trait, reason = "frames borrow from the decoder, so it is no Iterator")]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        let (parts, headers) = loop {
            let Some(parts) = self.cut()? else { return Ok(None) };
            let Some(headers) = Headers::read(&self.buffer, parts.headers.clone()) else {
                return Err(self.give_up(FrameError::Damaged));
            };
            if headers.failure || !parts.payload.is_empty() {
                break (parts, headers);
            }
        };
        let text = |range| {
            let bytes = self.buffer.get(range).unwrap_or_default();
            std::str::from_utf8(bytes).map_err(|_| FrameError::NotUtf8)
        };
        let mut event = text(headers.name)?;
        if headers.failure && !event.ends_with(EXCEPTION) {
            self.name.clear();
            self.name.extend([event, EXCEPTION]);
            event = &self.name;
        }
        let data = text(if parts.payload.is_empty() { headers.message } else { parts.payload })?;
        let data = if data.is_empty() { "{}" } else { data };
        let raw = self.buffer.get(parts.raw).unwrap_or_default();
        Ok(Some(Frame { event: Some(event).filter(|event| !event.is_empty()), data, raw }))
    }

    /// Finds the frame at `start`, checks it and steps over it.
    fn cut(&mut self) -> Result<Option<Parts>, FrameError> {
        let Some(lengths) = self.lengths()? else { return Ok(None) };
        let raw = self.start..self.start + lengths.frame;
        let Some(frame) = self.buffer.get(raw.clone()) else { return Ok(None) };
        let Some((summed, sum)) = frame.split_last_chunk::<CHECKSUM>() else { return Ok(None) };
        if CRC.checksum(summed) != u32::from_be_bytes(*sum) {
            return Err(self.give_up(FrameError::Damaged));
        }
        (self.start, self.lengths) = (raw.end, None);
        let headers = raw.start + PRELUDE..raw.start + PRELUDE + lengths.headers;
        let payload = headers.end..raw.end - CHECKSUM;
        Ok(Some(Parts { raw, headers, payload }))
    }

    /// The lengths of the frame at `start`; `None` until its prelude is there.
    fn lengths(&mut self) -> Result<Option<Lengths>, FrameError> {
        if self.lengths.is_none() {
            let unread = self.buffer.get(self.start..).unwrap_or_default();
            let Some(prelude) = unread.first_chunk::<PRELUDE>() else { return Ok(None) };
            let checked = Lengths::read(*prelude);
            self.lengths = Some(checked.map_err(|error| self.give_up(error))?);
        }
        Ok(self.lengths)
    }

    /// Reads no more.
    fn give_up(&mut self, error: FrameError) -> FrameError {
        *self = Self { broken: true, ..Self::default() };
        error
    }
}

impl Lengths {
    fn read(prelude: [u8; PRELUDE]) -> Result<Self, FrameError> {
        let [a, b, c, d, e, f, g, h, sum @ ..] = prelude;
        if CRC.checksum(&[a, b, c, d, e, f, g, h]) != u32::from_be_bytes(sum) {
            return Err(FrameError::Damaged);
        }
        let size = |bytes| usize::try_from(u32::from_be_bytes(bytes)).unwrap_or(usize::MAX);
        let (frame, headers) = (size([a, b, c, d]), size([e, f, g, h]));
        match frame.checked_sub(PRELUDE + CHECKSUM) {
            Some(room) if headers <= room && frame <= MAX_FRAME => Ok(Self { frame, headers }),
            Some(room) if headers <= room => Err(FrameError::TooLarge),
            _ => Err(FrameError::Damaged),
        }
    }
}

/// What a message's headers tell of it.
#[derive(Default)]
struct Headers {
    /// Whether it is an exception or an error.
    failure: bool,
    /// Where its name is.
    name: Range<usize>,
    /// Where an error's message is.
    message: Range<usize>,
}

impl Headers {
    /// Reads the headers at `range`; `None` if they do not fill it exactly.
    fn read(buffer: &[u8], range: Range<usize>) -> Option<Self> {
        let mut headers = Self::default();
        let mut at = range.start;
        let take = |at: &mut usize, length: usize| {
            let taken = *at..at.checked_add(length).filter(|end| *end <= range.end)?;
            *at = taken.end;
            Some(taken)
        };
        while at < range.end {
            let length = *buffer.get(take(&mut at, 1)?)?.first()?;
            let name = buffer.get(take(&mut at, length.into())?)?;
            let kind = *buffer.get(take(&mut at, 1)?)?.first()?;
            let length = match kind {
                // True, false.
                0 | 1 => 0,
                // Integers of one, two and four bytes.
                2 => 1,
                3 => 2,
                4 => 4,
                // An integer of eight bytes, a point in time.
                5 | 8 => 8,
                // Bytes, text.
                6 | 7 => {
                    let length = buffer.get(take(&mut at, 2)?)?.first_chunk::<2>()?;
                    u16::from_be_bytes(*length).into()
                }
                // A UUID.
                9 => 16,
                _ => return None,
            };
            let value = take(&mut at, length)?;
            match name {
                b":message-type" => headers.failure = buffer.get(value)? != b"event",
                b":event-type" | b":exception-type" | b":error-code" => headers.name = value,
                b":error-message" => headers.message = value,
                _ => {}
            }
        }
        Some(headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header whose value is text.
    fn header(name: &str, value: &str) -> Vec<u8> {
        let mut bytes = vec![u8::try_from(name.len()).unwrap()];
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(7);
        bytes.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(value.as_bytes());
        bytes
    }

    fn frame(headers: &[u8], payload: &[u8]) -> Vec<u8> {
        let total = PRELUDE + headers.len() + payload.len() + CHECKSUM;
        let mut bytes = Vec::new();
        for length in [total, headers.len()] {
            bytes.extend_from_slice(&u32::try_from(length).unwrap().to_be_bytes());
        }
        bytes.extend_from_slice(&CRC.checksum(&bytes).to_be_bytes());
        bytes.extend_from_slice(headers);
        bytes.extend_from_slice(payload);
        bytes.extend_from_slice(&CRC.checksum(&bytes).to_be_bytes());
        bytes
    }

    fn event(name: &str, payload: &str) -> Vec<u8> {
        let headers = [header(":event-type", name), header(":message-type", "event")].concat();
        frame(&headers, payload.as_bytes())
    }

    /// What the first frame of `bytes` says.
    fn first(bytes: &[u8]) -> Result<Option<(String, String)>, FrameError> {
        let mut decoder = Decoder::default();
        decoder.push(bytes);
        let frame = decoder.next()?;
        Ok(frame.map(|frame| (frame.event.unwrap_or_default().to_owned(), frame.data.to_owned())))
    }

    #[test]
    fn a_frame_of_the_specification_is_read() {
        // From the protocol's published test vectors: no headers, then one integer.
        let bytes = b"\0\0\0\x1d\0\0\0\0\xfd\x52\x8c\x5a{'foo':'bar'}\xc3\x65\x39\x36";
        assert_eq!(first(bytes), Ok(Some((String::new(), "{'foo':'bar'}".to_owned()))));
        let bytes = b"\0\0\0\x2d\0\0\0\x10\x41\xc4\x24\xb8\x0aevent-type\x04\0\0\xa0\x0c{'foo':'bar'}\x36\xf4\x80\xa0";
        assert_eq!(first(bytes), Ok(Some((String::new(), "{'foo':'bar'}".to_owned()))));
    }

    #[test]
    fn headers_of_every_type_are_stepped_over() {
        let name = header(":event-type", "messageStart");
        let headers: [&[u8]; 11] = [
            b"\x01a\0",
            b"\x01b\x01",
            b"\x01c\x02x",
            b"\x01d\x03xx",
            b"\x01e\x04xxxx",
            b"\x01f\x05xxxxxxxx",
            b"\x01g\x06\0\x03xxx",
            b"\x01h\x08xxxxxxxx",
            b"\x01i\x09xxxxxxxxxxxxxxxx",
            b"\0\x07\0\0",
            &name,
        ];
        let whole = headers.concat();
        assert_eq!(first(&frame(&whole, b"{}")).unwrap().unwrap().0, "messageStart");
        let whole_ones: Vec<usize> = (0..=headers.len()).map(|n| headers[..n].concat().len()).collect();
        for end in 0..=whole.len() {
            let read = first(&frame(&whole[..end], b"{}"));
            assert_eq!(read.is_ok(), whole_ones.contains(&end), "headers cut at {end}");
        }
        assert_eq!(first(&frame(b"\x01a\x0a", b"{}")), Err(FrameError::Damaged));
    }

    #[test]
    fn failures_are_known_by_their_name() {
        let failure = |kind: &str, name: &str, value: &str, payload: &[u8]| {
            let message = header(":error-message", "try later");
            let headers = [header(":message-type", kind), header(name, value), message].concat();
            first(&frame(&headers, payload)).unwrap().unwrap()
        };
        let told = |event: &str, data: &str| (event.to_owned(), data.to_owned());
        assert_eq!(
            failure("exception", ":exception-type", "throttlingException", b"{\"message\":\"m\"}"),
            told("throttlingException", "{\"message\":\"m\"}")
        );
        assert_eq!(
            failure("error", ":error-code", "InternalFailure", b""),
            told("InternalFailureException", "try later")
        );
        let silent = frame(&header(":message-type", "error"), b"");
        assert_eq!(first(&silent), Ok(Some(told("Exception", "{}"))));
    }

    #[test]
    fn one_wrong_bit_anywhere_ends_the_stream() {
        let sent = event("messageStart", "{\"role\":\"assistant\"}");
        for at in 0..sent.len() {
            for bit in 0..8 {
                let mut bytes = [sent.as_slice(), &sent].concat();
                bytes[at] ^= 1 << bit;
                let mut decoder = Decoder::default();
                decoder.push(&bytes);
                assert_eq!(decoder.next(), Err(FrameError::Damaged), "byte {at} bit {bit}");
                decoder.push(&sent);
                assert_eq!(decoder.next(), Ok(None));
            }
        }
    }

    #[test]
    fn a_frame_that_would_be_too_large_is_refused_at_once() {
        for (total, headers, error) in [
            (MAX_FRAME as u32 + 1, 0, FrameError::TooLarge),
            (u32::MAX, 5, FrameError::TooLarge),
            (15, 0, FrameError::Damaged),
            (20, 5, FrameError::Damaged),
            (u32::MAX, u32::MAX, FrameError::Damaged),
        ] {
            let mut bytes = [u32::to_be_bytes(total), u32::to_be_bytes(headers)].concat();
            bytes.extend_from_slice(&CRC.checksum(&bytes).to_be_bytes());
            assert_eq!(first(&bytes), Err(error), "{total} {headers}");
        }
    }

    #[test]
    fn what_carries_nothing_is_passed_over_and_what_is_not_utf8_spoils_no_other() {
        let mut decoder = Decoder::default();
        decoder.push(&event("ping", ""));
        decoder.push(&event("a", "1"));
        decoder.push(&frame(&header(":event-type", "b"), b"\xff"));
        decoder.push(&event("c", "2"));
        assert_eq!(decoder.next().unwrap().unwrap().data, "1");
        assert_eq!(decoder.next(), Err(FrameError::NotUtf8));
        let sent = event("c", "2");
        assert_eq!(decoder.next(), Ok(Some(Frame { event: Some("c"), data: "2", raw: &sent })));
        assert_eq!(decoder.next(), Ok(None));
    }
}
