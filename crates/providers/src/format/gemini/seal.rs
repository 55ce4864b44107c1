//! Seals as callers of this format are told them.
//!
//! A `thoughtSignature` is bytes in base64, and the official clients decode it: another maker's seal can only be told
//! inside base64. Google's own are told as they are.

use std::borrow::Cow;

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use sluice_types::{json::Str, seal::Maker};

/// How the base64 of what is wrapped here begins, in any of its alphabets.
pub(super) const WRAPPED: &str = "c2x1aWNl";

const SEAL: &str = "sluice:seal:";
const REDACTED: &str = "sluice:redacted:";

/// Clients write base64 in either alphabet, with or without its padding.
const ANY_PADDING: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a caller's signature is.
#[derive(Debug, PartialEq)]
pub(super) enum Heard<'a> {
    /// A seal over a thought.
    Seal(Str<'a>),
    /// A sealed thought.
    Redacted(Str<'a>),
}

/// What a caller is told for `seal`.
pub(super) fn told(seal: &str) -> Cow<'_, str> {
    match Maker::Google.bare(seal) {
        Some(bare) => Cow::Borrowed(bare),
        None => Cow::Owned(STANDARD.encode(format!("{SEAL}{seal}"))),
    }
}

/// What a caller is told for a sealed thought.
pub(super) fn told_redacted(data: &str) -> String {
    STANDARD.encode(format!("{REDACTED}{data}"))
}

/// What a caller's signature stands for.
pub(super) fn heard(told: Str<'_>) -> Heard<'_> {
    match unwrap(&told) {
        Some(text) => match (text.strip_prefix(SEAL), text.strip_prefix(REDACTED)) {
            (Some(seal), _) => Heard::Seal(seal.to_owned().into()),
            (None, Some(data)) => Heard::Redacted(data.to_owned().into()),
            (None, None) => Heard::Seal(Maker::Google.seal(told)),
        },
        None => Heard::Seal(Maker::Google.seal(told)),
    }
}

fn unwrap(told: &str) -> Option<String> {
    if !told.starts_with(WRAPPED) {
        return None;
    }
    String::from_utf8(ANY_PADDING.decode(standard(told).as_bytes()).ok()?).ok()
}

/// Base64 in the standard alphabet, which is all that other formats take.
pub(super) fn standard(base64: &str) -> Cow<'_, str> {
    if memchr::memchr2(b'-', b'_', base64.as_bytes()).is_none() {
        return Cow::Borrowed(base64);
    }
    Cow::Owned(
        base64
            .chars()
            .map(|c| match c {
                '-' => '+',
                '_' => '/',
                other => other,
            })
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_comes_back_from_a_caller_as_it_was() {
        for seal in ["google:c2ln+/==", "ErUBsig+/==", "openai:rs_1:gAAAA-_", "ünïcode?>"] {
            let told = told(seal);
            assert!(STANDARD.decode(told.as_bytes()).is_ok() || seal.starts_with("google:"), "{told}");
            let urlsafe = told.replace('+', "-").replace('/', "_");
            let unpadded = urlsafe.trim_end_matches('=');
            if !seal.starts_with("google:") {
                assert!(told.starts_with(WRAPPED));
                for spelled in [&*told, &urlsafe, unpadded] {
                    assert_eq!(heard(spelled.into()), Heard::Seal(seal.into()));
                }
            } else {
                assert_eq!(heard((&*told).into()), Heard::Seal(seal.into()));
            }
        }
        assert_eq!(heard(told_redacted("abc").into()), Heard::Redacted("abc".into()));
    }

    #[test]
    fn what_only_looks_wrapped_is_googles() {
        let told = STANDARD.encode("sluice of another kind");
        assert_eq!(heard(told.as_str().into()), Heard::Seal(format!("google:{told}").into()));
    }
}
