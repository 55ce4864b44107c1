//! Turns written as messages, each of one text.
//!
//! One turn may become several messages: a tool's result is a message of its own, which names the tool and not only the
//! call. Pictures in a result go into the user's message after it.

use std::{borrow::Cow, collections::BTreeMap};

use sluice_types::{
    chat::{Media, Part, Role, Turn},
    error::Failure,
};

use crate::format::{
    json::{self, ObjectWriter},
    plain::{Unsaid, arguments, document_text, kind},
};

/// Writes `turns` as the list of messages.
///
/// # Errors
///
/// As [`write_request`](super::write_request).
pub(super) fn write_all(turns: &[Turn<'_>], out: &mut Vec<u8>, unsaid: &mut Unsaid) -> Result<(), Failure> {
    let mut messages = Messages { out, first: true, called: BTreeMap::new(), unsaid };
    messages.out.push(b'[');
    for turn in turns {
        // Whose result it is, a result says by its call.
        let speaks = turn.parts.iter().any(|part| !matches!(part, Part::ToolResult { .. }));
        messages.unsaid.add_if(turn.name.is_some() && speaks, "name")?;
        match turn.role {
            Role::System | Role::Developer => messages.system(turn)?,
            Role::User => messages.user(turn)?,
            Role::Assistant => messages.assistant(turn)?,
        }
    }
    messages.out.push(b']');
    if messages.first {
        return Err(Failure::invalid("messages", "must say something"));
    }
    Ok(())
}

struct Messages<'o, 't> {
    out: &'o mut Vec<u8>,
    first: bool,
    /// Which tool each call so far was of, by the call's id.
    called: BTreeMap<&'t str, &'t str>,
    unsaid: &'o mut Unsaid,
}

/// What a message says.
#[derive(Default)]
struct Said<'t> {
    texts: Vec<Cow<'t, str>>,
    images: Vec<&'t str>,
}

impl<'t> Said<'t> {
    fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.images.is_empty()
    }

    /// Takes `part` up; `false` if a message has no place for it.
    fn take(&mut self, part: &'t Part<'_>) -> bool {
        match part {
            Part::Text { text, .. } | Part::Refusal { text } => {
                if !text.is_empty() {
                    self.texts.push(Cow::Borrowed(text));
                }
            }
            Part::Image { source: Media::Base64 { data, .. }, .. } => self.images.push(data),
            Part::Document { source, .. } => match document_text(source) {
                Some(text) => self.texts.push(Cow::Owned(text)),
                None => return false,
            },
            _ => return false,
        }
        true
    }
}

impl<'t> Messages<'_, 't> {
    fn open(&mut self, role: &str) -> ObjectWriter<'_> {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        let mut object = ObjectWriter::open(self.out);
        object.set("role", role);
        object
    }

    fn system(&mut self, turn: &'t Turn<'_>) -> Result<(), Failure> {
        let mut said = Said::default();
        for part in &turn.parts {
            let fits = !matches!(part, Part::Image { .. }) && said.take(part);
            self.unsaid.add_if(!fits, kind(part))?;
        }
        if !said.is_empty() {
            self.message("system", &said);
        }
        Ok(())
    }

    fn message(&mut self, role: &str, said: &Said<'_>) {
        let mut object = self.open(role);
        object.set("content", &joined(&said.texts, "\n"));
        if !said.images.is_empty() {
            object.set("images", &said.images);
        }
        object.close();
    }

    fn user(&mut self, turn: &'t Turn<'_>) -> Result<(), Failure> {
        let mut after = Said::default();
        for part in &turn.parts {
            let Part::ToolResult { call_id, parts, .. } = part else { continue };
            let mut result = Said::default();
            for part in parts {
                self.unsaid.add_if(!result.take(part), kind(part))?;
            }
            let tool = self.called.get(&**call_id).copied();
            let mut object = self.open("tool");
            object.set("content", &joined(&result.texts, "\n"));
            object.set_some("tool_name", tool.as_ref());
            object.set("tool_call_id", call_id);
            object.close();
            after.images.append(&mut result.images);
        }
        for part in &turn.parts {
            let fits = matches!(part, Part::ToolResult { .. }) || after.take(part);
            self.unsaid.add_if(!fits, kind(part))?;
        }
        if !after.is_empty() {
            self.message("user", &after);
        }
        Ok(())
    }

    fn assistant(&mut self, turn: &'t Turn<'_>) -> Result<(), Failure> {
        let (mut said, mut thought, mut calls) = (Said::default(), Vec::new(), Vec::new());
        for part in &turn.parts {
            match part {
                // A thought that nobody sealed is plain text, which is how this server's models take theirs back.
                Part::Reasoning { text, signature: None } => thought.push(Cow::Borrowed(&**text)),
                Part::Reasoning { .. } | Part::RedactedReasoning { .. } => {}
                Part::ToolCall { id, name, arguments: told, .. } => {
                    self.called.insert(id, name);
                    calls.push((id, name, arguments(id, told)?));
                }
                part => self.unsaid.add_if(!said.take(part), kind(part))?,
            }
        }
        if said.is_empty() && calls.is_empty() {
            return Ok(());
        }
        let mut object = self.open("assistant");
        object.set("content", &joined(&said.texts, ""));
        if !thought.is_empty() {
            object.set("thinking", &joined(&thought, ""));
        }
        if !said.images.is_empty() {
            object.set("images", &said.images);
        }
        if !calls.is_empty() {
            json::list(object.member("tool_calls"), calls, |out, (id, name, arguments)| {
                let mut call = ObjectWriter::open(out);
                call.set("id", id);
                let mut function = ObjectWriter::open(call.member("function"));
                function.set("name", name);
                function.raw("arguments", arguments);
                function.close();
                call.close();
            });
        }
        object.close();
        Ok(())
    }
}

fn joined<'t>(texts: &'t [Cow<'_, str>], between: &str) -> Cow<'t, str> {
    match texts {
        [] => Cow::Borrowed(""),
        [text] => Cow::Borrowed(text),
        texts => Cow::Owned(texts.join(between)),
    }
}
