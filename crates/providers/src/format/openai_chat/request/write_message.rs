//! Turns written as messages.
//!
//! One turn may become several messages: results of tools are messages of their own and must follow the calls at once, so
//! they go first; what a result holds besides text goes into the user's message after them, for a tool's message takes
//! only text.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sluice_types::{
    chat::{Media, Part, Role, Turn},
    error::Failure,
    json::{Members, Raw, Str},
};

use super::{
    super::wire::{self, google},
    messages::tool_id,
};
use crate::format::{
    Dialect, Target,
    json::{self, ObjectWriter},
};

/// Writes `turns` as the list of messages, noting in `dropped` what cannot be said.
///
/// # Errors
///
/// [`InvalidRequest`](sluice_types::error::ErrorKind::InvalidRequest) if nothing is said at all.
pub(super) fn write_all(
    turns: &[Turn<'_>],
    target: &Target<'_>,
    out: &mut Vec<u8>,
    dropped: &mut Vec<String>,
) -> Result<(), Failure> {
    let mut writer = Messages {
        target,
        same_format: target.same_format,
        seals: (target.same_format || is_googles(target.model))
            && target.dialect.call_name(google::MEMBER).is_some(),
        out,
        dropped,
        first: true,
    };
    writer.out.push(b'[');
    for turn in turns {
        match turn.role {
            Role::System => writer.plain("system", turn),
            Role::Developer => writer.plain(if target.same_format { "developer" } else { "system" }, turn),
            Role::User => writer.user(turn),
            Role::Assistant => writer.assistant(turn),
        }
    }
    writer.out.push(b']');
    if writer.first { Err(Failure::invalid("messages", "must say something")) } else { Ok(()) }
}

/// Whether a model takes Google's seals back; others' providers may refuse a member that they do not know.
fn is_googles(model: &str) -> bool {
    model.to_ascii_lowercase().contains("gemini")
}

struct Messages<'o, 't> {
    target: &'t Target<'t>,
    same_format: bool,
    /// Whether calls are told with Google's seals on them.
    seals: bool,
    out: &'o mut Vec<u8>,
    dropped: &'o mut Vec<String>,
    first: bool,
}

impl Messages<'_, '_> {
    fn open(&mut self, role: &str) -> ObjectWriter<'_> {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        let mut object = ObjectWriter::open(self.out);
        object.set("role", self.target.dialect.word("messages[].role", role));
        object
    }

    fn drop(&mut self, name: &str) {
        if !self.dropped.iter().any(|dropped| dropped == name) {
            self.dropped.push(name.to_owned());
        }
    }

    /// Notes what of `parts` cannot be written, and gives the rest.
    fn sayable<'p, 'a>(&mut self, parts: impl IntoIterator<Item = &'p Part<'a>>) -> Vec<&'p Part<'a>> {
        let mut said = Vec::new();
        for part in parts {
            let unsayable = match part {
                Part::Reasoning { .. } | Part::RedactedReasoning { .. } => continue,
                Part::Image { source: Media::File { .. }, .. } => Some("image file"),
                Part::Document { source: Media::Url(_), .. } => Some("document url"),
                Part::Document { source: Media::File { .. }, .. } if !self.same_format => {
                    Some("document file")
                }
                Part::Other { kind, .. } if !self.same_format => Some(&**kind),
                Part::Text { .. }
                | Part::Image { .. }
                | Part::Document { .. }
                | Part::Audio { .. }
                | Part::ToolCall { .. }
                | Part::ToolResult { .. }
                | Part::Refusal { .. }
                | Part::Other { .. } => None,
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
        self.message(role, turn.name.as_ref(), &parts, &turn.extra);
    }

    fn message(&mut self, role: &str, name: Option<&Str<'_>>, parts: &[&Part<'_>], extra: &Members<'_>) {
        let target = self.target;
        let mut object = self.open(role);
        write_name(name, target.dialect, &mut object);
        content(parts, target.same_format, object.member("content"));
        write_extra(extra, target, &mut object);
        object.close();
    }

    fn user(&mut self, turn: &Turn<'_>) {
        let mut after = Vec::new();
        let mut results = 0;
        for part in &turn.parts {
            let Part::ToolResult { call_id, parts, .. } = part else {
                after.push(part);
                continue;
            };
            results += 1;
            let mut inside = self.sayable(parts);
            if !self.same_format {
                after.extend(inside.extract_if(.., |part| !matches!(part, Part::Text { .. })));
            }
            let alone = turn.parts.len() == 1;
            let target = self.target;
            let mut object = self.open("tool");
            object.set("tool_call_id", &*tool_id(call_id, target.dialect));
            write_name(turn.name.as_ref().filter(|_| alone), target.dialect, &mut object);
            content(&inside, target.same_format, object.member("content"));
            if alone {
                write_extra(&turn.extra, target, &mut object);
            }
            object.close();
        }
        let after = self.sayable(after);
        if !after.is_empty() || results == 0 {
            self.message("user", turn.name.as_ref(), &after, &turn.extra);
        }
    }

    fn assistant(&mut self, turn: &Turn<'_>) {
        let parts = self.sayable(&turn.parts);
        if parts.is_empty() && !self.same_format {
            return;
        }
        let (calls, said): (Vec<_>, Vec<_>) = parts.into_iter().partition(|part| is_call(part));
        let (target, seals) = (self.target, self.seals);
        let same_format = target.same_format;
        let mut object = self.open("assistant");
        write_name(turn.name.as_ref(), target.dialect, &mut object);
        thoughts(&turn.parts, target, &mut object);
        let texts;
        let said = match target.dialect.message_name("refusal") {
            Some(_) => said,
            None => {
                texts = said.iter().map(|part| as_text(part)).collect::<Vec<_>>();
                texts.iter().collect()
            }
        };
        let refusal = match said.as_slice() {
            [Part::Refusal { text }] => Some(text),
            [rest @ .., Part::Refusal { text }]
                if rest.iter().all(|part| matches!(part, Part::Text { .. })) =>
            {
                Some(text)
            }
            _ => None,
        };
        let said = refusal.and_then(|_| said.split_last()).map_or(said.as_slice(), |(_, rest)| rest);
        if said.is_empty() {
            object.raw("content", "null");
        } else {
            content(said, same_format, object.member("content"));
        }
        object.set_some("refusal", refusal);
        if !calls.is_empty() {
            json::list(object.member("tool_calls"), &calls, |out, part| {
                call(part, google::on(&turn.parts, part).filter(|_| seals), target, out);
            });
        }
        write_extra(&turn.extra, target, &mut object);
        object.close();
    }
}

/// Writes the members of a message that mean nothing here, to a provider of the format they came in.
fn write_extra(extra: &Members<'_>, target: &Target<'_>, object: &mut ObjectWriter<'_>) {
    for (name, value) in extra.0.iter().filter(|_| target.same_format) {
        if let Some(theirs) = target.dialect.message_name(name) {
            object.set(theirs, value);
        }
    }
}

fn write_name(name: Option<&Str<'_>>, dialect: &Dialect, object: &mut ObjectWriter<'_>) {
    if let (Some(name), Some(theirs)) = (name, dialect.message_name("name")) {
        object.set(theirs, name);
    }
}

/// The same part, a refusal as the text it is: for providers that have no other place for it.
fn as_text<'p>(part: &'p Part<'_>) -> Part<'p> {
    match part {
        Part::Refusal { text } => Part::text(text.borrowed()),
        part => (*part).clone(),
    }
}

/// Whether the part stands among an assistant's calls. Calls of unknown kinds have an id, parts of content have none.
fn is_call(part: &Part<'_>) -> bool {
    match part {
        Part::ToolCall { .. } => true,
        Part::Other { raw, .. } => {
            raw.read::<Members<'_>>().is_ok_and(|members| members.value("id").is_some())
        }
        _ => false,
    }
}

/// What the model thought, as its maker's family takes it back; to a provider of another format what nobody sealed, if it
/// wants that back.
fn thoughts(parts: &[Part<'_>], target: &Target<'_>, object: &mut ObjectWriter<'_>) {
    let (same_format, dialect) = (target.same_format, target.dialect);
    if !same_format && !dialect.replay_thoughts {
        return;
    }
    let text: String = parts
        .iter()
        .filter(|part| same_format || !matches!(part, Part::Reasoning { signature: Some(_), .. }))
        .filter_map(|part| if let Part::Reasoning { text, .. } = part { Some(&**text) } else { None })
        .collect();
    if let Some(name) = dialect.message_name("reasoning_content").filter(|_| !text.is_empty()) {
        object.set(name, &text);
    }
    if let Some(name) =
        dialect.message_name("thinking_blocks").filter(|_| same_format && wire::is_sealed(parts))
    {
        wire::write_thinking_blocks(parts, object.member(name));
    }
}

/// Writes content: one text as a string, which every server understands, else a list of parts.
fn content(parts: &[&Part<'_>], same_format: bool, out: &mut Vec<u8>) {
    match parts {
        [] => out.extend_from_slice(b"\"\""),
        [Part::Text { text, cache, .. }] if cache.is_none() || !same_format => json::write(out, text),
        parts => json::list(out, parts, |out, part| write_part(part, same_format, out)),
    }
}

fn write_part(part: &Part<'_>, same_format: bool, out: &mut Vec<u8>) {
    if let Part::Other { raw, .. } = part {
        return json::write(out, raw);
    }
    let mut object = ObjectWriter::open(out);
    let cache = match part {
        Part::Text { text, cache, .. } => {
            object.set("type", "text");
            object.set("text", text);
            cache
        }
        Part::Refusal { text } => {
            object.set("type", "refusal");
            object.set("refusal", text);
            &None
        }
        Part::Image { source, detail, cache } => {
            object.set("type", "image_url");
            let mut image = ObjectWriter::open(object.member("image_url"));
            media(source, image.member("url"));
            image.set_some("detail", detail.as_ref());
            image.close();
            cache
        }
        Part::Document { source, name, cache } => {
            match plain_text(source).filter(|_| !same_format) {
                Some(text) => {
                    object.set("type", "text");
                    object.set("text", &text);
                }
                None => {
                    object.set("type", "file");
                    file(source, name.as_deref(), same_format, object.member("file"));
                }
            }
            cache
        }
        Part::Audio { data, format } => {
            object.set("type", "input_audio");
            let mut audio = ObjectWriter::open(object.member("input_audio"));
            audio.set("data", data);
            audio.set("format", format);
            audio.close();
            &None
        }
        Part::ToolCall { .. }
        | Part::ToolResult { .. }
        | Part::Reasoning { .. }
        | Part::RedactedReasoning { .. }
        | Part::Other { .. } => &None,
    };
    object.set_some("cache_control", cache.as_ref().filter(|_: &&Raw<'_>| same_format));
    object.close();
}

/// The text of a document that is nothing else; as a file, providers take little but PDFs.
pub(in crate::format) fn plain_text(source: &Media<'_>) -> Option<String> {
    match source {
        Media::Base64 { media_type, data } if media_type.starts_with("text/") => {
            String::from_utf8(STANDARD.decode(data.as_bytes()).ok()?).ok()
        }
        _ => None,
    }
}

fn file(source: &Media<'_>, name: Option<&str>, same_format: bool, out: &mut Vec<u8>) {
    let mut file = ObjectWriter::open(out);
    match (source, name) {
        (_, Some(name)) => file.set("filename", name),
        // The format wants a name with bytes.
        (Media::Base64 { media_type, .. }, None) if !same_format => {
            let kind = media_type.rsplit('/').next().unwrap_or_default();
            file.set("filename", &format!("document.{kind}"));
        }
        (_, None) => {}
    }
    media(source, file.member(if matches!(source, Media::File { .. }) { "file_id" } else { "file_data" }));
    file.close();
}

/// Writes an address, an upload's id, or bytes as a `data:` address.
pub(in crate::format) fn media(source: &Media<'_>, out: &mut Vec<u8>) {
    match source {
        Media::Url(text) | Media::File { id: text } => json::write(out, text),
        Media::Base64 { media_type, data } => {
            out.push(b'"');
            for text in ["data:", media_type, ";base64,", data] {
                json::write_inside(out, text);
            }
            out.push(b'"');
        }
    }
}

fn call(part: &Part<'_>, signature: Option<&str>, target: &Target<'_>, out: &mut Vec<u8>) {
    let Part::ToolCall { id, name, arguments, extra, cache } = part else {
        if let Part::Other { raw, .. } = part {
            json::write(out, raw);
        }
        return;
    };
    // An empty string is not JSON, which servers that parse the arguments refuse.
    let arguments = if arguments.is_empty() && !target.same_format { "{}" } else { arguments };
    let mut object = ObjectWriter::open(out);
    object.set("id", &*tool_id(id, target.dialect));
    object.set("type", "function");
    let mut function = ObjectWriter::open(object.member("function"));
    function.set("name", name);
    function.set("arguments", arguments);
    function.close();
    for (name, value) in extra.0.iter().filter(|_| target.same_format) {
        object.set(name, value);
    }
    google::write(signature, Some(extra).filter(|_| target.same_format), &mut object);
    object.set_some("cache_control", cache.as_ref().filter(|_| target.same_format));
    object.close();
}
