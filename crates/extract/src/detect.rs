//! What a document is, by its content.

use serde::de::IgnoredAny;

use crate::{Kind, Problem, table};

/// How a file's bytes are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As PDF.
    Pdf,
    /// As a ZIP archive that may hold a document.
    Zip,
    /// As text of some kind.
    Text,
}

/// What files that are not read begin with, what they are, and what to do instead.
const FOREIGN: [(&[u8], &str, &str); 38] = [
    (b"\x89PNG\r\n\x1a\n", "a PNG picture", PICTURE),
    (b"\xFF\xD8\xFF", "a JPEG picture", PICTURE),
    (b"GIF87a", "a GIF picture", PICTURE),
    (b"GIF89a", "a GIF picture", PICTURE),
    (b"II*\0", "a TIFF picture", PICTURE),
    (b"MM\0*", "a TIFF picture", PICTURE),
    (b"BM\0\0", "a bitmap picture", PICTURE),
    (b"8BPS", "a Photoshop picture", PICTURE),
    (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "an old or protected Office document", OFFICE),
    (b"{\\rtf", "a Rich Text document", "save it as DOCX, PDF or text and upload that"),
    (b"%!PS", "a PostScript document", "convert it to PDF and upload that"),
    (b"\x1F\x8B", "a gzip archive", ARCHIVE),
    (b"BZh", "a bzip2 archive", ARCHIVE),
    (b"\xFD7zXZ\0", "an xz archive", ARCHIVE),
    (b"\x28\xB5\x2F\xFD", "a zstd archive", ARCHIVE),
    (b"7z\xBC\xAF\x27\x1C", "a 7z archive", ARCHIVE),
    (b"Rar!\x1A\x07", "a RAR archive", ARCHIVE),
    (b"\x7FELF", "a program", PROGRAM),
    (b"MZ\x90\0", "a program", PROGRAM),
    (b"MZ\0\0", "a program", PROGRAM),
    (b"\0asm", "a WebAssembly module", PROGRAM),
    (b"\xCA\xFE\xBA\xBE", "a program", PROGRAM),
    (b"\xFE\xED\xFA\xCE", "a program", PROGRAM),
    (b"\xFE\xED\xFA\xCF", "a program", PROGRAM),
    (b"\xCE\xFA\xED\xFE", "a program", PROGRAM),
    (b"\xCF\xFA\xED\xFE", "a program", PROGRAM),
    (b"SQLite format 3\0", "an SQLite database", TABLE),
    (b"PAR1", "a Parquet table", TABLE),
    (b"ID3", "sound", MEDIA),
    (b"OggS", "sound", MEDIA),
    (b"fLaC", "sound", MEDIA),
    (b"\xFF\xFB", "sound", MEDIA),
    (b"\x1A\x45\xDF\xA3", "a video", MEDIA),
    (b"\0\x01\0\0\0", "a font", PROGRAM),
    (b"OTTO", "a font", PROGRAM),
    (b"wOFF", "a font", PROGRAM),
    (b"wOF2", "a font", PROGRAM),
    (b"\x93NUMPY", "a NumPy array", TABLE),
];

const PICTURE: &str = "run text recognition (OCR) over it and upload the text";
const OFFICE: &str = "save it as DOCX or PDF without a password (a spreadsheet as CSV) and upload that";
const ARCHIVE: &str = "unpack it and upload the files in it";
const PROGRAM: &str = "upload a document with text";
const TABLE: &str = "export it as CSV or JSON and upload that";
const MEDIA: &str = "have it transcribed (/v1/audio/transcriptions) and upload the text";

/// Tells by its first bytes how a file is to be read.
///
/// # Errors
///
/// [`Problem::Unsupported`] for kinds that are known and not read.
pub(crate) fn form(bytes: &[u8]) -> Result<Form, Problem> {
    if bytes.starts_with(b"PK\x03\x04")
        || bytes.starts_with(b"PK\x05\x06")
        || bytes.starts_with(b"PK\x07\x08")
    {
        return Ok(Form::Zip);
    }
    if is_pdf(bytes) {
        return Ok(Form::Pdf);
    }
    let unsupported = |what, instead| Err(Problem::Unsupported { what, instead });
    if let Some((_, what, instead)) = FOREIGN.iter().find(|(mark, ..)| bytes.starts_with(mark)) {
        return unsupported(what, instead);
    }
    match (bytes.get(..4), bytes.get(4..12), bytes.get(257..262)) {
        (Some(b"RIFF"), Some([.., b'W', b'E', b'B', b'P']), _) => unsupported("a WebP picture", PICTURE),
        (Some(b"RIFF"), Some([.., b'W', b'A', b'V', b'E']), _) => unsupported("sound", MEDIA),
        (Some(b"RIFF"), Some([.., b'A', b'V', b'I', b' ']), _) => unsupported("a video", MEDIA),
        (
            _,
            Some([b'f', b't', b'y', b'p', b'h', b'e', ..] | [b'f', b't', b'y', b'p', b'a', b'v', b'i', b'f']),
            _,
        ) => unsupported("a picture", PICTURE),
        (_, Some([b'f', b't', b'y', b'p', ..]), _) => unsupported("a video or sound", MEDIA),
        (_, _, Some(b"ustar")) => unsupported("a tar archive", ARCHIVE),
        _ => Ok(Form::Text),
    }
}

/// A PDF begins with its mark, or has it within the first kilobyte and ends as PDFs do.
fn is_pdf(bytes: &[u8]) -> bool {
    let head = bytes.get(..1024).unwrap_or(bytes);
    if head.trim_ascii_start().starts_with(b"%PDF-") {
        return true;
    }
    let tail = bytes.get(bytes.len().saturating_sub(2048)..).unwrap_or_default();
    memchr::memmem::find(head, b"%PDF-").is_some() && memchr::memmem::find(tail, b"startxref").is_some()
}

/// Endings of names that stand for source code or a notation read like it.
const CODE: &str = " rs py pyi js mjs cjs ts mts cts tsx jsx java kt kts scala groovy gradle go c h cc cpp cxx hpp hh hxx m mm \
                    swift cs vb fs fsx rb php pl pm lua r jl dart zig nim ex exs erl hrl hs lhs ml mli clj cljs el lisp \
                    scm sql sh bash zsh fish ps1 bat cmd awk sed tcl asm s v sv vhd vhdl proto thrift graphql gql tf \
                    hcl nix cmake mk make dockerfile toml yaml yml ini cfg conf properties env xml xsd xsl svg css scss \
                    sass less vue svelte astro sol wat wit tex bib diff patch ipynb ";

/// Which kind of text a text is. `name` decides only where the content leaves it open.
pub(crate) fn text_kind(name: &str, text: &str) -> Kind {
    let base = name.rsplit(['/', '\\']).next().unwrap_or(name).to_ascii_lowercase();
    let ending = base.rsplit_once('.').map_or(base.as_str(), |(_, ending)| ending);
    let is = |endings: &[&str]| endings.contains(&ending);
    let start = text.trim_start();
    if start.starts_with(['{', '[']) {
        if is(&["jsonl", "ndjson"]) && is_json_lines(start, 1) {
            return Kind::JsonLines;
        }
        if serde_json::from_str::<IgnoredAny>(start).is_ok() {
            return Kind::Json;
        }
        if is_json_lines(start, 2) {
            return Kind::JsonLines;
        }
    }
    let named_code = !ending.is_empty() && CODE.split(' ').any(|code| code == ending);
    let named_markdown = is(&["md", "markdown", "mdx", "mdown", "mkd", "rmd", "qmd"]);
    match html(start) {
        Html::Whole => return Kind::Html,
        Html::Fragment
            if is(&["html", "htm", "xhtml", "shtml"]) || !(named_code || named_markdown || is(&["txt"])) =>
        {
            return Kind::Html;
        }
        Html::Fragment | Html::No => {}
    }
    if named_markdown {
        return Kind::Markdown;
    }
    if named_code || start.starts_with("#!") {
        return Kind::Code;
    }
    let named_table = is(&["csv", "tsv", "tab", "psv"]);
    if table::is_table(text, named_table) {
        return Kind::Csv;
    }
    if looks_like_markdown(text) { Kind::Markdown } else { Kind::Text }
}

/// Whether the first 50 lines that are not empty are JSON lists or objects, and at least `least` of them.
fn is_json_lines(text: &str, least: usize) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).take(50).peekable();
    let mut count = 0;
    lines.all(|line| {
        count += 1;
        line.starts_with(['{', '[']) && serde_json::from_str::<IgnoredAny>(line).is_ok()
    }) && count >= least
}

enum Html {
    Whole,
    Fragment,
    No,
}

/// Whether a text is an HTML page, or begins with an element of one.
fn html(start: &str) -> Html {
    let mut head = start.chars().take(2048).collect::<String>().to_ascii_lowercase();
    while let Some((_, rest)) = head.trim_start().strip_prefix("<!--").and_then(|rest| rest.split_once("-->"))
    {
        head = rest.to_owned();
    }
    let head = head.trim_start();
    let Some(first) = head.strip_prefix('<') else { return Html::No };
    if first.starts_with("?xml") || first.starts_with("!doctype") {
        return if first.contains("<html") || first.starts_with("!doctype html") {
            Html::Whole
        } else {
            Html::No
        };
    }
    let name: &str = first.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    match name {
        "html" | "head" | "body" => Html::Whole,
        "div" | "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "table" | "ul" | "ol" | "dl" | "section"
        | "article" | "main" | "nav" | "header" | "footer" | "title" | "meta" | "link" | "span" | "a"
        | "b" | "strong" | "em" | "i" | "br" | "hr" | "img" | "pre" | "blockquote" | "form" | "center"
        | "font" => Html::Fragment,
        _ => Html::No,
    }
}

/// At least two signs of Markdown that plain text rarely shows, within the first 500 lines.
fn looks_like_markdown(text: &str) -> bool {
    let signs = text.lines().take(500).filter(|line| {
        let hashes = line.bytes().take_while(|byte| *byte == b'#').count();
        ((1..=6).contains(&hashes) && line.get(hashes..).is_some_and(|rest| rest.starts_with(' ')))
            || line.starts_with("```")
            || line.contains("](http")
            || (line.starts_with('|') && line.trim_end().ends_with('|'))
    });
    signs.take(2).count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_decides_and_the_name_breaks_ties() {
        let prose = "Once upon a time, there was\na gateway, small and quick,\nthat asked nobody.\n";
        for (name, text, kind) in [
            ("notes.txt", prose, Kind::Text),
            ("notes", prose, Kind::Text),
            ("notes.md", prose, Kind::Markdown),
            ("notes.csv", prose, Kind::Text),
            ("notes.json", prose, Kind::Text),
            ("x.txt", r#"{"a": [1, 2]}"#, Kind::Json),
            ("x.jsonl", r#"{"a": [1, 2]}"#, Kind::JsonLines),
            ("x", "{\"a\": 1}\n{\"a\": 2}\n", Kind::JsonLines),
            ("x.md", "[a link](http://a.example) and\n{more}", Kind::Markdown),
            ("x.txt", "<!DOCTYPE html><title>t</title><p>x", Kind::Html),
            ("x.txt", "<!-- c --> <html><p>x", Kind::Html),
            ("readme.md", "<p align=center>logo</p>\n\n# Readme", Kind::Markdown),
            ("page", "<div>hello</div>", Kind::Html),
            ("page.html", "<p>hello", Kind::Html),
            ("feed.xml", "<?xml version='1.0'?><rss/>", Kind::Code),
            ("a.csv", "name,price\ntea,3\n", Kind::Csv),
            ("a.txt", "id\tname\tprice\n1\ttea\t3\n2\tmilk\t1\n", Kind::Csv),
            ("main.rs", "fn main() {\n    println!(\"hi\");\n}\n", Kind::Code),
            ("run", "#!/bin/sh\necho hi\n", Kind::Code),
            ("README", "# Title\n\ntext\n\n## More\n", Kind::Markdown),
            ("Dockerfile", "FROM scratch\n", Kind::Code),
        ] {
            assert_eq!(text_kind(name, text), kind, "{name}: {text}");
        }
    }

    #[test]
    fn what_is_not_read_is_named() {
        for (bytes, what) in [
            (&b"\x89PNG\r\n\x1a\n...."[..], "PNG"),
            (b"RIFF\x10\0\0\0WEBPVP8 ", "WebP"),
            (b"\0\0\0\x18ftypmp42....", "video"),
            (b"\x7FELF\x02\x01", "program"),
            (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1..", "Office"),
        ] {
            let problem = form(bytes).unwrap_err().to_string();
            assert!(problem.contains(what), "{problem}");
        }
        assert_eq!(form(b"%PDF-1.7\n"), Ok(Form::Pdf));
        assert_eq!(form(b"PK\x03\x04"), Ok(Form::Zip));
        assert_eq!(form(b"The %PDF- mark begins a PDF"), Ok(Form::Text));
    }
}
