//! One connection: HTTP/1.1 over a socket, as little of it as a server of ours needs, so that the generator costs little
//! of the machine that it measures.

use std::{str, time::Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::answer::Answer;

/// The longest head of an answer that is read, in bytes.
const MAX_HEAD: usize = 64 << 10;

/// A kept-alive connection, and the answer it read last.
pub struct Connection {
    stream: TcpStream,
    /// What has been read and not been looked at.
    buffer: Vec<u8>,
    answer: Answer,
    keep: bool,
}

/// How long a body is.
enum Length {
    Known(usize),
    Chunked,
    UntilClosed,
}

impl Connection {
    /// Connects, without delay on small writes.
    pub async fn open(address: &str) -> Result<Self> {
        let stream =
            TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 << 10), answer: Answer::default(), keep: true })
    }

    /// Sends `request` and reads the answer to its end; tells when its first byte came.
    pub async fn ask(&mut self, request: &[u8]) -> Result<Instant> {
        self.stream.write_all(request).await?;
        self.answer.body.clear();
        self.buffer.clear();
        self.read().await.context("no answer")?;
        let first = Instant::now();
        match self.head().await? {
            Length::Known(length) => {
                while self.buffer.len() < length {
                    self.read().await?;
                }
                self.take(length)?;
            }
            Length::Chunked => self.chunks().await?,
            Length::UntilClosed => {
                self.keep = false;
                while self.read().await.is_ok() {}
                self.answer.body.append(&mut self.buffer);
            }
        }
        ensure!(self.buffer.is_empty(), "bytes after the end of the answer");
        Ok(first)
    }

    /// The answer read last.
    pub fn answer(&self) -> &Answer {
        &self.answer
    }

    /// This connection, if the server keeps it.
    pub fn reusable(self) -> Option<Self> {
        self.keep.then_some(self)
    }

    async fn read(&mut self) -> Result<()> {
        let read = self.stream.read_buf(&mut self.buffer).await?;
        ensure!(read != 0, "the connection was closed before the end of the answer");
        Ok(())
    }

    /// Reads the head into the answer.
    async fn head(&mut self) -> Result<Length> {
        let end = self.find(b"\r\n\r\n").await?;
        let head =
            str::from_utf8(self.buffer.get(..end).unwrap_or_default()).context("a head that is not UTF-8")?;
        let mut lines = head.split("\r\n");
        let status =
            lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).and_then(|line| line.get(..3));
        self.answer.status =
            status.and_then(|status| status.parse().ok()).context("a head without a status")?;
        self.answer.content_type.clear();
        let mut length = Length::UntilClosed;
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                length = Length::Known(value.parse().context("content-length is no number")?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") && value.eq_ignore_ascii_case("chunked")
            {
                length = Length::Chunked;
            } else if name.eq_ignore_ascii_case("content-type") {
                value.clone_into(&mut self.answer.content_type);
            } else if name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case("close") {
                self.keep = false;
            }
        }
        self.buffer.drain(..end + 4);
        Ok(length)
    }

    async fn chunks(&mut self) -> Result<()> {
        loop {
            let end = self.find(b"\r\n").await?;
            let line = str::from_utf8(self.buffer.get(..end).unwrap_or_default()).unwrap_or_default();
            let size = line.split(';').next().unwrap_or_default().trim();
            let size =
                usize::from_str_radix(size, 16).with_context(|| format!("`{line}` is no chunk's size"))?;
            self.buffer.drain(..end + 2);
            while self.buffer.len() < size + 2 {
                self.read().await?;
            }
            self.take(size)?;
            ensure!(self.buffer.starts_with(b"\r\n"), "a chunk that is longer than its size");
            self.buffer.drain(..2);
            if size == 0 {
                return Ok(());
            }
        }
    }

    /// Moves `length` bytes from the buffer into the answer.
    fn take(&mut self, length: usize) -> Result<()> {
        let Some(piece) = self.buffer.get(..length) else {
            bail!("an answer that is shorter than its length")
        };
        self.answer.body.extend_from_slice(piece);
        self.buffer.drain(..length);
        Ok(())
    }

    /// Where `mark` begins in the buffer; reads until it does.
    async fn find(&mut self, mark: &[u8]) -> Result<usize> {
        loop {
            if let Some(at) = self.buffer.windows(mark.len()).position(|window| window == mark) {
                return Ok(at);
            }
            ensure!(self.buffer.len() < MAX_HEAD, "a head, or a chunk's size, without an end");
            self.read().await?;
        }
    }
}
