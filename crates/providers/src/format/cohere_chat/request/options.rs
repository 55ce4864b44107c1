//! What a request asks for besides its conversation.

use sluice_types::{
    chat::{Effort, OutputFormat, Reasoning, Request, Tool, ToolChoice},
    error::Failure,
};

use crate::format::{
    anthropic_messages::shared::{self, Body, Dropped},
    json::{ObjectWriter, list},
};

/// Writes `tools`, `strict_tools` and `tool_choice`; says whether there are any tools.
///
/// A single tool cannot be asked for by name: the others are left out then, and some tool is asked for.
///
/// # Errors
///
/// As [`Dropped::add`].
pub(super) fn write_tools(
    body: &mut Body<'_>,
    request: &Request<'_>,
    dropped: &mut Dropped,
) -> Result<bool, Failure> {
    let mut tools = Vec::with_capacity(request.tools.len());
    for tool in &request.tools {
        match tool {
            Tool::Function { name, strict, .. } => tools.push((name, *strict == Some(true), tool)),
            Tool::Other { kind, .. } => dropped.add(kind)?,
        }
    }
    if tools.is_empty() {
        return Ok(false);
    }
    let choice = match &request.tool_choice {
        None | Some(ToolChoice::Auto) => None,
        Some(ToolChoice::None) => Some("NONE"),
        Some(ToolChoice::Required) => Some("REQUIRED"),
        Some(ToolChoice::Tool(asked)) if tools.iter().any(|(name, ..)| *name == asked) => {
            tools.retain(|(name, ..)| *name == asked);
            Some("REQUIRED")
        }
        Some(ToolChoice::Tool(_) | ToolChoice::Other(_)) => {
            dropped.add("tool_choice")?;
            None
        }
    };
    dropped.add_if(request.parallel_tool_calls == Some(false), "parallel_tool_calls")?;
    if let Some(out) = body.member("tools") {
        list(out, &tools, |out, (.., tool)| write_tool(out, tool));
    }
    // One word for all of them: it is said where it is true of all.
    let strict = tools.iter().filter(|(_, strict, _)| *strict).count();
    if strict == tools.len() {
        body.json("strict_tools", &true);
    } else {
        dropped.add_if(0 < strict, "strict")?;
    }
    if let Some(choice) = choice {
        body.text("tool_choice", choice);
    }
    Ok(true)
}

fn write_tool(out: &mut Vec<u8>, tool: &Tool<'_>) {
    let Tool::Function { name, description, parameters, .. } = tool else { return };
    let mut object = ObjectWriter::open(out);
    object.set("type", "function");
    let mut function = ObjectWriter::open(object.member("function"));
    function.set("name", name);
    function.set_some("description", description.as_ref());
    shared::write_schema(function.member("parameters"), parameters.as_ref());
    function.close();
    object.close();
}

/// Writes `response_format`, which the provider refuses beside tools.
///
/// # Errors
///
/// As [`Dropped::add`].
pub(super) fn write_output(
    body: &mut Body<'_>,
    request: &Request<'_>,
    has_tools: bool,
    dropped: &mut Dropped,
) -> Result<(), Failure> {
    if request.output == OutputFormat::Text {
        return Ok(());
    }
    if has_tools {
        return dropped.add("response_format");
    }
    let Some(out) = body.member("response_format") else { return Ok(()) };
    let mut format = ObjectWriter::open(out);
    format.set("type", "json_object");
    if let OutputFormat::Schema { schema, .. } = &request.output {
        format.raw("json_schema", schema.text());
    }
    format.close();
    Ok(())
}

/// The most stop texts accepted.
const MAX_STOPS: usize = 5;

/// Writes limits and sampling.
///
/// # Errors
///
/// As [`Dropped::add`].
pub(super) fn write_sampling(
    body: &mut Body<'_>,
    request: &Request<'_>,
    dropped: &mut Dropped,
) -> Result<(), Failure> {
    if let Some(max_tokens) = request.max_output_tokens {
        body.json("max_tokens", &max_tokens);
    }
    if let Some(temperature) = request.temperature {
        body.json("temperature", &temperature);
    }
    // All tokens is what callers mean by 1; the provider's bounds come nearest to it.
    if let Some(top_p) = request.top_p {
        body.json("p", &top_p.clamp(0.01, 0.99));
    }
    if let Some(top_k) = request.top_k {
        body.json("k", &top_k.min(500));
    }
    if let Some(seed) = request.seed {
        body.json("seed", &seed);
    }
    for (name, penalty) in
        [("frequency_penalty", request.frequency_penalty), ("presence_penalty", request.presence_penalty)]
    {
        match penalty {
            Some(penalty) if (0.0..=1.0).contains(&penalty) => body.json(name, &penalty),
            Some(_) => dropped.add(name)?,
            None => {}
        }
    }
    let stop: Vec<&str> = request.stop.iter().map(|stop| &**stop).filter(|stop| !stop.is_empty()).collect();
    dropped.add_if(MAX_STOPS < stop.len(), "stop")?;
    if !stop.is_empty() {
        body.json("stop_sequences", stop.get(..MAX_STOPS).unwrap_or(&stop));
    }
    Ok(())
}

/// Writes `thinking`.
///
/// # Errors
///
/// As [`Dropped::add`].
pub(super) fn write_thinking(
    body: &mut Body<'_>,
    request: &Request<'_>,
    model: &str,
    dropped: &mut Dropped,
) -> Result<(), Failure> {
    let budget = match request.reasoning {
        None => return Ok(()),
        Some(Reasoning::Off) => {
            // Models that think do so unasked; the others refuse the member.
            if thinks(model)
                && let Some(out) = body.member("thinking")
            {
                out.extend_from_slice(br#"{"type":"disabled"}"#);
            }
            return Ok(());
        }
        Some(Reasoning::Budget(tokens)) => Some(tokens.max(1)),
        Some(Reasoning::Effort(effort) | Reasoning::Adaptive(Some(effort))) => budget_of(effort),
        Some(Reasoning::Adaptive(None)) => None,
    };
    if !thinks(model) {
        return dropped.add("reasoning_effort");
    }
    // The limit holds thoughts and answer: at least a quarter of it is left to the answer.
    let budget = match request.max_output_tokens {
        Some(most) => budget.map(|budget| budget.min(most - most / 4).max(1)),
        None => budget,
    };
    let Some(out) = body.member("thinking") else { return Ok(()) };
    let mut thinking = ObjectWriter::open(out);
    thinking.set("type", "enabled");
    thinking.set_some("token_budget", budget.as_ref());
    thinking.close();
    Ok(())
}

/// Tokens to think with, by effort; as many as the model likes at the greatest.
fn budget_of(effort: Effort) -> Option<u32> {
    match effort {
        Effort::Minimal => Some(1024),
        Effort::Low => Some(2048),
        Effort::Medium => Some(8192),
        Effort::High => Some(16_384),
        Effort::XHigh | Effort::Max => None,
    }
}

/// Families of models that do not think. Newer ones than this table do.
const NEVER: [&str; 7] =
    ["command-r", "command-light", "command-nightly", "command-a-03", "vision", "translate", "aya"];

fn thinks(model: &str) -> bool {
    let model = model.to_ascii_lowercase();
    !NEVER.iter().any(|family| model.contains(family))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_that_do_not_think_are_known() {
        for model in ["command-a-reasoning-08-2025", "command-a-plus-05-2026", "north-1"] {
            assert!(thinks(model), "{model}");
        }
        for model in
            ["command-r7b-12-2024", "command-r-plus-08-2024", "command-a-03-2025", "c4ai-aya-vision-32b"]
        {
            assert!(!thinks(model), "{model}");
        }
    }
}
