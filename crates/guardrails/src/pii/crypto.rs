//! Addresses of coins: Bitcoin by checksum, Ethereum by form.

use sha2::{Digest, Sha256};

use super::Kind;
use crate::{scan::Segment, text};

/// Adds coin addresses.
pub(super) fn detect(segment: &Segment<'_>, add: &mut impl FnMut(Kind, usize, usize)) {
    let run = segment.str();
    if run.len() < 26 {
        return;
    }
    for (at, token) in text::stretches(run, text::Set::ALNUM) {
        let start = segment.start + at;
        let end = start + token.len();
        if !(26..=62).contains(&token.len()) || !segment.begins(start) || !segment.ends(end) {
            continue;
        }
        let hex = token.strip_prefix("0x").filter(|hex| hex.len() == 40);
        if hex.is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()) && !uniform(hex)) {
            add(Kind::Ethereum, start, end);
        } else if token.starts_with("bc1") || token.starts_with("BC1") {
            if bech32(token) {
                add(Kind::Bitcoin, start, end);
            }
        } else if (token.starts_with('1') || token.starts_with('3'))
            && token.len() <= 35
            && base58check(token)
        {
            add(Kind::Bitcoin, start, end);
        }
    }
}

/// Whether a token is one character over and over, such as the zero address.
fn uniform(token: &str) -> bool {
    token.bytes().collect::<std::collections::BTreeSet<u8>>().len() < 3
}

/// Base58Check: 21 bytes and the first four of their double SHA-256.
fn base58check(token: &str) -> bool {
    const ALPHABET: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut number = [0_u8; 25];
    for byte in token.bytes() {
        let Some(mut carry) = ALPHABET.iter().position(|&known| known == byte) else { return false };
        for place in number.iter_mut().rev() {
            carry += usize::from(*place) * 58;
            *place = (carry & 255) as u8;
            carry >>= 8;
        }
        if carry != 0 {
            return false;
        }
    }
    let (body, check) = number.split_at(21);
    Sha256::digest(Sha256::digest(body)).starts_with(check)
}

/// Bech32 and Bech32m (BIP 173, BIP 350) with the prefix `bc`.
fn bech32(token: &str) -> bool {
    const ALPHABET: &[u8] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    const GENERATORS: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let lower = token.to_ascii_lowercase();
    if lower != token && token.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return false;
    }
    let step =
        |sum: u32, value: u32| {
            let top = sum >> 25;
            let mixed = (sum & 0x1ff_ffff) << 5 ^ value;
            GENERATORS.iter().enumerate().fold(mixed, |mixed, (bit, generator)| {
                if top >> bit & 1 == 1 { mixed ^ generator } else { mixed }
            })
        };
    let prefix = [3, 3, 0, 2, 3].into_iter().fold(1, step);
    let values: Option<Vec<u32>> = lower
        .bytes()
        .skip(3)
        .map(|byte| ALPHABET.iter().position(|&known| known == byte).map(|at| at as u32))
        .collect();
    values.is_some_and(|values| matches!(values.into_iter().fold(prefix, step), 1 | 0x2bc8_30a3))
}
