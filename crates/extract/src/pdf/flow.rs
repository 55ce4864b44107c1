//! Lines into headings, paragraphs, items and tables, over all pages.

use std::collections::HashMap;

use super::layout::{Line, Stretch};
use crate::{BlockKind, Problem, builder::Builder};

/// In sizes of running text: from here on a line is a heading.
const LARGE: f64 = 1.15;
/// A heading has at most this many characters.
const LONGEST_HEADING: usize = 200;
/// In sizes: lines farther apart than this are not of one paragraph.
const LEADING: f64 = 1.75;

/// Writes the pages, each with its number.
pub(crate) fn write(mut pages: Vec<(u32, Vec<Stretch>)>, out: &mut Builder) -> Result<(), Problem> {
    drop_running_heads(&mut pages);
    let sizes = Sizes::of(&pages);
    let mut tables = 0;
    for (number, stretches) in pages {
        out.page = Some(number);
        for stretch in stretches {
            write_stretch(&stretch, &sizes, &mut tables, out)?;
        }
    }
    Ok(())
}

/// The sizes of a document's text.
struct Sizes {
    /// Of most characters.
    body: f64,
    /// Of headings, the largest first.
    headings: Vec<f64>,
}

impl Sizes {
    fn of(pages: &[(u32, Vec<Stretch>)]) -> Self {
        let lines = || pages.iter().flat_map(|(_, stretches)| stretches.iter().flatten());
        let mut counts: HashMap<i64, usize> = HashMap::new();
        for line in lines() {
            *counts.entry(halves(line.size)).or_default() += characters(line);
        }
        let most = counts.into_iter().max_by_key(|(size, count)| (*count, -*size));
        let body = most.map_or(1.0, |(size, _)| size as f64 / 2.0).max(0.01);
        let large = lines().filter(|line| line.size >= LARGE * body && line.cells.len() == 1);
        let mut sizes: Vec<f64> = large.map(|line| line.size).collect();
        sizes.sort_by(|one, other| other.total_cmp(one));
        let mut headings: Vec<f64> = Vec::new();
        for size in sizes {
            if headings.last().is_none_or(|last| size < 0.95 * last) {
                headings.push(size);
            }
        }
        Self { body, headings }
    }

    /// A heading's level by its looks; `None` for running text.
    fn level(&self, line: &Line) -> Option<u8> {
        if line.cells.len() != 1 || characters(line) > LONGEST_HEADING {
            return None;
        }
        let large = line.size >= LARGE * self.body;
        let rank = |size: f64| self.headings.iter().position(|heading| size >= 0.95 * heading);
        let rank = if large { rank(line.size)? } else { self.headings.len() };
        let text = line.cells.first().map(String::as_str).unwrap_or_default();
        let ends = text.ends_with(['.', ',', ';', ':']);
        // Dots lead to a page number in a table of contents.
        let titled =
            text.chars().any(char::is_alphabetic) && !text.contains("....") && !text.contains(". . . .");
        let bold = line.bold && !ends && characters(line) <= 80 && line.size > 0.9 * self.body;
        (titled && (large || bold)).then(|| u8::try_from(rank + 1).unwrap_or(6).min(6))
    }
}

/// Sizes in halves of a unit, so that they can be counted.
fn halves(size: f64) -> i64 {
    (size * 2.0).round() as i64
}

fn characters(line: &Line) -> usize {
    line.cells.iter().map(|cell| cell.chars().count()).sum()
}

/// Drops what stands by itself at the top or bottom of many pages, the same but for its numbers: running heads, page numbers.
fn drop_running_heads(pages: &mut [(u32, Vec<Stretch>)]) {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for (_, stretches) in pages.iter() {
        let mut own: Vec<String> = edges(stretches).into_iter().map(|(_, text)| text).collect();
        own.dedup();
        for text in own {
            *counts.entry(text).or_default() += 1;
        }
    }
    let often = (pages.len() * 2 / 5).max(3);
    // A number that stands alone there is a page's, on however many pages.
    counts.retain(|text, count| *count >= if text == "0" { 3 } else { often });
    for (_, stretches) in pages {
        for (at, text) in edges(stretches) {
            if counts.contains_key(&text)
                && let Some(stretch) = stretches.get_mut(at)
            {
                stretch.clear();
            }
        }
    }
}

/// The highest and the lowest stretch of a page, if they are short: their places and their texts without numbers.
fn edges(stretches: &[Stretch]) -> Vec<(usize, String)> {
    let level = |stretch: &Stretch| stretch.first().map_or(0.0, |line| line.y);
    let by_level =
        |one: &(usize, &Stretch), other: &(usize, &Stretch)| level(one.1).total_cmp(&level(other.1));
    let highest = stretches.iter().enumerate().max_by(by_level);
    let lowest = stretches.iter().enumerate().min_by(by_level);
    let edges = [highest, lowest].into_iter().flatten().filter(|(_, stretch)| stretch.len() <= 2);
    edges
        .map(|(at, stretch)| (at, stretch.iter().map(without_numbers).collect::<Vec<_>>().join(" ")))
        .collect()
}

fn without_numbers(line: &Line) -> String {
    line.cells
        .join(" ")
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect::<String>()
        .replace("00", "0")
}

fn write_stretch(lines: &[Line], sizes: &Sizes, tables: &mut u32, out: &mut Builder) -> Result<(), Problem> {
    let mut rest = lines;
    while let Some((first, tail)) = rest.split_first() {
        let rows = rest
            .iter()
            .take_while(|line| line.cells.len() > 1 && line.cells.len() == first.cells.len())
            .count();
        if rows >= 2 {
            let (table, after) = rest.split_at(rows);
            write_table(table, *tables, out)?;
            *tables += 1;
            rest = after;
            continue;
        }
        if let Some(level) = sizes.level(first) {
            let more = tail.iter().take(3).take_while(|line| {
                sizes.level(line) == Some(level) && (line.size - first.size).abs() < 0.05 * first.size
            });
            let more = more.count();
            let (heading, after) = rest.split_at(more + 1);
            out.push(BlockKind::Heading(level), &joined(heading))?;
            rest = after;
            continue;
        }
        let length = 1 + paragraph(first, tail, sizes);
        let (paragraph, after) = rest.split_at(length.min(rest.len()));
        let kind = if is_item(first) { BlockKind::Item } else { BlockKind::Paragraph };
        out.push(kind, &joined(paragraph))?;
        rest = after;
    }
    Ok(())
}

/// How many lines after the first one belong to its paragraph.
fn paragraph(first: &Line, tail: &[Line], sizes: &Sizes) -> usize {
    let mut above = first;
    let mut left: Option<f64> = None;
    let mut count = 0;
    for line in tail {
        let far = above.y - line.y > LEADING * above.size.max(line.size);
        let resized = (line.size - above.size).abs() > 0.15 * above.size;
        // Once a paragraph has its left edge, a line that is indented begins the next one.
        let indented = left.is_some_and(|left| (0.8..6.0).contains(&((line.x - left) / line.size)));
        let other = line.cells.len() > 1 || is_item(line) || sizes.level(line).is_some();
        if far || resized || indented || other {
            break;
        }
        left = Some(left.map_or(line.x, |left| left.min(line.x)));
        above = line;
        count += 1;
    }
    count
}

fn is_item(line: &Line) -> bool {
    let text = line.cells.first().map(|cell| cell.trim_start()).unwrap_or_default();
    if text.starts_with(['•', '◦', '▪', '●', '○', '■', '‣', '·', '–', '—']) || text.starts_with("- ")
    {
        return true;
    }
    let number = text.trim_start_matches('(').trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = text.len() - number.len();
    (1..=4).contains(&digits) && (number.starts_with(") ") || number.starts_with(". "))
}

/// Lines as one text; a word parted by a hyphen is put together again.
fn joined(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines {
        let own = line.cells.join(" ");
        let own = own.trim();
        let parted = text.strip_suffix('-').is_some_and(|word| word.ends_with(char::is_alphabetic));
        if parted && own.starts_with(char::is_lowercase) {
            text.pop();
        } else if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(own);
    }
    text
}

fn write_table(lines: &[Line], table: u32, out: &mut Builder) -> Result<(), Problem> {
    let numeric = |line: &Line| line.cells.iter().any(|cell| cell.chars().any(|c| c.is_ascii_digit()));
    let headed = lines.first().is_some_and(|first| !numeric(first) || first.bold)
        && lines.iter().skip(1).any(|line| numeric(line) || !line.bold);
    for (row, line) in lines.iter().enumerate() {
        let kind = if row == 0 && headed { BlockKind::TableHead(table) } else { BlockKind::TableRow(table) };
        out.push(kind, &line.cells.join(" | "))?;
    }
    Ok(())
}
