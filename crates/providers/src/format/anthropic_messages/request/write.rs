//! Requests as providers are sent them, for callers of other formats and for requests altered on their way.

use sluice_types::{
    chat::{OutputFormat, Part, Request, Role, Tool, ToolChoice},
    error::Failure,
    json::{Members, Raw},
};

use super::{
    blocks::{write_cache, write_content, write_members},
    dropped::Dropped,
    thinking::{Mode, Sampling, Thinking, family_of},
    turns::{Conversation, Turn},
};
use crate::format::{
    Dialect, Target, Written,
    json::{ObjectWriter, list, write},
};

/// Writes a request.
///
/// # Errors
///
/// `Unsupported` with the caller's name for it if the target is strict and something cannot be said here;
/// `InvalidRequest` if a tool call's arguments are not a JSON object, or nothing is said at all.
pub fn write_request(request: &Request<'_>, target: &Target<'_>) -> Result<Written, Failure> {
    let mut dropped = Dropped::new(target.strict);
    dropped.add_foreign(request, target.same_format)?;
    let conversation = match target.same_format {
        true => Conversation::verbatim(request),
        false => Conversation::arrange(request, &mut dropped)?,
    };
    if conversation.turns.is_empty() {
        return Err(Failure::invalid("messages", "must say something"));
    }
    let thinking = if target.same_format {
        Thinking::verbatim(request, target.default_max_tokens)
    } else {
        let resumes = conversation.resumes_without_thought();
        let family = family_of(target.model);
        Thinking::translate(request, family, target.default_max_tokens, resumes, &mut dropped)?
    };
    let mut out = Vec::with_capacity(1024);
    let mut body =
        Body { object: ObjectWriter::open(&mut out), dialect: target.dialect, refused: Vec::new() };
    body.text("model", target.model);
    body.json("max_tokens", &thinking.max_tokens);
    write_conversation(&mut body, &conversation, target, &mut dropped)?;
    write_tools(&mut body, request, target, &mut dropped)?;
    write_stop(&mut body, request, target, &mut dropped)?;
    write_sampling(&mut body, request, &thinking, target, &mut dropped)?;
    write_thinking(&mut body, request, &thinking, target, &mut dropped)?;
    write_rest(&mut body, request, target);
    let Body { object, refused, .. } = body;
    object.close();
    for name in refused {
        dropped.add(&name)?;
    }
    Ok(Written { body: out, dropped: dropped.into_names() })
}

/// The body being written, in the provider's dialect.
struct Body<'b> {
    object: ObjectWriter<'b>,
    dialect: &'b Dialect,
    /// Members that the provider refuses.
    refused: Vec<String>,
}

impl Body<'_> {
    /// Where the value of `name` goes; `None` if the provider refuses the member.
    fn member(&mut self, name: &str) -> Option<&mut Vec<u8>> {
        match self.dialect.name(name) {
            Some(theirs) => Some(self.object.member(theirs)),
            None => {
                self.refused.push(name.to_owned());
                None
            }
        }
    }

    fn text(&mut self, name: &str, text: &str) {
        if let Some(out) = self.member(name) {
            write(out, text);
        }
    }

    fn json<T: serde::Serialize + ?Sized>(&mut self, name: &str, json: &T) {
        if let Some(out) = self.member(name) {
            write(out, json);
        }
    }
}

fn write_conversation(
    body: &mut Body<'_>,
    conversation: &Conversation<'_>,
    target: &Target<'_>,
    dropped: &mut Dropped,
) -> Result<(), Failure> {
    if !conversation.system.is_empty()
        && let Some(out) = body.member("system")
    {
        write_content(out, conversation.system.iter().copied(), target.same_format, dropped)?;
    }
    let Some(out) = body.member("messages") else { return Ok(()) };
    let mut failure = None;
    let prefill =
        conversation.turns.last().filter(|turn| turn.role == Role::Assistant && !target.same_format);
    let last = conversation.turns.len() - 1;
    list(out, conversation.turns.iter().enumerate(), |out, (i, turn)| {
        let written = match prefill.filter(|_| i == last).and_then(trimmed) {
            Some(text) => write_turn(out, turn, Some(&text), target, dropped),
            None => write_turn(out, turn, None, target, dropped),
        };
        if let Err(error) = written {
            failure = Some(error);
        }
    });
    failure.map_or(Ok(()), Err)
}

/// The last text of a turn without the spaces at its end, if it has any there: a provider goes on from the model's
/// last words, and refuses ones that end in a space.
fn trimmed(turn: &Turn<'_>) -> Option<Part<'static>> {
    match turn.parts.last() {
        Some(Part::Text { text, cache }) if text.ends_with(char::is_whitespace) => Some(Part::Text {
            text: text.trim_end().to_owned().into(),
            cache: cache.clone().map(Raw::into_owned),
        }),
        _ => None,
    }
}

fn write_turn(
    out: &mut Vec<u8>,
    turn: &Turn<'_>,
    last: Option<&Part<'_>>,
    target: &Target<'_>,
    dropped: &mut Dropped,
) -> Result<(), Failure> {
    let mut message = ObjectWriter::open(out);
    message.set("role", role(turn.role));
    let parts = match last {
        Some(_) => turn.parts.split_last().map_or(&[][..], |(_, before)| before),
        None => &turn.parts,
    };
    let parts = turn.results.iter().copied().chain(parts.iter().copied()).chain(last);
    write_content(message.member("content"), parts, target.same_format, dropped)?;
    if let Some(extra) = turn.extra {
        write_members(&mut message, extra);
    }
    message.close();
    Ok(())
}

fn role(role: Role) -> &'static str {
    match role {
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::System | Role::Developer => "system",
    }
}

fn write_tools(
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
fn write_schema(out: &mut Vec<u8>, schema: Option<&Raw<'_>>) {
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

fn write_stop(
    body: &mut Body<'_>,
    request: &Request<'_>,
    target: &Target<'_>,
    dropped: &mut Dropped,
) -> Result<(), Failure> {
    // Providers refuse stop texts of spaces alone.
    let (said, blank): (Vec<&str>, Vec<&str>) = request
        .stop
        .iter()
        .map(|stop| &**stop)
        .partition(|stop| target.same_format || !stop.trim().is_empty());
    dropped.add_if(!blank.is_empty(), "stop")?;
    if !said.is_empty() {
        body.json("stop_sequences", &said);
    }
    Ok(())
}

fn write_sampling(
    body: &mut Body<'_>,
    request: &Request<'_>,
    thinking: &Thinking,
    target: &Target<'_>,
    dropped: &mut Dropped,
) -> Result<(), Failure> {
    let sampling = if target.same_format { Sampling::Any } else { family_of(target.model).sampling };
    let bound = !target.same_format && thinking.is_on();
    let temperature = request.temperature.filter(|_| sampling != Sampling::None);
    // A model that thinks keeps the usual temperature, and may leave only the unlikeliest tokens out.
    let temperature = temperature.filter(|temperature| !bound || *temperature == 1.0);
    let top_p = request.top_p.filter(|top_p| match sampling {
        Sampling::Any => !bound || 0.95 <= *top_p,
        Sampling::One => temperature.is_none() && (!bound || 0.95 <= *top_p),
        Sampling::None => false,
    });
    let top_k = request.top_k.filter(|_| sampling != Sampling::None && !bound);
    // 1 is what a provider does unasked: leaving it out loses nothing.
    dropped.add_if(
        temperature.is_none() && request.temperature.is_some_and(|asked| asked != 1.0),
        "temperature",
    )?;
    dropped.add_if(top_p.is_none() && request.top_p.is_some_and(|asked| asked != 1.0), "top_p")?;
    dropped.add_if(top_k.is_none() && request.top_k.is_some(), "top_k")?;
    if let Some(temperature) = temperature {
        body.json("temperature", &temperature);
    }
    if let Some(top_p) = top_p {
        body.json("top_p", &top_p);
    }
    if let Some(top_k) = top_k {
        body.json("top_k", &top_k);
    }
    Ok(())
}

/// Writes `thinking` and `output_config`, with what a caller of this format said there beside what is known here.
fn write_thinking(
    body: &mut Body<'_>,
    request: &Request<'_>,
    thinking: &Thinking,
    target: &Target<'_>,
    dropped: &mut Dropped,
) -> Result<(), Failure> {
    let own = |name: &str| {
        let rest = request.extra.value(name).filter(|_| target.same_format);
        rest.and_then(|rest| rest.read::<Members<'_>>().ok()).unwrap_or_default()
    };
    let rest = own("thinking");
    if (thinking.mode.is_some() || !rest.is_empty())
        && let Some(out) = body.member("thinking")
    {
        let mut object = ObjectWriter::open(out);
        match thinking.mode {
            Some(Mode::Enabled(budget)) => {
                object.set("type", "enabled");
                object.set("budget_tokens", &budget);
            }
            Some(Mode::Adaptive) => {
                object.set("type", "adaptive");
            }
            Some(Mode::Disabled) => {
                object.set("type", "disabled");
            }
            None => {}
        }
        write_members(&mut object, &rest);
        object.close();
    }
    let schema = match &request.output {
        OutputFormat::Text => None,
        OutputFormat::Json => {
            dropped.add("response_format")?;
            None
        }
        OutputFormat::Schema { schema, .. } => Some(schema),
    };
    let rest = own("output_config");
    if (thinking.effort.is_some() || schema.is_some() || !rest.is_empty())
        && let Some(out) = body.member("output_config")
    {
        let mut object = ObjectWriter::open(out);
        object.set_some("effort", thinking.effort.as_ref());
        write_members(&mut object, &rest);
        if let Some(schema) = schema {
            let mut format = ObjectWriter::open(object.member("format"));
            format.set("type", "json_schema");
            format.raw("schema", schema.text());
            format.close();
        }
        object.close();
    }
    Ok(())
}

/// Writes who asks, whether to stream, and the members of this format that are unknown here.
fn write_rest(body: &mut Body<'_>, request: &Request<'_>, target: &Target<'_>) {
    let extra = if target.same_format { request.extra.0.as_slice() } else { &[] };
    let metadata =
        extra.iter().find(|(name, _)| *name == "metadata").map(|(_, raw)| raw.read::<Members<'_>>());
    let metadata = metadata.and_then(Result::ok).unwrap_or_default();
    if (request.user.is_some() || !metadata.is_empty())
        && let Some(out) = body.member("metadata")
    {
        let mut object = ObjectWriter::open(out);
        object.set_some("user_id", request.user.as_ref());
        write_members(&mut object, &metadata);
        object.close();
    }
    if request.stream {
        body.json("stream", &true);
    }
    for (name, raw) in extra {
        let written = ["thinking", "output_config", "metadata"].contains(&&**name);
        if !written && let Some(out) = body.member(name) {
            out.extend_from_slice(raw.text().as_bytes());
        }
    }
}
