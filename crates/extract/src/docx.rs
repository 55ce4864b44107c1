//! DOCX: the document part of an Office Open XML archive.

mod archive;
mod body;
mod styles;

use std::borrow::Cow;

use crate::{Document, Kind, Limits, Problem, builder::Builder, encoding};
use archive::Archive;
use styles::Styles;

/// Reads the document in a ZIP archive.
///
/// # Errors
///
/// [`Problem::Unsupported`] for archives that hold something else, [`Problem::Corrupt`] for damaged ones, and
/// [`Problem::TooLarge`] for those that would grow past the limits.
pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<Document<'static>, Problem> {
    let mut archive = Archive::open(bytes, limits)?;
    let Some(main) = main_part(&mut archive)? else {
        return Err(archive.unsupported());
    };
    let document =
        archive.part(&main)?.ok_or(Problem::Corrupt { kind: Kind::Docx, why: "its text is missing" })?;
    let folder = main.rsplit_once('/').map_or("", |(folder, _)| folder);
    let styles = match archive.part(&format!("{folder}/styles.xml"))? {
        Some(part) => Styles::read(&encoding::decode(&part)),
        None => Styles::default(),
    };
    let mut out = Builder::new(limits);
    let mut tables = 0;
    body::read(&encoding::decode(&document), &styles, &mut tables, limits, &mut out)?;
    for notes in ["footnotes.xml", "endnotes.xml"] {
        if let Some(part) = archive.part(&format!("{folder}/{notes}"))? {
            body::read(&encoding::decode(&part), &styles, &mut tables, limits, &mut out)?;
        }
    }
    Ok(Document { kind: Kind::Docx, text: Cow::Owned(out.text), blocks: out.blocks })
}

/// The name of the part that is the document, where there is one.
fn main_part(archive: &mut Archive<'_>) -> Result<Option<String>, Problem> {
    let types = archive.part("[Content_Types].xml")?;
    let types = types.as_deref().map(encoding::decode).unwrap_or_default();
    let is_word = types.contains("wordprocessingml.document") || types.contains("ms-word.document");
    if !is_word {
        return Ok(archive.has("word/document.xml").then(|| "word/document.xml".to_owned()));
    }
    let relations = archive.part("_rels/.rels")?;
    let relations = relations.as_deref().map(encoding::decode).unwrap_or_default();
    let target = relations
        .split('<')
        .find(|element| element.contains("/relationships/officeDocument"))
        .and_then(|element| {
            let (_, rest) = element.split_once("Target=")?;
            let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            Some(rest.get(1..)?.split(quote).next()?.trim_start_matches('/').to_owned())
        });
    let target =
        target.filter(|target| archive.has(target)).unwrap_or_else(|| "word/document.xml".to_owned());
    Ok(archive.has(&target).then_some(target))
}
