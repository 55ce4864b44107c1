//! A caller's request, read.

use sluice_types::{
    chat::{OutputFormat, Part, Reasoning, Request, Role, Tool, ToolChoice, Turn},
    error::Failure,
    json::{Members, Raw, Str},
};

use super::{SEALED_THOUGHTS, items};
use crate::format::{
    json::{self, Object, Value},
    openai_chat::{Passed, count, effort_of, number},
};

/// The members that are read; all others are passed on.
const KNOWN: &[&str] = &[
    "model",
    "input",
    "instructions",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "max_output_tokens",
    "temperature",
    "top_p",
    "text",
    "reasoning",
    "stream",
    "user",
    "include",
    // Of no use to anyone but the gateway: whether to keep the answer, and how to pad frames.
    "store",
    "background",
    "stream_options",
];

/// Reads a caller's request. Members of `text` and `reasoning` that are passed on are called `text.NAME` and
/// `reasoning.NAME` among the others.
///
/// # Errors
///
/// [`InvalidRequest`](sluice_types::error::ErrorKind::InvalidRequest) if the body is not JSON, lacks a model or input, a
/// known member is of another type than documented, or an answer is asked for in the background. Values out of range are
/// the provider's to refuse.
pub fn read_request(body: &[u8]) -> Result<Request<'_>, Failure> {
    let body = json::body(body)?;
    if body.boolean("background")?.unwrap_or_default() {
        return Err(body.path.member("background").invalid("must be false: answers are given at once here"));
    }
    for (name, instead) in [
        ("conversation", "go on with `previous_response_id`, or send the conversation as `input`"),
        ("prompt", "send its text as `instructions` or `input`"),
    ] {
        if body.get(name)?.is_some() {
            let message = format!("is kept by no one here, and no provider is asked for its own: {instead}");
            return Err(body.path.member(name).invalid(message));
        }
    }
    let mut passed = Passed::default();
    let mut extra = Members::default();
    let (output, reasoning) = (text(&body, &mut extra)?, reasoning(&body, &mut extra)?);
    include(&body, &mut extra)?;
    body.boolean("store")?;
    let request = Request {
        model: body.require("model")?.string()?,
        turns: turns(&body)?,
        tools: tools(&body)?,
        tool_choice: tool_choice(&body)?,
        parallel_tool_calls: body.boolean("parallel_tool_calls")?,
        max_output_tokens: passed.unless_read("max_output_tokens", count(&body, "max_output_tokens")?),
        temperature: passed.unless_read("temperature", number(&body, "temperature")?),
        top_p: passed.unless_read("top_p", number(&body, "top_p")?),
        output,
        reasoning,
        stream: body.boolean("stream")?.unwrap_or_default(),
        // Always told.
        include_usage: true,
        user: body.string("user")?,
        ..Request::default()
    };
    let is_read = |name: &str| KNOWN.contains(&name) && !passed.0.contains(&name) || name.contains('.');
    extra.0.splice(0..0, body.rest(is_read).0);
    extra.0.retain(|(_, value)| !value.is_null());
    Ok(Request { extra, ..request })
}

fn turns<'a>(body: &Object<'a, 'static>) -> Result<Vec<Turn<'a>>, Failure> {
    let mut turns = Vec::new();
    if let Some(instructions) = body.string("instructions")? {
        turns.push(plain(Role::System, instructions));
    }
    match body.get("input")? {
        Some(input) if input.is_string() => turns.push(plain(Role::User, input.string()?)),
        Some(input) if input.is_object() => {
            return Err(input.path.invalid("must be a string or a list of items, not an object"));
        }
        Some(input) => items::read_all(&input, &mut turns)?,
        // The conversation so far may be all.
        None if body.get("previous_response_id")?.is_some() => {}
        None => return Err(body.path.member("input").invalid("is required")),
    }
    Ok(turns)
}

fn plain(role: Role, text: Str<'_>) -> Turn<'_> {
    Turn { role, name: None, parts: vec![Part::text(text)], extra: Members::default() }
}

/// Passes on the member `name` of the object `of`.
fn pass<'a>(of: &str, name: &str, value: Raw<'a>, extra: &mut Members<'a>) {
    extra.0.push((Str::from(format!("{of}.{name}")), value));
}

fn pass_rest<'a>(of: &str, object: &Object<'a, '_>, known: &str, extra: &mut Members<'a>) {
    for (name, value) in object.rest(|name| name == known).0 {
        pass(of, &name, value, extra);
    }
}

fn text<'a>(body: &Object<'a, 'static>, extra: &mut Members<'a>) -> Result<OutputFormat<'a>, Failure> {
    let Some(text) = body.get("text")? else { return Ok(OutputFormat::Text) };
    let text = text.object()?;
    pass_rest("text", &text, "format", extra);
    let Some(value) = text.get("format")? else { return Ok(OutputFormat::Text) };
    let format = value.object()?;
    let schema = format.get("schema")?;
    Ok(match (&*format.require("type")?.string()?, schema) {
        ("text", _) => OutputFormat::Text,
        ("json_object", _) => OutputFormat::Json,
        ("json_schema", Some(schema)) => OutputFormat::Schema {
            name: format.string("name")?,
            description: format.string("description")?,
            schema: Raw::from(schema.raw),
            strict: format.boolean("strict")?,
        },
        ("json_schema", None) => return Err(value.path.member("schema").invalid("is required")),
        _ => {
            pass("text", "format", Raw::from(value.raw), extra);
            OutputFormat::Text
        }
    })
}

fn reasoning<'a>(body: &Object<'a, 'static>, extra: &mut Members<'a>) -> Result<Option<Reasoning>, Failure> {
    let Some(reasoning) = body.get("reasoning")? else { return Ok(None) };
    let reasoning = reasoning.object()?;
    pass_rest("reasoning", &reasoning, "effort", extra);
    let Some(value) = reasoning.get("effort")? else { return Ok(None) };
    let effort = value.string()?;
    if effort == "none" {
        return Ok(Some(Reasoning::Off));
    }
    let known = effort_of(&effort);
    if known.is_none() {
        pass("reasoning", "effort", Raw::from(value.raw), extra);
    }
    Ok(known.map(Reasoning::Effort))
}

/// Passes on what is to be included; sealed thoughts are in any case.
fn include<'a>(body: &Object<'a, 'static>, extra: &mut Members<'a>) -> Result<(), Failure> {
    let Some(include) = body.get("include")? else { return Ok(()) };
    let mut others = include.list()?;
    others.retain(|raw| {
        serde_json::from_str::<Str<'_>>(raw.get()).ok().is_none_or(|name| name != SEALED_THOUGHTS)
    });
    if let Some(raw) = Raw::write(&others).filter(|_| !others.is_empty()) {
        extra.0.push((Str::from("include"), raw));
    }
    Ok(())
}

fn tools<'a>(body: &Object<'a, 'static>) -> Result<Vec<Tool<'a>>, Failure> {
    let Some(tools) = body.get("tools")? else { return Ok(Vec::new()) };
    let items = tools.list()?.into_iter().enumerate();
    items.map(|(i, raw)| tool(&Value { raw, path: tools.path.item(i) })).collect()
}

fn tool<'a>(value: &Value<'a, '_>) -> Result<Tool<'a>, Failure> {
    let tool = value.object()?;
    let kind = tool.require("type")?.string()?;
    if kind != "function" {
        return Ok(Tool::Other { kind, raw: Raw::from(value.raw) });
    }
    Ok(Tool::Function {
        name: tool.require("name")?.string()?,
        description: tool.string("description")?,
        parameters: tool.raw("parameters")?,
        strict: tool.boolean("strict")?,
        cache: None,
    })
}

fn tool_choice<'a>(body: &Object<'a, 'static>) -> Result<Option<ToolChoice<'a>>, Failure> {
    let Some(choice) = body.get("tool_choice")? else { return Ok(None) };
    let other = ToolChoice::Other(Raw::from(choice.raw));
    if choice.is_string() {
        return Ok(Some(match &*choice.string()? {
            "auto" => ToolChoice::Auto,
            "none" => ToolChoice::None,
            "required" => ToolChoice::Required,
            _ => other,
        }));
    }
    let object = choice.object()?;
    if object.require("type")?.string()? != "function" {
        return Ok(Some(other));
    }
    Ok(Some(ToolChoice::Tool(object.require("name")?.string()?)))
}
