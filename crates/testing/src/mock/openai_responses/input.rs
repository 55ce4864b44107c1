//! The items of a request's input.

use serde_json::{Map, Value};

use super::{member, seal};
use crate::mock::ask::Ask;
use crate::mock::check::{self, Checked, Refusal, ensure, refuse};
use crate::mock::openai_chat::image;

/// Checks items and takes from them what the model is asked.
pub fn read(items: &[Value], ask: &mut Ask) -> Checked {
    // Calls that have no output yet.
    let mut open: Vec<String> = Vec::new();
    let mut thought: Option<String> = None;
    for (at, item) in items.iter().enumerate() {
        let path = format!("input[{at}]");
        let Some(item) = item.as_object() else {
            return refuse(&path, format!("Invalid type for '{path}': expected an object."));
        };
        let text = |name| item.get(name).and_then(Value::as_str).unwrap_or_default();
        let kind = match (text("type"), item.contains_key("role")) {
            ("", true) => "message",
            (kind, _) => kind,
        };
        let role = text("role");
        let follows =
            matches!(kind, "function_call" | "reasoning") || kind == "message" && role == "assistant";
        check_followed(thought.take().filter(|_| !follows).as_deref())?;
        check_id(item, kind, &path)?;
        match kind {
            "message" => message(item, role, &path, ask)?,
            "reasoning" => {
                ensure(!ask.model.starts_with("gpt-4"), "input", || {
                    "Reasoning input items can only be provided to a reasoning or computer use model.".into()
                })?;
                thought = Some(reasoning(item, &path)?);
            }
            "function_call" => {
                let call = call(item, &path, ask)?;
                ensure(!open.contains(&call), &path, || format!("Duplicate function call id {call}."))?;
                open.push(call);
            }
            "function_call_output" => {
                check::known_members(item, &["type", "id", "status", "call_id", "output"], &path)?;
                let id = text("call_id");
                let Some(found) = open.iter().position(|call| call == id) else {
                    let message = format!("No tool call found for function call output with call_id {id}.");
                    return refuse("input", message);
                };
                open.remove(found);
                let output = item.get("output").unwrap_or(&Value::Null);
                let output = content(output, "user", &format!("{path}.output"), ask)?;
                ask.characters += output.chars().count();
                ask.results.push(output);
            }
            "item_reference" => return Err(not_kept(text("id"))),
            _ => {
                return refuse(
                    &format!("{path}.type"),
                    format!(
                        "Invalid value: '{kind}'. Supported values are: 'message', 'reasoning', 'function_call', and \
                         'function_call_output'."
                    ),
                );
            }
        }
    }
    check_followed(thought.as_deref())?;
    ensure(open.is_empty(), "input", || {
        format!("No tool output found for function call {}.", open.join(", "))
    })
}

fn check_followed(thought: Option<&str>) -> Checked {
    ensure(thought.is_none(), "input", || {
        format!(
            "Item '{}' of type 'reasoning' was provided without its required following item.",
            thought.unwrap_or_default()
        )
    })
}

fn check_id(item: &Map<String, Value>, kind: &str, path: &str) -> Checked {
    let Some(id) = member(item, "id") else { return Ok(()) };
    let prefix = match kind {
        "message" => "msg",
        "reasoning" => "rs",
        "function_call" => "fc",
        _ => return Ok(()),
    };
    let fine = id.as_str().is_some_and(|id| id.starts_with(prefix) && id.len() <= 64);
    ensure(fine, &format!("{path}.id"), || {
        format!(
            "Invalid '{path}.id': {id}. Expected an ID that begins with '{prefix}', of at most 64 characters."
        )
    })
}

fn not_kept(id: &str) -> Refusal {
    Refusal {
        status: 404,
        message: format!(
            "Item with id '{id}' not found. Items are not persisted when `store` is set to false. Try again with `store` \
             set to true, or remove this item from your input."
        ),
        param: Some("input".into()),
        code: None,
    }
}

/// A thought that is given back; says its id.
fn reasoning(item: &Map<String, Value>, path: &str) -> Checked<String> {
    check::known_members(item, &["type", "id", "status", "summary", "content", "encrypted_content"], path)?;
    let id = item.get("id").and_then(Value::as_str).unwrap_or_default();
    let Some(summary) = item.get("summary").and_then(Value::as_array) else {
        return refuse(&format!("{path}.summary"), format!("Missing required parameter: '{path}.summary'."));
    };
    for piece in summary {
        let fine = piece.get("type").and_then(Value::as_str) == Some("summary_text")
            && piece.get("text").is_some_and(Value::is_string);
        ensure(fine, &format!("{path}.summary"), || format!("Invalid value for '{path}.summary': {piece}."))?;
    }
    let Some(sealed) = member(item, "encrypted_content").and_then(Value::as_str) else {
        return Err(not_kept(id));
    };
    if sealed != seal(id) {
        return Err(Refusal {
            status: 400,
            message: format!("The encrypted content {sealed} could not be verified."),
            param: Some(path.into()),
            code: Some("invalid_encrypted_content"),
        });
    }
    Ok(id.into())
}

/// A call that is given back; says its id.
fn call(item: &Map<String, Value>, path: &str, ask: &mut Ask) -> Checked<String> {
    check::known_members(item, &["type", "id", "status", "call_id", "name", "arguments"], path)?;
    ask.results.clear();
    let text = |name: &str| item.get(name).and_then(Value::as_str);
    let id = text("call_id").unwrap_or_default();
    ensure(!id.is_empty() && id.len() <= 64, &format!("{path}.call_id"), || {
        format!("Missing required parameter: '{path}.call_id'.")
    })?;
    ensure(check::is_tool_name(text("name").unwrap_or_default(), 64), &format!("{path}.name"), || {
        format!("Invalid '{path}.name'.")
    })?;
    let Some(arguments) = text("arguments") else {
        return refuse(path, format!("Invalid type for '{path}.arguments': expected a string."));
    };
    ask.characters += arguments.len();
    Ok(id.into())
}

fn message(item: &Map<String, Value>, role: &str, path: &str, ask: &mut Ask) -> Checked {
    check::known_members(item, &["type", "id", "status", "role", "content", "phase"], path)?;
    let said = content(item.get("content").unwrap_or(&Value::Null), role, &format!("{path}.content"), ask)?;
    ask.characters += said.chars().count();
    ask.messages += 1;
    match role {
        "user" => {
            ask.prompt = said;
            ask.results.clear();
        }
        "assistant" => ask.results.clear(),
        "system" | "developer" => {
            if !ask.system.is_empty() {
                ask.system.push('\n');
            }
            ask.system.push_str(&said);
        }
        _ => return refuse(&format!("{path}.role"), format!("Invalid value for role: '{role}'.")),
    }
    Ok(())
}

/// The text of content; images are counted on the way.
fn content(content: &Value, role: &str, path: &str, ask: &mut Ask) -> Checked<String> {
    let parts = match content {
        Value::String(text) => return Ok(text.clone()),
        Value::Array(parts) => parts,
        other => {
            return refuse(
                path,
                format!("Invalid type for '{path}': expected a string or an array, got {other}."),
            );
        }
    };
    let mut said = String::new();
    for (at, part) in parts.iter().enumerate() {
        let path = format!("{path}[{at}]");
        let empty = Map::new();
        let members = part.as_object().unwrap_or(&empty);
        let text = |name: &str| part.get(name).and_then(Value::as_str);
        match (text("type").unwrap_or_default(), role) {
            ("input_text", "user" | "system" | "developer") | ("output_text", "assistant") => {
                check::known_members(members, &["type", "text", "annotations", "logprobs"], &path)?;
                let Some(text) = text("text") else {
                    return refuse(&path, format!("Missing required parameter: '{path}.text'."));
                };
                said.push_str(text);
            }
            ("refusal", "assistant") => check::known_members(members, &["type", "refusal"], &path)?,
            ("input_image", "user") => {
                check::known_members(members, &["type", "image_url", "file_id", "detail"], &path)?;
                ask.images.push(image(text("image_url").unwrap_or_default(), &path)?);
                ask.characters += 340;
            }
            ("input_file", "user") => {
                check::known_members(
                    members,
                    &["type", "filename", "file_data", "file_url", "file_id"],
                    &path,
                )?;
                let data = text("file_data");
                let fine = data.is_none_or(|data| data.starts_with("data:") && text("filename").is_some());
                ensure(fine, &path, || format!("Invalid file data: '{path}.file_data'."))?;
            }
            (kind, _) => {
                return refuse(
                    &format!("{path}.type"),
                    format!("Invalid value: '{kind}' in an item with role '{role}'."),
                );
            }
        }
    }
    Ok(said)
}
