//! A ZIP archive, read within limits.

use std::io::{Cursor, Read};

use zip::{ZipArchive, result::ZipError};

use crate::{Kind, Limits, Problem};

/// An archive and what may still be inflated of it.
pub(crate) struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    left: usize,
    part: usize,
    ratio: usize,
    inflated: usize,
}

/// Below this a part may inflate by any ratio: styles and empty tables are that repetitive.
const SMALL: usize = 1024 * 1024;

fn corrupt(why: &'static str) -> Problem {
    Problem::Corrupt { kind: Kind::Docx, why }
}

impl<'a> Archive<'a> {
    pub(crate) fn open(bytes: &'a [u8], limits: &Limits) -> Result<Self, Problem> {
        // Counted before the library reads the directory, which keeps every entry in memory.
        let entries = memchr::memmem::find_iter(bytes, b"PK\x01\x02").take(limits.entries + 1).count();
        if entries > limits.entries {
            return Err(Problem::TooLarge {
                what: "the number of files in the archive",
                limit: limits.entries,
            });
        }
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|_| corrupt("its archive cannot be read"))?;
        let (left, part, ratio, inflated) = (limits.inflated, limits.part, limits.ratio, limits.inflated);
        Ok(Self { zip, left, part, ratio, inflated })
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.zip.index_for_name(name).is_some()
    }

    /// A part's content; `None` where there is no such part.
    pub(crate) fn part(&mut self, name: &str) -> Result<Option<Vec<u8>>, Problem> {
        let file = match self.zip.by_name(name) {
            Ok(file) => file,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(ZipError::UnsupportedArchive(_)) => {
                return Err(corrupt("it is packed in a way that is not read"));
            }
            Err(_) => return Err(corrupt("a part of its archive cannot be read")),
        };
        if file.encrypted() {
            return Err(Problem::Encrypted(Kind::Docx));
        }
        let packed = usize::try_from(file.compressed_size()).unwrap_or(usize::MAX);
        let by_ratio = packed.saturating_mul(self.ratio).max(SMALL);
        let most = self.part.min(self.left).min(by_ratio);
        let mut content = Vec::new();
        // One byte past what is allowed shows that there is more; the size the archive claims is not believed.
        file.take(most as u64 + 1)
            .read_to_end(&mut content)
            .map_err(|_| corrupt("a part of its archive cannot be inflated"))?;
        if content.len() > most {
            let limit = if most == by_ratio { by_ratio } else { self.part.min(self.inflated) };
            return Err(Problem::TooLarge { what: "a compressed part of the document", limit });
        }
        self.left -= content.len();
        Ok(Some(content))
    }

    /// Why an archive without a document is not read.
    pub(crate) fn unsupported(&mut self) -> Problem {
        let names: Vec<String> =
            self.zip.file_names().flatten().take(1000).map(std::borrow::Cow::into_owned).collect();
        let has = |start: &str| names.iter().any(|name| name.starts_with(start));
        let (what, instead) = match () {
            () if names.is_empty() => ("an empty archive", "upload the document itself"),
            () if has("xl/") => ("a spreadsheet", "export its sheets as CSV and upload those"),
            () if has("ppt/") => ("a presentation", "export it as PDF and upload that"),
            () if has("META-INF/container.xml") => {
                ("an electronic book", "convert it to HTML or PDF and upload that")
            }
            () if has("content.xml") => ("an OpenDocument file", "save it as DOCX or PDF and upload that"),
            () if has("META-INF/MANIFEST.MF") => ("a Java archive", "upload its source files"),
            () => ("a ZIP archive without a document in it", "unpack it and upload the files in it"),
        };
        Problem::Unsupported { what, instead }
    }
}
