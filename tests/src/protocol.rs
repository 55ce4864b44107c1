//! The protocols of callers: how each asks, answers and fails.

use std::fmt;

use serde_json::{Value, json};

use crate::http::Answer;
use crate::sse::Event;

/// A protocol of callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// OpenAI Chat Completions.
    Chat,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Messages,
    /// Gemini `generateContent`.
    Gemini,
}

/// All of them.
pub const PROTOCOLS: [Protocol; 4] =
    [Protocol::Chat, Protocol::Responses, Protocol::Messages, Protocol::Gemini];

/// Those whose conversation is a list called `messages`.
pub const WITH_MESSAGES: [Protocol; 2] = [Protocol::Chat, Protocol::Messages];

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Protocol {
    /// Where it is served.
    pub fn path(self, model: &str, stream: bool) -> String {
        match self {
            Self::Chat => "/v1/chat/completions".to_owned(),
            Self::Responses => "/v1/responses".to_owned(),
            Self::Messages => "/v1/messages".to_owned(),
            Self::Gemini if stream => format!("/v1beta/models/{model}:streamGenerateContent?alt=sse"),
            Self::Gemini => format!("/v1beta/models/{model}:generateContent"),
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
            Self::Responses => json!({ "model": model, "input": text, "stream": stream, "store": false }),
            Self::Messages => {
                json!({ "model": model, "messages": messages, "max_tokens": 1000, "stream": stream })
            }
            Self::Gemini => json!({ "contents": [{ "role": "user", "parts": [{ "text": text }] }] }),
        }
    }

    /// Sets how many tokens an answer may have.
    pub fn limit(self, body: &mut Value, tokens: u32) {
        match self {
            Self::Chat | Self::Messages => body["max_tokens"] = tokens.into(),
            Self::Responses => body["max_output_tokens"] = tokens.into(),
            Self::Gemini => body["generationConfig"]["maxOutputTokens"] = tokens.into(),
        }
    }

    /// Offers one function.
    pub fn offer(self, body: &mut Value, name: &str, schema: &Value) {
        body["tools"] = match self {
            Self::Chat => json!([{ "type": "function", "function": { "name": name, "parameters": schema } }]),
            Self::Responses => {
                json!([{ "type": "function", "name": name, "parameters": schema, "strict": false }])
            }
            Self::Messages => json!([{ "name": name, "input_schema": schema }]),
            Self::Gemini => {
                json!([{ "functionDeclarations": [{ "name": name, "parametersJsonSchema": schema }] }])
            }
        };
    }

    /// The text of a whole answer.
    pub fn text(self, answer: &Value) -> String {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_else(|| panic!("no text: {answer}"));
        let text = |value: &Value| value["text"].as_str().map(ToOwned::to_owned);
        match self {
            Self::Chat => {
                let text = answer["choices"][0]["message"]["content"].as_str();
                text.unwrap_or_else(|| panic!("no text: {answer}")).to_owned()
            }
            Self::Responses => {
                let messages = list(&answer["output"]).into_iter().filter(|item| item["type"] == "message");
                messages.flat_map(|item| list(&item["content"])).filter_map(|part| text(&part)).collect()
            }
            Self::Messages => list(&answer["content"]).iter().filter_map(text).collect(),
            Self::Gemini => {
                let parts = list(&answer["candidates"][0]["content"]["parts"]);
                parts.iter().filter(|part| part["thought"] != true).filter_map(text).collect()
            }
        }
    }

    /// The tool calls of a whole answer: name and arguments.
    pub fn calls(self, answer: &Value) -> Vec<(String, Value)> {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let call = |name: &Value, arguments: &Value| {
            let arguments = match arguments {
                Value::String(text) => {
                    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
                }
                object => object.clone(),
            };
            (name.as_str().unwrap_or_else(|| panic!("no name: {answer}")).to_owned(), arguments)
        };
        match self {
            Self::Chat => list(&answer["choices"][0]["message"]["tool_calls"])
                .iter()
                .map(|item| call(&item["function"]["name"], &item["function"]["arguments"]))
                .collect(),
            Self::Responses => list(&answer["output"])
                .iter()
                .filter(|item| item["type"] == "function_call")
                .map(|item| call(&item["name"], &item["arguments"]))
                .collect(),
            Self::Messages => list(&answer["content"])
                .iter()
                .filter(|block| block["type"] == "tool_use")
                .map(|block| call(&block["name"], &block["input"]))
                .collect(),
            Self::Gemini => list(&answer["candidates"][0]["content"]["parts"])
                .iter()
                .filter(|part| part["functionCall"].is_object())
                .map(|part| call(&part["functionCall"]["name"], &part["functionCall"]["args"]))
                .collect(),
        }
    }

    /// All tokens a whole answer says were read, cached ones included, and written.
    pub fn usage(self, answer: &Value) -> (u64, u64) {
        let number = |value: &Value| value.as_u64().unwrap_or_default();
        match self {
            Self::Chat => {
                let usage = &answer["usage"];
                (number(&usage["prompt_tokens"]), number(&usage["completion_tokens"]))
            }
            Self::Responses => {
                let usage = &answer["usage"];
                (number(&usage["input_tokens"]), number(&usage["output_tokens"]))
            }
            Self::Messages => {
                let usage = &answer["usage"];
                let input = number(&usage["input_tokens"])
                    + number(&usage["cache_read_input_tokens"])
                    + number(&usage["cache_creation_input_tokens"]);
                (input, number(&usage["output_tokens"]))
            }
            Self::Gemini => {
                let usage = &answer["usageMetadata"];
                let output = number(&usage["candidatesTokenCount"]) + number(&usage["thoughtsTokenCount"]);
                (number(&usage["promptTokenCount"]), output)
            }
        }
    }

    /// Whether a whole answer says that the limit of output cut it short.
    pub fn is_cut_short(self, answer: &Value) -> bool {
        match self {
            Self::Chat => answer["choices"][0]["finish_reason"] == "length",
            Self::Responses => {
                answer["status"] == "incomplete"
                    && answer["incomplete_details"]["reason"] == "max_output_tokens"
            }
            Self::Messages => answer["stop_reason"] == "max_tokens",
            Self::Gemini => answer["candidates"][0]["finishReason"] == "MAX_TOKENS",
        }
    }

    /// The text of a stream.
    pub fn stream_text(self, events: &[Event]) -> String {
        let piece = |event: &Event| {
            if event.data == "[DONE]" {
                return None;
            }
            let data = event.json();
            match self {
                Self::Chat => data["choices"][0]["delta"]["content"].as_str().map(ToOwned::to_owned),
                Self::Responses => {
                    let is_text = data["type"] == "response.output_text.delta";
                    data["delta"].as_str().filter(|_| is_text).map(ToOwned::to_owned)
                }
                Self::Messages => data["delta"]["text"].as_str().map(ToOwned::to_owned),
                Self::Gemini => {
                    let parts = data["candidates"][0]["content"]["parts"].as_array()?;
                    let said = parts.iter().filter(|part| part["thought"] != true);
                    Some(said.filter_map(|part| part["text"].as_str()).collect())
                }
            }
        };
        events.iter().filter_map(piece).collect()
    }

    /// The code, type or status of an error.
    pub fn error(self, body: &Value) -> String {
        let name = match self {
            Self::Chat | Self::Responses => &body["error"]["code"],
            Self::Messages => {
                assert_eq!(body["type"], "error", "not an error of Messages: {body}");
                &body["error"]["type"]
            }
            Self::Gemini => &body["error"]["status"],
        };
        assert!(body["error"]["message"].is_string(), "no message: {body}");
        name.as_str().unwrap_or_else(|| panic!("no code: {body}")).to_owned()
    }

    /// Asserts that a stream came whole: opened, closed and ended as the protocol wants.
    pub fn expect_whole_stream(self, answer: &Answer) {
        let events = answer.events();
        assert!(!answer.broken, "the connection broke");
        let names_are_types = || {
            for event in &events {
                assert_eq!(event.name.as_deref(), event.json()["type"].as_str(), "event and type differ");
            }
        };
        let ends = |first: &str, last: &[&str]| {
            let names: Vec<_> = events.iter().filter_map(|event| event.name.as_deref()).collect();
            assert_eq!(names.first(), Some(&first));
            assert!(names.last().is_some_and(|name| last.contains(name)), "{names:?}");
        };
        match self {
            Self::Chat => {
                assert_eq!(events.last().map(|event| event.data.as_str()), Some("[DONE]"));
                let finish = events.iter().filter(|event| event.data != "[DONE]").map(Event::json);
                let finish = finish.filter(|data| data["choices"][0]["finish_reason"].is_string());
                assert_eq!(finish.count(), 1, "one finish_reason");
            }
            Self::Responses => {
                ends("response.created", &["response.completed", "response.incomplete"]);
                names_are_types();
                let numbers: Vec<_> =
                    events.iter().map(|event| event.json()["sequence_number"].as_u64()).collect();
                assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
            }
            Self::Messages => {
                ends("message_start", &["message_stop"]);
                names_are_types();
            }
            Self::Gemini => {
                let last = events.last().expect("events").json();
                assert!(last["candidates"][0]["finishReason"].is_string(), "the stream has no end: {last}");
            }
        }
    }

    /// The error frame a stream ends with.
    pub fn expect_stream_error(self, answer: &Answer) -> Value {
        let events = answer.events();
        let last = events.last().expect("events");
        let data = last.json();
        match self {
            Self::Chat | Self::Gemini => {
                assert!(data["error"].is_object(), "the last frame is no error: {data}");
            }
            Self::Responses | Self::Messages => {
                assert_eq!(last.name.as_deref(), Some("error"), "the last frame is no error: {data}");
                assert_eq!(data["type"], "error");
            }
        }
        let error = if self == Self::Responses { &data } else { &data["error"] };
        assert!(error["message"].is_string(), "no message: {data}");
        data
    }
}
