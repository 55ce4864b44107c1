//! A request written for a provider.

use sluice_types::{
    chat::{OutputFormat, Reasoning, Request, ToolChoice},
    error::Failure,
};

use crate::format::{
    Target, Written,
    json::{self, ObjectWriter},
    one_text::{
        Body, Unsaid, level, level_of_budget,
        messages::{self, Message},
    },
};

/// Writes a request. The model is in the path.
///
/// Cache marks are left out unsaid. What only newer models understand is sent to all: the others pass over it.
///
/// # Errors
///
/// [`Unsupported`](sluice_types::error::ErrorKind::Unsupported) if the target is strict and something would be dropped;
/// [`InvalidRequest`](sluice_types::error::ErrorKind::InvalidRequest) if a tool call's arguments are not a JSON object, or
/// nothing is said at all.
pub fn write_request(request: &Request<'_>, target: &Target<'_>) -> Result<Written, Failure> {
    let mut unsaid = Unsaid::new("Workers AI", target.strict);
    let body = write_body(request, target, &mut unsaid)?;
    Ok(Written { body, dropped: unsaid.into_names() })
}

fn write_body(request: &Request<'_>, target: &Target<'_>, unsaid: &mut Unsaid) -> Result<Vec<u8>, Failure> {
    unsaid.add_foreign(request)?;
    let mut out = Vec::with_capacity(1024);
    let mut body = Body { object: ObjectWriter::open(&mut out), dialect: target.dialect };
    let mut all = Vec::with_capacity(request.turns.len());
    messages::each(&request.turns, unsaid, |message| all.push(message))?;
    json::list(body.object.member("messages"), &all, |out, message| write_message(message, out));
    tools(request, &mut body, unsaid)?;
    output(&request.output, &mut body, unsaid)?;
    body.set_some(&target.dialect.max_tokens, request.max_output_tokens, unsaid)?;
    body.set_some("temperature", request.temperature, unsaid)?;
    body.set_some("top_p", request.top_p, unsaid)?;
    body.set_some("top_k", request.top_k, unsaid)?;
    body.set_some("seed", request.seed, unsaid)?;
    body.set_some("frequency_penalty", request.frequency_penalty, unsaid)?;
    body.set_some("presence_penalty", request.presence_penalty, unsaid)?;
    body.set_some("stop", Some(&request.stop).filter(|stop| !stop.is_empty()), unsaid)?;
    match request.reasoning {
        // Models that do not reason have no word for it, and others' "off" is mostly what those do anyway.
        None | Some(Reasoning::Adaptive(None) | Reasoning::Off) => {}
        Some(Reasoning::Effort(effort) | Reasoning::Adaptive(Some(effort))) => {
            body.set("reasoning_effort", level(effort), unsaid)?;
        }
        Some(Reasoning::Budget(tokens)) => body.set("reasoning_effort", level_of_budget(tokens), unsaid)?,
    }
    body.object.set("stream", &request.stream);
    body.object.close();
    Ok(out)
}

fn output(output: &OutputFormat<'_>, body: &mut Body<'_, '_>, unsaid: &mut Unsaid) -> Result<(), Failure> {
    let Some(name) = body.dialect.name("response_format") else {
        return unsaid.add_if(*output != OutputFormat::Text, "response_format");
    };
    match output {
        OutputFormat::Text => {}
        OutputFormat::Json => body.object.raw(name, r#"{"type":"json_object"}"#),
        OutputFormat::Schema { schema, .. } => {
            let mut format = ObjectWriter::open(body.object.member(name));
            format.set("type", "json_schema");
            // The schema itself, without a name around it.
            format.set("json_schema", schema);
            format.close();
        }
    }
    Ok(())
}

fn tools(request: &Request<'_>, body: &mut Body<'_, '_>, unsaid: &mut Unsaid) -> Result<(), Failure> {
    if !body.tools(request, unsaid)? {
        return Ok(());
    }
    match &request.tool_choice {
        None | Some(ToolChoice::None) => {}
        Some(ToolChoice::Auto) => body.set("tool_choice", "auto", unsaid)?,
        Some(ToolChoice::Required) => body.set("tool_choice", "required", unsaid)?,
        Some(ToolChoice::Tool(tool)) => match body.dialect.name("tool_choice") {
            Some(name) => {
                let mut choice = ObjectWriter::open(body.object.member(name));
                choice.set("type", "function");
                let mut function = ObjectWriter::open(choice.member("function"));
                function.set("name", tool);
                function.close();
                choice.close();
            }
            None => unsaid.add("tool_choice")?,
        },
        Some(ToolChoice::Other(_)) => unsaid.add("tool_choice")?,
    }
    body.set_some("parallel_tool_calls", request.parallel_tool_calls, unsaid)
}

/// Writes one message. Its content is a text wherever it can be: older models take no other, not even none.
fn write_message(message: &Message<'_>, out: &mut Vec<u8>) {
    let mut object = ObjectWriter::open(out);
    object.set("role", message.role);
    if message.images.is_empty() {
        object.set("content", &message.text);
    } else {
        write_parts(message, object.member("content"));
    }
    if !message.calls.is_empty() {
        json::list(object.member("tool_calls"), &message.calls, |out, called| {
            let mut call = ObjectWriter::open(out);
            call.set("id", called.id);
            call.set("type", "function");
            let mut function = ObjectWriter::open(call.member("function"));
            function.set("name", called.name);
            function.set("arguments", called.arguments);
            function.close();
            call.close();
        });
    }
    if let Some((call, tool)) = message.answers {
        object.set("tool_call_id", call);
        object.set_some("name", tool.as_ref());
    }
    object.close();
}

fn write_parts(message: &Message<'_>, out: &mut Vec<u8>) {
    let text = (!message.text.is_empty()).then_some(None);
    let parts = text.into_iter().chain(message.images.iter().map(Some));
    json::list(out, parts, |out, image| {
        let mut part = ObjectWriter::open(out);
        match image {
            None => {
                part.set("type", "text");
                part.set("text", &message.text);
            }
            Some((media_type, data)) => {
                part.set("type", "image_url");
                let mut image = ObjectWriter::open(part.member("image_url"));
                let url = image.member("url");
                url.push(b'"');
                for text in ["data:", media_type, ";base64,", data] {
                    json::write_inside(url, text);
                }
                url.push(b'"');
                image.close();
            }
        }
        part.close();
    });
}
