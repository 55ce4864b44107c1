//! Markdown: the text stays as it is; its headings, paragraphs, lists, tables and code become blocks.

use std::ops::Range;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag};

use crate::{Block, BlockKind, builder::trimmed};

/// A text is parsed in stretches of about this size, so that the parser's tree stays small.
const STRETCH: usize = 256 * 1024;
/// A stretch that finds no good place to end is cut at any line after this.
const LONGEST: usize = 2 * 1024 * 1024;
/// Markers of quotes and lists a line may begin with before it is taken for noise: nesting costs the parser a pass a level.
const MARKERS: usize = 64;

pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut tables = 0;
    for stretch in stretches(text) {
        let Some(part) = text.get(stretch.clone()) else { continue };
        if is_noise(part) {
            // What no block holds becomes a paragraph.
            continue;
        }
        parse(part, stretch.start, &mut tables, &mut blocks);
    }
    blocks
}

/// Cuts a text before headings, outside of fenced code.
fn stretches(text: &str) -> Vec<Range<usize>> {
    let mut cuts = Vec::new();
    let (mut start, mut at) = (0, 0);
    let mut fence: Option<char> = None;
    for line in text.split_inclusive('\n') {
        let long = at - start > LONGEST;
        if (at - start > STRETCH && fence.is_none() && line.starts_with('#')) || long {
            cuts.push(start..at);
            start = at;
            fence = None;
        }
        let body = line.trim_start();
        let mark = body.chars().next().filter(|_| body.starts_with("```") || body.starts_with("~~~"));
        fence = match (fence, mark) {
            (Some(open), Some(mark)) if open == mark => None,
            (None, mark) => mark,
            (open, _) => open,
        };
        at += line.len();
    }
    cuts.push(start..text.len());
    cuts
}

fn is_noise(text: &str) -> bool {
    text.lines().any(|line| {
        let lead =
            line.bytes().take_while(|byte| matches!(byte, b'>' | b'-' | b'*' | b'+' | b' ' | b'\t' | b'['));
        let markers = |byte: u8| !matches!(byte, b' ' | b'\t');
        let ruled = line.trim().bytes().all(|byte| matches!(byte, b'-' | b'*' | b' ' | b'+'));
        !ruled && lead.filter(|byte| markers(*byte)).count() > MARKERS
    })
}

fn parse(text: &str, offset: usize, tables: &mut u32, blocks: &mut Vec<Block>) {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    // How deep the parser is inside of what has become a block already.
    let mut within = 0_usize;
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        match event {
            Event::Start(_) if within > 0 => within += 1,
            Event::End(_) => within = within.saturating_sub(1),
            Event::Start(tag) => {
                if let Some(kind) = block_kind(&tag, tables) {
                    within = 1;
                    if let Some((start, end)) = trimmed(text, range.start, range.end) {
                        let end = own_lines(text, kind, start, end);
                        blocks.push(Block { kind, start: offset + start, end: offset + end, page: None });
                    }
                }
            }
            _ => {}
        }
    }
}

/// Which block an element becomes; `None` for those that hold others.
fn block_kind(tag: &Tag<'_>, tables: &mut u32) -> Option<BlockKind> {
    Some(match tag {
        Tag::Heading { level, .. } => BlockKind::Heading(match level {
            HeadingLevel::H1 => 1,
            HeadingLevel::H2 => 2,
            HeadingLevel::H3 => 3,
            HeadingLevel::H4 => 4,
            HeadingLevel::H5 => 5,
            HeadingLevel::H6 => 6,
        }),
        Tag::CodeBlock(_) => BlockKind::Code,
        Tag::Item => BlockKind::Item,
        Tag::TableHead => {
            *tables += 1;
            BlockKind::TableHead(*tables - 1)
        }
        Tag::TableRow => BlockKind::TableRow(tables.saturating_sub(1)),
        Tag::Paragraph | Tag::HtmlBlock | Tag::MetadataBlock(_) => BlockKind::Paragraph,
        _ => return None,
    })
}

/// The row of dashes below a table's head belongs to the head.
fn own_lines(text: &str, kind: BlockKind, start: usize, end: usize) -> usize {
    let BlockKind::TableHead(_) = kind else { return end };
    let below = text.get(end..).and_then(|rest| rest.split_once('\n'));
    let Some((gap, rest)) = below.filter(|(gap, _)| gap.trim_matches(['|', ' ', '\t', '\r']).is_empty())
    else {
        return end;
    };
    let rule = rest.lines().next().unwrap_or_default();
    let is_rule = rule.contains('-')
        && rule.bytes().all(|byte| matches!(byte, b'-' | b'|' | b':' | b' ' | b'\t' | b'>'));
    let end_of_rule = end + gap.len() + 1 + rule.trim_end().len();
    if is_rule && text.get(start..end_of_rule).is_some() { end_of_rule } else { end }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_blocks() {
        let text = "---\ntitle: x\n---\n\n# Guide\n\nSome *text*\nover lines.\n\nSetext\n------\n\n- one\n- two\n  - deep\n\n\
                    | a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n\n```rust\n# no heading\n```\n\n> quoted\n> ## Inner\n\n[ref]: http://x\n";
        let found: Vec<_> =
            blocks(text).iter().map(|b| (b.kind, text.get(b.start..b.end).unwrap())).collect();
        assert_eq!(
            found,
            [
                (BlockKind::Paragraph, "---\ntitle: x\n---"),
                (BlockKind::Heading(1), "# Guide"),
                (BlockKind::Paragraph, "Some *text*\nover lines."),
                (BlockKind::Heading(2), "Setext\n------"),
                (BlockKind::Item, "- one"),
                (BlockKind::Item, "- two\n  - deep"),
                (BlockKind::TableHead(0), "| a | b |\n|---|---|"),
                (BlockKind::TableRow(0), "| 1 | 2 |"),
                (BlockKind::TableRow(0), "| 3 | 4 |"),
                (BlockKind::Code, "```rust\n# no heading\n```"),
                (BlockKind::Paragraph, "quoted"),
                (BlockKind::Heading(2), "## Inner"),
            ]
        );
    }

    #[test]
    fn long_texts_are_parsed_in_stretches_that_keep_fences_whole() {
        let mut text = String::new();
        for part in 0..3000 {
            text.push_str(&format!(
                "# Part {part}\n\n{}\n\n```\n# not a heading\n```\n\n",
                "words ".repeat(20)
            ));
        }
        assert!(stretches(&text).len() > 1);
        let headings = blocks(&text).iter().filter(|b| b.kind == BlockKind::Heading(1)).count();
        assert_eq!(headings, 3000);
    }
}
