//! Blocks into units: the smallest stretches that chunks are put together from.

use std::{fmt, rc::Rc};

use unicode_segmentation::UnicodeSegmentation;

use crate::{Block, BlockKind, Document};

/// How long chunks are, in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    max: usize,
    overlap: usize,
}

/// Sizes outside of what is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizesError {
    /// `max_chunk_size_tokens` is not from 100 to 4096.
    Max,
    /// `chunk_overlap_tokens` is more than half of `max_chunk_size_tokens`.
    Overlap,
}

impl Sizes {
    /// OpenAI's `auto`: 800 tokens, 400 of them shared with the chunk before.
    pub const AUTO: Self = Self { max: 800, overlap: 400 };

    /// OpenAI's `static`.
    ///
    /// # Errors
    ///
    /// A [`SizesError`] where the sizes are not allowed.
    pub fn fixed(max_chunk_size_tokens: usize, chunk_overlap_tokens: usize) -> Result<Self, SizesError> {
        if !(100..=4096).contains(&max_chunk_size_tokens) {
            return Err(SizesError::Max);
        }
        if chunk_overlap_tokens > max_chunk_size_tokens / 2 {
            return Err(SizesError::Overlap);
        }
        Ok(Self { max: max_chunk_size_tokens, overlap: chunk_overlap_tokens })
    }

    /// Tokens of a chunk at most.
    pub fn max(self) -> usize {
        self.max
    }

    /// Tokens that a chunk repeats of the one before at most.
    pub fn overlap(self) -> usize {
        self.overlap
    }

    /// Tokens of a unit at most: small against both, so that chunks can be filled and overlaps be hit.
    fn unit(self) -> usize {
        let overlap = if self.overlap == 0 { self.max } else { self.overlap };
        (overlap / 2).min(self.max / 4).max(16)
    }
}

impl fmt::Display for SizesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Max => "max_chunk_size_tokens must be from 100 to 4096",
            Self::Overlap => "chunk_overlap_tokens must be at most half of max_chunk_size_tokens",
        })
    }
}

impl std::error::Error for SizesError {}

/// The headings above a unit, the outermost first; each with its level.
pub(crate) type Path = Rc<[(u8, Rc<str>)]>;

/// A stretch of text that is kept whole.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) tokens: usize,
    pub(crate) page: Option<u32>,
    pub(crate) path: Path,
    pub(crate) joint: Joint,
    /// For a table's row: where its head is.
    pub(crate) head: Option<(usize, usize)>,
    /// Whether it is a heading.
    pub(crate) heading: bool,
}

/// What stands between a unit and the one before; the later in this list, the better to cut there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Joint {
    /// Both are of one sentence, or of one line of code.
    Word,
    /// Both are of one paragraph.
    Within,
    /// Items of a list, rows of a table, records.
    Row,
    /// Paragraphs.
    Block,
    /// A heading begins; the number is 7 less its level.
    Section(u8),
}

/// Text is segmented in stretches of at most this many bytes, so that the work stays even.
const STRETCH: usize = 32 * 1024;
/// Headings are kept to this many characters.
const LONGEST_HEADING: usize = 200;

/// The units of a document in order, made as they are asked for.
pub(crate) struct Units<'a> {
    document: &'a Document<'a>,
    sizes: Sizes,
    count: &'a dyn Fn(&str) -> usize,
    /// The next block.
    next: usize,
    /// What is left of the block before it.
    rest: Option<Rest>,
    path: Path,
    head: Option<(u32, usize, usize)>,
}

struct Rest {
    block: Block,
    at: usize,
    /// Bytes that a unit of it may have.
    most: usize,
    joint: Joint,
    /// Whether the last unit ended with a sentence or line.
    whole: bool,
}

impl<'a> Units<'a> {
    pub(crate) fn new(document: &'a Document<'a>, sizes: Sizes, count: &'a dyn Fn(&str) -> usize) -> Self {
        Self { document, sizes, count, next: 0, rest: None, path: Rc::from([]), head: None }
    }

    fn text(&self, start: usize, end: usize) -> &'a str {
        self.document.text.get(start..end).unwrap_or_default()
    }

    /// Takes notice of a block: the path and the table it is in.
    fn enter(&mut self, block: &Block) -> Joint {
        match block.kind {
            BlockKind::Heading(level) => {
                let title: Rc<str> = title(self.text(block.start, block.end)).into();
                let above = self.path.iter().filter(|(above, _)| *above < level).cloned();
                self.path = above.chain([(level, title)]).collect();
                self.head = None;
                Joint::Section(7_u8.saturating_sub(level))
            }
            BlockKind::TableHead(table) => {
                self.head = Some((table, block.start, block.end));
                Joint::Block
            }
            BlockKind::TableRow(table) => {
                if self.head.is_none_or(|(own, ..)| own != table) {
                    self.head = None;
                }
                Joint::Row
            }
            BlockKind::Item | BlockKind::Record => {
                self.head = None;
                Joint::Row
            }
            BlockKind::Paragraph | BlockKind::Code => {
                self.head = None;
                Joint::Block
            }
        }
    }

    fn unit(&self, block: &Block, start: usize, end: usize, tokens: usize, joint: Joint) -> Unit {
        let head = match block.kind {
            BlockKind::TableRow(_) => self.head.map(|(_, start, end)| (start, end)),
            _ => None,
        };
        let heading = matches!(block.kind, BlockKind::Heading(_));
        Unit { start, end, tokens, page: block.page, path: self.path.clone(), joint, head, heading }
    }
}

impl Iterator for Units<'_> {
    type Item = Unit;

    fn next(&mut self) -> Option<Unit> {
        loop {
            if let Some(mut rest) = self.rest.take() {
                let Some((start, end, tokens)) = self.piece(&mut rest) else { continue };
                let unit = self.unit(&rest.block, start, end, tokens, rest.joint);
                rest.joint = if rest.whole { Joint::Within } else { Joint::Word };
                self.rest = Some(rest);
                return Some(unit);
            }
            let block = self.document.blocks.get(self.next).copied()?;
            self.next += 1;
            let joint = self.enter(&block);
            let length = block.end.saturating_sub(block.start);
            // A row or record stays whole where a chunk has room for it.
            let whole = match block.kind {
                BlockKind::TableRow(_)
                | BlockKind::TableHead(_)
                | BlockKind::Record
                | BlockKind::Heading(_) => self.sizes.max - self.sizes.overlap,
                BlockKind::Paragraph | BlockKind::Item | BlockKind::Code => self.sizes.unit(),
            };
            if length <= STRETCH {
                let tokens = (self.count)(self.text(block.start, block.end));
                if tokens <= whole {
                    return Some(self.unit(&block, block.start, block.end, tokens, joint));
                }
            }
            let most = self.sizes.unit().saturating_mul(3);
            self.rest = Some(Rest { block, at: block.start, most, joint, whole: true });
        }
    }
}

impl Units<'_> {
    /// The next piece of a block that is cut: whole sentences or lines if they fit, else whole words, else characters.
    fn piece(&self, rest: &mut Rest) -> Option<(usize, usize, usize)> {
        let most = self.sizes.unit();
        let text = self.text(rest.at, rest.block.end);
        let lead = text.len() - text.trim_start_matches(['\n', '\r', ' ']).len();
        let start = rest.at + lead;
        let text = floor(self.text(start, rest.block.end), STRETCH);
        if text.trim().is_empty() {
            return None;
        }
        let code = matches!(rest.block.kind, BlockKind::Code);
        loop {
            let (cut, whole) = fitting(text, rest.most, code);
            let body = text.get(..cut).unwrap_or(text).trim_end();
            let tokens = (self.count)(body);
            let one = body.chars().nth(1).is_none();
            if tokens <= most || one {
                // How many bytes a token takes here is known now: the next piece is tried at that.
                let fair = body.len().saturating_mul(most) / tokens.max(1);
                rest.most =
                    rest.most.max(fair.saturating_sub(fair / 8)).min(rest.most.saturating_mul(2)).max(16);
                rest.at = start + cut;
                rest.whole = whole;
                return Some((start, start + body.len(), tokens));
            }
            rest.most =
                (body.len().saturating_mul(most) / tokens.max(1)).min(body.len().saturating_sub(1)).max(1);
        }
    }
}

/// How many bytes of a text fit `most`, cut where it is best to cut, and whether a sentence or line ends there; at least a
/// character.
fn fitting(text: &str, most: usize, code: bool) -> (usize, bool) {
    if text.len() <= most {
        return (text.len(), true);
    }
    let window = floor(text, most);
    let fit = if code {
        filled(text.split_inclusive('\n').map(str::len), window.len())
    } else {
        sentence_end(text, window)
    };
    if fit > 0 {
        return (fit, true);
    }
    let characters =
        if window.is_empty() { text.chars().next().map_or(0, char::len_utf8) } else { window.len() };
    let words = word_end(text, window);
    (if words > 0 { words } else { characters }, false)
}

/// Where the last sentence of a text that ends within its `window` ends, the white space after it included; 0 where none does.
///
/// Only places that look like it are put to the rules of Unicode, the last first, and only so many of them: the rules look at
/// every character and are slow.
fn sentence_end(text: &str, window: &str) -> usize {
    const ENDS: [char; 9] = ['.', '!', '?', '…', '。', '！', '？', '؟', '\n'];
    const CLOSERS: [char; 8] = ['"', '\'', ')', ']', '”', '’', '»', '」'];
    const TRIES: usize = 8;
    let mut within = window;
    for _ in 0..TRIES {
        let Some(at) = within.rfind(ENDS) else { return 0 };
        let after = window.get(at..).unwrap_or_default();
        let closed = after.trim_start_matches(ENDS).trim_start_matches(CLOSERS);
        let end = window.len() - closed.trim_start().len();
        let newline = window.get(at..end).is_some_and(|stop| stop.contains('\n'));
        if end > 0 && (newline || is_boundary(text, end)) {
            return end;
        }
        within = window.get(..at).unwrap_or_default();
    }
    0
}

/// Whether a sentence ends at a place, by the rules of Unicode, which ask for its neighbourhood alone.
fn is_boundary(text: &str, at: usize) -> bool {
    let from = text.floor_char_boundary(at.saturating_sub(96));
    let near = text.get(from..text.ceil_char_boundary(at + 32)).unwrap_or_default();
    let mut sum = from;
    near.split_sentence_bounds().map(str::len).any(|length| {
        sum += length;
        sum == at
    })
}

/// Where the last word within the `window` of a text ends; 0 where there is but one.
fn word_end(text: &str, window: &str) -> usize {
    if let Some(at) = window.rfind(char::is_whitespace).filter(|at| *at > 0) {
        return window.ceil_char_boundary(at + 1);
    }
    // A language without spaces: the rules of Unicode tell, from near the end.
    let from = window.floor_char_boundary(window.len().saturating_sub(256));
    let near = text.get(from..text.ceil_char_boundary(window.len() + 32)).unwrap_or_default();
    match filled(near.split_word_bounds().map(str::len), window.len() - from) {
        0 => 0,
        sum => from + sum,
    }
}

/// The sum of the first parts that fit.
fn filled(parts: impl Iterator<Item = usize>, room: usize) -> usize {
    let mut sum = 0;
    for part in parts {
        if sum + part > room {
            break;
        }
        sum += part;
    }
    sum
}

/// The start of a text, at most `most` bytes, cut between characters.
fn floor(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

/// A heading's words without its marks, on one line.
pub(crate) fn title(text: &str) -> String {
    let ruled = |line: &&str| line.chars().all(|c| matches!(c, '=' | '-' | '|' | ':') || c.is_whitespace());
    let words = text.lines().filter(|line| !ruled(line)).flat_map(str::split_whitespace);
    let joined = words.collect::<Vec<_>>().join(" ");
    let bare = joined.trim_start_matches('#').trim_end_matches('#').trim();
    bare.chars().take(LONGEST_HEADING).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_at_the_last_sentence_that_fits() {
        for (text, most, cut) in [
            ("One is here. Two is there. Three", 30, ("One is here. Two is there. ", true)),
            (
                "He paid 3.50 to Mr. Smith. \"Well?\" he said. No",
                45,
                ("He paid 3.50 to Mr. Smith. \"Well?\" he said. ", true),
            ),
            ("It costs 3.50 and e.g. more than that", 24, ("It costs 3.50 and e.g. ", false)),
            ("a line\nanother line", 12, ("a line\n", true)),
            ("これは文です。次の文です。最後", 30, ("これは文です。", true)),
            ("one two three four", 12, ("one two ", false)),
            ("unbreakable", 5, ("unbre", false)),
            ("short", 100, ("short", true)),
        ] {
            let (length, whole) = fitting(text, most, false);
            assert_eq!((text.get(..length).unwrap(), whole), cut, "{text}");
        }
    }
}
