//! Private keys in PEM.

use crate::text;

/// Bytes of the longest private key: one of 16,384 bits with its line ends written as `\n`, and room.
const LONGEST: usize = 16 << 10;

/// Letters of base64 without which a beginning is only spoken of.
const BODY: usize = 40;

/// What begins at a `-`.
pub(crate) enum Block {
    /// Perhaps a key; so many bytes were looked at.
    Open(usize),
    /// A key up to here.
    Found(usize),
    /// No key.
    No,
}

/// Looks for a private key that begins at `at`; the first `seen` bytes were looked at before.
pub(crate) fn key_block(text: &str, at: usize, seen: usize, last: bool) -> Block {
    const BEGIN: &str = "-----BEGIN ";
    const END: &[u8] = b"-----END ";
    let rest = text::part(text, at, text.len());
    if text::char_before(text, at) == Some('-') {
        return Block::No;
    }
    if rest.len() < BEGIN.len() {
        return if BEGIN.starts_with(rest) && !last { Block::Open(0) } else { Block::No };
    }
    let Some(label) = rest.strip_prefix(BEGIN) else { return Block::No };
    let plain =
        |character: char| character.is_ascii_uppercase() || character.is_ascii_digit() || character == ' ';
    let length = label.find(|character| !plain(character)).unwrap_or(label.len());
    let behind = text::part(label, length, label.len());
    if 40 < length {
        return Block::No;
    }
    if !behind.starts_with("-----") {
        return if "-----".starts_with(behind) && !last { Block::Open(0) } else { Block::No };
    }
    let label = text::part(label, 0, length);
    if !label.ends_with("PRIVATE KEY") && label != "PGP PRIVATE KEY BLOCK" {
        return Block::No;
    }
    let header = BEGIN.len() + length + 5;
    let from = text::floor(rest, header.max(seen.saturating_sub(END.len())));
    let body = text::part(rest, from, rest.len());
    let end = memchr::memmem::find(body.as_bytes(), END).map(|found| from + found);
    let inside = |character: char| {
        character.is_ascii_alphanumeric()
            || matches!(character, '+' | '/' | '=' | '\n' | '\r' | ' ' | '\\' | ':' | ',' | '-' | '\t')
    };
    let stop = text::part(rest, from, end.unwrap_or(rest.len()))
        .find(|character| !inside(character))
        .map(|stop| from + stop);
    let cut = |to: usize| {
        let letters = text::part(rest, header, to).bytes().filter(u8::is_ascii_alphanumeric).count();
        if BODY <= letters { Block::Found(at + to) } else { Block::No }
    };
    match (stop, end) {
        (Some(stop), _) => cut(stop.min(LONGEST)),
        (None, _) if LONGEST < end.unwrap_or(rest.len()) => cut(LONGEST),
        (None, Some(end)) => {
            let tail = text::part(rest, end, rest.len());
            let closing = tail.find("KEY").and_then(|key| {
                let after = text::part(tail, key, tail.len());
                after.find("-----").map(|dashes| key + dashes + 5)
            });
            match closing {
                Some(bytes) if bytes <= 60 => Block::Found(at + end + bytes),
                None if tail.len() < 60 && !last => Block::Open(end),
                Some(_) | None => cut(end),
            }
        }
        (None, None) if last => cut(rest.len()),
        (None, None) => Block::Open(rest.len()),
    }
}
