//! A request written for a provider.

use serde::Serialize;
use sluice_types::{
    chat::{OutputFormat, Reasoning, Request, Tool, ToolChoice},
    error::Failure,
};

use super::messages;
use crate::format::{
    Dialect, Target, Written,
    json::{self, ObjectWriter},
    plain::{Unsaid, level, level_of_budget},
};

/// Writes a request.
///
/// Left out unsaid, because nothing is lost by it: cache marks (caching is implicit here), thoughts that others sealed,
/// whether a tool's result is an error (its text says so), and how closely a picture is to be looked at.
///
/// # Errors
///
/// [`Unsupported`](sluice_types::error::ErrorKind::Unsupported) if the target is strict and something would be dropped;
/// [`InvalidRequest`](sluice_types::error::ErrorKind::InvalidRequest) if a tool call's arguments are not a JSON object, or
/// nothing is said at all: a request without messages would only load the model.
pub fn write_request(request: &Request<'_>, target: &Target<'_>) -> Result<Written, Failure> {
    let mut unsaid = Unsaid::new("Ollama", target.strict);
    unsaid.add_foreign(request)?;
    let mut out = Vec::with_capacity(1024);
    let mut body = Body { object: ObjectWriter::open(&mut out), dialect: target.dialect };
    body.object.set("model", target.model);
    messages::write_all(&request.turns, body.object.member("messages"), &mut unsaid)?;
    tools(request, &mut body, &mut unsaid)?;
    match &request.output {
        OutputFormat::Text => {}
        OutputFormat::Json => body.set("format", "json", &mut unsaid)?,
        OutputFormat::Schema { schema, .. } => body.set("format", schema, &mut unsaid)?,
    }
    options(request, &mut body, &mut unsaid)?;
    match request.reasoning {
        // As much as the model finds right is what it does unasked.
        None | Some(Reasoning::Adaptive(None)) => {}
        Some(Reasoning::Off) => body.set("think", &false, &mut unsaid)?,
        Some(Reasoning::Effort(effort) | Reasoning::Adaptive(Some(effort))) => {
            body.set("think", level(effort), &mut unsaid)?;
        }
        Some(Reasoning::Budget(tokens)) => body.set("think", level_of_budget(tokens), &mut unsaid)?,
    }
    // The server streams unless it is told not to.
    body.object.set("stream", &request.stream);
    body.object.close();
    Ok(Written { body: out, dropped: unsaid.into_names() })
}

/// An object that is being written in the provider's dialect.
struct Body<'o, 'd> {
    object: ObjectWriter<'o>,
    dialect: &'d Dialect,
}

impl Body<'_, '_> {
    fn set<T: Serialize + ?Sized>(
        &mut self,
        name: &str,
        value: &T,
        unsaid: &mut Unsaid,
    ) -> Result<(), Failure> {
        match self.dialect.name(name) {
            Some(theirs) => self.object.set(theirs, value),
            None => unsaid.add(name)?,
        }
        Ok(())
    }

    fn set_some<T: Serialize>(
        &mut self,
        name: &str,
        value: Option<T>,
        unsaid: &mut Unsaid,
    ) -> Result<(), Failure> {
        value.map_or(Ok(()), |value| self.set(name, &value, unsaid))
    }
}

fn options(request: &Request<'_>, body: &mut Body<'_, '_>, unsaid: &mut Unsaid) -> Result<(), Failure> {
    let mut out = Vec::new();
    let mut options = Body { object: ObjectWriter::open(&mut out), dialect: body.dialect };
    options.set_some("num_predict", request.max_output_tokens, unsaid)?;
    options.set_some("temperature", request.temperature, unsaid)?;
    options.set_some("top_p", request.top_p, unsaid)?;
    options.set_some("top_k", request.top_k, unsaid)?;
    options.set_some("seed", request.seed, unsaid)?;
    options.set_some("frequency_penalty", request.frequency_penalty, unsaid)?;
    options.set_some("presence_penalty", request.presence_penalty, unsaid)?;
    if !request.stop.is_empty() {
        options.set("stop", &request.stop, unsaid)?;
    }
    options.object.close();
    if out != b"{}" {
        body.object.member("options").extend_from_slice(&out);
    }
    Ok(())
}

fn tools(request: &Request<'_>, body: &mut Body<'_, '_>, unsaid: &mut Unsaid) -> Result<(), Failure> {
    let functions = || request.tools.iter().filter(|tool| matches!(tool, Tool::Function { .. }));
    if functions().next().is_none() {
        return Ok(());
    }
    match &request.tool_choice {
        None | Some(ToolChoice::Auto) => {}
        // There is no word for it: the model cannot call what it is not shown.
        Some(ToolChoice::None) => return Ok(()),
        Some(ToolChoice::Required | ToolChoice::Tool(_) | ToolChoice::Other(_)) => {
            unsaid.add("tool_choice")?;
        }
    }
    unsaid.add_if(request.parallel_tool_calls == Some(false), "parallel_tool_calls")?;
    let strict = functions().any(|tool| matches!(tool, Tool::Function { strict: Some(true), .. }));
    unsaid.add_if(strict, "strict")?;
    match body.dialect.name("tools") {
        Some(name) => json::list(body.object.member(name), functions(), write_tool),
        None => unsaid.add("tools")?,
    }
    Ok(())
}

fn write_tool(out: &mut Vec<u8>, tool: &Tool<'_>) {
    let Tool::Function { name, description, parameters, .. } = tool else { return };
    let mut object = ObjectWriter::open(out);
    object.set("type", "function");
    let mut function = ObjectWriter::open(object.member("function"));
    function.set("name", name);
    function.set("description", description.as_deref().unwrap_or_default());
    match parameters {
        Some(schema) => function.set("parameters", schema),
        None => function.raw("parameters", r#"{"type":"object","properties":{}}"#),
    }
    function.close();
    object.close();
}
