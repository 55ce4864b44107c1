//! Parts, written: for a provider, or for a caller in an answer.
//!
//! Google's seals wait for the part that they belong to: the next one that is no thought. Where none follows, an empty
//! text carries them, as Google's own streams end.

use std::collections::BTreeMap;

use sluice_types::{
    chat::{Media, Part},
    error::Failure,
    json::{Raw, Str},
    seal::Maker,
};

use super::{
    super::{ids, seal},
    media::guess,
};
use crate::format::json::{ObjectWriter, write};

/// Who reads what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Audience {
    /// A provider, who is sent thoughts only by their seals.
    Provider,
    /// A provider, of a conversation that came in this format.
    SameProvider,
    /// A caller, who is told all.
    Caller {
        /// Whether the answer came in this format.
        same_format: bool,
    },
}

impl Audience {
    fn same_format(self) -> bool {
        matches!(self, Self::SameProvider | Self::Caller { same_format: true })
    }

    fn is_caller(self) -> bool {
        matches!(self, Self::Caller { .. })
    }
}

/// Writes the list of parts.
pub(in super::super) struct PartsWriter<'o, 'p> {
    out: &'o mut Vec<u8>,
    audience: Audience,
    /// How many parts have been written.
    pub(in super::super) count: usize,
    /// The signature for the part that follows.
    pending: Option<&'p str>,
    /// Whether a call's arguments are broken off, which only callers are told.
    pub(in super::super) cut: bool,
}

impl<'o, 'p> PartsWriter<'o, 'p> {
    /// Opens the list at the end of `out`.
    pub(in super::super) fn open(out: &'o mut Vec<u8>, audience: Audience) -> Self {
        out.push(b'[');
        Self { out, audience, count: 0, pending: None, cut: false }
    }

    /// Closes the list, and says whether anything is in it.
    pub(in super::super) fn close(mut self) -> bool {
        self.flush();
        self.out.push(b']');
        0 < self.count
    }

    /// Puts a signature where the next part that is no thought will take it.
    pub(in super::super) fn seal(&mut self, bare: &'p str) {
        self.flush();
        self.pending = Some(bare);
    }

    /// Writes a signature that no part has come for.
    fn flush(&mut self) {
        if self.pending.is_some() {
            self.text("");
        }
    }

    /// Begins a part.
    fn next(&mut self) {
        if 0 < self.count {
            self.out.push(b',');
        }
        self.count += 1;
    }

    fn item(&mut self) -> ObjectWriter<'_> {
        self.next();
        ObjectWriter::open(self.out)
    }

    /// Writes a part that takes the signature that waits.
    fn sealed(&mut self, write: impl FnOnce(&mut ObjectWriter<'_>)) {
        let pending = self.pending.take();
        let mut object = self.item();
        write(&mut object);
        if let Some(signature) = pending {
            object.set("thoughtSignature", signature);
        }
        object.close();
    }

    /// Writes a text.
    pub(in super::super) fn text(&mut self, text: &str) {
        self.sealed(|object| object.set("text", text));
    }

    /// Writes a thought, with its signature if that sits on the thought itself.
    pub(in super::super) fn thought(&mut self, text: &str, signature: Option<&str>) {
        let mut object = self.item();
        object.set("text", text);
        object.raw("thought", "true");
        object.set_some("thoughtSignature", signature.as_ref());
        object.close();
    }

    /// Writes a call; `arguments` are a JSON object.
    pub(in super::super) fn call(&mut self, id: &str, name: &str, arguments: &str) {
        self.call_with(id, name, arguments, &[]);
    }

    fn call_with(&mut self, id: &str, name: &str, arguments: &str, extra: &[(Str<'_>, Raw<'_>)]) {
        let made_up = ids::is_made_up(id) && self.audience != Audience::Caller { same_format: false };
        self.sealed(|object| {
            let mut call = ObjectWriter::open(object.member("functionCall"));
            if !id.is_empty() && !made_up {
                call.set("id", id);
            }
            call.set("name", name);
            call.raw("args", arguments);
            for (name, raw) in extra {
                call.raw(name, raw.text());
            }
            call.close();
        });
    }

    /// Writes what has a place in an answer or in a request, but results; the rest is left out unsaid: whoever arranges
    /// a request has named it.
    ///
    /// # Errors
    ///
    /// `InvalidRequest` if a provider would be sent a call whose arguments are no JSON object.
    pub(in super::super) fn part(&mut self, part: &'p Part<'_>) -> Result<(), Failure> {
        let same_format = self.audience.same_format();
        match part {
            Part::Text { text, .. } | Part::Refusal { text } => {
                if !text.is_empty() || same_format && self.pending.is_none() {
                    self.text(text);
                }
            }
            Part::Reasoning { text, signature } => self.reasoning(text, signature.as_deref()),
            Part::RedactedReasoning { data } if self.audience.is_caller() => {
                self.thought("", Some(&seal::told_redacted(data)));
            }
            Part::ToolCall { id, name, arguments: json, extra, .. } => {
                let json = match arguments(json) {
                    Some(json) => json,
                    None if self.audience.is_caller() => {
                        self.cut = true;
                        "{}"
                    }
                    None => {
                        let predicate =
                            format!("has a tool call `{id}` whose arguments are not a JSON object");
                        return Err(Failure::invalid("messages", predicate));
                    }
                };
                let extra = if same_format { extra.0.as_slice() } else { &[] };
                self.call_with(id, name, json, extra);
            }
            Part::Image { source, .. } => self.media(source, "image/jpeg", None),
            Part::Document { source, name, .. } => {
                self.media(source, "application/pdf", name.as_deref().filter(|_| same_format));
            }
            Part::Audio { data, format } => {
                let media_type = format!("audio/{format}");
                self.sealed(|object| inline(object, &media_type, data, None));
            }
            Part::Other { raw, .. } if same_format => {
                self.flush();
                self.next();
                self.out.extend_from_slice(raw.text().as_bytes());
            }
            Part::RedactedReasoning { .. } | Part::ToolResult { .. } | Part::Other { .. } => {}
        }
        Ok(())
    }

    fn reasoning(&mut self, text: &str, signature: Option<&'p str>) {
        let own = signature.and_then(|seal| Maker::Google.bare(seal));
        match (self.audience, own) {
            // Where the conversation is in this format, a thought with text carries what was on it.
            (Audience::SameProvider | Audience::Caller { same_format: true }, Some(own))
                if !text.is_empty() =>
            {
                self.flush();
                self.thought(text, Some(own));
            }
            (audience, Some(own)) => {
                if audience.is_caller() && !text.is_empty() {
                    self.thought(text, None);
                }
                self.seal(own);
            }
            (Audience::Provider, None) => {}
            // Seals of other makers never reach Google, nor do the thoughts that they close.
            (Audience::SameProvider, None) if signature.is_some() => {}
            (_, None) => {
                if !text.is_empty() || signature.is_some() {
                    self.flush();
                    self.thought(text, signature.map(seal::told).as_deref());
                }
            }
        }
    }

    fn media(&mut self, source: &Media<'_>, usual: &str, name: Option<&str>) {
        self.sealed(|object| match source {
            Media::Base64 { media_type, data } => inline(object, media_type, data, name),
            Media::Url(uri) | Media::File { id: uri } => {
                let mut file = ObjectWriter::open(object.member("fileData"));
                file.set("mimeType", guess(uri).unwrap_or(usual));
                file.set("fileUri", uri);
                file.set_some("displayName", name.as_ref());
                file.close();
            }
        });
    }

    /// Writes a function's response; its name is that of the call, in `names` by the call's id. `rich` says that the
    /// model takes pictures inside a response.
    ///
    /// # Errors
    ///
    /// As [`part`](Self::part).
    pub(in super::super) fn result(
        &mut self,
        part: &'p Part<'_>,
        names: &BTreeMap<&str, &str>,
        rich: bool,
    ) -> Result<(), Failure> {
        let Part::ToolResult { call_id, parts, is_error, .. } = part else { return Ok(()) };
        let audience = self.audience;
        self.flush();
        let mut object = self.item();
        let mut response = ObjectWriter::open(object.member("functionResponse"));
        if !call_id.is_empty() && !ids::is_made_up(call_id) {
            response.set("id", call_id);
        }
        // A result of a call that nobody made has no name to go by.
        response.set("name", names.get(&**call_id).copied().unwrap_or(call_id));
        write_response(response.member("response"), parts, *is_error);
        if rich && parts.iter().any(is_media) {
            let mut inner = PartsWriter::open(response.member("parts"), audience);
            for part in parts.iter().filter(|part| is_media(part)) {
                inner.part(part)?;
            }
            inner.close();
        }
        response.close();
        object.close();
        Ok(())
    }
}

/// Whether a part is a picture, a document or sound.
pub(in super::super) fn is_media(part: &Part<'_>) -> bool {
    matches!(part, Part::Image { .. } | Part::Document { .. } | Part::Audio { .. })
}

fn inline(object: &mut ObjectWriter<'_>, media_type: &str, data: &str, name: Option<&str>) {
    let mut inline = ObjectWriter::open(object.member("inlineData"));
    inline.set("mimeType", if media_type == "image/jpg" { "image/jpeg" } else { media_type });
    inline.set("data", data);
    inline.set_some("displayName", name.as_ref());
    inline.close();
}

/// Writes the object that a response must be.
fn write_response(out: &mut Vec<u8>, parts: &[Part<'_>], is_error: bool) {
    let mut texts = parts.iter().filter_map(|part| match part {
        Part::Text { text, .. } | Part::Refusal { text } => Some(&**text),
        _ => None,
    });
    let first = texts.next().unwrap_or_default();
    let joined = texts.fold(None, |joined: Option<String>, text| {
        let mut joined = joined.unwrap_or_else(|| first.to_owned());
        joined.push('\n');
        joined.push_str(text);
        Some(joined)
    });
    let text = joined.as_deref().unwrap_or(first);
    let json = Some(text.trim()).filter(|text| text.starts_with('{') && Raw::parse(text).is_some());
    match (json, is_error) {
        (Some(json), false) => out.extend_from_slice(json.as_bytes()),
        (Some(json), true) => {
            out.extend_from_slice(b"{\"error\":");
            out.extend_from_slice(json.as_bytes());
            out.push(b'}');
        }
        (None, _) => {
            out.extend_from_slice(if is_error { b"{\"error\":" } else { b"{\"result\":" });
            write(out, text);
            out.push(b'}');
        }
    }
}

/// A call's arguments as the object they must be, as they were written; `None` if they are broken off.
pub(in super::super) fn arguments(json: &str) -> Option<&str> {
    match json.trim() {
        "" | "null" => Some("{}"),
        text if text.starts_with('{') && Raw::parse(text).is_some() => Some(text),
        _ => None,
    }
}
