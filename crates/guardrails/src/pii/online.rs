//! Addresses on the net: e-mail and links.

use super::Kind;
use crate::{scan::Segment, text};

/// Adds e-mail addresses.
pub(super) fn emails(segment: &Segment<'_>, add: &mut impl FnMut(Kind, usize, usize)) {
    for at in memchr::memchr_iter(b'@', segment.str().as_bytes()) {
        let at = segment.start + at;
        let start = local_start(segment, at);
        let end = host_end(segment, at + 1);
        let (Some(start), Some(end)) = (start, end) else { continue };
        // `user:password@host` in a link is no address, and neither is what goes on behind the cut.
        let behind = text::part(segment.text, segment.start, start);
        let in_credentials = behind.ends_with(':') && behind.contains("//");
        if !in_credentials && segment.byte(end) != b'@' && (end < segment.end || !segment.cut) {
            add(Kind::Email, start, end);
        }
    }
}

/// Where the name before `@` begins.
fn local_start(segment: &Segment<'_>, at: usize) -> Option<usize> {
    let name = text::part(segment.text, segment.start, at);
    let allowed = |character: char| {
        character.is_alphanumeric()
            || matches!(character, '.' | '_' | '%' | '+' | '-' | '!' | '#' | '$' | '&' | '^' | '~')
            || ('\u{300}'..='\u{36f}').contains(&character)
    };
    let start = name.char_indices().rev().take_while(|(_, character)| allowed(*character)).last()?.0;
    let kept = text::part(name, start, name.len());
    let kept = kept.trim_start_matches(|character: char| !character.is_alphanumeric() && character != '_');
    let broken = kept.is_empty() || kept.ends_with('.') || kept.contains("..") || 64 < kept.chars().count();
    (!broken).then_some(at - kept.len())
}

/// Where the host after `@` ends: labels of letters, digits and `-`, the last of at least two letters.
fn host_end(segment: &Segment<'_>, at: usize) -> Option<usize> {
    let host = text::part(segment.text, at, segment.end);
    let allowed = |character: char| character.is_alphanumeric() || matches!(character, '.' | '-');
    let host = host.split(|character: char| !allowed(character)).next().unwrap_or("");
    let host = host.trim_end_matches(['.', '-']);
    let (labels, top) = host.rsplit_once('.')?;
    let top_is_one =
        2 <= top.chars().count() && top.chars().all(char::is_alphabetic) || top.starts_with("xn--");
    let whole = labels.split('.').all(|label| !label.is_empty() && !label.starts_with('-'));
    (top_is_one && whole && host.len() <= 253).then_some(at + host.len())
}

/// Adds links: with a scheme, or beginning with `www.`.
pub(super) fn urls(segment: &Segment<'_>, add: &mut impl FnMut(Kind, usize, usize)) {
    let run = segment.str();
    let start =
        ["https://", "http://", "ftp://", "www."].into_iter().filter_map(|scheme| find(run, scheme)).min();
    let Some(start) = start else { return };
    let link = text::part(run, start, run.len());
    let link = link.trim_end_matches(['.', '!', '?', ':', '*', '_', ')']);
    if link.chars().filter(|character| character.is_alphanumeric()).count() > "https".len() {
        add(Kind::Url, segment.start + start, segment.start + start + link.len());
    }
}

/// Where `needle` begins in `text`, in either case.
fn find(text: &str, needle: &str) -> Option<usize> {
    let windows = text.as_bytes().windows(needle.len());
    windows.enumerate().find(|(_, window)| window.eq_ignore_ascii_case(needle.as_bytes())).map(|(at, _)| at)
}
