//! What formats share whose messages hold one plain text: texts joined, arguments spliced in as objects, and the names of
//! what cannot be said.

pub(super) mod messages;

use serde::Serialize;
use sluice_types::{
    chat::{Effort, Request, Tool, ToolChoice},
    error::Failure,
    time::Timestamp,
};

use super::{
    Dialect,
    dropped::Dropped,
    json::{self, ObjectWriter},
    openai_chat::effort_of_budget,
};

/// Leaves out the members of the caller's format that mean nothing here, and tools that are no functions.
///
/// # Errors
///
/// As [`Dropped::add`].
pub(super) fn drop_foreign(dropped: &mut Dropped, request: &Request<'_>) -> Result<(), Failure> {
    dropped.add_if(request.choices.is_some_and(|choices| 1 < choices), "n")?;
    dropped.add_if(request.user.is_some(), "user")?;
    for tool in &request.tools {
        if let Tool::Other { kind, .. } = tool {
            dropped.add(kind)?;
        }
    }
    dropped.add_extra(request, &[])
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
    /// As [`Dropped::add`].
    pub(super) fn set<T: Serialize + ?Sized>(
        &mut self,
        name: &str,
        value: &T,
        dropped: &mut Dropped,
    ) -> Result<(), Failure> {
        match self.dialect.name(name) {
            Some(theirs) => self.object.set(theirs, value),
            None => dropped.add(name)?,
        }
        Ok(())
    }

    /// The same, if there is a value.
    ///
    /// # Errors
    ///
    /// As [`Dropped::add`].
    pub(super) fn set_some<T: Serialize>(
        &mut self,
        name: &str,
        value: Option<T>,
        dropped: &mut Dropped,
    ) -> Result<(), Failure> {
        value.map_or(Ok(()), |value| self.set(name, &value, dropped))
    }

    /// The functions among `request`'s tools, in OpenAI's shape, unless none may be called: there is no word for that
    /// everywhere, and a model cannot call what it is not shown. Whether they were written.
    ///
    /// # Errors
    ///
    /// As [`Dropped::add`].
    pub(super) fn tools(&mut self, request: &Request<'_>, dropped: &mut Dropped) -> Result<bool, Failure> {
        let functions = || request.tools.iter().filter(|tool| matches!(tool, Tool::Function { .. }));
        if functions().next().is_none() || request.tool_choice == Some(ToolChoice::None) {
            return Ok(false);
        }
        let Some(name) = self.dialect.name("tools") else {
            dropped.add("tools")?;
            return Ok(false);
        };
        let strict = functions().any(|tool| matches!(tool, Tool::Function { strict: Some(true), .. }));
        dropped.add_if(strict, "strict")?;
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
}
