//! Plain text and source code.

use crate::{Block, BlockKind, builder::trimmed};

/// Blocks between blank lines.
///
/// A group of code lines goes on over a blank line that is followed by an indented line or a closing bracket, so that a
/// function stays whole, unless it has become longer than 4,000 bytes.
pub(crate) fn blocks(text: &str, kind: BlockKind) -> Vec<Block> {
    const LONG: usize = 4000;
    let mut blocks = Vec::new();
    let mut start = 0;
    let mut at = 0;
    let mut blank = false;
    for line in text.split_inclusive('\n') {
        let empty = line.trim().is_empty();
        if blank && !empty {
            let goes_on = matches!(kind, BlockKind::Code) && at - start < LONG && continues(line);
            if !goes_on {
                push(&mut blocks, text, kind, start, at);
                start = at;
            }
        }
        blank = empty;
        at += line.len();
    }
    push(&mut blocks, text, kind, start, text.len());
    blocks
}

/// Whether a line belongs to what stands above it.
fn continues(line: &str) -> bool {
    line.starts_with([' ', '\t', '}', ')', ']'])
}

fn push(blocks: &mut Vec<Block>, text: &str, kind: BlockKind, start: usize, end: usize) {
    // Indentation of the first line is part of code.
    let lead = text.get(start..end).map_or(0, |slice| {
        let body = slice.trim_start();
        let gap = slice.len() - body.len();
        slice.get(..gap).and_then(|gap| gap.rfind('\n')).map_or(0, |at| at + 1)
    });
    if let Some((from, end)) = trimmed(text, start, end) {
        let start = if matches!(kind, BlockKind::Code) { start + lead } else { from };
        blocks.push(Block { kind, start, end, page: None });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, kind: BlockKind) -> Vec<&str> {
        blocks(text, kind).iter().map(|block| text.get(block.start..block.end).unwrap()).collect()
    }

    #[test]
    fn blank_lines_part_paragraphs_and_top_level_code() {
        assert_eq!(cut("\n\n one\ntwo\n\n \nthree\n", BlockKind::Paragraph), ["one\ntwo", "three"]);
        assert_eq!(
            cut("fn a() {\n    x();\n\n    y();\n}\n\nfn b() {}\n", BlockKind::Code),
            ["fn a() {\n    x();\n\n    y();\n}", "fn b() {}"]
        );
        assert!(cut(" \n\n ", BlockKind::Paragraph).is_empty());
    }
}
