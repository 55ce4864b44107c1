//! The order this format asks of a conversation.
//!
//! Instructions go to the top level. Turns alternate, so neighbours of one role become one turn. A tool's results stand
//! in the user's turn right after the call, before anything else in it; results that came later are moved there.

use std::collections::BTreeMap;

use sluice_types::{
    chat::{Media, Part, Request, Role},
    error::Failure,
};

use super::dropped::Dropped;

/// A conversation in this format's order, borrowed from the request.
#[derive(Debug, Default)]
pub(super) struct Conversation<'r> {
    /// The instructions: texts only.
    pub(super) system: Vec<&'r Part<'r>>,
    /// The turns; roles alternate and none is empty.
    pub(super) turns: Vec<Turn<'r>>,
}

/// One turn.
#[derive(Debug, Default)]
pub(super) struct Turn<'r> {
    pub(super) assistant: bool,
    /// Tool results, which come first.
    pub(super) results: Vec<&'r Part<'r>>,
    /// The rest.
    pub(super) parts: Vec<&'r Part<'r>>,
}

impl<'r> Conversation<'r> {
    /// Orders what `request` says, leaving out what cannot be said.
    ///
    /// # Errors
    ///
    /// As [`Dropped::add`].
    pub(super) fn arrange(
        request: &'r Request<'r>,
        same_format: bool,
        dropped: &mut Dropped,
    ) -> Result<Self, Failure> {
        let mut conversation = Self::default();
        // Where each call was made; an id that is used again means its latest call.
        let mut calls: BTreeMap<&'r str, usize> = BTreeMap::new();
        for turn in &request.turns {
            dropped.add_if(turn.name.is_some(), "name")?;
            for part in &turn.parts {
                if !keep(part, same_format, dropped)? {
                    continue;
                }
                match (turn.role, part) {
                    (Role::System | Role::Developer, Part::Text { .. }) => conversation.system.push(part),
                    (Role::System | Role::Developer, _) => dropped.add(kind(part))?,
                    (Role::User, Part::ToolResult { call_id, .. }) => {
                        let home = calls.get(&**call_id).map(|call| call + 1);
                        conversation.answer(home, part);
                    }
                    (Role::User, _) => conversation.say(false, part),
                    (Role::Assistant, _) => {
                        conversation.say(true, part);
                        if let Part::ToolCall { id, .. } = part {
                            calls.insert(id, conversation.turns.len() - 1);
                        }
                    }
                }
            }
        }
        // A conversation of instructions alone has nobody to answer to here: they become the user's words.
        if conversation.turns.is_empty() && !conversation.system.is_empty() {
            let parts = std::mem::take(&mut conversation.system);
            conversation.turns.push(Turn { assistant: false, results: Vec::new(), parts });
        }
        Ok(conversation)
    }

    /// Adds a part to the turn at the end; to a new one there if that is of the other role.
    fn say(&mut self, assistant: bool, part: &'r Part<'r>) {
        let at = self.end(assistant);
        if let Some(turn) = self.turns.get_mut(at) {
            turn.parts.push(part);
        }
    }

    /// Adds a tool's result to the user's turn at `home`, right after the call; at the end if it answers no call.
    fn answer(&mut self, home: Option<usize>, part: &'r Part<'r>) {
        let at = home.filter(|home| *home < self.turns.len()).unwrap_or_else(|| self.end(false));
        if let Some(turn) = self.turns.get_mut(at) {
            turn.results.push(part);
        }
    }

    /// Where the last turn is, which is of this role then.
    fn end(&mut self, assistant: bool) -> usize {
        if self.turns.last().is_none_or(|turn| turn.assistant != assistant) {
            self.turns.push(Turn { assistant, ..Turn::default() });
        }
        self.turns.len() - 1
    }

    /// Whether the model is in the middle of using tools, and did not think before it called them.
    pub(super) fn resumes_without_thought(&self) -> bool {
        let mut latest = self.turns.iter().rev();
        let answers = latest.next().is_some_and(|turn| !turn.results.is_empty());
        let thought = latest
            .next()
            .and_then(|turn| turn.parts.first())
            .is_some_and(|part| matches!(part, Part::Reasoning { .. } | Part::RedactedReasoning { .. }));
        answers && !thought
    }
}

/// Whether a part has a place in this format; what is left out unsaid (empty text, thoughts without a seal) means
/// nothing to the provider, the rest is named.
pub(super) fn keep(part: &Part<'_>, same_format: bool, dropped: &mut Dropped) -> Result<bool, Failure> {
    let said = match part {
        // Texts of spaces alone are refused as empty ones are.
        Part::Text { text, .. } | Part::Refusal { text } => return Ok(!text.trim().is_empty()),
        Part::Reasoning { signature, .. } => {
            return Ok(signature.as_ref().is_some_and(|signature| !signature.is_empty()));
        }
        // An upload's id is known to the provider that gave it alone.
        Part::Image { source: Media::File { .. }, .. }
        | Part::Document { source: Media::File { .. }, .. } => same_format,
        Part::Other { .. } => same_format,
        Part::Audio { .. } => false,
        Part::Image { .. }
        | Part::Document { .. }
        | Part::ToolCall { .. }
        | Part::ToolResult { .. }
        | Part::RedactedReasoning { .. } => true,
    };
    dropped.add_if(!said, kind(part))?;
    Ok(said)
}

/// What a part is called when it is left out.
fn kind<'p>(part: &'p Part<'_>) -> &'p str {
    match part {
        Part::Text { .. } => "text",
        Part::Image { .. } => "image_url",
        Part::Document { .. } => "file",
        Part::Audio { .. } => "input_audio",
        Part::ToolCall { .. } => "tool_calls",
        Part::ToolResult { .. } => "tool",
        Part::Reasoning { .. } | Part::RedactedReasoning { .. } => "reasoning",
        Part::Refusal { .. } => "refusal",
        Part::Other { kind, .. } => kind,
    }
}
