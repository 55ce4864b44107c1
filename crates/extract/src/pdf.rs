//! PDF: the text of its pages, put in the order it is read.

mod filter;
mod flow;
mod font;
mod geometry;
mod guard;
mod layout;
mod page;

use std::borrow::Cow;

use hayro_syntax::{DecryptionError, LoadPdfError, Pdf};

use crate::{Document, Kind, Limits, Problem, builder::Builder};

/// Reads the pages of a PDF.
///
/// # Errors
///
/// [`Problem::Encrypted`] where it takes a password, [`Problem::NoText`] where its pages are pictures,
/// [`Problem::Corrupt`] where no pages can be found, [`Problem::TooLarge`] where it would grow past the limits.
pub(crate) fn read(bytes: Vec<u8>, limits: &Limits) -> Result<Document<'static>, Problem> {
    let pdf = Pdf::new(guard::prepare(bytes, limits)?).map_err(|error| match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => Problem::Encrypted(Kind::Pdf),
        LoadPdfError::Decryption(_) => Problem::Encrypted(Kind::Pdf),
        LoadPdfError::Invalid => Problem::Corrupt { kind: Kind::Pdf, why: "its pages cannot be found" },
    })?;
    let pages = pdf.pages();
    if pages.is_empty() {
        return Err(Problem::Corrupt { kind: Kind::Pdf, why: "it has no pages" });
    }
    if pages.len() > limits.pages {
        return Err(Problem::TooLarge { what: "the number of pages", limit: limits.pages });
    }
    let mut fonts = font::Fonts::new(limits);
    let mut budget = page::Budget::new(limits);
    let mut read = Vec::with_capacity(pages.len());
    for (number, page) in (1_u32..).zip(pages.iter()) {
        let glyphs = page::glyphs(page, &mut fonts, &mut budget, limits)?;
        read.push((number, layout::lines(glyphs)));
    }
    let mut out = Builder::new(limits);
    flow::write(read, &mut out)?;
    // Text of which hardly a glyph has a meaning is a picture of text.
    if out.text.is_empty() || budget.nameless > budget.named.saturating_mul(4) {
        return Err(Problem::NoText);
    }
    Ok(Document { kind: Kind::Pdf, text: Cow::Owned(out.text), blocks: out.blocks })
}
