//! How much a PDF's stream inflates to, found out within bounds before the library is let near it.

use flate2::{Decompress, FlushDecompress, Status};

/// A way in which a stream is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    /// Deflate, with or without a zlib head.
    Flate,
    /// Lempel-Ziv-Welch.
    Lzw,
    /// Two digits a byte.
    Hex,
    /// Five characters for four bytes.
    Ascii85,
    /// Runs of a byte.
    RunLength,
    /// A picture's, which is never unpacked.
    Picture,
    /// Anything else.
    Other,
}

impl Filter {
    pub(crate) fn named(name: &[u8]) -> Self {
        match name {
            b"FlateDecode" | b"Fl" => Self::Flate,
            b"LZWDecode" | b"LZW" => Self::Lzw,
            b"ASCIIHexDecode" | b"AHx" => Self::Hex,
            b"ASCII85Decode" | b"A85" => Self::Ascii85,
            b"RunLengthDecode" | b"RL" => Self::RunLength,
            b"DCTDecode" | b"DCT" | b"JPXDecode" | b"JBIG2Decode" | b"CCITTFaxDecode" | b"CCF" => {
                Self::Picture
            }
            _ => Self::Other,
        }
    }

    /// Bytes that end a stream of this filter at once.
    pub(crate) fn end(self) -> [u8; 2] {
        match self {
            // A last block of a type that does not exist.
            Self::Flate | Self::Picture | Self::Other => [0x07, 0x07],
            Self::Lzw | Self::RunLength => [0x80, 0x80],
            Self::Hex => *b">>",
            Self::Ascii85 => *b"~>",
        }
    }
}

/// A stream is larger than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// What was unpacked, and how much of the packed bytes it took.
pub(crate) struct Unpacked {
    pub(crate) bytes: Vec<u8>,
    pub(crate) taken: usize,
}

/// Unpacks a stream as far as it can be read, to at most `most` bytes at every step. Pictures yield nothing.
pub(crate) fn unpack(filters: &[Filter], packed: &[u8], most: usize) -> Result<Unpacked, TooLarge> {
    let mut all = Unpacked { bytes: Vec::new(), taken: 0 };
    if filters.contains(&Filter::Picture) {
        return Ok(all);
    }
    for (step, filter) in filters.iter().enumerate() {
        let input = if step == 0 { packed } else { &all.bytes };
        let next = match filter {
            Filter::Flate => inflate(input, most)?,
            Filter::Lzw => lzw(input, most)?,
            Filter::Hex => hex(input, most)?,
            Filter::Ascii85 => ascii85(input, most)?,
            Filter::RunLength => run_length(input, most)?,
            Filter::Picture | Filter::Other => continue,
        };
        let taken = all.taken.saturating_add(next.taken);
        all = Unpacked { bytes: next.bytes, taken };
    }
    Ok(all)
}

fn inflate(input: &[u8], most: usize) -> Result<Unpacked, TooLarge> {
    let zlib = matches!(input, [cmf, flg, ..] if cmf & 0x0f == 8 && (u16::from(*cmf) << 8 | u16::from(*flg)) % 31 == 0);
    let body = if zlib { input.get(2..).unwrap_or_default() } else { input };
    let mut inflater = Decompress::new(false);
    let mut bytes = Vec::new();
    loop {
        let room = bytes.len().clamp(16 * 1024, 1024 * 1024).min(most + 1 - bytes.len().min(most));
        bytes.reserve(room);
        let taken = usize::try_from(inflater.total_in()).unwrap_or(usize::MAX);
        let before = bytes.len();
        let status =
            inflater.decompress_vec(body.get(taken..).unwrap_or_default(), &mut bytes, FlushDecompress::None);
        if bytes.len() > most {
            return Err(TooLarge);
        }
        let now = usize::try_from(inflater.total_in()).unwrap_or(usize::MAX);
        let still = now == taken && bytes.len() == before;
        if still || !matches!(status, Ok(Status::Ok | Status::BufError)) {
            return Ok(Unpacked { bytes, taken: now });
        }
    }
}

/// How much the codes stand for is what counts here, so entries are kept as lengths and the bytes are made of zeros.
fn lzw(input: &[u8], most: usize) -> Result<Unpacked, TooLarge> {
    const CLEAR: usize = 256;
    const END: usize = 257;
    let mut lengths: Vec<usize> = vec![1; 258];
    let (mut width, mut held, mut bits) = (9_u32, 0_u32, 0_u32);
    let mut last: Option<usize> = None;
    let (mut size, mut taken) = (0_usize, 0_usize);
    for byte in input {
        taken += 1;
        held = held << 8 | u32::from(*byte);
        bits += 8;
        if bits < width {
            continue;
        }
        bits -= width;
        let code = (held >> bits) as usize & ((1 << width) - 1);
        held &= (1 << bits) - 1;
        match code {
            CLEAR => {
                lengths.truncate(258);
                width = 9;
                last = None;
                continue;
            }
            END => break,
            _ => {}
        }
        // A code that is not there yet is the last one and a byte.
        let own = lengths.get(code).copied().unwrap_or_else(|| last.unwrap_or(0) + 1);
        size = size.saturating_add(own);
        if size > most {
            return Err(TooLarge);
        }
        if let Some(last) = last
            && lengths.len() < 4096
        {
            lengths.push(last + 1);
        }
        last = Some(own);
        width = match lengths.len() + 1 {
            ..512 => 9,
            512..1024 => 10,
            1024..2048 => 11,
            _ => 12,
        };
    }
    Ok(Unpacked { bytes: vec![0; size], taken })
}

fn hex(input: &[u8], most: usize) -> Result<Unpacked, TooLarge> {
    let mut bytes = Vec::new();
    let mut half: Option<u8> = None;
    let mut taken = 0;
    for byte in input {
        taken += 1;
        let Some(digit) = (*byte as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok()) else {
            if *byte == b'>' {
                break;
            }
            continue;
        };
        match half.take() {
            None => half = Some(digit),
            Some(high) => bytes.push(high << 4 | digit),
        }
        if bytes.len() > most {
            return Err(TooLarge);
        }
    }
    bytes.extend(half.map(|high| high << 4));
    Ok(Unpacked { bytes, taken })
}

fn ascii85(input: &[u8], most: usize) -> Result<Unpacked, TooLarge> {
    let mut bytes: Vec<u8> = Vec::new();
    let (mut group, mut count) = (0_u32, 0_usize);
    let mut taken = 0;
    for byte in input {
        taken += 1;
        match byte {
            b'z' if count == 0 => bytes.extend([0; 4]),
            b'!'..=b'u' => {
                group = group.wrapping_mul(85).wrapping_add(u32::from(byte - b'!'));
                count += 1;
                if count == 5 {
                    bytes.extend(group.to_be_bytes());
                    (group, count) = (0, 0);
                }
            }
            b'~' => break,
            _ => {}
        }
        if bytes.len() > most {
            return Err(TooLarge);
        }
    }
    if count > 1 {
        for _ in count..5 {
            group = group.wrapping_mul(85).wrapping_add(84);
        }
        bytes.extend(group.to_be_bytes().iter().take(count - 1));
    }
    Ok(Unpacked { bytes, taken })
}

fn run_length(input: &[u8], most: usize) -> Result<Unpacked, TooLarge> {
    let mut bytes: Vec<u8> = Vec::new();
    let mut rest = input;
    while let [length, tail @ ..] = rest {
        match usize::from(*length) {
            128 => break,
            count @ ..128 => {
                let (run, after) = tail.split_at(tail.len().min(count + 1));
                bytes.extend_from_slice(run);
                rest = after;
            }
            count => {
                let Some((byte, after)) = tail.split_first() else { break };
                bytes.extend(std::iter::repeat_n(*byte, 257 - count));
                rest = after;
            }
        }
        if bytes.len() > most {
            return Err(TooLarge);
        }
    }
    Ok(Unpacked { bytes, taken: input.len() - rest.len() })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn deflated(bytes: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    #[test]
    fn streams_are_unpacked_within_bounds() {
        let text = b"BT /F1 12 Tf (Hello) Tj ET".repeat(40);
        let packed = deflated(&text);
        assert_eq!(unpack(&[Filter::Flate], &packed, 10_000).unwrap().bytes, text);
        assert!(unpack(&[Filter::Flate], &packed, 1000).is_err());
        let hexed: Vec<u8> = packed.iter().flat_map(|byte| format!("{byte:02X}").into_bytes()).collect();
        assert_eq!(unpack(&[Filter::Hex, Filter::Flate], &hexed, 10_000).unwrap().bytes, text);
        assert_eq!(unpack(&[Filter::Ascii85], b"87cURD]i,\"Ebo80~>", 100).unwrap().bytes, b"Hello World!");
        assert_eq!(
            unpack(&[Filter::RunLength], &[1, b'a', b'b', 254, b'c', 128], 100).unwrap().bytes,
            b"abccc"
        );
        // The example of the PDF reference: 45 45 45 45 45 65 45 45 45 66.
        let lzw =
            unpack(&[Filter::Lzw], &[0x80, 0x0B, 0x60, 0x50, 0x22, 0x0C, 0x0C, 0x85, 0x01], 100).unwrap();
        assert_eq!(lzw.bytes.len(), 10);
    }

    #[test]
    fn bombs_stop_at_the_bound() {
        let bomb = deflated(&vec![0; 20_000_000]);
        assert!(bomb.len() < 30_000);
        assert!(unpack(&[Filter::Flate], &bomb, 1_000_000).is_err());
        let twice = deflated(&bomb);
        assert!(unpack(&[Filter::Flate, Filter::Flate], &twice, 1_000_000).is_err());
    }
}
