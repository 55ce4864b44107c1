//! Numbers in bytes.

/// Appends a number, seven bits a byte, the lowest first.
pub(crate) fn push_number(bytes: &mut Vec<u8>, mut number: u32) {
    while 0x7F < number {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Reads numbers one after another.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    bytes: std::slice::Iter<'a, u8>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes: bytes.iter() }
    }

    /// The next number; `None` at the end, and where it has more than 32 bits.
    pub(crate) fn number(&mut self) -> Option<u32> {
        let mut number = 0;
        for shift in [0, 7, 14, 21, 28] {
            let byte = u32::from(*self.bytes.next()?);
            number |= (byte & 0x7F) << shift;
            if byte < 0x80 {
                return (shift < 28 || byte < 16).then_some(number);
            }
        }
        None
    }
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

pub(crate) fn f32_at(bytes: &[u8], at: usize) -> Option<f32> {
    bytes.get(at..)?.first_chunk().map(|bytes| f32::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back(numbers in prop::collection::vec(any::<u32>(), 0..20)) {
            let mut bytes = Vec::new();
            numbers.iter().for_each(|number| push_number(&mut bytes, *number));
            let mut reader = Reader::new(&bytes);
            for number in numbers {
                prop_assert_eq!(reader.number(), Some(number));
            }
            prop_assert_eq!(reader.number(), None);
        }
    }

    #[test]
    fn too_many_bits_are_no_number() {
        assert_eq!(Reader::new(&[0xFF; 9]).number(), None);
        assert_eq!(Reader::new(&[0x80, 0x80, 0x80, 0x80, 0x10]).number(), None);
        assert_eq!(Reader::new(&[0x80]).number(), None);
    }
}
