//! Requests as callers write them.

use std::{collections::BTreeSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use sluice_types::{
    chat::{Request, Role, Turn},
    error::{ErrorKind, Failure},
    json::{Members, Raw, Str, from_bytes},
};

use super::{super::fields::Fields, content::Content, options};
use crate::format::json::{self, Path};

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
    // Some clients begin with a byte order mark.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let body: Body<'_> = from_bytes(body).map_err(|error| diagnose(body, &error))?;
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
    let members = match json::body(body) {
        Ok(object) => object.rest(|_| false),
        Err(failure) => return failure,
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

#[cfg(test)]
mod tests {
    use sluice_types::chat::{Effort, Media, OutputFormat, Part, Reasoning, ToolChoice};

    use super::*;

    fn body(rest: &str) -> String {
        format!(r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":"hi"}}]{rest}}}"#)
    }

    fn param(json: &str) -> (String, String) {
        let failure = read_request(json.as_bytes()).unwrap_err();
        assert_eq!(failure.kind, ErrorKind::InvalidRequest);
        (failure.param.unwrap_or_default(), failure.message)
    }

    #[test]
    fn what_is_wrong_is_named_by_its_place() {
        for (json, place) in [
            (r#"{"model":"m","max_tokens":9}"#, "messages"),
            (r#"{"model":"m","max_tokens":9,"messages":{}}"#, "messages"),
            (r#"{"model":"m","max_tokens":9,"messages":[]}"#, "messages"),
            (r#"{"max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#, "model"),
            (r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#, "max_tokens"),
            (r#"{"model":"m","max_tokens":-1,"messages":[{"role":"user","content":"hi"}]}"#, "max_tokens"),
            (
                r#"{"model":"m","max_tokens":9,"messages":[{"role":"tool","content":"hi"}]}"#,
                "messages[0].role",
            ),
            (r#"{"model":"m","max_tokens":9,"messages":[{"role":5,"content":"hi"}]}"#, "messages[0].role"),
            (r#"{"model":"m","max_tokens":9,"messages":[{"role":"user"}]}"#, "messages[0].content"),
            (
                r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":7}]}"#,
                "messages[0].content",
            ),
            (r#"{"model":"m","max_tokens":9,"messages":["hi"]}"#, "messages[0]"),
        ] {
            assert_eq!(param(json).0, place, "{json}");
        }
        for (rest, place) in [
            (r#","temperature":"hot""#, "temperature"),
            (r#","system":5"#, "system"),
            (r#","system":[{"type":"text"}]"#, "system[0].text"),
            (r#","stop_sequences":"END""#, "stop_sequences"),
            (r#","thinking":{"type":"enabled"}"#, "thinking.budget_tokens"),
            (r#","tool_choice":{"type":"tool"}"#, "tool_choice.name"),
            (r#","tools":[{"name":5}]"#, "tools[0]"),
            (r#","tools":[{"input_schema":{}}]"#, "tools[0].name"),
            (r#","output_config":{"format":{"type":"json_schema"}}"#, "output_config.format.schema"),
            (r#","model":"n""#, "model"),
            (r#","messages":[{"role":"user","content":"ho"}]"#, "messages"),
        ] {
            assert_eq!(param(&body(rest)).0, place, "{rest}");
        }
    }

    #[test]
    fn what_is_wrong_in_a_block_is_named_by_its_place() {
        for (block, place) in [
            ("7", ""),
            (r#"{"text":"a"}"#, ".type"),
            (r#"{"type":"text","text":7}"#, ".text"),
            (r#"{"type":"image"}"#, ".source"),
            (r#"{"type":"image","source":"x"}"#, ".source"),
            (r#"{"type":"image","source":{"type":"base64","data":"AA"}}"#, ".source.media_type"),
            (
                r#"{"type":"image","source":{"type":"base64","media_type":1,"data":"AA"}}"#,
                ".source.media_type",
            ),
            (r#"{"type":"tool_use","name":"f","input":{}}"#, ".id"),
            (r#"{"type":"tool_result","content":[{"type":"text"}],"tool_use_id":"a"}"#, ".content[0].text"),
            (r#"{"type":"thinking","signature":"s"}"#, ".thinking"),
        ] {
            let json = format!(
                r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":[{{"type":"text","text":"a"}},{block}]}}]}}"#
            );
            assert_eq!(param(&json).0, format!("messages[0].content[1]{place}"), "{block}");
        }
    }

    #[test]
    fn a_body_that_is_no_object_is_told_plainly() {
        for (json, told) in
            [("", "empty"), ("[]", "object"), ("{\"model\":", "cut off"), ("\u{feff}", "empty")]
        {
            assert!(param(json).1.contains(told), "{json}");
        }
    }

    #[test]
    fn blocks_and_tools_unknown_here_are_kept_as_they_were_written() {
        let json = r#"{"model":"m","max_tokens":9,"tools":[{"type":"web_search_20250305","name":"web_search" }],
            "messages":[{"role":"user","content":[{"type":"search_result","text":7, "source":"s"}]}],"speed":"fast"}"#;
        let request = read_request(json.as_bytes()).unwrap();
        let Part::Other { kind, raw } = &request.turns[0].parts[0] else { panic!("not kept") };
        assert_eq!(*kind, "search_result");
        assert_eq!(raw.text(), r#"{"type":"search_result","text":7, "source":"s"}"#);
        assert!(
            matches!(&request.tools[0], sluice_types::chat::Tool::Other { raw, .. } if raw.text().ends_with(" }"))
        );
        assert_eq!(request.extra.value("speed").unwrap().text(), "\"fast\"");
    }

    #[test]
    fn effort_and_thinking_meet_in_either_order() {
        let thinking = r#""thinking":{"type":"adaptive","display":"omitted"}"#;
        let effort = r#""output_config":{"effort":"low"}"#;
        for (first, second) in [(thinking, effort), (effort, thinking)] {
            let json = body(&format!(",{first},{second}"));
            let request = read_request(json.as_bytes()).unwrap();
            assert_eq!(request.reasoning, Some(Reasoning::Adaptive(Some(Effort::Low))));
            assert_eq!(request.extra.value("thinking").unwrap().text(), r#"{"display":"omitted"}"#);
            assert_eq!(request.extra.value("output_config"), None);
        }
        let json =
            body(r#","output_config":{"effort":"low"},"thinking":{"type":"enabled","budget_tokens":2000}"#);
        let request = read_request(json.as_bytes()).unwrap();
        assert_eq!(request.reasoning, Some(Reasoning::Budget(2000)));
        assert_eq!(request.extra.value("output_config").unwrap().text(), r#"{"effort":"low"}"#);
    }

    #[test]
    fn options_are_read() {
        let json = body(
            r#","tool_choice":{"type":"any","disable_parallel_tool_use":true},"metadata":{"user_id":"u","k":1},
               "output_config":{"format":{"type":"json_schema","schema":{"a": 1}}},"top_k":4,"stream":true,"top_p":null"#,
        );
        let request = read_request(json.as_bytes()).unwrap();
        assert_eq!(request.tool_choice, Some(ToolChoice::Required));
        assert_eq!(request.parallel_tool_calls, Some(false));
        assert_eq!(request.user.as_deref(), Some("u"));
        assert_eq!(request.extra.value("metadata").unwrap().text(), r#"{"k":1}"#);
        assert!(
            matches!(&request.output, OutputFormat::Schema { schema, .. } if schema.text() == r#"{"a": 1}"#)
        );
        assert!(request.stream && request.include_usage && request.top_p.is_none());
    }

    #[test]
    fn a_document_of_text_is_a_document() {
        let json = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[
            {"type":"document","title":"t","source":{"type":"text","media_type":"text/plain","data":"hi"}}]}]}"#;
        let request = read_request(json.as_bytes()).unwrap();
        let Part::Document { source: Media::Base64 { data, .. }, .. } = &request.turns[0].parts[0] else {
            panic!("no document")
        };
        assert_eq!(*data, "aGk=");
    }
}
