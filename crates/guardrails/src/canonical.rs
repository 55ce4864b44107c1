//! A text as a reader or a model takes it, undisguised: computed once, used by every check.
//!
//! The first view is the text without invisible characters, in compatibility form, with letters of other scripts inside
//! Latin words replaced by what they look like. More views come only where there is a reason: spaced or dotted letters
//! joined, leetspeak read where it hides a word of the detector's, accents dropped where they decorate, encodings decoded
//! (nested ones too), rot13 and reversal undone. Every view knows which bytes of the original its own came from.
//!
//! Each view is made in one pass over the one before; views and their bytes are capped by the length of the text, so the
//! whole is linear, whatever the bytes.

mod cipher;
mod clean;
mod encoded;
mod fold;
mod joined;
mod map;
mod survey;
mod tables;

use std::borrow::Cow;
use std::ops::Range;

pub(crate) use clean::{continues, decorates, stands_for_other};
pub(crate) use fold::is_latin;
pub use fold::latin_base;
pub(crate) use joined::is_picture;
use map::Map;
pub(crate) use tables::look_alike;

use crate::unicode::Traits;

/// How a view was made from the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewKind {
    /// Invisible characters gone, compatibility forms and look-alikes replaced.
    Clean,
    /// Spaced, dotted and emoji-split letters joined, leetspeak read.
    Joined,
    /// Accents dropped.
    Unaccented,
    /// Base64, base32, hexadecimal, percent and other escapes decoded where they stood.
    Decoded,
    /// Letters moved by thirteen places.
    Rot13,
    /// Read backwards.
    Reversed,
}

/// Which view of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ViewId(usize);

#[derive(Clone, Debug)]
struct View<'t> {
    kind: ViewKind,
    text: Cow<'t, str>,
    /// Facts about its characters beyond ASCII, together.
    facts: Traits,
    /// From this view's bytes to those of `parent`, or of the original.
    map: Map,
    parent: Option<usize>,
    /// Steps since the original that hid something: encodings inside encodings.
    depth: usize,
    /// A step on the way only: a view made of it says the same and more.
    passed: bool,
}

/// A text and its undisguised views.
#[derive(Clone, Debug)]
pub struct Canonical<'t> {
    views: Vec<View<'t>>,
    original: usize,
}

/// Encodings inside encodings that are undone.
const MOST_DEPTH: usize = 4;
/// Views of one text at most.
const MOST_VIEWS: usize = 12;
/// Bytes of all views together, per byte of the text: what bounds the work.
const MOST_GROWTH: usize = 6;
/// What short texts may have beyond that.
const SPARE_BYTES: usize = 4_096;

/// Undisguises a text.
pub fn canonicalise(text: &str) -> Canonical<'_> {
    let mut canonical = Canonical { views: Vec::new(), original: text.len() };
    let (clean, map) = clean::clean(text);
    canonical.views.push(View {
        kind: ViewKind::Clean,
        facts: Traits::within(&clean),
        text: clean,
        map,
        parent: None,
        depth: 0,
        passed: false,
    });
    if let Some((folded, map)) = canonical.views.first().and_then(|view| fold::fold(&view.text, view.facts)) {
        canonical.add(0, ViewKind::Clean, folded, map);
    }
    let mut at = canonical.views.len() - 1;
    while at < canonical.views.len() {
        canonical.expand(at);
        at += 1;
    }
    canonical
}

impl<'t> Canonical<'t> {
    /// The views to check: what was joined or decoded stands in the place of the text it was made of, everything else
    /// beside it.
    pub fn views(&self) -> impl Iterator<Item = (ViewId, &str)> {
        self.views
            .iter()
            .enumerate()
            .filter(|(_, view)| !view.passed)
            .map(|(at, view)| (ViewId(at), &*view.text))
    }

    /// The text as it reads, without anything decoded or joined: what patterns with digits are looked for in.
    pub fn clean(&self) -> (ViewId, &str) {
        let last = self.views.iter().rposition(|view| view.kind == ViewKind::Clean).unwrap_or(0);
        (ViewId(last), self.views.get(last).map_or("", |view| &*view.text))
    }

    /// How a view was made.
    pub fn kind(&self, view: ViewId) -> ViewKind {
        self.views.get(view.0).map_or(ViewKind::Clean, |view| view.kind)
    }

    /// The bytes of the original that a view's bytes came from, on character boundaries of the original.
    pub fn origin(&self, view: ViewId, span: Range<usize>) -> Range<usize> {
        let mut span = span;
        let mut at = Some(view.0);
        while let Some(view) = at.and_then(|at| self.views.get(at)) {
            span = view.map.origin(span);
            at = view.parent;
        }
        span.start.min(self.original)..span.end.min(self.original)
    }

    fn add(&mut self, parent: usize, kind: ViewKind, text: String, map: Map) {
        let bytes: usize = self.views.iter().map(|view| view.text.len()).sum();
        let room = self.original.saturating_mul(MOST_GROWTH).saturating_add(SPARE_BYTES);
        if self.views.len() < MOST_VIEWS && bytes.saturating_add(text.len()) <= room {
            let hidden = usize::from(kind != ViewKind::Clean);
            let depth = self.views.get(parent).map_or(0, |view| view.depth + hidden);
            self.views.push(View {
                kind,
                facts: Traits::within(&text),
                text: Cow::Owned(text),
                map,
                parent: Some(parent),
                depth,
                passed: false,
            });
            let replaces = match kind {
                ViewKind::Clean | ViewKind::Joined | ViewKind::Decoded => true,
                ViewKind::Unaccented | ViewKind::Rot13 | ViewKind::Reversed => false,
            };
            if let Some(parent) = self.views.get_mut(parent).filter(|_| replaces) {
                parent.passed = true;
            }
        }
    }

    /// Adds the views that can be made of one.
    fn expand(&mut self, at: usize) {
        let Some(view) = self.views.get(at) else { return };
        if MOST_DEPTH <= view.depth {
            return;
        }
        let (text, facts) = (&*view.text, view.facts);
        let survey = survey::survey(text);
        let mut made = Vec::new();
        let mut make = |kind, found: Option<(String, Map)>| {
            if let Some((text, map)) = found {
                made.push((kind, text, map));
            }
        };
        if survey.encoded {
            make(ViewKind::Decoded, encoded::decode(text));
        }
        match view.kind {
            ViewKind::Clean | ViewKind::Decoded | ViewKind::Rot13 | ViewKind::Reversed => {
                make(ViewKind::Joined, joined::join(text, survey, facts));
                make(ViewKind::Unaccented, fold::without_accents(text, facts));
                make(ViewKind::Rot13, survey.rot13.then(|| cipher::rot13(text)));
                make(ViewKind::Reversed, survey.reversed.then(|| cipher::reverse(text)));
            }
            ViewKind::Unaccented | ViewKind::Joined => {
                make(ViewKind::Rot13, survey.rot13.then(|| cipher::rot13(text)));
                make(ViewKind::Reversed, survey.reversed.then(|| cipher::reverse(text)));
            }
        }
        for (kind, text, map) in made {
            self.add(at, kind, text, map);
        }
    }
}
