//! A request written for a provider.

use sluice_types::{
    chat::{OutputFormat, Reasoning, Request, ToolChoice},
    error::Failure,
};

use super::messages;
use crate::format::{
    Target, Written,
    dropped::Dropped,
    json::{self, ObjectWriter},
    one_text::{self, Body, level, level_of_budget},
};

/// Writes a request.
///
/// Cache marks are left out unsaid: caching is implicit here.
///
/// # Errors
///
/// [`Unsupported`](sluice_types::error::ErrorKind::Unsupported) if the target is strict and something would be dropped;
/// [`InvalidRequest`](sluice_types::error::ErrorKind::InvalidRequest) if a tool call's arguments are not a JSON object, or
/// nothing is said at all: a request without messages would only load the model.
pub fn write_request(request: &Request<'_>, target: &Target<'_>) -> Result<Written, Failure> {
    let mut dropped = Dropped::new("to Ollama", target.strict);
    one_text::drop_foreign(&mut dropped, request)?;
    let mut out = Vec::with_capacity(1024);
    let mut body = Body { object: ObjectWriter::open(&mut out), dialect: target.dialect };
    body.object.set("model", target.model);
    let mut messages = Vec::with_capacity(request.turns.len());
    one_text::messages::each(&request.turns, &mut dropped, |message| messages.push(message))?;
    json::list(body.object.member("messages"), &messages, |out, message| messages::write(message, out));
    tools(request, &mut body, &mut dropped)?;
    match &request.output {
        OutputFormat::Text => {}
        OutputFormat::Json => body.set("format", "json", &mut dropped)?,
        OutputFormat::Schema { schema, .. } => body.set("format", schema, &mut dropped)?,
    }
    options(request, &mut body, &mut dropped)?;
    match request.reasoning {
        // As much as the model finds right is what it does unasked.
        None | Some(Reasoning::Adaptive(None)) => {}
        Some(Reasoning::Off) => body.set("think", &false, &mut dropped)?,
        Some(Reasoning::Effort(effort) | Reasoning::Adaptive(Some(effort))) => {
            body.set("think", level(effort), &mut dropped)?;
        }
        Some(Reasoning::Budget(tokens)) => body.set("think", level_of_budget(tokens), &mut dropped)?,
    }
    // The server streams unless it is told not to.
    body.object.set("stream", &request.stream);
    body.object.close();
    Ok(Written { body: out, dropped: dropped.into_names() })
}

fn options(request: &Request<'_>, body: &mut Body<'_, '_>, dropped: &mut Dropped) -> Result<(), Failure> {
    let mut out = Vec::new();
    let mut options = Body { object: ObjectWriter::open(&mut out), dialect: body.dialect };
    options.set_some("num_predict", request.max_output_tokens, dropped)?;
    options.set_some("temperature", request.temperature, dropped)?;
    options.set_some("top_p", request.top_p, dropped)?;
    options.set_some("top_k", request.top_k, dropped)?;
    options.set_some("seed", request.seed, dropped)?;
    options.set_some("frequency_penalty", request.frequency_penalty, dropped)?;
    options.set_some("presence_penalty", request.presence_penalty, dropped)?;
    if !request.stop.is_empty() {
        options.set("stop", &request.stop, dropped)?;
    }
    options.object.close();
    if out != b"{}" {
        body.object.member("options").extend_from_slice(&out);
    }
    Ok(())
}

fn tools(request: &Request<'_>, body: &mut Body<'_, '_>, dropped: &mut Dropped) -> Result<(), Failure> {
    if !body.tools(request, dropped)? {
        return Ok(());
    }
    let chosen = !matches!(&request.tool_choice, None | Some(ToolChoice::Auto | ToolChoice::None));
    dropped.add_if(chosen, "tool_choice")?;
    dropped.add_if(request.parallel_tool_calls == Some(false), "parallel_tool_calls")
}
