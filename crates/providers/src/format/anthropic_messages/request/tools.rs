//! Tools, and which of them may or must be called.

use sluice_types::{
    chat::{Request, Tool, ToolChoice},
    error::Failure,
    json::{Members, Raw},
};

use super::{
    blocks::{write_cache, write_members},
    body::Body,
    dropped::Dropped,
};
use crate::format::{
    Target,
    json::{ObjectWriter, list},
};

/// Writes `tools` and `tool_choice`.
///
/// # Errors
///
/// As [`Dropped::add`].
pub(super) fn write_tools(
    body: &mut Body<'_>,
    request: &Request<'_>,
    target: &Target<'_>,
    dropped: &mut Dropped,
) -> Result<(), Failure> {
    let mut tools = Vec::with_capacity(request.tools.len());
    for tool in &request.tools {
        match tool {
            Tool::Other { kind, .. } if !target.same_format => dropped.add(kind)?,
            _ => tools.push(tool),
        }
    }
    if !tools.is_empty()
        && let Some(out) = body.member("tools")
    {
        list(out, &tools, |out, tool| write_tool(out, tool, target.same_format));
    }
    // A choice between no tools is refused.
    if tools.is_empty() && !target.same_format {
        return Ok(());
    }
    let kind = match &request.tool_choice {
        Some(ToolChoice::Other(raw)) if target.same_format => {
            if let Some(out) = body.member("tool_choice") {
                out.extend_from_slice(raw.text().as_bytes());
            }
            return Ok(());
        }
        Some(ToolChoice::Other(_)) => {
            dropped.add("tool_choice")?;
            None
        }
        Some(ToolChoice::Auto) => Some("auto"),
        Some(ToolChoice::None) => Some("none"),
        Some(ToolChoice::Required) => Some("any"),
        Some(ToolChoice::Tool(_)) => Some("tool"),
        None => None,
    };
    // Several at once is what a provider does unasked, and a choice of none has no number.
    let parallel = request.parallel_tool_calls;
    let parallel = parallel.filter(|parallel| target.same_format || (!parallel && kind != Some("none")));
    if kind.is_none() && parallel.is_none() {
        return Ok(());
    }
    let Some(out) = body.member("tool_choice") else { return Ok(()) };
    let mut choice = ObjectWriter::open(out);
    choice.set("type", kind.unwrap_or("auto"));
    if let Some(ToolChoice::Tool(name)) = &request.tool_choice {
        choice.set("name", name);
    }
    choice.set_some("disable_parallel_tool_use", parallel.map(|parallel| !parallel).as_ref());
    choice.close();
    Ok(())
}

fn write_tool(out: &mut Vec<u8>, tool: &Tool<'_>, same_format: bool) {
    match tool {
        Tool::Other { raw, .. } => out.extend_from_slice(raw.text().as_bytes()),
        Tool::Function { name, description, parameters, strict, cache } => {
            let mut object = ObjectWriter::open(out);
            object.set("name", name);
            object.set_some("description", description.as_ref());
            if same_format {
                object.set_some("input_schema", parameters.as_ref());
            } else {
                write_schema(object.member("input_schema"), parameters.as_ref());
            }
            object.set_some("strict", strict.filter(|strict| same_format || *strict).as_ref());
            write_cache(&mut object, cache.as_ref());
            object.close();
        }
    }
}

/// A tool's schema as it was written; its `type`, which this format requires, is added where it is missing.
pub(in crate::format) fn write_schema(out: &mut Vec<u8>, schema: Option<&Raw<'_>>) {
    let members = schema.and_then(|schema| schema.read::<Members<'_>>().ok());
    match (schema, members) {
        (Some(schema), Some(members)) if members.value("type").is_some() => {
            out.extend_from_slice(schema.text().as_bytes());
        }
        (_, members) => {
            let mut object = ObjectWriter::open(out);
            object.set("type", "object");
            write_members(&mut object, &members.unwrap_or_default());
            object.close();
        }
    }
}
