//! Fonts: which characters codes stand for, and how far they advance.

use std::{borrow::Cow, collections::HashMap, rc::Rc, sync::Arc};

use hayro_cmap::BfString;
use hayro_font::{CMapResolverFn, Font, FontCache, FontGlyph, FontResolverFn, GlyphId, StandardFont};
use hayro_syntax::object::{Array, Dict, Name, Stream};

use super::{filter::unpack, guard};
use crate::Limits;

/// Fonts kept at once; past this all are let go.
const MOST: usize = 200;
/// Codes of a font kept at once.
const MOST_CODES: usize = 20_000;
/// Characters one glyph may stand for.
const LONGEST: usize = 32;

/// The fonts of a document, loaded when they are first used.
pub(crate) struct Fonts<'a> {
    cache: FontCache<'a>,
    substitutes: FontResolverFn,
    maps: CMapResolverFn,
    /// Fonts loaded, by the places of their dictionaries: whether their streams are within bounds.
    seen: HashMap<u64, bool>,
    part: usize,
}

/// A font, and what is known of its codes.
pub(crate) struct Known<'a> {
    font: Font<'a>,
    pub(crate) bold: bool,
    codes: HashMap<u32, Code>,
}

/// What a code stands for.
#[derive(Clone)]
pub(crate) struct Code {
    /// Its characters; `None` where the font does not say.
    pub(crate) text: Option<Rc<str>>,
    /// How far it moves on, in sizes of the font.
    pub(crate) advance: (f64, f64),
}

impl<'a> Fonts<'a> {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            cache: FontCache::new(),
            // Only widths and names matter here, so one font may stand for all that are not embedded.
            substitutes: Arc::new(|_| Some(StandardFont::Helvetica.get_font_data())),
            maps: Arc::new(|_| None),
            seen: HashMap::new(),
            part: limits.part,
        }
    }

    /// The font of a dictionary; `None` where it cannot be read.
    pub(crate) fn load(&mut self, dict: &Dict<'a>) -> Option<Known<'a>> {
        let place = place(dict);
        if self.seen.len() >= MOST && !self.seen.contains_key(&place) {
            self.cache = FontCache::new();
            self.seen.clear();
        }
        let bounded = match self.seen.get(&place) {
            Some(bounded) => *bounded,
            None => self.is_bounded(dict),
        };
        self.seen.insert(place, bounded);
        if !bounded {
            return None;
        }
        let font = self.cache.font(dict, &self.substitutes, &self.maps)?;
        let name =
            dict.get::<Name<'_>>("BaseFont").map(|name| name.as_str().to_lowercase()).unwrap_or_default();
        let bold = ["bold", "black", "heavy", "semibold", "-medi"].iter().any(|weight| name.contains(weight));
        Some(Known { font, bold, codes: HashMap::new() })
    }

    /// Whether the streams of a font unpack within bounds.
    fn is_bounded(&self, dict: &Dict<'a>) -> bool {
        let inner =
            dict.get::<Array<'_>>("DescendantFonts").and_then(|fonts| fonts.iter::<Dict<'_>>().next());
        let own = inner.as_ref().unwrap_or(dict);
        let program = own.get::<Dict<'_>>("FontDescriptor").unwrap_or_default();
        let streams = [
            (dict, "ToUnicode"),
            (dict, "Encoding"),
            (own, "CIDToGIDMap"),
            (&program, "FontFile"),
            (&program, "FontFile2"),
            (&program, "FontFile3"),
        ];
        streams.into_iter().all(|(dict, key)| {
            dict.get::<Stream<'_>>(key).is_none_or(|stream| is_bounded(&stream, self.part))
        })
    }
}

/// Whether a stream unpacks to no more than `most` bytes. One that is not encrypted was checked before the file was opened.
pub(crate) fn is_bounded(stream: &Stream<'_>, most: usize) -> bool {
    match stream.raw_data() {
        Cow::Borrowed(_) => true,
        Cow::Owned(packed) => unpack(&guard::filters(stream.dict()), &packed, most).is_ok(),
    }
}

/// Where a dictionary is: its bytes stay there for as long as the file is open.
pub(crate) fn place(dict: &Dict<'_>) -> u64 {
    dict.data().as_ptr() as u64
}

impl Known<'_> {
    /// The codes of a string shown, each with how many bytes it took.
    pub(crate) fn read(&mut self, bytes: &[u8], mut each: impl FnMut(Code, u32, usize)) {
        let mut at = 0;
        while at < bytes.len() {
            let (code, taken) = self.font.read_code(bytes, at);
            let taken = taken.max(1);
            at += taken;
            each(self.code(code), code, taken);
        }
    }

    fn code(&mut self, code: u32) -> Code {
        if let Some(known) = self.codes.get(&code) {
            return known.clone();
        }
        let advance = self.font.code_advance(code);
        let scale = |value: f64| if value.is_finite() { value / 1000.0 } else { 0.0 };
        // What a code stands for does not hang on its glyph, which takes longer to find.
        let unicode = match self.font.glyph(GlyphId::NOTDEF, code) {
            FontGlyph::Outline(glyph) => glyph.as_unicode(),
            FontGlyph::Type3(glyph) => glyph.as_unicode(),
        };
        let text = unicode.and_then(|unicode| match unicode {
            BfString::Char(c) => clean(std::iter::once(c)),
            BfString::String(text) => clean(text.chars()),
        });
        let known = Code { text, advance: (scale(advance.x), scale(advance.y)) };
        if self.codes.len() >= MOST_CODES {
            self.codes.clear();
        }
        self.codes.insert(code, known.clone());
        known
    }
}

/// Characters as they are written by hand: ligatures in letters, no control characters; `None` where nothing is left.
fn clean(characters: impl Iterator<Item = char>) -> Option<Rc<str>> {
    let mut text = String::new();
    for c in characters.take(LONGEST) {
        match c {
            '\u{fb00}' => text.push_str("ff"),
            '\u{fb01}' => text.push_str("fi"),
            '\u{fb02}' => text.push_str("fl"),
            '\u{fb03}' => text.push_str("ffi"),
            '\u{fb04}' => text.push_str("ffl"),
            '\u{fb05}' | '\u{fb06}' => text.push_str("st"),
            '\u{a0}' | '\t' | '\n' | '\r' => text.push(' '),
            '\u{ad}' => text.push('-'),
            // Lists of glyph names call these letters by their twins among the signs.
            '\u{2126}' => text.push('Ω'),
            '\u{2206}' => text.push('Δ'),
            // Private characters mean something only to their font.
            '\u{fffd}' | '\u{e000}'..='\u{f8ff}' | '\u{200b}' | '\u{feff}' => {}
            c if c.is_control() => {}
            c => text.push(c),
        }
    }
    (!text.is_empty()).then(|| text.into())
}
