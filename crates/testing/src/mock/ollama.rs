//! Ollama: `POST /api/chat` and `GET /api/tags`.
//!
//! Stricter than the server in one thing: a tool's result must name a tool that was called.

use axum::http::HeaderMap;
use serde_json::{Map, Value, json};

use super::answer::{self, Answer, Kind, Part, Stop};
use super::ask::{Ask, Tool, hash, quote};
use super::check::{self, Checked, ensure, refuse};
use super::fault::UsageAt;
use super::reply::{Frame, When};

const KNOWN: &[&str] = &[
    "model",
    "messages",
    "tools",
    "format",
    "options",
    "stream",
    "keep_alive",
    "think",
    "truncate",
    "shift",
    "logprobs",
    "top_logprobs",
];

/// Options whose value is a number.
const NUMBERS: &[&str] = &[
    "num_predict",
    "num_ctx",
    "temperature",
    "top_p",
    "top_k",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "repeat_penalty",
    "min_p",
];

/// Checks a request and says what it asks for.
pub fn read(headers: &HeaderMap, body: &[u8]) -> Checked<Ask> {
    check::headers(headers, &["anthropic-", "x-api-key", "cf-aig-"])?;
    let object = check::object(body)?;
    check::known_members(&object, KNOWN, "")?;
    let mut ask =
        Ask { model: check::model(&object)?, seed: hash(body), parallel: true, count: 1, ..Ask::default() };
    ask.stream = match object.get("stream") {
        None => true,
        Some(Value::Bool(stream)) => *stream,
        Some(other) => return refuse("stream", format!("cannot unmarshal {other} into stream of type bool")),
    };
    ask.think = match object.get("think") {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::Bool(true)) => true,
        Some(Value::String(level)) if ["low", "medium", "high"].contains(&level.as_str()) => true,
        Some(other) => return refuse("think", format!("invalid think value: {other}")),
    };
    ask.schema = match object.get("format") {
        None | Some(Value::Null) => None,
        Some(Value::String(word)) if word == "json" => Some(Value::Null),
        Some(schema @ Value::Object(_)) => Some(schema.clone()),
        Some(other) => {
            return refuse("format", format!("invalid format: {other}; expected \"json\" or a schema"));
        }
    };
    read_options(&object, &mut ask)?;
    read_tools(&object, &mut ask)?;
    let Some(messages) = object.get("messages").and_then(Value::as_array).filter(|all| !all.is_empty())
    else {
        return refuse("messages", "mock: no messages: the server would only load the model");
    };
    read_messages(messages, &mut ask)?;
    Ok(ask)
}

fn read_options(object: &Map<String, Value>, ask: &mut Ask) -> Checked {
    let Some(options) = object.get("options") else { return Ok(()) };
    let Some(options) = options.as_object() else { return refuse("options", "invalid options: no object") };
    for (name, value) in options {
        let fine = match name.as_str() {
            "stop" => value.as_array().is_some_and(|all| all.iter().all(Value::is_string)),
            name => NUMBERS.contains(&name) && value.is_number(),
        };
        ensure(fine, "options", || format!("invalid options: {name}"))?;
    }
    ask.max_tokens = options.get("num_predict").and_then(Value::as_u64);
    let stop = options.get("stop").and_then(Value::as_array).into_iter().flatten();
    ask.stop = stop.filter_map(Value::as_str).map(Into::into).collect();
    Ok(())
}

fn read_tools(object: &Map<String, Value>, ask: &mut Ask) -> Checked {
    let tools = object.get("tools").and_then(Value::as_array).into_iter().flatten();
    for (at, tool) in tools.enumerate() {
        let path = format!("tools[{at}]");
        let name = tool.pointer("/function/name").and_then(Value::as_str).unwrap_or_default();
        let schema = tool.pointer("/function/parameters").filter(|schema| schema.is_object());
        let fine = tool.get("type").and_then(Value::as_str) == Some("function") && !name.is_empty();
        ensure(fine, &path, || format!("mock: {path} is no function"))?;
        let Some(schema) = schema else { return refuse(&path, format!("mock: {path} has no parameters")) };
        ask.characters += tool.to_string().len();
        ask.tools.push(Tool { name: name.into(), schema: schema.clone() });
    }
    Ok(())
}

fn read_messages(messages: &[Value], ask: &mut Ask) -> Checked {
    let mut called: Vec<String> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let path = format!("messages[{at}]");
        let empty = Map::new();
        let message = message.as_object().unwrap_or(&empty);
        let Some(text) = message.get("content").and_then(Value::as_str) else {
            return refuse(&path, format!("json: cannot unmarshal {path}.content into a string"));
        };
        ask.characters += text.chars().count();
        ask.messages += 1;
        read_images(message, &path, ask)?;
        match message.get("role").and_then(Value::as_str) {
            Some("system") => {
                check::known_members(message, &["role", "content"], &path)?;
                let line = if ask.system.is_empty() { "" } else { "\n" };
                ask.system.push_str(line);
                ask.system.push_str(text);
            }
            Some("user") => {
                check::known_members(message, &["role", "content", "images"], &path)?;
                ask.prompt = text.into();
                ask.results.clear();
            }
            Some("assistant") => {
                check::known_members(
                    message,
                    &["role", "content", "thinking", "images", "tool_calls"],
                    &path,
                )?;
                ask.results.clear();
                read_calls(message, &path, &mut called)?;
            }
            Some("tool") => {
                check::known_members(message, &["role", "content", "tool_name", "tool_call_id"], &path)?;
                let tool = message.get("tool_name").and_then(Value::as_str).unwrap_or_default();
                ensure(called.iter().any(|name| name == tool), &path, || {
                    format!("mock: {path}.tool_name `{tool}` was not called")
                })?;
                ask.results.push(text.into());
            }
            other => return refuse(&path, format!("invalid role: {other:?}")),
        }
    }
    Ok(())
}

fn read_images(message: &Map<String, Value>, path: &str, ask: &mut Ask) -> Checked {
    for image in message.get("images").and_then(Value::as_array).into_iter().flatten() {
        let data = image.as_str().unwrap_or_default();
        ensure(check::is_base64(data), path, || format!("illegal base64 data in {path}.images"))?;
        ask.images.push(format!("image ({})", data.len()));
        ask.characters += 340;
    }
    Ok(())
}

fn read_calls(message: &Map<String, Value>, path: &str, called: &mut Vec<String>) -> Checked {
    for call in message.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
        let name = call.pointer("/function/name").and_then(Value::as_str).unwrap_or_default();
        let fine = !name.is_empty() && call.pointer("/function/arguments").is_some_and(Value::is_object);
        ensure(fine, path, || format!("json: cannot unmarshal {path}.tool_calls: arguments are an object"))?;
        called.push(name.into());
    }
    Ok(())
}

/// The whole answer.
pub fn json(ask: &Ask, answer: &Answer, usage: UsageAt) -> String {
    let text = |wanted: fn(&Kind) -> bool| {
        let parts = answer.parts.iter().filter(|part| wanted(&part.kind));
        parts.map(Part::text).collect::<String>()
    };
    let content = text(|kind| matches!(kind, Kind::Text | Kind::Refusal));
    let thinking = text(|kind| matches!(kind, Kind::Thinking));
    let mut message = format!(r#"{{"role":"assistant","content":{}"#, quote(&content));
    if !thinking.is_empty() {
        message.push_str(&format!(r#","thinking":{}"#, quote(&thinking)));
    }
    let calls: Vec<String> = answer.parts.iter().filter_map(|part| call(ask, part)).collect();
    if !calls.is_empty() {
        message.push_str(&format!(r#","tool_calls":[{}]"#, calls.join(",")));
    }
    format!("{},{}}}", line(ask, &format!("{message}}}")), end(answer, usage))
}

/// The answer as a stream, a line a token.
pub fn frames(ask: &Ask, answer: &Answer, usage: UsageAt) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut push = |when, message: &str| {
        frames.push(Frame::new(when, format!("{},\"done\":false}}\n", line(ask, message))));
    };
    for part in &answer.parts {
        if let Some(call) = call(ask, part) {
            push(When::Token, &format!(r#"{{"role":"assistant","content":"","tool_calls":[{call}]}}"#));
            continue;
        }
        for token in part.tokens.iter().map(|token| quote(token)) {
            match part.kind {
                Kind::Thinking => {
                    push(When::Token, &format!(r#"{{"role":"assistant","content":"","thinking":{token}}}"#));
                }
                Kind::Text | Kind::Refusal => {
                    push(When::Token, &format!(r#"{{"role":"assistant","content":{token}}}"#));
                }
                Kind::Redacted | Kind::Call { .. } => {}
            }
        }
    }
    let last = line(ask, r#"{"role":"assistant","content":""}"#);
    frames.push(Frame::new(When::Tail, format!("{last},{}}}\n", end(answer, usage))));
    frames
}

/// A line up to its message.
fn line(ask: &Ask, message: &str) -> String {
    // No two answers are of the same moment.
    let nanos = ask.seed % 1_000_000_000;
    format!(
        r#"{{"model":{},"created_at":"2026-01-02T00:00:00.{nanos:09}Z","message":{message}"#,
        quote(&ask.model)
    )
}

/// The members that end an answer.
fn end(answer: &Answer, usage: UsageAt) -> String {
    let reason = if answer.stop == Stop::Length { "length" } else { "stop" };
    let counts = match usage {
        UsageAt::Nowhere => String::new(),
        UsageAt::Usual | UsageAt::Late => format!(
            r#","total_duration":1000000,"prompt_eval_count":{},"eval_count":{}"#,
            answer.usage.input, answer.usage.output
        ),
    };
    format!(r#""done":true,"done_reason":"{reason}"{counts}"#)
}

/// A call; every other one has an id, as servers of different ages have it.
fn call(ask: &Ask, part: &Part) -> Option<String> {
    let Kind::Call { name, number } = &part.kind else { return None };
    let function = json!({ "name": name, "arguments": answer::arguments(part) });
    let call = match number % 2 {
        0 => json!({ "function": function }),
        _ => json!({ "id": format!("call_{:08x}{number}", ask.seed & 0xffff_ffff), "function": function }),
    };
    Some(call.to_string())
}

/// The models that are there.
pub fn tags(headers: &HeaderMap) -> Checked<String> {
    check::headers(headers, &["anthropic-", "x-api-key", "cf-aig-"])?;
    let model =
        |name: &str| json!({ "name": name, "model": name, "modified_at": "2026-01-02T00:00:00Z", "size": 1 });
    Ok(json!({ "models": [model("mock-large"), model("mock-small")] }).to_string())
}

/// An error's body.
pub fn error(message: &str) -> String {
    format!(r#"{{"error":{}}}"#, quote(message))
}

#[cfg(test)]
mod tests {
    use super::super::answer::answer;
    use super::*;

    fn reading(body: &Value) -> Checked<Ask> {
        read(&HeaderMap::new(), body.to_string().as_bytes())
    }

    fn fault(member: &str, value: Value) -> String {
        let mut body = json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }] });
        body[member] = value;
        reading(&body).unwrap_err().message
    }

    #[test]
    fn it_streams_unless_it_is_told_not_to() {
        let body = |stream: Value| json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }], "stream": stream });
        assert!(
            reading(&json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }] }))
                .unwrap()
                .stream
        );
        assert!(!reading(&body(json!(false))).unwrap().stream);
    }

    #[test]
    fn other_dialects_are_refused() {
        assert!(fault("max_tokens", json!(5)).contains("max_tokens"));
        assert!(fault("options", json!({ "max_tokens": 5 })).contains("max_tokens"));
        assert!(fault("think", json!("huge")).contains("think"));
        let parts = json!([{ "role": "user", "content": [{ "type": "text", "text": "hi" }] }]);
        assert!(fault("messages", parts).contains("into a string"));
        let called = json!([{ "role": "assistant", "content": "", "tool_calls": [
            { "function": { "name": "f", "arguments": "{}" } }] }]);
        assert!(fault("messages", called).contains("arguments are an object"));
        let orphan = json!([{ "role": "tool", "content": "1", "tool_name": "f" }]);
        assert!(fault("messages", orphan).contains("was not called"));
    }

    #[test]
    fn a_stream_and_a_whole_answer_say_the_same() {
        let body = json!({ "model": "m", "messages": [{ "role": "user", "content": "say é [[think]]" }] });
        let ask = reading(&body).unwrap();
        let answer = answer(&ask);
        let whole: Value = serde_json::from_str(&json(&ask, &answer, UsageAt::Usual)).unwrap();
        let (mut text, mut thinking, mut last) = (String::new(), String::new(), Value::Null);
        for frame in frames(&ask, &answer, UsageAt::Usual) {
            last = serde_json::from_str(frame.text()).unwrap();
            text += last["message"]["content"].as_str().unwrap();
            thinking += last["message"]["thinking"].as_str().unwrap_or_default();
        }
        assert_eq!(whole["message"]["content"], text);
        assert_eq!(whole["message"]["thinking"], thinking);
        assert_eq!((&whole["done"], &whole["eval_count"]), (&last["done"], &last["eval_count"]));
    }
}
