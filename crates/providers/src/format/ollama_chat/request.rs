//! A request written for a provider.

use sluice_types::{
    chat::{OutputFormat, Reasoning, Request, ToolChoice},
    error::Failure,
};

use super::messages;
use crate::format::{
    Target, Written,
    json::{self, ObjectWriter},
    one_text::{self, Body, Unsaid, level, level_of_budget},
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
    let mut unsaid = Unsaid::new("Ollama", target.strict);
    unsaid.add_foreign(request)?;
    let mut out = Vec::with_capacity(1024);
    let mut body = Body { object: ObjectWriter::open(&mut out), dialect: target.dialect };
    body.object.set("model", target.model);
    let mut messages = Vec::with_capacity(request.turns.len());
    one_text::messages::each(&request.turns, &mut unsaid, |message| messages.push(message))?;
    json::list(body.object.member("messages"), &messages, |out, message| messages::write(message, out));
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
    if !body.tools(request, unsaid)? {
        return Ok(());
    }
    let chosen = !matches!(&request.tool_choice, None | Some(ToolChoice::Auto | ToolChoice::None));
    unsaid.add_if(chosen, "tool_choice")?;
    unsaid.add_if(request.parallel_tool_calls == Some(false), "parallel_tool_calls")
}
