//! What is asked last in a conversation: the one text by which two requests may mean the same.

use sluice_types::chat::{Part, Request, Role};

/// The text of the last turn, where it is the user's and nothing but one text.
pub fn said<'r>(request: &'r Request<'_>) -> Option<&'r str> {
    let last = request.turns.last().filter(|turn| turn.role == Role::User)?;
    match last.parts.as_slice() {
        [Part::Text { text, .. }] => Some(text),
        _ => None,
    }
}

/// Whether the request may be answered by meaning, as far as it goes by what stands before the last turn: no tool may be
/// called, none was. Pictures and files may stand there; they must be equal.
pub fn may_mean(request: &Request<'_>) -> bool {
    let acts = |part: &Part<'_>| match part {
        Part::ToolCall { .. } | Part::ToolResult { .. } | Part::Other { .. } => true,
        Part::Text { .. } | Part::Refusal { .. } | Part::Audio { .. } => false,
        Part::Reasoning { .. } | Part::RedactedReasoning { .. } => false,
        Part::Image { .. } | Part::Document { .. } => false,
    };
    request.tools.is_empty() && !request.turns.iter().flat_map(|turn| &turn.parts).any(acts)
}

#[cfg(test)]
mod tests {
    use sluice_providers::format::Protocol;

    use super::*;

    fn of(messages: &str, more: &str) -> (Option<String>, bool) {
        let body = format!(r#"{{"model":"m","messages":[{messages}]{more}}}"#);
        let request = Protocol::OpenaiChat.read_request(body.as_bytes()).unwrap();
        (said(&request).map(str::to_owned), may_mean(&request))
    }

    #[test]
    fn only_a_users_one_text_means_something() {
        let user = r#"{"role":"user","content":"hi"}"#;
        assert_eq!(of(user, ""), (Some("hi".to_owned()), true));
        assert_eq!(of(&format!(r#"{user},{{"role":"assistant","content":"So"}}"#), ""), (None, true));
        let two = r#"{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}"#;
        assert_eq!(of(two, "").0, None);
        let picture = r#"{"role":"user","content":[{"type":"text","text":"a"},
            {"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]}"#;
        assert_eq!(of(picture, "").0, None);
        assert!(of(&format!("{picture},{user}"), "").1);
    }

    #[test]
    fn what_acts_is_never_answered_by_meaning() {
        let user = r#"{"role":"user","content":"hi"}"#;
        let tools = r#","tools":[{"type":"function","function":{"name":"f"}}]"#;
        assert!(!of(user, tools).1);
        let called = r#"{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},
            {"role":"tool","tool_call_id":"1","content":"4"}"#;
        assert!(!of(&format!("{user},{called},{user}"), "").1);
    }
}
