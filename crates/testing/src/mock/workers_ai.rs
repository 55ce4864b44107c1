//! Workers AI: `POST /client/v4/accounts/{account}/ai/run/{model}`.
//!
//! A model whose name has `chat` in it answers with chat completions, as the newer ones do; the others with responses,
//! which do not say why they ended.

use axum::http::HeaderMap;
use serde_json::{Map, Value, json};

use super::answer::{self, Answer, Kind, Part};
use super::ask::{Ask, Choice, Tool, hash, quote};
use super::check::{self, Checked, Refusal, ensure, refuse};
use super::embeddings::{DIMENSIONS, vector};
use super::fault::UsageAt;
use super::openai_chat;
use super::reply::{Frame, When};

const KNOWN: &[&str] = &[
    "messages",
    "stream",
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "seed",
    "repetition_penalty",
    "frequency_penalty",
    "presence_penalty",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "stop",
    "response_format",
    "reasoning_effort",
];

/// The model a path names, if it is one of these.
pub fn model(path: &str) -> Option<&str> {
    let (account, model) = path.strip_prefix("/client/v4/accounts/")?.split_once("/ai/run/")?;
    (!account.is_empty() && !account.contains('/') && !model.is_empty()).then_some(model)
}

/// The answer to a request for vectors, and its last text, for directives; `None` if it is none.
pub fn embed(headers: &HeaderMap, body: &[u8]) -> Option<Checked<(String, String)>> {
    let object = check::object(body).ok().filter(|object| object.contains_key("text"))?;
    Some(authenticate(headers).and_then(|()| {
        check::known_members(&object, &["text", "pooling"], "")?;
        let texts = object.get("text").and_then(Value::as_array).into_iter().flatten();
        let texts: Vec<_> = texts.filter_map(Value::as_str).collect();
        let Some(last) = texts.last().filter(|_| texts.len() <= 100) else {
            return refuse("text", "AiError: Bad input: Error: 1 to 100 texts at '/text'");
        };
        let vectors: Vec<_> = texts.iter().map(|text| vector(text.as_bytes(), DIMENSIONS)).collect();
        let result = json!({ "shape": [texts.len(), DIMENSIONS], "data": vectors, "pooling": "mean" });
        let answer = json!({ "result": result, "success": true, "errors": [], "messages": [] });
        Ok((answer.to_string(), (*last).to_owned()))
    }))
}

fn authenticate(headers: &HeaderMap) -> Checked {
    check::headers(headers, &["anthropic-", "x-api-key", "cf-aig-"])?;
    if check::bearer(headers).is_none() {
        return Err(Refusal { status: 401, message: "Authentication error".into(), param: None, code: None });
    }
    Ok(())
}

/// Checks a request to `model` and says what it asks for.
pub fn read(headers: &HeaderMap, model: &str, body: &[u8]) -> Checked<Ask> {
    authenticate(headers)?;
    if model.contains("missing") {
        let message = format!("AiError: No such model {model} or task");
        return Err(Refusal { status: 400, message, param: None, code: Some("5007") });
    }
    let object = check::object(body)?;
    check::known_members(&object, KNOWN, "")?;
    let flag = |name: &str| object.get(name).and_then(Value::as_bool);
    let mut ask = Ask {
        model: model.into(),
        seed: hash(body),
        count: 1,
        stream: flag("stream").unwrap_or(false),
        include_usage: true,
        parallel: flag("parallel_tool_calls").unwrap_or(true),
        max_tokens: object.get("max_tokens").and_then(Value::as_u64),
        think: object.contains_key("reasoning_effort"),
        ..Ask::default()
    };
    let stop = object.get("stop").and_then(Value::as_array).into_iter().flatten();
    ask.stop = stop.filter_map(Value::as_str).map(Into::into).collect();
    read_tools(&object, &mut ask)?;
    ask.schema = read_format(&object)?;
    let Some(messages) = object.get("messages").and_then(Value::as_array).filter(|all| !all.is_empty())
    else {
        return refuse("messages", "AiError: Bad input: Error: required properties at '/' are 'messages'");
    };
    read_messages(messages, &mut ask)?;
    Ok(ask)
}

fn read_tools(object: &Map<String, Value>, ask: &mut Ask) -> Checked {
    for tool in object.get("tools").and_then(Value::as_array).into_iter().flatten() {
        let name = tool.pointer("/function/name").and_then(Value::as_str).unwrap_or_default();
        let schema = tool.pointer("/function/parameters").filter(|schema| schema.is_object());
        let fine = tool.get("type").and_then(Value::as_str) == Some("function") && !name.is_empty();
        let Some(schema) = schema.filter(|_| fine) else {
            return refuse("tools", "AiError: Bad input: Error: oneOf at '/tools/0' not met");
        };
        ask.characters += tool.to_string().len();
        ask.tools.push(Tool { name: name.into(), schema: schema.clone() });
    }
    ask.choice = match object.get("tool_choice") {
        None => Choice::Auto,
        Some(choice) if choice == "auto" => Choice::Auto,
        Some(choice) if choice == "none" => Choice::None,
        Some(choice) if choice == "required" => Choice::Any,
        Some(choice) => match choice.pointer("/function/name").and_then(Value::as_str) {
            Some(name) => Choice::Named(name.into()),
            None => return refuse("tool_choice", "AiError: Bad input: Error: tool_choice"),
        },
    };
    Ok(())
}

/// The schema an answer must follow, which stands bare here.
fn read_format(object: &Map<String, Value>) -> Checked<Option<Value>> {
    let Some(format) = object.get("response_format") else { return Ok(None) };
    match format.get("type").and_then(Value::as_str) {
        Some("json_object") => Ok(Some(Value::Null)),
        Some("json_schema") => {
            let schema = format.get("json_schema").filter(|schema| schema.is_object());
            let bare = schema.filter(|schema| schema.get("schema").is_none());
            bare.map_or_else(
                || refuse("response_format", "mock: the schema must stand bare"),
                |schema| Ok(Some(schema.clone())),
            )
        }
        other => refuse("response_format", format!("AiError: Bad input: Error: response_format {other:?}")),
    }
}

fn read_messages(messages: &[Value], ask: &mut Ask) -> Checked {
    for (at, message) in messages.iter().enumerate() {
        let path = format!("messages[{at}]");
        let text = read_content(message.get("content"), &path, ask)?;
        ask.characters += text.chars().count();
        ask.messages += 1;
        match message.get("role").and_then(Value::as_str) {
            Some("system") => {
                let line = if ask.system.is_empty() { "" } else { "\n" };
                ask.system.push_str(line);
                ask.system.push_str(&text);
            }
            Some("user") => {
                ask.prompt = text;
                ask.results.clear();
            }
            Some("assistant") => ask.results.clear(),
            Some("tool") => ask.results.push(text),
            other => return refuse(&path, format!("AiError: Bad input: Error: role {other:?}")),
        }
        for call in message.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
            let fine = call.pointer("/function/arguments").is_some_and(Value::is_string);
            ensure(fine, &path, || format!("AiError: Bad input: Error: {path}.tool_calls"))?;
        }
    }
    Ok(())
}

fn read_content(content: Option<&Value>, path: &str, ask: &mut Ask) -> Checked<String> {
    match content {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Array(parts)) => {
            let mut text = String::new();
            for part in parts {
                match part.get("type").and_then(Value::as_str) {
                    Some("text") => {
                        text.push_str(part.get("text").and_then(Value::as_str).unwrap_or_default());
                    }
                    Some("image_url") => {
                        let url = part.pointer("/image_url/url").and_then(Value::as_str).unwrap_or_default();
                        ensure(url.starts_with("data:image/"), path, || {
                            "AiError: HTTP URLs are not accepted".into()
                        })?;
                        ask.images.push(format!("image ({})", url.len()));
                    }
                    other => return refuse(path, format!("AiError: Bad input: Error: part {other:?}")),
                }
            }
            Ok(text)
        }
        _ => refuse(path, format!("AiError: Bad input: Error: {path}.content must be a string")),
    }
}

fn is_chat(ask: &Ask) -> bool {
    ask.model.contains("chat")
}

/// The whole answer.
pub fn json(ask: &Ask, answer: &Answer, usage: UsageAt) -> String {
    let result =
        if is_chat(ask) { openai_chat::json(ask, answer, usage) } else { response(ask, answer, usage) };
    format!(r#"{{"result":{result},"success":true,"errors":[],"messages":[]}}"#)
}

fn response(ask: &Ask, answer: &Answer, usage: UsageAt) -> String {
    let said = answer.parts.iter().filter(|part| matches!(part.kind, Kind::Text | Kind::Refusal));
    let text: String = said.map(Part::text).collect();
    // What was asked for as JSON comes as JSON.
    let text = if ask.schema.is_some() { text } else { quote(&text) };
    let calls = calls(answer);
    let usage = match usage {
        UsageAt::Nowhere => String::new(),
        UsageAt::Usual | UsageAt::Late => format!(r#","usage":{}"#, tokens(answer)),
    };
    format!(r#"{{"response":{text},"tool_calls":{calls}{usage}}}"#)
}

/// The answer as a stream.
pub fn frames(ask: &Ask, answer: &Answer, usage: UsageAt) -> Vec<Frame> {
    if is_chat(ask) {
        return openai_chat::frames(ask, answer, usage);
    }
    let mut frames = Vec::new();
    let mut push = |when, data: &str| frames.push(Frame::new(when, format!("data: {data}\n\n")));
    for part in answer.parts.iter().filter(|part| matches!(part.kind, Kind::Text | Kind::Refusal)) {
        for token in &part.tokens {
            push(When::Token, &format!(r#"{{"response":{},"p":"abcdef"}}"#, quote(token)));
        }
    }
    if calls(answer) != Value::Array(Vec::new()) {
        push(When::Token, &format!(r#"{{"response":null,"tool_calls":{}}}"#, calls(answer)));
    }
    if usage != UsageAt::Nowhere {
        push(When::Tail, &format!(r#"{{"response":"","usage":{}}}"#, tokens(answer)));
    }
    push(When::Tail, "[DONE]");
    frames
}

/// Calls have no ids, and objects for arguments.
fn calls(answer: &Answer) -> Value {
    let call = |part: &Part| match &part.kind {
        Kind::Call { name, .. } => Some(json!({ "name": name, "arguments": answer::arguments(part) })),
        _ => None,
    };
    Value::Array(answer.parts.iter().filter_map(call).collect())
}

fn tokens(answer: &Answer) -> Value {
    let usage = &answer.usage;
    json!({ "prompt_tokens": usage.input, "completion_tokens": usage.output, "total_tokens": usage.input + usage.output })
}

/// An error's body.
pub fn error(status: u16, message: &str, code: Option<&str>) -> String {
    let usual = match status {
        401 | 403 => 10_000,
        404 => 5007,
        408 => 3007,
        413 => 3006,
        429 => 3040,
        status if status < 500 => 5006,
        _ => 5000,
    };
    let code = code.and_then(|code| code.parse().ok()).unwrap_or(usual);
    json!({ "errors": [{ "message": message, "code": code }], "success": false, "result": {}, "messages": [] })
        .to_string()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header};

    use super::super::answer::answer;
    use super::*;

    fn reading(model: &str, body: &Value) -> Checked<Ask> {
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static("Bearer up"))]);
        read(&headers, model, body.to_string().as_bytes())
    }

    fn hi() -> Value {
        json!({ "messages": [{ "role": "user", "content": "hi" }] })
    }

    #[test]
    fn the_model_is_in_the_path() {
        assert_eq!(model("/client/v4/accounts/a1/ai/run/@cf/meta/llama"), Some("@cf/meta/llama"));
        assert_eq!(model("/client/v4/accounts/a1/ai/v1/chat/completions"), None);
        let mut body = hi();
        body["model"] = json!("m");
        assert!(reading("@cf/m", &body).unwrap_err().message.contains("model"));
    }

    #[test]
    fn other_dialects_are_refused() {
        let mut body = hi();
        body["response_format"] =
            json!({ "type": "json_schema", "json_schema": { "name": "a", "schema": {} } });
        assert!(reading("@cf/m", &body).unwrap_err().message.contains("bare"));
        let body = json!({ "messages": [{ "role": "assistant", "content": null }] });
        assert!(reading("@cf/m", &body).unwrap_err().message.contains("must be a string"));
    }

    #[test]
    fn newer_models_answer_with_chat_completions() {
        for (model, pointer) in
            [("@cf/m", "/result/response"), ("@cf/chat", "/result/choices/0/message/content")]
        {
            let ask = reading(model, &hi()).unwrap();
            let answer = answer(&ask);
            let whole: Value = serde_json::from_str(&json(&ask, &answer, UsageAt::Usual)).unwrap();
            assert_eq!(whole.pointer(pointer), Some(&json!("You said: hi é漢🦀.")), "{whole}");
            let frames = frames(&ask, &answer, UsageAt::Usual);
            assert_eq!(frames.last().map(Frame::text), Some("data: [DONE]\n\n"));
        }
    }
}
