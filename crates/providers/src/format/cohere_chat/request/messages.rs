//! Turns written as messages.
//!
//! One turn may become several: each tool's result is a message of its own and follows the calls at once, so results go
//! first; what a result holds besides text goes into the user's message after them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sluice_types::{
    chat::{Media, Part, Role, Turn},
    error::Failure,
    json::Str,
};

use crate::format::{
    anthropic_messages::shared::{self, Dropped},
    json::{ObjectWriter, list, write, write_inside},
};

/// Writes `turns` as the value of `messages`; gives how many messages there are.
///
/// # Errors
///
/// As [`Dropped::add`].
pub(super) fn write_messages(
    out: &mut Vec<u8>,
    turns: &[Turn<'_>],
    dropped: &mut Dropped,
) -> Result<usize, Failure> {
    let mut messages = Messages { out, dropped, count: 0 };
    messages.out.push(b'[');
    for turn in turns {
        let speaks = turn.parts.iter().any(|part| !matches!(part, Part::ToolResult { .. }));
        messages.dropped.add_if(turn.name.is_some() && speaks, "name")?;
        match turn.role {
            Role::System | Role::Developer => messages.system(turn)?,
            Role::User => messages.user(turn)?,
            Role::Assistant => messages.assistant(turn)?,
        }
    }
    messages.out.push(b']');
    Ok(messages.count)
}

struct Messages<'o> {
    out: &'o mut Vec<u8>,
    dropped: &'o mut Dropped,
    count: usize,
}

impl Messages<'_> {
    fn open(&mut self, role: &str) -> ObjectWriter<'_> {
        if 0 < self.count {
            self.out.push(b',');
        }
        self.count += 1;
        let mut message = ObjectWriter::open(self.out);
        message.set("role", role);
        message
    }

    /// The parts that can be said; what is left out unsaid (empty text, thoughts) means nothing to the provider.
    fn sayable<'p, 'a>(
        &mut self,
        parts: impl IntoIterator<Item = &'p Part<'a>>,
    ) -> Result<Vec<&'p Part<'a>>, Failure> {
        let mut said = Vec::new();
        for part in parts {
            let fits = match part {
                Part::Text { text, .. } | Part::Refusal { text } if text.is_empty() => continue,
                Part::Reasoning { .. } | Part::RedactedReasoning { .. } => continue,
                Part::Text { .. }
                | Part::Refusal { .. }
                | Part::ToolCall { .. }
                | Part::ToolResult { .. } => true,
                Part::Image { source, .. } => !matches!(source, Media::File { .. }),
                Part::Document { source, .. } => plain_text(source).is_some(),
                Part::Audio { .. } | Part::Other { .. } => false,
            };
            self.dropped.add_if(!fits, shared::kind(part))?;
            if fits {
                said.push(part);
            }
        }
        Ok(said)
    }

    fn system(&mut self, turn: &Turn<'_>) -> Result<(), Failure> {
        let (texts, others): (Vec<_>, Vec<_>) =
            self.sayable(&turn.parts)?.into_iter().partition(|part| is_text(part));
        for part in others {
            self.dropped.add(shared::kind(part))?;
        }
        self.say("system", &texts);
        Ok(())
    }

    fn say(&mut self, role: &str, parts: &[&Part<'_>]) {
        if !parts.is_empty() {
            let mut message = self.open(role);
            write_content(message.member("content"), parts);
            message.close();
        }
    }

    fn user(&mut self, turn: &Turn<'_>) -> Result<(), Failure> {
        let mut after = Vec::new();
        for part in &turn.parts {
            let Part::ToolResult { call_id, parts, .. } = part else {
                after.push(part);
                continue;
            };
            let (texts, others): (Vec<_>, Vec<_>) =
                self.sayable(parts)?.into_iter().partition(|part| is_text(part));
            after.extend(others);
            let mut message = self.open("tool");
            message.set("tool_call_id", call_id);
            write_content(message.member("content"), &texts);
            message.close();
        }
        let after = self.sayable(after)?;
        self.say("user", &after);
        Ok(())
    }

    fn assistant(&mut self, turn: &Turn<'_>) -> Result<(), Failure> {
        let (calls, said): (Vec<_>, Vec<_>) =
            self.sayable(&turn.parts)?.into_iter().partition(|part| matches!(part, Part::ToolCall { .. }));
        let (texts, others): (Vec<_>, Vec<_>) = said.into_iter().partition(|part| is_text(part));
        for part in others {
            self.dropped.add(shared::kind(part))?;
        }
        if calls.is_empty() {
            self.say("assistant", &texts);
            return Ok(());
        }
        let plan = plan(&turn.parts);
        let mut message = self.open("assistant");
        if !plan.is_empty() {
            message.set("tool_plan", &plan);
        }
        list(message.member("tool_calls"), calls, write_call);
        message.close();
        Ok(())
    }
}

fn is_text(part: &Part<'_>) -> bool {
    matches!(part, Part::Text { .. } | Part::Refusal { .. } | Part::Document { .. })
}

/// What the model thought and said before its calls. Thoughts that their maker has sealed are not told to others.
fn plan(parts: &[Part<'_>]) -> String {
    let texts = parts.iter().filter_map(|part| match part {
        Part::Reasoning { text, signature: None } | Part::Text { text, .. } | Part::Refusal { text } => {
            Some(text.trim())
        }
        _ => None,
    });
    texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Writes content: one text as a string, else a list of parts.
fn write_content(out: &mut Vec<u8>, parts: &[&Part<'_>]) {
    match parts {
        [] => out.extend_from_slice(b"\"\""),
        [part] if is_text(part) => {
            if let Some(text) = text_of(part) {
                write(out, &text);
            }
        }
        parts => list(out, parts, |out, part| write_part(out, part)),
    }
}

fn write_part(out: &mut Vec<u8>, part: &Part<'_>) {
    let mut object = ObjectWriter::open(out);
    if let Some(text) = text_of(part) {
        object.set("type", "text");
        object.set("text", &text);
    } else if let Part::Image { source, detail, .. } = part {
        object.set("type", "image_url");
        let mut image = ObjectWriter::open(object.member("image_url"));
        write_url(image.member("url"), source);
        let detail = detail.as_ref().filter(|detail| matches!(&***detail, "auto" | "low" | "high"));
        image.set_some("detail", detail);
        image.close();
    }
    object.close();
}

/// The text that a part is.
fn text_of<'p>(part: &'p Part<'_>) -> Option<Str<'p>> {
    match part {
        Part::Text { text, .. } | Part::Refusal { text } => Some(text.borrowed()),
        Part::Document { source, .. } => plain_text(source).map(Str::from),
        _ => None,
    }
}

/// The text of a document that is nothing else; other documents cannot be said.
fn plain_text(source: &Media<'_>) -> Option<String> {
    match source {
        Media::Base64 { media_type, data } if media_type.starts_with("text/") => {
            String::from_utf8(STANDARD.decode(data.as_bytes()).ok()?).ok()
        }
        _ => None,
    }
}

fn write_url(out: &mut Vec<u8>, source: &Media<'_>) {
    match source {
        Media::Url(text) | Media::File { id: text } => write(out, text),
        Media::Base64 { media_type, data } => {
            out.push(b'"');
            for text in ["data:", media_type, ";base64,", data] {
                write_inside(out, text);
            }
            out.push(b'"');
        }
    }
}

fn write_call(out: &mut Vec<u8>, part: &Part<'_>) {
    let Part::ToolCall { id, name, arguments, .. } = part else { return };
    let mut call = ObjectWriter::open(out);
    call.set("id", id);
    call.set("type", "function");
    let mut function = ObjectWriter::open(call.member("function"));
    function.set("name", name);
    // An empty string is not JSON.
    function.set("arguments", if arguments.trim().is_empty() { "{}" } else { arguments });
    function.close();
    call.close();
}
