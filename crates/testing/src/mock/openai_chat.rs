//! OpenAI Chat Completions: `POST /v1/chat/completions`.

use axum::http::HeaderMap;
use serde_json::{Map, Value, json};

use super::answer::{Answer, Kind, Part, Stop, Usage};
use super::ask::{Ask, Choice, Tool, hash, quote};
use super::check::{self, Checked, Refusal, ensure, refuse};
use super::fault::UsageAt;
use super::reply::{Frame, When};

/// A moment, so that answers are the same each time.
pub const CREATED: u64 = 1_760_000_000;

/// Members that other formats have and this one refuses. Others we do not know are let through, as the many
/// providers of this format have members of their own.
const FOREIGN: &[&str] = &[
    "system",
    "stop_sequences",
    "thinking",
    "output_config",
    "anthropic_version",
    "systemInstruction",
    "contents",
    "generationConfig",
    "instructions",
    "input",
    "max_output_tokens",
];

/// Checks a request and says what it asks for.
pub fn read(headers: &HeaderMap, body: &[u8]) -> Checked<Ask> {
    authenticate(headers)?;
    let object = check::object(body)?;
    let mut ask = Ask { model: check::model(&object)?, seed: hash(body), ..Ask::default() };
    if let Some(name) = FOREIGN.iter().find(|name| object.contains_key(**name)) {
        return refuse(name, format!("Unrecognized request argument supplied: {name}"));
    }
    read_options(&object, &mut ask)?;
    read_tools(&object, &mut ask)?;
    read_format(&object, &mut ask)?;
    let Some(messages) = object.get("messages").and_then(Value::as_array).filter(|all| !all.is_empty())
    else {
        return refuse("messages", "Invalid 'messages': empty array or missing");
    };
    read_messages(messages, &mut ask)?;
    if ask.schema == Some(Value::Null) {
        let asked = Value::from(messages.clone()).to_string().to_lowercase().contains("json");
        ensure(asked, "messages", || {
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type \
             'json_object'."
                .into()
        })?;
    }
    Ok(ask)
}

/// The credential and the other headers.
pub fn authenticate(headers: &HeaderMap) -> Checked {
    check::headers(headers, &["x-goog-", "anthropic-", "x-api-key", "cf-aig-"])?;
    if check::bearer(headers).is_none() {
        let message = "You didn't provide an API key.".into();
        return Err(Refusal { status: 401, message, param: None, code: Some("invalid_api_key") });
    }
    Ok(())
}

fn read_options(object: &Map<String, Value>, ask: &mut Ask) -> Checked {
    ask.stream = object.get("stream").and_then(Value::as_bool).unwrap_or(false);
    if let Some(options) = object.get("stream_options").filter(|options| !options.is_null()) {
        ensure(ask.stream, "stream_options", || {
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.".into()
        })?;
        ask.include_usage = options.get("include_usage").and_then(Value::as_bool).unwrap_or(false);
    }
    let both = object.contains_key("max_tokens") && object.contains_key("max_completion_tokens");
    ensure(!both, "max_tokens", || {
        "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.".into()
    })?;
    for name in ["max_completion_tokens", "max_tokens"] {
        if let Some(value) = object.get(name).filter(|value| !value.is_null()) {
            let Some(most) = value.as_u64().filter(|most| 0 < *most) else {
                return refuse(name, format!("Invalid '{name}': expected an integer above 0."));
            };
            ask.max_tokens = Some(most);
        }
    }
    for (name, least, most) in [
        ("temperature", 0.0, 2.0),
        ("top_p", 0.0, 1.0),
        ("presence_penalty", -2.0, 2.0),
        ("frequency_penalty", -2.0, 2.0),
    ] {
        if let Some(value) = object.get(name).filter(|value| !value.is_null()) {
            let fine = value.as_f64().is_some_and(|value| (least..=most).contains(&value));
            ensure(fine, name, || {
                format!("Invalid '{name}': expected a number between {least} and {most}.")
            })?;
        }
    }
    ask.stop = match object.get("stop") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(stop)) => vec![stop.clone()],
        Some(Value::Array(all)) if (1..=4).contains(&all.len()) && all.iter().all(Value::is_string) => {
            all.iter().filter_map(Value::as_str).map(Into::into).collect()
        }
        Some(_) => return refuse("stop", "Invalid 'stop': expected a string or 1 to 4 strings."),
    };
    if let Some(effort) = object.get("reasoning_effort").filter(|effort| !effort.is_null()) {
        let efforts = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];
        let Some(effort) = effort.as_str().filter(|effort| efforts.contains(effort)) else {
            return refuse(
                "reasoning_effort",
                format!("Invalid value: {effort}. Supported values are: {efforts:?}"),
            );
        };
        ask.think = effort != "none";
    }
    ask.count = match object.get("n") {
        None | Some(Value::Null) => 1,
        Some(count) => match count.as_u64().and_then(|count| usize::try_from(count).ok()) {
            Some(count @ 1..=8) => count,
            _ => return refuse("n", "Invalid 'n': expected an integer between 1 and 8."),
        },
    };
    Ok(())
}

fn read_tools(object: &Map<String, Value>, ask: &mut Ask) -> Checked {
    ask.parallel = object.get("parallel_tool_calls").and_then(Value::as_bool).unwrap_or(true);
    let Some(tools) = object.get("tools").filter(|tools| !tools.is_null()) else {
        for name in ["tool_choice", "parallel_tool_calls"] {
            let absent = object.get(name).is_none_or(Value::is_null);
            let fine = absent || object.get(name).and_then(Value::as_str) == Some("none");
            ensure(fine, name, || {
                format!("Invalid '{name}': '{name}' is only allowed when 'tools' are specified.")
            })?;
        }
        return Ok(());
    };
    let Some(tools) = tools.as_array().filter(|tools| !tools.is_empty()) else {
        return refuse("tools", "Invalid 'tools': empty array. Expected an array with minimum length 1.");
    };
    for (at, tool) in tools.iter().enumerate() {
        let path = format!("tools[{at}]");
        let kind = tool.get("type").and_then(Value::as_str);
        ensure(kind == Some("function"), &format!("{path}.type"), || {
            format!("Invalid value for {path}.type: {kind:?}")
        })?;
        if let Some(tool) = tool.as_object() {
            check::known_members(tool, &["type", "function"], &path)?;
        }
        let Some(function) = tool.get("function").and_then(Value::as_object) else {
            return refuse(
                &format!("{path}.function"),
                format!("Missing required parameter: '{path}.function'."),
            );
        };
        check::known_members(
            function,
            &["name", "description", "parameters", "strict"],
            &format!("{path}.function"),
        )?;
        let name = function.get("name").and_then(Value::as_str).unwrap_or_default();
        ensure(check::is_tool_name(name, 64), &format!("{path}.function.name"), || {
            format!("Invalid '{path}.function.name': string does not match pattern '^[a-zA-Z0-9_-]+$'.")
        })?;
        let schema = function.get("parameters").cloned().unwrap_or_else(|| json!({ "type": "object" }));
        let is_object = schema.get("type").and_then(Value::as_str) == Some("object");
        ensure(is_object, &format!("{path}.function.parameters"), || {
            format!(
                "Invalid schema for function '{name}': schema must be a JSON Schema of 'type: \"object\"'."
            )
        })?;
        let strict = function.get("strict").and_then(Value::as_bool).unwrap_or(false);
        ensure(!strict || check::is_closed(&schema), &format!("{path}.function.parameters"), || {
            format!(
                "Invalid schema for function '{name}': 'additionalProperties' is required to be supplied and to be false."
            )
        })?;
        ask.characters += tool.to_string().len();
        ask.tools.push(Tool { name: name.into(), schema });
    }
    ask.choice = match object.get("tool_choice") {
        None | Some(Value::Null) => Choice::Auto,
        Some(Value::String(choice)) if choice == "auto" => Choice::Auto,
        Some(Value::String(choice)) if choice == "none" => Choice::None,
        Some(Value::String(choice)) if choice == "required" => Choice::Any,
        Some(choice) if choice.get("type").and_then(Value::as_str) == Some("function") => {
            let name = choice.pointer("/function/name").and_then(Value::as_str).unwrap_or_default();
            let exists = ask.tools.iter().any(|tool| tool.name == name);
            ensure(exists, "tool_choice", || {
                format!("Tool choice '{name}' not found in 'tools' parameter.")
            })?;
            Choice::Named(name.into())
        }
        Some(other) => return refuse("tool_choice", format!("Invalid value for 'tool_choice': {other}")),
    };
    Ok(())
}

fn read_format(object: &Map<String, Value>, ask: &mut Ask) -> Checked {
    let Some(format) = object.get("response_format").filter(|format| !format.is_null()) else {
        return Ok(());
    };
    match format.get("type").and_then(Value::as_str) {
        Some("text") => {}
        Some("json_object") => ask.schema = Some(Value::Null),
        Some("json_schema") => {
            let named = format.pointer("/json_schema/name").and_then(Value::as_str);
            ensure(
                named.is_some_and(|name| check::is_tool_name(name, 64)),
                "response_format.json_schema.name",
                || "Missing required parameter: 'response_format.json_schema.name'.".into(),
            )?;
            let Some(schema) = format.pointer("/json_schema/schema").filter(|schema| schema.is_object())
            else {
                return refuse("response_format.json_schema.schema", "Missing required parameter: 'schema'.");
            };
            let strict = format.pointer("/json_schema/strict").and_then(Value::as_bool).unwrap_or(false);
            ensure(!strict || check::is_closed(schema), "response_format", || {
                "Invalid schema for response_format: 'additionalProperties' is required to be supplied and to be \
                 false."
                    .into()
            })?;
            ask.schema = Some(schema.clone());
        }
        other => return refuse("response_format.type", format!("Invalid value: {other:?}")),
    }
    Ok(())
}

fn read_messages(messages: &[Value], ask: &mut Ask) -> Checked {
    // Calls of the last assistant message that no tool message has answered yet.
    let mut open: Vec<String> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let path = format!("messages[{at}]");
        let Some(message) = message.as_object() else {
            return refuse(&path, format!("Invalid '{path}': expected an object."));
        };
        let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
        ensure(role == "tool" || open.is_empty(), &path, || {
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each \
             'tool_call_id'."
                .into()
        })?;
        let content = message.get("content").unwrap_or(&Value::Null);
        let text = read_content(content, role, &path, ask)?;
        ask.characters += text.chars().count();
        ask.messages += 1;
        match role {
            "system" | "developer" => {
                check::known_members(message, &["role", "content", "name"], &path)?;
                if !ask.system.is_empty() {
                    ask.system.push('\n');
                }
                ask.system.push_str(&text);
            }
            "user" => {
                check::known_members(message, &["role", "content", "name"], &path)?;
                ask.prompt = text;
                ask.results.clear();
            }
            "assistant" => {
                ask.results.clear();
                open = read_assistant(message, content, &path, ask)?;
            }
            "tool" => {
                check::known_members(message, &["role", "content", "tool_call_id"], &path)?;
                let id = message.get("tool_call_id").and_then(Value::as_str).unwrap_or_default();
                let Some(found) = open.iter().position(|call| call == id) else {
                    return refuse(
                        &format!("{path}.role"),
                        "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
                    );
                };
                open.remove(found);
                ask.results.push(text);
            }
            _ => {
                return refuse(
                    &format!("{path}.role"),
                    format!(
                        "Invalid value: '{role}'. Supported values are: 'system', 'developer', 'assistant', \
                         'user', and 'tool'."
                    ),
                );
            }
        }
    }
    ensure(open.is_empty(), "messages", || {
        format!(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each \
             'tool_call_id'. The following tool_call_ids did not have response messages: {}",
            open.join(", ")
        )
    })
}

/// The text of a message; images are counted on the way.
fn read_content(content: &Value, role: &str, path: &str, ask: &mut Ask) -> Checked<String> {
    match content {
        Value::String(text) => Ok(text.clone()),
        Value::Null if role == "assistant" => Ok(String::new()),
        Value::Array(parts) => {
            let mut text = String::new();
            ensure(!parts.is_empty(), path, || format!("Invalid '{path}.content': empty array."))?;
            for (at, part) in parts.iter().enumerate() {
                let path = format!("{path}.content[{at}]");
                read_part(part, role, &path, &mut text, ask)?;
            }
            Ok(text)
        }
        other => refuse(
            &format!("{path}.content"),
            format!("Invalid value for 'content': expected a string, got {other}."),
        ),
    }
}

fn read_part(part: &Value, role: &str, path: &str, text: &mut String, ask: &mut Ask) -> Checked {
    let kind = part.get("type").and_then(Value::as_str).unwrap_or_default();
    let empty = Map::new();
    let members = part.as_object().unwrap_or(&empty);
    match (kind, role) {
        ("text", _) => {
            check::known_members(members, &["type", "text"], path)?;
            let Some(said) = part.get("text").and_then(Value::as_str) else {
                return refuse(path, format!("Missing required parameter: '{path}.text'."));
            };
            text.push_str(said);
        }
        ("refusal", "assistant") => check::known_members(members, &["type", "refusal"], path)?,
        ("image_url", "user") => {
            check::known_members(members, &["type", "image_url"], path)?;
            let url = part.pointer("/image_url/url").and_then(Value::as_str).unwrap_or_default();
            ask.images.push(image(url, path)?);
            ask.characters += 340;
        }
        ("input_audio" | "file", "user") => {}
        _ => {
            return refuse(
                &format!("{path}.type"),
                format!("Invalid value: '{kind}' in a message with role '{role}'."),
            );
        }
    }
    Ok(())
}

/// What an image's address is to those who count.
pub fn image(url: &str, path: &str) -> Checked<String> {
    if url.starts_with("https://") || url.starts_with("http://") {
        return Ok(url.into());
    }
    let data = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    match data {
        Some((kind @ ("image/png" | "image/jpeg" | "image/gif" | "image/webp"), data))
            if check::is_base64(data) =>
        {
            Ok(format!("{kind} ({})", data.len()))
        }
        _ => refuse(path, "Invalid image data. Expected a base64-encoded data URL with an image MIME type."),
    }
}

/// Checks an assistant turn and returns the ids of its calls.
fn read_assistant(
    message: &Map<String, Value>,
    content: &Value,
    path: &str,
    ask: &mut Ask,
) -> Checked<Vec<String>> {
    const KNOWN: &[&str] = &[
        "role",
        "content",
        "name",
        "refusal",
        "tool_calls",
        "audio",
        "annotations",
        "function_call",
        "reasoning_content",
        "reasoning_details",
    ];
    check::known_members(message, KNOWN, path)?;
    let mut open = Vec::new();
    let Some(calls) = message.get("tool_calls").filter(|calls| !calls.is_null()) else {
        let refusal = message.get("refusal").is_some_and(Value::is_string);
        ensure(!content.is_null() || refusal, path, || {
            format!("Invalid value for 'content': expected a string, got null. ({path})")
        })?;
        return Ok(open);
    };
    let Some(calls) = calls.as_array().filter(|calls| !calls.is_empty()) else {
        return refuse(&format!("{path}.tool_calls"), format!("Invalid '{path}.tool_calls': empty array."));
    };
    for (at, call) in calls.iter().enumerate() {
        let path = format!("{path}.tool_calls[{at}]");
        let id = call.get("id").and_then(Value::as_str).unwrap_or_default();
        ensure(!id.is_empty(), &path, || format!("Missing required parameter: '{path}.id'."))?;
        let kind = call.get("type").and_then(Value::as_str);
        ensure(kind == Some("function"), &path, || format!("Invalid value for '{path}.type': {kind:?}."))?;
        let name = call.pointer("/function/name").and_then(Value::as_str).unwrap_or_default();
        ensure(check::is_tool_name(name, 64), &path, || {
            format!("Invalid '{path}.function.name': '{name}'.")
        })?;
        let Some(arguments) = call.pointer("/function/arguments").and_then(Value::as_str) else {
            return refuse(
                &path,
                format!("Invalid type for '{path}.function.arguments': expected a string."),
            );
        };
        ask.characters += arguments.len();
        ensure(!open.iter().any(|other| other == id), &path, || format!("Duplicate tool call id '{id}'."))?;
        open.push(id.into());
    }
    Ok(open)
}

/// The whole answer.
pub fn json(ask: &Ask, answer: &Answer, usage: UsageAt) -> String {
    let mut choices = String::new();
    for index in 0..ask.count {
        if 0 < index {
            choices.push(',');
        }
        let message = message(ask, answer, index);
        let finish = finish(&answer.stop);
        choices.push_str(&format!(
            r#"{{"index":{index},"message":{message},"finish_reason":"{finish}","logprobs":null}}"#
        ));
    }
    let usage = if usage == UsageAt::Nowhere {
        String::new()
    } else {
        format!(r#","usage":{}"#, tokens(&answer.usage))
    };
    format!(
        r#"{{"id":"chatcmpl-{:016x}","object":"chat.completion","created":{CREATED},"model":{},"service_tier":"default","system_fingerprint":"fp_mock","choices":[{choices}]{usage}}}"#,
        ask.seed,
        quote(&ask.model),
    )
}

fn message(ask: &Ask, answer: &Answer, index: usize) -> String {
    let mut content: Option<String> = None;
    let mut refusal = "null".to_owned();
    let mut reasoning = String::new();
    let mut calls = Vec::new();
    for part in &answer.parts {
        match &part.kind {
            Kind::Thinking if ask.has("think") => {
                reasoning = format!(r#","reasoning_content":{}"#, quote(&part.text()));
            }
            Kind::Thinking | Kind::Redacted => {}
            Kind::Text => content.get_or_insert_default().push_str(&part.text()),
            Kind::Refusal => refusal = quote(&part.text()),
            Kind::Call { name, number } => calls.push(format!(
                r#"{{"id":"{}","type":"function","function":{{"name":"{name}","arguments":{}}}}}"#,
                call_id(ask, index, *number),
                quote(&part.text())
            )),
        }
    }
    if content.is_none() && calls.is_empty() && refusal == "null" {
        content = Some(String::new());
    }
    let content = content.map_or("null".into(), |text| quote(&text));
    let calls =
        if calls.is_empty() { String::new() } else { format!(r#","tool_calls":[{}]"#, calls.join(",")) };
    format!(
        r#"{{"role":"assistant","content":{content},"refusal":{refusal}{reasoning}{calls},"annotations":[]}}"#
    )
}

/// The answer as a stream.
pub fn frames(ask: &Ask, answer: &Answer, usage: UsageAt) -> Vec<Frame> {
    let mut frames = Vec::new();
    let told = ask.include_usage && usage != UsageAt::Nowhere;
    let null = if told { r#","usage":null"# } else { "" };
    let head = format!(
        r#"data: {{"id":"chatcmpl-{:016x}","object":"chat.completion.chunk","created":{CREATED},"model":{},"service_tier":"default","system_fingerprint":"fp_mock","choices":["#,
        ask.seed,
        quote(&ask.model),
    );
    let mut push = |when, index: usize, delta: &str, finish: &str| {
        frames.push(Frame::new(
            when,
            format!(
                "{head}{{\"index\":{index},\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{finish}}}]{null}}}\n\n"
            ),
        ));
    };
    for index in 0..ask.count {
        push(When::Head, index, r#"{"role":"assistant","content":"","refusal":null}"#, "null");
        for part in &answer.parts {
            stream_part(ask, part, index, &mut push);
        }
        push(When::Tail, index, "{}", &format!("\"{}\"", finish(&answer.stop)));
    }
    if told {
        frames.push(Frame::new(When::Tail, format!("{head}],\"usage\":{}}}\n\n", tokens(&answer.usage))));
    }
    frames.push(Frame::new(When::Tail, "data: [DONE]\n\n".into()));
    frames
}

fn stream_part(ask: &Ask, part: &Part, index: usize, push: &mut impl FnMut(When, usize, &str, &str)) {
    let member = match &part.kind {
        Kind::Thinking if ask.has("think") => "reasoning_content",
        Kind::Thinking | Kind::Redacted => return,
        Kind::Text => "content",
        Kind::Refusal => "refusal",
        Kind::Call { name, number } => {
            let id = call_id(ask, index, *number);
            let first = format!(
                r#"{{"tool_calls":[{{"index":{number},"id":"{id}","type":"function","function":{{"name":"{name}","arguments":""}}}}]}}"#
            );
            push(When::Token, index, &first, "null");
            for token in &part.tokens {
                let token = quote(token);
                let more =
                    format!(r#"{{"tool_calls":[{{"index":{number},"function":{{"arguments":{token}}}}}]}}"#);
                push(When::Token, index, &more, "null");
            }
            return;
        }
    };
    for token in &part.tokens {
        push(When::Token, index, &format!("{{\"{member}\":{}}}", quote(token)), "null");
    }
}

fn call_id(ask: &Ask, index: usize, number: usize) -> String {
    format!("call_{:012x}{index}{number}", ask.seed & 0xffff_ffff_ffff)
}

fn finish(stop: &Stop) -> &'static str {
    match stop {
        Stop::End | Stop::Sequence(_) | Stop::Refusal => "stop",
        Stop::Calls => "tool_calls",
        Stop::Length => "length",
        Stop::Filter => "content_filter",
    }
}

/// Cached input is part of the input here, reasoning part of the output.
fn tokens(usage: &Usage) -> String {
    format!(
        r#"{{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{},"prompt_tokens_details":{{"cached_tokens":{},"audio_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":{},"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}}"#,
        usage.input,
        usage.output,
        usage.input + usage.output,
        usage.cache_read,
        usage.reasoning,
    )
}

/// An error's body.
pub fn error(status: u16, message: &str, param: Option<&str>, code: Option<&str>) -> String {
    let (kind, usual) = match status {
        401 => ("invalid_request_error", Some("invalid_api_key")),
        403 => ("invalid_request_error", Some("unsupported_country_region_territory")),
        404 => ("invalid_request_error", Some("model_not_found")),
        429 => ("requests", Some("rate_limit_exceeded")),
        status if status < 500 => ("invalid_request_error", None),
        _ => ("server_error", None),
    };
    let code = code.or(usual).map_or("null".into(), quote);
    let param = param.map_or("null".into(), quote);
    format!(r#"{{"error":{{"message":{},"type":"{kind}","param":{param},"code":{code}}}}}"#, quote(message))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::super::answer::answer;
    use super::*;

    fn reading(body: &Value) -> Checked<Ask> {
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static("Bearer up"))]);
        read(&headers, body.to_string().as_bytes())
    }

    fn fault(body: &Value) -> String {
        reading(body).unwrap_err().message
    }

    #[test]
    fn a_tool_message_answers_a_call() {
        let orphan = json!({ "model": "m", "messages": [
            { "role": "user", "content": "hi" },
            { "role": "tool", "tool_call_id": "x", "content": "1" },
        ] });
        assert!(fault(&orphan).contains("must be a response"));
        let unanswered = json!({ "model": "m", "messages": [
            { "role": "assistant", "content": null,
              "tool_calls": [{ "id": "a", "type": "function", "function": { "name": "f", "arguments": "{}" } }] },
            { "role": "user", "content": "hi" },
        ] });
        assert!(fault(&unanswered).contains("must be followed by tool messages"));
    }

    #[test]
    fn other_dialects_are_refused() {
        let body = json!({ "model": "m", "system": "x", "messages": [{ "role": "user", "content": "hi" }] });
        assert!(fault(&body).contains("system"));
        let body = json!({ "model": "m", "messages": [{ "role": "user", "content": [
            { "type": "text", "text": "hi", "cache_control": { "type": "ephemeral" } }] }] });
        assert!(fault(&body).contains("cache_control"));
        let body = json!({ "model": "m", "messages": [{ "role": "user", "content": [
            { "type": "tool_result", "tool_use_id": "x" }] }] });
        assert!(fault(&body).contains("tool_result"));
    }

    #[test]
    fn a_stream_and_a_whole_answer_say_the_same() {
        let body = json!({ "model": "m", "stream": true, "stream_options": { "include_usage": true },
            "messages": [{ "role": "user", "content": "say é [[think]]" }] });
        let ask = reading(&body).unwrap();
        let answer = answer(&ask);
        let whole: Value = serde_json::from_str(&json(&ask, &answer, UsageAt::Usual)).unwrap();
        let mut text = String::new();
        let mut usage = Value::Null;
        for frame in frames(&ask, &answer, UsageAt::Usual) {
            let data = frame.text().strip_prefix("data: ").unwrap();
            let Ok(chunk) = serde_json::from_str::<Value>(data) else { continue };
            text += chunk.pointer("/choices/0/delta/content").and_then(Value::as_str).unwrap_or_default();
            usage = chunk["usage"].clone();
        }
        assert_eq!(whole["choices"][0]["message"]["content"], text);
        assert_eq!(whole["usage"], usage);
        assert!(0 < usage["completion_tokens_details"]["reasoning_tokens"].as_u64().unwrap());
    }
}
