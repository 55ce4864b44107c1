//! Rows of cells: CSV, TSV and their kin. The text stays as it is; its rows become blocks.

use crate::{
    Block, BlockKind,
    builder::{push_row, trimmed},
};

/// What may stand between cells, the likelier first.
const DELIMITERS: [u8; 4] = [b'\t', b',', b';', b'|'];
/// A row longer than this with line breaks in it is taken for a quote that was never closed.
const LONG_ROW: usize = 64 * 1024;

/// Whether a text is a table. One that is not `named` like one has at least three columns, and cells that are short unless
/// tabs part them: prose has commas too.
pub(crate) fn is_table(text: &str, named: bool) -> bool {
    let (delimiter, columns) = shape(text);
    let short = || {
        let sample = head(text);
        let cells: usize = records(sample, delimiter, true).take(20).map(|record| record.1).sum();
        let bytes: usize = sample.lines().filter(|line| !line.trim().is_empty()).take(20).map(str::len).sum();
        bytes <= cells * 32
    };
    columns >= if named { 1 } else { 3 } && (named || delimiter == b'\t' || short())
}

/// The delimiter whose first rows agree on the most columns, and that number.
fn shape(text: &str) -> (u8, usize) {
    let sample = head(text);
    let mut best = (b',', 0);
    for delimiter in DELIMITERS {
        let mut widths = records(sample, delimiter, true).take(20).map(|record| record.1);
        let Some(first) = widths.next() else { continue };
        let (mut rows, mut same) = (1, 1);
        for width in widths {
            rows += 1;
            same += usize::from(width == first);
        }
        // One row alone, or rows of unequal length, say nothing; the last row may be cut.
        let agreed = rows >= 2 && same * 10 >= rows * 9 && first >= 2;
        if agreed && first > best.1 {
            best = (delimiter, first);
        }
    }
    let lines = sample.lines().filter(|line| !line.trim().is_empty()).take(20);
    if best.1 == 0
        && lines.clone().count() >= 2
        && lines.clone().all(|line| line.len() < 80 && !line.contains(' '))
    {
        best.1 = 1;
    }
    best
}

/// The first whole lines of a text, at most 16 KB.
fn head(text: &str) -> &str {
    if text.len() <= 16 * 1024 {
        return text;
    }
    let end = (0..=16 * 1024).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let cut = text.get(..end).unwrap_or_default();
    cut.rfind('\n').and_then(|at| cut.get(..at)).unwrap_or(cut)
}

/// Start, number of cells, and whether it can be a head, of each record.
fn records(text: &str, delimiter: u8, quoting: bool) -> impl Iterator<Item = (usize, usize, bool)> {
    let reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .quoting(quoting)
        .from_reader(text.as_bytes());
    reader.into_byte_records().map_while(Result::ok).map(|record| {
        let start =
            record.position().map_or(0, |position| usize::try_from(position.byte()).unwrap_or(usize::MAX));
        (start, record.len(), names_columns(&record))
    })
}

/// Whether a record's cells look like names: none empty, none a number, no two the same.
fn names_columns(record: &csv::ByteRecord) -> bool {
    let mut cells: Vec<&[u8]> = record.iter().take(1000).map(<[u8]>::trim_ascii).collect();
    let named = |cell: &&[u8]| {
        !cell.is_empty()
            && cell.len() <= 200
            && std::str::from_utf8(cell).is_ok_and(|cell| cell.parse::<f64>().is_err())
    };
    let all = cells.iter().all(named);
    let count = cells.len();
    cells.sort_unstable();
    cells.dedup();
    all && cells.len() == count && count > 0
}

/// The rows of a text as blocks, the first as the head where it can be one.
pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let (delimiter, _) = shape(text);
    rows(text, delimiter, true).or_else(|| rows(text, delimiter, false)).unwrap_or_default()
}

/// `None` where a row is so long that a quote must have been left open.
fn rows(text: &str, delimiter: u8, quoting: bool) -> Option<Vec<Block>> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open: Option<(usize, BlockKind)> = None;
    let ends = records(text, delimiter, quoting).map(Some).chain([None]);
    for record in ends {
        let end = record.map_or(text.len(), |(start, ..)| start);
        if let Some((start, kind)) = open.take()
            && let Some((start, end)) = trimmed(text, start, end)
        {
            if quoting && end - start > LONG_ROW && text.get(start..end).is_some_and(|row| row.contains('\n'))
            {
                return None;
            }
            push_row(&mut blocks, Block { kind, start, end, page: None }, text.len());
        }
        open = record.map(|(start, _, names)| {
            let kind =
                if blocks.is_empty() && names { BlockKind::TableHead(0) } else { BlockKind::TableRow(0) };
            (start, kind)
        });
    }
    Some(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_blocks_and_the_first_names_the_columns() {
        let text = "name;note\ntea;\"green;\nor black\"\n\nmilk;cold\r\n";
        let blocks = blocks(text);
        let rows: Vec<_> =
            blocks.iter().map(|block| (block.kind, text.get(block.start..block.end).unwrap())).collect();
        assert_eq!(
            rows,
            [
                (BlockKind::TableHead(0), "name;note"),
                (BlockKind::TableRow(0), "tea;\"green;\nor black\""),
                (BlockKind::TableRow(0), "milk;cold"),
            ]
        );
        let numbers = super::blocks("1,2\n3,4\n");
        assert_eq!(numbers.first().map(|block| block.kind), Some(BlockKind::TableRow(0)));
    }

    #[test]
    fn a_quote_left_open_does_not_swallow_the_table() {
        let mut text = "id,name\n1,\"open\n".to_owned();
        for row in 2..20_000 {
            text.push_str(&format!("{row},name {row}\n"));
        }
        assert_eq!(blocks(&text).len(), 20_000);
    }
}
