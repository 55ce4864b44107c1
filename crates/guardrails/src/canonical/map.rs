//! Which bytes of the text before a text's bytes came from.

use std::ops::Range;

/// A run of bytes: copied as they were, or put in place of others.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    start: usize,
    origin: Range<usize>,
    copied: bool,
}

/// Pieces in order of their start; none means that every byte is where it was.
#[derive(Clone, Debug, Default)]
pub struct Map {
    pieces: Vec<Piece>,
    /// The bytes run backwards in a text of this length.
    reversed: Option<usize>,
}

impl Map {
    /// Of a text read backwards.
    pub fn reversed(length: usize) -> Self {
        Self { pieces: Vec::new(), reversed: Some(length) }
    }

    /// Where these bytes came from.
    pub fn origin(&self, span: Range<usize>) -> Range<usize> {
        if let Some(length) = self.reversed {
            return length.saturating_sub(span.end)..length.saturating_sub(span.start);
        }
        if self.pieces.is_empty() {
            return span;
        }
        let last = span.end.saturating_sub(1).max(span.start);
        let start = self.piece(span.start).map_or(0, |piece| {
            if piece.copied { piece.origin.start + (span.start - piece.start) } else { piece.origin.start }
        });
        let end = self.piece(last).map_or(0, |piece| {
            if piece.copied { piece.origin.start + (span.end - piece.start) } else { piece.origin.end }
        });
        start..end.max(start)
    }

    fn piece(&self, at: usize) -> Option<&Piece> {
        let after = self.pieces.partition_point(|piece| piece.start <= at);
        self.pieces.get(after.checked_sub(1)?)
    }
}

/// Builds a text from another, and the map between them.
pub struct Rewrite<'t> {
    from: &'t str,
    text: String,
    pieces: Vec<Piece>,
    /// Bytes of `from` that are dealt with.
    done: usize,
    changed: bool,
}

impl<'t> Rewrite<'t> {
    /// Nothing dealt with yet.
    pub fn of(from: &'t str) -> Self {
        Self { from, text: String::new(), pieces: Vec::new(), done: 0, changed: false }
    }

    /// Puts `with` in the place of `span`; everything between the span before and this one is kept. Spans come in order.
    pub fn replace(&mut self, span: Range<usize>, with: &str) {
        if span.start < self.done || self.from.get(span.clone()) == Some(with) {
            return;
        }
        self.keep_to(span.start);
        self.changed = true;
        self.done = span.end;
        if !with.is_empty() {
            self.pieces.push(Piece { start: self.text.len(), origin: span, copied: false });
            self.text.push_str(with);
        }
    }

    fn keep_to(&mut self, end: usize) {
        let Some(kept) = self.from.get(self.done..end).filter(|kept| !kept.is_empty()) else { return };
        self.pieces.push(Piece { start: self.text.len(), origin: self.done..end, copied: true });
        self.text.push_str(kept);
        self.done = end;
    }

    /// The text and its map, or nothing if it is the same.
    pub fn finish(mut self) -> Option<(String, Map)> {
        if !self.changed {
            return None;
        }
        self.keep_to(self.from.len());
        Some((self.text, Map { pieces: self.pieces, reversed: None }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_lead_back_through_cuts_and_replacements() {
        let mut rewrite = Rewrite::of("ab--cd[x]e");
        rewrite.replace(2..4, "");
        rewrite.replace(6..9, "long");
        let (text, map) = rewrite.finish().expect("changed");
        assert_eq!(text, "abcdlonge");
        assert_eq!(map.origin(0..2), 0..2);
        assert_eq!(map.origin(1..3), 1..5);
        assert_eq!(map.origin(5..6), 6..9);
        assert_eq!(map.origin(4..9), 6..10);
        assert!(Rewrite::of("same").finish().is_none());
    }
}
