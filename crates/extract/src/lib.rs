//! Documents: bytes into text with structure, and text into chunks small enough to embed and to cite.
//!
//! [`extract`] tells what a document is by its content, reads it within [`Limits`] and hands back its text with its
//! blocks: headings, paragraphs, tables, code, records, each with the page it is on. [`chunks`] cuts the text into windows
//! counted in tokens. Nothing here panics on what it is given, whatever it is: both hosts abort on a panic.

mod builder;
mod chunk;
mod detect;
mod docx;
mod encoding;
mod html;
mod json;
mod limits;
mod markdown;
mod pdf;
mod plain;
mod problem;
mod table;
mod units;

use std::borrow::Cow;

pub use chunk::{Chunks, chunks, chunks_of};
pub use limits::Limits;
pub use problem::Problem;
pub use units::{Sizes, SizesError};

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Plain text.
    Text,
    /// Markdown.
    Markdown,
    /// HTML.
    Html,
    /// PDF.
    Pdf,
    /// A Word document in Office Open XML.
    Docx,
    /// Rows of cells: comma, semicolon, tab or bar between them.
    Csv,
    /// One JSON value.
    Json,
    /// A JSON value a line.
    JsonLines,
    /// Source code, or a notation that is read like it.
    Code,
}

impl Kind {
    /// The name in errors and documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Markdown => "Markdown",
            Self::Html => "HTML",
            Self::Pdf => "PDF",
            Self::Docx => "DOCX",
            Self::Csv => "CSV",
            Self::Json => "JSON",
            Self::JsonLines => "JSON Lines",
            Self::Code => "source code",
        }
    }
}

/// What a stretch of text is within its document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// A heading; 1 is the outermost level, 6 the innermost.
    Heading(u8),
    /// Running text.
    Paragraph,
    /// An item of a list.
    Item,
    /// Code, or text whose line breaks and spaces carry meaning.
    Code,
    /// The row that names a table's columns; tables are counted from 0 within their document.
    TableHead(u32),
    /// A row of a table.
    TableRow(u32),
    /// A value of a JSON list, a member of a JSON object, or a line of JSON Lines.
    Record,
}

/// A stretch of a document's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// What it is.
    pub kind: BlockKind,
    /// Its first byte in the text.
    pub start: usize,
    /// The first byte that is no longer its own.
    pub end: usize,
    /// The page it is on, counted from 1, where the document has pages.
    pub page: Option<u32>,
}

/// A document's text with its structure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its text. Plain text, Markdown, code, CSV and JSON Lines keep theirs to the letter.
    pub text: Cow<'a, str>,
    /// Its blocks in the order of the text; they do not overlap, and what is between them is white space.
    pub blocks: Vec<Block>,
}

/// Reads a document.
///
/// `name` is what the file was called; it decides only between kinds of text that look alike.
///
/// # Errors
///
/// A [`Problem`], which says what is wrong with the document and what to do about it.
pub fn extract<'a>(name: &str, bytes: &'a [u8], limits: &Limits) -> Result<Document<'a>, Problem> {
    read(name, Cow::Borrowed(bytes), limits)
}

/// The same for bytes that are not needed any more: a large document takes half the memory.
///
/// # Errors
///
/// As [`extract`].
pub fn extract_owned(name: &str, bytes: Vec<u8>, limits: &Limits) -> Result<Document<'static>, Problem> {
    read(name, Cow::Owned(bytes), limits)
}

fn read<'a>(name: &str, bytes: Cow<'a, [u8]>, limits: &Limits) -> Result<Document<'a>, Problem> {
    if bytes.len() > limits.bytes {
        return Err(Problem::TooLarge { what: "the file", limit: limits.bytes });
    }
    if bytes.is_empty() {
        return Err(Problem::Empty);
    }
    let mut document = match detect::form(&bytes)? {
        detect::Form::Pdf => pdf::read(bytes.into_owned(), limits)?,
        detect::Form::Zip => docx::read(&bytes, limits)?,
        detect::Form::Text => read_text(name, bytes, limits)?,
    };
    if document.text.trim().is_empty() {
        return Err(match document.kind {
            Kind::Pdf => Problem::NoText,
            _ => Problem::Empty,
        });
    }
    builder::fill_gaps(&document.text, &mut document.blocks);
    Ok(document)
}

fn read_text<'a>(name: &str, bytes: Cow<'a, [u8]>, limits: &Limits) -> Result<Document<'a>, Problem> {
    let text = encoding::decode_cow(bytes);
    if encoding::looks_binary(&text) {
        return Err(Problem::Unsupported {
            what: "binary data of an unknown kind",
            instead: "upload text, Markdown, HTML, PDF, DOCX, CSV, JSON or source code",
        });
    }
    if text.len() > limits.text {
        return Err(Problem::TooLarge { what: "the text", limit: limits.text });
    }
    let kind = detect::text_kind(name, &text);
    let blocks = match kind {
        Kind::Html => return html::read(&text, limits),
        Kind::Json => return json::read(&text, limits),
        Kind::JsonLines => json::lines(&text),
        Kind::Csv => table::blocks(&text),
        Kind::Markdown => markdown::blocks(&text),
        Kind::Code => plain::blocks(&text, BlockKind::Code),
        Kind::Text | Kind::Pdf | Kind::Docx => plain::blocks(&text, BlockKind::Paragraph),
    };
    Ok(Document { kind, text, blocks })
}
