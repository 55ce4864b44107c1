//! The items of a caller's input, read.
//!
//! An item is less than a turn: what the model did between two words of the user's (thoughts, a message, calls) becomes one
//! turn, as do neighbouring results of tools. A second message begins a turn of its own, unless calls stand between whose
//! results must follow them at once.

use sluice_types::{
    chat::{Part, Role, Turn},
    error::Failure,
    json::{Members, Raw, Str},
};

use super::content;
use crate::format::{
    json::{Object, Value},
    openai_responses::{
        seal::{self, Sealed},
        wire::BETWEEN_THOUGHTS,
    },
};

/// Reads the list `input`, adding to `turns`.
pub(super) fn read_all<'a>(input: &Value<'a, '_>, turns: &mut Vec<Turn<'a>>) -> Result<(), Failure> {
    // What stands before the items is no turn of theirs.
    let mut all = Items { before: turns.len(), turns };
    for (i, raw) in input.list()?.into_iter().enumerate() {
        all.add(&Value { raw, path: input.path.item(i) })?;
    }
    Ok(())
}

struct Items<'t, 'a> {
    before: usize,
    turns: &'t mut Vec<Turn<'a>>,
}

impl<'a> Items<'_, 'a> {
    fn add(&mut self, value: &Value<'a, '_>) -> Result<(), Failure> {
        let item = value.object()?;
        let other = |kind| Part::Other { kind, raw: Raw::from(value.raw) };
        let Some(kind) = item.string("type")? else {
            if item.get("role")?.is_some() {
                return self.message(&item);
            }
            self.model(other("item_reference".into()));
            return Ok(());
        };
        match &*kind {
            "message" => self.message(&item)?,
            "reasoning" => {
                if let Some(part) = reasoning(&item)? {
                    self.model(part);
                }
            }
            "function_call" => self.model(call(&item)?),
            "function_call_output" if item.get("call_id")?.is_some() => {
                let call_id = item.require("call_id")?.string()?;
                let parts = content::read(&item.require("output")?)?;
                self.result(Part::ToolResult { call_id, parts, is_error: false, cache: None });
            }
            _ => self.model(other(kind)),
        }
        Ok(())
    }

    fn message(&mut self, item: &Object<'a, '_>) -> Result<(), Failure> {
        let role = item.require("role")?;
        let (path, role) = (role.path, role.string()?);
        let parts = content::read(&item.require("content")?)?;
        let mut extra = item.rest(|name| matches!(name, "type" | "role" | "content"));
        extra.0.retain(|(_, value)| !value.is_null());
        let role = match &*role {
            "user" => Role::User,
            "system" => Role::System,
            "developer" => Role::Developer,
            "assistant" => {
                match self.last(Role::Assistant).filter(|turn| !is_said(turn)) {
                    Some(turn) => {
                        if !turn.parts.iter().any(is_content) {
                            turn.extra = extra;
                        }
                        turn.parts.extend(parts);
                    }
                    None => self.push(Role::Assistant, parts, extra),
                }
                return Ok(());
            }
            _ => return Err(path.invalid("must be user, assistant, system or developer")),
        };
        self.push(role, parts, extra);
        Ok(())
    }

    /// Something the model did, or an item that means nothing here.
    fn model(&mut self, part: Part<'a>) {
        let thinks = matches!(part, Part::Reasoning { .. } | Part::RedactedReasoning { .. });
        match self.last(Role::Assistant).filter(|turn| !thinks || !is_said(turn)) {
            Some(turn) => turn.parts.push(part),
            None => self.push(Role::Assistant, vec![part], Members::default()),
        }
    }

    /// Something a tool answered.
    fn result(&mut self, part: Part<'a>) {
        let is_result = |part: &Part<'_>| matches!(part, Part::ToolResult { .. });
        match self.last(Role::User).filter(|turn| turn.parts.iter().all(is_result)) {
            Some(turn) => turn.parts.push(part),
            None => self.push(Role::User, vec![part], Members::default()),
        }
    }

    /// The turn that goes on if `role` has the word.
    fn last(&mut self, role: Role) -> Option<&mut Turn<'a>> {
        let items = self.turns.get_mut(self.before..)?;
        items.last_mut().filter(|turn| turn.role == role && !(role == Role::User && turn.parts.is_empty()))
    }

    fn push(&mut self, role: Role, parts: Vec<Part<'a>>, extra: Members<'a>) {
        self.turns.push(Turn { role, name: None, parts, extra });
    }
}

/// Whether an assistant's part stands in a message.
pub(super) fn is_content(part: &Part<'_>) -> bool {
    match part {
        Part::ToolCall { .. }
        | Part::ToolResult { .. }
        | Part::Reasoning { .. }
        | Part::RedactedReasoning { .. } => false,
        Part::Other { kind, .. } => kind.starts_with("output_") || kind.starts_with("input_"),
        Part::Text { .. }
        | Part::Image { .. }
        | Part::Document { .. }
        | Part::Audio { .. }
        | Part::Refusal { .. } => true,
    }
}

/// Whether a turn of the model's holds a message already, and no calls whose results must follow it at once.
fn is_said(turn: &Turn<'_>) -> bool {
    turn.parts.iter().any(is_content) && !turn.parts.iter().any(|part| matches!(part, Part::ToolCall { .. }))
}

fn call<'a>(item: &Object<'a, '_>) -> Result<Part<'a>, Failure> {
    let mut extra = item.rest(|name| matches!(name, "type" | "call_id" | "name" | "arguments"));
    extra.0.retain(|(_, value)| !value.is_null());
    Ok(Part::ToolCall {
        id: item.require("call_id")?.string()?,
        name: item.require("name")?.string()?,
        arguments: item.string("arguments")?.unwrap_or_default(),
        extra,
        cache: None,
    })
}

/// A thought; `None` if it is neither told nor sealed, and so is nothing without the provider's memory.
fn reasoning<'a>(item: &Object<'a, '_>) -> Result<Option<Part<'a>>, Failure> {
    let mut words: Vec<Str<'a>> = Vec::new();
    for name in ["summary", "content"] {
        let Some(list) = item.get(name)? else { continue };
        for (i, raw) in list.list()?.into_iter().enumerate() {
            let piece = Value { raw, path: list.path.item(i) };
            words.extend(piece.object()?.string("text")?.filter(|text| !text.is_empty()));
        }
    }
    let text = match words.len() {
        0 | 1 => words.pop().unwrap_or_default(),
        _ => words.iter().map(|text| &**text).collect::<Vec<_>>().join(BETWEEN_THOUGHTS).into(),
    };
    let id = item.string("id")?.unwrap_or_default();
    let encrypted = item.string("encrypted_content")?.filter(|encrypted| !encrypted.is_empty());
    Ok(match encrypted.map(|encrypted| seal::heard(&id, encrypted)) {
        Some(Sealed::Seal(seal)) => Some(Part::Reasoning { text, signature: Some(seal) }),
        Some(Sealed::Redacted(data)) => Some(Part::RedactedReasoning { data }),
        None if text.is_empty() => None,
        None => Some(Part::Reasoning { text, signature: None }),
    })
}

#[cfg(test)]
mod tests {
    use sluice_types::chat::Request;

    use super::*;
    use crate::format::openai_responses::read_request;

    const CALL: &str = r#"{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}"#;
    const RESULT: &str = r#"{"type":"function_call_output","call_id":"c","output":"o"}"#;
    const THOUGHT: &str = r#"{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"X"}"#;
    const SAID: &str = r#"{"role":"assistant","content":"a"}"#;
    const USER: &str = r#"{"role":"user","content":"u"}"#;

    /// How many parts each turn has.
    fn turns(items: &[&str]) -> Vec<(Role, usize)> {
        let body = format!(r#"{{"model":"m","input":[{}]}}"#, items.join(","));
        let request: Request<'_> = read_request(body.as_bytes()).unwrap();
        request.turns.iter().map(|turn| (turn.role, turn.parts.len())).collect()
    }

    #[test]
    fn what_the_model_does_at_once_is_one_turn() {
        use Role::{Assistant, User};
        assert_eq!(
            turns(&[USER, THOUGHT, SAID, CALL, CALL, RESULT, RESULT, USER]),
            [(User, 1), (Assistant, 4), (User, 2), (User, 1)]
        );
        assert_eq!(
            turns(&[CALL, RESULT, CALL, RESULT]),
            [(Assistant, 1), (User, 1), (Assistant, 1), (User, 1)]
        );
    }

    #[test]
    fn another_message_is_another_turn_unless_calls_await_results() {
        use Role::Assistant;
        assert_eq!(turns(&[THOUGHT, SAID, THOUGHT, SAID]), [(Assistant, 2), (Assistant, 2)]);
        assert_eq!(turns(&[CALL, SAID, THOUGHT, CALL]), [(Assistant, 4)]);
    }

    #[test]
    fn a_thought_that_only_its_provider_remembers_is_nothing() {
        assert_eq!(turns(&[r#"{"type":"reasoning","id":"rs_1","summary":[]}"#]), []);
        assert_eq!(turns(&[r#"{"id":"msg_1"}"#]), [(Role::Assistant, 1)]);
    }
}
