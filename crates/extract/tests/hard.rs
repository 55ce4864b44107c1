//! Documents that are hard to read, though nothing is wrong with them, or little.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

#[path = "support/mod.rs"]
mod support;

use sluice_extract::{BlockKind, Document, Kind, Limits, Problem, extract};
use support::{Pdf, deflated, docx, docx_with, paragraph, shown, zipped};

fn read<'a>(name: &str, bytes: &'a [u8]) -> Document<'a> {
    extract(name, bytes, &Limits::default()).unwrap()
}

fn blocks<'a>(document: &'a Document<'_>) -> Vec<(BlockKind, &'a str)> {
    document.blocks.iter().map(|block| (block.kind, &document.text[block.start..block.end])).collect()
}

fn text_of(pdf: &Pdf) -> String {
    read("a.pdf", &pdf.bytes()).text.into_owned()
}

const LEFT: [&str; 5] = [
    "Gateways have been with us for as",
    "long as there were walls: a hole",
    "that opens to friends and stays shut",
    "to others. What is new is that they",
    "read what goes through them.",
];
const RIGHT: [&str; 5] = [
    "The second column of this page is",
    "about something else, and must not",
    "be mixed up with the first, however",
    "the program that wrote the page may",
    "have put it down.",
];

#[test]
fn columns_drawn_line_by_line_across_are_read_one_by_one() {
    let mut page = shown(72.0, 740.0, 20.0, "A title across both columns");
    for (row, (left, right)) in LEFT.iter().zip(RIGHT).enumerate() {
        let y = 700.0 - 13.0 * row as f64;
        page += &shown(72.0, y, 11.0, left);
        page += &shown(320.0, y, 11.0, right);
    }
    let text = text_of(&Pdf::of_pages(&[&page]));
    assert_eq!(text, format!("A title across both columns\n\n{}\n\n{}", LEFT.join(" "), RIGHT.join(" ")));
}

#[test]
fn text_drawn_out_of_order_is_put_in_order() {
    let page: String = LEFT
        .iter()
        .enumerate()
        .rev()
        .map(|(row, line)| shown(72.0, 700.0 - 13.0 * row as f64, 11.0, line))
        .collect();
    assert_eq!(text_of(&Pdf::of_pages(&[&page])), LEFT.join(" "));
}

#[test]
fn kerning_makes_no_spaces_and_gaps_do() {
    let page = "BT /F1 12 Tf 72 700 Td [(W) 80 (orld) -250 (wide) -600 (web)] TJ 0 -14 Td (one) Tj 24 0 Td (two) Tj ET";
    assert_eq!(text_of(&Pdf::of_pages(&[page])), "World wide web one two");
}

#[test]
fn to_unicode_maps_say_what_codes_mean() {
    let map = b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap 1 begincodespacerange <0000> <FFFF> endcodespacerange
        3 beginbfchar <0001> <0053> <0002> <00660066> <0003> <D83DDE00> endbfchar
        2 beginbfrange <0010> <0012> <0061> <0020> <0021> [<03B1> <03B2>] endbfrange endcmap";
    for packed in [false, true] {
        let mut pdf = Pdf::empty();
        let map =
            if packed { pdf.stream("/Filter /FlateDecode", &deflated(map)) } else { pdf.stream("", map) };
        let inner = pdf.add(
            "<< /Type /Font /Subtype /CIDFontType2 /BaseFont /AAAAAA+Odd /CIDSystemInfo << /Registry (Adobe) /Ordering \
             (Identity) /Supplement 0 >> /DW 600 >>",
        );
        let font = pdf.add(format!(
            "<< /Type /Font /Subtype /Type0 /BaseFont /AAAAAA+Odd /Encoding /Identity-H /DescendantFonts [{inner} 0 R] \
             /ToUnicode {map} 0 R >>"
        ));
        let page = "BT /F1 12 Tf 72 700 Td <00010002001000110012> Tj 100 0 Td <002000210003> Tj ET";
        pdf.pages(&[page], &format!("<< /Font << /F1 {font} 0 R >> >>"));
        assert_eq!(text_of(&pdf), "Sffabc αβ😀");
    }
}

#[test]
fn glyph_names_say_what_codes_mean() {
    let mut pdf = Pdf::empty();
    let font = pdf.add(
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding << /Type /Encoding /BaseEncoding /WinAnsiEncoding \
         /Differences [65 /Omega /fi /uni20AC /eacute /a /b] >> >>",
    );
    pdf.pages(&["BT /F1 12 Tf 72 700 Td (ABCDxyz) Tj ET"], &format!("<< /Font << /F1 {font} 0 R >> >>"));
    assert_eq!(text_of(&pdf), "Ωfi€éxyz");
}

#[test]
fn old_text_encodings_of_pdf_are_read() {
    // WinAnsi: curly quotes, a dash, the euro.
    let page = "BT /F1 12 Tf 72 700 Td (\\223Smart\\224 \\226 \\200 5 caf\\351) Tj ET";
    assert_eq!(text_of(&Pdf::of_pages(&[page])), "“Smart” – € 5 café");
}

#[test]
fn pages_may_be_turned_and_inherit_what_they_need() {
    let mut pdf = Pdf::empty();
    let font = pdf.add("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>");
    let content = pdf
        .stream("", b"BT /F1 12 Tf 0 1 -1 0 300 100 Tm (runs up the page) Tj 0 -14 Td (and goes on) Tj ET");
    let page = pdf.add(format!("<< /Type /Page /Parent 2 0 R /Rotate 90 /Contents [{content} 0 R] >>"));
    pdf.pages(&[], "");
    pdf.replace(
        2,
        &format!(
            "<< /Type /Pages /Kids [{page} 0 R] /Count 1 /MediaBox [0 0 612 792] /Resources << /Font << /F1 {font} 0 R >> >> >>"
        ),
    );
    assert_eq!(text_of(&pdf), "runs up the page and goes on");
}

#[test]
fn content_may_be_cut_into_streams_anywhere_and_hold_forms() {
    let mut pdf = Pdf::empty();
    let font = pdf.add("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>");
    let form = pdf.stream(
        &format!("/Type /XObject /Subtype /Form /BBox [0 0 99 99] /Matrix [1 0 0 1 72 600] /Resources << /Font << /F1 {font} 0 R >> >>"),
        b"BT /F1 12 Tf (within a form) Tj ET",
    );
    let one = pdf.stream("", b"q BT /F1 12 Tf 72 700 Td");
    let two =
        pdf.stream("/Filter [/ASCIIHexDecode /FlateDecode]", &hex(&deflated(b"(cut in two) Tj ET Q /Fm Do")));
    let page = pdf.add(format!(
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents [{one} 0 R {two} 0 R] /Resources << /Font << /F1 \
         {font} 0 R >> /XObject << /Fm {form} 0 R >> >> >>"
    ));
    pdf.pages(&[], "");
    pdf.replace(2, &format!("<< /Type /Pages /Kids [{page} 0 R] /Count 1 >>"));
    assert_eq!(text_of(&pdf), "cut in two\n\nwithin a form");
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    let mut text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    text.push('>');
    text.into_bytes()
}

#[test]
fn objects_may_be_in_streams_of_objects() {
    // A file as PDF 1.5 has it: all but the streams in a stream, the table of places in a stream as well.
    let inner = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 6 0 R /Resources << /Font << /F1 4 0 R >> >> >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ];
    let mut places = String::new();
    let mut body = String::new();
    for (number, object) in inner.iter().enumerate() {
        places.push_str(&format!("{} {} ", number + 1, body.len()));
        body.push_str(object);
        body.push('\n');
    }
    let first = places.len();
    let packed = deflated(format!("{places}{body}").as_bytes());
    let mut out = b"%PDF-1.5\n".to_vec();
    let add = |out: &mut Vec<u8>, number: usize, entries: &str, data: &[u8]| {
        let place = out.len();
        out.extend_from_slice(
            format!("{number} 0 obj\n<< {entries} /Length {} >>\nstream\n", data.len()).as_bytes(),
        );
        out.extend_from_slice(data);
        out.extend_from_slice(b"\nendstream\nendobj\n");
        place
    };
    let entries = format!("/Type /ObjStm /N 4 /First {first} /Filter /FlateDecode");
    let objects = add(&mut out, 5, &entries, &packed);
    let content = add(&mut out, 6, "", b"BT /F1 12 Tf 72 700 Td (from a stream of objects) Tj ET");
    let start = out.len();
    let mut table = vec![0, 0, 0, 0];
    for index in 0..4_u8 {
        table.extend_from_slice(&[2, 0, 5, index]);
    }
    for place in [objects, content, start] {
        table.extend_from_slice(&[1, (place >> 8) as u8, place as u8, 0]);
    }
    add(&mut out, 7, "/Type /XRef /Size 8 /W [1 2 1] /Root 1 0 R /Filter /FlateDecode", &deflated(&table));
    out.extend_from_slice(format!("startxref\n{start}\n%%EOF\n").as_bytes());
    assert_eq!(read("a.pdf", &out).text, "from a stream of objects");
}

#[test]
fn a_pdf_whose_table_of_places_is_wrong_or_gone_is_read_all_the_same() {
    let bytes = Pdf::of_pages(&[&shown(72.0, 700.0, 12.0, "found without a map")]).bytes();
    let shifted = [b"junk before the mark\n", &bytes[..]].concat();
    let at = memchr::memmem::find(&bytes, b"xref\n").unwrap();
    for damaged in [shifted, bytes[..at].to_vec(), [&bytes[..at], b"startxref\n7\n%%EOF"].concat()] {
        assert_eq!(read("a.pdf", &damaged).text, "found without a map");
    }
}

#[test]
fn running_heads_page_numbers_and_artifacts_are_no_text() {
    let pages: Vec<String> = (1..=5)
        .map(|page| {
            [
                shown(72.0, 770.0, 9.0, "Handbook of the gateway, 2026 edition"),
                shown(
                    72.0,
                    700.0,
                    11.0,
                    &format!(
                        "What page {} says is its own.",
                        ["one", "two", "three", "four", "five"][page - 1]
                    ),
                ),
                shown(72.0, 687.0, 11.0, "It says it in more than one line, though not in many."),
                shown(300.0, 30.0, 9.0, &format!("Page {page} of 5")),
                format!("/Artifact BMC {} EMC", shown(300.0, 400.0, 40.0, "DRAFT")),
            ]
            .concat()
        })
        .collect();
    let contents: Vec<&str> = pages.iter().map(String::as_str).collect();
    let text = text_of(&Pdf::of_pages(&contents));
    assert!(text.starts_with("What page one says is its own. It says it"), "{text}");
    for dropped in ["Handbook", "of 5", "DRAFT"] {
        assert!(!text.contains(dropped), "{text}");
    }
}

#[test]
fn a_pdf_with_a_password_is_refused_as_such() {
    let mut pdf = Pdf::of_pages(&[&shown(72.0, 700.0, 12.0, "secret")]);
    let key = "5A".repeat(32);
    let lock = pdf.add(format!("<< /Filter /Standard /V 2 /R 3 /Length 128 /P -44 /O <{key}> /U <{key}> >>"));
    pdf.trailer(&format!("/Encrypt {lock} 0 R /ID [<{0}> <{0}>]", "11".repeat(16)));
    let problem = extract("a.pdf", &pdf.bytes(), &Limits::default()).unwrap_err();
    assert_eq!(problem, Problem::Encrypted(Kind::Pdf));
    assert!(problem.to_string().contains("password"), "{problem}");
}

#[test]
fn a_pdf_that_may_not_be_printed_is_read() {
    let mut pdf = Pdf::locked();
    let font = pdf.add("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>");
    let (one, other) = (shown(72.0, 700.0, 12.0, "open to read"), shown(72.0, 700.0, 12.0, "packed as well"));
    pdf.pages(&[&one, &other], &format!("<< /Font << /F1 {font} 0 R >> >>"));
    let bytes = pdf.bytes();
    assert!(memchr::memmem::find(&bytes, b"open to read").is_none());
    assert_eq!(read("a.pdf", &bytes).text, "open to read\n\npacked as well");
}

#[test]
fn a_pdf_whose_font_says_nothing_is_a_picture_of_text() {
    let mut pdf = Pdf::empty();
    let inner = pdf.add("<< /Type /Font /Subtype /CIDFontType2 /BaseFont /AAAAAA+Odd /DW 600 >>");
    let font = pdf.add(format!(
        "<< /Type /Font /Subtype /Type0 /BaseFont /AAAAAA+Odd /Encoding /Identity-H /DescendantFonts [{inner} 0 R] >>"
    ));
    pdf.pages(
        &["BT /F1 12 Tf 72 700 Td <00010002001000110012> Tj ET"],
        &format!("<< /Font << /F1 {font} 0 R >> >>"),
    );
    assert_eq!(extract("a.pdf", &pdf.bytes(), &Limits::default()), Err(Problem::NoText));
}

fn cell(content: &str) -> String {
    format!("<w:tc>{content}</w:tc>")
}

#[test]
fn docx_tables_in_tables_text_boxes_and_changes() {
    let plain = |text: &str| paragraph("", text);
    let inner = format!("<w:tbl><w:tr>{}{}</w:tr></w:tbl>", cell(&plain("in")), cell(&plain("ner")));
    let body = [
        format!(
            "<w:tbl><w:tblPr><w:tblLook w:firstRow=\"0\"/></w:tblPr><w:tr><w:trPr><w:tblHeader/></w:trPr>{}{}</w:tr><w:tr>{}{}</w:tr></w:tbl>",
            cell(&plain("Name")),
            cell(&plain("Note")),
            cell(&(plain("first") + &plain("second"))),
            cell(&(inner + &plain("after")))
        ),
        "<w:p><w:r><w:t>Before</w:t></w:r><w:r><mc:AlternateContent><mc:Choice><w:txbxContent><w:p><w:r><w:t>boxed</w:t></w:r></w:p>\
         </w:txbxContent></mc:Choice><mc:Fallback><w:txbxContent><w:p><w:r><w:t>boxed</w:t></w:r></w:p></w:txbxContent></mc:Fallback>\
         </mc:AlternateContent></w:r><w:r><w:t xml:space=\"preserve\"> after</w:t></w:r></w:p>"
            .to_owned(),
        "<w:p><w:ins><w:r><w:t>put in</w:t></w:r></w:ins><w:moveFrom><w:r><w:t>moved away</w:t></w:r></w:moveFrom>\
         <w:r><w:fldChar/><w:instrText>PAGE</w:instrText></w:r></w:p>"
            .to_owned(),
        "<w:p><w:r><w:t>tab</w:t><w:tab/><w:t>bed</w:t><w:br/><w:t>line</w:t></w:r></w:p>".to_owned(),
    ]
    .concat();
    let bytes = docx(&body);
    let document = read("a.docx", &bytes);
    assert_eq!(
        blocks(&document),
        [
            (BlockKind::TableHead(0), "Name | Note"),
            (BlockKind::TableHead(1), "in | ner"),
            (BlockKind::TableRow(0), "first second | after"),
            (BlockKind::Paragraph, "boxed"),
            (BlockKind::Paragraph, "Before after"),
            (BlockKind::Paragraph, "put in"),
            (BlockKind::Paragraph, "tab\tbed\nline"),
        ]
    );
}

#[test]
fn docx_styles_of_other_languages_and_outline_levels_make_headings() {
    let styles = "<w:style w:styleId=\"berschrift3\"><w:name w:val=\"heading 3\"/></w:style>\
                  <w:style w:styleId=\"Eigen\"><w:name w:val=\"Eigen\"/><w:basedOn w:val=\"berschrift3\"/></w:style>";
    let body = [
        paragraph("berschrift3", "Drei"),
        paragraph("Eigen", "Auch drei"),
        "<w:p><w:pPr><w:outlineLvl w:val=\"1\"/></w:pPr><w:r><w:t>Zwei</w:t></w:r></w:p>".to_owned(),
        paragraph("Normal", "Text"),
    ]
    .concat();
    let bytes = docx_with(&body, styles);
    let kinds: Vec<_> = read("a", &bytes).blocks.iter().map(|block| block.kind).collect();
    use BlockKind::{Heading, Paragraph};
    assert_eq!(kinds, [Heading(3), Heading(3), Heading(2), Paragraph]);
}

#[test]
fn docx_may_be_utf_16_have_footnotes_and_keep_its_document_elsewhere() {
    let xml = "<?xml version=\"1.0\" encoding=\"UTF-16\"?><w:document xmlns:w=\"w\"><w:body><w:p><w:r><w:t>Ünïcode</w:t></w:r></w:p></w:body></w:document>";
    let mut utf16 = vec![0xFF, 0xFE];
    utf16.extend(xml.encode_utf16().flat_map(u16::to_le_bytes));
    let notes = "<w:footnotes xmlns:w=\"w\"><w:footnote><w:p><w:r><w:t>A note.</w:t></w:r></w:p></w:footnote></w:footnotes>";
    let bytes = zipped(&[
        ("[Content_Types].xml", b"<Types>application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml</Types>"),
        (
            "_rels/.rels",
            b"<Relationships><Relationship Type='http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument' Target='/body/main.xml'/></Relationships>",
        ),
        ("body/main.xml", &utf16),
        ("body/footnotes.xml", notes.as_bytes()),
    ]);
    assert_eq!(read("a.zip", &bytes).text, "Ünïcode\n\nA note.");
}

#[test]
fn html_with_malformed_markup_is_read_as_far_as_it_goes() {
    for (page, text) in [
        ("<html><p>one<p>two</b></i><div>three", "one\n\ntwo\n\nthree"),
        ("<html><b>bold <i>both</b> italic</i> end", "bold both italic end"),
        ("<html><a href='x>quote never closed<p>lost</a>", ""),
        (
            "<html>1 < 2 && 3 > 2 &notanentity; &#0; &#x110000; &eacute &copy",
            "1 < 2 && 3 > 2 ¬anentity; \u{fffd} \u{fffd} é ©",
        ),
        ("<html><script>var s = '<p>no</p>';</script><p>yes", "yes"),
        ("<html><style>p {}</style ><textarea>a\nb</textarea><p>c", "a\nb\n\nc"),
        ("<html><!-- <p>no --><p>yes<!-- open <p>no", "yes"),
        ("<html><table><tr><td>a<td>b<tr><td>c<td>d</table>e", "a | b\nc | d\n\ne"),
        ("<html><td>no table</td><tr><li>x", "no table\n\n- x"),
        (
            "<html><table><tr><td><h1>Layout</h1><p>one</td><td><p>two</td></tr></table>",
            "Layout\n\none\n\ntwo",
        ),
        ("<html><nav>menu <main><p>content", "content"),
        ("<html><ul><li>a<ul><li>b</ul><li>c</ul></ul></ul>d", "- a\n  - b\n- c\n\nd"),
        ("<html><PRE>a\n  b</PRE><P>C</P>", "a\n  b\n\nC"),
        ("<html><title>T &amp; x</title><h7>y</h7>", "T & x\n\ny"),
    ] {
        let document = extract("a.html", page.as_bytes(), &Limits::default());
        assert_eq!(document.map_or(String::new(), |document| document.text.into_owned()), text, "{page}");
    }
}

#[test]
fn tables_of_odd_shapes_are_read() {
    for (name, text, rows) in [
        ("a.csv", "name;price\r\n\"a;b\";1,5\r\n", vec!["name;price", "\"a;b\";1,5"]),
        ("a.tsv", "x\ty\n1\t2\n", vec!["x\ty", "1\t2"]),
        ("a.csv", "a,b\n1,2,3\n4\n5,6\n", vec!["a,b", "1,2,3", "4", "5,6"]),
        ("a.csv", "\u{feff}a,b\n1,2\n", vec!["a,b", "1,2"]),
        ("a.csv", "single\none\ntwo\n", vec!["single", "one", "two"]),
    ] {
        let document = read(name, text.as_bytes());
        let found: Vec<&str> = blocks(&document).into_iter().map(|(_, text)| text).collect();
        assert_eq!(found, rows, "{text:?}");
    }
}
