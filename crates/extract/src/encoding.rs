//! Bytes into text, whatever encoding they are in.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// How much of a text is looked at to tell its encoding.
const SAMPLE: usize = 256 * 1024;

/// Decodes a text: by its byte order mark, as UTF-8 where it is valid, as UTF-16 where every other byte is zero, as the
/// encoding an HTML or XML head names, as UTF-8 with stray bytes where most of it is, else as what it looks like, which for
/// western text is windows-1252. Bytes that mean nothing become U+FFFD. UTF-8 is borrowed, not copied.
pub(crate) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    if let Some(rest) = bytes.strip_prefix(b"\xEF\xBB\xBF") {
        return utf8_with_strays(rest).unwrap_or_else(|| String::from_utf8_lossy(rest));
    }
    if let Some(rest) = bytes.strip_prefix(b"\xFF\xFE\0\0") {
        return Cow::Owned(utf32(rest, u32::from_le_bytes));
    }
    if let Some(rest) = bytes.strip_prefix(b"\0\0\xFE\xFF") {
        return Cow::Owned(utf32(rest, u32::from_be_bytes));
    }
    if let Some(rest) = bytes.strip_prefix(b"\xFF\xFE") {
        return UTF_16LE.decode_without_bom_handling(rest).0;
    }
    if let Some(rest) = bytes.strip_prefix(b"\xFE\xFF") {
        return UTF_16BE.decode_without_bom_handling(rest).0;
    }
    if let Some(encoding) = utf16_without_mark(bytes) {
        return encoding.decode_without_bom_handling(bytes).0;
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    if let Some(encoding) = named_in_head(bytes) {
        return encoding.decode_without_bom_handling(bytes).0;
    }
    if let Some(text) = utf8_with_strays(bytes) {
        return text;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes.get(..SAMPLE).unwrap_or(bytes), true);
    let encoding = detector.guess(None, Utf8Detection::Deny);
    encoding.decode_without_bom_handling(bytes).0
}

/// The same for bytes that may be owned: UTF-8 is not copied then either.
pub(crate) fn decode_cow(bytes: Cow<'_, [u8]>) -> Cow<'_, str> {
    let bytes = match bytes {
        Cow::Borrowed(bytes) => return decode(bytes),
        Cow::Owned(bytes) => bytes,
    };
    let as_it_is = matches!(decode(&bytes), Cow::Borrowed(text) if text.len() == bytes.len());
    if as_it_is {
        return Cow::Owned(String::from_utf8(bytes).unwrap_or_default());
    }
    Cow::Owned(decode(&bytes).into_owned())
}

fn utf32(bytes: &[u8], read: fn([u8; 4]) -> u32) -> String {
    let (units, _) = bytes.as_chunks::<4>();
    units.iter().map(|unit| char::from_u32(read(*unit)).unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// UTF-16 without a mark: western text has a zero in every other byte, and almost none in between.
fn utf16_without_mark(bytes: &[u8]) -> Option<&'static Encoding> {
    let (pairs, _) = bytes.get(..4096).unwrap_or(bytes).as_chunks::<2>();
    let zeros = |at: fn(&[u8; 2]) -> u8| pairs.iter().filter(|pair| at(pair) == 0).count();
    let (first, second) = (zeros(|[byte, _]| *byte), zeros(|[_, byte]| *byte));
    let (many, few) = (pairs.len() * 2 / 5, pairs.len() / 20);
    match () {
        () if pairs.len() < 2 => None,
        () if second > many && first <= few => Some(UTF_16LE),
        () if first > many && second <= few => Some(UTF_16BE),
        () => None,
    }
}

/// What `<meta charset>`, `<meta … content="…; charset=…">` or `<?xml … encoding="…"?>` says.
fn named_in_head(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = bytes.get(..2048).unwrap_or(bytes).to_ascii_lowercase();
    if !head.trim_ascii_start().starts_with(b"<") {
        return None;
    }
    let after = |needle: &[u8]| {
        let at = memchr::memmem::find(&head, needle)?;
        head.get(at + needle.len()..)
    };
    let value = after(b"charset=").or_else(|| after(b"encoding="))?;
    let value = value.strip_prefix(b"\"").or_else(|| value.strip_prefix(b"'")).unwrap_or(value);
    let end =
        value.iter().position(|byte| matches!(byte, b'"' | b'\'' | b' ' | b';' | b'>' | b'/' | b'?'))?;
    Encoding::for_label(value.get(..end)?)
}

/// UTF-8 in which some bytes are not, as when files of two encodings were joined: those are read as windows-1252. `None`
/// where there are more of them than of characters that are UTF-8 and not ASCII.
fn utf8_with_strays(bytes: &[u8]) -> Option<Cow<'_, str>> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Some(Cow::Borrowed(text));
    }
    let (mut wide, mut strays) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        wide += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        strays += usize::from(!chunk.invalid().is_empty());
    }
    if wide < strays.saturating_mul(2) {
        return None;
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.push_str(&WINDOWS_1252.decode_without_bom_handling(chunk.invalid()).0);
    }
    Some(Cow::Owned(text))
}

/// Whether a decoded text is no text: control characters or undecodable bytes are more than 2 in 100 of it at its start or
/// in its middle.
pub(crate) fn looks_binary(text: &str) -> bool {
    let middle = (text.len() / 2..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    [0, middle].into_iter().any(|from| {
        let sample = text.get(from..).unwrap_or_default().chars().take(8192);
        let (mut all, mut strange) = (0_usize, 0_usize);
        for c in sample {
            all += 1;
            let control = c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{c}' | '\u{1b}' | '\u{8}');
            strange += usize::from(control || c == char::REPLACEMENT_CHARACTER);
        }
        strange * 50 > all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_decoded_whatever_their_encoding() {
        let utf16 = |text: &str, write: fn(u16) -> [u8; 2], mark: &[u8]| {
            let mut bytes = mark.to_vec();
            bytes.extend(text.encode_utf16().flat_map(write));
            bytes
        };
        let western = "Le café coûte 3 € à l’hôtel, déjà payé par le garçon";
        let (latin, _, _) = WINDOWS_1252.encode(western);
        let (html, _, _) = encoding_rs::KOI8_R.encode("<html><meta charset=\"koi8-r\"><p>Привет, мир");
        let mut mixed = "Überall grüßen schöne Mädchen: ".as_bytes().to_vec();
        mixed.extend_from_slice(b"caf\xE9");
        for (bytes, text) in [
            (b"\xEF\xBB\xBFhello".to_vec(), "hello"),
            ("naïve".as_bytes().to_vec(), "naïve"),
            (utf16("héllo, wörld €", u16::to_le_bytes, b"\xFF\xFE"), "héllo, wörld €"),
            (utf16("héllo, wörld €", u16::to_be_bytes, b"\xFE\xFF"), "héllo, wörld €"),
            (utf16("plain words here", u16::to_le_bytes, b""), "plain words here"),
            (utf16("plain words here", u16::to_be_bytes, b""), "plain words here"),
            (b"\xFF\xFE\0\0h\0\0\0i\0\0\0".to_vec(), "hi"),
            (latin.to_vec(), western),
            (html.to_vec(), "<html><meta charset=\"koi8-r\"><p>Привет, мир"),
            (mixed, "Überall grüßen schöne Mädchen: café"),
        ] {
            assert_eq!(decode(&bytes), text, "{bytes:?}");
        }
    }

    #[test]
    fn what_is_no_text_is_seen() {
        let noise: Vec<u8> = (0..4000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        assert!(looks_binary(&decode(&noise)));
        assert!(!looks_binary(&decode("Zwölf Boxkämpfer\n\tjagen Viktor".as_bytes())));
    }
}
