//! Forms (`multipart/form-data`, RFC 7578), read piece by piece: bytes in, fields out.
//!
//! Strict where leniency would let two readers see two forms: nothing before the first boundary, one name a field, no
//! field without one.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem;
use sluice_types::error::{ErrorKind, Failure};

/// The longest head of a field, in bytes.
const MAX_HEAD: usize = 16 << 10;

/// What comes next in a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A field begins.
    Field(Field),
    /// A piece of its value, never empty.
    Data(Bytes),
    /// Its value is over.
    End,
}

/// The head of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Whether it is a file's.
    pub is_file: bool,
    /// The file's name, without a path; `None` if it says none.
    pub filename: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the first boundary.
    Start,
    /// Behind a boundary.
    Boundary,
    /// Within a field's value.
    Value,
    /// Behind the last boundary.
    Over,
}

/// A reader of one form.
#[derive(Debug)]
pub struct Decoder {
    /// What ends a value: a line break, two hyphens and the boundary.
    delimiter: Vec<u8>,
    buffer: BytesMut,
    state: State,
    /// Bytes of the body that were read.
    position: usize,
}

fn broken(what: &str) -> Failure {
    Failure::new(ErrorKind::InvalidRequest, format!("the form {what}"))
}

impl Decoder {
    /// A reader of a form of this `content-type`.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](ErrorKind::InvalidRequest) if that is no form's.
    pub fn new(content_type: &str) -> Result<Self, Failure> {
        let boundary = boundary(content_type)
            .ok_or_else(|| broken("is none: send `content-type: multipart/form-data; boundary=…`"))?;
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        Ok(Self { delimiter, buffer: BytesMut::new(), state: State::Start, position: 0 })
    }

    /// Adds a piece of the body.
    pub fn push(&mut self, piece: &[u8]) {
        // What follows the last boundary is nobody's.
        if self.state != State::Over {
            self.buffer.extend_from_slice(piece);
        }
    }

    /// How many bytes of the body were told about: behind [`Event::Field`] the place where its value begins.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Whether the form has come to its end.
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// What comes next; `None` if more of the body is needed to tell, or nothing comes any more.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](ErrorKind::InvalidRequest) if this is no form.
    pub fn event(&mut self) -> Result<Option<Event>, Failure> {
        match self.state {
            State::Start => {
                let first = self.delimiter.get(2..).unwrap_or_default();
                let seen = self.buffer.len().min(first.len());
                if self.buffer.get(..seen) != first.get(..seen) {
                    return Err(broken("does not begin with its boundary"));
                }
                if seen < first.len() {
                    return Ok(None);
                }
                self.skip(seen);
                self.state = State::Boundary;
                self.event()
            }
            State::Boundary => self.head(),
            State::Value => Ok(self.value()),
            State::Over => Ok(None),
        }
    }

    /// Nothing more of the body comes.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](ErrorKind::InvalidRequest) if the form is not over.
    pub fn finish(&self) -> Result<(), Failure> {
        match self.state {
            State::Over => Ok(()),
            State::Start => Err(broken("does not begin with its boundary")),
            State::Boundary => Err(broken("breaks off in the head of a field")),
            State::Value => Err(broken("breaks off: its closing boundary is missing")),
        }
    }

    fn skip(&mut self, bytes: usize) {
        self.buffer.advance(bytes);
        self.position += bytes;
    }

    fn head(&mut self) -> Result<Option<Event>, Failure> {
        match self.buffer.get(..2) {
            None => return Ok(None),
            Some(b"--") => {
                self.state = State::Over;
                self.buffer.clear();
                return Ok(None);
            }
            Some(b"\r\n") => {}
            Some(_) => return Err(broken("breaks off in the head of a field")),
        }
        let Some(end) = memmem::find(&self.buffer, b"\r\n\r\n") else {
            if MAX_HEAD < self.buffer.len() {
                return Err(broken("has a field with a head of more than 16 KB"));
            }
            return Ok(None);
        };
        let field = disposition(self.buffer.get(..end).unwrap_or_default())
            .ok_or_else(|| broken("has a field without `content-disposition: form-data; name=\"…\"`"))?;
        self.skip(end + 4);
        self.state = State::Value;
        Ok(Some(Event::Field(field)))
    }

    fn value(&mut self) -> Option<Event> {
        match memmem::find(&self.buffer, &self.delimiter) {
            Some(0) => {
                self.skip(self.delimiter.len());
                self.state = State::Boundary;
                Some(Event::End)
            }
            Some(end) => Some(self.data(end)),
            None => {
                // The buffer's end may be the beginning of a boundary.
                let sure = (self.buffer.len() + 1).saturating_sub(self.delimiter.len());
                (0 < sure).then(|| self.data(sure))
            }
        }
    }

    fn data(&mut self, bytes: usize) -> Event {
        self.position += bytes;
        Event::Data(self.buffer.split_to(bytes).freeze())
    }
}

/// The boundary of a form's content type.
fn boundary(content_type: &str) -> Option<&str> {
    let rest = content_type
        .split_once(';')
        .filter(|(kind, _)| kind.trim().eq_ignore_ascii_case("multipart/form-data"))?
        .1;
    let parameter = rest.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then_some(value.trim())
    })?;
    Some(parameter.trim_matches('"')).filter(|boundary| !boundary.is_empty() && boundary.len() <= 70)
}

/// What a field's head says; `None` if its disposition cannot be read one way only, or others might read another name
/// than we do.
fn disposition(head: &[u8]) -> Option<Field> {
    const NAME: &[u8] = b"content-disposition:";
    let mut lines = head.split(|byte| *byte == b'\n').filter_map(|line| {
        let (name, rest) = line.split_at_checked(NAME.len())?;
        name.eq_ignore_ascii_case(NAME).then_some(rest)
    });
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    let (mut name, mut is_file, mut filename, mut extended) = (None, false, None, None);
    let mut rest = line.trim_ascii().strip_prefix(b"form-data")?.trim_ascii_start();
    while let Some(parameter) = rest.strip_prefix(b";") {
        let equals = memchr::memchr(b'=', parameter)?;
        let (key, value) = parameter.split_at_checked(equals)?;
        let value = value.strip_prefix(b"=")?.trim_ascii_start();
        let (value, after) = match value.strip_prefix(b"\"") {
            Some(quoted) => {
                let mut escaped = false;
                let end = quoted.iter().position(|byte| {
                    let ends = *byte == b'"' && !escaped;
                    escaped = *byte == b'\\' && !escaped;
                    ends
                })?;
                let (value, after) = quoted.split_at_checked(end)?;
                (value, after.get(1..)?)
            }
            None => value.split_at_checked(memchr::memchr(b';', value).unwrap_or(value.len()))?,
        };
        match key.trim_ascii() {
            b"name" if name.is_some() || value.contains(&b'\\') => return None,
            b"name" => name = Some(String::from_utf8(value.to_vec()).ok()?),
            b"filename" => (is_file, filename) = (true, Some(unescaped(value))),
            b"filename*" => (is_file, extended) = (true, extended_text(value)),
            key => is_file |= key.starts_with(b"filename"),
        }
        rest = after.trim_ascii_start();
    }
    let filename = extended.or(filename).map(|name| base_name(&name)).filter(|name| !name.is_empty());
    if rest.is_empty() { Some(Field { name: name?, is_file, filename }) } else { None }
}

/// A quoted value as it was meant: browsers write a quote as `%22`, others as `\"`.
fn unescaped(value: &[u8]) -> String {
    String::from_utf8_lossy(value).replace("\\\"", "\"").replace("%22", "\"")
}

/// The text of `UTF-8''…` (RFC 8187).
fn extended_text(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?;
    let (charset, rest) = text.split_once('\'')?;
    let (_, encoded) = rest.split_once('\'')?;
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let value = digit(rest.next())? * 16 + digit(rest.next())?;
        bytes.push(u8::try_from(value).ok()?);
    }
    String::from_utf8(bytes).ok()
}

/// The name without a path and without control characters, at most 255 characters of it.
fn base_name(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    name.chars().filter(|char| !char.is_control()).take(255).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=b-1";

    type Fields = Vec<(String, Option<String>, Vec<u8>)>;

    /// All fields of a form that comes in pieces of `size` bytes: names, files' names, values.
    fn read(body: &[u8], size: usize) -> Result<Fields, Failure> {
        let mut decoder = Decoder::new(TYPE)?;
        let mut fields: Fields = Vec::new();
        for piece in body.chunks(size) {
            decoder.push(piece);
            while let Some(event) = decoder.event()? {
                match event {
                    Event::Field(field) => fields.push((field.name, field.filename, Vec::new())),
                    Event::Data(data) => fields.last_mut().unwrap().2.extend_from_slice(&data),
                    Event::End => {}
                }
            }
        }
        decoder.finish()?;
        Ok(fields)
    }

    fn form(filename: &str, value: &[u8]) -> Vec<u8> {
        let mut body = format!(
            "--b-1\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nassistants\r\n--b-1\r\n\
             content-disposition: form-data; name=\"file\"; {filename}\r\nContent-Type: text/plain\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(value);
        body.extend_from_slice(b"\r\n--b-1--\r\n");
        body
    }

    #[test]
    fn a_form_is_read_however_it_is_cut() {
        for value in [&b""[..], b"x", b"\r\n", b"\r\n--b-", b"a\r\n--b-2\r\n\0", b"--b-1--"] {
            let body = form("filename=\"a.txt\"", value);
            for size in 1..body.len() {
                let fields = read(&body, size).unwrap();
                assert_eq!(fields[0], ("purpose".to_owned(), None, b"assistants".to_vec()));
                assert_eq!(fields[1], ("file".to_owned(), Some("a.txt".to_owned()), value.to_vec()));
            }
            for cut in 0..body.len() - 4 {
                assert!(read(&body[..cut], 7).is_err(), "{cut}");
            }
        }
    }

    #[test]
    fn a_files_name_is_a_name() {
        for (written, name) in [
            ("filename=\"a b.txt\"", Some("a b.txt")),
            ("filename=\"../../etc/passwd\"", Some("passwd")),
            ("filename=\"C:\\\\x\\\\y.pdf\"", Some("y.pdf")),
            ("filename=\"a%22b\\\"c\"", Some("a\"b\"c")),
            ("filename=\"naïve.md\"", Some("naïve.md")),
            ("filename=\"x\"; filename*=UTF-8''na%C3%AFve%20.md", Some("naïve .md")),
            ("filename=\"x\"; filename*=latin-1''y", Some("x")),
            ("filename=\"\"", None),
        ] {
            let fields = read(&form(written, b"v"), 1_000).unwrap();
            assert_eq!(fields[1].1.as_deref(), name, "{written}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes: Vec<u8>, size in 1_usize..50) {
            let _ = read(&bytes, size);
            let mut body = b"--b-1\r\n".to_vec();
            body.extend(bytes);
            let _ = read(&body, size);
        }

        #[test]
        fn every_byte_of_a_value_comes_out(value: Vec<u8>, size in 1_usize..50) {
            prop_assume!(memmem::find(&value, b"\r\n--b-1").is_none());
            let fields = read(&form("filename=\"a\"", &value), size).unwrap();
            prop_assert_eq!(&fields[1].2, &value);
        }
    }
}
