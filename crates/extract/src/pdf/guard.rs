//! Checks a PDF before the library reads it: what its streams inflate to, and how much there is to look at.
//!
//! The library inflates whatever an object's place in the file asks for, without bounds. So every stream is unpacked once
//! here, within bounds, and thrown away; pictures and attachments, which are never needed, are made empty.
//!
//! In an encrypted file this sees noise. There the streams that are read for their text are checked when they are read
//! ([`super::font::is_bounded`]); streams of objects, which the library unpacks on its own account, are not.

use std::borrow::Cow;

use hayro_syntax::object::{Array, Dict, FromBytes, MaybeRef, Name, Object};

use super::filter::{Filter, unpack};
use crate::{Kind, Limits, Problem};

/// A dictionary longer than this is not looked into.
const LONGEST_DICTIONARY: usize = 1024 * 1024;

fn corrupt(why: &'static str) -> Problem {
    Problem::Corrupt { kind: Kind::Pdf, why }
}

/// The file, made safe to read.
///
/// # Errors
///
/// [`Problem::TooLarge`] where its streams inflate past the limits, [`Problem::Corrupt`] where its objects overlap so much
/// that reading them would take for ever.
pub(crate) fn prepare(mut bytes: Vec<u8>, limits: &Limits) -> Result<Vec<u8>, Problem> {
    for place in check(&bytes, limits)? {
        if let Some(head) = bytes.get_mut(place.start..place.end).and_then(|stream| stream.first_chunk_mut())
        {
            *head = place.filter.end();
        }
    }
    Ok(bytes)
}

/// A stream that is to be made empty.
struct Unneeded {
    start: usize,
    end: usize,
    filter: Filter,
}

/// Unpacks every stream within bounds; those that need not be there.
fn check(bytes: &[u8], limits: &Limits) -> Result<Vec<Unneeded>, Problem> {
    let mut unneeded = Vec::new();
    let ends: Vec<usize> = memchr::memmem::find_iter(bytes, b"endstream").collect();
    let mut left = limits.inflated;
    // In a file whose objects do not overlap, all of them together are no longer than the file.
    let mut work = bytes.len().saturating_mul(6).saturating_add(16 * 1024 * 1024);
    let spend = |amount: usize, work: &mut usize| {
        *work = work.checked_sub(amount).ok_or(corrupt("its objects overlap"))?;
        Ok(())
    };
    for keyword in memchr::memmem::find_iter(bytes, b"obj") {
        let Some(from) = dictionary_after(bytes, keyword + 3) else { continue };
        let until = bytes.len().min(from + LONGEST_DICTIONARY);
        let window = bytes.get(from..until).unwrap_or_default();
        let Some(dict) = Dict::from_bytes(window) else {
            spend(window.len(), &mut work)?;
            if until < bytes.len() {
                return Err(corrupt("one of its objects is too long"));
            }
            continue;
        };
        spend(dict.data().len(), &mut work)?;
        let Some(start) = stream_after(bytes, from, dict.data()) else { continue };
        let end = match ends.binary_search(&start) {
            Ok(at) | Err(at) => ends.get(at).copied().unwrap_or(bytes.len()),
        };
        let filters = filters(&dict);
        if is_never_read(&dict) {
            unneeded.push(Unneeded { start, end, filter: filters.first().copied().unwrap_or(Filter::Other) });
            continue;
        }
        let unpacked = unpack(&filters, bytes.get(start..end).unwrap_or_default(), limits.part.min(left))
            .map_err(|_| too_large(limits, left))?;
        spend(unpacked.taken, &mut work)?;
        left = left.checked_sub(unpacked.bytes.len()).ok_or(too_large(limits, left))?;
        let holds_objects = dict.contains_key("N") && dict.contains_key("First");
        if holds_objects && memchr::memmem::find(&unpacked.bytes, b"endstream").is_some() {
            return Err(corrupt("a stream of objects holds streams"));
        }
    }
    Ok(unneeded)
}

fn too_large(limits: &Limits, left: usize) -> Problem {
    let limit = if left < limits.part { limits.inflated } else { limits.part };
    Problem::TooLarge { what: "what the PDF's streams inflate to", limit }
}

/// Where a dictionary begins, if one comes next.
fn dictionary_after(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match bytes.get(at)? {
            b'\0' | b'\t' | b'\n' | b'\x0c' | b'\r' | b' ' => at += 1,
            b'%' => at += bytes.get(at..)?.iter().position(|byte| matches!(byte, b'\n' | b'\r'))?,
            b'<' if bytes.get(at + 1) == Some(&b'<') => return Some(at),
            _ => return None,
        }
    }
}

/// Where a stream's bytes begin, if one follows the dictionary.
fn stream_after(bytes: &[u8], from: usize, dictionary: &[u8]) -> Option<usize> {
    // The dictionary's bytes may or may not hold the brackets around it.
    let inner = (dictionary.as_ptr() as usize).checked_sub(bytes.get(from..)?.as_ptr() as usize)?;
    let mut at = from.checked_add(inner)?.checked_add(dictionary.len())?;
    if bytes.get(at..at + 2) == Some(b">>") {
        at += 2;
    }
    loop {
        match bytes.get(at)? {
            b'\0' | b'\t' | b'\n' | b'\x0c' | b'\r' | b' ' => at += 1,
            b'%' => at += bytes.get(at..)?.iter().position(|byte| matches!(byte, b'\n' | b'\r'))?,
            _ => break,
        }
    }
    let rest = bytes.get(at..)?.strip_prefix(b"stream")?;
    let line =
        if rest.starts_with(b"\r\n") { 2 } else { usize::from(matches!(rest.first(), Some(b'\r' | b'\n'))) };
    Some(at + 6 + line)
}

/// How a stream is packed, as the library reads it. What is named by reference is taken for the worst.
pub(crate) fn filters(dict: &Dict<'_>) -> Cow<'static, [Filter]> {
    const UNKNOWN: &[Filter] = &[Filter::Flate];
    for key in ["F", "Filter"] {
        match dict.get_raw::<Object<'_>>(key) {
            Some(MaybeRef::NotRef(Object::Name(name))) => return Cow::Owned(vec![named(&name)]),
            Some(MaybeRef::NotRef(Object::Array(list))) => return Cow::Owned(listed(&list)),
            Some(MaybeRef::Ref(_)) => return Cow::Borrowed(UNKNOWN),
            Some(MaybeRef::NotRef(_)) | None => {}
        }
    }
    Cow::Borrowed(&[])
}

fn listed(list: &Array<'_>) -> Vec<Filter> {
    list.raw_iter()
        .take(8)
        .map(|entry| match entry {
            MaybeRef::NotRef(Object::Name(name)) => named(&name),
            MaybeRef::NotRef(_) => Filter::Other,
            MaybeRef::Ref(_) => Filter::Flate,
        })
        .collect()
}

fn named(name: &Name<'_>) -> Filter {
    Filter::named(name.as_ref())
}

/// Whether a stream is a picture or an attachment, and nothing the library may need on its own account.
fn is_never_read(dict: &Dict<'_>) -> bool {
    let is = |key: &str, value: &[u8]| dict.get::<Name<'_>>(key).is_some_and(|name| name.as_ref() == value);
    is("Subtype", b"Image") || is("Type", b"EmbeddedFile")
}
