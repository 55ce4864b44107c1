//! The two protocols of callers: how each asks, answers and fails.

use std::fmt;

use serde_json::{Value, json};

use crate::http::Answer;
use crate::sse::Event;

/// A protocol of callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// OpenAI Chat Completions.
    Chat,
    /// Anthropic Messages.
    Messages,
}

/// Both.
pub const PROTOCOLS: [Protocol; 2] = [Protocol::Chat, Protocol::Messages];

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path())
    }
}

impl Protocol {
    /// Where it is served.
    pub fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Messages => "/v1/messages",
        }
    }

    /// A request with one user text. Streams ask for usage.
    pub fn ask(self, model: &str, text: &str, stream: bool) -> Value {
        let messages = json!([{ "role": "user", "content": text }]);
        match self {
            Self::Chat if stream => {
                json!({ "model": model, "messages": messages, "stream": true, "stream_options": { "include_usage": true } })
            }
            Self::Chat => json!({ "model": model, "messages": messages }),
            Self::Messages => {
                json!({ "model": model, "messages": messages, "max_tokens": 1000, "stream": stream })
            }
        }
    }

    /// The text of a whole answer.
    pub fn text(self, answer: &Value) -> String {
        let text = match self {
            Self::Chat => &answer["choices"][0]["message"]["content"],
            Self::Messages => {
                let blocks = answer["content"].as_array().unwrap_or_else(|| panic!("no content: {answer}"));
                return blocks.iter().filter_map(|block| block["text"].as_str()).collect();
            }
        };
        text.as_str().unwrap_or_else(|| panic!("no text: {answer}")).to_owned()
    }

    /// The text of a stream.
    pub fn stream_text(self, events: &[Event]) -> String {
        let piece = |event: &Event| {
            if event.data == "[DONE]" {
                return None;
            }
            let data = event.json();
            let text = match self {
                Self::Chat => &data["choices"][0]["delta"]["content"],
                Self::Messages => &data["delta"]["text"],
            };
            text.as_str().map(ToOwned::to_owned)
        };
        events.iter().filter_map(piece).collect()
    }

    /// The code or type of an error.
    pub fn error(self, body: &Value) -> String {
        let name = match self {
            Self::Chat => &body["error"]["code"],
            Self::Messages => {
                assert_eq!(body["type"], "error", "not an error of Messages: {body}");
                &body["error"]["type"]
            }
        };
        assert!(body["error"]["message"].is_string(), "no message: {body}");
        name.as_str().unwrap_or_else(|| panic!("no code: {body}")).to_owned()
    }

    /// Asserts that a stream came whole: opened, closed and ended as the protocol wants.
    pub fn expect_whole_stream(self, answer: &Answer) {
        let events = answer.events();
        assert!(!answer.broken, "the connection broke");
        match self {
            Self::Chat => {
                assert_eq!(events.last().map(|event| event.data.as_str()), Some("[DONE]"));
                let finish = events.iter().filter(|event| event.data != "[DONE]").map(Event::json);
                let finish = finish.filter(|data| data["choices"][0]["finish_reason"].is_string());
                assert_eq!(finish.count(), 1, "one finish_reason");
            }
            Self::Messages => {
                let names: Vec<_> = events.iter().filter_map(|event| event.name.clone()).collect();
                assert_eq!(names.first().map(String::as_str), Some("message_start"));
                assert_eq!(names.last().map(String::as_str), Some("message_stop"));
                for event in &events {
                    assert_eq!(event.name.as_deref(), event.json()["type"].as_str(), "event and type differ");
                }
            }
        }
    }

    /// The error frame a stream ends with.
    pub fn expect_stream_error(self, answer: &Answer) -> Value {
        let events = answer.events();
        let last = events.last().expect("events");
        let data = last.json();
        match self {
            Self::Chat => assert!(data["error"].is_object(), "the last frame is no error: {data}"),
            Self::Messages => {
                assert_eq!(last.name.as_deref(), Some("error"), "the last frame is no error: {data}");
                assert_eq!(data["type"], "error");
            }
        }
        data
    }
}
