//! The order this format asks of a conversation.
//!
//! Instructions go to the top level. Turns alternate, so neighbours of one role become one turn. A tool's results stand
//! in the user's turn right after the call, before anything else in it; results that came later are moved there.

use std::collections::BTreeMap;

use sluice_types::{
    chat::{Media, Part, Request, Role},
    error::Failure,
    json::Members,
    seal::Maker,
};

use super::dropped::{Dropped, kind};

/// A conversation in this format's order, borrowed from the request.
#[derive(Debug, Default)]
pub(in crate::format) struct Conversation<'r> {
    /// The instructions: texts only.
    pub(in crate::format) system: Vec<&'r Part<'r>>,
    pub(in crate::format) turns: Vec<Turn<'r>>,
}

/// One turn.
#[derive(Debug)]
pub(in crate::format) struct Turn<'r> {
    pub(in crate::format) role: Role,
    /// Tool results, which come first.
    pub(in crate::format) results: Vec<&'r Part<'r>>,
    /// The rest.
    pub(in crate::format) parts: Vec<&'r Part<'r>>,
    /// Members of a message in this format that are unknown here.
    pub(super) extra: Option<&'r Members<'r>>,
}

impl<'r> Conversation<'r> {
    /// A conversation that came in this format, as it came.
    pub(super) fn verbatim(request: &'r Request<'r>) -> Self {
        let (system, turns) = match request.turns.split_first() {
            Some((first, rest)) if first.role == Role::System => (first.parts.as_slice(), rest),
            _ => (&[][..], request.turns.as_slice()),
        };
        let turns = turns.iter().map(|turn| Turn {
            role: turn.role,
            results: Vec::new(),
            parts: turn.parts.iter().filter(|part| !is_foreign(part)).collect(),
            extra: Some(&turn.extra),
        });
        Self { system: system.iter().collect(), turns: turns.collect() }
    }

    /// Orders what `request` says in another format, leaving out what cannot be said: roles alternate then, and no
    /// turn is empty.
    ///
    /// # Errors
    ///
    /// As [`Dropped::add`].
    pub(super) fn arrange(request: &'r Request<'r>, dropped: &mut Dropped) -> Result<Self, Failure> {
        Self::arrange_by(request, dropped, |part, dropped| keep(part, false, dropped))
    }

    /// The same for another format, where `keep` says which parts have a place.
    ///
    /// # Errors
    ///
    /// As [`Dropped::add`].
    pub(in crate::format) fn arrange_by(
        request: &'r Request<'r>,
        dropped: &mut Dropped,
        keep: impl Fn(&Part<'_>, &mut Dropped) -> Result<bool, Failure>,
    ) -> Result<Self, Failure> {
        let mut conversation = Self::default();
        // Where each call was made; an id that is used again means its latest call.
        let mut calls: BTreeMap<&'r str, usize> = BTreeMap::new();
        for turn in &request.turns {
            // Whose result it is, a result says by its call.
            let speaks = turn.parts.iter().any(|part| !matches!(part, Part::ToolResult { .. }));
            dropped.add_if(turn.name.is_some() && speaks, "name")?;
            for part in &turn.parts {
                if !keep(part, dropped)? {
                    continue;
                }
                match (turn.role, part) {
                    (Role::System | Role::Developer, Part::Text { .. }) => conversation.system.push(part),
                    (Role::System | Role::Developer, _) => dropped.add(kind(part))?,
                    (Role::User, Part::ToolResult { call_id, .. }) => {
                        let home = calls.get(&**call_id).map(|call| call + 1);
                        conversation.answer(home, part);
                    }
                    (Role::User, _) => conversation.say(Role::User, part),
                    (Role::Assistant, _) => {
                        conversation.say(Role::Assistant, part);
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
            conversation.turns.push(Turn { role: Role::User, results: Vec::new(), parts, extra: None });
        }
        Ok(conversation)
    }

    /// Adds a part to the turn at the end; to a new one there if that is of the other role.
    fn say(&mut self, role: Role, part: &'r Part<'r>) {
        let at = self.end(role);
        if let Some(turn) = self.turns.get_mut(at) {
            turn.parts.push(part);
        }
    }

    /// Adds a tool's result to the user's turn at `home`, right after the call; at the end if it answers no call.
    fn answer(&mut self, home: Option<usize>, part: &'r Part<'r>) {
        let at = home.filter(|home| *home < self.turns.len()).unwrap_or_else(|| self.end(Role::User));
        if let Some(turn) = self.turns.get_mut(at) {
            turn.results.push(part);
        }
    }

    /// Where the last turn is, which is of this role then.
    fn end(&mut self, role: Role) -> usize {
        if self.turns.last().is_none_or(|turn| turn.role != role) {
            self.turns.push(Turn { role, results: Vec::new(), parts: Vec::new(), extra: None });
        }
        self.turns.len() - 1
    }

    /// Whether the model is in the middle of using tools, and did not think before it called them.
    pub(in crate::format) fn resumes_without_thought(&self) -> bool {
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
    if is_foreign(part) {
        return Ok(false);
    }
    // What came in this format has its place already.
    if same_format && !matches!(part, Part::Audio { .. }) {
        return Ok(true);
    }
    let said = match part {
        // Texts of spaces alone are refused as empty ones are.
        Part::Text { text, .. } | Part::Refusal { text } => return Ok(!text.trim().is_empty()),
        Part::Reasoning { signature, .. } => {
            // Claude checks its own seals only.
            let own = signature.as_ref().and_then(|seal| Maker::Anthropic.bare(seal));
            return Ok(own.is_some_and(|seal| !seal.is_empty()));
        }
        // An upload's id is known to the provider that gave it alone.
        Part::Image { source: Media::File { .. }, .. }
        | Part::Document { source: Media::File { .. }, .. } => false,
        Part::Other { .. } | Part::Audio { .. } => false,
        Part::Image { .. }
        | Part::Document { .. }
        | Part::ToolCall { .. }
        | Part::ToolResult { .. }
        | Part::RedactedReasoning { .. } => true,
    };
    dropped.add_if(!said, kind(part))?;
    Ok(said)
}

/// Whether a thought has another maker's seal, which the provider refuses and its thought with it.
fn is_foreign(part: &Part<'_>) -> bool {
    match part {
        Part::Reasoning { signature: Some(seal), .. } | Part::RedactedReasoning { data: seal } => {
            Maker::Anthropic.bare(seal).is_none()
        }
        _ => false,
    }
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

    fn result(id: &'static str) -> Part<'static> {
        Part::ToolResult { call_id: id.into(), parts: vec![], is_error: false, cache: None }
    }

    /// The conversation in short: `U(a b) A(c)`, results in brackets.
    fn arranged(turns: Vec<Turn<'static>>) -> String {
        let request = Request { turns, ..Request::default() };
        let mut dropped = Dropped::new(super::super::PLACE, false);
        let conversation = Conversation::arrange(&request, &mut dropped).unwrap();
        let word = |part: &&Part<'_>| match part {
            Part::Text { text, .. } => text.to_string(),
            Part::ToolCall { id, .. } => format!("call-{id}"),
            Part::ToolResult { call_id, .. } => format!("[{call_id}]"),
            _ => "?".to_owned(),
        };
        let mut told: Vec<String> = Vec::new();
        if !conversation.system.is_empty() {
            told.push(format!("S({})", conversation.system.iter().map(word).collect::<Vec<_>>().join(" ")));
        }
        for turn in &conversation.turns {
            let words: Vec<String> = turn.results.iter().chain(&turn.parts).map(word).collect();
            told.push(format!(
                "{}({})",
                if turn.role == Role::Assistant { "A" } else { "U" },
                words.join(" ")
            ));
        }
        told.join(" ")
    }

    #[test]
    fn instructions_rise_and_neighbours_merge() {
        let told = arranged(vec![
            turn(Role::System, vec![text("s1")]),
            turn(Role::User, vec![text("u1")]),
            turn(Role::Developer, vec![text("s2")]),
            turn(Role::User, vec![text("u2")]),
            turn(Role::Assistant, vec![text("a1")]),
            turn(Role::Assistant, vec![text("a2")]),
        ]);
        assert_eq!(told, "S(s1 s2) U(u1 u2) A(a1 a2)");
    }

    #[test]
    fn results_stand_first_in_the_turn_after_their_call() {
        let told = arranged(vec![
            turn(Role::User, vec![text("u1")]),
            turn(Role::Assistant, vec![call("1"), call("2")]),
            turn(Role::User, vec![result("1")]),
            turn(Role::User, vec![text("u2")]),
            turn(Role::User, vec![result("2")]),
        ]);
        assert_eq!(told, "U(u1) A(call-1 call-2) U([1] [2] u2)");
    }

    #[test]
    fn a_late_result_goes_back_to_its_call() {
        let told = arranged(vec![
            turn(Role::Assistant, vec![call("1")]),
            turn(Role::User, vec![text("u1")]),
            turn(Role::Assistant, vec![text("a1")]),
            turn(Role::User, vec![result("1")]),
            turn(Role::Assistant, vec![text("a2")]),
        ]);
        assert_eq!(told, "A(call-1) U([1] u1) A(a1 a2)");
    }

    #[test]
    fn an_id_used_again_means_its_latest_call() {
        let told = arranged(vec![
            turn(Role::Assistant, vec![call("1")]),
            turn(Role::User, vec![result("1")]),
            turn(Role::Assistant, vec![call("1")]),
            turn(Role::User, vec![result("1")]),
        ]);
        assert_eq!(told, "A(call-1) U([1]) A(call-1) U([1])");
    }

    #[test]
    fn nothing_empty_is_left() {
        let told = arranged(vec![
            turn(Role::User, vec![text("u1"), text(" \n")]),
            turn(Role::Assistant, vec![text("")]),
            turn(Role::User, vec![text("u2")]),
        ]);
        assert_eq!(told, "U(u1 u2)");
    }

    #[test]
    fn instructions_alone_become_the_users_words() {
        assert_eq!(arranged(vec![turn(Role::System, vec![text("s1")])]), "U(s1)");
    }
}
