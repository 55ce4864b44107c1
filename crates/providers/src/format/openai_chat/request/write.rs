//! A request written for a provider.

use serde::Serialize;
use sluice_types::{
    chat::{Effort, OutputFormat, Reasoning, Request, Tool, ToolChoice},
    error::Failure,
    json::Raw,
};

use super::{
    patch::{ask_for_usage, refused, write_in_words},
    write_message,
};
use crate::format::{
    JsonSchema, Target, Written,
    json::{self, ObjectWriter},
};

/// The name of a schema that came without one: the format wants one.
const SCHEMA_NAME: &str = "response";

/// Writes a request that came in another format or was altered on its way.
///
/// Silently left out, because nothing is lost by it or nobody may have it: cache marks (caching is implicit here), thoughts
/// (only their maker takes them back), and whether a tool's result is an error (its text says so).
///
/// # Errors
///
/// [`Unsupported`](sluice_types::error::ErrorKind::Unsupported) if the target is strict and something would be dropped;
/// [`InvalidRequest`](sluice_types::error::ErrorKind::InvalidRequest) if nothing is said at all.
pub fn write_request(request: &Request<'_>, target: &Target<'_>) -> Result<Written, Failure> {
    let mut body = Vec::with_capacity(1024);
    let mut writer = BodyWriter { object: ObjectWriter::open(&mut body), target, dropped: Vec::new() };
    writer.all(request)?;
    let BodyWriter { object, dropped, .. } = writer;
    object.close();
    match dropped.first().filter(|_| target.strict) {
        Some(name) => Err(refused(name)),
        None => Ok(Written { body, dropped }),
    }
}

struct BodyWriter<'o, 't> {
    object: ObjectWriter<'o>,
    target: &'t Target<'t>,
    dropped: Vec<String>,
}

impl BodyWriter<'_, '_> {
    fn all(&mut self, request: &Request<'_>) -> Result<(), Failure> {
        self.object.set("model", self.target.model);
        write_message::write_all(
            &request.turns,
            self.target,
            self.object.member("messages"),
            &mut self.dropped,
        )?;
        self.tools(request);
        if let Some(limit) = request.max_output_tokens {
            self.set(&self.target.dialect.max_tokens, &limit);
        }
        self.set_some("temperature", request.temperature.as_ref());
        self.set_some("top_p", request.top_p.as_ref());
        self.set_some("seed", request.seed.as_ref());
        self.set_some("frequency_penalty", request.frequency_penalty.as_ref());
        self.set_some("presence_penalty", request.presence_penalty.as_ref());
        if !request.stop.is_empty() {
            self.set("stop", &request.stop);
        }
        self.output(&request.output);
        self.reasoning(request.reasoning);
        self.set_some("n", request.choices.as_ref());
        self.set_some("user", request.user.as_ref());
        if self.target.same_format {
            self.set_some("top_k", request.top_k.as_ref());
            for (name, value) in &request.extra.0 {
                if *name != "stream_options" {
                    let dialect = self.target.dialect;
                    self.set_with(name, |out| write_in_words(name, value.text(), dialect, out));
                }
            }
        } else {
            if request.top_k.is_some() {
                self.drop("top_k");
            }
            for (name, _) in &request.extra.0 {
                self.drop(name);
            }
        }
        if request.stream {
            self.object.raw("stream", "true");
            if self.target.dialect.stream_usage {
                let options = request.extra.value("stream_options").filter(|_| self.target.same_format);
                ask_for_usage(options.map(Raw::text), self.object.member("stream_options"));
            }
        }
        Ok(())
    }

    /// Notes that the target cannot be told `name`.
    fn drop(&mut self, name: &str) {
        if !self.dropped.iter().any(|dropped| dropped == name) {
            self.dropped.push(name.to_owned());
        }
    }

    /// A member by its documented name.
    fn set<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        match self.target.dialect.name(name) {
            Some(theirs) => self.object.set(theirs, value),
            None => self.drop(name),
        }
    }

    /// A member whose value is a word, which the provider may have another for.
    fn word(&mut self, name: &str, word: &str) {
        self.set(name, self.target.dialect.word(name, word));
    }

    fn set_some<T: Serialize>(&mut self, name: &str, value: Option<&T>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    /// A member by its documented name, whose value `write` writes.
    fn set_with(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        match self.target.dialect.name(name) {
            Some(theirs) => write(self.object.member(theirs)),
            None => self.drop(name),
        }
    }

    fn tools(&mut self, request: &Request<'_>) {
        let same_format = self.target.same_format;
        for tool in &request.tools {
            if let Tool::Other { kind, .. } = tool
                && !same_format
            {
                self.drop(kind);
            }
        }
        let tools = request.tools.iter().filter(|tool| same_format || matches!(tool, Tool::Function { .. }));
        let any = tools.clone().next().is_some();
        if any {
            self.set_with("tools", |out| {
                json::list(out, tools, |out, tool| write_tool(tool, same_format, out));
            });
        }
        // Without tools the provider refuses to be told how to choose among them.
        if !any && !same_format {
            return;
        }
        match &request.tool_choice {
            None => {}
            Some(ToolChoice::Auto) => self.word("tool_choice", "auto"),
            Some(ToolChoice::None) => self.word("tool_choice", "none"),
            Some(ToolChoice::Required) => self.word("tool_choice", "required"),
            Some(ToolChoice::Tool(name)) => self.set_with("tool_choice", |out| {
                out.extend_from_slice(br#"{"type":"function","function":{"name":"#);
                json::write(out, name);
                out.extend_from_slice(b"}}");
            }),
            Some(ToolChoice::Other(raw)) if same_format => self.set("tool_choice", raw),
            Some(ToolChoice::Other(_)) => self.drop("tool_choice"),
        }
        self.set_some("parallel_tool_calls", request.parallel_tool_calls.as_ref());
    }

    fn output(&mut self, output: &OutputFormat<'_>) {
        match output {
            OutputFormat::Text => {}
            OutputFormat::Json => self.set_with("response_format", |out| {
                out.extend_from_slice(br#"{"type":"json_object"}"#);
            }),
            OutputFormat::Schema { .. } if self.target.dialect.json_schema != JsonSchema::Native => {
                self.drop("response_format");
            }
            OutputFormat::Schema { name, description, schema, strict } => {
                self.set_with("response_format", |out| {
                    out.extend_from_slice(br#"{"type":"json_schema","json_schema":"#);
                    let mut object = ObjectWriter::open(out);
                    object.set("name", name.as_ref().map_or(SCHEMA_NAME, |name| name));
                    object.set_some("description", description.as_ref());
                    object.set("schema", schema);
                    object.set_some("strict", strict.as_ref());
                    object.close();
                    out.push(b'}');
                });
            }
        }
    }

    fn reasoning(&mut self, reasoning: Option<Reasoning>) {
        match reasoning {
            None | Some(Reasoning::Adaptive(None)) => {}
            Some(Reasoning::Effort(effort) | Reasoning::Adaptive(Some(effort))) => {
                self.word("reasoning_effort", effort_word(effort));
            }
            Some(Reasoning::Budget(tokens)) if self.target.same_format => self.set_with("thinking", |out| {
                out.extend_from_slice(br#"{"type":"enabled","budget_tokens":"#);
                json::write(out, &tokens);
                out.push(b'}');
            }),
            Some(Reasoning::Budget(tokens)) => {
                self.word("reasoning_effort", effort_word(effort_of_budget(tokens)));
            }
            Some(Reasoning::Off) if self.target.same_format => self.word("reasoning_effort", "none"),
            // Models that do not reason refuse the member, and other callers' "off" is mostly what those models do anyway.
            Some(Reasoning::Off) => {}
        }
    }
}

fn write_tool(tool: &Tool<'_>, same_format: bool, out: &mut Vec<u8>) {
    match tool {
        Tool::Other { raw, .. } => json::write(out, raw),
        Tool::Function { name, description, parameters, strict, cache } => {
            let mut object = ObjectWriter::open(out);
            object.set("type", "function");
            let mut function = ObjectWriter::open(object.member("function"));
            function.set("name", name);
            function.set_some("description", description.as_ref());
            function.set_some("parameters", parameters.as_ref());
            function.set_some("strict", strict.as_ref());
            function.close();
            object.set_some("cache_control", cache.as_ref().filter(|_| same_format));
            object.close();
        }
    }
}

/// The word for an effort.
pub(in crate::format) fn effort_word(effort: Effort) -> &'static str {
    match effort {
        Effort::Minimal => "minimal",
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::XHigh => "xhigh",
        Effort::Max => "max",
    }
}

/// The effort that is nearest to a budget of thinking tokens.
pub(in crate::format) fn effort_of_budget(tokens: u32) -> Effort {
    match tokens {
        0..=4096 => Effort::Low,
        4097..=16_384 => Effort::Medium,
        16_385.. => Effort::High,
    }
}
