//! What documents of each kind become.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice)]

#[path = "support/mod.rs"]
mod support;

use sluice_extract::{BlockKind, Document, Kind, Limits, Problem, extract, extract_owned};
use support::{Pdf, docx, paragraph, shown, zipped};

fn read<'a>(name: &str, bytes: &'a [u8]) -> Document<'a> {
    extract(name, bytes, &Limits::default()).unwrap()
}

fn blocks<'a>(document: &'a Document<'_>) -> Vec<(BlockKind, &'a str)> {
    document.blocks.iter().map(|block| (block.kind, &document.text[block.start..block.end])).collect()
}

#[test]
fn a_pdf_becomes_headings_paragraphs_items_and_tables_with_pages() {
    let page_one = [
        shown(72.0, 720.0, 24.0, "Returns handbook"),
        shown(72.0, 690.0, 16.0, "Refunds"),
        shown(72.0, 668.0, 11.0, "A refund is paid within fourteen days of the day on which the goods"),
        shown(72.0, 655.0, 11.0, "come back to our ware-"),
        shown(72.0, 642.0, 11.0, "house, to the card that was used."),
        shown(72.0, 610.0, 11.0, "\u{95} Shoes must not have been worn."),
        shown(72.0, 597.0, 11.0, "\u{95} Food cannot be returned."),
        shown(72.0, 560.0, 11.0, "Country"),
        shown(250.0, 560.0, 11.0, "Days"),
        shown(72.0, 546.0, 11.0, "Norway"),
        shown(250.0, 546.0, 11.0, "30"),
        shown(72.0, 532.0, 11.0, "Chile"),
        shown(250.0, 532.0, 11.0, "45"),
    ]
    .concat()
    .replace('\u{95}', "\\225");
    let page_two =
        shown(72.0, 720.0, 11.0, "This is on the second page of the handbook, in one line of running text.");
    let bytes = Pdf::of_pages(&[&page_one, &page_two]).bytes();
    let document = read("upload", &bytes);
    assert_eq!(document.kind, Kind::Pdf);
    assert_eq!(
        blocks(&document),
        [
            (BlockKind::Heading(1), "Returns handbook"),
            (BlockKind::Heading(2), "Refunds"),
            (
                BlockKind::Paragraph,
                "A refund is paid within fourteen days of the day on which the goods come back to our warehouse, to \
                 the card that was used."
            ),
            (BlockKind::Item, "• Shoes must not have been worn."),
            (BlockKind::Item, "• Food cannot be returned."),
            (BlockKind::TableHead(0), "Country | Days"),
            (BlockKind::TableRow(0), "Norway | 30"),
            (BlockKind::TableRow(0), "Chile | 45"),
            (
                BlockKind::Paragraph,
                "This is on the second page of the handbook, in one line of running text."
            ),
        ]
    );
    assert_eq!(document.blocks.first().and_then(|block| block.page), Some(1));
    assert_eq!(document.blocks.last().and_then(|block| block.page), Some(2));
}

#[test]
fn a_docx_becomes_headings_paragraphs_items_and_tables() {
    let cell = |text: &str| format!("<w:tc><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:tc>");
    let row = |one: &str, other: &str| format!("<w:tr>{}{}</w:tr>", cell(one), cell(other));
    let body = [
        paragraph("Heading1", "Leave"),
        paragraph("Heading2", "Parental leave"),
        "<w:p><w:r><w:t>Both parents </w:t></w:r><w:r><w:t>may &amp; should take it.</w:t></w:r>\
         <w:del><w:r><w:delText>Not this.</w:delText></w:r></w:del></w:p>"
            .to_owned(),
        "<w:p><w:pPr><w:numPr><w:ilvl w:val=\"0\"/><w:numId w:val=\"1\"/></w:numPr></w:pPr><w:r><w:t>ask early</w:t></w:r></w:p>"
            .to_owned(),
        "<w:p><w:pPr><w:numPr><w:ilvl w:val=\"1\"/><w:numId w:val=\"1\"/></w:numPr></w:pPr><w:r><w:t>in writing</w:t></w:r></w:p>"
            .to_owned(),
        format!("<w:tbl>{}{}{}</w:tbl>", row("Level", "Days"), row("Junior", "25"), row("Senior", "28")),
    ]
    .concat();
    let bytes = docx(&body);
    let document = read("leave.pdf", &bytes);
    assert_eq!(document.kind, Kind::Docx);
    assert_eq!(
        blocks(&document),
        [
            (BlockKind::Heading(1), "Leave"),
            (BlockKind::Heading(2), "Parental leave"),
            (BlockKind::Paragraph, "Both parents may & should take it."),
            (BlockKind::Item, "- ask early"),
            (BlockKind::Item, "  - in writing"),
            (BlockKind::TableHead(0), "Level | Days"),
            (BlockKind::TableRow(0), "Junior | 25"),
            (BlockKind::TableRow(0), "Senior | 28"),
        ]
    );
}

#[test]
fn html_keeps_what_is_read_and_drops_the_rest() {
    let page = "<!doctype html><html><head><title>Shop</title><style>p{}</style><script>if (a<b) alert('</p>')</script></head>
        <body><nav><a href=/>Home</a><ul><li>Menu</ul></nav>
        <main><h1>Opening   <em>hours</em></h1><p>We open at 8&nbsp;am &amp; close at <b>5</b> pm.<p>Closed on Sundays<br>and holidays.
        <ul><li>Oslo<li>Bergen<ul><li>Harbour</ul></ul>
        <ol start=3><li>third</ol>
        <table><tr><th>Day<th>Hours<tr><td>Mon<td>8\u{2013}17</table>
        <pre>  code { x }
    y</pre><div style=display:none>hidden</div><img alt='a map'></main></body></html>";
    let document = read("x", page.as_bytes());
    assert_eq!(document.kind, Kind::Html);
    assert_eq!(
        blocks(&document),
        [
            (BlockKind::Heading(1), "Shop"),
            (BlockKind::Heading(1), "Opening hours"),
            (BlockKind::Paragraph, "We open at 8 am & close at 5 pm."),
            (BlockKind::Paragraph, "Closed on Sundays\nand holidays."),
            (BlockKind::Item, "- Oslo"),
            (BlockKind::Item, "- Bergen"),
            (BlockKind::Item, "  - Harbour"),
            (BlockKind::Item, "3. third"),
            (BlockKind::TableHead(0), "Day | Hours"),
            (BlockKind::TableRow(0), "Mon | 8–17"),
            (BlockKind::Code, "  code { x }\n    y"),
            (BlockKind::Paragraph, "hidden"),
            (BlockKind::Paragraph, "a map"),
        ]
    );
}

#[test]
fn text_like_kinds_keep_their_text_to_the_letter() {
    for (name, text, kind) in [
        ("a.txt", "One paragraph.\n\nAnother.\n", Kind::Text),
        ("a.md", "# Title\n\nText\n", Kind::Markdown),
        ("a.csv", "a,b\n1,2\n", Kind::Csv),
        ("a.jsonl", "{\"a\":1}\n{\"a\":2}\n", Kind::JsonLines),
        ("a.rs", "fn main() {}\n", Kind::Code),
    ] {
        let document = read(name, text.as_bytes());
        assert_eq!((document.kind, &*document.text), (kind, text), "{name}");
    }
    assert_eq!(read("a.json", b"{\"a\":1,\"b\":[true]}").text, "{\"a\": 1, \"b\": [true]}");
}

#[test]
fn what_cannot_be_read_is_refused_with_a_reason() {
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    let sheet = zipped(&[("[Content_Types].xml", b"<Types/>"), ("xl/workbook.xml", b"<x/>")]);
    let archive = zipped(&[("a.txt", b"hello")]);
    let picture = Pdf::of_pages(&["q 10 0 0 10 0 0 cm Q"]).bytes();
    for (name, bytes, code, words) in [
        ("empty.txt", &b""[..], "invalid_file", "no text"),
        ("blank.txt", b" \n\t ", "invalid_file", "no text"),
        ("picture.txt", png, "unsupported_file", "OCR"),
        ("sheet.docx", &sheet, "unsupported_file", "CSV"),
        ("archive.zip", &archive, "unsupported_file", "unpack"),
        ("scan.pdf", &picture, "invalid_file", "OCR"),
        ("broken.pdf", b"%PDF-1.7\nnothing of the kind", "invalid_file", "damaged"),
        ("broken.docx", b"PK\x03\x04 nothing of the kind", "invalid_file", "damaged"),
    ] {
        let problem = extract(name, bytes, &Limits::default()).unwrap_err();
        assert_eq!(problem.code(), code, "{name}: {problem}");
        assert!(problem.to_string().contains(words), "{name}: {problem}");
    }
    let small = Limits { bytes: 10, ..Limits::default() };
    assert!(matches!(extract("a", b"more than ten", &small), Err(Problem::TooLarge { .. })));
}

#[test]
fn documents_that_are_given_away_are_read_alike() {
    let pdf = Pdf::of_pages(&[&shown(72.0, 700.0, 12.0, "a page")]).bytes();
    let docx = docx(&paragraph("", "a page"));
    for bytes in
        [&b"a page"[..], b"\xEF\xBB\xBFa page", b"<html>a page", b"a p\xE4ge", b"\xFF\xFEa\0", &pdf, &docx]
    {
        let owned = extract_owned("a.txt", bytes.to_vec(), &Limits::default());
        assert_eq!(owned, extract("a.txt", bytes, &Limits::default()));
        assert!(owned.is_ok());
    }
}
