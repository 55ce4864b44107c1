//! The conversation as callers write it.

use sluice_types::{
    chat::{Part, Role, Turn},
    error::Failure,
    json::Str,
};

use super::super::{ids, names, parts};
use crate::format::json::Value;

/// Reads `systemInstruction`; whatever role it gives itself means nothing.
pub(super) fn read_system<'a>(value: &Value<'a, '_>) -> Result<Turn<'a>, Failure> {
    read(value, Some(Role::System), 0, &mut Calls::default())
}

/// Reads `contents`, each of which becomes one turn.
pub(super) fn read_all<'a>(value: &Value<'a, '_>, turns: &mut Vec<Turn<'a>>) -> Result<(), Failure> {
    let contents = names::items(value)?;
    if contents.is_empty() {
        return Err(value.path.invalid("must hold at least one content"));
    }
    let mut calls = Calls::default();
    for (i, raw) in contents.into_iter().enumerate() {
        turns.push(read(&Value { raw, path: value.path.item(i) }, None, i, &mut calls)?);
    }
    Ok(())
}

fn read<'a>(
    value: &Value<'a, '_>,
    role: Option<Role>,
    at: usize,
    calls: &mut Calls<'a>,
) -> Result<Turn<'a>, Failure> {
    let content = value.object()?;
    let role = match (role, names::string(&content, "role")?.as_deref()) {
        (Some(role), _) => role,
        (None, None | Some("" | "user" | "function")) => Role::User,
        (None, Some("model")) => Role::Assistant,
        (None, Some(_)) => return Err(content.path.member("role").invalid("must be `user` or `model`")),
    };
    let list = names::require(&content, "parts")?;
    let mut said = Vec::new();
    let mut nth = 0;
    for (i, raw) in names::items(&list)?.into_iter().enumerate() {
        let value = Value { raw, path: list.path.item(i) };
        let before = said.len();
        let mut id = |named| {
            nth += 1;
            calls.id(named, at, nth)
        };
        parts::read(&value, &mut id, &mut said)?;
        let strays = said.iter().skip(before).any(|part| match part {
            Part::ToolCall { .. } => role != Role::Assistant,
            Part::ToolResult { .. } => role != Role::User,
            _ => false,
        });
        if strays {
            return Err(value.path.invalid("must stand in a content of the other role"));
        }
    }
    if role != Role::Assistant {
        // Only the model thinks.
        said.retain(|part| !matches!(part, Part::Reasoning { .. } | Part::RedactedReasoning { .. }));
    }
    Ok(Turn { role, name: None, parts: said, extra: names::rest(&content, &["role", "parts"]) })
}

/// Calls that no response has come for: where ids are missing, a response belongs to the first call of its name.
#[derive(Default)]
struct Calls<'a>(Vec<(Str<'a>, Str<'a>)>);

impl<'a> Calls<'a> {
    /// The id of a call or of a response, the `nth` of content `content`.
    fn id(&mut self, named: parts::Named<'a>, content: usize, nth: usize) -> Str<'a> {
        let parts::Named { name, id, response } = named;
        let id = id.filter(|id| !id.is_empty());
        if !response {
            let id = id.unwrap_or_else(|| ids::in_request(content, nth).into());
            self.0.push((id.clone(), name));
            return id;
        }
        let by_id = id.as_ref().and_then(|id| self.0.iter().position(|(open, _)| open == id));
        let by_name = || self.0.iter().position(|(_, open)| *open == name);
        match by_id.or_else(by_name) {
            Some(at) => self.0.remove(at).0,
            None => id.unwrap_or_else(|| ids::in_request(content, nth).into()),
        }
    }
}
