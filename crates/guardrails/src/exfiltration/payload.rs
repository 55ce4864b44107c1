//! Whether a link carries data: text in base64, hex or plain words, numbers of cards, addresses.

use base64::{
    Engine,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use crate::text;

/// Letters from which on a part can hold a message.
const SHORTEST: usize = 12;

/// Whether the host, path or query of `url` holds a payload.
pub(super) fn carries(url: &str, host: &str) -> bool {
    let after = url.split_once("//").map_or(url, |(_, rest)| rest);
    let behind = after.find(['/', '?', '#']).map_or("", |at| text::part(after, at, after.len()));
    let query = behind.split_once('?').map_or("", |(_, query)| query);
    behind.split(['/', '?', '&', '=', '#', ';']).any(encoded)
        || host.split('.').any(|label| 24 <= label.len() && encoded(label))
        || words(query)
        || personal(behind)
}

/// Whether a part decodes to readable text.
fn encoded(part: &str) -> bool {
    let part = part.trim_end_matches('=');
    let part = part.strip_suffix("%3D").unwrap_or(part);
    if part.len() < SHORTEST {
        return false;
    }
    if part.len().is_multiple_of(2) && part.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let pair =
            |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
        let bytes: Vec<u8> = part.as_bytes().chunks(2).filter_map(pair).collect();
        return readable(&bytes);
    }
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let mixed = part.bytes().any(|byte| byte.is_ascii_uppercase())
        && part.bytes().any(|byte| byte.is_ascii_lowercase());
    let alphabets = [&STANDARD, &URL_SAFE];
    let mut decoded =
        alphabets.into_iter().filter_map(|alphabet| GeneralPurpose::new(alphabet, config).decode(part).ok());
    mixed && decoded.any(|bytes| readable(&bytes))
}

/// Whether bytes are text: printable, with letters.
fn readable(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let letters = text.chars().filter(|character| character.is_alphanumeric() || *character == ' ').count();
    let control = text.chars().any(|character| character.is_control() && !character.is_whitespace());
    !control && bytes.len() * 3 / 4 <= letters.max(1) * bytes.len() / text.chars().count().max(1)
}

/// Whether a query holds a sentence rather than a few words to search for.
fn words(query: &str) -> bool {
    query.split(['&', '=']).any(|value| {
        let spaced = value.replace("%20", "+");
        let words: Vec<&str> = spaced.split('+').filter(|word| !word.is_empty()).collect();
        let number = words.iter().any(|word| 4 <= word.bytes().filter(u8::is_ascii_digit).count());
        6 <= words.len() || 3 <= words.len() && number
    })
}

/// Whether a part holds an address or a long number.
fn personal(behind: &str) -> bool {
    let address = behind.split(['?', '&', '=', '/']).any(|part| {
        part.replace("%40", "@")
            .split_once('@')
            .is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
    });
    let plain = behind.replace("%20", "/");
    let number = plain
        .split(|character: char| !character.is_ascii_alphanumeric())
        .any(|part| (12..=19).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit()));
    address || number
}
