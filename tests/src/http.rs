//! A small HTTP/1.1 client that shows what is on the wire: when each piece came, and what happens when one end stops.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::sse::{self, Event};

/// Longer than any scenario waits on purpose.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request to be sent.
#[derive(Clone)]
pub struct Request {
    address: String,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// The body in pieces of so many bytes, so far apart.
    slow: Option<(usize, Duration)>,
}

impl Request {
    /// A request to `address` (`HOST:PORT`).
    pub fn new(address: &str, method: &str, path: &str) -> Self {
        let (address, method, path) = (address.to_owned(), method.to_owned(), path.to_owned());
        Self { address, method, path, headers: Vec::new(), body: Vec::new(), slow: None }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a credential as OpenAI's SDK does.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.bytes(body.to_string().into_bytes()).header("content-type", "application/json")
    }

    /// Sets a body.
    #[must_use]
    pub fn bytes(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends the body in pieces of `size` bytes, `pause` apart.
    #[must_use]
    pub fn slowly(mut self, size: usize, pause: Duration) -> Self {
        self.slow = Some((size, pause));
        self
    }

    /// Sends it and reads the whole answer.
    pub fn send(&self) -> Answer {
        self.open().rest()
    }

    /// Sends it and closes the connection after `patience`, whatever has come.
    pub fn abandon(&self, patience: Duration) {
        let stream = TcpStream::connect(&self.address).expect("a connection");
        self.write(&stream).expect("a request");
        thread::sleep(patience);
        let _ = stream.shutdown(Shutdown::Both);
    }

    /// Sends it and reads the answer's head only.
    pub fn open(&self) -> Live {
        self.try_open().unwrap_or_else(|error| panic!("{} {}: {error}", self.method, self.path))
    }

    /// Sends it and reads the answer's head only.
    ///
    /// # Errors
    ///
    /// If the connection breaks before there is a head.
    pub fn try_open(&self) -> io::Result<Live> {
        let started = Instant::now();
        let stream = TcpStream::connect(&self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        self.write(&stream)?;
        let mut reader = BufReader::new(stream);
        let (status, headers) = read_head(&mut reader)?;
        let length = find(&headers, "content-length").and_then(|length| length.parse().ok());
        let framing = if status == 204 || status == 304 || self.method == "HEAD" {
            Framing::Length(0)
        } else if find(&headers, "transfer-encoding") == Some("chunked") {
            Framing::Chunked
        } else {
            length.map_or(Framing::Close, Framing::Length)
        };
        Ok(Live {
            status,
            headers,
            started,
            first: started.elapsed(),
            pieces: Vec::new(),
            reader,
            framing,
            broken: false,
        })
    }

    fn write(&self, mut stream: &TcpStream) -> io::Result<()> {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n",
            self.method, self.path, self.address
        );
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let has_length =
            self.headers.iter().any(|(name, _)| name == "content-length" || name == "transfer-encoding");
        if !has_length && (self.method == "POST" || !self.body.is_empty()) {
            let _ = write!(head, "content-length: {}\r\n", self.body.len());
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes())?;
        let (size, pause) = self.slow.unwrap_or((usize::MAX, Duration::ZERO));
        for piece in self.body.chunks(size) {
            // The peer may refuse before it has read all: its answer is what counts.
            if stream.write_all(piece).is_err() {
                break;
            }
            thread::sleep(pause);
        }
        Ok(())
    }
}

/// An answer that is still coming.
pub struct Live {
    /// The status.
    pub status: u16,
    headers: Vec<(String, String)>,
    started: Instant,
    /// How long the head took.
    pub first: Duration,
    /// What has come so far, and when.
    pub pieces: Vec<(Duration, Vec<u8>)>,
    reader: BufReader<TcpStream>,
    framing: Framing,
    broken: bool,
}

enum Framing {
    Length(usize),
    Chunked,
    Close,
    Ended,
}

impl Live {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The next piece as the peer sent it; `None` at the end.
    pub fn next_piece(&mut self) -> Option<&[u8]> {
        let piece = match self.read() {
            Ok(piece) => piece?,
            Err(_) => {
                self.broken = true;
                self.framing = Framing::Ended;
                return None;
            }
        };
        self.pieces.push((self.started.elapsed(), piece));
        self.pieces.last().map(|(_, piece)| &**piece)
    }

    /// Reads until `text` has come.
    pub fn wait_for(&mut self, text: &str) {
        while !String::from_utf8_lossy(&self.bytes()).contains(text) {
            assert!(
                self.next_piece().is_some(),
                "ended without {text:?}: {}",
                String::from_utf8_lossy(&self.bytes())
            );
        }
    }

    /// What has come so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.pieces.iter().flat_map(|(_, piece)| piece.iter().copied()).collect()
    }

    /// Closes the connection without reading on.
    pub fn hang_up(self) {
        let _ = self.reader.get_ref().shutdown(Shutdown::Both);
    }

    /// Reads to the end.
    pub fn rest(mut self) -> Answer {
        while self.next_piece().is_some() {}
        let body = self.bytes();
        Answer {
            status: self.status,
            headers: self.headers,
            body,
            pieces: self.pieces,
            took: self.started.elapsed(),
            broken: self.broken,
        }
    }

    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        match &mut self.framing {
            Framing::Ended | Framing::Length(0) => Ok(None),
            Framing::Length(left) => {
                let mut piece = vec![0; (*left).min(65_536)];
                let read = self.reader.read(&mut piece)?;
                if read == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                *left -= read;
                piece.truncate(read);
                Ok(Some(piece))
            }
            Framing::Close => {
                let mut piece = vec![0; 65_536];
                let read = self.reader.read(&mut piece)?;
                piece.truncate(read);
                Ok((read != 0).then_some(piece))
            }
            Framing::Chunked => {
                let line = read_line(&mut self.reader)?;
                let size = line.split(';').next().unwrap_or_default().trim();
                let size =
                    usize::from_str_radix(size, 16).map_err(|_| io::Error::other("not a chunk's size"))?;
                let mut piece = vec![0; size];
                self.reader.read_exact(&mut piece)?;
                read_line(&mut self.reader)?;
                if size == 0 {
                    self.framing = Framing::Ended;
                    return Ok(None);
                }
                Ok(Some(piece))
            }
        }
    }
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The body as it came, and when.
    pub pieces: Vec<(Duration, Vec<u8>)>,
    /// How long all of it took.
    pub took: Duration,
    /// Whether the connection broke before the end.
    pub broken: bool,
}

impl Answer {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// A header that must be there.
    pub fn expect_header(&self, name: &str) -> &str {
        self.header(name).unwrap_or_else(|| panic!("no header {name} in {:?}", self.headers))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap_or_else(|error| panic!("not UTF-8 ({error})"))
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("status {}, not JSON ({error}): {}", self.status, self.text()))
    }

    /// The body as events.
    pub fn events(&self) -> Vec<Event> {
        let kind = self.header("content-type").unwrap_or_default();
        assert!(
            kind.starts_with("text/event-stream"),
            "status {}, not a stream: {}",
            self.status,
            self.text()
        );
        sse::events(&self.body)
    }

    /// This answer, which must have `status`.
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

fn read_head(reader: &mut impl BufRead) -> io::Result<(u16, Vec<(String, String)>)> {
    let status = read_line(reader)?;
    let status = status.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or(io::ErrorKind::UnexpectedEof)?;
    let mut headers = Vec::new();
    loop {
        let line = read_line(reader)?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    // An interim answer comes before the real one.
    if status == 100 { read_head(reader) } else { Ok((status, headers)) }
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}
