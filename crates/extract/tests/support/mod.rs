//! Documents made for the tests. Not each of them uses all of it.

#![allow(dead_code)]

mod lock;

use std::io::{Cursor, Write};

/// A PDF put together object by object.
pub struct Pdf {
    objects: Vec<Vec<u8>>,
    trailer: String,
    locked: bool,
}

/// Bytes packed as PDF and ZIP do.
pub fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

impl Pdf {
    /// Pages with these contents, in Helvetica (`/F1`) and Helvetica-Bold (`/F2`).
    pub fn of_pages(contents: &[&str]) -> Self {
        let mut pdf = Self { objects: vec![Vec::new(), Vec::new()], trailer: String::new(), locked: false };
        let font = |bold: &str| {
            format!("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica{bold} /Encoding /WinAnsiEncoding >>")
        };
        let regular = pdf.add(font(""));
        let bold = pdf.add(font("-Bold"));
        let resources = format!("<< /Font << /F1 {regular} 0 R /F2 {bold} 0 R >> >>");
        pdf.pages(contents, &resources);
        pdf
    }

    /// No pages yet: objects 1 and 2 are kept for the catalogue and the page tree.
    pub fn empty() -> Self {
        Self { objects: vec![Vec::new(), Vec::new()], trailer: String::new(), locked: false }
    }

    /// One whose streams are encrypted, and which opens with an empty password.
    pub fn locked() -> Self {
        let mut pdf = Self { locked: true, ..Self::empty() };
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let (owner, user, permissions) = (hex(&lock::OWNER), hex(&lock::user()), lock::PERMISSIONS);
        let lock = pdf.add(format!(
            "<< /Filter /Standard /V 2 /R 3 /Length 128 /P {permissions} /O <{owner}> /U <{user}> >>"
        ));
        let id = hex(&lock::ID);
        pdf.trailer(&format!("/Encrypt {lock} 0 R /ID [<{id}> <{id}>]"));
        pdf
    }

    /// Adds an object and returns its number.
    pub fn add(&mut self, object: impl Into<Vec<u8>>) -> usize {
        self.objects.push(object.into());
        self.objects.len()
    }

    /// Adds a stream; `entries` go into its dictionary.
    pub fn stream(&mut self, entries: &str, data: &[u8]) -> usize {
        let mut object = format!("<< {entries} /Length {} >>\nstream\n", data.len()).into_bytes();
        if self.locked {
            object.extend_from_slice(&lock::locked(self.objects.len() + 1, data));
        } else {
            object.extend_from_slice(data);
        }
        object.extend_from_slice(b"\nendstream");
        self.add(object)
    }

    /// Makes the catalogue and a page for each content.
    pub fn pages(&mut self, contents: &[&str], resources: &str) {
        let mut kids = String::new();
        for (number, content) in contents.iter().enumerate() {
            // Every other page is packed.
            let content = if number % 2 == 0 {
                self.stream("", content.as_bytes())
            } else {
                self.stream("/Filter /FlateDecode", &deflated(content.as_bytes()))
            };
            let page = self.add(format!(
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {content} 0 R /Resources {resources} >>"
            ));
            kids.push_str(&format!("{page} 0 R "));
        }
        self.objects[0] = b"<< /Type /Catalog /Pages 2 0 R >>".to_vec();
        self.objects[1] = format!("<< /Type /Pages /Kids [{kids}] /Count {} >>", contents.len()).into_bytes();
    }

    /// Puts another object in an object's place.
    pub fn replace(&mut self, number: usize, object: &str) {
        self.objects[number - 1] = object.as_bytes().to_vec();
    }

    /// Adds to the trailer.
    #[allow(dead_code)]
    pub fn trailer(&mut self, entries: &str) {
        self.trailer.push_str(entries);
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut out = b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n".to_vec();
        let mut places = Vec::new();
        for (number, object) in self.objects.iter().enumerate() {
            places.push(out.len());
            out.extend_from_slice(format!("{} 0 obj\n", number + 1).as_bytes());
            out.extend_from_slice(object);
            out.extend_from_slice(b"\nendobj\n");
        }
        let start = out.len();
        out.extend_from_slice(format!("xref\n0 {}\n0000000000 65535 f \n", places.len() + 1).as_bytes());
        for place in places {
            out.extend_from_slice(format!("{place:010} 00000 n \n").as_bytes());
        }
        let size = self.objects.len() + 1;
        let trailer = &self.trailer;
        out.extend_from_slice(
            format!("trailer\n<< /Size {size} /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF\n")
                .as_bytes(),
        );
        out
    }
}

/// A line of text drawn at a place.
pub fn shown(x: f64, y: f64, size: f64, text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('(', "\\(").replace(')', "\\)");
    format!("BT /F1 {size} Tf {x} {y} Td ({escaped}) Tj ET\n")
}

/// A ZIP archive of these parts.
pub fn zipped(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A DOCX whose body is this XML.
pub fn docx(body: &str) -> Vec<u8> {
    docx_with(body, "")
}

/// A DOCX with further styles.
pub fn docx_with(body: &str, styles: &str) -> Vec<u8> {
    let document = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><w:document xmlns:w=\"http://schemas.openxmlformats.org/\
         wordprocessingml/2006/main\"><w:body>{body}</w:body></w:document>"
    );
    let styles = format!(
        "<w:styles xmlns:w=\"w\"><w:style w:styleId=\"Heading1\"><w:name w:val=\"heading 1\"/></w:style>\
         <w:style w:styleId=\"Heading2\"><w:name w:val=\"heading 2\"/></w:style>{styles}</w:styles>"
    );
    let types = "<Types><Override PartName=\"/word/document.xml\" ContentType=\"application/vnd.openxmlformats-\
                 officedocument.wordprocessingml.document.main+xml\"/></Types>";
    let relations = "<Relationships><Relationship Id=\"r\" Type=\"http://schemas.openxmlformats.org/officeDocument/\
                     2006/relationships/officeDocument\" Target=\"word/document.xml\"/></Relationships>";
    zipped(&[
        ("[Content_Types].xml", types.as_bytes()),
        ("_rels/.rels", relations.as_bytes()),
        ("word/document.xml", document.as_bytes()),
        ("word/styles.xml", styles.as_bytes()),
    ])
}

/// A paragraph of a DOCX.
pub fn paragraph(style: &str, text: &str) -> String {
    format!(
        "<w:p><w:pPr><w:pStyle w:val=\"{style}\"/></w:pPr><w:r><w:t xml:space=\"preserve\">{text}</w:t></w:r></w:p>"
    )
}

/// A token for every four bytes begun, as a rule of thumb for English has it.
pub fn tokens(text: &str) -> usize {
    text.len().div_ceil(4)
}
