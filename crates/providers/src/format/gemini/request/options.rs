//! `tools` and `toolConfig` as callers write them.

use sluice_types::{
    chat::{Request, Tool, ToolChoice},
    error::Failure,
    json::{Members, Raw, Str},
};

use super::{
    super::{names, schema},
    read::keep,
};
use crate::format::json::Value;

/// Reads `tools`. One of its items may hold functions and tools that Google runs, each of which is a tool here.
pub(super) fn read_tools<'a>(value: &Value<'a, '_>, request: &mut Request<'a>) -> Result<(), Failure> {
    for (i, raw) in names::items(value)?.into_iter().enumerate() {
        let value = Value { raw, path: value.path.item(i) };
        let tool = value.object()?;
        if let Some(functions) = names::get(&tool, "functionDeclarations")? {
            for (i, raw) in names::items(&functions)?.into_iter().enumerate() {
                request.tools.push(read_function(&Value { raw, path: functions.path.item(i) })?);
            }
        }
        for (name, raw) in tool.fields() {
            let kind = names::camel(name);
            if kind == "functionDeclarations" {
                continue;
            }
            let alone = Members(vec![(name.clone(), Raw::from(*raw))]);
            if let Some(raw) = Raw::write(&alone) {
                request.tools.push(Tool::Other { kind: Str::from(kind.into_owned()), raw });
            }
        }
    }
    Ok(())
}

fn read_function<'a>(value: &Value<'a, '_>) -> Result<Tool<'a>, Failure> {
    let function = value.object()?;
    let subset = names::get(&function, "parameters")?;
    let parameters = match names::get(&function, "parametersJsonSchema")? {
        Some(schema) => Some(Raw::from(schema.raw)),
        None => subset.map(|schema| schema::to_json_schema(schema.raw)),
    };
    Ok(Tool::Function {
        name: names::require(&function, "name")?.string()?,
        description: names::string(&function, "description")?,
        parameters,
        strict: None,
        cache: None,
    })
}

/// Reads `toolConfig`: which functions may or must be called; the rest is kept.
pub(super) fn read_tool_config<'a>(value: &Value<'a, '_>, request: &mut Request<'a>) -> Result<(), Failure> {
    const CALLING: &str = "functionCallingConfig";
    let config = value.object()?;
    for (name, raw) in names::rest(&config, &[CALLING]).0 {
        keep(request, "toolConfig", &name, raw);
    }
    let Some(calling) = names::get(&config, CALLING)? else { return Ok(()) };
    let object = calling.object()?;
    let mode = names::string(&object, "mode")?;
    let mut allowed = Vec::new();
    if let Some(list) = names::get(&object, "allowedFunctionNames")? {
        for (i, raw) in list.list()?.into_iter().enumerate() {
            allowed.push(Value { raw, path: list.path.item(i) }.string()?);
        }
    }
    let plain = names::rest(&object, &["mode", "allowedFunctionNames"]).is_empty();
    let mode = mode.map(|mode| mode.to_ascii_uppercase()).unwrap_or_default();
    request.tool_choice = match (mode.as_str(), allowed.len()) {
        ("" | "MODE_UNSPECIFIED", 0) if plain => None,
        ("AUTO", 0) if plain => Some(ToolChoice::Auto),
        ("NONE", 0) if plain => Some(ToolChoice::None),
        ("ANY", 0) if plain => Some(ToolChoice::Required),
        ("ANY", 1) if plain => allowed.pop().map(ToolChoice::Tool),
        // Some of several, or calls that keep to their schema: nothing elsewhere says that.
        _ => Some(ToolChoice::Other(Raw::from(calling.raw))),
    };
    Ok(())
}
