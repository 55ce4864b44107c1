//! OpenAI Responses: `POST /v1/responses`. It keeps nothing: whoever refers to what it said before is told that it is not
//! there.

mod answer;
mod input;

use axum::http::HeaderMap;
use serde_json::{Map, Value, json};

pub use self::answer::{error_frame, frames, json};
use super::ask::{Ask, Choice, Tool, hash};
use super::check::{self, Checked, Refusal, ensure, refuse};
use super::openai_chat;

const SEALED: &str = "reasoning.encrypted_content";

/// Members of a request. Others are refused.
const KNOWN: &[&str] = &[
    "model",
    "input",
    "instructions",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "max_output_tokens",
    "max_tool_calls",
    "temperature",
    "top_p",
    "top_logprobs",
    "text",
    "reasoning",
    "stream",
    "stream_options",
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "include",
    "store",
    "metadata",
    "truncation",
    "service_tier",
    "background",
    "previous_response_id",
    "conversation",
    "prompt",
];

/// A request in this format.
#[derive(Debug, Default)]
pub struct Request {
    pub ask: Ask,
    /// Whether thoughts come sealed.
    sealed: bool,
    /// Whether thoughts are summed up.
    summary: bool,
}

/// Checks a request and says what it asks for.
pub fn read(headers: &HeaderMap, body: &[u8]) -> Checked<Request> {
    openai_chat::authenticate(headers)?;
    let object = check::object(body)?;
    if let Some(name) = object.keys().find(|name| !KNOWN.contains(&name.as_str())) {
        return Err(Refusal {
            status: 400,
            message: format!("Unknown parameter: '{name}'."),
            param: Some(name.clone()),
            code: Some("unknown_parameter"),
        });
    }
    let ask = Ask { model: check::model(&object)?, seed: hash(body), count: 1, ..Ask::default() };
    let mut request = Request { ask, ..Request::default() };
    read_state(&object, &mut request)?;
    read_options(&object, &mut request)?;
    read_tools(&object, &mut request.ask)?;
    read_format(&object, &mut request.ask)?;
    match object.get("input") {
        Some(Value::String(text)) => {
            request.ask.characters += text.chars().count();
            request.ask.messages += 1;
            request.ask.prompt.clone_from(text);
        }
        Some(Value::Array(items)) if !items.is_empty() => input::read(items, &mut request.ask)?,
        _ => return refuse("input", "Missing required parameter: 'input'."),
    }
    if request.ask.schema == Some(Value::Null) {
        let asked =
            object.get("input").is_some_and(|input| input.to_string().to_lowercase().contains("json"));
        ensure(asked, "input", || {
            "Response input messages must contain the word 'json' in some form to use 'text.format' of type \
             'json_object'."
                .into()
        })?;
    }
    request.summary |= request.ask.has("think");
    Ok(request)
}

/// A member that is there and not null.
fn member<'o>(object: &'o Map<String, Value>, name: &str) -> Option<&'o Value> {
    object.get(name).filter(|value| !value.is_null())
}

fn read_state(object: &Map<String, Value>, request: &mut Request) -> Checked {
    if let Some(id) = member(object, "previous_response_id") {
        return Err(Refusal {
            status: 400,
            message: format!("Previous response with id {id} not found."),
            param: Some("previous_response_id".into()),
            code: Some("previous_response_not_found"),
        });
    }
    for name in ["conversation", "prompt"] {
        if let Some(id) = member(object, name) {
            return Err(Refusal {
                status: 404,
                message: format!("{name} {id} not found."),
                param: None,
                code: None,
            });
        }
    }
    let background = member(object, "background").and_then(Value::as_bool).unwrap_or(false);
    ensure(!background, "background", || "mock: nothing is answered in the background".into())?;
    let stored = member(object, "store").and_then(Value::as_bool).unwrap_or(true);
    let mut sealed = false;
    if let Some(include) = member(object, "include") {
        let names: Option<Vec<&str>> =
            include.as_array().and_then(|all| all.iter().map(Value::as_str).collect());
        let Some(names) = names else {
            return refuse("include", "Invalid type for 'include': expected an array of strings.");
        };
        let known = [SEALED, "message.output_text.logprobs", "web_search_call.action.sources"];
        for name in &names {
            ensure(known.contains(name), "include", || format!("Invalid value: '{name}'."))?;
        }
        sealed = names.contains(&SEALED);
    }
    let thinks = !request.ask.model.starts_with("gpt-4");
    ensure(thinks || !sealed, "include", || "Encrypted content is not supported with this model.".into())?;
    request.sealed = sealed || !stored && thinks;
    Ok(())
}

fn read_options(object: &Map<String, Value>, request: &mut Request) -> Checked {
    let ask = &mut request.ask;
    ask.stream = member(object, "stream").and_then(Value::as_bool).unwrap_or(false);
    if let Some(options) = member(object, "stream_options") {
        ensure(ask.stream, "stream_options", || {
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.".into()
        })?;
        let known =
            options.as_object().is_some_and(|all| all.keys().all(|name| name == "include_obfuscation"));
        ensure(known, "stream_options", || "Unknown parameter in 'stream_options'.".into())?;
    }
    ask.system = match member(object, "instructions") {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(_) => return refuse("instructions", "Invalid type for 'instructions': expected a string."),
    };
    ask.characters += ask.system.chars().count();
    if let Some(value) = member(object, "max_output_tokens") {
        let Some(most) = value.as_u64().filter(|most| 16 <= *most) else {
            let message = "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16.";
            return refuse("max_output_tokens", message);
        };
        ask.max_tokens = Some(most);
    }
    for (name, least, most) in [("temperature", 0.0, 2.0), ("top_p", 0.0, 1.0)] {
        if let Some(value) = member(object, name) {
            let fine = value.as_f64().is_some_and(|value| (least..=most).contains(&value));
            ensure(fine, name, || {
                format!("Invalid '{name}': expected a number between {least} and {most}.")
            })?;
        }
    }
    let Some(reasoning) = member(object, "reasoning") else { return Ok(()) };
    let Some(reasoning) = reasoning.as_object() else {
        return refuse("reasoning", "Invalid type for 'reasoning': expected an object.");
    };
    check::known_members(
        reasoning,
        &["effort", "summary", "generate_summary", "context", "mode"],
        "reasoning",
    )?;
    if let Some(effort) = member(reasoning, "effort") {
        let efforts = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];
        let Some(effort) = effort.as_str().filter(|effort| efforts.contains(effort)) else {
            return refuse(
                "reasoning.effort",
                format!("Invalid value: {effort}. Supported values are: {efforts:?}"),
            );
        };
        ask.think = effort != "none";
    }
    if let Some(summary) = member(reasoning, "summary") {
        let fine = summary.as_str().is_some_and(|word| ["auto", "concise", "detailed"].contains(&word));
        ensure(fine, "reasoning.summary", || format!("Invalid value: {summary}."))?;
        request.summary = true;
    }
    Ok(())
}

fn read_tools(object: &Map<String, Value>, ask: &mut Ask) -> Checked {
    const MEMBERS: &[&str] = &["type", "name", "description", "parameters", "strict"];
    ask.parallel = member(object, "parallel_tool_calls").and_then(Value::as_bool).unwrap_or(true);
    let none = Value::Array(Vec::new());
    let Some(tools) = member(object, "tools").unwrap_or(&none).as_array() else {
        return refuse("tools", "Invalid type for 'tools': expected an array of objects.");
    };
    for (at, tool) in tools.iter().enumerate() {
        let path = format!("tools[{at}]");
        let Some(tool) = tool.as_object() else { return refuse(&path, format!("Invalid '{path}'.")) };
        let kind = tool.get("type").and_then(Value::as_str);
        ensure(kind == Some("function"), &format!("{path}.type"), || format!("Invalid value: {kind:?}."))?;
        let name = tool.get("name").and_then(Value::as_str).unwrap_or_default();
        ensure(check::is_tool_name(name, 64), &format!("{path}.name"), || {
            format!("Missing required parameter: '{path}.name'.")
        })?;
        check::known_members(tool, MEMBERS, &path)?;
        let schema = member(tool, "parameters").cloned().unwrap_or_else(|| json!({ "type": "object" }));
        let is_object = schema.get("type").and_then(Value::as_str) == Some("object");
        ensure(is_object, &format!("{path}.parameters"), || {
            format!(
                "Invalid schema for function '{name}': schema must be a JSON Schema of 'type: \"object\"'."
            )
        })?;
        let strict = tool.get("strict").and_then(Value::as_bool).unwrap_or(false);
        ensure(!strict || check::is_closed(&schema), &format!("{path}.parameters"), || {
            format!("Invalid schema for function '{name}': 'additionalProperties' is required to be false.")
        })?;
        ask.characters += name.len() + schema.to_string().len();
        ask.tools.push(Tool { name: name.into(), schema });
    }
    ask.choice = match member(object, "tool_choice") {
        None => Choice::Auto,
        Some(Value::String(choice)) if choice == "auto" => Choice::Auto,
        Some(Value::String(choice)) if choice == "none" => Choice::None,
        Some(Value::String(choice)) if choice == "required" && !tools.is_empty() => Choice::Any,
        Some(choice) if choice.get("type").and_then(Value::as_str) == Some("function") => {
            let name = choice.get("name").and_then(Value::as_str).unwrap_or_default();
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
    let Some(text) = member(object, "text") else { return Ok(()) };
    let Some(text) = text.as_object() else {
        return refuse("text", "Invalid type for 'text': expected an object.");
    };
    check::known_members(text, &["format", "verbosity"], "text")?;
    let Some(format) = member(text, "format").and_then(Value::as_object) else { return Ok(()) };
    match format.get("type").and_then(Value::as_str) {
        Some("text") => {}
        Some("json_object") => ask.schema = Some(Value::Null),
        Some("json_schema") => {
            check::known_members(
                format,
                &["type", "name", "description", "schema", "strict"],
                "text.format",
            )?;
            let name = format.get("name").and_then(Value::as_str).unwrap_or_default();
            ensure(check::is_tool_name(name, 64), "text.format.name", || {
                "Missing required parameter: 'text.format.name'.".into()
            })?;
            let Some(schema) = format.get("schema").filter(|schema| schema.is_object()) else {
                return refuse("text.format.schema", "Missing required parameter: 'text.format.schema'.");
            };
            let strict = format.get("strict").and_then(Value::as_bool).unwrap_or(false);
            ensure(!strict || check::is_closed(schema), "text.format.schema", || {
                "Invalid schema for response_format: 'additionalProperties' is required to be false.".into()
            })?;
            ask.schema = Some(schema.clone());
        }
        other => return refuse("text.format.type", format!("Invalid value: {other:?}")),
    }
    Ok(())
}

/// What seals the thought `id`: only this comes back.
fn seal(id: &str) -> String {
    format!("gAAAAAB{:016x}_-==", hash(id.as_bytes()))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header};

    use super::super::answer::answer;
    use super::super::fault::UsageAt;
    use super::*;

    fn reading(body: &Value) -> Checked<Request> {
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static("Bearer up"))]);
        read(&headers, body.to_string().as_bytes())
    }

    fn fault(input: &Value) -> Refusal {
        reading(&json!({ "model": "m", "input": input })).unwrap_err()
    }

    #[test]
    fn results_answer_calls() {
        let call = json!({ "type": "function_call", "call_id": "a", "name": "f", "arguments": "{}" });
        let output = json!({ "type": "function_call_output", "call_id": "a", "output": "1" });
        assert!(fault(&json!([output])).message.contains("No tool call found"));
        assert!(
            fault(&json!([call, { "role": "user", "content": "hi" }]))
                .message
                .contains("No tool output found")
        );
        assert!(reading(&json!({ "model": "m", "input": [call, output] })).is_ok());
    }

    #[test]
    fn thoughts_must_come_back_as_they_were_sealed() {
        let said = json!({ "role": "assistant", "content": "hi" });
        let thought = |seal: Value| json!({ "type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": seal });
        assert!(reading(&json!({ "model": "m", "input": [thought(seal("rs_1").into()), said] })).is_ok());
        assert_eq!(fault(&json!([thought("gAAAA".into()), said])).code, Some("invalid_encrypted_content"));
        assert_eq!(fault(&json!([thought(Value::Null), said])).status, 404);
        assert!(fault(&json!([thought(seal("rs_1").into())])).message.contains("required following item"));
    }

    #[test]
    fn what_is_unknown_or_kept_elsewhere_is_refused() {
        assert!(
            fault(&json!([{ "type": "message", "role": "tool", "content": "x" }])).message.contains("role")
        );
        assert!(fault(&json!([{ "type": "hologram" }])).message.contains("hologram"));
        assert_eq!(fault(&json!([{ "type": "item_reference", "id": "msg_1" }])).status, 404);
        let body = json!({ "model": "m", "input": "x", "messages": [] });
        assert_eq!(reading(&body).unwrap_err().code, Some("unknown_parameter"));
        let body = json!({ "model": "m", "input": "x", "previous_response_id": "resp_1" });
        assert_eq!(reading(&body).unwrap_err().code, Some("previous_response_not_found"));
        let body = json!({ "model": "gpt-4o", "input": "x", "include": [SEALED] });
        assert!(reading(&body).unwrap_err().message.contains("not supported"));
    }

    #[test]
    fn a_stream_and_a_whole_answer_say_the_same() {
        let tool =
            json!({ "type": "function", "name": "f", "parameters": { "type": "object", "properties": {} } });
        for prompt in ["say é [[think]]", "[[tools 2]] [[preamble]]", "[[refuse]]", "[[length]] a b c"] {
            let body = json!({ "model": "m", "store": false, "input": prompt, "tools": [tool] });
            let request = reading(&body).unwrap();
            let answer = answer(&request.ask);
            let whole: Value = serde_json::from_str(&json(&request, &answer, UsageAt::Usual)).unwrap();
            let frames = frames(&request, &answer, UsageAt::Usual);
            let data = |text: &str| -> Value {
                serde_json::from_str(text.split_once("\ndata: ").unwrap().1).unwrap()
            };
            for (number, frame) in frames.iter().enumerate() {
                let data = data(frame.text());
                assert_eq!(data["sequence_number"], number);
                assert!(frame.text().starts_with(&format!("event: {}\n", data["type"].as_str().unwrap())));
            }
            assert_eq!(data(frames.last().unwrap().text())["response"], whole);
        }
    }
}
