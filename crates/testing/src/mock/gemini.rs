//! Gemini: `POST /v1beta/models/{model}:generateContent` and `:streamGenerateContent?alt=sse`, and the same under Vertex's
//! `/v1/projects/{project}/locations/{location}/publishers/google`; `POST /v1beta/models/{model}:batchEmbedContents`.
//!
//! Like the provider, it gives calls no ids but to models named `gemini-3…`, seals the first call of an answer or the end
//! of its text, and takes seals of its own only; `gemini-3…` wants the seal of a call back.

mod embed;

pub use self::embed::embed;

use axum::http::HeaderMap;
use serde_json::{Map, Value, json};

use super::answer::{self, Answer, Kind, Part, Stop, Usage};
use super::ask::{Ask, Choice, Tool, hash, quote};
use super::check::{self, Checked, Refusal, ensure, refuse};
use super::fault::UsageAt;
use super::reply::{Frame, When};

const KNOWN: &[&str] = &[
    "contents",
    "systemInstruction",
    "tools",
    "toolConfig",
    "generationConfig",
    "safetySettings",
    "cachedContent",
    "labels",
];

const CONFIG: &[&str] = &[
    "maxOutputTokens",
    "temperature",
    "topP",
    "topK",
    "seed",
    "frequencyPenalty",
    "presencePenalty",
    "candidateCount",
    "stopSequences",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "responseModalities",
    "mediaResolution",
    "thinkingConfig",
];

/// A request's path.
#[derive(Debug, PartialEq, Eq)]
pub struct Route {
    pub model: String,
    pub stream: bool,
    vertex: bool,
}

/// The route that `path` is, if it is one of this format.
pub fn route(path: &str) -> Option<Route> {
    let studio = path.strip_prefix("/v1beta/models/");
    let vertex = || {
        let mut steps = path.strip_prefix("/v1/projects/")?.splitn(7, '/');
        let steps: [&str; 7] = std::array::from_fn(|_| steps.next().unwrap_or_default());
        matches!(steps, [_, "locations", _, "publishers", "google", "models", _]).then_some(steps[6])
    };
    let (model, method) = studio.or_else(vertex)?.rsplit_once(':')?;
    let stream = match method {
        "generateContent" => false,
        "streamGenerateContent" => true,
        _ => return None,
    };
    Some(Route { model: model.into(), stream, vertex: studio.is_none() })
}

/// Checks a request and says what it asks for.
pub fn read(route: &Route, query: Option<&str>, headers: &HeaderMap, body: &[u8]) -> Checked<Ask> {
    authenticate(headers, route.vertex)?;
    let sse = query.is_some_and(|query| query.split('&').any(|pair| pair == "alt=sse"));
    ensure(sse == route.stream, "alt", || {
        "mock: streams, and they alone, are asked for with alt=sse".into()
    })?;
    if route.model.starts_with("missing") {
        let message = format!("models/{} is not found for API version v1beta.", route.model);
        return Err(Refusal { status: 404, message, param: None, code: None });
    }
    let object = check::object(body)?;
    known(&object, KNOWN, "")?;
    let mut ask = Ask {
        model: route.model.clone(),
        stream: route.stream,
        include_usage: true,
        seed: hash(body),
        parallel: true,
        count: 1,
        ..Ask::default()
    };
    if let Some(system) = object.get("systemInstruction").filter(|system| !system.is_null()) {
        let texts = parts(system, "systemInstruction")?;
        let texts = texts.iter().filter_map(|part| part.get("text")?.as_str());
        ask.system = texts.collect::<Vec<_>>().join("\n");
        ask.characters += ask.system.chars().count();
    }
    read_config(&object, &mut ask)?;
    read_tools(&object, &mut ask)?;
    let Some(contents) = object.get("contents").and_then(Value::as_array).filter(|all| !all.is_empty())
    else {
        return refuse("contents", "* GenerateContentRequest.contents: contents is not specified");
    };
    read_contents(contents, &mut ask)?;
    Ok(ask)
}

fn authenticate(headers: &HeaderMap, vertex: bool) -> Checked {
    check::headers(headers, &["anthropic-", "openai-", "x-api-key", "cf-aig-"])?;
    let key = headers.get("x-goog-api-key").is_some_and(|key| !key.is_empty());
    if check::bearer(headers).is_some() || key && !vertex {
        return Ok(());
    }
    let message = "Method doesn't allow unregistered callers (callers without established identity).".into();
    Err(Refusal { status: 403, message, param: None, code: None })
}

fn known(object: &Map<String, Value>, known: &[&str], path: &str) -> Checked {
    let Some(name) = object.keys().find(|name| !known.contains(&name.as_str())) else { return Ok(()) };
    let at = if path.is_empty() { String::new() } else { format!(" at '{path}'") };
    refuse(name, format!("Invalid JSON payload received. Unknown name \"{name}\"{at}: Cannot find field."))
}

fn parts<'a>(content: &'a Value, path: &str) -> Checked<&'a [Value]> {
    match content.get("parts").and_then(Value::as_array) {
        Some(parts) if !parts.is_empty() => Ok(parts),
        _ => {
            refuse(path, format!("* GenerateContentRequest.{path}.parts: contents.parts must not be empty."))
        }
    }
}

fn read_config(object: &Map<String, Value>, ask: &mut Ask) -> Checked {
    let Some(config) = object.get("generationConfig").and_then(Value::as_object) else { return Ok(()) };
    known(config, CONFIG, "generation_config")?;
    if let Some(most) = config.get("maxOutputTokens") {
        let Some(most) = most.as_u64().filter(|most| 0 < *most) else {
            return refuse("maxOutputTokens", "max_output_tokens must be positive.");
        };
        ask.max_tokens = Some(most);
    }
    for (name, most) in [("temperature", 2.0), ("topP", 1.0)] {
        let fine =
            config.get(name).is_none_or(|value| value.as_f64().is_some_and(|v| (0.0..=most).contains(&v)));
        ensure(fine, name, || format!("{name} must be in the range [0, {most}]."))?;
    }
    if let Some(stop) = config.get("stopSequences") {
        let all = stop.as_array().filter(|all| all.len() <= 5 && all.iter().all(Value::is_string));
        let Some(all) = all else {
            return refuse("stopSequences", "at most 5 stop sequences are supported.");
        };
        ask.stop = all.iter().filter_map(Value::as_str).map(Into::into).collect();
    }
    if let Some(count) = config.get("candidateCount") {
        match count.as_u64().and_then(|count| usize::try_from(count).ok()) {
            Some(count @ 1..=8) => ask.count = count,
            _ => return refuse("candidateCount", "candidate_count must be in the range [1, 8]."),
        }
    }
    let json = config.get("responseMimeType").and_then(Value::as_str) == Some("application/json");
    let schema = config.get("responseJsonSchema").or_else(|| config.get("responseSchema"));
    ensure(json || schema.is_none(), "responseJsonSchema", || {
        "response_schema is only allowed with response_mime_type application/json".into()
    })?;
    if json {
        ask.schema = Some(schema.cloned().unwrap_or(Value::Null));
    }
    read_thinking(config, ask)
}

fn read_thinking(config: &Map<String, Value>, ask: &mut Ask) -> Checked {
    let Some(thinking) = config.get("thinkingConfig").and_then(Value::as_object) else { return Ok(()) };
    known(
        thinking,
        &["includeThoughts", "thinkingBudget", "thinkingLevel"],
        "generation_config.thinking_config",
    )?;
    let (budget, level) = (thinking.get("thinkingBudget"), thinking.get("thinkingLevel"));
    ensure(budget.is_none() || level.is_none(), "thinkingConfig", || {
        "You can only set only one of thinking budget and thinking level.".into()
    })?;
    ensure(level.is_none() || !ask.model.starts_with("gemini-2"), "thinkingLevel", || {
        "Thinking level is not supported for this model.".into()
    })?;
    let levels = ["MINIMAL", "LOW", "MEDIUM", "HIGH"];
    let fine = level.is_none_or(|level| level.as_str().is_some_and(|level| levels.contains(&level)));
    ensure(fine, "thinkingLevel", || format!("Invalid value at 'thinking_level': {level:?}"))?;
    let fine =
        budget.is_none_or(|budget| budget.as_i64().is_some_and(|budget| (-1..=32_768).contains(&budget)));
    ensure(fine, "thinkingBudget", || {
        "The thinking budget is invalid. Please choose a value between 0 and 24576.".into()
    })?;
    ask.think = thinking.get("includeThoughts").and_then(Value::as_bool).unwrap_or(false);
    Ok(())
}

fn read_tools(object: &Map<String, Value>, ask: &mut Ask) -> Checked {
    for tool in object.get("tools").and_then(Value::as_array).into_iter().flatten() {
        ask.characters += tool.to_string().len();
        for function in tool.get("functionDeclarations").and_then(Value::as_array).into_iter().flatten() {
            let Some(members) = function.as_object() else {
                return refuse("tools", "function_declarations must be objects.");
            };
            known(
                members,
                &["name", "description", "parameters", "parametersJsonSchema"],
                "tools[0].function_declarations[0]",
            )?;
            let name = members.get("name").and_then(Value::as_str).unwrap_or_default();
            let fine = (1..=64).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte));
            ensure(fine, "tools", || {
                "Invalid function name. Must start with a letter or an underscore.".into()
            })?;
            let both = members.contains_key("parameters") && members.contains_key("parametersJsonSchema");
            ensure(!both, "tools", || {
                "parameters and parameters_json_schema are mutually exclusive.".into()
            })?;
            let schema = members.get("parametersJsonSchema").or_else(|| members.get("parameters"));
            let schema = schema.cloned().unwrap_or_else(|| json!({ "type": "object" }));
            ask.tools.push(Tool { name: name.into(), schema });
        }
    }
    let Some(config) = object.get("toolConfig").and_then(Value::as_object) else { return Ok(()) };
    known(config, &["functionCallingConfig", "retrievalConfig"], "tool_config")?;
    let Some(calling) = config.get("functionCallingConfig").and_then(Value::as_object) else { return Ok(()) };
    known(calling, &["mode", "allowedFunctionNames"], "tool_config.function_calling_config")?;
    ensure(!ask.tools.is_empty(), "toolConfig", || {
        "Function calling config is set without function_declarations.".into()
    })?;
    let allowed = calling.get("allowedFunctionNames").and_then(Value::as_array);
    let mode = calling.get("mode").and_then(Value::as_str).unwrap_or_default();
    ensure(allowed.is_none() || mode == "ANY", "toolConfig", || {
        "allowed_function_names should only be set when the function calling mode is ANY.".into()
    })?;
    let named = allowed.and_then(|allowed| allowed.first()?.as_str());
    ask.choice = match (mode, named) {
        ("AUTO" | "VALIDATED", _) => Choice::Auto,
        ("NONE", _) => Choice::None,
        ("ANY", None) => Choice::Any,
        ("ANY", Some(name)) if ask.tools.iter().any(|tool| tool.name == name) => Choice::Named(name.into()),
        ("ANY", Some(name)) => {
            return refuse("toolConfig", format!("allowed_function_names: `{name}` is not declared."));
        }
        (other, _) => return refuse("toolConfig", format!("Invalid value at 'mode': \"{other}\"")),
    };
    Ok(())
}

fn read_contents(contents: &[Value], ask: &mut Ask) -> Checked {
    // Calls of the content before.
    let mut open: Vec<(Option<String>, String)> = Vec::new();
    for (at, content) in contents.iter().enumerate() {
        let path = format!("contents[{at}]");
        let Some(members) = content.as_object() else {
            return refuse(&path, format!("Invalid value at '{path}'"));
        };
        known(members, &["role", "parts"], &path)?;
        let role = members.get("role").and_then(Value::as_str).unwrap_or("user");
        ensure(role == "user" || role == "model", &path, || "Please use a valid role: user, model.".into())?;
        ask.messages += 1;
        let all = parts(content, &path)?;
        let responses = all.iter().filter(|part| part.get("functionResponse").is_some()).count();
        ensure(responses == open.len(), &path, || {
            "Please ensure that the number of function response parts is equal to the number of function call parts \
             of the function call turn."
                .into()
        })?;
        let mut calls = Vec::new();
        let mut said = String::new();
        ask.results.clear();
        for part in all {
            read_part(part, role, &path, (&mut open, &mut calls), &mut said, ask)?;
        }
        open = calls;
        if role == "user" && (!said.is_empty() || ask.results.is_empty()) {
            ask.prompt = said;
            if ask.prompt.contains("[[") {
                ask.results.clear();
            }
        }
    }
    Ok(())
}

type Calls = Vec<(Option<String>, String)>;

fn read_part(
    part: &Value,
    role: &str,
    path: &str,
    (open, calls): (&mut Calls, &mut Calls),
    said: &mut String,
    ask: &mut Ask,
) -> Checked {
    let Some(members) = part.as_object() else { return refuse(path, "a part must be an object.") };
    const DATA: &[&str] = &["text", "inlineData", "fileData", "functionCall", "functionResponse"];
    known(members, &[DATA, &["thought", "thoughtSignature"]].concat(), path)?;
    let data: Vec<_> = DATA.iter().filter(|name| members.contains_key(**name)).collect();
    let [data] = data.as_slice() else {
        return refuse(
            path,
            format!("{path}.parts: required oneof field 'data' must have one initialized field"),
        );
    };
    let sealed = members.get("thoughtSignature").map(|seal| seal.as_str().unwrap_or_default());
    ensure(sealed.is_none_or(|seal| seal.starts_with(SEAL)), path, || {
        "Thought signature is not valid.".into()
    })?;
    let value = &part[**data];
    let field = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    match (**data, role) {
        ("text", _) => {
            let Some(text) = value.as_str() else { return refuse(path, "text must be a string.") };
            ask.characters += text.chars().count();
            if members.get("thought") != Some(&Value::Bool(true)) {
                said.push_str(text);
            }
        }
        ("inlineData", "user") => {
            ensure(field("mimeType").contains('/') && check::is_base64(field("data")), path, || {
                "Base64 decoding failed, or Unsupported MIME type.".into()
            })?;
            ask.images.push(format!("{} ({})", field("mimeType"), field("data").len()));
            ask.characters += 340;
        }
        ("fileData", "user") => {
            ensure(!field("fileUri").is_empty(), path, || "file_uri must not be empty.".into())?;
            ask.images.push(field("fileUri").into());
        }
        ("functionCall", "model") => {
            let fine = !field("name").is_empty() && value.get("args").is_none_or(Value::is_object);
            ensure(fine, path, || "Invalid function call: a name and an object of args are wanted.".into())?;
            let first = calls.is_empty() && ask.model.starts_with("gemini-3");
            ensure(!first || sealed.is_some(), path, || {
                "Function call is missing a thought_signature in functionCall parts.".into()
            })?;
            ask.characters += value.to_string().len();
            calls.push((value.get("id").and_then(Value::as_str).map(Into::into), field("name").into()));
        }
        ("functionResponse", "user") => {
            let id = value.get("id").and_then(Value::as_str);
            let fits = |(call, name): &(Option<String>, String)| {
                *name == field("name") && (call.is_none() || id.is_none() || call.as_deref() == id)
            };
            let Some(at) = open.iter().position(fits) else {
                return refuse(
                    path,
                    format!("function response `{}` answers no function call.", field("name")),
                );
            };
            open.remove(at);
            let Some(response) = value.get("response").and_then(Value::as_object) else {
                return refuse(path, "function_response.response must be an object.");
            };
            ask.characters += value.to_string().len();
            ask.results.push(match (response.get("result"), response.get("error")) {
                (Some(Value::String(text)), _) => text.clone(),
                (_, Some(Value::String(text))) => format!("error {text}"),
                _ => Value::from(response.clone()).to_string(),
            });
        }
        (data, role) => return refuse(path, format!("{data} is not allowed in a content of role {role}.")),
    }
    Ok(())
}

/// How every seal of this provider begins.
const SEAL: &str = "R0VN";

fn seal(ask: &Ask) -> String {
    format!("{SEAL}{:016x}", ask.seed)
}

/// The parts of a candidate, as JSON with a comma to append more: each with what it is to those who count.
fn told(ask: &Ask, answer: &Answer) -> Vec<(When, String)> {
    let mut told = Vec::new();
    let thinks = answer.parts.iter().any(|part| matches!(part.kind, Kind::Thinking));
    let called = answer.parts.iter().any(|part| matches!(part.kind, Kind::Call { .. }));
    for part in &answer.parts {
        match &part.kind {
            Kind::Thinking => texts(part, r#","thought":true"#, &mut told),
            Kind::Redacted => {}
            Kind::Text | Kind::Refusal => texts(part, "", &mut told),
            Kind::Call { name, number } => {
                let id = if ask.model.starts_with("gemini-3") {
                    format!(r#""id":"{:012x}{number}","#, ask.seed & 0xffff_ffff_ffff)
                } else {
                    String::new()
                };
                let seal = if *number == 0 {
                    format!(r#","thoughtSignature":"{}""#, seal(ask))
                } else {
                    String::new()
                };
                let args = answer::arguments(part);
                told.push((
                    When::Token,
                    format!(r#"{{"functionCall":{{{id}"name":{},"args":{args}}}{seal}}}"#, quote(name)),
                ));
            }
        }
    }
    if thinks && !called {
        told.push((When::Tail, format!(r#"{{"text":"","thoughtSignature":"{}"}}"#, seal(ask))));
    }
    told
}

fn texts(part: &Part, rest: &str, told: &mut Vec<(When, String)>) {
    told.extend(
        part.tokens.iter().map(|token| (When::Token, format!(r#"{{"text":{}{rest}}}"#, quote(token)))),
    );
}

/// The whole answer.
pub fn json(ask: &Ask, answer: &Answer, usage: UsageAt) -> String {
    let mut candidates = Vec::new();
    for index in 0..ask.count {
        let mut parts = Vec::new();
        for part in &answer.parts {
            // Whole answers have whole texts.
            let whole = Answer {
                parts: vec![Part { kind: kind(&part.kind), tokens: vec![part.text()] }],
                stop: Stop::End,
                usage: Usage { input: 0, cache_read: 0, cache_write: 0, output: 0, reasoning: 0 },
            };
            parts.extend(
                told(ask, &whole).into_iter().filter(|(when, _)| *when == When::Token).map(|(_, part)| part),
            );
        }
        let tail =
            told(ask, answer).into_iter().filter(|(when, _)| *when == When::Tail).map(|(_, part)| part);
        parts.extend(tail);
        candidates.push(format!(
            r#"{{"content":{{"parts":[{}],"role":"model"}},"finishReason":"{}","index":{index}}}"#,
            parts.join(","),
            finish(&answer.stop),
        ));
    }
    format!(
        r#"{{"candidates":[{}]{}{}}}"#,
        candidates.join(","),
        counts(&answer.usage, usage, true),
        source(ask)
    )
}

fn kind(kind: &Kind) -> Kind {
    match kind {
        Kind::Thinking => Kind::Thinking,
        Kind::Redacted => Kind::Redacted,
        Kind::Text => Kind::Text,
        Kind::Refusal => Kind::Refusal,
        Kind::Call { name, number } => Kind::Call { name: name.clone(), number: *number },
    }
}

/// The answer as a stream, which ends without a mark.
pub fn frames(ask: &Ask, answer: &Answer, usage: UsageAt) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut push = |when, index: usize, part: &str, end: &str, last: bool| {
        let counts = counts(&answer.usage, usage, last);
        frames.push(Frame::new(
            when,
            format!(
                "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{part}],\"role\":\"model\"}}{end},\"index\":{index}}}]{counts}{}}}\r\n\r\n",
                source(ask)
            ),
        ));
    };
    for index in 0..ask.count {
        let mut tail = r#"{"text":""}"#.to_owned();
        for (when, part) in told(ask, answer) {
            match when {
                When::Tail => tail = part,
                when => push(when, index, &part, "", false),
            }
        }
        let end = format!(r#","finishReason":"{}""#, finish(&answer.stop));
        push(When::Tail, index, &tail, &end, index + 1 == ask.count);
    }
    frames
}

fn source(ask: &Ask) -> String {
    format!(r#","modelVersion":{},"responseId":"resp{:016x}""#, quote(&ask.model), ask.seed)
}

fn finish(stop: &Stop) -> &'static str {
    match stop {
        Stop::End | Stop::Calls | Stop::Sequence(_) => "STOP",
        Stop::Length => "MAX_TOKENS",
        Stop::Refusal | Stop::Filter => "SAFETY",
    }
}

/// Cached input is part of the prompt here, thoughts are no part of the candidates. Most frames repeat the prompt's count.
fn counts(usage: &Usage, at: UsageAt, last: bool) -> String {
    match (at, last) {
        (UsageAt::Nowhere, _) | (UsageAt::Late, false) => String::new(),
        (UsageAt::Usual, false) => {
            format!(r#","usageMetadata":{{"promptTokenCount":{0},"totalTokenCount":{0}}}"#, usage.input)
        }
        (_, true) => format!(
            r#","usageMetadata":{{"promptTokenCount":{},"cachedContentTokenCount":{},"candidatesTokenCount":{},"thoughtsTokenCount":{},"totalTokenCount":{}}}"#,
            usage.input,
            usage.cache_read,
            usage.output.saturating_sub(usage.reasoning),
            usage.reasoning,
            usage.input + usage.output,
        ),
    }
}

/// An error's body, and the data of an error frame.
pub fn error(status: u16, message: &str, word: Option<&str>) -> String {
    let usual = match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 | 529 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        status if status < 500 => "INVALID_ARGUMENT",
        _ => "INTERNAL",
    };
    let word = quote(word.unwrap_or(usual));
    format!(r#"{{"error":{{"code":{status},"message":{},"status":{word}}}}}"#, quote(message))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::super::answer::answer;
    use super::*;

    fn reading(model: &str, body: &Value) -> Checked<Ask> {
        let key = (HeaderName::from_static("x-goog-api-key"), HeaderValue::from_static("up"));
        let route = Route { model: model.into(), stream: false, vertex: false };
        read(&route, None, &HeaderMap::from_iter([key]), body.to_string().as_bytes())
    }

    fn fault(body: &Value) -> String {
        reading("gemini-3-flash", body).unwrap_err().message
    }

    #[test]
    fn both_places_lead_here() {
        let found = route("/v1beta/models/gemini-x:streamGenerateContent").unwrap();
        assert_eq!((found.model.as_str(), found.stream, found.vertex), ("gemini-x", true, false));
        let path = "/v1/projects/p/locations/eu/publishers/google/models/gemini-x:generateContent";
        let found = route(path).unwrap();
        assert_eq!((found.model.as_str(), found.stream, found.vertex), ("gemini-x", false, true));
        assert_eq!(route("/v1beta/models/gemini-x"), None);
        assert_eq!(route("/v1/projects/p/models/gemini-x:generateContent"), None);
    }

    #[test]
    fn calls_are_sealed_and_answered_at_once() {
        let hi = json!({ "role": "user", "parts": [{ "text": "hi" }] });
        let call = |seal: Option<&str>| {
            let mut part = json!({ "functionCall": { "name": "f", "args": {} } });
            if let Some(seal) = seal {
                part["thoughtSignature"] = seal.into();
            }
            json!({ "role": "model", "parts": [part] })
        };
        let response =
            json!({ "role": "user", "parts": [{ "functionResponse": { "name": "f", "response": {} } }] });
        assert!(
            fault(&json!({ "contents": [hi, call(None), response] })).contains("missing a thought_signature")
        );
        assert!(fault(&json!({ "contents": [hi, call(Some("forged")), response] })).contains("not valid"));
        assert!(
            fault(&json!({ "contents": [hi, call(Some("R0VN1")), hi] }))
                .contains("number of function response")
        );
        let fine = json!({ "contents": [hi, call(Some("R0VN1")), response] });
        assert_eq!(reading("gemini-3-flash", &fine).unwrap().results, ["{}"]);
    }

    #[test]
    fn other_dialects_are_refused() {
        let contents = json!([{ "role": "user", "parts": [{ "text": "hi" }] }]);
        assert!(fault(&json!({ "contents": contents, "model": "m" })).contains("Unknown name \"model\""));
        assert!(
            fault(&json!({ "contents": [{ "role": "assistant", "parts": [{ "text": "hi" }] }] }))
                .contains("valid role")
        );
        let both = json!({ "contents": contents, "generationConfig": { "thinkingConfig": { "thinkingLevel": "LOW", "thinkingBudget": 1 } } });
        assert!(fault(&both).contains("only one of"));
    }

    #[test]
    fn a_stream_and_a_whole_answer_say_the_same() {
        let body = json!({ "contents": [{ "role": "user", "parts": [{ "text": "say é [[think]]" }] }] });
        let ask = reading("gemini-2.5-flash", &body).unwrap();
        let answer = answer(&ask);
        let whole: Value = serde_json::from_str(&json(&ask, &answer, UsageAt::Usual)).unwrap();
        let (mut text, mut last) = (String::new(), Value::Null);
        for frame in frames(&ask, &answer, UsageAt::Usual) {
            let data = frame.text().strip_prefix("data: ").unwrap();
            last = serde_json::from_str(data).unwrap();
            let part = &last["candidates"][0]["content"]["parts"][0];
            if part.get("thought").is_none() {
                text += part["text"].as_str().unwrap();
            }
        }
        assert_eq!(whole["candidates"][0]["content"]["parts"][1]["text"], text);
        assert_eq!(whole["usageMetadata"], last["usageMetadata"]);
        assert_eq!(last["candidates"][0]["finishReason"], "STOP");
        assert!(
            last["candidates"][0]["content"]["parts"][0]["thoughtSignature"]
                .as_str()
                .unwrap()
                .starts_with(SEAL)
        );
    }
}
