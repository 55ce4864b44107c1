//! National numbers with letters in them, passports and licences.

use super::check;
use crate::{
    pii::{Kind, context, context::Topics},
    scan::{Flags, Segment},
    text::{self, Set},
};

/// Adds numbers that have letters.
pub(in crate::pii) fn detect(segment: &Segment<'_>, add: &mut impl FnMut(Kind, usize, usize)) {
    if !segment.flags.any(Flags::UPPER | Flags::LOWER) && segment.str().len() < 6 {
        return;
    }
    let run = segment.str();
    for (at, token) in text::stretches(run, Set::TOKEN) {
        let start = segment.start + at;
        let token = token.trim_end_matches(['-', '+']);
        let end = start + token.len();
        if !(6..=20).contains(&token.len()) {
            continue;
        }
        let (mut digits, mut letters) = (0, 0);
        for byte in token.bytes() {
            digits += usize::from(Set::DIGIT.has(byte));
            letters += usize::from(Set::LETTER.has(byte));
        }
        if digits < 4 || letters == 0 || !segment.begins(start) || !segment.ends(end) {
            continue;
        }
        if let Some(kind) = form(token, digits) {
            add(kind, start, end);
        } else if token.len() <= 18 && token.bytes().all(|byte| !byte.is_ascii_lowercase() && byte != b'+') {
            let topics = context::before(segment, start);
            if topics.any(Topics::PASSPORT) && token.len() <= 10 {
                add(Kind::Passport, start, end);
            } else if topics.any(Topics::LICENSE) && topics.any(Topics::DRIVER) {
                add(Kind::DriverLicense, start, end);
            }
        }
    }
}

/// What a token is by its form and check character.
fn form(token: &str, digits: usize) -> Option<Kind> {
    match token.len() {
        9 | 10 if 7 <= digits && spanish(token) => Some(Kind::EsNif),
        11 if 9 <= digits && finnish(token) => Some(Kind::FiHetu),
        16 if digits <= 7 && italian(token) => Some(Kind::ItFiscalCode),
        18 if digits == 17 && chinese(token) => Some(Kind::CnId),
        _ => None,
    }
}

/// DNI: eight digits and a letter; NIE: X, Y or Z, seven digits and a letter. A dash may part the letter.
fn spanish(token: &str) -> bool {
    let Some(letter) = token.chars().next_back().map(|letter| letter.to_ascii_uppercase()) else {
        return false;
    };
    let body = text::part(token, 0, token.len() - 1).trim_end_matches('-');
    let number: String = body
        .chars()
        .enumerate()
        .map(|(at, character)| match (at, character.to_ascii_uppercase()) {
            (0, 'X') => '0',
            (0, 'Y') => '1',
            (0, 'Z') => '2',
            (_, character) => character,
        })
        .collect();
    number.len() == 8 && number.parse().is_ok_and(|number| check::spanish(number, letter))
}

/// `DDMMYY`, a sign of the century, three digits and the check character.
fn finnish(token: &str) -> bool {
    let sign = text::byte(token.as_bytes(), 6);
    let known = matches!(sign, b'-' | b'+' | b'A'..=b'F' | b'U'..=b'Y');
    let digits: Vec<u8> = [text::part(token, 0, 6), text::part(token, 7, 10)]
        .concat()
        .bytes()
        .filter(u8::is_ascii_digit)
        .map(|byte| byte - b'0')
        .collect();
    known
        && digits.len() == 9
        && token.chars().next_back().is_some_and(|check| check::finnish(&digits, check))
}

/// Codice fiscale: six letters, and digits that letters may stand for; the last letter sums the others.
fn italian(token: &str) -> bool {
    let token = token.to_ascii_uppercase();
    let form = token.bytes().enumerate().all(|(at, byte)| match at {
        0..=5 | 8 | 11 | 15 => byte.is_ascii_uppercase(),
        _ => byte.is_ascii_digit() || b"LMNPQRSTUV".contains(&byte),
    });
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let worth =
        |byte: u8| u32::from(if byte.is_ascii_digit() { byte - b'0' } else { byte.wrapping_sub(b'A') });
    let sum: u32 = token
        .bytes()
        .take(15)
        .enumerate()
        .map(
            |(at, byte)| {
                if at % 2 == 0 { ODD.get(worth(byte) as usize).copied().unwrap_or(0) } else { worth(byte) }
            },
        )
        .sum();
    form && token.bytes().next_back().is_some_and(|check| worth(check) == sum % 26)
}

/// Seventeen digits and `X`.
fn chinese(token: &str) -> bool {
    let digits: Vec<u8> = token.bytes().take(17).filter(u8::is_ascii_digit).map(|byte| byte - b'0').collect();
    token.to_ascii_uppercase().ends_with('X') && digits.len() == 17 && check::chinese(&digits, 10)
}
