//! What a request needs of a model, and whether the list says that it has it.

use sluice_providers::{prices::Entry, tokens};
use sluice_types::{
    chat::{Part, Request},
    error::{ErrorKind, Failure},
};

/// By how much an estimate of tokens must exceed a context window to be believed: it goes by length alone.
const SURELY: f64 = 1.6;

/// What of `request` the model `id` cannot take, if the list says so of its `entry`. What the list does not tell is left to
/// the provider to refuse.
pub fn lack(id: &str, entry: Option<&Entry>, request: &Request<'_>) -> Option<Failure> {
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
    let estimate = tokens::request(request);
    (window * SURELY < estimate as f64).then(|| {
        let message = format!("about {estimate} tokens do not fit into the {window} of `{id}`");
        Failure::new(ErrorKind::ContextLengthExceeded, message)
    })
}
