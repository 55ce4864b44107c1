//! HTML into text: headings, paragraphs, lists, tables and code are kept; scripts, styles, menus and forms' controls dropped.

use std::{borrow::Cow, collections::BTreeMap};

use html5gum::{HtmlString, Spanned, Token, Tokenizer};

use crate::{
    BlockKind, Document, Kind, Limits, Problem,
    builder::{Builder, push_collapsed},
};

/// Reads a page. Broken markup is read as browsers would: no tag need be closed, and none need be opened.
pub(crate) fn read(text: &str, limits: &Limits) -> Result<Document<'static>, Problem> {
    let mut page = Page::new(limits);
    for Ok(token) in Tokenizer::new(text) {
        match token {
            Token::StartTag(tag) => page.open(&tag.name, &tag.attributes, tag.self_closing)?,
            Token::EndTag(tag) => page.close(&tag.name)?,
            Token::String(string) => page.text(&String::from_utf8_lossy(&string.value)),
            Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
    }
    page.flush()?;
    let Builder { text, blocks, .. } = page.out;
    Ok(Document { kind: Kind::Html, text: Cow::Owned(text), blocks })
}

struct Page {
    out: Builder,
    /// The text of the block that is open.
    open: String,
    kind: BlockKind,
    /// Elements whose content is dropped, the innermost last.
    dropped: Vec<&'static str>,
    /// How many `<pre>` are open.
    preformatted: usize,
    /// For each open list, the number its next item has; `None` for lists without numbers.
    lists: Vec<Option<u32>>,
    /// Open tables, the innermost last.
    tables: Vec<Table>,
    /// Tables so far.
    count: u32,
    depth: usize,
}

#[derive(Default)]
struct Table {
    id: u32,
    row: Vec<String>,
    /// Whether a cell is open.
    cell: bool,
    /// Whether every cell of the row is a heading.
    heads: bool,
    /// Rows so far.
    rows: usize,
    /// Whether it lays out the page: it has headings in its cells, so they are read as if there were no table.
    layout: bool,
}

/// Elements that are dropped with all they hold.
const DROPPED: [&str; 18] = [
    "script", "style", "template", "noscript", "svg", "math", "nav", "iframe", "object", "canvas", "audio",
    "video", "select", "button", "datalist", "dialog", "noembed", "noframes",
];

/// Elements that end a paragraph where they begin and where they end.
const APART: [&str; 32] = [
    "p",
    "div",
    "section",
    "article",
    "main",
    "header",
    "footer",
    "aside",
    "address",
    "blockquote",
    "figure",
    "figcaption",
    "details",
    "summary",
    "form",
    "fieldset",
    "legend",
    "ul",
    "ol",
    "dl",
    "dt",
    "dd",
    "hr",
    "table",
    "caption",
    "body",
    "html",
    "head",
    "title",
    "hgroup",
    "menu",
    "center",
];

impl Page {
    fn new(limits: &Limits) -> Self {
        Self {
            out: Builder::new(limits),
            open: String::new(),
            kind: BlockKind::Paragraph,
            dropped: Vec::new(),
            preformatted: 0,
            lists: Vec::new(),
            tables: Vec::new(),
            count: 0,
            depth: limits.depth,
        }
    }

    /// Ends the open block. Within a table's cell there are no blocks, only words.
    fn flush(&mut self) -> Result<(), Problem> {
        if self.tables.last().is_some_and(|table| table.cell) {
            push_collapsed(&mut self.open, " ");
            return Ok(());
        }
        let text = std::mem::take(&mut self.open);
        self.out.push(std::mem::replace(&mut self.kind, BlockKind::Paragraph), &text)
    }

    fn text(&mut self, text: &str) {
        if !self.dropped.is_empty() {
            return;
        }
        let outside_cells = self.tables.last().is_some_and(|table| !table.cell);
        if self.preformatted > 0 && !outside_cells && !self.tables.last().is_some_and(|table| table.cell) {
            self.open.push_str(&text.replace("\r\n", "\n"));
        } else {
            push_collapsed(&mut self.open, text);
        }
    }

    fn open(
        &mut self,
        name: &[u8],
        attributes: &BTreeMap<HtmlString, Spanned<HtmlString, ()>>,
        self_closing: bool,
    ) -> Result<(), Problem> {
        let name = std::str::from_utf8(name).unwrap_or_default();
        if let Some(&own) = DROPPED.iter().find(|dropped| **dropped == name) {
            if !self_closing && self.dropped.len() < self.depth {
                self.dropped.push(own);
            }
            return Ok(());
        }
        if matches!(name, "main" | "article") {
            // A menu that was never closed ends where the content begins.
            self.dropped.retain(|dropped| !matches!(*dropped, "nav" | "button" | "select" | "dialog"));
        }
        if !self.dropped.is_empty() {
            return Ok(());
        }
        let attribute = |name: &str| {
            let value = attributes.get(name.as_bytes())?;
            Some(String::from_utf8_lossy(&value.value).into_owned())
        };
        match name {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.lay_out()?;
                self.flush()?;
                let level = name.as_bytes().get(1).copied().unwrap_or(b'1') - b'0';
                self.kind = BlockKind::Heading(level);
            }
            "br" => {
                if self.preformatted > 0 || !self.tables.last().is_some_and(|table| table.cell) {
                    self.open.push('\n');
                } else {
                    push_collapsed(&mut self.open, " ");
                }
            }
            "pre" | "listing" | "textarea" => {
                self.flush()?;
                self.preformatted += 1;
                self.kind = BlockKind::Code;
            }
            "img" => {
                if let Some(alt) = attribute("alt") {
                    push_collapsed(&mut self.open, &alt);
                }
            }
            "li" => {
                self.flush()?;
                self.begin_item();
            }
            "tr" => self.begin_row()?,
            "td" | "th" => self.begin_cell(name == "th")?,
            _ if APART.contains(&name) => {
                self.flush()?;
                match name {
                    "ul" | "menu" if self.lists.len() < self.depth => self.lists.push(None),
                    "ol" if self.lists.len() < self.depth => {
                        self.lists
                            .push(Some(attribute("start").and_then(|start| start.parse().ok()).unwrap_or(1)));
                    }
                    "table" if self.tables.len() < self.depth => self.begin_table(),
                    "title" => self.kind = BlockKind::Heading(1),
                    _ => {}
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, name: &[u8]) -> Result<(), Problem> {
        let name = std::str::from_utf8(name).unwrap_or_default();
        if let Some(at) = self.dropped.iter().rposition(|dropped| *dropped == name) {
            self.dropped.truncate(at);
            return Ok(());
        }
        if !self.dropped.is_empty() {
            return Ok(());
        }
        match name {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "li" => self.flush()?,
            "pre" | "listing" | "textarea" => {
                self.flush()?;
                self.preformatted = self.preformatted.saturating_sub(1);
            }
            "ul" | "ol" | "menu" => {
                self.flush()?;
                self.lists.pop();
            }
            "td" | "th" => self.end_cell(),
            "tr" => self.end_row()?,
            "table" => self.end_table()?,
            _ if APART.contains(&name) => self.flush()?,
            _ => {}
        }
        Ok(())
    }

    fn begin_item(&mut self) {
        if self.tables.last().is_some_and(|table| table.cell) {
            return;
        }
        self.kind = BlockKind::Item;
        // Deep lists keep their depth, not the width it would take.
        self.open.extend(std::iter::repeat_n("  ", self.lists.len().saturating_sub(1).min(8)));
        match self.lists.last_mut() {
            Some(Some(number)) => {
                self.open.push_str(&format!("{number}. "));
                *number = number.saturating_add(1);
            }
            _ => self.open.push_str("- "),
        }
    }

    fn begin_table(&mut self) {
        // A table within a cell: what its cell held so far stays with the row; its own rows come before it.
        self.tables.push(Table { id: self.count, ..Table::default() });
        self.count += 1;
    }

    fn begin_row(&mut self) -> Result<(), Problem> {
        self.end_row()?;
        if let Some(table) = self.tables.last_mut() {
            table.heads = true;
        }
        Ok(())
    }

    fn begin_cell(&mut self, head: bool) -> Result<(), Problem> {
        self.end_cell();
        if self.tables.is_empty() {
            return self.flush();
        }
        if !self.tables.last().is_some_and(|table| table.cell) {
            // Words between rows, where none belong, stand before the row.
            self.flush()?;
        }
        if let Some(table) = self.tables.last_mut() {
            table.heads = head && (table.heads || table.row.is_empty());
            table.cell = !table.layout;
        }
        Ok(())
    }

    /// A heading within a cell shows that the open tables only lay out the page.
    fn lay_out(&mut self) -> Result<(), Problem> {
        if !self.tables.iter().any(|table| table.cell) {
            return Ok(());
        }
        for table in &mut self.tables {
            table.layout = true;
            table.cell = false;
            for cell in std::mem::take(&mut table.row) {
                self.out.push(BlockKind::Paragraph, &cell)?;
            }
        }
        Ok(())
    }

    fn end_cell(&mut self) {
        if let Some(table) = self.tables.last_mut().filter(|table| table.cell) {
            table.cell = false;
            table.row.push(std::mem::take(&mut self.open).trim().to_owned());
        }
    }

    fn end_row(&mut self) -> Result<(), Problem> {
        self.end_cell();
        let Some(table) = self.tables.last_mut() else { return Ok(()) };
        let row = std::mem::take(&mut table.row);
        let filled = row.iter().any(|cell| !cell.is_empty());
        if !filled {
            return Ok(());
        }
        let kind = if table.heads && table.rows == 0 {
            BlockKind::TableHead(table.id)
        } else {
            BlockKind::TableRow(table.id)
        };
        // A table of one column is a way to lay out a page, not a table.
        let kind = if row.len() == 1 { BlockKind::Paragraph } else { kind };
        table.rows += 1;
        self.out.push(kind, &row.join(" | "))
    }

    fn end_table(&mut self) -> Result<(), Problem> {
        self.end_row()?;
        if self.tables.pop().is_none() || self.tables.is_empty() {
            return self.flush();
        }
        Ok(())
    }
}
