//! What formats share whose messages hold one plain text: texts joined, arguments spliced in as objects, and the names of
//! what cannot be said.

pub(super) mod messages;

use serde::Serialize;
use sluice_types::{
    chat::{Effort, Part, Request, Tool, ToolChoice},
    error::{ErrorKind, Failure},
    json::{Raw, Str},
    time::Timestamp,
};

use super::{
    Dialect,
    json::{self, ObjectWriter},
    openai_chat::effort_of_budget,
};

/// What a request asks for and the target cannot be told.
#[derive(Debug)]
pub(super) struct Unsaid {
    names: Vec<String>,
    strict: bool,
    format: &'static str,
}

impl Unsaid {
    /// Nothing yet; `format` is what messages call the format.
    pub(super) fn new(format: &'static str, strict: bool) -> Self {
        Self { names: Vec::new(), strict, format }
    }

    /// Leaves `name` out.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] if the target is strict.
    pub(super) fn add(&mut self, name: &str) -> Result<(), Failure> {
        if self.strict {
            let message = format!("`{name}` cannot be said to {} here, and the model is strict", self.format);
            return Err(Failure {
                param: Some(name.to_owned()),
                ..Failure::new(ErrorKind::Unsupported, message)
            });
        }
        if !self.names.iter().any(|known| known == name) {
            self.names.push(name.to_owned());
        }
        Ok(())
    }

    /// The same for `name` if it was asked for.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub(super) fn add_if(&mut self, asked: bool, name: &str) -> Result<(), Failure> {
        if asked { self.add(name) } else { Ok(()) }
    }

    /// Leaves out the members of the caller's format that mean nothing here, and tools that are no functions.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub(super) fn add_foreign(&mut self, request: &Request<'_>) -> Result<(), Failure> {
        self.add_if(request.choices.is_some_and(|choices| 1 < choices), "n")?;
        self.add_if(request.user.is_some(), "user")?;
        for tool in &request.tools {
            if let Tool::Other { kind, .. } = tool {
                self.add(kind)?;
            }
        }
        for (name, value) in &request.extra.0 {
            self.add_if(!is_neutral(name, value), name)?;
        }
        Ok(())
    }

    /// The names, in the order they were found.
    pub(super) fn into_names(self) -> Vec<String> {
        self.names
    }
}

/// An object that is being written in the provider's dialect.
pub(super) struct Body<'o, 'd> {
    pub(super) object: ObjectWriter<'o>,
    pub(super) dialect: &'d Dialect,
}

impl Body<'_, '_> {
    /// A member by its documented name; one that the provider refuses is left out.
    ///
    /// # Errors
    ///
    /// As [`Unsaid::add`].
    pub(super) fn set<T: Serialize + ?Sized>(
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

    /// The same, if there is a value.
    ///
    /// # Errors
    ///
    /// As [`Unsaid::add`].
    pub(super) fn set_some<T: Serialize>(
        &mut self,
        name: &str,
        value: Option<T>,
        unsaid: &mut Unsaid,
    ) -> Result<(), Failure> {
        value.map_or(Ok(()), |value| self.set(name, &value, unsaid))
    }

    /// The functions among `request`'s tools, in OpenAI's shape, unless none may be called: there is no word for that
    /// everywhere, and a model cannot call what it is not shown. Whether they were written.
    ///
    /// # Errors
    ///
    /// As [`Unsaid::add`].
    pub(super) fn tools(&mut self, request: &Request<'_>, unsaid: &mut Unsaid) -> Result<bool, Failure> {
        let functions = || request.tools.iter().filter(|tool| matches!(tool, Tool::Function { .. }));
        if functions().next().is_none() || request.tool_choice == Some(ToolChoice::None) {
            return Ok(false);
        }
        let Some(name) = self.dialect.name("tools") else {
            unsaid.add("tools")?;
            return Ok(false);
        };
        let strict = functions().any(|tool| matches!(tool, Tool::Function { strict: Some(true), .. }));
        unsaid.add_if(strict, "strict")?;
        json::list(self.object.member(name), functions(), write_tool);
        Ok(true)
    }
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

/// Whether a member asks for nothing: left out, nothing is lost.
fn is_neutral(name: &str, value: &Raw<'_>) -> bool {
    match value.text() {
        "null" | "false" | "{}" | "[]" | "0" => true,
        // How OpenAI's frames are padded; whether they tell usage is read.
        _ if name == "stream_options" => true,
        _ if name == "modalities" => {
            value.read::<Vec<Str<'_>>>().is_ok_and(|all| all.iter().all(|modality| *modality == "text"))
        }
        _ => false,
    }
}

/// A call's arguments as the object they must be, as they were written.
///
/// # Errors
///
/// [`ErrorKind::InvalidRequest`] if they are something else.
pub(super) fn arguments<'s>(id: &str, arguments: &'s str) -> Result<&'s str, Failure> {
    match arguments.trim() {
        "" | "null" => Ok("{}"),
        text if text.starts_with('{') && Raw::parse(text).is_some() => Ok(text),
        _ => {
            let predicate = format!("has a tool call `{id}` whose arguments are not a JSON object");
            Err(Failure::invalid("messages", predicate))
        }
    }
}

/// What a part is called when it is left out.
pub(super) fn kind<'p>(part: &'p Part<'_>) -> &'p str {
    match part {
        Part::Text { .. } => "text",
        Part::Image { .. } => "image_url",
        Part::Document { .. } => "file",
        Part::Audio { .. } => "input_audio",
        Part::ToolCall { .. } => "tool_calls",
        Part::ToolResult { .. } => "tool",
        Part::Reasoning { .. } | Part::RedactedReasoning { .. } => "reasoning",
        Part::Refusal { .. } => "refusal",
        Part::Other { kind, .. } => kind,
    }
}

/// One of three levels of thinking for an effort.
pub(super) fn level(effort: Effort) -> &'static str {
    match effort {
        Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High | Effort::XHigh | Effort::Max => "high",
    }
}

/// The level nearest to a budget of thinking tokens.
pub(super) fn level_of_budget(tokens: u32) -> &'static str {
    level(effort_of_budget(tokens))
}

/// Seconds since 1970 of a time as RFC 3339 writes it, such as `2026-01-01T00:00:00.5Z`.
pub(super) fn unix_time(text: &str) -> Option<u64> {
    let (date, time) = text.split_once(['T', 't'])?;
    let zone = time.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = time.split_at_checked(zone)?;
    let seconds = |clock: &str| -> Option<i64> {
        let mut fields = clock.split('.').next()?.split(':').map(|field| field.parse::<i64>().ok());
        let mut next = || fields.next().unwrap_or(Some(0)).filter(|field| (0..=60).contains(field));
        Some(next()? * 3600 + next()? * 60 + next()?)
    };
    let offset = match zone.split_at_checked(1)? {
        ("+", offset) => seconds(offset)?,
        ("-", offset) => -seconds(offset)?,
        _ => 0,
    };
    let midnight = i64::try_from(Timestamp::from_date(date)?.0 / 1000).ok()?;
    u64::try_from(midnight + seconds(clock)? - offset).ok()
}

/// An id for the call `index` of an answer that gives its calls none: the same whenever `seed`, which tells this answer
/// from all others, is the same.
pub(super) fn call_id(seed: &str, index: usize) -> String {
    // FNV-1a: short, and the same on every host.
    let digest = seed.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |digest, byte| {
        (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("call_{digest:016x}_{index}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_become_an_object_unread() {
        assert_eq!(arguments("a", " {\"q\" : 1.0} ").unwrap(), "{\"q\" : 1.0}");
        assert_eq!(arguments("a", "").unwrap(), "{}");
        for broken in ["{\"q\":", "[1]", "\"x\"", "{} {}"] {
            assert!(arguments("call_7", broken).unwrap_err().message.contains("call_7"));
        }
    }

    #[test]
    fn times_are_read_with_their_zone() {
        for (text, seconds) in [
            ("1970-01-01T00:00:01Z", Some(1)),
            ("2026-01-01T00:00:00.123456789Z", Some(1_767_225_600)),
            ("2026-01-01T01:30:00+01:30", Some(1_767_225_600)),
            ("2025-12-31T16:00:00.5-08:00", Some(1_767_225_600)),
            ("1970-01-01T00:00:00+01:00", None),
            ("2026-01-01", None),
            ("T+", None),
            ("2026-01-01Tx:-1:0Z", None),
        ] {
            assert_eq!(unix_time(text), seconds, "{text}");
        }
    }

    #[test]
    fn a_strict_target_is_told_everything() {
        let failure = Unsaid::new("Ollama", true).add("n").unwrap_err();
        assert_eq!((failure.kind, failure.param.as_deref()), (ErrorKind::Unsupported, Some("n")));
    }
}
