//! Tools, and which of them may or must be called.

use sluice_types::{
    chat::{Part, Request, Tool, ToolChoice},
    error::Failure,
    json::Raw,
};

use super::{blocks::write_cache_point, model::Kin};
use crate::format::{
    anthropic_messages::shared::{self, Conversation, Dropped},
    json::{ObjectWriter, list},
};

/// What goes into `toolConfig`.
#[derive(Debug)]
pub(super) struct Tools<'r> {
    tools: Vec<Offer<'r>>,
    choice: Option<&'r ToolChoice<'r>>,
}

/// A tool the model is told of, or a mark to keep the tools before it.
#[derive(Debug)]
enum Offer<'r> {
    Tool(&'r Tool<'r>),
    /// A tool that was called before and is not offered any more.
    Past(&'r str),
    Cache(&'r Raw<'r>),
}

impl<'r> Tools<'r> {
    /// The tools that `request` offers; `None` if none need be told of.
    ///
    /// The format cannot say that no tool is to be called: they are left out then. But where the conversation holds calls,
    /// it must hold tools as well: they stay, or are made up by the names of the calls.
    ///
    /// # Errors
    ///
    /// As [`Dropped::add`].
    pub(super) fn choose(
        request: &'r Request<'r>,
        conversation: &Conversation<'r>,
        kin: Kin,
        dropped: &mut Dropped,
    ) -> Result<Option<Self>, Failure> {
        let mut tools = Vec::with_capacity(request.tools.len());
        for tool in &request.tools {
            match tool {
                Tool::Other { kind, .. } => dropped.add(kind)?,
                Tool::Function { cache, .. } => {
                    tools.push(Offer::Tool(tool));
                    let cache = cache.as_ref().filter(|cache| kin.caches() && !cache.is_null());
                    tools.extend(cache.map(Offer::Cache));
                }
            }
        }
        let offered = !tools.is_empty();
        let past = past_calls(conversation);
        let forbidden = request.tool_choice == Some(ToolChoice::None);
        if tools.is_empty() {
            tools.extend(past.iter().flatten().map(|name| Offer::Past(name)));
        }
        if past.is_none() && forbidden || tools.is_empty() {
            return Ok(None);
        }
        dropped.add_if(offered && forbidden, "tool_choice")?;
        dropped.add_if(offered && request.parallel_tool_calls == Some(false), "parallel_tool_calls")?;
        let choice = match &request.tool_choice {
            Some(ToolChoice::Other(_)) => {
                dropped.add_if(offered, "tool_choice")?;
                None
            }
            choice => choice.as_ref().filter(|_| offered),
        };
        Ok(Some(Self { tools, choice }))
    }

    /// Writes the value of `toolConfig`.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut config = ObjectWriter::open(out);
        list(config.member("tools"), &self.tools, |out, offer| match offer {
            Offer::Tool(tool) => write_tool(out, tool),
            Offer::Past(name) => write_spec(out, name, None, None, false),
            Offer::Cache(cache) => write_cache_point(out, cache),
        });
        match self.choice {
            Some(ToolChoice::Auto) => config.raw("toolChoice", r#"{"auto":{}}"#),
            Some(ToolChoice::Required) => config.raw("toolChoice", r#"{"any":{}}"#),
            Some(ToolChoice::Tool(name)) => {
                let mut choice = ObjectWriter::open(config.member("toolChoice"));
                let mut tool = ObjectWriter::open(choice.member("tool"));
                tool.set("name", name);
                tool.close();
                choice.close();
            }
            // What cannot be said is left to the model.
            Some(ToolChoice::None | ToolChoice::Other(_)) | None => {}
        }
        config.close();
    }
}

/// The tools that were called, each once; `None` if the conversation holds neither calls nor results.
fn past_calls<'r>(conversation: &Conversation<'r>) -> Option<Vec<&'r str>> {
    let mut past: Option<Vec<&'r str>> = None;
    for turn in &conversation.turns {
        if !turn.results.is_empty() {
            past.get_or_insert_default();
        }
        for part in &turn.parts {
            if let Part::ToolCall { name, .. } = part {
                let names = past.get_or_insert_default();
                if !names.contains(&&**name) {
                    names.push(name);
                }
            }
        }
    }
    past
}

fn write_tool(out: &mut Vec<u8>, tool: &Tool<'_>) {
    if let Tool::Function { name, description, parameters, strict, .. } = tool {
        write_spec(out, name, description.as_deref(), parameters.as_ref(), *strict == Some(true));
    }
}

fn write_spec(
    out: &mut Vec<u8>,
    name: &str,
    description: Option<&str>,
    parameters: Option<&Raw<'_>>,
    strict: bool,
) {
    let mut tool = ObjectWriter::open(out);
    let mut spec = ObjectWriter::open(tool.member("toolSpec"));
    spec.set("name", name);
    spec.set_some("description", description.filter(|text| !text.is_empty()).as_ref());
    let mut schema = ObjectWriter::open(spec.member("inputSchema"));
    shared::write_schema(schema.member("json"), parameters);
    schema.close();
    if strict {
        spec.raw("strict", "true");
    }
    spec.close();
    tool.close();
}
