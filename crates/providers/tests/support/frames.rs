//! The frames of a stream, however it is cut.

use sluice_providers::frames::{Decoder, FrameError, Framing};

/// A frame's event, data and own bytes; or why it could not be read.
pub type Read = Result<(Option<String>, String, Vec<u8>), FrameError>;

/// The frames of a stream given in `chunks`.
pub fn frames<'c>(framing: Framing, chunks: impl Iterator<Item = &'c [u8]>) -> Vec<Read> {
    let mut decoder = Decoder::new(framing);
    let mut frames = Vec::new();
    for chunk in chunks {
        decoder.push(chunk);
        drain(&mut decoder, &mut frames);
    }
    decoder.finish();
    drain(&mut decoder, &mut frames);
    frames
}

fn drain(decoder: &mut Decoder, frames: &mut Vec<Read>) {
    loop {
        match decoder.next() {
            Ok(None) => return,
            Ok(Some(frame)) => {
                let event = frame.event.map(str::to_owned);
                frames.push(Ok((event, frame.data.to_owned(), frame.raw.to_owned())));
            }
            Err(error) => frames.push(Err(error)),
        }
    }
}
