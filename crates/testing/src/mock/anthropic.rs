//! Anthropic Messages: `POST /v1/messages` and `/v1/messages/count_tokens`.
//!
//! Stricter than the provider in one thing: turns must alternate. The provider merges neighbours of one role, but
//! others that speak this format do not, and a gateway that translates must not rely on it.

use axum::http::HeaderMap;
use serde_json::{Map, Value};

use super::answer::{self, Answer, Kind, Part, Stop, Usage};
use super::ask::{Ask, Choice, Tool, hash, quote};
use super::check::{self, Checked, Refusal, ensure, refuse};
use super::fault::UsageAt;
use super::reply::{Frame, When};

const KNOWN: &[&str] = &[
    "model",
    "max_tokens",
    "messages",
    "cache_control",
    "container",
    "context_management",
    "diagnostics",
    "inference_geo",
    "mcp_servers",
    "metadata",
    "output_config",
    "service_tier",
    "speed",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
];

/// What everyone sent until October 2026.
const FIRST_VERSION: &str = "2023-06-01";
/// What the SDKs send since.
const SECOND_VERSION: &str = "2026-10-21";

/// What the request is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum For {
    Message,
    CountTokens,
}

/// Checks a request and says what it asks for.
pub fn read(headers: &HeaderMap, body: &[u8], purpose: For) -> Checked<Ask> {
    authenticate(headers)?;
    let object = check::object(body)?;
    check::known_members(&object, KNOWN, "")?;
    check_version(headers, &object)?;
    let mut ask =
        Ask { model: check::model(&object)?, seed: hash(body), parallel: true, count: 1, ..Ask::default() };
    if purpose == For::Message {
        ask.stream = object.get("stream").and_then(Value::as_bool).unwrap_or(false);
        let Some(most) = object.get("max_tokens") else {
            return refuse("max_tokens", "max_tokens: Field required");
        };
        let Some(most) = most.as_u64().filter(|most| 0 < *most) else {
            return refuse(
                "max_tokens",
                "max_tokens: Input should be a valid integer greater than or equal to 1",
            );
        };
        ask.max_tokens = Some(most);
    } else {
        for name in ["max_tokens", "stream", "temperature", "stop_sequences", "metadata"] {
            ensure(!object.contains_key(name), name, || format!("{name}: Extra inputs are not permitted"))?;
        }
    }
    read_options(&object, &mut ask)?;
    read_tools(&object, &mut ask)?;
    read_system(&object, &mut ask)?;
    let Some(messages) = object.get("messages").and_then(Value::as_array) else {
        return refuse("messages", "messages: Field required");
    };
    read_messages(messages, &mut ask)?;
    check_thinking(&object, messages, &ask)?;
    Ok(ask)
}

/// The credential, the version and the other headers.
pub fn authenticate(headers: &HeaderMap) -> Checked {
    check::headers(headers, &["x-goog-", "openai-", "cf-aig-"])?;
    let key = headers.get("x-api-key").and_then(|key| key.to_str().ok()).filter(|key| !key.is_empty());
    if key.is_none() && check::bearer(headers).is_none() {
        let message = "x-api-key header is required".into();
        return Err(Refusal { status: 401, message, param: None, code: None });
    }
    let version = headers.get("anthropic-version").and_then(|version| version.to_str().ok());
    let Some(version) = version else {
        return refuse("anthropic-version", "anthropic-version: header is required");
    };
    ensure(version == FIRST_VERSION || version == SECOND_VERSION, "anthropic-version", || {
        format!("anthropic-version: \"{version}\" is not a valid version")
    })
}

/// The second version took the sampling parameters away, even at their defaults.
fn check_version(headers: &HeaderMap, object: &Map<String, Value>) -> Checked {
    if headers.get("anthropic-version").is_none_or(|version| version != SECOND_VERSION) {
        return Ok(());
    }
    for name in ["temperature", "top_p", "top_k"] {
        ensure(!object.contains_key(name), name, || format!("{name}: Extra inputs are not permitted"))?;
    }
    Ok(())
}

fn read_options(object: &Map<String, Value>, ask: &mut Ask) -> Checked {
    let thinking = object.get("thinking").and_then(|thinking| thinking.get("type")).and_then(Value::as_str);
    ask.think = matches!(thinking, Some("enabled" | "adaptive"));
    for name in ["temperature", "top_p"] {
        if let Some(value) = object.get(name) {
            let fine = value.as_f64().is_some_and(|value| (0.0..=1.0).contains(&value));
            ensure(fine, name, || format!("{name}: range: 0..1"))?;
        }
    }
    if let Some(stop) = object.get("stop_sequences") {
        let Some(all) = stop.as_array() else {
            return refuse("stop_sequences", "stop_sequences: Input should be a valid list");
        };
        for stop in all {
            let Some(stop) = stop.as_str().filter(|stop| !stop.trim().is_empty()) else {
                return refuse(
                    "stop_sequences",
                    "stop_sequences: each stop sequence must contain non-whitespace",
                );
            };
            ask.stop.push(stop.into());
        }
    }
    if let Some(metadata) = object.get("metadata").and_then(Value::as_object) {
        check::known_members(metadata, &["user_id"], "metadata")?;
    }
    let Some(config) = object.get("output_config").and_then(Value::as_object) else { return Ok(()) };
    check::known_members(config, &["effort", "format", "task_budget"], "output_config")?;
    if let Some(effort) = config.get("effort").filter(|effort| !effort.is_null()) {
        let fine = effort.as_str().is_some_and(|e| ["low", "medium", "high", "xhigh", "max"].contains(&e));
        ensure(fine, "output_config.effort", || format!("output_config.effort: unknown effort {effort}"))?;
    }
    let Some(format) = config.get("format").and_then(Value::as_object) else { return Ok(()) };
    check::known_members(format, &["type", "schema"], "output_config.format")?;
    ensure(
        format.get("type").and_then(Value::as_str) == Some("json_schema"),
        "output_config.format.type",
        || "output_config.format.type: Input should be 'json_schema'".into(),
    )?;
    let Some(schema) = format.get("schema").filter(|schema| schema.is_object()) else {
        return refuse("output_config.format.schema", "output_config.format.schema: Field required");
    };
    ensure(check::is_closed(schema), "output_config.format.schema", || {
        "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false".into()
    })?;
    ask.schema = Some(schema.clone());
    Ok(())
}

fn read_tools(object: &Map<String, Value>, ask: &mut Ask) -> Checked {
    let tools = object.get("tools").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for (at, tool) in tools.iter().enumerate() {
        let path = format!("tools.{at}");
        let Some(members) = tool.as_object() else {
            return refuse(&path, format!("{path}: Input should be an object"));
        };
        ask.characters += tool.to_string().len();
        let kind = members.get("type").and_then(Value::as_str).unwrap_or("custom");
        if kind != "custom" {
            ensure(kind != "function", &path, || {
                format!(
                    "{path}: Input tag 'function' found using 'type' does not match any of the expected tags"
                )
            })?;
            continue;
        }
        const TOOL: &[&str] = &[
            "type",
            "name",
            "description",
            "input_schema",
            "cache_control",
            "strict",
            "eager_input_streaming",
            "defer_loading",
            "input_examples",
            "allowed_callers",
        ];
        check::known_members(members, TOOL, &path)?;
        let name = members.get("name").and_then(Value::as_str).unwrap_or_default();
        ensure(check::is_tool_name(name, 128), &path, || {
            format!("{path}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
        })?;
        let Some(schema) = members.get("input_schema") else {
            return refuse(&path, format!("{path}.custom.input_schema: Field required"));
        };
        ensure(schema.get("type").and_then(Value::as_str) == Some("object"), &path, || {
            format!("{path}.custom.input_schema.type: Input should be 'object'")
        })?;
        ensure(!ask.tools.iter().any(|tool| tool.name == name), &path, || {
            "tools: Tool names must be unique.".into()
        })?;
        ask.tools.push(Tool { name: name.into(), schema: schema.clone() });
    }
    let Some(choice) = object.get("tool_choice").filter(|choice| !choice.is_null()) else { return Ok(()) };
    let Some(members) = choice.as_object() else {
        return refuse("tool_choice", "tool_choice: Input should be an object");
    };
    ensure(!tools.is_empty(), "tool_choice", || {
        "tool_choice: may only be specified while providing tools".into()
    })?;
    check::known_members(members, &["type", "name", "disable_parallel_tool_use"], "tool_choice")?;
    ask.parallel = !members.get("disable_parallel_tool_use").and_then(Value::as_bool).unwrap_or(false);
    ask.choice = match members.get("type").and_then(Value::as_str) {
        Some("auto") => Choice::Auto,
        Some("any") => Choice::Any,
        Some("none") => Choice::None,
        Some("tool") => {
            let name = members.get("name").and_then(Value::as_str).unwrap_or_default();
            ensure(ask.tools.iter().any(|tool| tool.name == name), "tool_choice", || {
                format!("Tool '{name}' not found in provided tools")
            })?;
            Choice::Named(name.into())
        }
        other => return refuse("tool_choice", format!("tool_choice: unknown type {other:?}")),
    };
    Ok(())
}

fn read_system(object: &Map<String, Value>, ask: &mut Ask) -> Checked {
    match object.get("system") {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) => ask.system.clone_from(text),
        Some(Value::Array(blocks)) => {
            for (at, block) in blocks.iter().enumerate() {
                let path = format!("system.{at}");
                ensure(block.get("type").and_then(Value::as_str) == Some("text"), &path, || {
                    format!("{path}.type: Input should be 'text'")
                })?;
                if !ask.system.is_empty() {
                    ask.system.push('\n');
                }
                ask.system.push_str(text_of(block, &path)?);
            }
        }
        Some(_) => return refuse("system", "system: Input should be a valid string or list"),
    }
    ask.characters += ask.system.chars().count();
    Ok(())
}

fn read_messages(messages: &[Value], ask: &mut Ask) -> Checked {
    ensure(!messages.is_empty(), "messages", || "messages: at least one message is required".into())?;
    let mut before = "assistant";
    // Ids of the tool uses in the message before.
    let mut open: Vec<String> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let path = format!("messages.{at}");
        let Some(members) = message.as_object() else {
            return refuse(&path, format!("{path}: Input should be an object"));
        };
        check::known_members(members, &["role", "content"], &path)?;
        let role = match members.get("role").and_then(Value::as_str) {
            Some("user") => "user",
            Some("assistant") => "assistant",
            other => {
                let other = other.unwrap_or_default();
                return refuse(
                    &path,
                    format!(
                        "messages: Unexpected role \"{other}\". Allowed roles are \"user\" or \"assistant\"."
                    ),
                );
            }
        };
        ensure(at != 0 || role == "user", &path, || {
            "messages: first message must use the \"user\" role".into()
        })?;
        ensure(role != before, &path, || {
            format!(
                "messages: roles must alternate between \"user\" and \"assistant\", but found multiple \"{role}\" roles in a row"
            )
        })?;
        before = role;
        ask.messages += 1;
        ask.results.clear();
        match members.get("content") {
            Some(Value::String(text)) => {
                check_open(&open, at, &path)?;
                let last_prefill = role == "assistant" && at + 1 == messages.len();
                ensure(!text.is_empty() || last_prefill, &path, || {
                    format!(
                        "{path}: all messages must have non-empty content except for the optional final assistant message"
                    )
                })?;
                ask.characters += text.chars().count();
                if role == "user" {
                    ask.prompt.clone_from(text);
                }
                open.clear();
            }
            Some(Value::Array(blocks)) => {
                ensure(!blocks.is_empty(), &path, || {
                    format!(
                        "{path}: all messages must have non-empty content except for the optional final assistant message"
                    )
                })?;
                open = read_blocks(blocks, role, &open, at, ask)?;
            }
            _ => return refuse(&path, format!("{path}.content: Input should be a valid string or list")),
        }
    }
    check_open(&open, messages.len(), "messages")?;
    let last = messages.last().filter(|_| before == "assistant");
    let prefill = last.and_then(|message| {
        let content = message.get("content")?;
        content.as_str().or_else(|| content.as_array()?.last()?.get("text")?.as_str())
    });
    let trailing = prefill.is_some_and(|text| text.ends_with(char::is_whitespace));
    ensure(!trailing, "messages", || {
        "messages: final assistant content cannot end with trailing whitespace".into()
    })
}

fn check_open(open: &[String], at: usize, path: &str) -> Checked {
    ensure(open.is_empty(), path, || {
        format!(
            "messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after: {}. Each \
             `tool_use` block must have a corresponding `tool_result` block in the next message.",
            open.join(", ")
        )
    })
}

/// Checks the blocks of one message and returns the ids of its tool uses.
fn read_blocks(
    blocks: &[Value],
    role: &str,
    before: &[String],
    at: usize,
    ask: &mut Ask,
) -> Checked<Vec<String>> {
    let mut answered: Vec<&str> = Vec::new();
    let mut opened: Vec<String> = Vec::new();
    let mut said = String::new();
    let mut only_results = true;
    for (number, block) in blocks.iter().enumerate() {
        let path = format!("messages.{at}.content.{number}");
        let kind = block.get("type").and_then(Value::as_str).unwrap_or_default();
        if kind != "tool_result" {
            only_results = false;
        }
        match (kind, role) {
            ("text", _) => {
                let text = text_of(block, &path)?;
                ask.characters += text.chars().count();
                said.push_str(text);
            }
            ("image", "user") => {
                ask.images.push(image(block, &path)?);
                ask.characters += 340;
            }
            ("tool_result", "user") => {
                let id = block.get("tool_use_id").and_then(Value::as_str).unwrap_or_default();
                ensure(before.iter().any(|use_id| use_id == id), &path, || {
                    format!(
                        "{path}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` \
                         block must have a corresponding `tool_use` block in the previous message."
                    )
                })?;
                ensure(only_results, &path, || {
                    format!("{path}: `tool_result` blocks must come first in the content of a message")
                })?;
                ensure(!answered.contains(&id), &path, || {
                    format!(
                        "{path}: each tool_use must have a single result. Found multiple `tool_result` blocks with id: {id}"
                    )
                })?;
                answered.push(id);
                let result = result_text(block, &path)?;
                ask.characters += result.chars().count();
                ask.results.push(result);
            }
            ("tool_use", "assistant") => {
                let id = block.get("id").and_then(Value::as_str).unwrap_or_default();
                ensure(check::is_tool_name(id, 256), &path, || {
                    format!("{path}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
                })?;
                ensure(!opened.iter().any(|other| other == id), &path, || {
                    "messages: `tool_use` ids must be unique".into()
                })?;
                let name = block.get("name").and_then(Value::as_str).unwrap_or_default();
                ensure(check::is_tool_name(name, 128), &path, || {
                    format!("{path}.tool_use.name: invalid name '{name}'")
                })?;
                let Some(input) = block.get("input").filter(|input| input.is_object()) else {
                    return refuse(
                        &path,
                        format!("{path}.tool_use.input: Input should be a valid dictionary"),
                    );
                };
                ask.characters += input.to_string().len();
                opened.push(id.into());
            }
            ("thinking", "assistant") => {
                let thinking = block.get("thinking").and_then(Value::as_str).unwrap_or_default();
                let signature = block.get("signature").and_then(Value::as_str);
                let Some(signature) = signature else {
                    return refuse(&path, format!("{path}.thinking.signature: Field required"));
                };
                ensure(signature == answer::signature(thinking), &path, || {
                    format!("{path}: Invalid `signature` in `thinking` block")
                })?;
            }
            ("redacted_thinking", "assistant") => {
                let data = block.get("data").and_then(Value::as_str).unwrap_or_default();
                ensure(data.starts_with("RED"), &path, || {
                    format!("{path}: Invalid `data` in `redacted_thinking` block")
                })?;
            }
            ("document" | "search_result", "user") => {}
            _ => {
                return refuse(
                    &path,
                    format!(
                        "{path}: Input tag '{kind}' found using 'type' is not allowed in a message with role '{role}'"
                    ),
                );
            }
        }
    }
    let missing: Vec<String> = before.iter().filter(|id| !answered.contains(&id.as_str())).cloned().collect();
    check_open(&missing, at, &format!("messages.{at}"))?;
    if role == "user" && (!said.is_empty() || ask.results.is_empty()) {
        ask.prompt = said;
        // Text beside results asks anew.
        if !only_results && ask.prompt.contains("[[") {
            ask.results.clear();
        }
    }
    Ok(opened)
}

fn text_of<'a>(block: &'a Value, path: &str) -> Checked<&'a str> {
    let members = block.as_object();
    if let Some(members) = members {
        check::known_members(members, &["type", "text", "cache_control", "citations"], path)?;
    }
    match block.get("text").and_then(Value::as_str) {
        None => refuse(path, format!("{path}.text: Field required")),
        Some("") => refuse(path, "messages: text content blocks must be non-empty"),
        Some(text) if text.trim().is_empty() => {
            refuse(path, "messages: text content blocks must contain non-whitespace text")
        }
        Some(text) => Ok(text),
    }
}

fn image(block: &Value, path: &str) -> Checked<String> {
    let source = |name: &str| block.get("source").and_then(|source| source.get(name)).and_then(Value::as_str);
    match source("type") {
        Some("base64") => {
            let kind = source("media_type").unwrap_or_default();
            let known = ["image/png", "image/jpeg", "image/gif", "image/webp"].contains(&kind);
            ensure(known, path, || {
                format!(
                    "{path}.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'"
                )
            })?;
            let data = source("data").unwrap_or_default();
            ensure(check::is_base64(data), path, || {
                format!("{path}.image.source.base64: invalid base64 data")
            })?;
            Ok(format!("{kind} ({})", data.len()))
        }
        Some("url") => {
            let url = source("url").unwrap_or_default();
            ensure(url.starts_with("https://") || url.starts_with("http://"), path, || {
                format!("{path}.image.source.url.url: Only HTTPS URLs are supported.")
            })?;
            Ok(url.into())
        }
        Some("file") => Ok(source("file_id").unwrap_or_default().into()),
        other => refuse(path, format!("{path}.image.source: unknown type {other:?}")),
    }
}

fn result_text(block: &Value, path: &str) -> Checked<String> {
    if let Some(members) = block.as_object() {
        check::known_members(
            members,
            &["type", "tool_use_id", "content", "is_error", "cache_control"],
            path,
        )?;
    }
    let mut text = String::new();
    match block.get("content") {
        None | Some(Value::Null) => {}
        Some(Value::String(said)) => text.push_str(said),
        Some(Value::Array(blocks)) => {
            for (at, block) in blocks.iter().enumerate() {
                let path = format!("{path}.tool_result.content.{at}");
                match block.get("type").and_then(Value::as_str) {
                    Some("text") => text.push_str(text_of(block, &path)?),
                    Some("image") => text.push_str(&image(block, &path)?),
                    other => return refuse(&path, format!("{path}: unknown type {other:?}")),
                }
            }
        }
        Some(_) => {
            return refuse(
                path,
                format!("{path}.tool_result.content: Input should be a valid string or list"),
            );
        }
    }
    if block.get("is_error").and_then(Value::as_bool) == Some(true) {
        text.insert_str(0, "error ");
    }
    Ok(text)
}

/// Thinking limits what else may be asked.
fn check_thinking(object: &Map<String, Value>, messages: &[Value], ask: &Ask) -> Checked {
    let Some(thinking) = object.get("thinking").filter(|thinking| !thinking.is_null()) else { return Ok(()) };
    match thinking.get("type").and_then(Value::as_str) {
        Some("disabled") => return Ok(()),
        Some("adaptive") => {}
        Some("enabled") => {
            let Some(budget) = thinking.get("budget_tokens").and_then(Value::as_u64) else {
                return refuse("thinking", "thinking.enabled.budget_tokens: Field required");
            };
            ensure(1024 <= budget, "thinking", || {
                "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024".into()
            })?;
            ensure(ask.max_tokens.is_none_or(|most| budget < most), "thinking", || {
                "`max_tokens` must be greater than `thinking.budget_tokens`".into()
            })?;
        }
        other => return refuse("thinking", format!("thinking: unknown type {other:?}")),
    }
    let temperature = object.get("temperature").and_then(Value::as_f64).unwrap_or(1.0);
    ensure(temperature == 1.0, "temperature", || {
        "`temperature` may only be set to 1 when thinking is enabled".into()
    })?;
    ensure(!object.contains_key("top_k"), "top_k", || {
        "`top_k` must be unset when thinking is enabled".into()
    })?;
    ensure(matches!(ask.choice, Choice::Auto | Choice::None), "tool_choice", || {
        "Thinking may not be enabled when tool_choice forces tool use.".into()
    })?;
    // A turn that continues after tool results must still hold the thinking it began with.
    let at = messages.len().saturating_sub(2);
    let continued = messages.get(at).filter(|_| !ask.results.is_empty());
    let first = continued.and_then(|message| message.pointer("/content/0/type")).and_then(Value::as_str);
    ensure(first.is_none_or(|kind| kind == "thinking" || kind == "redacted_thinking"), "messages", || {
        format!(
            "messages.{at}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{}`. When `thinking` \
             is enabled, a final `assistant` message must start with a thinking block.",
            first.unwrap_or_default()
        )
    })
}

/// The whole answer.
pub fn json(ask: &Ask, answer: &Answer, usage: UsageAt) -> String {
    let blocks: Vec<String> = answer.parts.iter().map(|part| block(ask, part)).collect();
    let (reason, sequence) = stop(&answer.stop);
    let usage = if usage == UsageAt::Nowhere {
        String::new()
    } else {
        format!(
            r#","usage":{{{},"output_tokens":{},"output_tokens_details":{{"thinking_tokens":{}}},"service_tier":"standard"}}"#,
            input(&answer.usage),
            answer.usage.output,
            answer.usage.reasoning
        )
    };
    format!(
        r#"{{"id":"msg_{:016x}","type":"message","role":"assistant","model":{},"content":[{}],"stop_reason":"{reason}","stop_sequence":{sequence}{usage}}}"#,
        ask.seed,
        quote(&ask.model),
        blocks.join(","),
    )
}

fn block(ask: &Ask, part: &Part) -> String {
    let text = part.text();
    match &part.kind {
        Kind::Thinking => {
            let signature = answer::signature(&text);
            format!(r#"{{"type":"thinking","thinking":{},"signature":"{signature}"}}"#, quote(&text))
        }
        Kind::Redacted => format!(r#"{{"type":"redacted_thinking","data":"{text}"}}"#),
        Kind::Text | Kind::Refusal => format!(r#"{{"type":"text","text":{}}}"#, quote(&text)),
        Kind::Call { name, number } => format!(
            r#"{{"type":"tool_use","id":"{}","name":"{name}","input":{}}}"#,
            use_id(ask, *number),
            answer::arguments(part)
        ),
    }
}

/// The answer as a stream.
pub fn frames(ask: &Ask, answer: &Answer, usage: UsageAt) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut push = |when, event: &str, rest: &str| {
        frames.push(Frame::new(when, format!("event: {event}\ndata: {{\"type\":\"{event}\"{rest}}}\n\n")));
    };
    let counts = match usage {
        UsageAt::Usual => format!(r#"{},"output_tokens":1"#, input(&answer.usage)),
        UsageAt::Late => r#""input_tokens":0,"output_tokens":0"#.into(),
        UsageAt::Nowhere => String::new(),
    };
    let opening = format!(
        r#","message":{{"id":"msg_{:016x}","type":"message","role":"assistant","model":{},"content":[],"stop_reason":null,"stop_sequence":null,"usage":{{{counts}}}}}"#,
        ask.seed,
        quote(&ask.model),
    );
    push(When::Head, "message_start", &opening);
    for (index, part) in answer.parts.iter().enumerate() {
        stream_part(ask, part, index, &mut push);
        if index == 0 {
            push(When::Head, "ping", "");
        }
    }
    let (reason, sequence) = stop(&answer.stop);
    let output = format!(
        r#""output_tokens":{},"output_tokens_details":{{"thinking_tokens":{}}}"#,
        answer.usage.output, answer.usage.reasoning
    );
    let counts = match usage {
        UsageAt::Usual => output,
        UsageAt::Late => format!("{},{output}", input(&answer.usage)),
        UsageAt::Nowhere => String::new(),
    };
    let closing =
        format!(r#","delta":{{"stop_reason":"{reason}","stop_sequence":{sequence}}},"usage":{{{counts}}}"#);
    push(When::Tail, "message_delta", &closing);
    push(When::Tail, "message_stop", "");
    frames
}

fn stream_part(ask: &Ask, part: &Part, index: usize, push: &mut impl FnMut(When, &str, &str)) {
    let start = |block: &str| format!(r#","index":{index},"content_block":{block}"#);
    let delta = |delta: &str| format!(r#","index":{index},"delta":{delta}"#);
    match &part.kind {
        Kind::Thinking => {
            push(
                When::Head,
                "content_block_start",
                &start(r#"{"type":"thinking","thinking":"","signature":""}"#),
            );
            for token in &part.tokens {
                let token = format!(r#"{{"type":"thinking_delta","thinking":{}}}"#, quote(token));
                push(When::Token, "content_block_delta", &delta(&token));
            }
            let signature = answer::signature(&part.text());
            let signature = format!(r#"{{"type":"signature_delta","signature":"{signature}"}}"#);
            push(When::Head, "content_block_delta", &delta(&signature));
        }
        Kind::Redacted => {
            let block = format!(r#"{{"type":"redacted_thinking","data":"{}"}}"#, part.text());
            push(When::Token, "content_block_start", &start(&block));
        }
        Kind::Text | Kind::Refusal => {
            push(When::Head, "content_block_start", &start(r#"{"type":"text","text":""}"#));
            for token in &part.tokens {
                let token = format!(r#"{{"type":"text_delta","text":{}}}"#, quote(token));
                push(When::Token, "content_block_delta", &delta(&token));
            }
        }
        Kind::Call { name, number } => {
            let id = use_id(ask, *number);
            let block = format!(r#"{{"type":"tool_use","id":"{id}","name":"{name}","input":{{}}}}"#);
            push(When::Token, "content_block_start", &start(&block));
            // A tool without arguments sends no delta at all; others begin with an empty one.
            let tokens: &[String] = if part.text() == "{}" { &[] } else { &part.tokens };
            if !tokens.is_empty() {
                let empty = delta(r#"{"type":"input_json_delta","partial_json":""}"#);
                push(When::Head, "content_block_delta", &empty);
            }
            for token in tokens {
                let token = format!(r#"{{"type":"input_json_delta","partial_json":{}}}"#, quote(token));
                push(When::Token, "content_block_delta", &delta(&token));
            }
        }
    }
    push(When::Head, "content_block_stop", &format!(r#","index":{index}"#));
}

fn use_id(ask: &Ask, number: usize) -> String {
    format!("toolu_{:016x}{number}", ask.seed)
}

fn stop(stop: &Stop) -> (&'static str, String) {
    let reason = match stop {
        Stop::End => "end_turn",
        Stop::Calls => "tool_use",
        Stop::Length => "max_tokens",
        Stop::Sequence(sequence) => return ("stop_sequence", quote(sequence)),
        Stop::Refusal | Stop::Filter => "refusal",
    };
    (reason, "null".into())
}

/// Input counts: cached input is not part of `input_tokens` here.
fn input(usage: &Usage) -> String {
    let fresh = usage.input.saturating_sub(usage.cache_read + usage.cache_write);
    let (short, long) = (usage.cache_write - usage.cache_write / 3, usage.cache_write / 3);
    format!(
        r#""input_tokens":{fresh},"cache_creation_input_tokens":{},"cache_read_input_tokens":{},"cache_creation":{{"ephemeral_5m_input_tokens":{short},"ephemeral_1h_input_tokens":{long}}}"#,
        usage.cache_write, usage.cache_read,
    )
}

/// An error's body, and the data of an error frame.
pub fn error(status: u16, message: &str, kind: Option<&str>) -> String {
    let usual = match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        status if status < 500 => "invalid_request_error",
        _ => "api_error",
    };
    let kind = quote(kind.unwrap_or(usual));
    format!(
        r#"{{"type":"error","error":{{"type":{kind},"message":{}}},"request_id":"req_mock"}}"#,
        quote(message)
    )
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};
    use serde_json::json;

    use super::super::answer::answer;
    use super::*;

    fn reading(body: &Value) -> Checked<Ask> {
        let header = |name, value| (HeaderName::from_static(name), HeaderValue::from_static(value));
        let headers =
            HeaderMap::from_iter([header("x-api-key", "up"), header("anthropic-version", "2023-06-01")]);
        read(&headers, body.to_string().as_bytes(), For::Message)
    }

    fn fault(messages: &Value) -> String {
        reading(&json!({ "model": "m", "max_tokens": 9, "messages": messages })).unwrap_err().message
    }

    #[test]
    fn turns_alternate_and_begin_with_the_user() {
        assert!(fault(&json!([{ "role": "assistant", "content": "hi" }])).contains("first message"));
        let twice = json!([{ "role": "user", "content": "a" }, { "role": "user", "content": "b" }]);
        assert!(fault(&twice).contains("must alternate"));
        assert!(fault(&json!([{ "role": "system", "content": "a" }])).contains("Unexpected role"));
    }

    #[test]
    fn results_come_first_and_right_after_the_use() {
        let uses = json!({ "role": "assistant", "content": [{ "type": "tool_use", "id": "t1", "name": "f", "input": {} }] });
        let hi = json!({ "role": "user", "content": "hi" });
        assert!(fault(&json!([hi, uses, hi])).contains("without `tool_result`"));
        let late = json!({ "role": "user", "content": [
            { "type": "text", "text": "so" }, { "type": "tool_result", "tool_use_id": "t1", "content": "1" }] });
        assert!(fault(&json!([hi, uses, late])).contains("must come first"));
        assert!(fault(&json!([hi, uses])).contains("without `tool_result`"));
    }

    #[test]
    fn empty_text_is_refused() {
        assert!(
            fault(&json!([{ "role": "user", "content": [{ "type": "text", "text": "" }] }]))
                .contains("non-empty")
        );
    }

    #[test]
    fn thinking_must_come_back_unchanged() {
        let messages = |signature: &str| {
            json!([
                { "role": "user", "content": "hi" },
                { "role": "assistant", "content": [
                    { "type": "thinking", "thinking": "hm", "signature": signature },
                    { "type": "text", "text": "yes" }] },
                { "role": "user", "content": "go on" },
            ])
        };
        assert!(fault(&messages("forged")).contains("Invalid `signature`"));
        let fine = json!({ "model": "m", "max_tokens": 9, "messages": messages(&answer::signature("hm")) });
        assert!(reading(&fine).is_ok());
    }

    #[test]
    fn unknown_members_are_refused() {
        let body = json!({ "model": "m", "max_tokens": 9, "stop": ["x"], "messages": [{ "role": "user", "content": "hi" }] });
        assert!(reading(&body).unwrap_err().message.contains("stop: Extra inputs"));
    }

    #[test]
    fn a_stream_and_a_whole_answer_say_the_same() {
        let body = json!({ "model": "m", "max_tokens": 99,
            "tools": [{ "name": "f", "input_schema": { "type": "object", "properties": { "q": { "type": "string" } } } }],
            "messages": [{ "role": "user", "content": "[[tool]] [[preamble]]" }] });
        let ask = reading(&body).unwrap();
        let answer = answer(&ask);
        let whole: Value = serde_json::from_str(&json(&ask, &answer, UsageAt::Usual)).unwrap();
        let (mut text, mut input) = (String::new(), String::new());
        for frame in frames(&ask, &answer, UsageAt::Usual) {
            let data = frame.text().split_once("data: ").unwrap().1.to_owned();
            let data: Value = serde_json::from_str(&data).unwrap();
            text += data.pointer("/delta/text").and_then(Value::as_str).unwrap_or_default();
            input += data.pointer("/delta/partial_json").and_then(Value::as_str).unwrap_or_default();
        }
        assert_eq!(whole["content"][0]["text"], text);
        assert_eq!(whole["content"][1]["input"], serde_json::from_str::<Value>(&input).unwrap());
        assert_eq!(whole["stop_reason"], "tool_use");
    }
}
