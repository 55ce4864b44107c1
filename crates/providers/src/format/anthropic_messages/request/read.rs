//! Requests as callers write them.

use std::{collections::BTreeSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use sluice_types::{
    chat::{Request, Role, Turn},
    error::{ErrorKind, Failure},
    json::{Members, Raw, Str},
};

use super::{super::fields::Fields, content::Content, options};
use crate::format::json::Path;

/// Reads a request for an answer.
///
/// # Errors
///
/// [`ErrorKind::InvalidRequest`] with the place of what is wrong: not JSON, a member of the wrong type, or one that
/// this format requires (`model`, `messages`, `max_tokens`) missing. What is unknown is never an error.
pub fn read_request(body: &[u8]) -> Result<Request<'_>, Failure> {
    let request = read_count_request(body)?;
    match request.max_output_tokens {
        Some(_) => Ok(request),
        None => Err(Failure::invalid("max_tokens", "is required")),
    }
}

/// Reads a request to count tokens: the same, and `max_tokens` may be missing.
///
/// # Errors
///
/// As [`read_request`].
pub fn read_count_request(body: &[u8]) -> Result<Request<'_>, Failure> {
    let body: Body<'_> = serde_json::from_slice(body).map_err(|error| diagnose(body, &error))?;
    let mut request = Request { include_usage: true, ..Request::default() };
    if let Some(system) = body.system {
        let parts = system.parts(&Path::Root.member("system"))?;
        request.turns.push(Turn { role: Role::System, name: None, parts, extra: Members::default() });
    }
    let messages = body.messages.ok_or_else(|| Failure::invalid("messages", "is required"))?;
    if messages.is_empty() {
        return Err(Failure::invalid("messages", "must hold at least one message"));
    }
    request.turns.reserve(messages.len());
    for (i, message) in messages.into_iter().enumerate() {
        let missing = |name: &str| Failure::invalid(format!("messages[{i}].{name}"), "is required");
        let role = match message.role.as_deref() {
            Some("user") => Role::User,
            Some("assistant") => Role::Assistant,
            // Not every model takes instructions here, but that is for the model's provider to say.
            Some("system") => Role::System,
            Some(_) => {
                return Err(Failure::invalid(format!("messages[{i}].role"), "must be `user` or `assistant`"));
            }
            None => return Err(missing("role")),
        };
        let content = message.content.ok_or_else(|| missing("content"))?;
        let parts = content.parts(&Path::Root.member("messages").item(i).member("content"))?;
        request.turns.push(Turn { role, name: None, parts, extra: message.rest.rest() });
    }
    // A member given twice is refused: the provider might not take the one that was checked.
    let mut seen = BTreeSet::new();
    for (name, value) in body.rest.0 {
        if !seen.insert(name.clone()) {
            return Err(Failure::invalid(&*name, "is given twice"));
        }
        options::read(&mut request, name, value)?;
    }
    if request.model.is_empty() {
        return Err(Failure::invalid("model", "is required"));
    }
    Ok(request)
}

/// The body, its largest members read in the same pass, the rest as they were written.
#[derive(Default)]
struct Body<'a> {
    messages: Option<Vec<Message<'a>>>,
    system: Option<Content<'a>>,
    rest: Fields<'a>,
}

#[derive(Default)]
struct Message<'a> {
    role: Option<Str<'a>>,
    content: Option<Content<'a>>,
    rest: Fields<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Body<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Body<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut body = Body::default();
                while let Some(name) = map.next_key::<Str<'de>>()? {
                    match &*name {
                        "messages" if body.messages.is_none() => body.messages = map.next_value()?,
                        "system" if body.system.is_none() => body.system = map.next_value()?,
                        _ => body.rest.0.push((name, map.next_value()?)),
                    }
                }
                Ok(body)
            }
        }

        deserializer.deserialize_map(Object)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Message<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Message<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut message = Message::default();
                while let Some(name) = map.next_key::<Str<'de>>()? {
                    match &*name {
                        "role" => message.role = map.next_value()?,
                        "content" => message.content = map.next_value()?,
                        _ => message.rest.0.push((name, map.next_value()?)),
                    }
                }
                Ok(message)
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// Says what is wrong with a body that could not be read.
fn diagnose(body: &[u8], error: &serde_json::Error) -> Failure {
    let members = match serde_json::from_slice::<Members<'_>>(body) {
        Ok(members) => members,
        // The parser's message tells a place and a kind of token, nothing of the text.
        Err(error) if error.is_data() => {
            return Failure::new(ErrorKind::InvalidRequest, "the body must be a JSON object");
        }
        Err(error) => {
            return Failure::new(ErrorKind::InvalidRequest, format!("the body is not valid JSON: {error}"));
        }
    };
    if let Some(system) = members.value("system")
        && system.read::<Option<Content<'_>>>().is_err()
    {
        return Failure::invalid("system", "must be a string or a list of text blocks");
    }
    if let Some(messages) = members.value("messages") {
        return diagnose_messages(messages);
    }
    Failure::new(ErrorKind::InvalidRequest, format!("the body cannot be read: {error}"))
}

fn diagnose_messages(messages: &Raw<'_>) -> Failure {
    let Ok(messages) = messages.read::<Vec<Raw<'_>>>() else {
        return Failure::invalid("messages", "must be a list");
    };
    for (i, message) in messages.iter().enumerate() {
        let Ok(members) = message.read::<Members<'_>>() else {
            return Failure::invalid(format!("messages[{i}]"), "must be an object");
        };
        if members.value("role").is_some_and(|role| role.read::<Option<Str<'_>>>().is_err()) {
            return Failure::invalid(format!("messages[{i}].role"), "must be a string");
        }
        if members.value("content").is_some_and(|content| content.read::<Option<Content<'_>>>().is_err()) {
            let expected = "must be a string or a list of content blocks";
            return Failure::invalid(format!("messages[{i}].content"), expected);
        }
    }
    Failure::invalid("messages", "cannot be read")
}
