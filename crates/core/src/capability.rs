//! What a request needs of a model, and whether the list says that it has it.

use sluice_providers::prices::Entry;
use sluice_types::{
    chat::{Part, Request},
    error::{ErrorKind, Failure},
};

/// By how much an estimate of tokens must exceed a context window to be believed: it goes by length alone.
const SURELY: f64 = 1.6;

/// What of `request`, whose prompt has `tokens` by our estimate, the model `id` cannot take, if the list says so of its
/// `entry`. What the list does not tell is left to the provider to refuse.
pub fn lack(
    id: &str,
    entry: Option<&Entry>,
    request: &Request<'_>,
    tokens: impl FnOnce() -> u64,
) -> Option<Failure> {
    let entry = entry?;
    let unsupported = |param: &str, what: &str| {
        let message = format!("`{id}` does not {what}");
        Failure { param: Some(param.to_owned()), ..Failure::new(ErrorKind::Unsupported, message) }
    };
    if entry.tools() == Some(false) && !request.tools.is_empty() {
        return Some(unsupported("tools", "call tools"));
    }
    let mut parts: Vec<&Part<'_>> = request.turns.iter().flat_map(|turn| &turn.parts).collect();
    while let Some(part) = parts.pop() {
        let lacking = match part {
            Part::Image { .. } if entry.images() == Some(false) => "read images",
            Part::ToolResult { parts: inner, .. } => {
                parts.extend(inner);
                continue;
            }
            _ => continue,
        };
        return Some(unsupported("messages", lacking));
    }
    let window = f64::from(entry.context_tokens()?);
    let estimate = tokens();
    (window * SURELY < estimate as f64).then(|| {
        let message = format!("about {estimate} tokens do not fit into the {window} of `{id}`");
        Failure::new(ErrorKind::ContextLengthExceeded, message)
    })
}

/// Whether all objects of a JSON schema say that they have no other members than those named.
pub fn is_closed(schema: &str) -> bool {
    fn closed(schema: &serde_json::Value) -> bool {
        match schema {
            serde_json::Value::Object(members) => {
                let object = members.get("type").is_some_and(|kind| kind == "object")
                    || members.get("properties").is_some_and(serde_json::Value::is_object);
                let shut = members.get("additionalProperties") == Some(&serde_json::Value::Bool(false));
                (!object || shut) && members.values().all(closed)
            }
            serde_json::Value::Array(items) => items.iter().all(closed),
            _ => true,
        }
    }
    serde_json::from_str(schema).is_ok_and(|schema| closed(&schema))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_closed_all_the_way_down() {
        let inner = r#"{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}"#;
        assert!(is_closed(inner) && is_closed(r#"{"type":"array","items":{"type":"string"}}"#));
        assert!(is_closed(&format!(
            r#"{{"type":"object","properties":{{"x":{inner}}},"additionalProperties":false}}"#
        )));
        assert!(!is_closed(&format!(r#"{{"type":"object","properties":{{"x":{inner}}}}}"#)));
        assert!(!is_closed(&inner.replace("false", "{}")) && !is_closed("{"));
    }
}
