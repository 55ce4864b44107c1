//! Text put together block by block.

use crate::{Block, BlockKind, Limits, Problem};

/// A text that grows by blocks, a line or a blank line between them.
pub(crate) struct Builder {
    pub(crate) text: String,
    pub(crate) blocks: Vec<Block>,
    /// The page that blocks are on, counted from 1; `None` where there are no pages.
    pub(crate) page: Option<u32>,
    limit: usize,
}

impl Builder {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { text: String::new(), blocks: Vec::new(), page: None, limit: limits.text }
    }

    /// Adds a block; one that is white space is left out.
    ///
    /// # Errors
    ///
    /// [`Problem::TooLarge`] where the text would grow past its limit.
    pub(crate) fn push(&mut self, kind: BlockKind, content: &str) -> Result<(), Problem> {
        let content = match kind {
            // Indentation says something here.
            BlockKind::Code | BlockKind::Item => content.trim_start_matches(['\n', '\r']).trim_end(),
            _ => content.trim(),
        };
        if content.is_empty() {
            return Ok(());
        }
        if self.text.len().saturating_add(content.len()) > self.limit {
            return Err(Problem::TooLarge { what: "the text", limit: self.limit });
        }
        if let Some(last) = self.blocks.last() {
            self.text.push_str(if together(last.kind, kind) { "\n" } else { "\n\n" });
        }
        let start = self.text.len();
        self.text.push_str(content);
        self.blocks.push(Block { kind, start, end: self.text.len(), page: self.page });
        Ok(())
    }
}

/// Whether two blocks stand on lines next to each other.
fn together(above: BlockKind, below: BlockKind) -> bool {
    match (above, below) {
        (BlockKind::Item, BlockKind::Item) => true,
        (
            BlockKind::TableHead(one) | BlockKind::TableRow(one),
            BlockKind::TableHead(other) | BlockKind::TableRow(other),
        ) => one == other,
        _ => false,
    }
}

/// Joins words with single spaces, for text in which runs of white space mean one.
pub(crate) fn push_collapsed(into: &mut String, text: &str) {
    let mut space = into.is_empty() || into.ends_with(char::is_whitespace);
    for c in text.chars() {
        // A no-break space keeps words together on a line, and is a space all the same.
        if c.is_whitespace() || c == '\u{a0}' {
            if !space {
                into.push(' ');
            }
            space = true;
        } else {
            into.push(c);
            space = false;
        }
    }
}

/// Adds a row or record. In a text of more than 4 MB short ones share a block, or their places would take more memory than
/// they do.
pub(crate) fn push_row(blocks: &mut Vec<Block>, row: Block, text: usize) {
    const LARGE: usize = 4 * 1024 * 1024;
    const SHORT: usize = 256;
    match blocks.last_mut() {
        Some(last) if text > LARGE && last.kind == row.kind && row.end - last.start <= SHORT => {
            last.end = row.end;
        }
        _ => blocks.push(row),
    }
}

/// Makes blocks cover all of the text that is not white space: what no block holds becomes a paragraph.
pub(crate) fn fill_gaps(text: &str, blocks: &mut Vec<Block>) {
    let mut gaps = Vec::new();
    let mut at = 0;
    for block in blocks.iter().chain([&Block {
        kind: BlockKind::Paragraph,
        start: text.len(),
        end: text.len(),
        page: None,
    }]) {
        if let Some((start, end)) = trimmed(text, at, block.start) {
            gaps.push(Block { kind: BlockKind::Paragraph, start, end, page: block.page });
        }
        at = block.end;
    }
    if !gaps.is_empty() {
        blocks.append(&mut gaps);
        blocks.sort_by_key(|block| block.start);
    }
}

/// A stretch of text without the white space around it; `None` where nothing is left.
pub(crate) fn trimmed(text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
    let slice = text.get(start..end)?;
    let start = start + (slice.len() - slice.trim_start().len());
    let end = start + slice.trim().len();
    (start < end).then_some((start, end))
}
