//! Turns written as items of input.

use sluice_types::{
    chat::{Media, Part, Role, Turn},
    json::Members,
};

use super::{Thoughts, items::is_content};
use crate::format::{
    json::{self, ObjectWriter},
    openai_chat::{plain_text, write_media},
    openai_responses::{item, seal},
};

/// Writes items of input.
pub(super) struct Items<'o> {
    pub(super) same_format: bool,
    /// Which thoughts may go back.
    pub(super) thoughts: Thoughts,
    pub(super) out: &'o mut Vec<u8>,
    /// What cannot be said.
    pub(super) dropped: &'o mut Vec<String>,
    pub(super) first: bool,
}

impl Items<'_> {
    /// Writes a turn.
    pub(super) fn turn(&mut self, turn: &Turn<'_>) {
        let speaks = turn.parts.iter().any(|part| !matches!(part, Part::ToolResult { .. }));
        if turn.name.is_some() && speaks {
            self.drop("name");
        }
        match turn.role {
            Role::System => self.plain("system", turn),
            Role::Developer => self.plain("developer", turn),
            Role::User => self.user(turn),
            Role::Assistant => self.assistant(turn),
        }
    }

    fn drop(&mut self, name: &str) {
        if !self.dropped.iter().any(|dropped| dropped == name) {
            self.dropped.push(name.to_owned());
        }
    }

    /// Where the next item is written.
    fn next(&mut self) -> &mut Vec<u8> {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(b',');
        }
        self.out
    }

    /// Notes what of `parts` cannot be written, and gives the rest.
    fn sayable<'p, 'a>(&mut self, parts: impl IntoIterator<Item = &'p Part<'a>>) -> Vec<&'p Part<'a>> {
        let mut said = Vec::new();
        for part in parts {
            let unsayable = match part {
                _ if self.same_format => None,
                // An upload's id is known to the provider that gave it alone.
                Part::Image { source: Media::File { .. }, .. } => Some("image file"),
                Part::Document { source: Media::File { .. }, .. } => Some("document file"),
                Part::Audio { .. } => Some("input_audio"),
                Part::Other { kind, .. } => Some(&**kind),
                _ => None,
            };
            match unsayable {
                Some(name) => self.drop(name),
                None => said.push(part),
            }
        }
        said
    }

    fn plain(&mut self, role: &str, turn: &Turn<'_>) {
        let parts = self.sayable(&turn.parts);
        if self.same_format || !parts.is_empty() {
            self.message(role, &parts, &turn.extra);
        }
    }

    fn message(&mut self, role: &str, parts: &[&Part<'_>], extra: &Members<'_>) {
        let same_format = self.same_format;
        let mut item = ObjectWriter::open(self.next());
        item.set("type", "message");
        item.set("role", role);
        content(parts, role == "assistant", same_format, item.member("content"));
        if same_format {
            for (name, value) in &extra.0 {
                item.set(name, value);
            }
        }
        item.close();
    }

    /// A user's turn: results follow their calls at once, what else is said comes after them.
    fn user(&mut self, turn: &Turn<'_>) {
        let mut said = Vec::new();
        for part in &turn.parts {
            match part {
                Part::ToolResult { call_id, parts, .. } => {
                    let parts = self.sayable(parts);
                    let same_format = self.same_format;
                    let mut item = ObjectWriter::open(self.next());
                    item.set("type", "function_call_output");
                    item.set("call_id", call_id);
                    content(&parts, false, same_format, item.member("output"));
                    item.close();
                }
                part => said.push(part),
            }
        }
        let said = self.sayable(said);
        if !said.is_empty() || self.same_format && turn.parts.is_empty() {
            self.message("user", &said, &turn.extra);
        }
    }

    fn assistant(&mut self, turn: &Turn<'_>) {
        if self.same_format && turn.parts.is_empty() {
            return self.message("assistant", &[], &turn.extra);
        }
        let nothing = Members::default();
        let mut extra = &turn.extra;
        for run in turn.parts.chunk_by(|left, right| is_content(left) && is_content(right)) {
            if run.iter().any(is_content) {
                let parts = self.sayable(run);
                let parts: Vec<_> = parts.into_iter().filter(|part| self.is_said(part)).collect();
                if !parts.is_empty() {
                    self.message("assistant", &parts, std::mem::replace(&mut extra, &nothing));
                }
                continue;
            }
            for part in run {
                self.item(part);
            }
        }
    }

    /// Whether a model can have said it; pictures, for one, it cannot.
    fn is_said(&mut self, part: &Part<'_>) -> bool {
        let unsayable = match part {
            Part::Image { .. } => Some("image_url"),
            Part::Document { .. } => Some("file"),
            _ => None,
        };
        if let Some(name) = unsayable.filter(|_| !self.same_format) {
            self.drop(name);
        }
        self.same_format || unsayable.is_none()
    }

    /// Something the model did that is no message.
    fn item(&mut self, part: &Part<'_>) {
        let same_format = self.same_format;
        match part {
            Part::ToolCall { id, name, arguments, extra, .. } => {
                // An empty string is not JSON, which servers that parse the arguments refuse.
                let arguments = if arguments.is_empty() && !same_format { "{}" } else { arguments };
                let mut item = ObjectWriter::open(self.next());
                item.set("type", "function_call");
                item.set("call_id", id);
                item.set("name", name);
                item.set("arguments", arguments);
                for (name, value) in extra.0.iter().filter(|_| same_format) {
                    item.set(name, value);
                }
                item.close();
            }
            // Thoughts under another maker's seal, or none, are nobody's to take back here.
            Part::Reasoning { text, signature: Some(seal) } if self.thoughts != Thoughts::None => {
                if let Some((id, encrypted)) = seal::own(seal) {
                    item::write_thought(id, text, Some(encrypted), self.next());
                }
            }
            Part::Other { raw, .. } if same_format => json::write(self.next(), raw),
            Part::Other { kind, .. } => self.drop(kind),
            _ => {}
        }
    }
}

/// Writes content: one text as a string, which every server understands, else a list of parts.
fn content(parts: &[&Part<'_>], output: bool, same_format: bool, out: &mut Vec<u8>) {
    match parts {
        [] if same_format => out.extend_from_slice(b"[]"),
        [] => out.extend_from_slice(b"\"\""),
        [Part::Text { text, .. }] => json::write(out, text),
        parts => json::list(out, parts, |out, part| write_part(part, output, same_format, out)),
    }
}

fn write_part(part: &Part<'_>, output: bool, same_format: bool, out: &mut Vec<u8>) {
    if let Part::Other { raw, .. } = part {
        return json::write(out, raw);
    }
    let mut object = ObjectWriter::open(out);
    match part {
        Part::Text { text, .. } => write_text(text, output, &mut object),
        Part::Refusal { text } if output || same_format => {
            object.set("type", "refusal");
            object.set("refusal", text);
        }
        Part::Refusal { text } => write_text(text, output, &mut object),
        Part::Image { source, detail, .. } => {
            object.set("type", "input_image");
            let is_file = matches!(source, Media::File { .. });
            write_media(source, object.member(if is_file { "file_id" } else { "image_url" }));
            object.set_some("detail", detail.as_ref());
        }
        Part::Document { source, name, .. } => match plain_text(source).filter(|_| !same_format) {
            Some(text) => write_text(&text, output, &mut object),
            None => write_file(source, name.as_deref(), same_format, &mut object),
        },
        Part::Audio { data, format } => {
            object.set("type", "input_audio");
            let mut audio = ObjectWriter::open(object.member("input_audio"));
            audio.set("data", data);
            audio.set("format", format);
            audio.close();
        }
        // No parts of content.
        Part::ToolCall { .. }
        | Part::ToolResult { .. }
        | Part::Reasoning { .. }
        | Part::RedactedReasoning { .. }
        | Part::Other { .. } => write_text("", output, &mut object),
    }
    object.close();
}

fn write_text(text: &str, output: bool, object: &mut ObjectWriter<'_>) {
    object.set("type", if output { "output_text" } else { "input_text" });
    object.set("text", text);
    if output {
        object.raw("annotations", "[]");
    }
}

fn write_file(source: &Media<'_>, name: Option<&str>, same_format: bool, object: &mut ObjectWriter<'_>) {
    object.set("type", "input_file");
    match (source, name) {
        (Media::Base64 { .. } | Media::File { .. }, Some(name)) => object.set("filename", name),
        (Media::Url(_), Some(name)) if same_format => object.set("filename", name),
        // The format wants a name with bytes.
        (Media::Base64 { media_type, .. }, None) if !same_format => {
            let kind = media_type.rsplit('/').next().unwrap_or_default();
            object.set("filename", &format!("document.{kind}"));
        }
        (_, _) => {}
    }
    let member = match source {
        Media::Url(_) => "file_url",
        Media::Base64 { .. } => "file_data",
        Media::File { .. } => "file_id",
    };
    write_media(source, object.member(member));
}
