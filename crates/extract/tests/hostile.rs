//! Documents made to harm: nothing panics, and all that is asked for is bounded.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice)]
#![allow(clippy::disallowed_methods, reason = "a test measures time")]

#[path = "support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use proptest::prelude::*;
use sluice_extract::{Limits, Problem, Sizes, chunks_of, extract};
use support::{Pdf, deflated, docx, docx_with, paragraph, shown, tokens, zipped};

/// Reads and cuts; whatever comes of it is bounded.
fn survive(name: &str, bytes: &[u8], limits: &Limits) -> Result<usize, Problem> {
    let document = extract(name, bytes, limits)?;
    assert!(document.text.len() <= limits.text);
    let mut end = 0;
    for block in &document.blocks {
        assert!(
            end <= block.start
                && block.start < block.end
                && document.text.get(block.start..block.end).is_some()
        );
        end = block.end;
    }
    assert!(end <= document.text.len());
    Ok(chunks_of(&document, Sizes::AUTO, &tokens).count())
}

/// Limits small enough to be met.
fn tight() -> Limits {
    const MB: usize = 1024 * 1024;
    Limits { text: 4 * MB, inflated: 16 * MB, part: 4 * MB, steps: 200_000, ..Limits::default() }
}

fn a_pdf() -> Vec<u8> {
    let page: String = (0..12)
        .map(|line| {
            shown(
                72.0,
                700.0 - 14.0 * f64::from(line),
                11.0,
                &format!("Line {line} of (a page) with words in it."),
            )
        })
        .collect();
    let mut pdf = Pdf::empty();
    let map = pdf.stream(
        "/Filter /FlateDecode",
        &deflated(
            b"/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00> <FF> endcodespacerange \
              2 beginbfchar <41> <0042> <42> <00660069> endbfchar 1 beginbfrange <50> <60> <0061> endbfrange endcmap",
        ),
    );
    let font = pdf.add(format!(
        "<< /Type /Font /Subtype /TrueType /BaseFont /ABCDEF+Arial /FirstChar 32 /LastChar 90 /Widths [{}] /ToUnicode {map} 0 R \
         /Encoding << /BaseEncoding /WinAnsiEncoding /Differences [65 /A /f_i /uni20AC] >> >>",
        "500 ".repeat(59)
    ));
    let form = pdf
        .stream("/Type /XObject /Subtype /Form /BBox [0 0 9 9]", b"BT /F1 9 Tf 10 10 Td (in a form) Tj ET");
    pdf.pages(
        &[&page, &format!("{page} /X Do")],
        &format!("<< /Font << /F1 {font} 0 R >> /XObject << /X {form} 0 R >> >>"),
    );
    pdf.bytes()
}

fn a_docx() -> Vec<u8> {
    let row = "<w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>1</w:t></w:r></w:p></w:tc></w:tr>";
    docx(&format!(
        "{}{}<w:tbl>{row}{row}</w:tbl>{}",
        paragraph("Heading1", "Title &#228; &amp;"),
        paragraph("", "Some text"),
        paragraph("Code", "x = 1")
    ))
}

const TEXTS: [(&str, &str); 7] = [
    ("a.md", "# A\n\n- one\n  > two\n\n| a | b |\n|--|--|\n| 1 | 2 |\n\n```x\ny\n```\n[r]: <u>\n***\n<b>\n"),
    (
        "a.html",
        "<html><table><tr><td><h1>x</h1><ul><li>y</table><pre>z</pre><script>s</script>&amp;&#x41;<a b='c' d=e>",
    ),
    ("a.csv", "a,b\n\"1\",2\n\"x\ny\",\"z\"\"\"\n"),
    ("a.json", "{\"a\": [1, {\"b\": null}], \"c\": \"d\\\"e\", \"f\": {\"g\": [[], {}]}}"),
    ("a.jsonl", "{\"a\": 1}\n{\"b\": [2]}\n"),
    ("a.rs", "fn a() {\n    b();\n}\n\n#[test]\nfn c() {}\n"),
    ("a.txt", "Words, words.\n\nMore words: ä 漢字 🎈\r\n\u{c}\n"),
];

/// A change to a document: bytes overwritten, cut out, repeated, or put in.
#[derive(Clone, Debug)]
enum Change {
    Set(prop::sample::Index, u8),
    Cut(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize, usize),
    Insert(prop::sample::Index, &'static [u8]),
}

const SPLINTERS: [&[u8]; 24] = [
    b"<<",
    b">>",
    b"[",
    b"]",
    b"(",
    b")",
    b" obj",
    b"endobj",
    b"stream\n",
    b"endstream",
    b" 0 R",
    b"/Kids [2 0 R]",
    b"/Filter /LZWDecode",
    b"/Length 4294967295",
    b"-2147483648",
    b"99999999999999999999",
    b"/W [1 8 8]",
    b"\xFF\xFF\xFF\xFF",
    b"<table><tr><td>",
    b"</",
    b"<w:p>",
    b"PK\x01\x02",
    b"BT /F1 1e38 Tf",
    b"/Encrypt << /Filter /Standard /V 5 /R 6 >>",
];

fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (at(), 1_usize..60).prop_map(|(at, count)| Change::Cut(at, count)),
        (at(), 1_usize..60, 1_usize..8).prop_map(|(at, count, times)| Change::Repeat(at, count, times)),
        (at(), prop::sample::select(&SPLINTERS[..])).prop_map(|(at, splinter)| Change::Insert(at, splinter)),
    ]
}

fn changed(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        if bytes.is_empty() {
            break;
        }
        match change {
            Change::Set(at, byte) => {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            Change::Cut(at, count) => {
                let at = at.index(bytes.len());
                bytes.drain(at..(at + count).min(bytes.len()));
            }
            Change::Repeat(at, count, times) => {
                let at = at.index(bytes.len());
                let end = (at + count).min(bytes.len());
                let piece = bytes[at..end].repeat(*times);
                bytes.splice(at..at, piece);
            }
            Change::Insert(at, splinter) => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, splinter.iter().copied());
            }
        }
    }
    bytes
}

/// `PROPTEST_CASES` says how many cases there are; a long run is a fuzzer.
fn cases() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn damaged_pdfs_never_panic(changes in prop::collection::vec(change(), 1..12)) {
        let _ = survive("a.pdf", &changed(a_pdf(), &changes), &tight());
    }

    #[test]
    fn damaged_docx_never_panic(changes in prop::collection::vec(change(), 1..6)) {
        let _ = survive("a.docx", &changed(a_docx(), &changes), &tight());
    }

    #[test]
    fn damaged_xml_never_panics(changes in prop::collection::vec(change(), 1..12)) {
        let body = "<w:p><w:pPr><w:pStyle w:val=\"Heading1\"/><w:numPr><w:ilvl w:val=\"1\"/></w:numPr></w:pPr><w:r><w:t>a&lt;</w:t>\
                    </w:r></w:p><w:tbl><w:tr><w:tc><w:p><w:r><w:t>b</w:t><w:tab/></w:r></w:p></w:tc></w:tr></w:tbl>";
        let body = changed(body.as_bytes().to_vec(), &changes);
        let _ = survive("a.docx", &docx_with(&String::from_utf8_lossy(&body), &String::from_utf8_lossy(&body)), &tight());
    }

    #[test]
    fn damaged_texts_never_panic(which in 0..TEXTS.len(), changes in prop::collection::vec(change(), 1..20)) {
        let (name, text) = TEXTS[which];
        let _ = survive(name, &changed(text.as_bytes().to_vec(), &changes), &tight());
    }

    #[test]
    fn noise_never_panics(
        bytes in prop::collection::vec(any::<u8>(), 0..2000),
        start in prop::sample::select(vec![&b""[..], b"%PDF-1.4\n", b"PK\x03\x04", b"<html>", b"{", b"\xFF\xFE", b"\xEF\xBB\xBF"]),
        name in prop::sample::select(vec!["a.pdf", "a.docx", "a.md", "a.csv", "a.html", "a.json", "a"]),
    ) {
        let _ = survive(name, &[start, &bytes].concat(), &tight());
    }

    #[test]
    fn any_content_stream_is_drawn_without_panic(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "BT", "ET", "/F1 12 Tf", "/F2 -3 Tf", "/F9 0 Tf", "(text) Tj", "<414243> Tj", "[(a) -300 (b) 1e30 (c)] TJ", "T*", "q", "Q",
            "1 0 0 1 5 5 cm", "0 0 0 0 0 0 cm", "1e30 0 0 1e30 0 0 cm", "0 1 -1 0 9 9 Tm", "10 TL", "3 Tc", "1e38 Tw", "50 Tz", "2 Ts",
            "(x) '", "1 2 (y) \"", "/X Do", "/Artifact BMC", "/P <</MCID 0>> BDC", "EMC", "BI /W 1 /H 1 ID x EI", "[", "]", "<<", "(",
            "12 700 Td", "-1e9 1e9 TD", "nan", "/F1", "1 2 3",
        ]), 0..80),
    ) {
        let _ = survive("a.pdf", &Pdf::of_pages(&[&pieces.join(" ")]).bytes(), &tight());
    }
}

fn quick<T>(what: &str, most: Duration, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let done = work();
    assert!(start.elapsed() < most, "{what} took {:?}", start.elapsed());
    done
}

#[test]
fn bombs_are_refused() {
    let seconds = Duration::from_secs(60);
    let zeros = vec![b' '; 50_500_000];
    let bomb =
        zipped(&[("[Content_Types].xml", b"wordprocessingml.document"), ("word/document.xml", &zeros)]);
    assert!(bomb.len() < 200_000);
    let problem = quick("a DOCX", seconds, || survive("bomb.docx", &bomb, &Limits::default())).unwrap_err();
    assert!(matches!(problem, Problem::TooLarge { .. }), "{problem}");

    let many: Vec<(String, &[u8])> = (0..11_000).map(|at| (format!("{at}"), &b""[..])).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|(name, content)| (name.as_str(), *content)).collect();
    let problem = quick("many entries", seconds, || survive("many.docx", &zipped(&many), &Limits::default()))
        .unwrap_err();
    assert!(matches!(problem, Problem::TooLarge { .. }), "{problem}");

    // A page's content, a chain of filters, and a stream of objects.
    let packed = deflated(&zeros[..6_000_000]);
    let twice = deflated(&packed);
    for (entries, data) in [
        ("/Filter /FlateDecode", &packed),
        ("/Filter [/FlateDecode /FlateDecode]", &twice),
        ("/Type /ObjStm /N 1 /First 4 /Filter /FlateDecode", &packed),
        ("/Fi#6cter /FlateDecode", &packed),
        ("/Filter 9 0 R", &packed),
    ] {
        let mut pdf = Pdf::of_pages(&[&shown(10.0, 10.0, 10.0, "text")]);
        pdf.stream(entries, data);
        let problem = quick(entries, seconds, || survive("bomb.pdf", &pdf.bytes(), &tight())).unwrap_err();
        assert!(matches!(problem, Problem::TooLarge { .. }), "{entries}: {problem}");
    }
}

#[test]
fn a_picture_that_inflates_far_is_no_bomb() {
    let mut pdf = Pdf::of_pages(&[&shown(10.0, 10.0, 10.0, "a caption")]);
    pdf.stream(
        "/Subtype /Image /Width 9000 /Height 9000 /Filter /FlateDecode",
        &deflated(&vec![7; 20_000_000]),
    );
    assert_eq!(survive("picture.pdf", &pdf.bytes(), &tight()), Ok(1));
}

#[test]
fn drawings_within_drawings_end() {
    let mut pdf = Pdf::empty();
    let font = pdf.add("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>");
    // Each drawing shows the one below it eight times.
    let mut below = pdf.stream("/Type /XObject /Subtype /Form /BBox [0 0 9 9]", b"");
    let resources = |below| format!("<< /Font << /F1 {font} 0 R >> /XObject << /X {below} 0 R >> >>");
    for _ in 0..8 {
        let entries =
            format!("/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources {}", resources(below));
        let shown = "BT /F1 9 Tf 10 10 Td (deep) Tj ET ".to_owned() + &"/X Do ".repeat(8);
        below = pdf.stream(&entries, shown.as_bytes());
    }
    pdf.pages(&["/X Do"], &resources(below));
    let bytes = pdf.bytes();
    let outcome =
        quick("drawings within drawings", Duration::from_secs(60), || survive("a.pdf", &bytes, &tight()));
    assert!(matches!(outcome, Err(Problem::TooLarge { .. })), "{outcome:?}");
}

#[test]
fn what_is_nested_deep_ends() {
    let deep = 100_000;
    let most = Duration::from_secs(60);
    for (name, text) in [
        ("a.html", format!("<html>{}x", "<div><table><tr><td><ul><li>".repeat(deep / 5))),
        ("a.html", format!("<html>{}", "<nav><button>".repeat(deep))),
        ("a.md", format!("{}x", ">".repeat(deep))),
        ("a.md", format!("{}x", "- ".repeat(deep))),
        ("a.md", format!("{}x", "[".repeat(deep))),
        ("a.md", format!("{}x", "*a _b ".repeat(deep))),
        ("a.md", format!("x {}", "`".repeat(deep))),
        ("a.md", (1..2000).map(|at| format!("{}x\n", "`".repeat(at % 300))).collect()),
        ("a.md", (0..3000).map(|at| format!("{}- x\n", " ".repeat(at))).collect()),
        ("a.json", format!("{}{}", "[".repeat(deep), "]".repeat(deep))),
        ("a.json", format!("[{}1{}]", "[".repeat(120), "]".repeat(120))),
        ("a.csv", format!("a,b\n{}", "\"".repeat(deep))),
        ("a.csv", ",".repeat(deep)),
    ] {
        let start: String = text.chars().take(20).collect();
        let _ = quick(&start, most, || survive(name, text.as_bytes(), &Limits::default()));
    }
    let xml = format!("{}x", "<w:tbl><w:tr><w:tc><w:p>".repeat(deep / 4));
    assert!(quick("xml", most, || survive("a.docx", &docx(&xml), &Limits::default())).is_err());
    for object in ["[", "<< /A ", "(", "<</Kids["] {
        let mut pdf = Pdf::of_pages(&[&format!("{} BT /F1 9 Tf (x) Tj ET", object.repeat(deep))]);
        pdf.add(object.repeat(deep));
        let _ = quick(object, most, || survive("a.pdf", &pdf.bytes(), &Limits::default()));
    }
    let overlapping = ["%PDF-1.7\n", &"1 0 obj<<".repeat(deep), "\nstartxref\n0\n%%EOF"].concat();
    let _ =
        quick("overlapping objects", most, || survive("a.pdf", overlapping.as_bytes(), &Limits::default()));
    let streams =
        ["%PDF-1.7\n", &"1 0 obj<</Length 9>>stream\n".repeat(deep / 4), "\nstartxref\n0\n%%EOF"].concat();
    let _ = quick("streams without end", most, || survive("a.pdf", streams.as_bytes(), &Limits::default()));
}
