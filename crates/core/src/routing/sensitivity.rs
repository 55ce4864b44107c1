//! How much harm it would do if a text got about, told from what is found in it. For choosing a target only: finding
//! and blacking out personal data is a guardrail's work.

use crate::config::document::Sensitivity;

/// The beginnings of keys that services issue.
const KEYS: [&str; 11] = [
    "sk-",
    "sk_live_",
    "ghp_",
    "github_pat_",
    "xoxb-",
    "xoxp-",
    "AKIA",
    "AIza",
    "glpat-",
    "hf_",
    "-----BEGIN",
];

/// Words after which a secret stands.
const NAMES: [&str; 6] = ["password", "passwd", "passwort", "secret", "api_key", "apikey"];

/// How sensitive `text` is.
pub fn tell(text: &str) -> Sensitivity {
    let mut found = Sensitivity::Low;
    let mut named = false;
    for word in text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '\'' | '(' | ')')) {
        if word.is_empty() {
            continue;
        }
        let key =
            KEYS.iter().any(|start| word.starts_with(start) && (word.len() >= 16 || *start == "-----BEGIN"));
        let given = word
            .split_once(['=', ':'])
            .is_some_and(|(name, value)| 4 <= value.len() && !value.starts_with("//") && is_name(name));
        if key || given || (named && 4 <= word.len()) || is_account(word) {
            return Sensitivity::High;
        }
        named = word.ends_with([':', '=']) && is_name(word.trim_end_matches([':', '=']));
        if is_mail(word) {
            found = Sensitivity::Medium;
        }
    }
    match numbers(text) {
        Sensitivity::High => Sensitivity::High,
        other => found.max(other),
    }
}

fn is_name(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    NAMES.iter().any(|name| word.ends_with(name))
}

fn is_mail(word: &str) -> bool {
    word.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty() && host.split('.').filter(|label| !label.is_empty()).count() >= 2
    })
}

/// An IBAN: its letters as numbers leave 1 when divided by 97 (ISO 13616).
fn is_account(word: &str) -> bool {
    let word = word.trim_end_matches(['.', '!', '?']);
    let country = word.bytes().take(2).all(|b| b.is_ascii_uppercase());
    let alphanumeric = word.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
    let (true, true, Some((head, rest))) = (country, alphanumeric, word.split_at_checked(4)) else {
        return false;
    };
    let left = rest.chars().chain(head.chars()).filter_map(|c| c.to_digit(36)).fold(0_u64, |left, value| {
        if value < 10 { (left * 10 + u64::from(value)) % 97 } else { (left * 100 + u64::from(value)) % 97 }
    });
    (15..=34).contains(&word.len()) && left == 1
}

/// Numbers written with spaces or dashes: of a card (13 to 19 digits with a right check digit), of a telephone (a plus
/// and 8 to 15 digits).
fn numbers(text: &str) -> Sensitivity {
    let mut found = Sensitivity::Low;
    let mut digits: Vec<u32> = Vec::new();
    let mut plus = false;
    let mut before = ' ';
    for c in text.chars().chain(['.']) {
        match c.to_digit(10) {
            Some(digit) => {
                if digits.is_empty() {
                    plus = before == '+';
                }
                digits.push(digit);
            }
            None if matches!(c, ' ' | '-') && !digits.is_empty() && !matches!(before, ' ' | '-') => {}
            None => {
                if (13..=19).contains(&digits.len()) && luhn(&digits) {
                    return Sensitivity::High;
                }
                if plus && (8..=15).contains(&digits.len()) {
                    found = Sensitivity::Medium;
                }
                digits.clear();
            }
        }
        before = c;
    }
    found
}

/// The check digit of cards (ISO/IEC 7812-1).
fn luhn(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match place % 2 {
            0 => *digit,
            _ if digit * 2 < 10 => digit * 2,
            _ => digit * 2 - 9,
        })
        .sum();
    sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_tells() {
        for (text, sensitivity) in [
            ("What is the capital of France?", Sensitivity::Low),
            ("In 2024 we sold 1234567 units for 12-13 each", Sensitivity::Low),
            ("see https://example.com/a:b and 10:30 o'clock", Sensitivity::Low),
            ("the secret: be kind", Sensitivity::Low),
            ("write to jane.doe@example.com please", Sensitivity::Medium),
            ("call +49 30 1234567", Sensitivity::Medium),
            ("my card is 4111 1111 1111 1111, thanks", Sensitivity::High),
            ("4111-1111-1111-1112", Sensitivity::Low),
            ("pay to DE89370400440532013000.", Sensitivity::High),
            ("password: hunter2", Sensitivity::High),
            ("DB_PASSWORD=hunter22", Sensitivity::High),
            ("use sk-abcdefghijklmnopqrstuv", Sensitivity::High),
            ("-----BEGIN RSA PRIVATE KEY-----", Sensitivity::High),
        ] {
            assert_eq!(tell(text), sensitivity, "{text}");
        }
    }
}
