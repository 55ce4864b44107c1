//! Gzip without compression: valid for every reader, a few lines to write.

/// One gzip member, written piece by piece in stored blocks.
pub struct Gzip {
    /// CRC-32 so far, inverted.
    crc: u32,
    length: u32,
    started: bool,
}

impl Gzip {
    pub fn new() -> Self {
        Self { crc: u32::MAX, length: 0, started: false }
    }

    /// The next piece.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = self.start();
        for block in bytes.chunks(0xffff) {
            put_block(&mut out, block, false);
        }
        self.crc = bytes.iter().fold(self.crc, |crc, byte| crc32(crc, *byte));
        self.length = self.length.wrapping_add(bytes.len() as u32);
        out
    }

    /// The end.
    pub fn finish(mut self) -> Vec<u8> {
        let mut out = self.start();
        put_block(&mut out, &[], true);
        out.extend((!self.crc).to_le_bytes());
        out.extend(self.length.to_le_bytes());
        out
    }

    fn start(&mut self) -> Vec<u8> {
        let started = std::mem::replace(&mut self.started, true);
        if started { Vec::new() } else { vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255] }
    }
}

fn put_block(out: &mut Vec<u8>, block: &[u8], last: bool) {
    let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
    out.push(u8::from(last));
    out.extend(length.to_le_bytes());
    out.extend((!length).to_le_bytes());
    out.extend(block);
}

fn crc32(crc: u32, byte: u8) -> u32 {
    let shift = |crc: u32, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
    (0..8).fold(crc ^ u32::from(byte), shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!(!b"123456789".iter().fold(u32::MAX, |crc, byte| crc32(crc, *byte)), 0xcbf4_3926);
    }

    #[test]
    fn pieces_make_one_member() {
        let mut gzip = Gzip::new();
        let whole = [gzip.push(b"ab"), gzip.push(b"c"), gzip.finish()].concat();
        assert!(whole.starts_with(&[0x1f, 0x8b, 8]));
        assert!(whole.ends_with(&[3, 0, 0, 0]));
    }
}
