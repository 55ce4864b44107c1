//! Values assigned to names that mean secrecy, where the value looks drawn at random.

use super::{entropy, placeholder, uniform, uuid};
use crate::{
    scan::{Flags, Segment},
    text,
};

/// Characters to the left of a value in which its name stands.
const NAME: usize = 44;

/// Characters of the shortest password that is looked at.
const SHORTEST: usize = 8;

/// Adds the value a segment assigns, or that an assignment to its left announces.
pub(super) fn detect(segment: &Segment<'_>, add: &mut impl FnMut(&'static str, usize, usize)) {
    let run = segment.str();
    // What is drawn at random has characters of two kinds at least, and a name stands before it.
    let kinds =
        [Flags::LOWER, Flags::UPPER, Flags::DIGIT, Flags::MARK | Flags::AT | Flags::COLON | Flags::SLASHES];
    if kinds.into_iter().filter(|kind| segment.flags.any(*kind)).count() < 2 {
        return;
    }
    let sign = memchr::memchr2(b'=', b':', run.as_bytes());
    let (name, value) = match sign.and_then(|at| Some((run.get(..at)?, run.get(at + 1..)?))) {
        Some((name, value)) if 6 <= value.trim_start_matches(['=', ':']).len() && !name.is_empty() => {
            (Some(name), value.trim_start_matches(['=', ':']))
        }
        Some(_) | None => (None, run.trim_start_matches(['=', ':'])),
    };
    let start = segment.end - value.len();
    let value = value.trim_end_matches(['.', '?', ':']);
    // No shorter one is strong: most numbers are not asked for what stands before them.
    if value.len() < SHORTEST {
        return;
    }
    let strength = match name {
        Some(name) => secrecy(name),
        None => announced(segment.left_of(start, NAME)),
    };
    let random = match strength {
        Secrecy::None => return,
        Secrecy::Bearer => 20 <= value.len() && 3.3 < entropy(value) && mixed(value),
        Secrecy::Token => {
            16 <= value.len() && 3.0 < entropy(value) && mixed(value) && !hash(value) && !uuid(value)
        }
        Secrecy::Password => strong(value),
    };
    if random && !placeholder(value) && !uniform(value) && !code(value) {
        let kind = if strength == Secrecy::Bearer { "bearer_token" } else { "assigned_secret" };
        add(kind, start, start + value.len());
    }
}

/// How secret a name says its value is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Secrecy {
    None,
    Bearer,
    Token,
    Password,
}

/// The secrecy of the name before an assignment sign, quotes and blanks between them.
fn announced(left: &str) -> Secrecy {
    let quoted = left.trim_end_matches(['"', '\'', '`', '\\']);
    if !quoted.ends_with([' ', '\t', '=', ':', '>']) {
        return Secrecy::None;
    }
    let ends = |word: &str| {
        let end = quoted.len().checked_sub(word.len()).and_then(|at| quoted.get(at..));
        end.is_some_and(|end| end.eq_ignore_ascii_case(word))
    };
    if ends("bearer ") || ends("basic ") && left.to_ascii_lowercase().contains("authorization") {
        return Secrecy::Bearer;
    }
    let blank = quoted.trim_end_matches([' ', '\t']);
    let named = match blank
        .strip_suffix("=>")
        .or_else(|| blank.strip_suffix(":="))
        .or_else(|| blank.strip_suffix(['=', ':']))
    {
        Some(named) => named,
        // `--password value`
        None if blank.len() < quoted.len()
            && blank.rsplit(' ').next().is_some_and(|flag| flag.starts_with("--")) =>
        {
            blank
        }
        None => return Secrecy::None,
    };
    secrecy(named.trim_end_matches([' ', '\t', '"', '\'', '`', '\\', ']', ')']))
}

/// The secrecy of a name by its last word.
fn secrecy(name: &str) -> Secrecy {
    let part_of = |character: char| text::alphanumeric(character) || matches!(character, '_' | '-' | '.');
    // Asked of every time of day: what names a secret ends so.
    let mut last = name.bytes().rev().filter(|byte| !matches!(byte, b'_' | b'-' | b'.'));
    let (last, before) = (last.next().unwrap_or(0), last.next().unwrap_or(0));
    if !matches!(
        (before.to_ascii_lowercase(), last.to_ascii_lowercase()),
        (b'r' | b'w', b'd')
            | (b's', b'e')
            | (b'r' | b'e', b't')
            | (b'e', b'y' | b'n')
            | (b'a', b'l')
            | (b'l', b's')
            | (128.., b'a')
    ) {
        return Secrecy::None;
    }
    let name = name.rsplit(|character| !part_of(character)).next().unwrap_or("");
    let name: String = name.chars().filter(|character| text::alphanumeric(*character)).collect();
    let name = name.to_lowercase();
    let ends = |words: &[&str]| words.iter().any(|word| name.ends_with(word));
    if ends(&["password", "passwd", "passphrase", "pwd", "passwort", "contraseña", "kennwort"]) {
        Secrecy::Password
    } else if ends(&[
        "secret",
        "secretkey",
        "clientsecret",
        "apikey",
        "accesskey",
        "secretaccesskey",
        "privatekey",
        "authtoken",
        "accesstoken",
        "refreshtoken",
        "bearertoken",
        "apitoken",
        "bottoken",
        "sessiontoken",
        "encryptionkey",
        "signingkey",
        "accountkey",
        "sharedaccesskey",
        "credential",
        "credentials",
        "webhooksecret",
        "token",
        "masterkey",
        "servicekey",
        "subscriptionkey",
    ]) {
        Secrecy::Token
    } else {
        Secrecy::None
    }
}

/// Digits and letters both, as chance would have it.
fn mixed(value: &str) -> bool {
    value.bytes().filter(u8::is_ascii_digit).count() >= 2
        && value.bytes().filter(u8::is_ascii_alphabetic).count() >= 4
}

/// A password that is no word: three of the four kinds of characters, or two and long.
fn strong(value: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| usize::from(value.bytes().any(|byte| kind(&byte)));
    let mark = |byte: &u8| byte.is_ascii_punctuation();
    let kinds =
        has(u8::is_ascii_lowercase) + has(u8::is_ascii_uppercase) + has(u8::is_ascii_digit) + has(mark);
    let turns =
        value.as_bytes().windows(2).filter(|pair| matches!(pair, [a, b] if class(*a) != class(*b))).count();
    let length = value.len();
    (SHORTEST..=200).contains(&length)
        && 2.7 < entropy(value)
        && (3 <= kinds && 4 <= turns || 2 <= kinds && 6 <= turns && 12 <= length)
}

fn class(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    }
}

/// A digest in hex, which a name such as `token` may well hold.
fn hash(value: &str) -> bool {
    matches!(value.len(), 32 | 40 | 64 | 96 | 128) && value.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A call, a path or a variable rather than a value.
fn code(value: &str) -> bool {
    value.contains("://")
        || value.starts_with('/')
        || value.starts_with("./")
        || value.starts_with("sha256")
        || value.split('.').count() > 2
            && value.split('.').all(|part| part.bytes().all(|byte| byte.is_ascii_alphabetic()))
}
