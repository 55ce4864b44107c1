//! The order this format asks of a conversation.
//!
//! Instructions go to the top level. Neighbours of one role become one content. The responses to a content's calls stand
//! together, first in the user's content right after it; responses that came later are moved there.

use std::collections::BTreeMap;

use sluice_types::{
    chat::{Media, Part, Request, Role},
    error::Failure,
    json::Members,
    seal::Maker,
};

use super::{
    super::parts::is_media,
    dropped::{Dropped, kind},
};

/// A conversation in this format's order, borrowed from the request.
#[derive(Debug, Default)]
pub(super) struct Conversation<'r> {
    /// The instructions.
    pub(super) system: Vec<&'r Part<'r>>,
    /// Members of the instructions' content that are unknown here.
    pub(super) system_extra: Option<&'r Members<'r>>,
    pub(super) contents: Vec<Content<'r>>,
    /// The functions' names, by the ids of their calls.
    pub(super) names: BTreeMap<&'r str, &'r str>,
}

/// One content.
#[derive(Debug)]
pub(super) struct Content<'r> {
    /// Whether the model speaks.
    pub(super) model: bool,
    /// Responses, which come first.
    pub(super) results: Vec<&'r Part<'r>>,
    /// The rest.
    pub(super) parts: Vec<&'r Part<'r>>,
    /// Members of a content in this format that are unknown here.
    pub(super) extra: Option<&'r Members<'r>>,
}

impl<'r> Conversation<'r> {
    /// A conversation that came in this format, as it came.
    pub(super) fn verbatim(request: &'r Request<'r>) -> Self {
        let mut conversation = Self::default();
        for turn in &request.turns {
            match turn.role {
                Role::System | Role::Developer => {
                    conversation.system.extend(&turn.parts);
                    conversation.system_extra = Some(&turn.extra);
                }
                Role::User | Role::Assistant => {
                    turn.parts.iter().for_each(|part| conversation.name(part));
                    conversation.contents.push(Content {
                        model: turn.role == Role::Assistant,
                        results: Vec::new(),
                        parts: turn.parts.iter().collect(),
                        extra: Some(&turn.extra),
                    });
                }
            }
        }
        conversation
    }

    /// Orders what `request` says in another format, leaving out what cannot be said. `rich` says that responses may hold
    /// pictures; elsewhere those follow the responses.
    ///
    /// # Errors
    ///
    /// As [`Dropped::add`].
    pub(super) fn arrange(
        request: &'r Request<'r>,
        rich: bool,
        dropped: &mut Dropped,
    ) -> Result<Self, Failure> {
        let mut conversation = Self::default();
        // Where each call was made; an id that is used again means its latest call.
        let mut calls: BTreeMap<&'r str, usize> = BTreeMap::new();
        for turn in &request.turns {
            let speaks = turn.parts.iter().any(|part| !matches!(part, Part::ToolResult { .. }));
            dropped.add_if(turn.name.is_some() && speaks, "name")?;
            for part in &turn.parts {
                if !keep(part, dropped)? {
                    continue;
                }
                match (turn.role, part) {
                    (Role::System | Role::Developer, Part::Text { .. }) => conversation.system.push(part),
                    (Role::System | Role::Developer, _) => dropped.add(kind(part))?,
                    (_, Part::ToolResult { call_id, parts, .. }) => {
                        let home = calls.get(&**call_id).map(|call| call + 1);
                        let at = conversation.answer(home, part);
                        for part in parts {
                            let kept = matches!(part, Part::Text { .. } | Part::Refusal { .. })
                                || keep(part, dropped)?;
                            if kept && is_media(part) && !rich {
                                conversation.add(at, part);
                            }
                        }
                    }
                    (Role::User, _) => conversation.say(false, part),
                    (Role::Assistant, _) => {
                        conversation.say(true, part);
                        conversation.name(part);
                        if let Part::ToolCall { id, .. } = part {
                            calls.insert(id, conversation.contents.len() - 1);
                        }
                    }
                }
            }
        }
        // A conversation of instructions alone has nobody to answer to here: they become the user's words.
        if conversation.contents.is_empty() && !conversation.system.is_empty() {
            let parts = std::mem::take(&mut conversation.system);
            conversation.contents.push(Content { model: false, results: Vec::new(), parts, extra: None });
        }
        Ok(conversation)
    }

    fn name(&mut self, part: &'r Part<'r>) {
        if let Part::ToolCall { id, name, .. } = part {
            self.names.insert(id, name);
        }
    }

    /// Adds a part to the content at the end; to a new one there if that is of the other role.
    fn say(&mut self, model: bool, part: &'r Part<'r>) {
        let at = self.end(model);
        self.add(at, part);
    }

    fn add(&mut self, at: usize, part: &'r Part<'r>) {
        if let Some(content) = self.contents.get_mut(at) {
            content.parts.push(part);
        }
    }

    /// Adds a response to the user's content at `home`, right after the call; at the end if it answers no call. Says where
    /// it is.
    fn answer(&mut self, home: Option<usize>, part: &'r Part<'r>) -> usize {
        let at = home.filter(|home| *home < self.contents.len()).unwrap_or_else(|| self.end(false));
        if let Some(content) = self.contents.get_mut(at) {
            content.results.push(part);
        }
        at
    }

    /// Where the last content is, which is of this role then.
    fn end(&mut self, model: bool) -> usize {
        if self.contents.last().is_none_or(|content| content.model != model) {
            self.contents.push(Content { model, results: Vec::new(), parts: Vec::new(), extra: None });
        }
        self.contents.len() - 1
    }
}

/// Whether a part has a place in this format; what is left out unsaid (empty text, thoughts without Google's seal) means
/// nothing to the provider, the rest is named.
fn keep(part: &Part<'_>, dropped: &mut Dropped) -> Result<bool, Failure> {
    let said = match part {
        Part::Text { text, .. } | Part::Refusal { text } => return Ok(!text.is_empty()),
        Part::Reasoning { signature, .. } => {
            let own = signature.as_deref().and_then(|seal| Maker::Google.bare(seal));
            return Ok(own.is_some_and(|own| !own.is_empty()));
        }
        Part::RedactedReasoning { .. } => return Ok(false),
        // An upload's id is known to the provider that gave it alone.
        Part::Image { source: Media::File { .. }, .. }
        | Part::Document { source: Media::File { .. }, .. } => false,
        Part::Other { .. } => false,
        Part::Image { .. }
        | Part::Document { .. }
        | Part::Audio { .. }
        | Part::ToolCall { .. }
        | Part::ToolResult { .. } => true,
    };
    dropped.add_if(!said, kind(part))?;
    Ok(said)
}

#[cfg(test)]
mod tests {
    use sluice_types::chat::Turn;

    use super::*;

    fn turn(role: Role, parts: Vec<Part<'static>>) -> Turn<'static> {
        Turn { role, name: None, parts, extra: Members::default() }
    }

    fn text(text: &'static str) -> Part<'static> {
        Part::text(text)
    }

    fn call(id: &'static str) -> Part<'static> {
        Part::ToolCall {
            id: id.into(),
            name: "f".into(),
            arguments: "{}".into(),
            extra: Members::default(),
            cache: None,
        }
    }

    fn result(id: &'static str, parts: Vec<Part<'static>>) -> Part<'static> {
        Part::ToolResult { call_id: id.into(), parts, is_error: false, cache: None }
    }

    /// The conversation in short: `U(a b) M(c)`, responses in brackets.
    fn arranged(turns: Vec<Turn<'static>>, rich: bool) -> String {
        let request = Request { turns, ..Request::default() };
        let mut dropped = Dropped::new(super::super::PLACE, false);
        let conversation = Conversation::arrange(&request, rich, &mut dropped).unwrap();
        let word = |part: &&Part<'_>| match part {
            Part::Text { text, .. } => text.to_string(),
            Part::ToolCall { id, .. } => format!("call-{id}"),
            Part::ToolResult { call_id, .. } => format!("[{call_id}]"),
            Part::Image { .. } => "picture".to_owned(),
            _ => "?".to_owned(),
        };
        let told = conversation.contents.iter().map(|content| {
            let words: Vec<String> = content.results.iter().chain(&content.parts).map(word).collect();
            format!("{}({})", if content.model { "M" } else { "U" }, words.join(" "))
        });
        let system: Vec<String> = conversation.system.iter().map(word).collect();
        format!("S({}) {}", system.join(" "), told.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn responses_stand_together_after_their_calls() {
        let picture = || Part::Image { source: Media::Url("u".into()), detail: None, cache: None };
        let turns = || {
            vec![
                turn(Role::System, vec![text("s1")]),
                turn(Role::User, vec![text("u1")]),
                turn(Role::User, vec![text("u2")]),
                turn(Role::Assistant, vec![call("1"), call("2")]),
                turn(Role::User, vec![result("1", vec![picture()])]),
                turn(Role::Developer, vec![text("s2")]),
                turn(Role::User, vec![text("u3"), text("")]),
                turn(Role::Assistant, vec![text("m1")]),
                turn(Role::User, vec![result("2", vec![])]),
            ]
        };
        assert_eq!(arranged(turns(), true), "S(s1 s2) U(u1 u2) M(call-1 call-2) U([1] [2] u3) M(m1)");
        assert_eq!(
            arranged(turns(), false),
            "S(s1 s2) U(u1 u2) M(call-1 call-2) U([1] [2] picture u3) M(m1)"
        );
    }

    #[test]
    fn instructions_alone_become_the_users_words() {
        assert_eq!(arranged(vec![turn(Role::System, vec![text("s1")])], true), "S() U(s1)");
    }

    #[test]
    fn thoughts_of_others_leave_no_trace() {
        let thought = |seal: &'static str| Part::Reasoning { text: "t".into(), signature: Some(seal.into()) };
        let turns = vec![turn(Role::Assistant, vec![thought("anthropics"), thought("openai:x")])];
        assert_eq!(arranged(turns, true), "S() ");
    }
}
