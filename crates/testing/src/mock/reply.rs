//! An answer under faults: first decided as a list of steps, then played.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, StatusCode, header};
use futures::Stream;
use tokio::time::{Sleep, sleep};

use super::fault::{At, BadBody, Break, Faults};
use super::gzip::Gzip;
use super::log::{Outcome, Recorder};
use super::socket::Fuse;

/// How long what was handed over gets to reach the peer before a reset.
const BEFORE_RESET: Duration = Duration::from_millis(20);

/// One event of a stream.
#[derive(Clone, Debug)]
pub struct Frame {
    when: When,
    bytes: Bytes,
}

/// What a frame is to those who count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Opens or closes something; no output by itself.
    Head,
    /// Output.
    Token,
    /// Ends the answer.
    Tail,
}

impl Frame {
    pub fn new(when: When, text: String) -> Self {
        Self { when, bytes: text.into() }
    }

    /// A frame that is not text.
    pub fn binary(when: When, bytes: Vec<u8>) -> Self {
        Self { when, bytes: bytes.into() }
    }

    #[cfg(test)]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }

    #[cfg(test)]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Something to do while answering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Send(Bytes),
    Wait(Duration),
    /// Never goes on.
    Hang,
    Reset,
}

/// The frames a format sends outside its answers.
pub struct Dialect {
    pub content_type: &'static str,
    /// The error frame, whole.
    pub error: Bytes,
    /// What keeps a silent stream open; empty where nothing does.
    pub ping: Bytes,
    /// A frame that cannot be read.
    pub garbage: Bytes,
    /// What stands before a frame's JSON.
    pub before: &'static str,
}

/// An answer, decided.
pub struct Reply {
    pub status: u16,
    pub content_type: &'static str,
    /// The header `x-amzn-errortype`.
    pub error_type: Option<&'static str>,
    pub steps: Vec<Step>,
    /// The body's length if it is known at the start.
    pub length: Option<usize>,
}

/// A body that is sent in one piece.
pub fn whole(body: impl Into<Bytes>, faults: &Faults) -> Reply {
    let body: Bytes = body.into();
    let length = Some(body.len());
    let half = body.slice(..body.len() / 2);
    let steps = match faults.breaks {
        Some((Break::Cut, _)) => vec![Step::Send(half), Step::Wait(BEFORE_RESET), Step::Reset],
        Some((Break::Stall, _)) => vec![Step::Send(half), Step::Hang],
        Some((Break::End, _)) => return Reply { length: None, ..json(vec![Step::Send(half)]) },
        Some((Break::Error | Break::Garbage, _)) | None => vec![Step::Send(body)],
    };
    Reply { length, ..json(steps) }
}

fn json(steps: Vec<Step>) -> Reply {
    Reply { status: 200, content_type: "application/json", error_type: None, steps, length: None }
}

/// A body that cannot be read.
pub fn bad(bad: BadBody, usual: &str, stream: Option<&Dialect>) -> Reply {
    let content_type = stream.map_or("application/json", |dialect| dialect.content_type);
    let body: Bytes = match (bad, stream) {
        (BadBody::Malformed, Some(dialect)) => dialect.garbage.clone(),
        (BadBody::Malformed, None) => "{\"id\":\"broken\",\"choices\":[{\"message\":".into(),
        (BadBody::Html, _) => {
            let page = "<!doctype html><title>502 Bad Gateway</title><h1>Bad Gateway</h1>\n";
            return Reply { content_type: "text/html", ..whole(page, &Faults::default()) };
        }
        (BadBody::Empty, _) => Bytes::new(),
        (BadBody::Truncated, _) => {
            let usual = format!("{}{usual}", stream.map_or("", |dialect| dialect.before));
            Bytes::copy_from_slice(usual.as_bytes().get(..usual.len() / 2).unwrap_or_default())
        }
    };
    let length = Some(body.len()).filter(|_| stream.is_none());
    Reply { content_type, length, ..json(vec![Step::Send(body)]) }
}

/// A stream of frames.
pub fn stream(frames: &[Frame], faults: &Faults, dialect: &Dialect) -> Reply {
    let mut steps = Vec::with_capacity(frames.len());
    let mut tokens = 0;
    let mut broken = None;
    for (number, frame) in frames.iter().enumerate() {
        let here = match (frame.when, faults.breaks) {
            (_, Some((_, At::Start))) => number == 0,
            (When::Token | When::Tail, Some((_, At::Head))) => true,
            (When::Token, Some((_, At::Token(count)))) => tokens == count,
            (When::Tail, Some((_, At::Token(_)))) => true,
            _ => false,
        };
        if here && broken.is_none() {
            broken = faults.breaks.map(|(how, _)| how);
            let goes_on = break_here(broken, dialect, &mut steps);
            if !goes_on {
                break;
            }
        }
        if frame.when == When::Token {
            let wait = if tokens == 0 { faults.first } else { faults.between };
            pause(wait, faults.ping, dialect, &mut steps);
            tokens += 1;
        }
        steps.push(Step::Send(frame.bytes.clone()));
    }
    Reply { content_type: dialect.content_type, ..json(steps) }
}

/// Says whether the stream goes on.
fn break_here(how: Option<Break>, dialect: &Dialect, steps: &mut Vec<Step>) -> bool {
    match how {
        None => return true,
        Some(Break::End) => {}
        Some(Break::Cut) => steps.extend([Step::Wait(BEFORE_RESET), Step::Reset]),
        Some(Break::Stall) => steps.push(Step::Hang),
        Some(Break::Error) => steps.push(Step::Send(dialect.error.clone())),
        Some(Break::Garbage) => {
            steps.push(Step::Send(dialect.garbage.clone()));
            return true;
        }
    }
    false
}

fn pause(wait: Option<Duration>, ping: Option<Duration>, dialect: &Dialect, steps: &mut Vec<Step>) {
    let Some(mut left) = wait else { return };
    if let Some(pace) = ping.filter(|pace| !pace.is_zero()) {
        while pace < left {
            steps.extend([Step::Wait(pace), Step::Send(dialect.ping.clone())]);
            left = left.saturating_sub(pace);
        }
    }
    steps.push(Step::Wait(left));
}

impl Reply {
    /// Cuts what is sent into pieces, whatever the frames and characters in it.
    pub fn trickle(&mut self, size: usize, pace: Duration) {
        let mut steps = Vec::new();
        for step in self.steps.drain(..) {
            let Step::Send(mut bytes) = step else {
                steps.push(step);
                continue;
            };
            while !bytes.is_empty() {
                steps.extend([Step::Send(bytes.split_to(size.min(bytes.len()))), Step::Wait(pace)]);
            }
        }
        self.steps = steps;
    }

    /// Compresses what is sent, piece by piece.
    pub fn gzip(&mut self) {
        let mut gzip = Gzip::new();
        for step in &mut self.steps {
            if let Step::Send(bytes) = step {
                *bytes = gzip.push(bytes).into();
            }
        }
        let complete = !self.steps.iter().any(|step| matches!(step, Step::Hang | Step::Reset));
        if complete {
            self.steps.push(Step::Send(gzip.finish().into()));
        }
        let sent = |step: &Step| if let Step::Send(bytes) = step { bytes.len() } else { 0 };
        self.length = self.length.map(|_| self.steps.iter().map(sent).sum());
    }

    /// The response, which plays the steps as it is read.
    pub fn respond(self, faults: &Faults, fuse: Fuse, mut recorder: Recorder) -> Response<Body> {
        recorder.status(self.status);
        let mut steps = self.steps;
        let at_once = match (self.length, &mut *steps) {
            (Some(length), [Step::Send(bytes)]) if bytes.len() == length => Some(std::mem::take(bytes)),
            _ => None,
        };
        let body = match at_once {
            Some(bytes) => {
                recorder.chunk();
                recorder.end(Outcome::Finished);
                Body::from(bytes)
            }
            None => Body::from_stream(Player { steps: steps.into_iter(), waiting: None, fuse, recorder }),
        };
        let mut response = Response::new(body);
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        let content_type = match faults.content_type.as_deref() {
            None => Some(HeaderValue::from_static(self.content_type)),
            Some("") => None,
            Some(other) => HeaderValue::from_str(other).ok(),
        };
        if let Some(content_type) = content_type {
            headers.insert(header::CONTENT_TYPE, content_type);
        }
        if let Some(length) = self.length {
            headers.insert(header::CONTENT_LENGTH, length.into());
        }
        if faults.gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if let Some(after) = faults.retry_after.as_deref().and_then(|after| HeaderValue::from_str(after).ok())
        {
            headers.insert(header::RETRY_AFTER, after);
        }
        if let Some(error_type) = self.error_type {
            headers.insert("x-amzn-errortype", HeaderValue::from_static(error_type));
        }
        headers.insert("x-request-id", HeaderValue::from_static("req_mock"));
        headers.insert("request-id", HeaderValue::from_static("req_mock"));
        response
    }
}

/// Plays steps as a body.
struct Player {
    steps: std::vec::IntoIter<Step>,
    waiting: Option<Pin<Box<Sleep>>>,
    fuse: Fuse,
    recorder: Recorder,
}

impl Stream for Player {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(waiting) = &mut self.waiting {
                if waiting.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                self.waiting = None;
            }
            match self.steps.next() {
                None => {
                    self.recorder.end(Outcome::Finished);
                    return Poll::Ready(None);
                }
                Some(Step::Send(bytes)) if bytes.is_empty() => {}
                Some(Step::Send(bytes)) => {
                    self.recorder.chunk();
                    return Poll::Ready(Some(Ok(bytes)));
                }
                Some(Step::Wait(time)) => self.waiting = Some(Box::pin(sleep(time))),
                Some(Step::Hang) => self.waiting = Some(Box::pin(sleep(Duration::MAX))),
                Some(Step::Reset) => {
                    self.recorder.end(Outcome::Reset);
                    self.fuse.blow();
                    return Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames() -> Vec<Frame> {
        [(When::Head, "H"), (When::Token, "1"), (When::Token, "2"), (When::Tail, "T")]
            .map(|(when, text)| Frame::new(when, text.into()))
            .to_vec()
    }

    fn played(clauses: &str) -> String {
        let faults = Faults::parse(clauses).unwrap();
        let dialect = Dialect {
            content_type: "x",
            error: "!".into(),
            ping: "p".into(),
            garbage: "?".into(),
            before: "",
        };
        let mut reply = stream(&frames(), &faults, &dialect);
        if let Some((size, pace)) = faults.trickle {
            reply.trickle(size, pace);
        }
        let step = |step: Step| match step {
            Step::Send(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            Step::Wait(_) => "~".into(),
            Step::Hang => "…".into(),
            Step::Reset => "x".into(),
        };
        reply.steps.into_iter().map(step).collect()
    }

    #[test]
    fn streams_break_where_they_are_told() {
        assert_eq!(played(""), "H12T");
        assert_eq!(played("error=0"), "!");
        assert_eq!(played("error=head"), "H!");
        assert_eq!(played("error=1"), "H1!");
        assert_eq!(played("end=9"), "H12");
        assert_eq!(played("cut=1"), "H1~x");
        assert_eq!(played("stall=0"), "…");
        assert_eq!(played("garbage=1"), "H1?2T");
    }

    #[test]
    fn tokens_wait() {
        assert_eq!(played("first=5"), "H~12T");
        assert_eq!(played("between=5"), "H1~2T");
        assert_eq!(played("first=5,ping=2"), "H~p~p~12T");
    }

    #[test]
    fn a_trickle_cuts_anywhere() {
        let mut reply = whole("é", &Faults::default());
        reply.trickle(1, Duration::ZERO);
        let sent = reply.steps.iter().filter(|step| matches!(step, Step::Send(_))).count();
        assert_eq!(sent, 2);
    }
}
