//! Requests, checked as the provider checks them, and Claude behind it.

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::mock::answer;
use crate::mock::ask::{Ask, Choice, Tool, hash};
use crate::mock::check::{self, Checked, Refusal, ensure, refuse};

const KNOWN: &[&str] = &[
    "messages",
    "system",
    "inferenceConfig",
    "toolConfig",
    "guardrailConfig",
    "additionalModelRequestFields",
    "additionalModelResponseFieldPaths",
    "promptVariables",
    "requestMetadata",
    "performanceConfig",
    "serviceTier",
    "outputConfig",
];

/// Checks a request for `model`, as it stands in the path, and says what it asks for.
pub fn read(headers: &HeaderMap, model: &str, stream: bool, body: &[u8]) -> Checked<Ask> {
    authenticate(headers)?;
    let object = check::object(body)?;
    check::known_members(&object, KNOWN, "")?;
    if model.starts_with("missing") {
        let message = "Could not resolve the foundation model from the provided model identifier.".into();
        return Err(Refusal { status: 404, message, param: None, code: Some("ResourceNotFoundException") });
    }
    let mut ask = Ask {
        model: model.into(),
        stream,
        include_usage: true,
        parallel: true,
        count: 1,
        seed: hash(body),
        ..Ask::default()
    };
    read_options(&object, &mut ask)?;
    read_tools(&object, &mut ask)?;
    for (at, block) in list(&object, "system").iter().enumerate() {
        let path = format!("system.{at}");
        match one(block, &path)? {
            ("text", text) => {
                if !ask.system.is_empty() {
                    ask.system.push('\n');
                }
                ask.system.push_str(text_of(text, &path)?);
            }
            ("cachePoint", point) => cache_point(point, at, &path)?,
            (other, _) => return refuse(&path, format!("{path}: unknown member {other}")),
        }
    }
    ask.characters += ask.system.chars().count();
    Messages::default().read(list(&object, "messages"), &mut ask)?;
    check_thinking(&object, &ask)?;
    Ok(ask)
}

fn refused<T>(message: &str) -> Checked<T> {
    let code = Some("AccessDeniedException");
    Err(Refusal { status: 403, message: message.into(), param: None, code })
}

/// A bearer key, or a signature with all that belongs to one.
fn authenticate(headers: &HeaderMap) -> Checked {
    check::headers(headers, &["anthropic-", "openai-", "x-api-key", "cf-aig-"])?;
    if check::bearer(headers).is_some() {
        return Ok(());
    }
    let told = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(parts) = told("authorization").strip_prefix("AWS4-HMAC-SHA256 ") else {
        return refused("Missing Authentication Token");
    };
    let part = |name: &str| parts.split(", ").find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    let date = told("x-amz-date");
    let scope: Vec<&str> = part("Credential").unwrap_or_default().split('/').collect();
    let [id, day, region, service, "aws4_request"] = scope[..] else {
        return refused("Authorization header requires 'Credential' parameter.");
    };
    let whole = !id.is_empty() && !region.is_empty() && service == "bedrock";
    let dated = date.len() == 16 && date.ends_with('Z') && date.split('T').next() == Some(day);
    if !whole || !dated {
        return refused("Credential should be scoped to a valid region, to correct service: 'bedrock'.");
    }
    let signed: Vec<&str> = part("SignedHeaders").unwrap_or_default().split(';').collect();
    let token = !headers.contains_key("x-amz-security-token") || signed.contains(&"x-amz-security-token");
    if !["host", "x-amz-date", "content-type"].iter().all(|name| signed.contains(name)) || !token {
        return refused("'Host' or other headers must be a 'SignedHeader' in the AWS Authorization.");
    }
    let signature = part("Signature").unwrap_or_default();
    let hex = signature.len() == 64 && signature.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hex {
        Ok(())
    } else {
        refused("The request signature we calculated does not match the signature you provided.")
    }
}

fn list<'v>(object: &'v Map<String, Value>, name: &str) -> &'v [Value] {
    object.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The only member of a union.
fn one<'v>(value: &'v Value, path: &str) -> Checked<(&'v str, &'v Value)> {
    let mut members = value.as_object().into_iter().flatten();
    match (members.next(), members.next()) {
        (Some((name, value)), None) => Ok((name, value)),
        _ => refuse(path, format!("{path}: exactly one member must be set")),
    }
}

fn text_of<'v>(text: &'v Value, path: &str) -> Checked<&'v str> {
    match text.as_str() {
        Some(text) if !text.trim().is_empty() => Ok(text),
        _ => refuse(path, format!("The text field in the ContentBlock object at {path} is blank.")),
    }
}

fn cache_point(point: &Value, at: usize, path: &str) -> Checked {
    let ttl = point.get("ttl").is_none_or(|ttl| ttl == "5m" || ttl == "1h");
    ensure(point.get("type").is_some_and(|kind| kind == "default") && ttl && 0 < at, path, || {
        format!("{path}: a cache point must be `default` and follow what it keeps")
    })
}

fn read_options(object: &Map<String, Value>, ask: &mut Ask) -> Checked {
    if let Some(config) = object.get("inferenceConfig").and_then(Value::as_object) {
        check::known_members(
            config,
            &["maxTokens", "temperature", "topP", "stopSequences"],
            "inferenceConfig",
        )?;
        if let Some(most) = config.get("maxTokens") {
            ask.max_tokens = most.as_u64().filter(|most| 0 < *most);
            ensure(ask.max_tokens.is_some(), "maxTokens", || "maxTokens must be at least 1".into())?;
        }
        for name in ["temperature", "topP"] {
            let value = config.get(name).map_or(Some(0.0), Value::as_f64);
            ensure(value.is_some_and(|value| (0.0..=1.0).contains(&value)), name, || {
                format!("Value at 'inferenceConfig.{name}' must be between 0 and 1")
            })?;
        }
        for stop in list(config, "stopSequences") {
            ask.stop.push(text_of(stop, "inferenceConfig.stopSequences")?.into());
        }
    }
    let Some(config) = object.get("outputConfig").and_then(Value::as_object) else { return Ok(()) };
    check::known_members(config, &["textFormat", "effort"], "outputConfig")?;
    let Some(format) = config.get("textFormat") else { return Ok(()) };
    let typed = format.get("type").is_some_and(|kind| kind == "json_schema");
    let schema = format.pointer("/structure/jsonSchema/schema").and_then(Value::as_str);
    let schema: Option<Value> = schema.and_then(|schema| serde_json::from_str(schema).ok());
    ensure(typed && schema.as_ref().is_some_and(check::is_closed), "outputConfig.textFormat", || {
        "outputConfig.textFormat: a closed JSON schema must be given as a string".into()
    })?;
    ask.schema = schema;
    Ok(())
}

fn read_tools(object: &Map<String, Value>, ask: &mut Ask) -> Checked {
    let Some(config) = object.get("toolConfig").and_then(Value::as_object) else { return Ok(()) };
    check::known_members(config, &["tools", "toolChoice"], "toolConfig")?;
    for (at, tool) in list(config, "tools").iter().enumerate() {
        let path = format!("toolConfig.tools.{at}");
        let (kind, spec) = one(tool, &path)?;
        if kind == "cachePoint" {
            cache_point(spec, at, &path)?;
            continue;
        }
        let name = spec.get("name").and_then(Value::as_str).unwrap_or_default();
        let schema = spec.pointer("/inputSchema/json");
        let object = schema.and_then(|schema| schema.get("type")).is_some_and(|kind| kind == "object");
        let described =
            spec.get("description").is_none_or(|text| text.as_str().is_some_and(|t| !t.is_empty()));
        let new = !ask.tools.iter().any(|tool| tool.name == name);
        let fine = kind == "toolSpec" && check::is_tool_name(name, 64) && object && described && new;
        ensure(fine, &path, || format!("The value at {path}.toolSpec is not a tool: {spec}"))?;
        ask.characters += spec.to_string().len();
        ask.tools.push(Tool { name: name.into(), schema: schema.cloned().unwrap_or_default() });
    }
    ensure(!ask.tools.is_empty(), "toolConfig", || "toolConfig.tools must hold at least one tool".into())?;
    ask.choice = match config.get("toolChoice").map(|choice| one(choice, "toolChoice")).transpose()? {
        None | Some(("auto", _)) => Choice::Auto,
        Some(("any", _)) => Choice::Any,
        Some(("tool", tool)) => {
            Choice::Named(tool.get("name").and_then(Value::as_str).unwrap_or_default().into())
        }
        Some((other, _)) => return refuse("toolChoice", format!("toolChoice: unknown member {other}")),
    };
    let known = match &ask.choice {
        Choice::Named(name) => ask.tools.iter().any(|tool| tool.name == *name),
        _ => true,
    };
    ensure(known, "toolChoice", || "toolConfig.toolChoice.tool.name: no such tool".into())
}

/// Thinking limits what else may be asked.
fn check_thinking(object: &Map<String, Value>, ask: &Ask) -> Checked {
    let thinking = object.get("additionalModelRequestFields").and_then(|fields| fields.get("thinking"));
    let budget = thinking.and_then(|thinking| thinking.get("budget_tokens")).and_then(Value::as_u64);
    match thinking.and_then(|thinking| thinking.get("type")).and_then(Value::as_str) {
        None | Some("disabled") => return Ok(()),
        Some("adaptive") => {}
        Some("enabled") => {
            let fits = budget
                .is_some_and(|budget| 1024 <= budget && ask.max_tokens.is_none_or(|most| budget < most));
            ensure(fits, "thinking", || {
                "thinking.budget_tokens must be at least 1024 and below max_tokens".into()
            })?;
        }
        other => return refuse("thinking", format!("thinking: unknown type {other:?}")),
    }
    let temperature = object.get("inferenceConfig").and_then(|config| config.get("temperature"));
    let usual = temperature.and_then(Value::as_f64).is_none_or(|temperature| temperature == 1.0);
    ensure(usual && matches!(ask.choice, Choice::Auto), "thinking", || {
        "thinking may not be enabled with another temperature than 1 or a forced tool".into()
    })
}

/// The conversation being read.
#[derive(Default)]
struct Messages {
    /// Ids of the calls in the message before.
    open: Vec<String>,
    /// Names of documents, in lower case.
    names: Vec<String>,
    /// Whether tools were called or answered.
    tools: bool,
}

impl Messages {
    fn read(mut self, messages: &[Value], ask: &mut Ask) -> Checked {
        let mut before = "assistant";
        for (at, message) in messages.iter().enumerate() {
            let path = format!("messages.{at}");
            let members = message.as_object().cloned().unwrap_or_default();
            check::known_members(&members, &["role", "content"], &path)?;
            let role = match members.get("role").and_then(Value::as_str) {
                Some("user") => "user",
                Some("assistant") => "assistant",
                other => return refuse(&path, format!("{path}.role: {other:?}")),
            };
            ensure(role != before, &path, || {
                "A conversation must start with a user message, and roles must alternate.".into()
            })?;
            before = role;
            ask.results.clear();
            self.message(list(&members, "content"), role, &path, ask)?;
        }
        ask.messages = messages.len();
        ensure(!messages.is_empty() && self.open.is_empty(), "messages", || {
            "Expected toolResult blocks at the end of the conversation.".into()
        })?;
        ensure(!self.tools || !ask.tools.is_empty(), "toolConfig", || {
            "The toolConfig field must be defined when using toolUse and toolResult content blocks.".into()
        })
    }

    fn message(&mut self, blocks: &[Value], role: &str, path: &str, ask: &mut Ask) -> Checked {
        ensure(!blocks.is_empty(), path, || format!("The content field at {path} is empty."))?;
        let mut open = std::mem::take(&mut self.open);
        let (mut said, mut document) = (None::<String>, false);
        for (number, block) in blocks.iter().enumerate() {
            let path = format!("{path}.content.{number}");
            let (kind, value) = one(block, &path)?;
            match (kind, role) {
                ("text", _) => {
                    let text = text_of(value, &path)?;
                    ask.characters += text.chars().count();
                    said.get_or_insert_default().push_str(text);
                }
                ("image", "user") => ask.images.push(media(value, &["png", "jpeg", "gif", "webp"], &path)?),
                ("document", "user") => {
                    document = true;
                    self.document(value, &path)?;
                }
                ("audio", "user") => {
                    media(value, &["wav", "mp3", "opus", "aac", "flac", "mp4", "ogg", "m4a", "webm"], &path)?;
                }
                ("cachePoint", _) => cache_point(value, number, &path)?,
                ("toolUse", "assistant") => self.tool_use(value, &path)?,
                ("toolResult", "user") => {
                    ensure(said.is_none(), &path, || format!("{path}: results must come first"))?;
                    let result = self.tool_result(value, &mut open, &path)?;
                    ask.characters += result.chars().count();
                    ask.results.push(result);
                }
                ("reasoningContent", "assistant") => thought(value, &path)?,
                (kind, role) => return refuse(&path, format!("{path}: `{kind}` is not allowed from {role}")),
            }
        }
        ensure(open.is_empty(), path, || {
            format!("Expected toolResult blocks at {path}.content for the following Ids: {}", open.join(", "))
        })?;
        ensure(!document || said.is_some(), path, || {
            format!("{path}: a document must be accompanied by a text block")
        })?;
        if role == "user" && (said.is_some() || ask.results.is_empty()) {
            ask.prompt = said.unwrap_or_default();
            // Text beside results asks anew.
            if ask.prompt.contains("[[") {
                ask.results.clear();
            }
        }
        Ok(())
    }

    fn document(&mut self, document: &Value, path: &str) -> Checked {
        media(document, &["pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"], path)?;
        let name = document.get("name").and_then(Value::as_str).unwrap_or_default();
        let fine = |c: char| c.is_ascii_alphanumeric() || " -()[]".contains(c);
        let fits = (1..=200).contains(&name.len()) && name.chars().all(fine) && !name.contains("  ");
        ensure(fits, path, || {
            "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, \
             parentheses, and square brackets."
                .into()
        })?;
        let name = name.to_ascii_lowercase();
        ensure(!self.names.contains(&name), path, || {
            "Messages can't contain duplicate document names. Rename the document and retry your request."
                .into()
        })?;
        self.names.push(name);
        Ok(())
    }

    fn tool_use(&mut self, call: &Value, path: &str) -> Checked {
        self.tools = true;
        let told = |name: &str| call.get(name).and_then(Value::as_str).unwrap_or_default();
        let id = told("toolUseId");
        let fine = check::is_tool_name(id, 64) && check::is_tool_name(told("name"), 64);
        ensure(fine && call.get("input").is_some_and(Value::is_object), path, || {
            format!("The format of the value at {path}.toolUse is invalid.")
        })?;
        ensure(!self.open.iter().any(|other| other == id), path, || format!("{path}: duplicate Ids"))?;
        self.open.push(id.into());
        Ok(())
    }

    fn tool_result(&mut self, result: &Value, open: &mut Vec<String>, path: &str) -> Checked<String> {
        self.tools = true;
        let members = result.as_object().cloned().unwrap_or_default();
        check::known_members(&members, &["toolUseId", "content", "status"], path)?;
        let id = members.get("toolUseId").and_then(Value::as_str).unwrap_or_default();
        let Some(at) = open.iter().position(|other| other == id) else {
            return refuse(
                path,
                format!(
                    "The number of toolResult blocks at {path} exceeds the number of toolUse blocks of previous turn."
                ),
            );
        };
        open.remove(at);
        let mut text = String::new();
        if members.get("status").is_some_and(|status| status == "error") {
            text.push_str("error ");
        }
        for (number, block) in list(&members, "content").iter().enumerate() {
            let path = format!("{path}.toolResult.content.{number}");
            match one(block, &path)? {
                ("text", value) => text.push_str(text_of(value, &path)?),
                ("json", value) => text.push_str(&value.to_string()),
                ("image", value) => text.push_str(&media(value, &["png", "jpeg", "gif", "webp"], &path)?),
                ("document", value) => self.document(value, &path)?,
                (other, _) => return refuse(&path, format!("{path}: unknown member {other}")),
            }
        }
        Ok(text)
    }
}

/// A picture or the like, whose bytes must be in the request.
fn media(value: &Value, formats: &[&str], path: &str) -> Checked<String> {
    let format = value.get("format").and_then(Value::as_str).unwrap_or_default();
    let bytes = value.pointer("/source/bytes").and_then(Value::as_str).unwrap_or_default();
    ensure(formats.contains(&format) && check::is_base64(bytes), path, || {
        format!("{path}: bytes in one of the formats {formats:?} must be given")
    })?;
    Ok(format!("{format} ({})", bytes.len()))
}

fn thought(value: &Value, path: &str) -> Checked {
    let (kind, thought) = one(value, path)?;
    let genuine = match kind {
        "reasoningText" => {
            let told = |name: &str| thought.get(name).and_then(Value::as_str).unwrap_or_default();
            told("signature") == answer::signature(told("text"))
        }
        "redactedContent" => {
            let bytes = thought.as_str().and_then(|data| STANDARD.decode(data).ok());
            bytes.is_some_and(|bytes| bytes.starts_with(b"RED"))
        }
        _ => false,
    };
    ensure(genuine, path, || format!("{path}: Invalid `signature` in `thinking` block"))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue, header};
    use serde_json::json;

    use super::*;

    fn reading(body: &Value) -> Checked<Ask> {
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static("Bearer up"))]);
        read(&headers, "m", false, body.to_string().as_bytes())
    }

    fn fault(messages: &Value) -> String {
        reading(&json!({ "messages": messages })).unwrap_err().message
    }

    #[test]
    fn turns_alternate_and_say_something() {
        let hi = json!({ "role": "user", "content": [{ "text": "hi" }] });
        assert!(fault(&json!([hi, hi])).contains("alternate"));
        assert!(fault(&json!([{ "role": "user", "content": [{ "text": " " }] }])).contains("blank"));
        assert!(fault(&json!([{ "role": "user", "content": [] }])).contains("empty"));
        assert!(fault(&json!([])).contains("end of the conversation"));
        assert!(reading(&json!({ "messages": [hi], "max_tokens": 1 })).is_err());
        assert_eq!(reading(&json!({ "messages": [hi] })).unwrap().prompt, "hi");
    }

    #[test]
    fn tools_must_be_told_of_where_they_were_called() {
        let messages = json!([
            { "role": "user", "content": [{ "text": "go" }] },
            { "role": "assistant", "content": [{ "toolUse": { "toolUseId": "t", "name": "f", "input": {} } }] },
            { "role": "user", "content": [{ "toolResult": { "toolUseId": "t", "content": [{ "text": "1" }] } }] },
        ]);
        assert!(fault(&messages).contains("toolConfig field must be defined"));
        let tools = json!({ "tools": [{ "toolSpec": { "name": "f", "inputSchema": { "json": { "type": "object" } } } }] });
        let ask = reading(&json!({ "messages": messages, "toolConfig": tools })).unwrap();
        assert_eq!(ask.results, ["1"]);
        let cut = json!([messages[0], messages[1]]);
        assert!(fault(&cut).contains("toolResult"));
    }

    #[test]
    fn documents_have_names_of_their_own_and_a_text_beside_them() {
        let document = |name: &str| json!({ "document": { "format": "pdf", "name": name, "source": { "bytes": "AAAA" } } });
        let ask = |blocks: Value| fault(&json!([{ "role": "user", "content": blocks }]));
        assert!(ask(json!([document("a")])).contains("text block"));
        assert!(ask(json!([document("a.pdf")])).contains("file name"));
        assert!(ask(json!([document("a"), document("A"), { "text": "x" }])).contains("duplicate"));
    }

    #[test]
    fn a_signature_is_looked_at() {
        let signed = |authorization: &str| {
            let headers = [("authorization", authorization), ("x-amz-date", "20261121T000000Z")];
            let headers = headers.map(|(name, value)| {
                (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
            });
            authenticate(&HeaderMap::from_iter(headers)).is_ok()
        };
        let signature = "0".repeat(64);
        let fine = format!(
            "AWS4-HMAC-SHA256 Credential=AKID/20261121/us-east-1/bedrock/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, Signature={signature}"
        );
        assert!(signed(&fine));
        for (was, is) in
            [("20261121", "20261120"), ("bedrock", "s3"), ("host;", ""), ("=0", "="), ("AWS4", "AWS5")]
        {
            assert!(!signed(&fine.replacen(was, is, 1)), "{is}");
        }
    }
}
