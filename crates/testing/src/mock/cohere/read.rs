//! Chat requests, checked as the provider checks them.

use axum::http::HeaderMap;
use serde_json::{Map, Value};

use crate::mock::ask::{Ask, Choice, Tool, hash};
use crate::mock::check::{self, Checked, Refusal, ensure, refuse};

const KNOWN: &[&str] = &[
    "model",
    "messages",
    "stream",
    "tools",
    "strict_tools",
    "documents",
    "citation_options",
    "response_format",
    "safety_mode",
    "max_tokens",
    "stop_sequences",
    "temperature",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "k",
    "p",
    "logprobs",
    "tool_choice",
    "thinking",
    "priority",
];

/// Checks a request and says what it asks for.
pub fn read(headers: &HeaderMap, body: &[u8]) -> Checked<Ask> {
    authenticate(headers)?;
    let object = check::object(body)?;
    check::known_members(&object, KNOWN, "")?;
    let mut ask = Ask {
        model: model(&object)?,
        stream: object.get("stream").and_then(Value::as_bool).unwrap_or(false),
        include_usage: true,
        parallel: true,
        count: 1,
        seed: hash(body),
        ..Ask::default()
    };
    read_options(&object, &mut ask)?;
    read_tools(&object, &mut ask)?;
    read_messages(list(&object, "messages"), &mut ask)?;
    Ok(ask)
}

/// The credential and the other headers.
pub fn authenticate(headers: &HeaderMap) -> Checked {
    check::headers(headers, &["anthropic-", "openai-", "x-api-key", "cf-aig-", "x-amz-"])?;
    match check::bearer(headers) {
        Some(_) => Ok(()),
        None => Err(Refusal { status: 401, message: "no api key supplied".into(), param: None, code: None }),
    }
}

/// The model's name. Names beginning with `missing` do not exist.
pub fn model(object: &Map<String, Value>) -> Checked<String> {
    let model = check::model(object);
    model.map_err(|refusal| match refusal.status {
        404 => Refusal {
            message: "model 'missing' not found, make sure the correct model ID was used and that you have access to the model."
                .into(),
            ..refusal
        },
        _ => refusal,
    })
}

fn list<'v>(object: &'v Map<String, Value>, name: &str) -> &'v [Value] {
    object.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn read_options(object: &Map<String, Value>, ask: &mut Ask) -> Checked {
    for (name, least, most) in [
        ("temperature", 0.0, f64::MAX),
        ("p", 0.01, 0.99),
        ("k", 0.0, 500.0),
        ("frequency_penalty", 0.0, 1.0),
        ("presence_penalty", 0.0, 1.0),
        ("max_tokens", 1.0, f64::MAX),
    ] {
        let Some(value) = object.get(name) else { continue };
        let fine = value.as_f64().is_some_and(|value| (least..=most).contains(&value));
        ensure(fine, name, || {
            format!("invalid request: {name} must be between {least} and {most} inclusive.")
        })?;
    }
    ask.max_tokens = object.get("max_tokens").and_then(Value::as_u64);
    let stop = list(object, "stop_sequences");
    ensure(stop.len() <= 5, "stop_sequences", || "invalid request: at most 5 stop sequences.".into())?;
    ask.stop = stop.iter().filter_map(Value::as_str).map(Into::into).collect();
    if let Some(thinking) = object.get("thinking") {
        let kind = thinking.get("type").and_then(Value::as_str).unwrap_or_default();
        let budget = thinking.get("token_budget").is_none_or(|budget| budget.as_u64().is_some_and(|n| 0 < n));
        ensure(["enabled", "disabled"].contains(&kind) && budget, "thinking", || {
            "invalid request: thinking.".into()
        })?;
        ask.think = kind == "enabled";
    }
    let Some(format) = object.get("response_format") else { return Ok(()) };
    ensure(!object.contains_key("tools"), "response_format", || {
        "invalid request: response_format is not supported with tools.".into()
    })?;
    match format.get("type").and_then(Value::as_str) {
        Some("text") => {}
        Some("json_object") => ask.schema = Some(format.get("json_schema").cloned().unwrap_or_default()),
        other => return refuse("response_format", format!("invalid request: unknown type {other:?}.")),
    }
    Ok(())
}

fn read_tools(object: &Map<String, Value>, ask: &mut Ask) -> Checked {
    for (at, tool) in list(object, "tools").iter().enumerate() {
        let path = format!("tools[{at}]");
        let name = tool.pointer("/function/name").and_then(Value::as_str).unwrap_or_default();
        let schema = tool.pointer("/function/parameters").filter(|schema| schema.is_object());
        let typed = tool.get("type").is_some_and(|kind| kind == "function");
        let (Some(schema), true) = (schema, typed && check::is_tool_name(name, 64)) else {
            return refuse(&path, format!("invalid request: {path} must be a function with parameters."));
        };
        ask.characters += tool.to_string().len();
        ask.tools.push(Tool { name: name.into(), schema: schema.clone() });
    }
    ask.choice = match object.get("tool_choice").and_then(Value::as_str) {
        None => Choice::Auto,
        Some("REQUIRED") => Choice::Any,
        Some("NONE") => Choice::None,
        Some(other) => return refuse("tool_choice", format!("invalid request: tool_choice {other}.")),
    };
    ensure(ask.choice == Choice::Auto || !ask.tools.is_empty(), "tool_choice", || {
        "invalid request: tool_choice needs tools.".into()
    })
}

fn read_messages(messages: &[Value], ask: &mut Ask) -> Checked {
    // Ids of calls that have no result yet.
    let mut open: Vec<String> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let path = format!("messages[{at}]");
        let members = message.as_object().cloned().unwrap_or_default();
        let role = members.get("role").and_then(Value::as_str).unwrap_or_default();
        ensure(open.is_empty() || role == "tool", &path, || {
            format!("invalid request: tool call id {} not found in tool results.", open.join(", "))
        })?;
        if role != "tool" {
            ask.results.clear();
        }
        let known: &[&str] = match role {
            "assistant" => &["role", "content", "tool_calls", "tool_plan", "citations"],
            "tool" => &["role", "content", "tool_call_id"],
            _ => &["role", "content"],
        };
        check::known_members(&members, known, &path)?;
        let text = content(&members, role, &path, ask)?;
        ask.characters += text.chars().count();
        match role {
            "system" => ask.system = text,
            "user" => ask.prompt = text,
            "assistant" => open = calls(&members, &path)?,
            "tool" => {
                let id = members.get("tool_call_id").and_then(Value::as_str).unwrap_or_default();
                let Some(at) = open.iter().position(|other| other == id) else {
                    return refuse(&path, format!("invalid request: {path}: no call with id {id}."));
                };
                open.remove(at);
                ask.results.push(text);
            }
            other => return refuse(&path, format!("invalid request: {path}: unknown role {other}.")),
        }
    }
    ask.messages = messages.len();
    let last = messages.last().and_then(|message| message.get("role")).and_then(Value::as_str);
    ensure(open.is_empty() && matches!(last, Some("user" | "tool" | "assistant")), "messages", || {
        "invalid request: message must be at least 1 token long or tool results must be specified.".into()
    })
}

/// The text of a message; only an assistant that calls tools may have none.
fn content(message: &Map<String, Value>, role: &str, path: &str, ask: &mut Ask) -> Checked<String> {
    let mut text = String::new();
    match message.get("content") {
        Some(Value::String(said)) => text.push_str(said),
        Some(Value::Array(blocks)) => {
            for block in blocks {
                let told = |pointer: &str| block.pointer(pointer).and_then(Value::as_str);
                match (told("/type"), role) {
                    (Some("text"), _) => text.push_str(told("/text").unwrap_or_default()),
                    (Some("thinking"), "assistant") => {}
                    (Some("image_url"), "user") => {
                        let url = told("/image_url/url").unwrap_or_default();
                        let fine = url.starts_with("https://")
                            || url.starts_with("http://")
                            || url.starts_with("data:image/");
                        ensure(fine, path, || format!("invalid request: {path}: image_url {url}."))?;
                        ask.images.push(url.chars().take(60).collect());
                    }
                    (kind, _) => return refuse(path, format!("invalid request: {path}: content {kind:?}.")),
                }
            }
        }
        None | Some(Value::Null) => {}
        Some(other) => return refuse(path, format!("invalid request: {path}: content {other}.")),
    }
    let may_be_empty = role == "tool" || message.contains_key("tool_calls") || !ask.images.is_empty();
    ensure(!text.is_empty() || may_be_empty, path, || {
        format!("invalid request: {path}: all elements in history must have a message.")
    })?;
    Ok(text)
}

/// The ids of an assistant's calls. What it says before them is its plan, not its content.
fn calls(message: &Map<String, Value>, path: &str) -> Checked<Vec<String>> {
    let mut ids = Vec::new();
    for call in list(message, "tool_calls") {
        let told = |pointer: &str| call.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let arguments = serde_json::from_str::<Map<String, Value>>(told("/function/arguments")).is_ok();
        let fine =
            told("/type") == "function" && !told("/id").is_empty() && !told("/function/name").is_empty();
        ensure(fine && arguments, path, || format!("invalid request: {path}: broken tool call {call}."))?;
        ids.push(told("/id").to_owned());
    }
    let said =
        message.get("content").is_some_and(|content| content.as_str().is_some_and(|text| !text.is_empty()));
    ensure(ids.is_empty() || !said, path, || {
        format!("invalid request: {path}: content and tool_calls at once.")
    })?;
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header};
    use serde_json::json;

    use super::*;

    fn reading(body: &Value) -> Checked<Ask> {
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static("Bearer up"))]);
        read(&headers, body.to_string().as_bytes())
    }

    #[test]
    fn options_have_bounds() {
        let hi = json!([{ "role": "user", "content": "hi" }]);
        for (name, value) in [
            ("p", json!(1)),
            ("k", json!(501)),
            ("presence_penalty", json!(-0.5)),
            ("stop_sequences", json!(["1", "2", "3", "4", "5", "6"])),
            ("tool_choice", json!("auto")),
            ("top_p", json!(0.5)),
        ] {
            let body = json!({ "model": "m", "messages": hi, name: value });
            assert!(reading(&body).is_err(), "{name}");
        }
        assert_eq!(reading(&json!({ "model": "m", "messages": hi })).unwrap().prompt, "hi");
    }

    #[test]
    fn every_call_is_answered_at_once() {
        let call = json!({ "id": "c", "type": "function", "function": { "name": "f", "arguments": "{}" } });
        let asks = json!({ "role": "user", "content": "go" });
        let calls = json!({ "role": "assistant", "tool_plan": "I will", "tool_calls": [call] });
        let result = json!({ "role": "tool", "tool_call_id": "c", "content": "1" });
        let body = |messages: Value| json!({ "model": "m", "messages": messages });
        assert_eq!(reading(&body(json!([asks, calls, result]))).unwrap().results, ["1"]);
        assert!(reading(&body(json!([asks, calls, asks]))).is_err());
        assert!(reading(&body(json!([asks, result]))).is_err());
        assert!(reading(&body(json!([asks, calls]))).is_err());
        assert!(reading(&body(json!([{ "role": "user", "content": "" }]))).is_err());
    }
}
