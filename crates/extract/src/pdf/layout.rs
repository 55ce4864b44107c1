//! Glyphs into lines in the order they are read.
//!
//! Glyphs that follow each other closely make a piece. A page's pieces are cut where white space runs through them: down the
//! page between columns of prose, across it between stretches of text; what cannot be cut is read line by line. Programs draw
//! in all orders, so the place of text on the page decides, not its place in the file.

use super::geometry::{Glyph, Turn};

/// A line of text, as one cell or as several with wide gaps between them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) cells: Vec<String>,
    /// Left end.
    pub(crate) x: f64,
    /// Of the baseline.
    pub(crate) y: f64,
    /// Of most of its glyphs.
    pub(crate) size: f64,
    /// Whether all of it is bold.
    pub(crate) bold: bool,
}

/// A stretch of lines with white space around it.
pub(crate) type Stretch = Vec<Line>;

/// Glyphs that follow each other on a line.
#[derive(Clone, Debug)]
struct Piece {
    left: f64,
    right: f64,
    y: f64,
    size: f64,
    bold: bool,
    text: String,
}

/// In sizes of the font: a gap this wide is a space.
const SPACE: f64 = 0.17;
/// A gap this wide parts pieces.
const APART: f64 = 1.2;
/// A gap this wide parts cells of a table.
const CELL: f64 = 1.5;
/// White space across the page this high parts stretches of text.
const BAND: f64 = 0.6;
/// How often a page is cut within what was cut before.
const DEEPEST: usize = 24;

/// The lines of a page by stretches, in the order they are read.
pub(crate) fn lines(glyphs: Vec<Glyph>) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    // Text that runs up or down the page is read after what runs along it, if there is more of that.
    let mut turns = [Turn::None, Turn::Quarter, Turn::Half, Turn::ThreeQuarters].map(|turn| {
        let own: Vec<&Glyph> = glyphs.iter().filter(|glyph| glyph.turn == turn).collect();
        own
    });
    turns.sort_by_key(|own| std::cmp::Reverse(own.len()));
    for own in turns {
        let mut parts = Vec::new();
        cut(pieces(&own), DEEPEST, &mut parts);
        stretches.extend(parts.into_iter().map(rows).filter(|stretch| !stretch.is_empty()));
    }
    stretches
}

fn pieces(glyphs: &[&Glyph]) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for glyph in glyphs {
        let blank = glyph.text.trim().is_empty();
        match pieces.last_mut() {
            Some(last) if last.takes(glyph) => last.add(glyph, blank),
            _ if blank => {}
            _ => pieces.push(Piece {
                left: glyph.x,
                right: glyph.x + glyph.width,
                y: glyph.y,
                size: glyph.size,
                bold: glyph.bold,
                text: glyph.text.to_string(),
            }),
        }
    }
    for piece in &mut pieces {
        piece.text.truncate(piece.text.trim_end().len());
    }
    pieces
}

impl Piece {
    /// Whether a glyph goes on with this piece. Raised and lowered glyphs do, if they are smaller.
    fn takes(&self, glyph: &Glyph) -> bool {
        let size = self.size.max(glyph.size);
        let level = if (self.size - glyph.size).abs() > 0.1 * size { 0.5 } else { 0.2 };
        let gap = glyph.x - self.right;
        (self.y - glyph.y).abs() < level * size && gap > -0.5 * size && gap < APART * size
    }

    fn add(&mut self, glyph: &Glyph, blank: bool) {
        let spaced = self.text.ends_with(' ');
        if blank {
            if !spaced {
                self.text.push(' ');
            }
        } else {
            if glyph.x - self.right > SPACE * self.size.max(glyph.size) && !spaced {
                self.text.push(' ');
            }
            self.text.push_str(&glyph.text);
            self.bold &= glyph.bold;
        }
        self.right = self.right.max(glyph.x + glyph.width);
        if glyph.size > self.size {
            (self.size, self.y) = (glyph.size, glyph.y);
        }
    }

    fn characters(&self) -> usize {
        self.text.chars().count()
    }
}

fn cut(pieces: Vec<Piece>, depth: usize, out: &mut Vec<Vec<Piece>>) {
    if pieces.len() < 2 || depth == 0 {
        out.push(pieces);
        return;
    }
    let size = middle_size(&pieces);
    if let Some(x) = gutter(&pieces, size) {
        let (left, right) = pieces.into_iter().partition(|piece: &Piece| piece.right <= x);
        cut(left, depth - 1, out);
        cut(right, depth - 1, out);
        return;
    }
    let bands = bands(pieces, size);
    if bands.len() < 2 {
        out.extend(bands);
        return;
    }
    for band in bands {
        cut(band, depth - 1, out);
    }
}

fn middle_size(pieces: &[Piece]) -> f64 {
    let mut sizes: Vec<f64> = pieces.iter().map(|piece| piece.size).collect();
    sizes.sort_by(f64::total_cmp);
    sizes.get(sizes.len() / 2).copied().unwrap_or(1.0)
}

/// Where white space runs down all of the pieces with prose on both sides of it, not cells of a table.
fn gutter(pieces: &[Piece], size: f64) -> Option<f64> {
    let mut spans: Vec<(f64, f64)> = pieces.iter().map(|piece| (piece.left, piece.right)).collect();
    spans.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut gaps: Vec<(f64, f64)> = Vec::new();
    let mut end = f64::NEG_INFINITY;
    for (left, right) in spans {
        if end.is_finite() && left - end > 0.8 * size {
            gaps.push((end, left));
        }
        end = end.max(right);
    }
    gaps.sort_by(|one, other| (other.1 - other.0).total_cmp(&(one.1 - one.0)));
    gaps.into_iter().take(8).map(|(from, to)| f64::midpoint(from, to)).find(|x| {
        let (left, right): (Vec<&Piece>, Vec<&Piece>) = pieces.iter().partition(|piece| piece.right <= *x);
        is_prose(&left) && is_prose(&right)
    })
}

/// At least three lines, and lines as long as running text has them.
fn is_prose(pieces: &[&Piece]) -> bool {
    let characters: usize = pieces.iter().map(|piece| piece.characters()).sum();
    pieces.len() >= 3 && characters >= pieces.len() * 18
}

/// Pieces parted where white space runs across all of them: at the widest such space, and at all that are nearly as wide.
fn bands(mut pieces: Vec<Piece>, size: f64) -> Vec<Vec<Piece>> {
    pieces.sort_by(|one, other| (other.y + 0.75 * other.size).total_cmp(&(one.y + 0.75 * one.size)));
    // The space above each piece, below all before it.
    let mut bottom = f64::INFINITY;
    let mut spaces = Vec::with_capacity(pieces.len());
    for piece in &pieces {
        spaces.push(if bottom.is_finite() { bottom - (piece.y + 0.75 * piece.size) } else { 0.0 });
        bottom = bottom.min(piece.y - 0.25 * piece.size);
    }
    let widest = spaces.iter().copied().fold(0.0, f64::max);
    if widest <= BAND * size {
        return vec![pieces];
    }
    let enough = (0.8 * widest).max(BAND * size);
    let mut bands: Vec<Vec<Piece>> = Vec::new();
    for (piece, space) in pieces.into_iter().zip(spaces) {
        match bands.last_mut() {
            Some(band) if space < enough => band.push(piece),
            _ => bands.push(vec![piece]),
        }
    }
    bands
}

/// Pieces line by line.
fn rows(mut pieces: Vec<Piece>) -> Stretch {
    pieces.sort_by(|one, other| other.y.total_cmp(&one.y));
    let mut rows: Vec<Vec<Piece>> = Vec::new();
    for piece in pieces {
        match rows.last_mut() {
            Some(row)
                if row.first().is_some_and(|first| first.y - piece.y < 0.4 * first.size.max(piece.size)) =>
            {
                row.push(piece);
            }
            _ => rows.push(vec![piece]),
        }
    }
    rows.into_iter().filter_map(line).collect()
}

fn line(mut pieces: Vec<Piece>) -> Option<Line> {
    pieces.sort_by(|one, other| one.left.total_cmp(&other.left));
    let widest = pieces.iter().max_by_key(|piece| piece.characters())?;
    let (size, y, bold) = (widest.size, widest.y, pieces.iter().all(|piece| piece.bold));
    let x = pieces.first()?.left;
    let mut cells: Vec<String> = Vec::new();
    let mut end = f64::NEG_INFINITY;
    for piece in &pieces {
        match cells.last_mut() {
            Some(cell) if piece.left - end < CELL * size => {
                if piece.left - end > SPACE * size {
                    cell.push(' ');
                }
                cell.push_str(&piece.text);
            }
            _ => cells.push(piece.text.clone()),
        }
        end = end.max(piece.right);
    }
    Some(Line { cells, x, y, size, bold })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(glyphs: &mut Vec<Glyph>, x: f64, y: f64, text: &str) {
        for (at, c) in text.chars().enumerate() {
            glyphs.push(Glyph {
                text: c.to_string().into(),
                x: x + 5.0 * at as f64,
                y,
                width: 5.0,
                size: 10.0,
                bold: false,
                turn: Turn::None,
                artifact: false,
            });
        }
    }

    fn read(glyphs: Vec<Glyph>) -> Vec<String> {
        lines(glyphs).into_iter().flatten().map(|line| line.cells.join(" | ")).collect()
    }

    #[test]
    fn columns_are_read_one_after_the_other_whatever_order_they_are_drawn_in() {
        let mut glyphs = Vec::new();
        write(&mut glyphs, 50.0, 750.0, "A title that runs over both of the columns of this page");
        for row in 0..5 {
            let y = 700.0 - 12.0 * f64::from(row);
            write(&mut glyphs, 50.0, y, &format!("left column, in its line {row}"));
            write(&mut glyphs, 300.0, y, &format!("right column, in its line {row}"));
        }
        let read = read(glyphs);
        assert_eq!(read.len(), 11, "{read:?}");
        assert_eq!(read.get(1).map(String::as_str), Some("left column, in its line 0"));
        assert_eq!(read.get(6).map(String::as_str), Some("right column, in its line 0"));
    }

    #[test]
    fn tables_are_read_row_by_row() {
        let mut glyphs = Vec::new();
        for (row, (name, price)) in
            [("name", "price"), ("tea", "3"), ("milk", "1.20"), ("oats", "2")].iter().enumerate()
        {
            let y = 700.0 - 12.0 * row as f64;
            write(&mut glyphs, 50.0, y, name);
            write(&mut glyphs, 150.0, y, price);
        }
        assert_eq!(read(glyphs), ["name | price", "tea | 3", "milk | 1.20", "oats | 2"]);
    }
}
