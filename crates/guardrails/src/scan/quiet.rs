//! What can be passed over: words, short numbers and moments that nothing looks for.

use super::segment::{
    CLASS, CLOSE, Ended, Flags, LETTER_LOWER, LETTER_UPPER, LONG, MARK, OPEN, PLAIN, SIGN_COLON, SLASH, STOP,
    WIDE, belongs,
};
use crate::{pii, text};

/// Bytes of the shortest thing that is found in one run, unless it has an `@`.
const SHORTEST: usize = 6;

/// Whether nothing can be in a closed run, and nothing joins it: most numbers of a text are a few digits and then a word.
/// To be asked only where nobody reads words.
pub(super) fn idle(text: &str, at: usize, run: Ended, months: bool) -> bool {
    let (length, signs) = (run.end - at, run.signs);
    // Of seven bytes at most are short numbers with letters, dates and addresses of machines.
    let few = || signs.digits() < 4 && signs.dots() < 2 && signs.colons() < 2;
    if run.cut || run.flags.any(Flags::AT) || SHORTEST <= length && !(length < 8 && few()) {
        return false;
    }
    // What follows is read as `pii::Joiner` does, and only where it is there to be read.
    let behind = text.as_bytes().get(run.end..).unwrap_or_default();
    let behind = match behind {
        [b' ', behind @ ..] => behind,
        [b',', b' ', behind @ ..] if months => behind,
        [b',', 0xc2, ..] | [b','] | [0xc2, ..] | [] => return false,
        _ => return true,
    };
    match behind {
        [first, _, ..] if first.is_ascii_lowercase() => !(months && pii::may_begin_month(behind)),
        [first, ..] => matches!(first, b' ' | b'\n' | b'"' | b'\'' | b'-' | b'*'),
        [] => false,
    }
}

/// Whether a run is a moment as machines write it, `2024-05-17T08:21:44.120Z`: a number that is nobody's, in every line of a log.
/// Nothing joins it, for it ends with a letter.
pub(super) fn is_moment(run: &str) -> bool {
    const FORM: &[u8; 19] = b"0000-00-00T00:00:00";
    let Some((head, tail)) = run.as_bytes().split_first_chunk::<19>() else { return false };
    let fits = |(byte, form): (&u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form };
    let ends = match tail {
        [b'Z'] => true,
        [b'.', fraction @ .., b'Z'] => {
            (1..=9).contains(&fraction.len()) && fraction.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    };
    ends && head.iter().zip(FORM).all(fits)
}

/// Where words and blanks that nothing can be end: at the first run that may hold something, or that is not closed.
///
/// With `keys`, long runs may be secrets; with `months`, a month begins a date; with `brackets`, `[` a placeholder.
pub(super) fn dull(text: &str, at: usize, keys: bool, months: bool, brackets: bool) -> usize {
    let bytes = text.as_bytes();
    let (mut start, mut end, mut flags) = (at, at, Flags::default());
    loop {
        // Most of a text: letters, and signs that words have.
        while let Some(&byte) = bytes.get(end).filter(|_| end - start <= super::CAP) {
            let flag = QUIET.get(usize::from(byte)).copied().unwrap_or(0);
            if flag == 0 {
                break;
            }
            flags.0 |= flag;
            end += 1;
        }
        let Some(&byte) = bytes.get(end) else { return start };
        if super::CAP < end - start || flags.any(Flags::MARK) && bytes.get(start) == Some(&b'-') {
            return start;
        }
        let (mut width, mut stop) = (1, true);
        match CLASS.get(usize::from(byte)).copied().unwrap_or(STOP) {
            OPEN => match bytes.get(end + 1) {
                None => return start,
                Some(next) if next.is_ascii_digit() || *next == b'+' => return start,
                Some(_) => {}
            },
            WIDE => match text::char_at(text, end) {
                Some(character) => {
                    width = character.len_utf8();
                    stop = !belongs(character);
                    flags |= Flags::UPPER;
                }
                None => return start,
            },
            STOP | CLOSE => {}
            _ => return start,
        }
        let length = end - start;
        if stop {
            let run = || text::part(text, start, end);
            if keys && LONG <= length && flags != Flags::LOWER
                || SHORTEST <= length && flags.any(Flags::COLON | Flags::SLASHES)
                || months && pii::is_month(run())
            {
                return start;
            }
            if byte == b'\\' || byte == b'[' && brackets {
                return end;
            }
            (start, flags) = (end + width, Flags::default());
        } else if super::CAP <= length {
            return start;
        }
        end += width;
    }
}

/// The flags of bytes that are part of a run and make it no more than a word.
static QUIET: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        #[expect(
            clippy::indexing_slicing,
            reason = "computed at build time, where a wrong index does not compile"
        )]
        {
            table[byte as usize] = match CLASS[byte as usize] {
                LETTER_LOWER | LETTER_UPPER | MARK | SIGN_COLON | SLASH => PLAIN[byte as usize].0,
                _ => 0,
            };
        }
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_by_their_form() {
        for moment in ["2024-05-17T08:21:44Z", "2024-05-17T08:21:44.120Z"] {
            assert!(is_moment(moment), "{moment}");
        }
        for other in [
            "2024-05-17T08:21:44",
            "2024-05-17T08:21:44.Z",
            "2024-05-17T08:21:44.1234567890Z",
            "2024-05-17 08:21:44Z",
            "AB24-05-17T08:21:44Z",
        ] {
            assert!(!is_moment(other), "{other}");
        }
    }
}
