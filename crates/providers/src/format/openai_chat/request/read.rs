//! A caller's request, read.

use std::borrow::Cow;

use sluice_types::{
    chat::{Effort, OutputFormat, Reasoning, Request, Tool, ToolChoice},
    error::Failure,
    json::{Raw, Str},
};

use super::message;
use crate::format::json::{self, Object, Path, Value};

/// The members that are read; all others are passed on.
const KNOWN: &[&str] = &[
    "model",
    "messages",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "top_k",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "stop",
    "response_format",
    "reasoning_effort",
    "thinking",
    "n",
    "stream",
    "stream_options",
    "user",
];

/// Reads a caller's request.
///
/// # Errors
///
/// [`InvalidRequest`](sluice_types::error::ErrorKind::InvalidRequest) if the body is not JSON, lacks a model or messages,
/// or a known member is of another type than documented. Values out of range are the provider's to refuse.
pub fn read_request(body: &[u8]) -> Result<Request<'_>, Failure> {
    let body = json::body(body)?;
    let mut passed = Passed::default();
    let model = body.require("model")?.string()?;
    let turns = message::read_all(&body.require("messages")?)?;
    let max_output_tokens = max_output_tokens(&body, &mut passed)?;
    let stream_options = body.get("stream_options")?;
    let include_usage = match &stream_options {
        Some(options) => {
            let options = options.object()?;
            passed.also(!options.rest(|name| name == "include_usage").is_empty(), "stream_options");
            options.boolean("include_usage")?.unwrap_or_default()
        }
        None => false,
    };
    let request = Request {
        model,
        turns,
        tools: tools(&body)?,
        tool_choice: tool_choice(&body)?,
        parallel_tool_calls: body.boolean("parallel_tool_calls")?,
        max_output_tokens,
        temperature: passed.unless_read("temperature", number(&body, "temperature")?),
        top_p: passed.unless_read("top_p", number(&body, "top_p")?),
        top_k: passed.unless_read("top_k", count(&body, "top_k")?),
        seed: passed.unless_read("seed", number(&body, "seed")?),
        frequency_penalty: passed.unless_read("frequency_penalty", number(&body, "frequency_penalty")?),
        presence_penalty: passed.unless_read("presence_penalty", number(&body, "presence_penalty")?),
        stop: stop(&body)?,
        output: passed.unless_read("response_format", output(&body)?).unwrap_or_default(),
        reasoning: reasoning(&body, &mut passed)?,
        choices: passed.unless_read("n", count(&body, "n")?),
        stream: body.boolean("stream")?.unwrap_or_default(),
        include_usage,
        user: body.string("user")?,
        ..Request::default()
    };
    Ok(Request { extra: body.rest(|name| KNOWN.contains(&name) && !passed.0.contains(&name)), ..request })
}

/// Known members whose value says something that the vocabulary has no word for: they are passed on as they came.
#[derive(Default)]
pub(in crate::format) struct Passed(pub(in crate::format) Vec<&'static str>);

/// A member that is absent, read, or of the right type and yet beyond us.
pub(in crate::format) enum Reading<T> {
    Absent,
    Read(T),
    Beyond,
}

impl Passed {
    /// What was read; what is beyond us is noted.
    pub(in crate::format) fn unless_read<T>(&mut self, name: &'static str, reading: Reading<T>) -> Option<T> {
        match reading {
            Reading::Absent => None,
            Reading::Read(value) => Some(value),
            Reading::Beyond => {
                self.0.push(name);
                None
            }
        }
    }

    fn also(&mut self, beyond: bool, name: &'static str) {
        if beyond {
            self.0.push(name);
        }
    }
}

/// The limit that holds: the newer name's where both are said. One beyond us that holds leaves the request without a known
/// limit, whatever the other says: a provider may read it as none (`-1`), and budgets must not trust the smaller one.
fn max_output_tokens(body: &Object<'_, 'static>, passed: &mut Passed) -> Result<Option<u32>, Failure> {
    let newer = count(body, "max_completion_tokens")?;
    let holds = matches!(newer, Reading::Absent);
    let newer = passed.unless_read("max_completion_tokens", newer);
    let older = passed.unless_read("max_tokens", count(body, "max_tokens")?);
    Ok(if holds { older } else { newer })
}

/// The number called `name`.
pub(in crate::format) fn number<'a, T: serde::Deserialize<'a>>(
    body: &Object<'a, 'static>,
    name: &'static str,
) -> Result<Reading<T>, Failure> {
    let Some(value) = body.get(name)? else { return Ok(Reading::Absent) };
    Ok(value.number()?.map_or(Reading::Beyond, Reading::Read))
}

/// The count called `name`.
pub(in crate::format) fn count(
    body: &Object<'_, 'static>,
    name: &'static str,
) -> Result<Reading<u32>, Failure> {
    let Some(value) = body.get(name)? else { return Ok(Reading::Absent) };
    Ok(value.count()?.map_or(Reading::Beyond, Reading::Read))
}

fn stop<'a>(body: &Object<'a, 'static>) -> Result<Vec<Str<'a>>, Failure> {
    let Some(stop) = body.get("stop")? else { return Ok(Vec::new()) };
    if stop.is_string() {
        return Ok(vec![stop.string()?]);
    }
    let items = stop.list()?.into_iter().enumerate();
    items.map(|(i, raw)| Value { raw, path: stop.path.item(i) }.string()).collect()
}

fn tools<'a>(body: &Object<'a, 'static>) -> Result<Vec<Tool<'a>>, Failure> {
    let Some(tools) = body.get("tools")? else { return Ok(Vec::new()) };
    let items = tools.list()?.into_iter().enumerate();
    items.map(|(i, raw)| tool(&Value { raw, path: tools.path.item(i) })).collect()
}

fn tool<'a>(value: &Value<'a, '_>) -> Result<Tool<'a>, Failure> {
    let tool = value.object()?;
    let kind = tool.string("type")?;
    if kind.as_ref().is_some_and(|kind| *kind != "function") {
        return Ok(Tool::Other { kind: kind.unwrap_or_default(), raw: Raw::from(value.raw) });
    }
    let function = tool.require("function")?;
    let function = function.object()?;
    Ok(Tool::Function {
        name: function.require("name")?.string()?,
        description: function.string("description")?,
        parameters: function.raw("parameters")?,
        strict: function.boolean("strict")?,
        cache: tool.raw("cache_control")?,
    })
}

fn tool_choice<'a>(body: &Object<'a, 'static>) -> Result<Option<ToolChoice<'a>>, Failure> {
    let Some(choice) = body.get("tool_choice")? else { return Ok(None) };
    let other = ToolChoice::Other(Raw::from(choice.raw));
    if choice.is_string() {
        return Ok(Some(match &*choice.string()? {
            "auto" => ToolChoice::Auto,
            "none" => ToolChoice::None,
            "required" | "any" => ToolChoice::Required,
            _ => other,
        }));
    }
    let object = choice.object()?;
    if object.string("type")?.is_some_and(|kind| kind != "function") {
        return Ok(Some(other));
    }
    let function = object.require("function")?;
    Ok(Some(ToolChoice::Tool(function.object()?.require("name")?.string()?)))
}

fn output<'a>(body: &Object<'a, 'static>) -> Result<Reading<OutputFormat<'a>>, Failure> {
    let Some(format) = body.get("response_format")? else { return Ok(Reading::Absent) };
    let format = format.object()?;
    Ok(match &*format.require("type")?.string()? {
        "text" => Reading::Read(OutputFormat::Text),
        "json_object" => Reading::Read(OutputFormat::Json),
        "json_schema" => {
            let schema = format.require("json_schema")?;
            let schema = schema.object()?;
            let (name, description) = (schema.string("name")?, schema.string("description")?);
            let strict = schema.boolean("strict")?;
            match schema.raw("schema")? {
                Some(schema) => Reading::Read(OutputFormat::Schema { name, description, schema, strict }),
                None => Reading::Beyond,
            }
        }
        _ => Reading::Beyond,
    })
}

fn reasoning(body: &Object<'_, 'static>, passed: &mut Passed) -> Result<Option<Reasoning>, Failure> {
    if let Some(effort) = body.string("reasoning_effort")? {
        passed.also(body.get("thinking")?.is_some(), "thinking");
        let read = match effort_of(&effort) {
            _ if effort == "none" => Reading::Read(Reasoning::Off),
            Some(effort) => Reading::Read(Reasoning::Effort(effort)),
            None => Reading::Beyond,
        };
        return Ok(passed.unless_read("reasoning_effort", read));
    }
    let Some(thinking) = body.get("thinking")? else { return Ok(None) };
    Ok(passed.unless_read("thinking", budget(&thinking)?.map_or(Reading::Beyond, Reading::Read)))
}

/// LiteLLM's way to ask for a budget, `thinking: {"type": "enabled", "budget_tokens": n}`. What other providers understand
/// by `thinking` is passed on.
fn budget(thinking: &Value<'_, '_>) -> Result<Option<Reasoning>, Failure> {
    if !thinking.is_object() {
        return Ok(None);
    }
    let thinking = thinking.object()?;
    let enabled = thinking.fields().iter().any(|(name, raw)| *name == "type" && raw.get() == "\"enabled\"");
    let budget = thinking.fields().iter().find(|(name, _)| *name == "budget_tokens");
    Ok(match budget {
        Some((_, raw)) if enabled && thinking.fields().len() == 2 => {
            Value { raw, path: Path::Root }.count().unwrap_or_default().map(Reasoning::Budget)
        }
        _ => None,
    })
}

/// The effort that `word` is.
pub(in crate::format) fn effort_of(word: &str) -> Option<Effort> {
    Some(match word {
        "minimal" => Effort::Minimal,
        "low" => Effort::Low,
        "medium" => Effort::Medium,
        "high" => Effort::High,
        "xhigh" => Effort::XHigh,
        "max" => Effort::Max,
        _ => return None,
    })
}

/// Splits `text` where `at` says, keeping it borrowed if it is.
pub(super) fn split<'a>(
    text: Str<'a>,
    at: impl Fn(&str) -> Option<(&str, &str)>,
) -> Result<(Str<'a>, Str<'a>), Str<'a>> {
    match text.0 {
        Cow::Borrowed(whole) => match at(whole) {
            Some((left, right)) => Ok((left.into(), right.into())),
            None => Err(whole.into()),
        },
        Cow::Owned(whole) => match at(&whole) {
            Some((left, right)) => Ok((left.to_owned().into(), right.to_owned().into())),
            None => Err(whole.into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_that_holds_is_never_the_smaller_one_said_beside_it() {
        for (limits, read) in [
            (r#""max_tokens":5"#, Some(5)),
            (r#""max_completion_tokens":7,"max_tokens":5"#, Some(7)),
            (r#""max_completion_tokens":null,"max_tokens":5"#, Some(5)),
            // Beyond what a count holds: what it means is the provider's to say.
            (r#""max_completion_tokens":99999999999,"max_tokens":5"#, None),
            (r#""max_completion_tokens":-1,"max_tokens":5"#, None),
            (r#""max_completion_tokens":7,"max_tokens":-1"#, Some(7)),
        ] {
            let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}],{limits}}}"#);
            let request = read_request(body.as_bytes()).unwrap();
            assert_eq!(request.max_output_tokens, read, "{limits}");
        }
        let wrong =
            r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"max_completion_tokens":"7"}"#;
        assert!(read_request(wrong.as_bytes()).is_err());
    }
}
