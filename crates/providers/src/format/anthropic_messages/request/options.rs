//! The members of a request beside its conversation.

use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_types::{
    chat::{Effort, OutputFormat, Reasoning, Request, Tool, ToolChoice},
    error::Failure,
    json::{Raw, Str},
};

use super::super::fields::{Fields, typed};

/// Reads the member `name` into `request`. `null` is the same as absent, and unknown members are kept.
pub(super) fn read<'a>(request: &mut Request<'a>, name: Str<'a>, value: &'a RawValue) -> Result<(), Failure> {
    const WHOLE: &str = "must be a whole number";
    const NUMBER: &str = "must be a number";
    match &*name {
        "model" => request.model = typed(value, "model", "must be a string")?,
        "max_tokens" => request.max_output_tokens = typed(value, "max_tokens", WHOLE)?,
        "temperature" => request.temperature = typed(value, "temperature", NUMBER)?,
        "top_p" => request.top_p = typed(value, "top_p", NUMBER)?,
        "top_k" => request.top_k = typed(value, "top_k", WHOLE)?,
        "stop_sequences" => {
            let stop: Option<_> = typed(value, "stop_sequences", "must be a list of strings")?;
            request.stop = stop.unwrap_or_default();
        }
        "stream" => {
            let stream: Option<bool> = typed(value, "stream", "must be true or false")?;
            request.stream = stream.unwrap_or(false);
        }
        "tools" => {
            let tools: Option<Vec<&'a RawValue>> = typed(value, "tools", "must be a list")?;
            let tools = tools.unwrap_or_default();
            request.tools = tools
                .into_iter()
                .enumerate()
                .map(|(i, tool)| read_tool(i, tool))
                .collect::<Result<_, _>>()?;
        }
        "tool_choice" => read_tool_choice(request, value)?,
        "thinking" => read_thinking(request, value)?,
        "output_config" => read_output_config(request, value)?,
        "metadata" => {
            let Some(mut fields) = object(value, "metadata")? else { return Ok(()) };
            request.user = fields.read("user_id", "metadata.user_id", "must be a string")?;
            keep(request, "metadata", fields);
        }
        // These were read with the body: the member is there again.
        "messages" | "system" => return Err(Failure::invalid(&*name, "is given twice")),
        _ => request.extra.0.push((name, Raw::from(value))),
    }
    Ok(())
}

/// Reads the object that `value` must be; `None` if it is `null`.
fn object<'a>(value: &'a RawValue, param: &str) -> Result<Option<Fields<'a>>, Failure> {
    typed(value, param, "must be an object")
}

/// Keeps what is left of the object `name`: it goes back to its place in requests of this format.
fn keep<'a>(request: &mut Request<'a>, name: &'a str, fields: Fields<'a>) {
    let rest = fields.rest();
    if !rest.is_empty()
        && let Some(raw) = Raw::write(&rest)
    {
        request.extra.0.push((Str::from(name), raw));
    }
}

fn read_tool<'a>(i: usize, raw: &'a RawValue) -> Result<Tool<'a>, Failure> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(rename = "type", borrow)]
        kind: Option<Str<'a>>,
        #[serde(borrow)]
        name: Option<Str<'a>>,
        #[serde(borrow)]
        description: Option<Str<'a>>,
        #[serde(borrow)]
        input_schema: Option<Raw<'a>>,
        strict: Option<bool>,
        #[serde(borrow)]
        cache_control: Option<Raw<'a>>,
    }
    #[derive(Deserialize)]
    struct Kind<'a> {
        #[serde(rename = "type", borrow)]
        kind: Option<Str<'a>>,
    }

    let param = format!("tools[{i}]");
    let Kind { kind } = typed(raw, &param, "must be an object whose `type` is a string")?;
    if let Some(kind) = kind
        && kind != "custom"
    {
        return Ok(Tool::Other { kind, raw: Raw::from(raw) });
    }
    let wire: Wire<'a> = typed(
        raw,
        &param,
        "must have a string `name`, an object `input_schema`, and may have a string `description`",
    )?;
    let name = wire.name.ok_or_else(|| Failure::invalid(format!("{param}.name"), "is required"))?;
    drop(wire.kind);
    Ok(Tool::Function {
        name,
        description: wire.description,
        parameters: wire.input_schema,
        strict: wire.strict,
        cache: wire.cache_control,
    })
}

fn read_tool_choice<'a>(request: &mut Request<'a>, value: &'a RawValue) -> Result<(), Failure> {
    let Some(mut fields) = object(value, "tool_choice")? else { return Ok(()) };
    let kind = required_text(&mut fields, "type", "tool_choice.type")?;
    let disable = "disable_parallel_tool_use";
    let disable = fields.read(disable, "tool_choice.disable_parallel_tool_use", "must be true or false")?;
    request.parallel_tool_calls = disable.map(|disable: bool| !disable);
    request.tool_choice = Some(match &*kind {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Tool(required_text(&mut fields, "name", "tool_choice.name")?),
        _ => ToolChoice::Other(Raw::from(value)),
    });
    Ok(())
}

/// `thinking` says how, `output_config.effort` may say how much. Both end up in one value, whichever comes first.
fn read_thinking<'a>(request: &mut Request<'a>, value: &'a RawValue) -> Result<(), Failure> {
    let Some(mut fields) = object(value, "thinking")? else { return Ok(()) };
    let kind = required_text(&mut fields, "type", "thinking.type")?;
    let effort = match request.reasoning {
        Some(Reasoning::Effort(effort)) => Some(effort),
        _ => None,
    };
    let (reasoning, effort_left) = match &*kind {
        "enabled" => {
            let param = "thinking.budget_tokens";
            let budget = fields.read("budget_tokens", param, "must be a whole number")?;
            let budget = budget.ok_or_else(|| Failure::invalid(param, "is required"))?;
            (Reasoning::Budget(budget), effort)
        }
        "adaptive" => (Reasoning::Adaptive(effort), None),
        "disabled" => (Reasoning::Off, effort),
        _ => {
            request.extra.0.push((Str::from("thinking"), Raw::from(value)));
            return Ok(());
        }
    };
    request.reasoning = Some(reasoning);
    keep_effort(request, effort_left);
    keep(request, "thinking", fields);
    Ok(())
}

fn read_output_config<'a>(request: &mut Request<'a>, value: &'a RawValue) -> Result<(), Failure> {
    let Some(mut fields) = object(value, "output_config")? else { return Ok(()) };
    if let Some(format) = fields.take("format") {
        read_format(request, format)?;
    }
    if let Some(raw) = fields.take("effort") {
        let word: Str<'a> = typed(raw, "output_config.effort", "must be a string")?;
        // Without `thinking` an effort stands alone; beside a fixed budget or none it is kept as it was written.
        match (request.reasoning, read_effort(&word)) {
            (None, Some(effort)) => request.reasoning = Some(Reasoning::Effort(effort)),
            (Some(Reasoning::Adaptive(_)), Some(effort)) => {
                request.reasoning = Some(Reasoning::Adaptive(Some(effort)));
            }
            _ => fields.0.push((Str::from("effort"), raw)),
        }
    }
    keep(request, "output_config", fields);
    Ok(())
}

fn read_format<'a>(request: &mut Request<'a>, value: &'a RawValue) -> Result<(), Failure> {
    let Some(mut fields) = object(value, "output_config.format")? else { return Ok(()) };
    if required_text(&mut fields, "type", "output_config.format.type")? != "json_schema" {
        return Err(Failure::invalid("output_config.format.type", "must be `json_schema`"));
    }
    let schema = fields.take("schema");
    let schema = schema.ok_or_else(|| Failure::invalid("output_config.format.schema", "is required"))?;
    let schema = Raw::from(schema);
    request.output = OutputFormat::Schema { name: None, description: None, schema, strict: None };
    Ok(())
}

fn required_text<'a>(fields: &mut Fields<'a>, name: &str, param: &str) -> Result<Str<'a>, Failure> {
    fields.read(name, param, "must be a string")?.ok_or_else(|| Failure::invalid(param, "is required"))
}

/// Keeps an effort that the value for reasoning has no room for.
fn keep_effort(request: &mut Request<'_>, effort: Option<Effort>) {
    if let Some(effort) = effort
        && let Some(raw) = Raw::write(&Effortful { effort: write_effort(effort) })
    {
        request.extra.0.push((Str::from("output_config"), raw));
    }
}

#[derive(serde::Serialize)]
struct Effortful {
    effort: &'static str,
}

fn read_effort(word: &str) -> Option<Effort> {
    Some(match word {
        "low" => Effort::Low,
        "medium" => Effort::Medium,
        "high" => Effort::High,
        "xhigh" => Effort::XHigh,
        "max" => Effort::Max,
        _ => return None,
    })
}

/// The word for an effort. This format knows nothing below `low`.
pub(super) fn write_effort(effort: Effort) -> &'static str {
    match effort {
        Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::XHigh => "xhigh",
        Effort::Max => "max",
    }
}
