//! Server-sent events, read strictly: what a gateway sends must be plain.

use serde_json::Value;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its data.
    pub data: String,
}

impl Event {
    /// The data as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.data))
    }
}

/// The events of a whole stream; comments are left out.
pub fn events(body: &[u8]) -> Vec<Event> {
    // Gemini's lines end with CR LF.
    let text = std::str::from_utf8(body).expect("a stream of UTF-8").replace("\r\n", "\n");
    assert!(text.is_empty() || text.ends_with("\n\n"), "the stream ends within an event: {text:?}");
    text.split("\n\n").filter_map(event).collect()
}

/// The comments of a stream, such as heartbeats.
pub fn comments(body: &[u8]) -> usize {
    String::from_utf8_lossy(body).lines().filter(|line| line.starts_with(':')).count()
}

/// The lines of a stream that mean nothing: more empty ones than events have.
pub fn empty_lines(body: &[u8]) -> usize {
    let text = String::from_utf8_lossy(body).replace("\r\n", "\n");
    text.lines().filter(|line| line.is_empty()).count() - events(body).len()
}

fn event(block: &str) -> Option<Event> {
    let mut name = None;
    let mut data: Option<String> = None;
    for line in block.lines().filter(|line| !line.is_empty() && !line.starts_with(':')) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => name = Some(value.to_owned()),
            "data" => match &mut data {
                Some(data) => *data = format!("{data}\n{value}"),
                None => data = Some(value.to_owned()),
            },
            _ => panic!("unexpected line in a stream: {line:?}"),
        }
    }
    data.map(|data| Event { name, data })
}
