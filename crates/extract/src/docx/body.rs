//! The paragraphs and tables of a document part.

use quick_xml::{Reader, events::BytesStart, events::Event};

use super::styles::{Role, Styles, attribute, outline};
use crate::{
    BlockKind, Kind, Limits, Problem,
    builder::{Builder, push_collapsed},
};

/// A paragraph that is open. Text boxes have paragraphs within paragraphs.
#[derive(Default)]
struct Paragraph {
    text: String,
    role: Option<Role>,
    /// The depth in a list, from 0.
    item: Option<usize>,
}

/// A table that is open. Cells may hold tables.
struct Table {
    id: u32,
    rows: usize,
    row: Vec<String>,
    cell: Option<String>,
    /// Whether the row is marked as a heading.
    marked: bool,
    /// Whether the table says that its first row is one.
    first_is_head: bool,
}

/// Elements dropped with all they hold: deleted and moved text, field codes, and the older twin of newer content.
const DROPPED: [&str; 6] = ["Fallback", "del", "moveFrom", "instrText", "delText", "delInstrText"];

/// Reads a part into blocks. `tables` counts those of the whole document.
pub(crate) fn read(
    xml: &str,
    styles: &Styles,
    tables: &mut u32,
    limits: &Limits,
    out: &mut Builder,
) -> Result<(), Problem> {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    reader.config_mut().allow_dangling_amp = true;
    let mut body = Body { paragraphs: Vec::new(), tables: Vec::new(), text: 0, styles, count: tables, out };
    // How deep the reader is in all, and within something that is dropped.
    let (mut depth, mut dropped) = (0_usize, 0_usize);
    loop {
        let event = reader.read_event();
        match event {
            Ok(Event::Start(tag)) => {
                depth += 1;
                if depth > limits.depth {
                    return Err(Problem::Corrupt { kind: Kind::Docx, why: "it is nested too deep" });
                }
                let name = tag.local_name();
                if dropped > 0 || DROPPED.contains(&name.as_ref()) {
                    dropped += 1;
                } else {
                    body.start(&tag);
                }
            }
            Ok(Event::Empty(tag)) if dropped == 0 => {
                body.start(&tag);
                body.end(tag.local_name().as_ref())?;
            }
            Ok(Event::End(tag)) => {
                depth = depth.saturating_sub(1);
                if dropped > 0 {
                    dropped -= 1;
                } else {
                    body.end(tag.local_name().as_ref())?;
                }
            }
            Ok(Event::Text(text)) if dropped == 0 => body.text(&text.xml10_content()),
            Ok(Event::CData(text)) if dropped == 0 => body.text(&text.xml10_content()),
            Ok(Event::GeneralRef(reference)) if dropped == 0 => {
                let named = quick_xml::escape::resolve_predefined_entity(&reference);
                match reference.resolve_char_ref() {
                    Ok(Some(c)) => body.text(c.encode_utf8(&mut [0; 4])),
                    _ => body.text(named.unwrap_or_default()),
                }
            }
            Ok(Event::Eof) => break,
            Ok(_) => {}
            Err(_) => return Err(Problem::Corrupt { kind: Kind::Docx, why: "its XML cannot be read" }),
        }
    }
    body.finish()
}

struct Body<'a> {
    paragraphs: Vec<Paragraph>,
    tables: Vec<Table>,
    /// How many elements that hold text are open.
    text: usize,
    styles: &'a Styles,
    count: &'a mut u32,
    out: &'a mut Builder,
}

impl Body<'_> {
    fn start(&mut self, tag: &BytesStart<'_>) {
        let name = tag.local_name();
        match name.as_ref() {
            "p" => self.paragraphs.push(Paragraph::default()),
            "t" => self.text += 1,
            "tab" | "ptab" => self.push("\t"),
            "br" | "cr" => self.push("\n"),
            "noBreakHyphen" => self.push("-"),
            "tbl" => {
                self.tables.push(Table {
                    id: *self.count,
                    rows: 0,
                    row: Vec::new(),
                    cell: None,
                    marked: false,
                    first_is_head: true,
                });
                *self.count += 1;
            }
            "tc" => {
                if let Some(table) = self.tables.last_mut() {
                    table.cell = Some(String::new());
                }
            }
            "tblHeader" => {
                if let Some(table) = self.tables.last_mut() {
                    table.marked =
                        attribute(tag, "val").is_none_or(|value| !matches!(value.as_str(), "0" | "false"));
                }
            }
            "tblLook" => {
                let first = attribute(tag, "firstRow");
                if let (Some(table), Some(first)) = (self.tables.last_mut(), first) {
                    table.first_is_head = matches!(first.as_str(), "1" | "true");
                }
            }
            _ => self.property(tag),
        }
    }

    /// What is said of the open paragraph.
    fn property(&mut self, tag: &BytesStart<'_>) {
        let Some(paragraph) = self.paragraphs.last_mut() else { return };
        match tag.local_name().as_ref() {
            "pStyle" => {
                paragraph.role = attribute(tag, "val").map(|id| self.styles.role(&id)).or(paragraph.role);
            }
            "outlineLvl" => {
                paragraph.role = outline(tag).map(|level| Role::Heading(level.min(6))).or(paragraph.role);
            }
            "numPr" => paragraph.item = paragraph.item.or(Some(0)),
            "ilvl" => {
                paragraph.item =
                    attribute(tag, "val").and_then(|level| level.parse().ok()).or(paragraph.item);
            }
            // A list that is numbered 0 takes its paragraph out of all lists.
            "numId" if attribute(tag, "val").as_deref() == Some("0") => paragraph.item = None,
            _ => {}
        }
    }

    fn end(&mut self, name: &str) -> Result<(), Problem> {
        match name {
            "p" => self.end_paragraph()?,
            "t" => self.text = self.text.saturating_sub(1),
            "tc" => {
                if let Some(table) = self.tables.last_mut()
                    && let Some(cell) = table.cell.take()
                {
                    table.row.push(cell.trim().to_owned());
                }
            }
            "tr" => self.end_row()?,
            "tbl" => {
                self.end_row()?;
                self.tables.pop();
            }
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        if self.text > 0 {
            self.push(text);
        }
    }

    fn push(&mut self, text: &str) {
        if let Some(paragraph) = self.paragraphs.last_mut() {
            paragraph.text.push_str(text);
        }
    }

    fn end_paragraph(&mut self) -> Result<(), Problem> {
        let Some(Paragraph { text, role, item }) = self.paragraphs.pop() else { return Ok(()) };
        if let Some(cell) = self.tables.last_mut().and_then(|table| table.cell.as_mut()) {
            push_collapsed(cell, " ");
            push_collapsed(cell, &text);
            return Ok(());
        }
        match (role, item) {
            (Some(Role::Heading(level)), _) => {
                self.out.push(BlockKind::Heading(level), &text.replace('\n', " "))
            }
            (Some(Role::Code), _) => self.out.push(BlockKind::Code, &text),
            (_, Some(depth)) if !text.trim().is_empty() => {
                self.out.push(BlockKind::Item, &format!("{}- {}", "  ".repeat(depth.min(8)), text.trim()))
            }
            (Some(Role::Item), _) if !text.trim().is_empty() => {
                self.out.push(BlockKind::Item, &format!("- {}", text.trim()))
            }
            _ => self.out.push(BlockKind::Paragraph, &text),
        }
    }

    fn end_row(&mut self) -> Result<(), Problem> {
        let Some(table) = self.tables.last_mut() else { return Ok(()) };
        let row = std::mem::take(&mut table.row);
        let marked = std::mem::take(&mut table.marked);
        if row.iter().all(String::is_empty) {
            return Ok(());
        }
        let head = table.rows == 0 && (marked || table.first_is_head) && row.len() > 1;
        let kind = match () {
            () if row.len() == 1 => BlockKind::Paragraph,
            () if head => BlockKind::TableHead(table.id),
            () => BlockKind::TableRow(table.id),
        };
        table.rows += 1;
        // A table within a cell is read row by row, before the row that holds it.
        self.out.push(kind, &row.join(" | "))
    }

    /// What a cut document left open is kept.
    fn finish(mut self) -> Result<(), Problem> {
        while !self.paragraphs.is_empty() {
            self.end_paragraph()?;
        }
        while !self.tables.is_empty() {
            self.end("tc")?;
            self.end("tbl")?;
        }
        Ok(())
    }
}
