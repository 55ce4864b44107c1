//! Which texts of a request and an answer hooks are asked about, and putting others in their place.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;
use sluice_types::{
    answer::Answer,
    chat::{Media, Part, Request},
    json::{Members, Str},
};

use crate::{config::document::Stage, guardrail::request::begin_of_new};

/// Whose text it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A user's.
    User,
    /// A tool's result.
    Tool,
    /// A document.
    Document,
    /// The model's answer.
    Assistant,
    /// The model's thoughts.
    Reasoning,
    /// Arguments of a tool the model calls, as JSON.
    Arguments,
}

/// One text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Text {
    /// Whose it is.
    pub role: Role,
    /// What it says.
    pub text: String,
}

/// The texts of `stage` that are new in `request`: those since the model spoke last.
pub fn of_request(request: &Request<'_>, stage: Stage) -> Vec<Text> {
    let mut found = Vec::new();
    let mut changed = request.clone();
    each_of_request(&mut changed, stage, &mut |role, text| found.push(Text { role, text: text.to_string() }));
    found
}

/// Puts other texts in the places of those that [`of_request`] gives; whether any is another.
pub fn replace_in_request(request: &mut Request<'_>, stage: Stage, texts: Vec<String>) -> bool {
    let mut any = false;
    let mut texts = texts.into_iter();
    each_of_request(request, stage, &mut |_, text| any |= put(text, texts.next()));
    any
}

/// The texts of an answer.
pub fn of_answer(answer: &Answer<'_>) -> Vec<Text> {
    let parts = answer.choices.iter().flat_map(|choice| &choice.parts);
    let text = |part: &Part<'_>| {
        let (role, text) = match part {
            Part::Text { text, .. } | Part::Refusal { text } => (Role::Assistant, text),
            Part::Reasoning { text, .. } => (Role::Reasoning, text),
            Part::ToolCall { arguments, .. } => (Role::Arguments, arguments),
            _ => return None,
        };
        Some(Text { role, text: text.to_string() })
    };
    parts.filter_map(text).collect()
}

/// Puts other texts in the places of those that [`of_answer`] gives. `None` where arguments would be no JSON any more.
pub fn replace_in_answer(answer: &mut Answer<'_>, texts: Vec<String>) -> Option<()> {
    let mut texts = texts.into_iter();
    for choice in &mut answer.choices {
        let mut changed = false;
        for part in &mut choice.parts {
            changed |= match part {
                Part::Text { text, .. } | Part::Refusal { text } => put(text, texts.next()),
                Part::Reasoning { text, signature, .. } => {
                    let changed = put(text, texts.next());
                    // The seal is over what was thought.
                    if changed {
                        *signature = None;
                    }
                    changed
                }
                Part::ToolCall { arguments, .. } => {
                    let changed = put(arguments, texts.next());
                    if changed && serde_json::from_str::<serde_json::Value>(arguments).is_err() {
                        return None;
                    }
                    changed
                }
                _ => false,
            };
        }
        // Log probabilities and the like say it again, piece by piece.
        if changed {
            choice.extra = Members::default();
            answer.extra = Members::default();
        }
    }
    Some(())
}

fn put(text: &mut Str<'_>, other: Option<String>) -> bool {
    match other.filter(|other| *other != **text) {
        Some(other) => {
            *text = Str::from(other);
            true
        }
        None => false,
    }
}

fn each_of_request(request: &mut Request<'_>, stage: Stage, see: &mut dyn FnMut(Role, &mut Str<'_>)) {
    let new = begin_of_new(request);
    for turn in request.turns.iter_mut().skip(new) {
        if crate::guardrail::request::is_trusted(turn.role) {
            continue;
        }
        for part in &mut turn.parts {
            match (part, stage) {
                (Part::Text { text, .. }, Stage::Input) => see(Role::User, text),
                (Part::ToolResult { parts, .. }, Stage::ToolResult) => {
                    for part in parts {
                        if let Part::Text { text, .. } = part {
                            see(Role::Tool, text);
                        }
                    }
                }
                (Part::Document { source: Media::Base64 { media_type, data }, .. }, Stage::Retrieved)
                    if media_type.starts_with("text/") =>
                {
                    let bytes = STANDARD.decode(data.as_bytes()).ok();
                    let Some(said) = bytes.and_then(|bytes| String::from_utf8(bytes).ok()) else { continue };
                    let mut text = Str::from(said.clone());
                    see(Role::Document, &mut text);
                    if *text != *said {
                        *data = Str::from(STANDARD.encode(text.as_bytes()));
                    }
                }
                _ => {}
            }
        }
    }
}
