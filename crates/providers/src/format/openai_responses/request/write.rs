//! A request written for a provider.

use serde::Serialize;
use sluice_types::{
    chat::{OutputFormat, Part, Reasoning, Request, Role, Tool, ToolChoice, Turn},
    error::Failure,
    json::{Members, Raw, Str},
};

use super::{
    Thoughts,
    patch::{is_state, write_stateless},
    write_items::Items,
};
use crate::format::{
    Target, Written,
    json::{self, ObjectWriter},
    openai_chat::{effort_of_budget, effort_word, refused},
};

/// The name of a schema that came without one: the format wants one.
const SCHEMA_NAME: &str = "response";
/// OpenAI refuses a smaller limit of output tokens.
const LEAST_OUTPUT_TOKENS: u32 = 16;

/// Writes a request that came in another format or was altered on its way.
///
/// Silently left out, because nothing is lost by it or nobody may have it: cache marks (caching is implicit here), thoughts
/// that OpenAI did not seal, and whether a tool's result is an error (its text says so).
///
/// # Errors
///
/// [`Unsupported`](sluice_types::error::ErrorKind::Unsupported) if the target is strict and something would be dropped.
pub fn write_request(request: &Request<'_>, target: &Target<'_>) -> Result<Written, Failure> {
    let mut body = Vec::with_capacity(1024);
    let mut writer = BodyWriter { object: ObjectWriter::open(&mut body), target, dropped: Vec::new() };
    writer.all(request);
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
    fn all(&mut self, request: &Request<'_>) {
        let same_format = self.target.same_format;
        self.object.set("model", self.target.model);
        self.input(&request.turns);
        self.tools(request);
        match request.max_output_tokens {
            Some(limit) if limit < LEAST_OUTPUT_TOKENS && !same_format => {
                self.drop("max_tokens");
                self.set("max_output_tokens", &LEAST_OUTPUT_TOKENS);
            }
            limit => self.set_some("max_output_tokens", limit.as_ref()),
        }
        self.set_some("temperature", request.temperature.as_ref());
        self.set_some("top_p", request.top_p.as_ref());
        self.text(&request.output, &request.extra);
        self.reasoning(request.reasoning, &request.extra);
        self.set_some("user", request.user.as_ref());
        self.unsayable(request);
        let mut include = None;
        for (name, value) in &request.extra.0 {
            match &**name {
                name if !same_format && is_neutral(name, value) => {}
                name if !same_format || is_state(name) => self.drop(name),
                "include" => include = Some(value.text()),
                name if within("text", name).is_some() || within("reasoning", name).is_some() => {}
                name => self.set(name, value),
            }
        }
        if request.stream {
            self.object.raw("stream", "true");
        }
        write_stateless(include, self.target, &mut self.object);
    }

    /// Notes what this format has no member for.
    fn unsayable(&mut self, request: &Request<'_>) {
        let penalty = |penalty: Option<f64>| penalty.is_some_and(|penalty| penalty != 0.0);
        for (asked, name) in [
            (request.top_k.is_some(), "top_k"),
            (request.seed.is_some(), "seed"),
            (penalty(request.frequency_penalty), "frequency_penalty"),
            (penalty(request.presence_penalty), "presence_penalty"),
            (!request.stop.is_empty(), "stop"),
            (request.choices.is_some_and(|choices| 1 < choices), "n"),
        ] {
            if asked {
                self.drop(name);
            }
        }
    }

    /// Notes that the target cannot be told `name`.
    fn drop(&mut self, name: &str) {
        if !self.dropped.iter().any(|dropped| dropped == name) {
            self.dropped.push(name.to_owned());
        }
    }

    /// A member by its documented name.
    fn set<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        self.set_with(name, |out| json::write(out, value));
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

    /// Plain instructions at the front are `instructions`, all else is an item.
    fn input(&mut self, turns: &[Turn<'_>]) {
        let mut items = turns;
        if let Some((first, rest)) = turns.split_first()
            && let Some(text) = instructions(first)
            // A conversation of instructions alone has nobody to answer to.
            && !rest.is_empty()
        {
            self.set("instructions", text);
            items = rest;
        }
        let out = self.object.member("input");
        out.push(b'[');
        let same_format = self.target.same_format;
        let thoughts = Thoughts::of(self.target);
        let mut writer = Items { same_format, thoughts, out, dropped: &mut self.dropped, first: true };
        for turn in items {
            writer.turn(turn);
        }
        writer.out.push(b']');
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
            Some(ToolChoice::Auto) => self.set("tool_choice", "auto"),
            Some(ToolChoice::None) => self.set("tool_choice", "none"),
            Some(ToolChoice::Required) => self.set("tool_choice", "required"),
            Some(ToolChoice::Tool(name)) => self.set_with("tool_choice", |out| {
                out.extend_from_slice(br#"{"type":"function","name":"#);
                json::write(out, name);
                out.push(b'}');
            }),
            Some(ToolChoice::Other(raw)) if same_format => self.set("tool_choice", raw),
            Some(ToolChoice::Other(_)) => self.drop("tool_choice"),
        }
        self.set_some("parallel_tool_calls", request.parallel_tool_calls.as_ref());
    }

    fn text(&mut self, output: &OutputFormat<'_>, extra: &Members<'_>) {
        let others = self.members_within("text", extra);
        if *output == OutputFormat::Text && others.is_empty() {
            return;
        }
        self.set_with("text", |out| {
            let mut text = ObjectWriter::open(out);
            match output {
                OutputFormat::Text => {}
                OutputFormat::Json => text.raw("format", r#"{"type":"json_object"}"#),
                OutputFormat::Schema { name, description, schema, strict } => {
                    let mut format = ObjectWriter::open(text.member("format"));
                    format.set("type", "json_schema");
                    format.set("name", name.as_ref().map_or(SCHEMA_NAME, |name| name));
                    format.set_some("description", description.as_ref());
                    format.set("schema", schema);
                    format.set_some("strict", strict.as_ref());
                    format.close();
                }
            }
            for (name, value) in others {
                text.set(name, value);
            }
            text.close();
        });
    }

    fn reasoning(&mut self, reasoning: Option<Reasoning>, extra: &Members<'_>) {
        let effort = match reasoning {
            None | Some(Reasoning::Adaptive(None)) => None,
            Some(Reasoning::Effort(effort) | Reasoning::Adaptive(Some(effort))) => Some(effort_word(effort)),
            Some(Reasoning::Budget(tokens)) => Some(effort_word(effort_of_budget(tokens))),
            Some(Reasoning::Off) if self.target.same_format => Some("none"),
            // Models that do not reason refuse the member, and other callers' "off" is mostly what those models do anyway.
            Some(Reasoning::Off) => None,
        };
        let effort = effort.map(|word| self.target.dialect.word("reasoning_effort", word));
        let others = self.members_within("reasoning", extra);
        if effort.is_none() && others.is_empty() {
            return;
        }
        self.set_with("reasoning", |out| {
            let mut object = ObjectWriter::open(out);
            object.set_some("effort", effort.as_ref());
            for (name, value) in others {
                object.set(name, value);
            }
            object.close();
        });
    }

    /// What the caller's own `of` holds that means nothing here.
    fn members_within<'e>(&self, of: &str, extra: &'e Members<'_>) -> Vec<(&'e str, &'e Raw<'e>)> {
        let members = extra.0.iter().filter(|_| self.target.same_format);
        members.filter_map(|(name, value)| Some((within(of, name)?, value))).collect()
    }
}

/// Whether a member of another format asks for nothing: left out, nothing is lost.
fn is_neutral(name: &str, value: &Raw<'_>) -> bool {
    // How frames are padded; whether usage is told is read.
    name == "stream_options" || matches!(value.text(), "null" | "false" | "{}" | "[]" | "0")
}

/// The name inside `of` of a member that is called `of.name`.
fn within<'n>(of: &str, name: &'n str) -> Option<&'n str> {
    name.strip_prefix(of)?.strip_prefix('.')
}

/// The text of a turn that is nothing but instructions.
fn instructions<'t>(turn: &'t Turn<'_>) -> Option<&'t Str<'t>> {
    match turn.parts.as_slice() {
        [Part::Text { text, .. }]
            if turn.role == Role::System && turn.extra.is_empty() && turn.name.is_none() =>
        {
            Some(text)
        }
        _ => None,
    }
}

fn write_tool(tool: &Tool<'_>, same_format: bool, out: &mut Vec<u8>) {
    match tool {
        Tool::Other { raw, .. } => json::write(out, raw),
        Tool::Function { name, description, parameters, strict, .. } => {
            let mut object = ObjectWriter::open(out);
            object.set("type", "function");
            object.set("name", name);
            object.set_some("description", description.as_ref());
            match parameters {
                Some(parameters) => object.set("parameters", parameters),
                None if same_format => {}
                None => object.raw("parameters", r#"{"type":"object","properties":{}}"#),
            }
            // Here a function is strict unless it says that it is not; elsewhere it is not unless it says so.
            object.set_some("strict", strict.or((!same_format).then_some(false)).as_ref());
            object.close();
        }
    }
}
