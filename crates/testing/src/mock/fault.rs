//! What can go wrong, said by the request: `http://HOST/f/status=429,retry-after=2/v1/…` for a base URL that always
//! fails so, or `[[fault status=429]]` in the last user text for one request.
//!
//! | clause | effect |
//! |---|---|
//! | `status=N` | answers with this status and the provider's error body |
//! | `code=X` | the error's code (OpenAI) or type (Anthropic), also of `error=` and `error200` |
//! | `retry-after=S` | that header |
//! | `body=malformed\|html\|empty\|truncated` | a body that cannot be read, with status 200 unless `status` says otherwise |
//! | `delay=MS` | waits before the headers |
//! | `first=MS` | waits after the headers and the opening frames, before the first token |
//! | `between=MS` | waits before each further token |
//! | `ping=MS` | sends pings (or comments) at this pace while `first` and `between` wait |
//! | `cut=N` | resets the connection after N tokens |
//! | `end=N` | ends cleanly after N tokens, without the terminal marker |
//! | `error=N` | an error frame after N tokens, in a 200 stream |
//! | `garbage=N` | a frame that is not JSON after N tokens |
//! | `stall=N` | sends nothing more after N tokens, for ever |
//! | `error200` | status 200 with an error object |
//! | `trickle=BYTES,MS` | cuts the body into pieces of this size, at this pace |
//! | `reset` | closes the socket without an answer |
//! | `ctype=X` | another content type: `json`, `sse`, `html`, `text`, `none`, or any, percent-encoded |
//! | `whole` | a whole answer to a request for a stream |
//! | `gzip` | a compressed body, asked for or not |
//! | `usage=late\|none` | input counts only at the end; no usage at all |
//! | `floats` | embeddings are lists of numbers whatever was asked |
//! | `times=K` | only the first K requests of this `id` fail, later ones are normal; refused without one |
//! | `id=NAME` | a name for `times` and for `/_log?id=NAME`; `[[id NAME]]` in the text is one too |
//!
//! Tokens are counted from the first text, thinking or tool-argument delta. `N` = 0 is before the first frame of
//! all, `head` after the opening frames but before the first token, and a number beyond the last token is before
//! the closing frames. In an answer that is not streamed, `cut`, `stall` and `end` act in the middle of the body,
//! `error` is `error200`, and `garbage` is `body=malformed`.

use std::time::Duration;

/// What goes wrong with one answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// A name to count and to log by.
    pub id: Option<String>,
    /// How many requests fail before the rest are answered normally.
    pub times: Option<u32>,
    /// The status to answer with.
    pub status: Option<u16>,
    /// The error's code or type.
    pub code: Option<String>,
    /// The `retry-after` header.
    pub retry_after: Option<String>,
    /// A body that cannot be read.
    pub body: Option<BadBody>,
    /// The wait before the headers.
    pub delay: Option<Duration>,
    /// The wait before the first token.
    pub first: Option<Duration>,
    /// The wait before each further token.
    pub between: Option<Duration>,
    /// The pace of pings while waiting.
    pub ping: Option<Duration>,
    /// How the stream breaks, and where.
    pub breaks: Option<(Break, At)>,
    /// A 200 that is an error.
    pub error200: bool,
    /// Pieces of so many bytes, so far apart.
    pub trickle: Option<(usize, Duration)>,
    /// No answer, a closed socket.
    pub reset: bool,
    /// Another content type; empty for none.
    pub content_type: Option<String>,
    /// A whole answer whatever was asked.
    pub whole: bool,
    /// A compressed body.
    pub gzip: bool,
    /// Where usage is told.
    pub usage: UsageAt,
    /// Embeddings as numbers whatever was asked.
    pub floats: bool,
}

/// How a body cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadBody {
    /// Not JSON.
    Malformed,
    /// A page for people.
    Html,
    /// Nothing.
    Empty,
    /// The first half, then a clean end.
    Truncated,
}

/// How a stream breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// The connection is reset.
    Cut,
    /// A clean end that comes too early.
    End,
    /// An error frame.
    Error,
    /// A frame that cannot be read.
    Garbage,
    /// Silence.
    Stall,
}

/// Where a stream breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Before the first frame.
    Start,
    /// After the opening frames.
    Head,
    /// After so many tokens.
    Token(usize),
}

/// Where usage is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UsageAt {
    /// As the provider does.
    #[default]
    Usual,
    /// Input counts at the end only.
    Late,
    /// Nowhere.
    Nowhere,
}

impl Faults {
    /// Reads clauses joined by commas.
    ///
    /// # Errors
    ///
    /// What is wrong with the first clause that cannot be read.
    pub fn parse(clauses: &str) -> Result<Self, String> {
        let mut faults = Self::default();
        for clause in split(clauses) {
            let (name, value) = clause.split_once('=').unwrap_or((&clause, ""));
            faults.set(name, value).map_err(|why| format!("mock: clause `{clause}`: {why}"))?;
        }
        Ok(faults)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "id" => self.id = Some(value.into()),
            "times" => self.times = Some(number(value)?),
            "status" => self.status = Some(number(value)?),
            "code" => self.code = Some(value.into()),
            "retry-after" => self.retry_after = Some(value.into()),
            "body" => self.body = Some(bad_body(value)?),
            "delay" => self.delay = Some(millis(value)?),
            "first" => self.first = Some(millis(value)?),
            "between" => self.between = Some(millis(value)?),
            "ping" => self.ping = Some(millis(value)?),
            "cut" => self.breaks = Some((Break::Cut, at(value)?)),
            "end" => self.breaks = Some((Break::End, at(value)?)),
            "error" => self.breaks = Some((Break::Error, at(value)?)),
            "garbage" => self.breaks = Some((Break::Garbage, at(value)?)),
            "stall" => self.breaks = Some((Break::Stall, at(value)?)),
            "error200" => self.error200 = true,
            "trickle" => {
                let (bytes, pace) = value.split_once(',').ok_or("wants BYTES,MS")?;
                self.trickle = Some((number::<usize>(bytes)?.max(1), millis(pace)?));
            }
            "reset" => self.reset = true,
            "ctype" => self.content_type = Some(content_type(value)),
            "whole" => self.whole = true,
            "gzip" => self.gzip = true,
            "usage" => self.usage = usage_at(value)?,
            "floats" => self.floats = true,
            _ => return Err("no such clause".into()),
        }
        Ok(())
    }
}

/// Clauses are split at commas; a piece of digits only belongs to the clause before it, as in `trickle=3,5`.
fn split(clauses: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for piece in clauses.split(',').map(str::trim).filter(|piece| !piece.is_empty()) {
        match all.last_mut() {
            Some(last) if piece.bytes().all(|byte| byte.is_ascii_digit()) => {
                last.push(',');
                last.push_str(piece);
            }
            _ => all.push(piece.into()),
        }
    }
    all
}

fn number<T: std::str::FromStr>(value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("`{value}` is not a number"))
}

fn millis(value: &str) -> Result<Duration, String> {
    number(value).map(Duration::from_millis)
}

fn at(value: &str) -> Result<At, String> {
    Ok(match value {
        "0" => At::Start,
        "head" => At::Head,
        _ => At::Token(number(value)?),
    })
}

fn bad_body(value: &str) -> Result<BadBody, String> {
    Ok(match value {
        "malformed" => BadBody::Malformed,
        "html" => BadBody::Html,
        "empty" => BadBody::Empty,
        "truncated" => BadBody::Truncated,
        _ => return Err("wants malformed, html, empty or truncated".into()),
    })
}

fn usage_at(value: &str) -> Result<UsageAt, String> {
    Ok(match value {
        "late" => UsageAt::Late,
        "none" => UsageAt::Nowhere,
        _ => return Err("wants late or none".into()),
    })
}

fn content_type(value: &str) -> String {
    match value {
        "json" => "application/json",
        "sse" => "text/event-stream",
        "html" => "text/html",
        "text" => "text/plain",
        "none" => "",
        other => other,
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_compose() {
        let faults = Faults::parse("status=429,retry-after=2,times=1,id=a").unwrap();
        assert_eq!(faults.status, Some(429));
        assert_eq!(faults.retry_after.as_deref(), Some("2"));
        assert_eq!((faults.times, faults.id.as_deref()), (Some(1), Some("a")));
    }

    #[test]
    fn a_value_may_hold_a_comma() {
        let faults = Faults::parse("trickle=3,5,gzip").unwrap();
        assert_eq!(faults.trickle, Some((3, Duration::from_millis(5))));
        assert!(faults.gzip);
    }

    #[test]
    fn zero_is_before_the_first_frame() {
        assert_eq!(Faults::parse("cut=0").unwrap().breaks, Some((Break::Cut, At::Start)));
        assert_eq!(Faults::parse("error=head").unwrap().breaks, Some((Break::Error, At::Head)));
        assert_eq!(Faults::parse("stall=2").unwrap().breaks, Some((Break::Stall, At::Token(2))));
    }

    #[test]
    fn unknown_clauses_are_named() {
        assert_eq!(Faults::parse("cutt=1").unwrap_err(), "mock: clause `cutt=1`: no such clause");
    }
}
