//! What a provider says about a failure, made fit to be told: bounded, on one line, without secrets.

use std::borrow::Cow;

/// The most characters that are kept of a provider's message.
const MAX_CHARS: usize = 1000;

/// How credentials of known makers begin.
const SECRET_PREFIXES: &[&str] = &[
    "sk-", "pk-", "rk-", "sk_", "pk_", "rk_", "gsk_", "xai-", "hf_", "r8_", "nvapi-", "AIza", "ya29.",
    "AKIA", "ASIA", "eyJ", "ghp_", "fw_", "csk-", "pplx-", "tgp_", "key-", "api-",
];

/// `text` without secrets and control characters, cut to [`MAX_CHARS`] characters.
pub fn clean(text: &str) -> String {
    let mut out = String::new();
    let mut after_scheme = false;
    for piece in pieces(text.trim()) {
        let hidden = is_word(piece) && (is_secret(piece) || after_scheme && 6 <= piece.len());
        out.push_str(if hidden { "[redacted]" } else { piece });
        if is_word(piece) {
            after_scheme =
                ["bearer", "basic", "token"].iter().any(|scheme| piece.eq_ignore_ascii_case(scheme))
                    && !hidden;
        } else if piece.contains(|c: char| !c.is_whitespace() && c != ':') {
            after_scheme = false;
        }
        if MAX_CHARS * 4 < out.len() {
            break;
        }
    }
    let out: Cow<'_, str> =
        if out.contains(char::is_control) { out.replace(char::is_control, " ").into() } else { out.into() };
    match out.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", out.get(..end).unwrap_or_default()),
        None => out.into_owned(),
    }
}

/// `text` cut where words begin and end.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let word = rest.starts_with(in_word);
        let end = rest.find(|c| in_word(c) != word).unwrap_or(rest.len());
        let (piece, after) = rest.split_at_checked(end)?;
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

fn in_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.*+/=~".contains(c)
}

fn is_word(piece: &str) -> bool {
    piece.starts_with(in_word)
}

fn is_secret(word: &str) -> bool {
    12 <= word.len()
        && SECRET_PREFIXES.iter().any(|prefix| word.starts_with(prefix))
        && word.bytes().any(|b| b.is_ascii_digit() || b == b'*' || b.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_taken_out_and_words_stay() {
        for (text, told) in [
            ("Incorrect API key provided: sk-proj-abc***xyz9.", "Incorrect API key provided: [redacted]"),
            (
                "header 'Authorization: Bearer abcdef0123456789' refused",
                "header 'Authorization: Bearer [redacted]' refused",
            ),
            ("bearer: abcdef", "bearer: [redacted]"),
            ("key AKIAIOSFODNN7EXAMPLE", "key [redacted]"),
            (
                "see https://e.test/sk-not-here for the api-reference page",
                "see https://e.test/sk-not-here for the api-reference page",
            ),
            ("the token limit is 4096", "the token limit is 4096"),
            ("two\nlines", "two lines"),
        ] {
            assert_eq!(clean(text), told);
        }
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let told = clean(&"ä".repeat(5000));
        assert_eq!(told.chars().count(), MAX_CHARS + 1);
        assert!(told.ends_with("ä…"));
    }
}
