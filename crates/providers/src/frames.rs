//! Frames of a stream: what a decoder cuts bytes into, whatever the framing.

use std::fmt;

use sluice_types::error::{ErrorKind, Failure};

use crate::{event_stream, lines, sse};

/// The largest frame that is read, in bytes.
pub const MAX_FRAME: usize = 16 * 1024 * 1024;

/// One frame, borrowed from the decoder until the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What kind of frame it is, where it says: the `event` field of server-sent events, the `:event-type` or
    /// `:exception-type` header of an event stream.
    pub event: Option<&'a str>,
    /// What it carries: the `data` fields joined with LF, the line, or the payload; never empty.
    pub data: &'a str,
    /// The frame's bytes exactly as they came, with what ends it.
    pub raw: &'a [u8],
}

/// Why a frame cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// The frame is longer than [`MAX_FRAME`]; the rest of the stream is not read.
    TooLarge,
    /// The frame is not UTF-8; the next one can be read.
    NotUtf8,
    /// The frame's lengths or checksums do not fit together; the rest of the stream is not read.
    Damaged,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "a frame of the stream is larger than 16 MiB",
            Self::NotUtf8 => "a frame of the stream is not valid UTF-8",
            Self::Damaged => "a frame of the stream is damaged: its lengths or checksums do not fit",
        })
    }
}

impl std::error::Error for FrameError {}

impl From<FrameError> for Failure {
    fn from(error: FrameError) -> Self {
        Self::new(ErrorKind::UpstreamInvalid, error.to_string())
    }
}

/// How a stream is cut into frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events.
    Sse,
    /// A JSON value a line.
    Lines,
    /// AWS's binary event stream.
    EventStream,
}

/// Cuts a stream of bytes into frames.
#[derive(Debug)]
pub enum Decoder {
    /// Server-sent events.
    Sse(sse::Decoder),
    /// A JSON value a line.
    Lines(lines::Decoder),
    /// AWS's binary event stream.
    EventStream(event_stream::Decoder),
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub fn new(framing: Framing) -> Self {
        match framing {
            Framing::Sse => Self::Sse(sse::Decoder::default()),
            Framing::Lines => Self::Lines(lines::Decoder::default()),
            Framing::EventStream => Self::EventStream(event_stream::Decoder::default()),
        }
    }

    /// Takes more of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        match self {
            Self::Sse(decoder) => decoder.push(bytes),
            Self::Lines(decoder) => decoder.push(bytes),
            Self::EventStream(decoder) => decoder.push(bytes),
        }
    }

    /// Says that no more bytes will come, so that [`next`](Self::next) gives a last frame that lacks its end.
    pub fn finish(&mut self) {
        match self {
            Self::Sse(decoder) => decoder.finish(),
            Self::Lines(decoder) => decoder.finish(),
            Self::EventStream(decoder) => decoder.finish(),
        }
    }

    /// The next whole frame; `None` until more bytes are pushed.
    ///
    /// # Errors
    ///
    /// [`FrameError`] if the frame cannot be read.
    #[expect(clippy::should_implement_trait, reason = "frames borrow from the decoder, so it is no Iterator")]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        match self {
            Self::Sse(decoder) => decoder.next(),
            Self::Lines(decoder) => decoder.next(),
            Self::EventStream(decoder) => decoder.next(),
        }
    }
}
