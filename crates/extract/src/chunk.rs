//! Units into chunks.

use std::collections::VecDeque;

use sluice_types::knowledge::Chunk;

use crate::{
    Document,
    units::{Joint, Sizes, Unit, Units, title},
};

/// A table's head is kept as context up to this many characters.
const LONGEST_HEAD: usize = 400;

/// Cuts a document into chunks.
///
/// A chunk is made of whole units (headings, sentences, rows, lines of code) up to the size in tokens that `count` finds. It
/// ends where the text does: before a heading rather than between paragraphs, between paragraphs rather than within one, as
/// long as it is at least half full. It repeats the end of the one before up to the overlap, but not across a heading and not
/// rows or records, which stand for themselves. A row's chunk keeps the table's head among its headings.
///
/// `text[start..end]` of the document, counted in characters, is exactly the chunk's text.
pub fn chunks(document: &Document<'_>, sizes: &Sizes, count: &dyn Fn(&str) -> usize) -> Vec<Chunk> {
    chunks_of(document, *sizes, count).collect()
}

/// The chunks of a document one by one, for documents whose chunks would not fit in memory together.
pub fn chunks_of<'a>(
    document: &'a Document<'a>,
    sizes: Sizes,
    count: &'a dyn Fn(&str) -> usize,
) -> Chunks<'a> {
    Chunks {
        document,
        sizes,
        count,
        units: Units::new(document, sizes, count),
        window: VecDeque::new(),
        repeated: 0,
        ordinal: 0,
        mark: (0, 0),
    }
}

/// The chunks of a document, cut as they are asked for.
pub struct Chunks<'a> {
    document: &'a Document<'a>,
    sizes: Sizes,
    count: &'a dyn Fn(&str) -> usize,
    units: Units<'a>,
    /// Units from the next chunk's first on.
    window: VecDeque<Unit>,
    /// How many of them were in the chunk before.
    repeated: usize,
    ordinal: u32,
    /// A byte of the text and its place in characters.
    mark: (usize, usize),
}

impl Iterator for Chunks<'_> {
    type Item = Chunk;

    fn next(&mut self) -> Option<Chunk> {
        let more = self.fill();
        let mut fitting = self.fitting();
        // What is repeated must not take the room of what is new.
        while fitting <= self.repeated && self.repeated > 0 {
            self.window.pop_front();
            self.repeated -= 1;
            fitting = self.fitting();
        }
        if fitting == 0 {
            return None;
        }
        let all = fitting == self.window.len() && !more;
        let length = if all { fitting } else { self.best_cut(fitting) };
        let chunk = self.chunk(length)?;
        let next = if all { length } else { self.next_start(length) };
        self.window.drain(..next);
        self.repeated = length - next;
        Some(chunk)
    }
}

impl Chunks<'_> {
    /// Reads units until there are more than fit a chunk; whether there are.
    fn fill(&mut self) -> bool {
        let mut sum: usize = self.window.iter().map(|unit| unit.tokens).sum();
        while sum <= self.sizes.max() {
            let Some(unit) = self.units.next() else { return false };
            sum += unit.tokens;
            self.window.push_back(unit);
        }
        true
    }

    /// How many units fit a chunk; at least one, if there is one.
    fn fitting(&self) -> usize {
        let max = self.sizes.max();
        let mut sum = 0;
        let by_sum = self.window.iter().take_while(|unit| {
            sum += unit.tokens;
            sum <= max
        });
        let mut fitting = by_sum.count().max(usize::from(!self.window.is_empty()));
        // What stands between units counts as well.
        while fitting > 1 {
            let Some((start, end)) = self.span(fitting) else { break };
            let tokens = (self.count)(self.document.text.get(start..end).unwrap_or_default());
            if tokens <= max {
                break;
            }
            // As many units fewer as there are tokens too many, at about equal lengths.
            let over = (tokens - max) * fitting / tokens.max(1);
            fitting = fitting.saturating_sub(over.max(1)).max(1);
        }
        fitting
    }

    fn span(&self, length: usize) -> Option<(usize, usize)> {
        let first = self.window.front()?;
        let last = self.window.get(length.checked_sub(1)?)?;
        Some((first.start, last.end))
    }

    /// Where to end the chunk: at the best joint that leaves it at least half full, the last of those.
    fn best_cut(&self, fitting: usize) -> usize {
        let half = self.sizes.max() / 2;
        let mut sum = 0;
        let mut best: Option<(Joint, usize)> = None;
        for (at, unit) in self.window.iter().enumerate().take(fitting) {
            sum += unit.tokens;
            let cut = at + 1;
            if cut <= self.repeated {
                continue;
            }
            // A heading is no end: it belongs to what follows.
            if unit.heading && cut > 1 {
                continue;
            }
            let joint = self.window.get(cut).map_or(Joint::Block, |next| next.joint);
            if (sum >= half || cut == fitting) && best.is_none_or(|(own, _)| joint >= own) {
                best = Some((joint, cut));
            }
        }
        best.map_or(fitting, |(_, cut)| cut)
    }

    /// The first unit of the next chunk, given where this one ends.
    fn next_start(&self, end: usize) -> usize {
        let Some(next) = self.window.get(end) else { return end };
        if matches!(next.joint, Joint::Section(_) | Joint::Row) {
            return end;
        }
        let room = self.sizes.overlap().min(self.sizes.max().saturating_sub(next.tokens));
        let mut sum = 0;
        let mut start = end;
        while let Some(unit) = start.checked_sub(1).filter(|at| *at > 0).and_then(|at| self.window.get(at)) {
            sum += unit.tokens;
            if sum > room || unit.joint == Joint::Row {
                break;
            }
            start -= 1;
            if matches!(unit.joint, Joint::Section(_)) {
                break;
            }
        }
        start
    }

    fn chunk(&mut self, length: usize) -> Option<Chunk> {
        let (from, to) = self.span(length)?;
        let text = self.document.text.get(from..to)?;
        let first = self.window.front()?;
        let mut headings = self.headings(length);
        if let Some((start, end)) = first.head.filter(|(start, _)| *start < from) {
            let head: String =
                title(self.document.text.get(start..end)?).chars().take(LONGEST_HEAD).collect();
            headings.push(head);
        }
        let page = first.page;
        let (mark, characters) = self.mark;
        // Chunks begin in order, so the text is counted once, whatever they overlap.
        let start = characters + self.document.text.get(mark..from)?.chars().count();
        self.mark = (from, start);
        let end = start + text.chars().count();
        let ordinal = self.ordinal;
        self.ordinal += 1;
        Some(Chunk {
            ordinal,
            text: text.to_owned(),
            headings,
            page,
            start: u32::try_from(start).unwrap_or(u32::MAX),
            end: u32::try_from(end).unwrap_or(u32::MAX),
        })
    }

    /// The headings above all of the chunk's text.
    fn headings(&self, length: usize) -> Vec<String> {
        let mut paths = self.window.iter().take(length).filter(|unit| !unit.heading).map(|unit| &unit.path);
        let Some(first) = paths.next().or_else(|| self.window.front().map(|unit| &unit.path)) else {
            return Vec::new();
        };
        let mut shared = first.len();
        for path in paths {
            let same = first.iter().zip(path.iter()).take_while(|(one, other)| one == other).count();
            shared = shared.min(same);
        }
        first
            .iter()
            .take(shared)
            .map(|(_, title)| title.to_string())
            .filter(|title| !title.is_empty())
            .collect()
    }
}
