//! The messages of a caller's request, read. Each becomes one turn.

use sluice_types::{
    chat::{Media, Part, Role, Turn},
    error::Failure,
    json::{Members, Raw, Str},
};

use super::{super::wire::google, read::split};
use crate::format::json::{Object, Value};

/// The members of a message that are read.
const KNOWN: &[&str] = &[
    "role",
    "content",
    "name",
    "tool_calls",
    "tool_call_id",
    "function_call",
    "refusal",
    "reasoning_content",
    "thinking_blocks",
];

/// Reads the list of messages.
pub(super) fn read_all<'a>(messages: &Value<'a, '_>) -> Result<Vec<Turn<'a>>, Failure> {
    let list = messages.list()?;
    if list.is_empty() {
        return Err(messages.path.invalid("must hold at least one message"));
    }
    let mut turns = Vec::with_capacity(list.len());
    let mut functions = Functions::default();
    for (i, raw) in list.into_iter().enumerate() {
        turns.push(read(&Value { raw, path: messages.path.item(i) }, &mut functions)?);
    }
    Ok(turns)
}

/// Ids for calls in the old style, which had none.
#[derive(Default)]
struct Functions {
    called: usize,
}

impl Functions {
    fn id(&self) -> Str<'static> {
        Str::from(format!("call_function_{}", self.called))
    }
}

fn read<'a>(value: &Value<'a, '_>, functions: &mut Functions) -> Result<Turn<'a>, Failure> {
    let message = value.object()?;
    let role = message.require("role")?;
    let (role, parts) = match &*role.string()? {
        "system" => (Role::System, content(&message, true)?),
        "developer" => (Role::Developer, content(&message, true)?),
        "user" => (Role::User, content(&message, true)?),
        "assistant" => (Role::Assistant, assistant(&message, functions)?),
        "tool" => (Role::User, vec![tool_result(&message, message.require("tool_call_id")?.string()?)?]),
        "function" => (Role::User, vec![tool_result(&message, functions.id())?]),
        _ => return Err(role.path.invalid("must be system, developer, user, assistant or tool")),
    };
    let sealed = message.get("thinking_blocks")?.is_none()
        || parts.iter().any(|part| {
            matches!(part, Part::Reasoning { signature: Some(_), .. } | Part::RedactedReasoning { .. })
        });
    let extra = message.rest(|name| KNOWN.contains(&name) && (sealed || name != "thinking_blocks"));
    Ok(Turn { role, name: message.string("name")?, parts, extra })
}

fn tool_result<'a>(message: &Object<'a, '_>, call_id: Str<'a>) -> Result<Part<'a>, Failure> {
    Ok(Part::ToolResult { call_id, parts: content(message, false)?, is_error: false, cache: None })
}

fn assistant<'a>(message: &Object<'a, '_>, functions: &mut Functions) -> Result<Vec<Part<'a>>, Failure> {
    let mut parts = thoughts(message)?;
    parts.extend(content(message, false)?);
    if let Some(text) = message.string("refusal")? {
        parts.push(Part::Refusal { text });
    }
    if let Some(calls) = message.get("tool_calls")? {
        for (i, raw) in calls.list()?.into_iter().enumerate() {
            let mut call = tool_call(&Value { raw, path: calls.path.item(i) })?;
            if let Part::ToolCall { extra, .. } = &mut call {
                parts.extend(google::take(extra));
            }
            parts.push(call);
        }
    }
    if let Some(call) = message.get("function_call")? {
        let call = call.object()?;
        functions.called += 1;
        parts.push(Part::ToolCall {
            id: functions.id(),
            name: call.require("name")?.string()?,
            arguments: call.require("arguments")?.string()?,
            extra: Members::default(),
            cache: None,
        });
    }
    Ok(parts)
}

/// Sealed thoughts, else plain ones.
fn thoughts<'a>(message: &Object<'a, '_>) -> Result<Vec<Part<'a>>, Failure> {
    if let Some(blocks) = message.get("thinking_blocks")? {
        let items = blocks.list()?.into_iter().enumerate();
        let read: Vec<Option<Part<'a>>> = items
            .map(|(i, raw)| thought(&Value { raw, path: blocks.path.item(i) }))
            .collect::<Result<_, _>>()?;
        if let Some(parts) = read.into_iter().collect::<Option<Vec<_>>>().filter(|parts| !parts.is_empty()) {
            return Ok(parts);
        }
    }
    let text = message.string("reasoning_content")?.filter(|text| !text.is_empty());
    Ok(text.map(|text| Part::Reasoning { text, signature: None }).into_iter().collect())
}

/// One thinking block; `None` if it is of a kind that means nothing here.
fn thought<'a>(value: &Value<'a, '_>) -> Result<Option<Part<'a>>, Failure> {
    let block = value.object()?;
    Ok(match &*block.require("type")?.string()? {
        "thinking" => Some(Part::Reasoning {
            text: block.string("thinking")?.unwrap_or_default(),
            signature: block.string("signature")?.filter(|signature| !signature.is_empty()),
        }),
        "redacted_thinking" => Some(Part::RedactedReasoning { data: block.require("data")?.string()? }),
        _ => None,
    })
}

fn tool_call<'a>(value: &Value<'a, '_>) -> Result<Part<'a>, Failure> {
    let call = value.object()?;
    let kind = call.string("type")?.unwrap_or_else(|| "function".into());
    if kind != "function" {
        return Ok(Part::Other { kind, raw: Raw::from(value.raw) });
    }
    let function = call.require("function")?;
    let function = function.object()?;
    Ok(Part::ToolCall {
        id: call.require("id")?.string()?,
        name: function.require("name")?.string()?,
        arguments: function.string("arguments")?.unwrap_or_default(),
        extra: call.rest(|name| matches!(name, "id" | "type" | "function" | "index" | "cache_control")),
        cache: call.raw("cache_control")?,
    })
}

/// A message's content: text, a list of parts, or nothing where it is not `required`.
fn content<'a>(message: &Object<'a, '_>, required: bool) -> Result<Vec<Part<'a>>, Failure> {
    let content = if required { Some(message.require("content")?) } else { message.get("content")? };
    let Some(content) = content else { return Ok(Vec::new()) };
    if content.is_string() {
        return Ok(vec![Part::text(content.string()?)]);
    }
    if content.is_object() {
        return Err(content.path.invalid("must be a string or a list of parts, not an object"));
    }
    content
        .list()?
        .into_iter()
        .enumerate()
        .map(|(i, raw)| part(&Value { raw, path: content.path.item(i) }))
        .collect()
}

fn part<'a>(value: &Value<'a, '_>) -> Result<Part<'a>, Failure> {
    let part = value.object()?;
    let kind = part.require("type")?.string()?;
    let cache = part.raw("cache_control")?;
    Ok(match &*kind {
        "text" => Part::Text { text: part.require("text")?.string()?, cache, citations: Vec::new() },
        "refusal" => Part::Refusal { text: part.require("refusal")?.string()? },
        "image_url" => {
            let image = part.require("image_url")?;
            if image.is_string() {
                return Ok(Part::Image { source: media(image.string()?), detail: None, cache });
            }
            let image = image.object()?;
            let source = media(image.require("url")?.string()?);
            Part::Image { source, detail: image.string("detail")?, cache }
        }
        "input_audio" => {
            let audio = part.require("input_audio")?;
            let audio = audio.object()?;
            Part::Audio { data: audio.require("data")?.string()?, format: audio.require("format")?.string()? }
        }
        "file" => {
            let file = part.require("file")?;
            let file = file.object()?;
            let source = match (file.string("file_id")?, file.string("file_data")?) {
                (Some(id), _) => Media::File { id },
                (None, Some(data)) => media(data),
                (None, None) => return Err(file.path.invalid("must have file_data or file_id")),
            };
            Part::Document { source, name: file.string("filename")?, cache }
        }
        _ => Part::Other { kind, raw: Raw::from(value.raw) },
    })
}

/// An address, or what a `data:` address holds.
pub(in crate::format) fn media(url: Str<'_>) -> Media<'_> {
    match split(url, |url| url.strip_prefix("data:")?.split_once(";base64,")) {
        Ok((media_type, data)) => Media::Base64 { media_type, data },
        Err(url) => Media::Url(url),
    }
}
