//! Addresses of machines: IPv4, IPv6, MAC.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Kind, context, context::Topics};
use crate::{
    scan::{Flags, Segment},
    text,
};

/// Adds addresses of machines.
pub(super) fn detect(segment: &Segment<'_>, add: &mut impl FnMut(Kind, usize, usize)) {
    let colon = segment.flags.any(Flags::COLON);
    let run = segment.str();
    for (at, piece) in text::stretches(run, text::Set::MACHINE) {
        let start = segment.start + at;
        if piece.len() < 6 {
            continue;
        }
        // Three dots of IPv4, two colons of IPv6, the lengths of hardware's addresses: few pieces have any.
        let (mut dots, mut colons) = (0, 0);
        for byte in piece.bytes() {
            dots += usize::from(byte == b'.');
            colons += usize::from(byte == b':');
        }
        if dots < 3 && colons < 2 && piece.len() < CISCO {
            continue;
        }
        let trimmed = piece.trim_end_matches(['.', ':', '-']);
        let (from, to) = (start, start + trimmed.len());
        if !segment.begins(from) || !segment.ends(start + piece.len()) {
            // `phone:1.2.3.4` splits at the letters before the colon.
            four_parts(segment, from, trimmed, add);
            continue;
        }
        if colon && mac(trimmed, b':') || mac(trimmed, b'-') || cisco(trimmed) {
            add(Kind::MacAddress, from, to);
        } else if colon && six(trimmed) {
            add(Kind::IpAddress, from, to);
        } else {
            four_parts(segment, from, trimmed, add);
        }
    }
}

/// Adds IPv4 addresses of a piece: four numbers up to 255 that are no part of a longer row and no version.
fn four_parts(segment: &Segment<'_>, start: usize, piece: &str, add: &mut impl FnMut(Kind, usize, usize)) {
    if piece.bytes().filter(|byte| *byte == b'.').count() < 3 {
        return;
    }
    let mut at = 0;
    for row in piece.split([':', '-']) {
        let from = start + at;
        at += row.len() + 1;
        let row_end = row.trim_end_matches('.');
        let public = row_end.parse::<Ipv4Addr>().is_ok_and(|address| {
            !address.is_unspecified() && !address.is_loopback() && !address.is_broadcast()
        });
        let to = from + row_end.len();
        let alone = segment.begins(from) && segment.ends(to) && segment.before(from) != Some('.');
        // `7.3.5.3` is more often a section than a machine.
        let tiny = row_end.len() == 7 && !context::before(segment, from).any(Topics::NETWORK);
        if public && alone && !tiny && !context::close(segment, from).any(Topics::VERSION) {
            add(Kind::IpAddress, from, to);
        }
    }
}

/// Six pairs of hex digits.
fn mac(piece: &str, sign: u8) -> bool {
    piece.len() == 17
        && piece
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at % 3 == 2 { byte == sign } else { byte.is_ascii_hexdigit() })
}

/// Bytes of three groups of four hex digits with dots between them.
const CISCO: usize = 14;

/// Three groups of four hex digits, as routers print them.
fn cisco(piece: &str) -> bool {
    let letters = piece.bytes().any(|byte| byte.is_ascii_alphabetic());
    piece.len() == CISCO
        && letters
        && piece
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at % 5 == 4 { byte == b'.' } else { byte.is_ascii_hexdigit() })
}

/// An IPv6 address that is no path of a program (`a::b`) and not the machine itself.
fn six(piece: &str) -> bool {
    let groups = piece.split(':').filter(|group| !group.is_empty()).count();
    let digits = piece.bytes().filter(u8::is_ascii_digit).count();
    2 <= groups
        && 2 <= digits
        && 3 <= piece.matches(':').count() + usize::from(piece.contains("::"))
        && piece.parse::<Ipv6Addr>().is_ok_and(|address| !address.is_loopback() && !address.is_unspecified())
}
