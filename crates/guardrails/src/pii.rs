//! Personal data: what has a form or a check digit, what a word to its left gives away, and, if asked for, names and
//! addresses.
//!
//! Each kind is accepted by the strongest proof it has: a checksum or an unmistakable form by itself; bare digits only
//! after a word that names them (`passport`, `NHS number`) within [`CONTEXT`] characters to the left. What follows is
//! never looked at, so a stream can decide as soon as the number ends.

mod address;
mod allow;
mod context;
mod crypto;
mod date;
mod digits;
mod iban;
mod join;
mod kind;
mod national;
mod network;
mod online;
mod person;
mod phone;

pub use allow::Allow;
pub(crate) use context::Memo;
pub(crate) use date::{is_month, may_begin_month};
pub(crate) use join::Joiner;
pub use kind::{Kind, Kinds};

use crate::{
    scan::{Flags, Hit, Search, Segment, What},
    span::Finding,
};

/// Characters to the left of a value in which a word may name it.
pub const CONTEXT: usize = 45;

/// Which personal data to look for, and what to let pass.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The kinds looked for.
    pub kinds: Kinds,
    /// What is not personal data although it looks like it.
    pub allow: Allow,
}

impl Settings {
    /// Whether any plain word may begin something: a link, a name, an address.
    pub(crate) fn reads_words(&self) -> bool {
        self.kinds.has(Kind::Url) || self.kinds.has(Kind::Person) || self.kinds.has(Kind::Address)
    }

    /// Adds what `segment` holds.
    pub(crate) fn detect(&self, segment: &Segment<'_>, hits: &mut Vec<Hit>) {
        let before = hits.len();
        let mut add = |kind: Kind, start: usize, end: usize| {
            if self.kinds.has(kind) && !self.allow.allows(kind, crate::text::part(segment.text, start, end)) {
                hits.push(Hit { range: start..end, what: What::Pii(kind) });
            }
        };
        if segment.flags.any(Flags::AT) {
            online::emails(segment, &mut add);
        }
        if self.kinds.has(Kind::Url) && (segment.flags.any(Flags::SLASHES) || segment.str().contains("www."))
        {
            online::urls(segment, &mut add);
        }
        // Few runs have the signs that each of these needs several of.
        let signs = segment.signs;
        let letters = segment.flags.any(Flags::UPPER | Flags::LOWER);
        if 3 <= signs.dots() || 2 == signs.dots() && letters || 2 <= signs.colons() || 5 <= signs.dashes() {
            network::detect(segment, &mut add);
        }
        if segment.flags.any(Flags::DIGIT) {
            crypto::detect(segment, &mut add);
            if 2 <= signs.digits() && letters {
                iban::detect(segment, &mut add);
            }
            if 4 <= signs.digits() && letters {
                national::lettered(segment, &mut add);
            }
            if 6 <= signs.digits() {
                digits::detect(segment, &mut add);
            }
            if self.kinds.has(Kind::Address) {
                address::detect(segment, &mut add);
            }
            let parts = letters || segment.flags.any(Flags::SLASHES) || 2 <= signs.dots() + signs.dashes();
            if self.kinds.has(Kind::DateOfBirth) && parts && (4..=16).contains(&signs.digits()) {
                date::detect(segment, &mut add);
            }
        }
        if self.kinds.has(Kind::Person) {
            person::detect(segment, &mut add);
        }
        strongest(hits, before);
    }
}

/// Of kinds that claim overlapping places, the one with the better proof; then the longer.
fn strongest(hits: &mut Vec<Hit>, from: usize) {
    if hits.len() < from + 2 {
        return;
    }
    let mut found = hits.split_off(from);
    let proof = |hit: &Hit| match hit.what {
        What::Pii(kind) => kind.proof(),
        What::Secret(_) | What::Placeholder { .. } | What::Link(_) => 0,
    };
    found.sort_by_key(|hit| {
        (std::cmp::Reverse(proof(hit)), std::cmp::Reverse(hit.range.len()), hit.range.start)
    });
    for hit in found {
        let free = |other: &Hit| hit.range.end <= other.range.start || other.range.end <= hit.range.start;
        if hits.iter().skip(from).all(free) {
            hits.push(hit);
        }
    }
}

/// All personal data of a whole text, in order.
pub fn find(settings: &Settings, text: &str) -> Vec<Finding> {
    let search = Search { pii: Some(settings.clone()), ..Search::default() };
    let hits = search.all(text).into_iter();
    hits.map(|hit| Finding { span: hit.range, kind: hit.what.name() }).collect()
}

#[cfg(test)]
mod tests;
