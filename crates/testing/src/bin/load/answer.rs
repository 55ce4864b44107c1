//! What an answer must be.

use anyhow::{Result, ensure};
use serde::de::IgnoredAny;

/// What ends a stream, by protocol.
const ENDS: [&str; 2] = ["data: [DONE]", "data: {\"type\":\"message_stop\"}"];

/// A whole answer.
#[derive(Debug, Default)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The content type, as it came.
    pub content_type: String,
    /// The body, without chunk sizes.
    pub body: Vec<u8>,
}

/// What is wanted of every answer.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// A stream of at least so many events, which says that it has ended.
    Events(usize),
    /// JSON with this text in it.
    Json(String),
}

impl Wanted {
    /// Checks `answer`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn check(&self, answer: &Answer) -> Result<()> {
        let text = String::from_utf8_lossy(&answer.body);
        let start = || text.chars().take(300).collect::<String>();
        ensure!(answer.status == 200, "status {}: {}", answer.status, start());
        match self {
            Self::Events(least) => {
                let events = text.lines().filter(|line| line.starts_with("data:")).count();
                ensure!(
                    answer.content_type.starts_with("text/event-stream"),
                    "no stream: {}",
                    answer.content_type
                );
                ensure!(*least <= events, "a stream of {events} events where {least} are due");
                let last = text.trim_end().lines().next_back().unwrap_or_default();
                ensure!(ENDS.contains(&last), "a stream that ends with `{last}`");
            }
            Self::Json(contained) => {
                serde_json::from_slice::<IgnoredAny>(&answer.body)?;
                ensure!(text.contains(contained.as_str()), "no `{contained}` in {}", start());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(body: &str) -> Answer {
        Answer { status: 200, content_type: "text/event-stream; charset=utf-8".into(), body: body.into() }
    }

    #[test]
    fn a_stream_must_be_whole() {
        let wanted = Wanted::Events(2);
        assert!(wanted.check(&stream("data: {}\n\ndata: [DONE]\n\n")).is_ok());
        assert!(wanted.check(&stream("data: {}\n\ndata: {}\n\n")).is_err());
        assert!(wanted.check(&stream("data: [DONE]\n\n")).is_err());
    }

    #[test]
    fn json_must_be_json() {
        let answer = |body: &str| Answer { status: 200, content_type: String::new(), body: body.into() };
        let wanted = Wanted::Json("yes".into());
        assert!(wanted.check(&answer("{\"a\":\"yes\"}")).is_ok());
        assert!(wanted.check(&answer("{\"a\":\"yes\"")).is_err());
        assert!(wanted.check(&answer("{\"a\":\"no\"}")).is_err());
    }
}
