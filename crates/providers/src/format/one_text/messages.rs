//! Turns as messages that each hold one text.
//!
//! One turn may become several messages: a tool's result is a message of its own, and knows its tool and not only the
//! call. Pictures in a result go into the user's message after it.

use std::{borrow::Cow, collections::BTreeMap};

use sluice_types::{
    chat::{Media, Part, Role, Turn},
    error::Failure,
};

use crate::format::{
    dropped::{Dropped, kind},
    json,
    openai_chat::plain_text,
};

/// One message.
#[derive(Debug, Default)]
pub(in crate::format) struct Message<'t> {
    /// `system`, `user`, `assistant` or `tool`.
    pub(in crate::format) role: &'static str,
    /// The text, which may be empty.
    pub(in crate::format) text: Cow<'t, str>,
    /// Pictures: media type and bytes in base64.
    pub(in crate::format) images: Vec<(&'t str, &'t str)>,
    /// What the model thought and nobody sealed.
    pub(in crate::format) thought: Cow<'t, str>,
    /// What the model called.
    pub(in crate::format) calls: Vec<Called<'t>>,
    /// For a tool's result: the call, and the tool where it is known.
    pub(in crate::format) answers: Option<(&'t str, Option<&'t str>)>,
}

/// A call of a tool.
#[derive(Debug)]
pub(in crate::format) struct Called<'t> {
    pub(in crate::format) id: &'t str,
    pub(in crate::format) name: &'t str,
    /// A JSON object, as it was written.
    pub(in crate::format) arguments: &'t str,
}

/// Gives `write` the messages that `turns` are, in order.
///
/// Left out unsaid, because nothing is lost by it: thoughts that others sealed, whether a tool's result is an error (its
/// text says so), and how closely a picture is to be looked at.
///
/// # Errors
///
/// As [`Dropped::add`]; [`InvalidRequest`](sluice_types::error::ErrorKind::InvalidRequest) if a tool call's arguments are
/// not a JSON object, or nothing is said at all.
pub(in crate::format) fn each<'t>(
    turns: &'t [Turn<'_>],
    dropped: &mut Dropped,
    mut write: impl FnMut(Message<'t>),
) -> Result<(), Failure> {
    let mut any = false;
    let mut messages = Messages {
        called: BTreeMap::new(),
        dropped,
        write: &mut |message| {
            any = true;
            write(message);
        },
    };
    for turn in turns {
        // Whose result it is, a result says by its call.
        let speaks = turn.parts.iter().any(|part| !matches!(part, Part::ToolResult { .. }));
        messages.dropped.add_if(turn.name.is_some() && speaks, "name")?;
        match turn.role {
            Role::System | Role::Developer => messages.system(turn)?,
            Role::User => messages.user(turn)?,
            Role::Assistant => messages.assistant(turn)?,
        }
    }
    if any { Ok(()) } else { Err(Failure::invalid("messages", "must say something")) }
}

struct Messages<'w, 't> {
    /// Which tool each call so far was of, by the call's id.
    called: BTreeMap<&'t str, &'t str>,
    dropped: &'w mut Dropped,
    write: &'w mut dyn FnMut(Message<'t>),
}

/// What a message says.
#[derive(Default)]
struct Said<'t> {
    texts: Vec<Cow<'t, str>>,
    images: Vec<(&'t str, &'t str)>,
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
            Part::Image { source: Media::Base64 { media_type, data }, .. } => {
                self.images.push((media_type, data));
            }
            Part::Document { source, .. } => match plain_text(source) {
                Some(text) => self.texts.push(Cow::Owned(text)),
                None => return false,
            },
            _ => return false,
        }
        true
    }
}

impl<'t> Messages<'_, 't> {
    fn system(&mut self, turn: &'t Turn<'_>) -> Result<(), Failure> {
        let mut said = Said::default();
        for part in &turn.parts {
            let fits = !matches!(part, Part::Image { .. }) && said.take(part);
            self.dropped.add_if(!fits, kind(part))?;
        }
        if !said.is_empty() {
            (self.write)(Message { role: "system", text: joined(said.texts, "\n"), ..Message::default() });
        }
        Ok(())
    }

    fn user(&mut self, turn: &'t Turn<'_>) -> Result<(), Failure> {
        let mut after = Said::default();
        for part in &turn.parts {
            let Part::ToolResult { call_id, parts, .. } = part else { continue };
            let mut result = Said::default();
            for part in parts {
                self.dropped.add_if(!result.take(part), kind(part))?;
            }
            after.images.append(&mut result.images);
            (self.write)(Message {
                role: "tool",
                text: joined(result.texts, "\n"),
                answers: Some((call_id, self.called.get(&**call_id).copied())),
                ..Message::default()
            });
        }
        for part in &turn.parts {
            let fits = matches!(part, Part::ToolResult { .. }) || after.take(part);
            self.dropped.add_if(!fits, kind(part))?;
        }
        if !after.is_empty() {
            let Said { texts, images } = after;
            (self.write)(Message { role: "user", text: joined(texts, "\n"), images, ..Message::default() });
        }
        Ok(())
    }

    fn assistant(&mut self, turn: &'t Turn<'_>) -> Result<(), Failure> {
        let (mut said, mut thoughts, mut calls) = (Said::default(), Vec::new(), Vec::new());
        for part in &turn.parts {
            match part {
                Part::Reasoning { text, signature: None } => thoughts.push(Cow::Borrowed(&**text)),
                Part::Reasoning { .. } | Part::RedactedReasoning { .. } => {}
                Part::ToolCall { id, name, arguments: told, .. } => {
                    self.called.insert(id, name);
                    calls.push(Called { id, name, arguments: json::arguments(id, told)? });
                }
                part => self.dropped.add_if(!said.take(part), kind(part))?,
            }
        }
        if !said.is_empty() || !calls.is_empty() {
            let Said { texts, images } = said;
            let (text, thought) = (joined(texts, ""), joined(thoughts, ""));
            (self.write)(Message { role: "assistant", text, images, thought, calls, answers: None });
        }
        Ok(())
    }
}

fn joined<'t>(mut texts: Vec<Cow<'t, str>>, between: &str) -> Cow<'t, str> {
    match texts.len() {
        0 | 1 => texts.pop().unwrap_or_default(),
        _ => Cow::Owned(texts.join(between)),
    }
}
