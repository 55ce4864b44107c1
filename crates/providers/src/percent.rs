//! Percent-encoding.

use std::fmt::Write;

/// `text` with everything but letters, digits and `-_.~` encoded.
pub fn encode(text: &str) -> String {
    encode_but(text, "")
}

/// The same, with the ASCII characters in `kept` left as they are, too.
pub fn encode_but(text: &str, kept: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_' | b'.' | b'~')
            || kept.as_bytes().contains(&byte)
        {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
