//! Parts, read: those of a caller's contents and those of a provider's candidates.
//!
//! A signature on a part that is no thought becomes an empty thought right before that part. Thoughts that come piece by
//! piece, as clients keep streams, become one.

use serde_json::value::RawValue;
use sluice_types::{
    chat::{Media, Part},
    error::Failure,
    json::{Members, Raw, Str},
};

use super::{
    names,
    seal::{self, Heard},
};
use crate::format::json::{Object, Value};

mod media;
mod write;

pub(super) use self::write::{Audience, PartsWriter, arguments, is_media};

/// A call or a response that wants an id.
pub(super) struct Named<'a> {
    /// The function's name.
    pub(super) name: Str<'a>,
    /// The id it came with.
    pub(super) id: Option<Str<'a>>,
    /// Whether it is a response.
    pub(super) response: bool,
}

/// Reads a part, which becomes one or two of ours. `id` gives calls and responses their ids.
///
/// # Errors
///
/// `InvalidRequest` with the place of what is wrong.
pub(super) fn read<'a>(
    value: &Value<'a, '_>,
    id: &mut dyn FnMut(Named<'a>) -> Str<'a>,
    out: &mut Vec<Part<'a>>,
) -> Result<(), Failure> {
    let part = value.object()?;
    let signature = names::string(&part, "thoughtSignature")?.filter(|signature| !signature.is_empty());
    if names::boolean(&part, "thought")? == Some(true)
        && let Some(text) = names::get(&part, "text")?.map(|text| text.string()).transpose()?
    {
        read_thought(text, signature, out);
        return Ok(());
    }
    let read = if let Some(text) = names::string(&part, "text")? {
        // An empty text is there for its signature alone.
        if text.is_empty() && signature.is_some() { None } else { Some(Part::text(text)) }
    } else if let Some(call) = names::get(&part, "functionCall")? {
        Some(read_call(&call.object()?, id)?)
    } else if let Some(response) = names::get(&part, "functionResponse")? {
        Some(read_response(&response.object()?, id)?)
    } else {
        let read = match (names::get(&part, "inlineData")?, names::get(&part, "fileData")?) {
            (Some(data), _) => media::read_inline(&data.object()?)?,
            (None, Some(data)) => media::read_file(&data.object()?)?,
            (None, None) => None,
        };
        let Some(read) = read else {
            // Its signature is within.
            out.push(other(value.raw, &part)?);
            return Ok(());
        };
        Some(read)
    };
    match signature.map(seal::heard) {
        Some(Heard::Seal(seal)) => out.push(Part::Reasoning { text: Str::default(), signature: Some(seal) }),
        Some(Heard::Redacted(data)) => out.push(Part::RedactedReasoning { data }),
        None => {}
    }
    out.extend(read);
    Ok(())
}

/// Adds a thought, or goes on with the one before that no signature has closed.
fn read_thought<'a>(text: Str<'a>, signature: Option<Str<'a>>, out: &mut Vec<Part<'a>>) {
    let seal = match signature.map(seal::heard) {
        Some(Heard::Redacted(data)) => return out.push(Part::RedactedReasoning { data }),
        Some(Heard::Seal(seal)) => Some(seal),
        None => None,
    };
    match out.last_mut() {
        Some(Part::Reasoning { text: before, signature: open @ None }) => {
            if !text.is_empty() {
                *before = format!("{before}{text}").into();
            }
            *open = seal;
        }
        _ => out.push(Part::Reasoning { text, signature: seal }),
    }
}

fn read_call<'a>(
    call: &Object<'a, '_>,
    id: &mut dyn FnMut(Named<'a>) -> Str<'a>,
) -> Result<Part<'a>, Failure> {
    let name = names::require(call, "name")?.string()?;
    let arguments = match names::get(call, "args")? {
        Some(arguments) if arguments.is_object() => arguments.raw.get(),
        Some(arguments) => return Err(arguments.path.invalid("must be an object")),
        None => "{}",
    };
    let id = id(Named { name: name.clone(), id: names::string(call, "id")?, response: false });
    let extra = names::rest(call, &["id", "name", "args"]);
    Ok(Part::ToolCall { id, name, arguments: arguments.into(), extra, cache: None })
}

/// Reads a function's response. `{"result": "text"}` is the text, `{"error": …}` an error; any other object is told as
/// JSON.
fn read_response<'a>(
    response: &Object<'a, '_>,
    id: &mut dyn FnMut(Named<'a>) -> Str<'a>,
) -> Result<Part<'a>, Failure> {
    let name = names::require(response, "name")?.string()?;
    let call_id = id(Named { name, id: names::string(response, "id")?, response: true });
    let mut parts = Vec::new();
    let mut is_error = false;
    if let Some(value) = names::get(response, "response")? {
        let object = value.object()?;
        let text = match object.fields() {
            [(name, raw)] if *name == "error" && raw.get() != "null" => {
                is_error = true;
                text_or_json(raw)
            }
            [(name, raw)] if *name == "result" && raw.get().starts_with('"') => text_or_json(raw),
            _ => value.raw.get().into(),
        };
        parts.push(Part::text(text));
    }
    if let Some(list) = names::get(response, "parts")? {
        for (i, raw) in names::items(&list)?.into_iter().enumerate() {
            read(
                &Value { raw, path: list.path.item(i) },
                &mut |named| named.id.unwrap_or_default(),
                &mut parts,
            )?;
        }
        // A response holds data, no calls.
        parts.retain(|part| matches!(part, Part::Text { .. } | Part::Other { .. }) || is_media(part));
    }
    Ok(Part::ToolResult { call_id, parts, is_error, cache: None })
}

fn text_or_json<'a>(raw: &'a RawValue) -> Str<'a> {
    serde_json::from_str(raw.get()).unwrap_or_else(|_| Str::from(raw.get()))
}

/// A part that means nothing here, called by the member that holds its data.
fn other<'a>(raw: &'a RawValue, part: &Object<'a, '_>) -> Result<Part<'a>, Failure> {
    const BESIDE: &[&str] =
        &["thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata"];
    let Members(members) = names::rest(part, BESIDE);
    match members.into_iter().next() {
        Some((kind, _)) => Ok(Part::Other { kind, raw: Raw::from(raw) }),
        None => Err(part.path.invalid("must hold data, such as `text`")),
    }
}

/// Whether a place is one that this format's own files are at, which only Google can read.
fn is_googles(uri: &str) -> bool {
    !(uri.starts_with("https://") || uri.starts_with("http://"))
        || uri.starts_with("https://generativelanguage.googleapis.com/")
}

/// Where a file is.
fn place(uri: Str<'_>) -> Media<'_> {
    if is_googles(&uri) { Media::File { id: uri } } else { Media::Url(uri) }
}
